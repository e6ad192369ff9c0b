//! The program as a person runs it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::common;

const TOPOLOGY: &str = "\
apiVersion: meshgen/v1
kind: Topology
mesh:
  id: mesh1
istio:
  version: 1.11.2
certificates:
  issuedOn: 2026-11-01
networks:
  - name: lan
clusters:
  - name: east
    network: lan
    apiServer: https://192.0.2.10:6443
  - name: west
    network: lan
    apiServer: https://192.0.2.20:6443
";

fn meshgen(directory: &Path) -> Command {
    let mut command = common::meshgen();
    command.current_dir(directory).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A directory with a topology and a seed of its own.
fn workplace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("topology.yaml"), TOPOLOGY).unwrap();
    fs::copy(common::repository().join("topologies/ca.seed"), directory.path().join("ca.seed")).unwrap();
    directory
}

fn build(directory: &Path) -> Output {
    run(meshgen(directory).args(["build", "topology.yaml", "-o", "out"]))
}

/// Every file below a directory: its mode, its bytes, and when it was last written.
fn snapshot(directory: &Path) -> BTreeMap<String, (u32, Vec<u8>, std::time::SystemTime)> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for path in common::entries(&next) {
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                let facts =
                    (metadata.permissions().mode() & 0o777, fs::read(&path).unwrap(), metadata.modified().unwrap());
                files.insert(name, facts);
            }
        }
    }
    files
}

#[test]
fn a_build_writes_the_tree_and_keeps_keys_private() {
    let directory = workplace();
    let output = build(directory.path());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("anyone can sign for this mesh"), "{}", stderr(&output));
    let files = snapshot(&directory.path().join("out"));
    for (path, (mode, _, _)) in &files {
        let wanted = match path.rsplit_once('.') {
            _ if path.ends_with("ca-key.pem") => 0o600,
            Some((_, "sh")) => 0o755,
            _ => 0o644,
        };
        assert_eq!(*mode, wanted, "{path}");
    }
    assert!(files.contains_key("east/20-cacerts/ca-key.pem") && files.contains_key("install.sh"));
}

#[test]
fn the_bytes_depend_on_nothing_but_topology_and_seed() {
    let here = workplace();
    assert_eq!(code(&build(here.path())), 0);
    let there = workplace();
    let script = "umask 077; cd / && exec \"$0\" build \"$1/topology.yaml\" -o \"$1/out\"";
    let mut shell = common::program("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_meshgen")]).arg(there.path());
    shell.env("TZ", "Pacific/Kiritimati").env("LANG", "tr_TR.UTF-8").env("LC_ALL", "tr_TR.UTF-8");
    let output = run(&mut shell);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let facts = |directory: &Path| -> BTreeMap<String, (u32, Vec<u8>)> {
        snapshot(&directory.join("out")).into_iter().map(|(path, (mode, bytes, _))| (path, (mode, bytes))).collect()
    };
    assert_eq!(facts(here.path()), facts(there.path()));
}

#[test]
fn a_second_build_touches_nothing() {
    let directory = workplace();
    build(directory.path());
    let before = snapshot(&directory.path().join("out"));
    let output = build(directory.path());
    assert!(stderr(&output).contains("0 files written"), "{}", stderr(&output));
    assert_eq!(snapshot(&directory.path().join("out")), before);
}

#[test]
fn a_cluster_that_left_takes_its_files_along_and_those_of_others_stay() {
    let directory = workplace();
    build(directory.path());
    let out = directory.path().join("out");
    fs::write(out.join("west/notes.txt"), "ours").unwrap();
    let smaller = &TOPOLOGY[..TOPOLOGY.find("  - name: west").unwrap()];
    fs::write(directory.path().join("topology.yaml"), smaller).unwrap();
    let output = build(directory.path());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let left: Vec<String> = snapshot(&out).into_keys().filter(|path| path.starts_with("west")).collect();
    assert_eq!(left, ["west/notes.txt"]);
    assert!(!out.join("west/20-cacerts").exists());
}

/// What a controller must not get at once is said, with the two commits that it takes.
#[test]
fn a_primary_goes_in_a_commit_of_its_own() {
    let directory = workplace();
    let topology = |clusters: &str| {
        format!(
            "apiVersion: meshgen/v1\nkind: Topology\n\
             mesh: {{id: mesh1, allow: [{{rule: unencrypted-secret, reason: done}}]}}\n\
             istio: {{version: 1.29.6, install: helm}}\ncertificates: {{issuedOn: 2026-11-01}}\n\
             gitops: {{controller: flux, repository: 'https://git.example.com/mesh.git', path: out}}\n\
             networks: [{{name: lan}}]\nclusters:\n{clusters}"
        )
    };
    let cluster = |name: &str, number: u32, rest: &str| {
        format!(
            "- {{name: {name}, network: lan, apiServer: 'https://10.1.0.{number}:6443', \
             eastWestGateway: {{address: 10.2.0.{number}}}{rest}}}\n"
        )
    };
    let (fra, ber) = (cluster("fra", 1, ""), cluster("ber", 2, ""));
    let served_by = |primary: &str| cluster("lon", 3, &format!(", controlPlane: {primary}"));
    let built = |clusters: &[String]| {
        fs::write(directory.path().join("topology.yaml"), topology(&clusters.concat())).unwrap();
        let output = build(directory.path());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stderr(&output)
    };
    let is_said = |said: &str| said.contains("in one commit");
    assert!(!is_said(&built(&[fra.clone(), ber.clone(), served_by("fra")])));
    let said = built(&[ber.clone(), served_by("ber")]);
    assert!(said.contains("the istiod of fra away before lon has moved") && said.contains("let it leave"), "{said}");
    // In two commits, nothing is said.
    built(&[fra.clone(), ber.clone(), served_by("fra")]);
    assert!(!is_said(&built(&[fra.clone(), ber.clone(), served_by("ber")])));
    assert!(!is_said(&built(&[ber.clone(), served_by("ber")])));
    built(&[fra, ber.clone(), served_by("fra")]);
    let said = built(&[cluster("fra", 1, ", controlPlane: ber"), ber, served_by("ber")]);
    assert!(said.contains("make it a remote"), "{said}");
    let london = served_by("ber").replace("lon", "london");
    let said = built(&[cluster("fra", 1, ", controlPlane: ber"), cluster("ber", 2, ""), london]);
    assert!(said.contains("let lon leave in one commit, and london join in the next"), "{said}");
}

#[test]
fn a_broken_topology_writes_nothing() {
    let directory = workplace();
    fs::write(directory.path().join("topology.yaml"), TOPOLOGY.replace("network: lan", "network: wan")).unwrap();
    let output = build(directory.path());
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(
        said.contains("unknown-network") && said.contains("2 errors") && said.contains("nothing was written"),
        "{said}"
    );
    assert!(!directory.path().join("out").exists());
}

#[test]
fn without_a_seed_one_sentence_says_how_to_make_one() {
    let directory = workplace();
    fs::remove_file(directory.path().join("ca.seed")).unwrap();
    let output = build(directory.path());
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(said.contains("meshgen ca new") && said.lines().count() == 1, "{said}");
    assert!(!directory.path().join("out").exists());
}

#[test]
fn the_seed_comes_from_the_option_then_the_environment_then_the_topology_s_directory() {
    let directory = workplace();
    for name in ["option.seed", "environment.seed", "third.seed"] {
        assert_eq!(code(&run(meshgen(directory.path()).args(["ca", "new", "--ca", name]))), 0);
    }
    let root = |arguments: &[&str], variable: Option<&str>| {
        let mut command = meshgen(directory.path());
        command.args(["build", "topology.yaml"]).args(arguments);
        if let Some(variable) = variable {
            command.env("MESHGEN_CA_SEED_FILE", variable);
        }
        let output = run(&mut command);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        fs::read_to_string(directory.path().join(arguments[1]).join("east/20-cacerts/root-cert.pem")).unwrap()
    };
    let by_option = root(&["-o", "a", "--ca", "option.seed"], Some("environment.seed"));
    let by_variable = root(&["-o", "b"], Some("environment.seed"));
    let beside = root(&["-o", "c"], None);
    assert!(by_option != by_variable && by_variable != beside && beside != by_option);
    assert_eq!(root(&["-o", "d", "--ca", "option.seed"], None), by_option);
}

#[test]
fn a_new_seed_is_private_ignored_by_git_and_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Command::new("git").args(["init", "-q"]).current_dir(directory.path()).status().unwrap().success());
    fs::write(directory.path().join(".gitignore"), "target").unwrap();
    let first = run(meshgen(directory.path()).args(["ca", "new"]));
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let seed = directory.path().join("ca.seed");
    let text = fs::read_to_string(&seed).unwrap();
    assert_eq!(seed.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(directory.path().join(".gitignore")).unwrap(), "target\n/ca.seed\n");
    let digits = text.lines().last().unwrap().split(' ').nth(1).unwrap();
    assert_eq!(digits.len(), 64);
    assert!(!stdout(&first).contains(digits) && !stderr(&first).contains(digits));
    let second = run(meshgen(directory.path()).args(["ca", "new"]));
    assert_eq!(code(&second), 2);
    assert_eq!(fs::read_to_string(&seed).unwrap(), text);
    let status = Command::new("git")
        .args(["status", "--porcelain", "--ignored"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(stdout(&status).contains("!! ca.seed"), "{}", stdout(&status));
}

#[test]
fn a_damaged_seed_is_never_used() {
    let directory = workplace();
    let seed = directory.path().join("ca.seed");
    let whole = fs::read_to_string(&seed).unwrap();
    let line = whole.lines().last().unwrap().to_owned();
    let digit = if line.as_bytes()[20] == b'0' { '1' } else { '0' };
    let flipped = whole.replace(&line, &format!("{}{digit}{}", &line[..20], &line[21..]));
    let damaged = [
        flipped,
        whole[..whole.len() - 10].to_owned(),
        whole.replace("seed-1", "seed-2"),
        String::new(),
        format!("{whole}x\n"),
    ];
    for text in damaged {
        fs::write(&seed, &text).unwrap();
        let output = build(directory.path());
        assert_eq!(code(&output), 2, "{text}");
        let said = stderr(&output);
        assert!(said.starts_with("error: ") && said.contains("ca.seed"), "{said}");
        assert!(!said.contains(&line[16..40]), "{said}");
        assert!(!directory.path().join("out").exists());
    }
}

#[test]
fn a_topology_can_come_from_standard_input() {
    let directory = workplace();
    let mut command = meshgen(directory.path());
    let mut child = command.args(["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(TOPOLOGY.replace("lan", "LAN").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("<stdin>:10:11"), "{}", stdout(&output));
}

#[test]
fn check_reads_every_file_and_says_the_worst() {
    let directory = workplace();
    fs::write(directory.path().join("broken.yaml"), "a: b: c").unwrap();
    let codes = |arguments: &[&str]| code(&run(meshgen(directory.path()).arg("check").args(arguments)));
    assert_eq!(codes(&["topology.yaml"]), 0);
    assert_eq!(codes(&["broken.yaml", "topology.yaml"]), 1);
    assert_eq!(codes(&["missing.yaml", "broken.yaml"]), 2);
    let output = run(meshgen(directory.path()).args(["check", "missing.yaml", "broken.yaml"]));
    assert!(stdout(&output).contains("broken.yaml:1:5") && stderr(&output).contains("missing.yaml"));
}

#[test]
fn usage_errors_are_2_and_unknown_rules_have_a_nearest() {
    let directory = workplace();
    assert_eq!(code(&run(meshgen(directory.path()).arg("bulid"))), 2);
    assert_eq!(code(&run(meshgen(directory.path()).args(["build", "topology.yaml"]))), 2);
    let output = run(meshgen(directory.path()).args(["explain", "unknown-netwrok"]));
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("did you mean `unknown-network`?"), "{}", stderr(&output));
    let known = run(meshgen(directory.path()).args(["explain", "unknown-network"]));
    assert_eq!(code(&known), 0);
    assert!(stdout(&known).starts_with("# unknown-network (error)\n"));
}

#[test]
fn check_reports_and_fixes_only_what_is_selected() {
    let directory = workplace();
    let path = directory.path().join("topology.yaml");
    let broken = TOPOLOGY
        .replace("version: 1.11.2", "version: v1.11.2")
        .replace("network: lan\n    apiServer: https://192.0.2.20", "network: lna\n    apiServer: https://192.0.2.20");
    fs::write(&path, &broken).unwrap();
    let check = |options: &[&str]| run(meshgen(directory.path()).arg("check").args(options).arg("topology.yaml"));
    let rules = |options: &[&str]| {
        let output = check(&[&["--format", "json"], options].concat());
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        let rules =
            report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap().to_owned());
        (code(&output), rules.collect::<Vec<String>>())
    };
    let known = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    assert_eq!(rules(&[]), (1, known(&["invalid-value", "documentation-address", "unknown-network"])));
    assert_eq!(rules(&["--select", "documentation-address"]), (0, known(&["documentation-address"])));
    assert_eq!(rules(&["--select", "documentation-address", "--strict"]), (1, known(&["documentation-address"])));
    let two = known(&["documentation-address", "unknown-network"]);
    assert_eq!(rules(&["--select", "documentation-address,unknown-network"]), (1, two.clone()));
    assert_eq!(rules(&["--select", "documentation-address", "--select", "unknown-network"]), (1, two.clone()));
    assert_eq!(rules(&["--ignore", "invalid-value,missing-field"]), (1, two));
    assert_eq!(rules(&["--select", "unknown-network", "--ignore", "unknown-network"]), (0, Vec::new()));
    // A rule that could not be applied is no rule that found nothing.
    let unchecked = check(&["--select", "known-bug"]);
    assert_eq!(code(&unchecked), 1);
    assert!(stdout(&unchecked).starts_with("note: not checked, because `istio.version` is not valid: known-bug\n"));
    for option in ["--select", "--ignore"] {
        let output = check(&[option, "unknown-network,unknown-netwrok"]);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains("did you mean `unknown-network`?"), "{}", stderr(&output));
    }
    assert_eq!(code(&check(&["--fix", "--select", "unknown-network"])), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), broken.replace("lna", "lan"));
    fs::write(&path, "a: b: c").unwrap();
    assert_eq!(code(&check(&["--select", "overlapping-ranges"])), 1);
}

#[test]
fn a_page_fits_its_reader_and_the_list_is_for_grep() {
    let directory = workplace();
    let explain = |columns: Option<&str>, rule: &[&str]| {
        let mut command = meshgen(directory.path());
        command.arg("explain").args(rule);
        command.envs(columns.map(|columns| ("COLUMNS", columns)));
        stdout(&run(&mut command))
    };
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    for rule in meshgen::check::every_rule() {
        let page = explain(None, &[rule.name]);
        // What is wider is one word: a path.
        let fits = |line: &str| line.chars().count() <= 80 || !line.trim_start_matches("- ").trim().contains(' ');
        assert!(page.lines().all(fits), "{page}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&page), words(rule.page));
    }
    assert!(widest(&explain(Some("40"), &["shared-gateway"])) < widest(&explain(Some("100"), &["shared-gateway"])));
    let list = explain(None, &[]);
    for rule in meshgen::check::every_rule() {
        let rows = list.lines().filter(|line| line.split_whitespace().next() == Some(rule.name));
        assert!(
            rows.into_iter().all(|row| row.ends_with('.')) && list.contains(&format!("  {} ", rule.name)),
            "{list}"
        );
    }
    assert!(!list.contains('\x1b'));
    assert!(widest(&explain(Some("80"), &[])) <= 80);
}

#[test]
fn the_schema_is_printed() {
    let directory = workplace();
    let output = run(meshgen(directory.path()).arg("schema"));
    assert_eq!(stdout(&output), meshgen::schema::text());
}

#[test]
fn the_help_is_written_down() {
    let directory = workplace();
    let mut text = String::new();
    for arguments in [
        &["--help"][..],
        &["build", "--help"],
        &["check", "--help"],
        &["diff", "--help"],
        &["explain", "--help"],
        &["ca", "new", "--help"],
        &["man", "--help"],
    ] {
        let output = run(meshgen(directory.path()).args(arguments).env("COLUMNS", "100"));
        assert_eq!(code(&output), 0);
        text.extend(["$ meshgen ", &arguments.join(" "), "\n", &stdout(&output), "\n"]);
    }
    common::snapshots(&common::repository().join("tests")).bind(|| insta::assert_snapshot!("help", text));
}
