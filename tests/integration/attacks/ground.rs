//! Repositories to attack, and the pipeline that reads what was committed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use meshgen::pki::Seed;
use tempfile::TempDir;

use crate::ci_examples::step;
use crate::common;

use super::Step;

/// The commit before the base: `west` has an earlier key.
const TOPOLOGY: &str = "\
apiVersion: meshgen/v1
kind: Topology
mesh:
  id: shop
  allow:
    - {rule: plaintext-collector, reason: the gateways are reachable within the company alone}
istio: {version: 1.30.3}
certificates: {issuedOn: 2026-11-01}
tracing: {zipkin: {cluster: west}}
workloads: {namespaces: [shop]}
networks: [{name: lan}, {name: cloud}]
clusters:
  - name: west
    network: lan
    apiServer: https://10.0.0.1:6443
    eastWestGateway: {address: 10.0.0.100}
  - name: east
    network: cloud
    apiServer: https://10.0.1.1:6443
    eastWestGateway: {address: 10.0.1.100}
";

/// What an attacker has: the history, the trees of the same mesh with a seed of his own, and tools.
const SHELL: &str = r#"
set -euo pipefail
BEFORE=main~1

# correct FILE...: the lock agrees with the files.
correct() {
  local file sum
  for file; do
    sum=$(sha256sum "out/$file" | cut -d ' ' -f 1)
    sed -i -E "s|^[0-9a-f]{64} $file\$|$sum $file|" out/meshgen.lock
  done
}

# list FILE...: the lock lists the files.
list() {
  local file
  for file; do
    echo "$(sha256sum "out/$file" | cut -d ' ' -f 1) $file" >>out/meshgen.lock
  done
}

# chain CLUSTER: the chain and the lock agree with ca-cert.pem.
chain() {
  (cd "out/$1/20-cacerts" && cat ca-cert.pem root-cert.pem >cert-chain.pem)
  correct "$1/20-cacerts/ca-cert.pem" "$1/20-cacerts/cert-chain.pem"
}

# transplant CLUSTER FILE: the Secret of a cluster has the ciphertexts of another file, and the lock agrees.
transplant() {
  local own=out/$1/20-cacerts/cacerts.sops.yaml key
  key=$(grep '^  ca-key.pem: ' "$2")
  {
    sed '/^sops:/,$d' "$own"
    sed -n '/^sops:/,/^stringData:/{/^stringData:/!p}' "$2"
    sed -n '/^stringData:/,$p' "$own" | sed "s|^  ca-key.pem: .*|$key|"
  } >transplanted
  mv transplanted "$own"
  correct "$1/20-cacerts/cacerts.sops.yaml"
}

# external: the topology takes its certificates from pki/.
external() {
  sed -i -e 's/^certificates: .*/certificates: {authority: external, directory: pki}/' -e /generation/d mesh.yaml
}

# none: somebody else signs.
none() {
  sed -i -e 's/^certificates: .*/certificates: {authority: none}/' -e /generation/d mesh.yaml
}

build() {
  meshgen build mesh.yaml -o out --quiet "$@"
}
"#;

/// Who may read keys that are in Git.
const RECIPIENTS: &str =
    "secrets: {form: sops, ageRecipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}";

/// Three repositories, `mesh` with a seed, `sops` with encrypted keys too and `company` with an authority of its own, and what the
/// attacker has.
pub(super) struct Ground(TempDir);

/// What a step said.
pub(super) struct Said {
    pub(super) is_green: bool,
    pub(super) text: String,
}

impl Said {
    pub(super) fn has(&self, words: &[&str]) -> Result<(), String> {
        match words.iter().find(|words| !self.text.contains(**words)) {
            Some(words) => Err(format!("`{words}` is not said:\n{}", self.text)),
            None => Ok(()),
        }
    }
}

impl Ground {
    pub(super) fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        fs::create_dir(ground.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshgen"), ground.path("bin/meshgen")).unwrap();
        for (name, byte) in [("mesh", 1), ("company", 2), ("attacker", 3)] {
            let path = ground.path(&format!("{name}.seed"));
            fs::write(&path, Seed::new([byte; 32]).line().as_str()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(ground.path("before.yaml"), TOPOLOGY).unwrap();
        let made = r#"
            # bundles SEED DIRECTORY: what an authority delivers for each cluster.
            bundles() {
              meshgen build before.yaml -o delivered -q --ca "$1"
              for cluster in east west; do
                mkdir -p "$2/$cluster"
                mv "delivered/$cluster/20-cacerts/"{root-cert,ca-cert,cert-chain}.pem "$2/$cluster"
              done
              rm -r delivered
            }
            mkdir attacker
            sed 's/address: 10.0.0.100}/&\n    certificates: {generation: 2}/' before.yaml >after.yaml
            meshgen build after.yaml -o attacker/out -q --ca attacker.seed
            bundles attacker.seed attacker/pki
            git init -q -b main mesh
            for state in before after; do
              cp $state.yaml mesh/mesh.yaml
              meshgen build mesh/mesh.yaml -o mesh/out -q --ca mesh.seed
              git -C mesh add -A
              git -C mesh commit -q -m $state
            done
            git init -q -b main sops
            for state in before after; do
              sed "s/^workloads/$RECIPIENTS\n&/" $state.yaml >sops/mesh.yaml
              meshgen build sops/mesh.yaml -o sops/out -q --ca mesh.seed
              git -C sops add -A
              git -C sops commit -q -m $state
            done
            meshgen build sops/mesh.yaml -o attacker/sops -q --ca attacker.seed
            git init -q -b main company
            bundles company.seed company/pki
            cp before.yaml company/mesh.yaml
            cd company
            external
            build
            git add -A
            git commit -q -m base
            # The attacker's branch; few files, because they are copied for each attack.
            for repository in ../mesh ../sops .; do
              git -C $repository checkout -q -b attack
              git -C $repository gc -q
            done
            # An attacker has no keys.
            rm ../mesh/out/*/20-cacerts/ca-key.pem
        "#;
        let said = ground.run(&ground.path(""), &format!("{SHELL}{made}"));
        assert!(said.is_green, "{}", said.text);
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, directory: &Path, script: &str) -> Said {
        let mut command = common::program("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(directory);
        let path = std::env::var_os("PATH").unwrap();
        let paths = [self.path("bin")].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command
            .env("ATTACKER", self.path("attacker"))
            .env("RECIPIENTS", RECIPIENTS)
            .env("BASE", "main")
            .env("NO_COLOR", "1");
        for (name, value) in [("AUTHOR", "nobody"), ("COMMITTER", "nobody")] {
            command.env(format!("GIT_{name}_NAME"), value).env(format!("GIT_{name}_EMAIL"), "nobody@example.org");
        }
        for (name, value) in [("KEY_0", "gc.auto"), ("VALUE_0", "0"), ("COUNT", "1")] {
            command.env(format!("GIT_CONFIG_{name}"), value);
        }
        said(command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TEMPLATE_DIR", ""))
    }

    /// What an attacker committed, checked out anew as for a pipeline: without seed and keys.
    pub(super) fn attacked(&self, repository: &str, change: &str) -> Result<Clone<'_>, String> {
        let directory = tempfile::tempdir_in(self.0.path()).unwrap();
        let copy = format!("cp -r ../{repository} clone && cd clone\n");
        let commit = "\ngit add -A\ngit commit -q -m attack\n";
        let checkout = "find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -r {} + && git reset -q --hard";
        let said = self.run(directory.path(), &format!("{copy}{SHELL}{change}{commit}{checkout}"));
        if said.is_green { Ok(Clone { ground: self, directory }) } else { Err(said.text) }
    }
}

/// The clone of a pipeline.
pub(super) struct Clone<'g> {
    ground: &'g Ground,
    directory: TempDir,
}

impl Clone<'_> {
    fn path(&self) -> PathBuf {
        self.directory.path().join("clone")
    }

    /// Runs a step of the page. What it writes to the report is said too.
    pub(super) fn run(&self, step_of_page: Step) -> Said {
        let mut said = self.run_script(&step(step_of_page.name()));
        if step_of_page == Step::Diff {
            said.text += &fs::read_to_string(self.path().join("report.md")).unwrap_or_default();
        }
        said
    }

    pub(super) fn run_script(&self, script: &str) -> Said {
        self.ground.run(&self.path(), script)
    }
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { is_green: output.status.success(), text: text(&output.stdout) + &text(&output.stderr) }
}
