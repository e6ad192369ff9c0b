//! The sides of `meshgen diff`: files, trees, standard input, and commits of a real Git repository.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, trees};

struct Place {
    directory: TempDir,
}

impl Place {
    /// A Git repository whose first commit, `v1`, holds a topology of so many clusters, the public seed and the tree.
    fn committed(clusters: usize) -> Self {
        let place = Self::plain(clusters);
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&["config", "user.name", "nobody"]);
        place.git(&["config", "user.email", "nobody@example.org"]);
        place.git(&["config", "commit.gpgsign", "false"]);
        place.commit("v1");
        place
    }

    fn plain(clusters: usize) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        place.write("topology.yaml", &trees::topology(clusters, "1.30.3"));
        fs::copy(common::repository().join("topologies/ca.seed"), place.path().join("ca.seed")).unwrap();
        assert_eq!(code(&place.meshgen(&["build", "topology.yaml", "-o", "out"])), 0);
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path().join("topology.yaml")).unwrap();
        assert!(text.contains(from));
        self.write("topology.yaml", &text.replacen(from, to, 1));
    }

    fn commit(&self, tag: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", tag]);
        self.git(&["tag", tag]);
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let output = Command::new("git").arg("-C").arg(self.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    fn meshgen(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = common::meshgen();
        command.current_dir(self.path()).args(arguments);
        command
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn says(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_mix_of_sides_is_the_same() {
    let place = Place::committed(2);
    let sides =
        ["topology.yaml", "out", "out/", "git:v1:topology.yaml", "git:main:out", "git:HEAD:./out", "git:v1:out/"];
    for before in sides {
        for after in sides {
            let output = place.meshgen(&["diff", before, after]);
            assert_eq!(code(&output), 0, "{before} {after}: {}{}", out(&output), says(&output));
            assert_eq!(out(&output), "");
        }
    }
}

#[test]
fn the_change_of_a_line_shows_between_all_of_them() {
    let place = Place::committed(3);
    place.edit("name: c1, network", "name: c1, certificates: {issuedOn: 2027-03-01, generation: 2}, network");
    assert_eq!(code(&place.meshgen(&["build", "topology.yaml", "-o", "new"])), 0);
    for (before, after) in [
        ("git:v1:topology.yaml", "topology.yaml"),
        ("out", "new"),
        ("git:v1:out", "topology.yaml"),
        ("out", "topology.yaml"),
    ] {
        let output = place.meshgen(&["diff", before, after]);
        assert_eq!(code(&output), 1, "{before} {after}: {}", says(&output));
        assert!(out(&output).contains("c1: certificates renewed\n"), "{before} {after}: {}", out(&output));
        assert!(!out(&output).contains("c2:"), "{before} {after}: {}", out(&output));
    }
    let since = out(&place.meshgen(&["diff", "--since", "v1", "topology.yaml"]));
    assert_eq!(since, out(&place.meshgen(&["diff", "git:v1:topology.yaml", "topology.yaml"])));
    let json: Value =
        serde_json::from_slice(&place.meshgen(&["diff", "--format", "json", "out", "new"]).stdout).unwrap();
    assert_eq!(json["clusters"][1]["certificate"]["after"]["generation"], 2);
    assert_eq!(json["clusters"][1]["certificate"]["isKeyReissued"], true);
    let markdown = place.meshgen(&["diff", "--format", "markdown", "out", "new"]);
    assert_eq!(code(&markdown), 1);
    assert!(out(&markdown).starts_with("### meshgen: 1 cluster"));
    assert!(!out(&place.meshgen(&["diff", "out", "new"])).contains("@@"), "pages are counted");
    assert!(out(&place.meshgen(&["diff", "--full", "out", "new"])).contains("@@"));
}

#[test]
fn every_format_says_that_there_is_no_difference() {
    let place = Place::plain(1);
    for (format, wanted) in [("text", ""), ("markdown", "### meshgen: no difference\n")] {
        let output = place.meshgen(&["diff", "--format", format, "out", "topology.yaml"]);
        assert_eq!((code(&output), out(&output).as_str()), (0, wanted));
    }
    let output = place.meshgen(&["diff", "--format", "json", "out", "topology.yaml"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &report["summary"]["clusters"]), (0, &Value::from(0)));
}

#[test]
fn a_clone_without_seed_and_keys_can_be_compared() {
    let place = Place::committed(2);
    let clone = tempfile::tempdir().unwrap();
    place.git(&["clone", "-q", ".", clone.path().join("clone").to_str().unwrap()]);
    let clone = clone.path().join("clone");
    fs::remove_file(clone.join("ca.seed")).unwrap();
    assert!(!clone.join("out/c0/20-cacerts/ca-key.pem").exists());
    let output = place.command(&["diff", "topology.yaml", "out"]).current_dir(&clone).output().unwrap();
    assert_eq!(code(&output), 0, "{}", says(&output));
    let keys = place.meshgen(&["diff", "out", clone.join("out").to_str().unwrap()]);
    assert_eq!(code(&keys), 0, "a key that Git never had is no difference: {}", out(&keys));
}

#[test]
fn standard_input_is_a_topology() {
    let place = Place::plain(2);
    let mut child = place.command(&["diff", "out", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(trees::topology(2, "1.30.3").as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(code(&place.meshgen(&["diff", "-", "-"])), 2);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let place = Place::committed(1);
    place.write("broken.yaml", "kind: Topology\n");
    fs::create_dir(place.path().join("empty")).unwrap();
    for (arguments, wanted) in [
        (&["diff", "topology.yaml", "missing.yaml"][..], "missing.yaml"),
        (&["diff", "topology.yaml", "broken.yaml"], "missing-field"),
        (&["diff", "empty", "out"], "empty has no meshgen.lock: name a directory that was built"),
        (&["diff", "git:v1:empty", "out"], "if it is new, write `meshgen diff --since v1 empty`"),
        (&["diff", "git:v9:out", "out"], "git:v9: there is no such commit here"),
        (&["diff", "git:--help:out", "out"], "there is no such commit here"),
        (&["diff", "git:v1", "out"], "is not of the form git:REF:PATH"),
        (&["diff", "git::out", "out"], "is not of the form git:REF:PATH"),
        (&["diff", "git:v1:.", "out"], "git:v1:. has no meshgen.lock"),
        (&["diff", "--since", "v1", "broken.yaml"], "missing-field"),
        (&["diff", "--since", "v9", "topology.yaml"], "git:v9: there is no such commit here"),
        (&["diff", "--since", "v1", "-"], "name the old side, as in `meshgen diff git:v1:topology.yaml -`"),
        (&["diff", "--since", "v1", "missing.yaml"], "missing.yaml: there is no such file or directory"),
        (&["diff", "--since", "v1"], "`--since` needs a topology"),
        (&["diff", "topology.yaml"], "two sides are needed"),
        (&["diff"], "required"),
    ] {
        let output = place.meshgen(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(says(&output).contains(wanted), "{arguments:?}: {}", says(&output));
        assert_eq!(out(&output), "", "{arguments:?}");
    }
    let plain = Place::plain(1);
    let output = plain.command(&["diff", "git:v1:out", "out"]).env("GIT_CEILING_DIRECTORIES", "/").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(says(&output).contains("not inside a Git repository"), "{}", says(&output));
    let output = plain.command(&["diff", "git:v1:out", "out"]).env("PATH", "/nowhere").output().unwrap();
    assert!(says(&output).contains("git is not installed: install it"), "{}", says(&output));
}

#[test]
fn of_what_is_new_since_a_commit_every_cluster_joins() {
    let place = Place::committed(2);
    fs::rename(place.path().join("topology.yaml"), place.path().join("new.yaml")).unwrap();
    assert_eq!(code(&place.meshgen(&["build", "new.yaml", "-o", "fresh"])), 0);
    let unborn = Place::plain(2);
    unborn.git(&["init", "-q", "-b", "main"]);
    for (place, reference, path) in [
        (&place, "v1", "new.yaml"),
        (&place, "v1", "fresh"),
        (&place, "v1", "./fresh/"),
        (&unborn, "HEAD", "topology.yaml"),
        (&unborn, "HEAD", "out"),
    ] {
        let text = place.meshgen(&["diff", "--since", reference, path]);
        assert_eq!(code(&text), 1, "{path}: {}", says(&text));
        assert!(says(&text).contains(&format!("note: {path} is new since {reference}")), "{}", says(&text));
        assert!(out(&text).contains("  c0, c1: joins the mesh\n"), "{}", out(&text));
        let markdown = place.meshgen(&["diff", "--since", reference, path, "--format", "markdown"]);
        assert_eq!(code(&markdown), 1);
        assert!(out(&markdown).contains("| c0, c1 | **joins the mesh** |"), "{}", out(&markdown));
        let json = place.compared(&["--since", reference, path]);
        assert_eq!(json["unrecorded"], Value::from(Vec::<Value>::new()));
        let [install] = json["runbook"].as_array().unwrap().as_slice() else { panic!("{}", json["runbook"]) };
        assert_eq!(install["commands"], Value::from(vec!["NEW/install.sh"]));
        let lock =
            fs::read_to_string(place.path().join(if reference == "v1" { "fresh" } else { "out" }).join("meshgen.lock"));
        // Nothing runs yet that would have to restart.
        let every = lock
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix("step "))
            .filter(|step| !step.ends_with("/restart"))
            .map(Value::from)
            .collect();
        assert_eq!(install["steps"], Value::Array(every));
    }
}

#[test]
fn links_and_files_of_others_are_no_part_of_a_tree() {
    let place = Place::committed(1);
    place.write("secret", "this must not be read");
    fs::write(place.path().join("out/c0/notes.txt"), "mine").unwrap();
    assert_eq!(code(&place.meshgen(&["diff", "topology.yaml", "out"])), 0);
    let manifest = place.path().join("out/c0/10-namespace/namespace.yaml");
    fs::remove_file(&manifest).unwrap();
    std::os::unix::fs::symlink("../../../secret", &manifest).unwrap();
    place.commit("v2");
    let output = place.meshgen(&["diff", "git:v1:out", "git:v2:out"]);
    assert_eq!(code(&output), 1);
    assert!(!out(&output).contains("must not be read"));
}

#[test]
fn a_hand_made_edit_shows_in_build_check() {
    let place = Place::plain(2);
    let manifest = place.path().join("out/c1/30-istio/istio.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("meshID: mesh1", "meshID: other")).unwrap();
    let output = place.meshgen(&["build", "topology.yaml", "-o", "out", "--check"]);
    assert_eq!(code(&output), 1);
    assert!(out(&output).starts_with("edited  c1/30-istio/istio.yaml\n"), "{}", out(&output));
    assert!(out(&output).contains("spec.values.global.meshID: other → mesh1"), "{}", out(&output));
}

#[test]
fn a_remark_that_somebody_wrote_into_a_tree_is_edited_and_no_difference() {
    let place = Place::plain(2);
    let manifest = place.path().join("out/c1/30-istio/istio.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("# mine\n{text}")).unwrap();
    let output = place.meshgen(&["build", "topology.yaml", "-o", "out", "--check"]);
    assert_eq!((code(&output), out(&output).as_str()), (1, "edited  c1/30-istio/istio.yaml\n"));
    assert_eq!(code(&place.meshgen(&["diff", "out", "topology.yaml"])), 0);
}

#[test]
fn branches_that_change_one_cluster_each_merge_without_a_conflict() {
    for (one, other) in [
        (
            ("name: c1, network", "name: c1, certificates: {issuedOn: 2027-03-01}, network"),
            ("name: c2, network", "name: c2, certificates: {issuedOn: 2027-03-01}, network"),
        ),
        (
            ("name: c1, network", "name: c1, istio: {values: {global: {logAsJson: true}}}, network"),
            ("name: c2, network", "name: c2, istio: {values: {global: {logAsJson: true}}}, network"),
        ),
    ] {
        let place = Place::committed(5);
        for (branch, (from, to)) in [("one", one), ("other", other)] {
            place.git(&["checkout", "-q", "-b", branch, "v1"]);
            // Private keys are in no branch: this one's author has none of the other's.
            place.git(&["clean", "-fdxq", "out"]);
            // The topology's own lines are the author's to merge; here they stand apart.
            place.edit(from, to);
            let spread = fs::read_to_string(place.path().join("topology.yaml")).unwrap();
            place.write(&format!("{branch}.yaml"), &spread);
            assert_eq!(code(&place.meshgen(&["build", "topology.yaml", "-o", "out"])), 0);
            place.git(&["checkout", "-q", "v1", "--", "topology.yaml"]);
            place.commit(branch);
        }
        place.git(&["-c", "merge.conflictStyle=merge", "merge", "-q", "--no-edit", "one"]);
        place.edit(one.0, one.1);
        place.edit(other.0, other.1);
        place.git(&["clean", "-fdxq", "out"]);
        let output = place.meshgen(&["build", "topology.yaml", "-o", "out"]);
        assert_eq!(code(&output), 0, "{}", says(&output));
        let changed = String::from_utf8(place.git(&["status", "--porcelain", "out"]).stdout).unwrap();
        assert!(
            changed.lines().all(|line| line.ends_with("out/meshgen.lock")),
            "the merge was the build but for its lock: {changed}"
        );
        assert_eq!(code(&place.meshgen(&["build", "topology.yaml", "-o", "out", "--check"])), 0);
    }
}

/// Three clusters on two networks, whose contexts hold what a shell would read.
const QUOTED: &str = "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.30.3}
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan}, {name: cloud}]
clusters:
  - {name: east, network: lan, apiServer: 'https://10.0.1.1:6443', eastWestGateway: {address: none}}
  - {name: north, network: lan, controlPlane: east, apiServer: 'https://10.0.1.2:6443'}
  - {name: west, network: cloud, context: \"admin@west's\", apiServer: 'https://10.0.2.1:6443', eastWestGateway: {address: 10.0.2.100}}
";

impl Place {
    fn of(topology: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        place.write("topology.yaml", topology);
        fs::copy(common::repository().join("topologies/ca.seed"), place.path().join("ca.seed")).unwrap();
        assert_eq!(code(&place.meshgen(&["build", "topology.yaml", "-o", "out"])), 0);
        place
    }

    fn compared(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.meshgen(&[&["diff", "--format", "json"], arguments].concat()).stdout).unwrap()
    }
}

#[test]
fn a_context_is_quoted_once_in_the_commands_of_a_report() {
    let place = Place::of(QUOTED);
    let moved = QUOTED.replace("network: cloud", "network: lan").replace(", {name: cloud}", "");
    place.write("topology.yaml", &moved.replace(", eastWestGateway: {address: 10.0.2.100}", ""));
    for report in [&["diff", "out", "topology.yaml"][..], &["diff", "out", "topology.yaml", "--format", "markdown"]] {
        let told = out(&place.meshgen(report));
        assert!(told.contains(r"kubectl --context='admin@west'\''s' -n istio-system delete "), "{told}");
        assert!(!told.contains(r"\'\'"), "{told}");
    }
}

#[test]
fn a_pipeline_may_fail_on_what_is_bad_enough() {
    let place = Place::of(QUOTED);
    let same = place.meshgen(&["diff", "out", "topology.yaml"]);
    assert_eq!((code(&same), out(&same)), (0, String::new()));
    assert_eq!(String::from_utf8(same.stderr).unwrap(), "no difference\n");
    place.write("topology.yaml", &QUOTED.replace("address: none", "address: 10.0.3.100"));
    for (kind, wanted) in [("not-in-place", 0), ("joins", 0), ("gateway-address", 1), ("reapply", 1)] {
        assert_eq!(code(&place.meshgen(&["diff", "out", "topology.yaml", "--fail-on", kind])), wanted, "{kind}");
    }
    assert_eq!(code(&place.meshgen(&["diff", "out", "topology.yaml", "--fail-on", "anything"])), 2);
}

#[test]
fn an_address_that_is_a_word_is_an_address() {
    let place = Place::of(QUOTED);
    place.write("topology.yaml", &QUOTED.replace("address: none", "address: 10.0.3.100"));
    let told = out(&place.meshgen(&["diff", "out", "topology.yaml"]));
    assert!(told.contains("from none to 10.0.3.100: dialled by north for the control plane"), "{told}");
    assert!(!told.contains("gets an east-west gateway") && !told.contains("Ways between clusters"), "{told}");
}

#[test]
fn pages_and_scripts_that_somebody_rewrote_change_no_word_of_what_differs() {
    let place = Place::of(QUOTED);
    place.write(
        "topology.yaml",
        &QUOTED.replace("10.0.2.100", "10.0.2.200").replace("address: none", "address: gw.example.org"),
    );
    let mut clean = place.compared(&["out", "topology.yaml"]);
    let read = |file: &str| fs::read_to_string(place.path().join("out").join(file)).unwrap();
    let rewritten = |file: &str| match file {
        "README.md" => read(file)
            .replace("lan", "office")
            .replace("10.0.2.100", "none")
            .replace("<td>", "<td >")
            .replace("1.30.3", "1.29.0"),
        _ => read(file).replace("step 'east", "step 'south").replace("admin@west", "root@north"),
    };
    for file in ["README.md", "install.sh", "uninstall.sh", "verify.sh"] {
        place.write(&format!("out/{file}"), &rewritten(file));
    }
    let mut edited = place.compared(&["out", "topology.yaml"]);
    // The pages themselves differ otherwise than before, which is told of them and of nothing else.
    for report in [&mut clean, &mut edited] {
        assert!(report.as_object_mut().unwrap().remove("pages").is_some());
    }
    assert_eq!(clean, edited);
}

/// Two clusters, of which one is reached through a proxy with a CA of its own.
const BEHIND_A_PROXY: &str = "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.29.6}
certificates: {issuedOn: 2026-11-01}
networks: [{name: lan}]
clusters:
  - {name: east, network: lan, apiServer: 'https://10.0.1.1:6443'}
  - {name: west, network: lan, apiServer: 'https://10.0.2.1:6443', apiServerCA: ../meshes/./ca/proxy.pem}
";

#[test]
fn another_ca_renews_the_credential_although_no_field_differs() {
    let place = Place { directory: tempfile::tempdir().unwrap() };
    let authority = |name| fs::read_to_string(common::repository().join("tests/ca").join(name)).unwrap();
    fs::create_dir_all(place.path().join("meshes/ca")).unwrap();
    place.git(&["init", "-q", "-b", "main"]);
    place.git(&["config", "user.name", "nobody"]);
    place.git(&["config", "user.email", "nobody@example.org"]);
    place.write("meshes/topology.yaml", BEHIND_A_PROXY);
    place.write("meshes/ca/proxy.pem", &authority("cluster1.pem"));
    place.commit("v1");
    // Text between the certificates is for people.
    place.write("meshes/ca/proxy.pem", &format!("the CA of the proxy\n\n{}", authority("cluster1.pem")));
    let output = place.meshgen(&["diff", "--since", "v1", "meshes/topology.yaml"]);
    assert_eq!(code(&output), 0, "{}", says(&output));
    place.write("meshes/ca/proxy.pem", &authority("next.pem"));
    for sides in [
        &["--since", "v1", "meshes/topology.yaml"][..],
        &["git:v1:./meshes/topology.yaml", "meshes/topology.yaml"],
        &["git:v1:meshes/topology.yaml", "meshes/topology.yaml"],
    ] {
        let output = place.meshgen(&[&["diff"], sides].concat());
        assert_eq!(code(&output), 1, "{}", says(&output));
        assert!(out(&output).contains("east renews west"), "{}", out(&output));
    }
}

#[test]
fn a_file_that_is_no_ca_of_an_api_server_is_refused_and_not_shown() {
    let place = Place { directory: tempfile::tempdir().unwrap() };
    place.git(&["init", "-q", "-b", "main"]);
    fs::create_dir_all(place.path().join("meshes/ca")).unwrap();
    place.write("meshes/topology.yaml", BEHIND_A_PROXY);
    let refused = |reason: &str| {
        let output = place.meshgen(&["check", "meshes/topology.yaml"]);
        assert_eq!(code(&output), 1, "{}", says(&output));
        let said = out(&output) + &says(&output);
        assert!(said.contains("error[unusable-api-server-ca]") && said.contains(reason), "{said}");
        assert!(!said.contains("this must not be shown"), "{said}");
    };
    let file = place.path().join("meshes/ca/proxy.pem");
    refused("`../meshes/./ca/proxy.pem` does not exist");
    place.write("meshes/ca/proxy.pem", "this must not be shown\n");
    refused("contains no PEM block");
    let authority = fs::read_to_string(common::repository().join("tests/ca/cluster1.pem")).unwrap();
    let block = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        place.write("meshes/ca/proxy.pem", &(authority.clone() + &block(label)));
        refused("contains a private key");
    }
    place.write("meshes/ca/proxy.pem", &(authority.clone() + &block("CERTIFICATE REQUEST")));
    refused("contains a block `CERTIFICATE REQUEST`");
    place.write("meshes/ca/proxy.pem", &authority.repeat(500));
    refused("is larger than 256 KiB");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused("is a directory");
    fs::remove_dir(&file).unwrap();
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(elsewhere.path(), &authority).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &file).unwrap();
    refused("leads out of the repository");
    fs::remove_file(&file).unwrap();
    fs::write(&file, &authority).unwrap();
    assert_eq!(code(&place.meshgen(&["check", "meshes/topology.yaml"])), 0);
}

/// What else tells two states of a topology apart.
#[test]
fn flows_and_pictures_show_what_comes_and_goes_since_a_commit() {
    let place = Place::committed(3);
    let flows = |more: &[&str]| place.meshgen(&[&["flows", "topology.yaml"], more].concat());
    let since = ["--since", "v1"];
    let same = flows(&since);
    assert_eq!((code(&same), out(&same).as_str()), (0, ""));
    assert!(says(&same).ends_with("no difference\n"), "{}", says(&same));
    assert_eq!(out(&flows(&[&since[..], &["--format", "csv"]].concat())).lines().count(), 1);
    place.edit("apiVersion", "workstations: [192.0.2.0/28]\napiVersion");
    let all: Value = common::obeys_schema(&out(&flows(&["--format", "json"])));
    assert!(all["flows"].as_array().unwrap().iter().all(|row| row["change"].is_null()));
    let changed = flows(&[&since[..], &["--format", "json"]].concat());
    assert_eq!(code(&changed), 1);
    let changed = common::obeys_schema(&out(&changed));
    let rows = changed["flows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["source"]["role"] == "workstation"), "{rows:#?}");
    let of = |change: &str| -> Vec<&str> {
        rows.iter().filter(|row| row["change"] == change).map(|row| row["id"].as_str().unwrap()).collect()
    };
    assert_eq!((of("added").len(), of("added")), (3, of("removed")));
    for (arguments, wanted) in [
        (&["flows", "topology.yaml", "--cluster", "nowhere"][..], "error: the topology has no cluster `nowhere`"),
        (&["flows", "topology.yaml", "--since", "v9"], "v9"),
        (&["flows", "-", "--since", "v1"], "standard input has no state in v1"),
        (&["flows", "out"], "out is a directory, and a topology is a file"),
        (&["draw", "out", "--since", "v1"], "is a directory"),
        (&["draw", "git:v1:nowhere.yaml"], "there is no such file or directory in this commit"),
    ] {
        let output = place.meshgen(arguments);
        assert_eq!((code(&output), out(&output).as_str()), (2, ""), "{arguments:?}");
        assert!(says(&output).contains(wanted), "{arguments:?}: {}", says(&output));
    }
    let drawn = place.meshgen(&["draw", "git:v1:topology.yaml", "topology.yaml"]);
    assert_eq!(out(&drawn), out(&place.meshgen(&["draw", "topology.yaml", "--since", "v1"])));
    place.write("new.yaml", &fs::read_to_string(place.path().join("topology.yaml")).unwrap());
    let new = place.meshgen(&["flows", "new.yaml", "--since", "v1", "--format", "csv"]);
    assert_eq!(code(&new), 1);
    assert!(says(&new).starts_with("note: new.yaml is new since v1"), "{}", says(&new));
    assert!(out(&new).lines().skip(1).all(|line| line.starts_with("added,")));
}
