//! What meshgen says to people who type something: each session is a snapshot in `tests/sessions`.

use crate::certificates::workshop::{Said, Workshop, said, seed, topology};
use crate::common;

const TWO: [(&str, &str); 2] = [("west", ""), ("east", "")];
const DATES: &str = "issuedOn: 2026-11-01";

/// A topology of two clusters with its seed, another seed, and a tree of the first.
fn built() -> Workshop {
    let workshop = Workshop::with_seed(&topology(DATES, &TWO));
    workshop.write("other.seed", meshgen::pki::Seed::new([8; 32]).line().as_str());
    workshop.chmod("other.seed", 0o600);
    assert_eq!(workshop.build(&[]).code, Some(0));
    workshop
}

/// Types a command in a shell that finds meshgen; what it says on both streams.
fn typed(workshop: &Workshop, command: &str) -> Said {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_meshgen")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = workshop.command("bash");
    shell.args(["-c", &format!("exec 2>&1; {command}")]).env("PATH", &path);
    said(&shell.stdin(std::process::Stdio::null()).output().unwrap())
}

/// Types commands one after the other, and compares what is said with the session that is written down.
fn session(name: &str, workshop: &Workshop, commands: &[&str]) {
    let mut text = String::new();
    for command in commands {
        let said = typed(workshop, command);
        text.extend(["$ ", command, "\n", &said.stdout]);
        if said.code != Some(0) {
            text.extend(["[exit code ", &said.code.unwrap().to_string(), "]\n"]);
        }
    }
    let text = text.replace(workshop.path("").to_str().unwrap().trim_end_matches('/'), "DIRECTORY");
    common::snapshots(&common::repository().join("tests/sessions")).bind(|| insta::assert_snapshot!(name, text));
}

/// Nothing that is advised makes another root, and the seed of the mesh takes the tree over.
#[test]
fn a_lost_lock() {
    session(
        "lost-lock",
        &built(),
        &[
            "rm out/meshgen.lock",
            "meshgen build mesh.yaml -o out",
            "meshgen build mesh.yaml -o out --ca other.seed --adopt --overwrite",
            "meshgen build mesh.yaml -o out --ca other.seed --adopt --cluster east",
            "meshgen build mesh.yaml -o out --ca other.seed --check",
            "mv ca.seed mesh.seed",
            "meshgen build mesh.yaml -o out --check",
            "meshgen build mesh.yaml -o out --adopt",
            "meshgen build mesh.yaml -o out --new-ca --adopt",
            "meshgen ca show out",
            "meshgen diff out mesh.yaml",
            "mv mesh.seed ca.seed",
            "rm out/*/20-cacerts/root-cert.pem; meshgen build mesh.yaml -o out --ca other.seed --adopt",
            "rm out/*/20-cacerts/cert-chain.pem; meshgen build mesh.yaml -o out --ca other.seed --adopt",
            "echo edited >>out/README.md; echo theirs >out/east/notes",
            "mkdir -p out/gone/10-namespace; echo >out/gone/10-namespace/namespace.yaml",
            "meshgen build mesh.yaml -o out --check",
            "meshgen build mesh.yaml -o out --adopt",
            "meshgen build mesh.yaml -o out --check",
            "meshgen build mesh.yaml -o theirs -q --ca other.seed; cp theirs/west/20-cacerts/* out/west/20-cacerts",
            "rm out/meshgen.lock; meshgen build mesh.yaml -o out --adopt",
        ],
    );
}

/// What is left of a killed first build is completed, and by its own seed alone.
#[test]
fn keys_or_a_killed_build_without_a_lock() {
    session(
        "no-lock",
        &built(),
        &[
            "mkdir keys; (cd out; cp --parents */20-cacerts/ca-key.pem ../keys)",
            "meshgen build mesh.yaml -o keys",
            "meshgen build mesh.yaml -o keys --ca other.seed --adopt",
            "meshgen build mesh.yaml -o keys --adopt",
            "rm out/meshgen.lock out/east/30-istio/istio.yaml; : >out/.meshgen-journal",
            "meshgen build mesh.yaml -o out --ca other.seed",
            "meshgen build mesh.yaml -o out",
        ],
    );
}

#[test]
fn a_lock_that_is_damaged() {
    session(
        "damaged-lock",
        &built(),
        &[
            "cp out/meshgen.lock whole",
            ": >out/meshgen.lock; meshgen build mesh.yaml -o out",
            "head -n 4 whole >out/meshgen.lock; meshgen build mesh.yaml -o out --ca other.seed",
            "head -n 30 whole >out/meshgen.lock; meshgen build mesh.yaml -o out --ca other.seed",
            "head -c 2000 whole >out/meshgen.lock; meshgen build mesh.yaml -o out",
            "sed '1s/2/7/' whole >out/meshgen.lock; meshgen build mesh.yaml -o out",
            "(echo '<<<<<<< HEAD'; cat whole) >out/meshgen.lock; meshgen build mesh.yaml -o out",
        ],
    );
}

/// A key that is in use no more does not come back unseen.
#[test]
fn a_certificate_that_is_retired() {
    let workshop = built();
    workshop.write(".gitignore", "*.seed\n");
    session(
        "retired",
        &workshop,
        &[
            "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm first",
            "sed -i 's/  - name: west/&\\n    certificates: {generation: 2}/' mesh.yaml; meshgen build mesh.yaml -o out",
            "git -c user.name=a -c user.email=a@b commit -qam second",
            "meshgen build mesh.yaml -o out --check --since HEAD",
            "sed -i '/generation: 2/d' mesh.yaml; meshgen build mesh.yaml -o out --quiet",
            "meshgen build mesh.yaml -o out --check --since HEAD",
            "sed -i 's/issuedOn: 2026-11-01/&, retired: [{cluster: west, generation: 1}]/' mesh.yaml; meshgen build mesh.yaml -o out",
            "sed -i 's/  - name: west/&\\n    certificates: {generation: 2}/' mesh.yaml; meshgen build mesh.yaml -o out --quiet",
            "git -c user.name=a -c user.email=a@b commit -qam third; meshgen build mesh.yaml -o out --check --since HEAD",
            "sed -i 's/, retired: .*]//' mesh.yaml; meshgen build mesh.yaml -o out --quiet; meshgen build mesh.yaml -o out --check --since HEAD",
            "meshgen build mesh.yaml -o out -q --ca other.seed --replace-root; meshgen build mesh.yaml -o out --ca other.seed --check --since HEAD",
            "meshgen build mesh.yaml -o out --since HEAD",
            "meshgen build mesh.yaml -o out --ca other.seed --check --since nowhere",
        ],
    );
}

#[test]
fn another_seed_says_where_it_came_from() {
    session(
        "other-seed",
        &built(),
        &[
            "meshgen build mesh.yaml -o out --ca other.seed",
            "MESHGEN_CA_SEED_FILE=other.seed meshgen build mesh.yaml -o out",
            "meshgen build mesh.yaml -o out --ca - <other.seed",
            "cp other.seed ca.seed; meshgen build mesh.yaml -o out",
            "meshgen build mesh.yaml -o out --ca missing.seed",
            "MESHGEN_CA_SEED_FILE=missing.seed meshgen build mesh.yaml -o out",
        ],
    );
}

#[test]
fn a_new_seed() {
    let workshop = Workshop::new(&topology(DATES, &TWO));
    session(
        "new-seed",
        &workshop,
        &[
            "meshgen build mesh.yaml -o out",
            "CI=true meshgen build mesh.yaml -o out --new-ca",
            "CI=1 meshgen ca new",
            "ls",
            "CI=false meshgen ca new",
            "meshgen ca new",
            "CI=true meshgen build mesh.yaml -o out",
            "mkdir safe; meshgen ca new --ca safe",
            "meshgen ca new --ca no/such/ca.seed",
            "meshgen ca new --ca mesh.yaml/ca.seed",
            "meshgen ca new --ca -",
        ],
    );
    assert_eq!(seed().line().as_str().len(), workshop.read("ca.seed").lines().last().unwrap().len() + 1);
}

#[test]
fn certificates_that_were_changed_in_a_clone() {
    session(
        "changed-certificates",
        &built(),
        &[
            "rm ca.seed out/*/20-cacerts/ca-key.pem",
            "echo >>out/east/20-cacerts/ca-cert.pem; rm out/east/20-cacerts/cert-chain.pem",
            "meshgen build mesh.yaml -o out --check",
            "meshgen ca show out",
            "echo >>out/west/20-cacerts/root-cert.pem; meshgen build mesh.yaml -o out",
        ],
    );
}

#[test]
fn certificates_that_expire() {
    let workshop = built();
    workshop.write(
        "late.yaml",
        topology(
            DATES,
            &[("a-cluster-with-a-name-of-fifty-characters-as-some-have", "issuedOn: 2028-01-01"), ("b", "")],
        ),
    );
    session(
        "expiring-certificates",
        &workshop,
        &[
            "meshgen ca show out --now 2026-12-01",
            "meshgen ca show out --now 2028-10-30 --within 1",
            "meshgen ca show mesh.yaml --now 2028-10-30 --within 1",
            "meshgen ca show late.yaml --now 2028-11-01",
            "meshgen ca show mesh.yaml --now 2036-10-01 --within 60",
            "meshgen ca show mesh.yaml --now 2026-10-31",
            "meshgen ca show mesh.yaml --within soon",
            "meshgen ca show mesh.yaml --within -5",
        ],
    );
    let coloured = "unset NO_COLOR; CLICOLOR_FORCE=1 meshgen ca show mesh.yaml --now 2029-01-01";
    let said = typed(&workshop, coloured);
    assert_eq!(said.stdout.matches("\x1b[31m  expired\x1b[0m\n").count(), 2, "{said:?}");
}

#[test]
fn what_the_operating_system_refuses() {
    let workshop = built();
    workshop.write("external.yaml", topology("authority: external, directory: pki", &TWO));
    session(
        "refused",
        &workshop,
        &[
            "echo >file; meshgen build mesh.yaml -o file",
            "meshgen build mesh.yaml -o file/out",
            "meshgen build mesh.yaml -o -",
            "mkdir seeds; meshgen build mesh.yaml -o new --ca seeds",
            "meshgen check .",
            "meshgen check missing.yaml",
            "meshgen check file/mesh.yaml",
            "meshgen check $(printf '%0300d' 0)",
            "ln -s circle circle; meshgen check circle",
            "meshgen check /dev/zero",
            "mkfifo pipe; meshgen check pipe",
            "head -c 5000000 /dev/zero >large; meshgen check large",
            "meshgen check - </dev/zero",
            "meshgen build mesh.yaml -o new --ca pipe",
            "meshgen diff out pipe",
            "cp -r out piped; rm piped/meshgen.lock; mkfifo piped/meshgen.lock; meshgen ca show piped",
            "meshgen build mesh.yaml -o piped --check",
            "cp -r out other; rm other/east/20-cacerts/ca-cert.pem; mkfifo other/east/20-cacerts/ca-cert.pem; meshgen ca show other",
            "meshgen build mesh.yaml -o other --check",
            "meshgen diff other mesh.yaml",
            "cp -r out linked; ln -sf /etc/hostname linked/README.md; meshgen diff out linked",
            "meshgen build mesh.yaml -o linked --check",
            "cp -r out turned; mv turned/east turned/real; ln -s real turned/east; meshgen diff out turned",
            "meshgen ca show turned",
            "meshgen check external.yaml",
            "meshgen build external.yaml -o new",
            "meshgen ca show external.yaml",
            "echo >pki; meshgen check external.yaml",
            "rm pki; mkdir -p pki/east pki/west; ln -s /etc/hostname pki/east/ca-key.pem; meshgen check external.yaml",
            "rm pki/east/ca-key.pem; mkfifo pki/east/ca-key.pem; meshgen check external.yaml",
            "meshgen ca show missing",
            "meshgen ca show seeds",
        ],
    );
}

/// What is said last is the result, and `--quiet` leaves the errors.
#[test]
fn a_quiet_build() {
    let workshop = built();
    let noisy = topology(DATES, &TWO).replace("10.0.0.", "192.0.2.");
    workshop.write("mesh.yaml", noisy);
    workshop.write("public.seed", include_bytes!("../../topologies/ca.seed"));
    session(
        "quiet",
        &workshop,
        &[
            "echo >out/east/notes; meshgen build mesh.yaml -o out",
            "meshgen build mesh.yaml -o out -q",
            "echo >>out/README.md; meshgen build mesh.yaml -o out --quiet",
            "meshgen build mesh.yaml -o out --quiet --overwrite",
            "meshgen build mesh.yaml -o out --quiet --ca other.seed 2>&1 | head -n 1",
            "meshgen build mesh.yaml -o public --ca public.seed --quiet",
            "meshgen build mesh.yaml -o public --ca public.seed 2>&1 | head -n 1",
        ],
    );
}

#[test]
fn a_first_topology() {
    session(
        "init",
        &Workshop::new(""),
        &[
            "meshgen init -o 'a mesh' --now 2026-11-01",
            "meshgen init -o -",
            "meshgen init -o mesh.yaml",
            "meshgen init -o mesh.yaml/mesh",
            "meshgen init --help",
        ],
    );
}
