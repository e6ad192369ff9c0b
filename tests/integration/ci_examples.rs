//! The pipelines of `docs/ci.md` are YAML, and their scripts do what the page says; `gh`, `curl` and `jq` are stand-ins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, trees};

/// The YAML blocks of the page: GitHub's workflow, GitLab's job.
fn blocks() -> Vec<Value> {
    let page = fs::read_to_string(common::repository().join("docs/ci.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).map(|block| block.split("\n```").next().unwrap().to_owned());
    blocks.map(|block| serde_yaml::from_str(&block).unwrap()).collect()
}

fn github() -> Vec<String> {
    let steps = blocks()[0]["jobs"]["mesh"]["steps"].as_array().unwrap().clone();
    steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect()
}

fn gitlab() -> Vec<String> {
    let script = blocks()[1]["mesh"]["script"].as_array().unwrap().clone();
    script.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// A repository with a mesh, its tree, and stand-ins that write down how they were called.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        let place = repository.path();
        fs::write(place.join("mesh.yaml"), trees::topology(2, "1.30.3")).unwrap();
        fs::copy(common::repository().join("topologies/ca.seed"), place.join("ca.seed")).unwrap();
        fs::create_dir(place.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshgen"), place.join("bin/meshgen")).unwrap();
        // The interface's list of comments is asked for with --paginate or piped through jq.
        repository
            .stand_in("gh", "echo \"gh $*\" >>calls; case $* in *--paginate*) cat known 2>/dev/null || true ;; esac");
        repository.stand_in("curl", "echo \"curl $*\" >>calls");
        repository.stand_in("jq", "cat known 2>/dev/null || true");
        repository
            .run("git init -q -b main . && git config user.name nobody && git config user.email nobody@example.org");
        repository.run("meshgen build mesh.yaml -o out && git add mesh.yaml out && git commit -q -m base");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn stand_in(&self, program: &str, text: &str) {
        let path = self.path().join("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whether a script ends well, under the shell of GitHub's and GitLab's runners.
    fn run(&self, script: &str) -> bool {
        let path = std::env::var_os("PATH").unwrap();
        let paths = [self.path().join("bin")].into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.path());
        command.env("PATH", std::env::join_paths(paths).unwrap()).env_remove("MESHGEN_CA_SEED_FILE").env_remove("CI");
        for (name, value) in [
            ("BASE", "main"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main"),
            ("GITHUB_REPOSITORY", "owner/name"),
            ("NUMBER", "7"),
            ("CI_API_V4_URL", "https://gitlab.example.org/api/v4"),
            ("CI_PROJECT_ID", "1"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("MESHGEN_TOKEN", "token"),
        ] {
            command.env(name, value);
        }
        command.output().unwrap().status.success()
    }

    fn results(&self, scripts: &[String]) -> Vec<bool> {
        scripts.iter().map(|script| self.run(script)).collect()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path().join("calls")).unwrap_or_default()
    }

    fn comment(&self) -> String {
        fs::read_to_string(self.path().join("comment.md")).unwrap()
    }

    fn change(&self) {
        let text = fs::read_to_string(self.path().join("mesh.yaml")).unwrap();
        fs::write(self.path().join("mesh.yaml"), text.replace("c1, network", "c1, context: admin, network")).unwrap();
    }
}

/// check, the comment, its posting, the root, `build --check`.
const ALL_WELL: [bool; 5] = [true; 5];
const STALE: [bool; 5] = [true, true, true, true, false];
const OTHER_ROOT: [bool; 5] = [true, true, true, false, true];
const FORGED_ROOT: [bool; 5] = [true, true, true, true, false];

#[test]
fn a_change_is_commented_once_and_then_in_place() {
    for (scripts, posted, updated) in [
        (
            github(),
            "gh api --method POST repos/owner/name/issues/7/comments",
            "gh api --method PATCH repos/owner/name/issues/comments/42",
        ),
        (gitlab(), "--request POST", "--request PUT"),
    ] {
        let repository = Repository::new();
        repository.change();
        // The tree was not built again: the last step says so.
        assert_eq!(repository.results(&scripts), STALE);
        assert!(
            repository.comment().starts_with("<!-- meshgen diff -->\n### meshgen: no difference"),
            "{}",
            repository.comment()
        );
        assert!(repository.calls().contains(posted), "{}", repository.calls());
        assert!(!repository.calls().contains(updated));
        assert!(repository.run("meshgen build mesh.yaml -o out"));
        fs::write(repository.path().join("known"), "42\n").unwrap();
        assert_eq!(repository.results(&scripts), ALL_WELL);
        assert!(!repository.comment().contains("no difference"), "{}", repository.comment());
        assert!(repository.calls().contains(updated), "{}", repository.calls());
    }
}

#[test]
fn a_pipeline_without_a_change_and_one_with_a_mistake() {
    for scripts in [github(), gitlab()] {
        let repository = Repository::new();
        assert_eq!(repository.results(&scripts), ALL_WELL);
        assert!(repository.comment().contains("### meshgen: no difference"));
        fs::write(repository.path().join("mesh.yaml"), "kind: Topology\n").unwrap();
        assert_eq!(repository.results(&scripts), [false, true, true, true, false]);
    }
}

#[test]
fn a_pipeline_refuses_a_tree_that_was_built_with_another_seed() {
    for scripts in [github(), gitlab()] {
        let repository = Repository::new();
        assert!(repository.run("git show main:out/meshgen.lock >before.lock"));
        assert!(
            repository
                .run("meshgen ca new --ca other.seed && meshgen build mesh.yaml -o out --ca other.seed --replace-root")
        );
        // A clone has no seed.
        assert!(repository.run("rm ca.seed other.seed out/*/20-cacerts/ca-key.pem"));
        assert_eq!(repository.results(&scripts), OTHER_ROOT);
        assert!(repository.comment().contains("the root: "), "{}", repository.comment());
        assert!(repository.comment().contains("key re-issued"), "{}", repository.comment());
        // A lock that still names the first root names one that does not stand.
        assert!(repository.run("sed -i \"s/^root .*/$(grep '^root ' before.lock)/\" out/meshgen.lock"));
        assert_eq!(repository.results(&scripts), FORGED_ROOT);
    }
}

#[test]
fn a_tree_in_a_repository_of_its_own_is_compared_with_the_topology() {
    let page = fs::read_to_string(common::repository().join("docs/ci.md")).unwrap();
    let script = page.split("```sh\n").nth(1).unwrap().split("\n```").next().unwrap().to_owned();
    let repository = Repository::new();
    let clone = format!("export TREE_REPOSITORY=.git\n{script}");
    assert!(repository.run(&clone));
    repository.change();
    assert!(!repository.run(&clone.replace("tree/out", "again/out").replace(" tree\n", " again\n")));
}
