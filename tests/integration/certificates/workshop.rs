//! A directory in which meshgen is run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use meshgen::pki::Seed;
use tempfile::TempDir;

/// A directory of its own with a topology in it.
pub(crate) struct Workshop {
    directory: TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The seed of most tests, which is not the demonstration's.
pub(crate) fn seed() -> Seed {
    Seed::new([7; 32])
}

/// A topology of some clusters on one network, with lines of its own for the certificates.
pub(crate) fn topology(certificates: &str, clusters: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1, allow: [{{rule: end-of-life, reason: a test}}, {{rule: known-bug, reason: a test}}]}}\nistio: {{version: 1.11.2}}\ncertificates: {{{certificates}}}\n\
         networks: [{{name: network1}}]\nclusters:\n"
    );
    for (position, (name, own)) in clusters.iter().enumerate() {
        let own = if own.is_empty() { String::new() } else { format!("    certificates: {{{own}}}\n") };
        let address = position + 1;
        let cluster =
            format!("  - name: {name}\n    network: network1\n    apiServer: https://10.0.0.{address}:6443\n{own}");
        text.push_str(&cluster);
    }
    text
}

impl Workshop {
    pub(crate) fn new(topology: &str) -> Self {
        let workshop = Self { directory: TempDir::new().unwrap() };
        workshop.write("mesh.yaml", topology);
        workshop
    }

    /// With the seed of most tests beside the topology.
    pub(crate) fn with_seed(topology: &str) -> Self {
        let workshop = Self::new(topology);
        workshop.write("ca.seed", seed().line().as_str());
        workshop.chmod("ca.seed", 0o600);
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A command that starts here, with nothing of the seed in its environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = crate::common::program(program);
        command.current_dir(self.directory.path()).env("NO_COLOR", "1");
        command
    }

    /// Runs another program that has to succeed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let said = said(&self.command(program).args(arguments).output().unwrap());
        assert_eq!(said.code, Some(0), "{program} {arguments:?}: {said:?}");
        said.stdout
    }

    pub(crate) fn meshgen(&self, arguments: &[&str]) -> Said {
        let said = said(&self.command(env!("CARGO_BIN_EXE_meshgen")).args(arguments).output().unwrap());
        if arguments.starts_with(&["ca", "show"]) && arguments.contains(&"json") && !said.stdout.is_empty() {
            crate::common::obeys_schema(&said.stdout);
        }
        said
    }

    pub(crate) fn build(&self, more: &[&str]) -> Said {
        self.meshgen(&[&["build", "mesh.yaml", "-o", "out"], more].concat())
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Every file below a directory with its bytes and permission bits, by path.
pub(crate) fn files(directory: &Path) -> std::collections::BTreeMap<String, (Vec<u8>, u32)> {
    let mut files = std::collections::BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            files.insert(name, (fs::read(&path).unwrap(), mode));
        }
    }
    files
}
