//! The pipelines of `docs/ci.md` are YAML, and their scripts do what the page says; `gh`, `curl` and `jq` are stand-ins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, trees};

/// The YAML blocks of the page: the workflow with the action, GitHub's workflow, GitLab's job.
fn blocks() -> Vec<Value> {
    let page = fs::read_to_string(common::repository().join("docs/ci.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).map(|block| block.split("\n```").next().unwrap().to_owned());
    blocks.map(|block| serde_yaml::from_str(&block).unwrap()).collect()
}

fn github() -> Vec<String> {
    let steps = blocks()[1]["jobs"]["mesh"]["steps"].as_array().unwrap().clone();
    steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect()
}

/// What a step of GitHub's workflow runs.
pub(crate) fn step(name: &str) -> String {
    let workflow = &blocks()[1];
    let steps = workflow["jobs"]["mesh"]["steps"].as_array().unwrap();
    let step =
        steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("docs/ci.md has no step `{name}`"));
    step["run"].as_str().unwrap().to_owned()
}

fn gitlab() -> Vec<String> {
    let script = blocks()[2]["mesh"]["script"].as_array().unwrap().clone();
    script.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

const TOKEN: &str = "glpat-secret";

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
        repository
            .stand_in("curl", "echo \"curl $*\" >>calls; cat >>headers; case $* in */user) echo '{\"id\": 5}' ;; esac");
        repository.stand_in(
            "jq",
            "cat >/dev/null; case $* in .id) echo 5 ;; *) echo \"jq $*\" >>calls; cat known 2>/dev/null || true ;; esac",
        );
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
        let mut command = common::program("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.path());
        command.env("PATH", std::env::join_paths(paths).unwrap());
        for (name, value) in [
            ("BASE", "main"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main"),
            ("GITHUB_REPOSITORY", "owner/name"),
            ("NUMBER", "7"),
            ("CI_API_V4_URL", "https://gitlab.example.org/api/v4"),
            ("CI_PROJECT_ID", "1"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("MESHGEN_TOKEN", TOKEN),
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
        fs::write(
            self.path().join("mesh.yaml"),
            text.replace("c1, network", "c1, context: admin, egress: [198.51.100.1/32], network"),
        )
        .unwrap();
    }
}

/// check, the comment, its posting, `build --check`.
const ALL_WELL: [bool; 4] = [true; 4];
const STALE: [bool; 4] = [true, true, true, false];

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
        assert!(repository.comment().contains("\n### Firewall\n\n**goes: "), "{}", repository.comment());
        assert!(repository.calls().contains(updated), "{}", repository.calls());
    }
}

/// Others can write the mark too, and edit what they wrote; and the arguments of a program are visible to all others.
#[test]
fn a_comment_of_others_is_left_alone_and_the_token_is_no_argument() {
    let mark = "startswith(\"<!-- meshgen diff -->\")";
    for (scripts, author) in [
        (github(), "select(.user.login == \"github-actions[bot]\" and (.body | "),
        (gitlab(), "--argjson author 5 [.[] | select(.author.id == $author and (.body | "),
    ] {
        let repository = Repository::new();
        assert_eq!(repository.results(&scripts), ALL_WELL);
        assert!(repository.calls().contains(&format!("{author}{mark}")), "{}", repository.calls());
        assert!(!repository.calls().contains(TOKEN), "{}", repository.calls());
    }
    let repository = Repository::new();
    assert_eq!(repository.results(&gitlab()), ALL_WELL);
    let calls = repository.calls().lines().filter(|call| call.starts_with("curl ")).count();
    let headers = fs::read_to_string(repository.path().join("headers")).unwrap();
    assert_eq!(headers, format!("PRIVATE-TOKEN: {TOKEN}\n").repeat(calls));
}

#[test]
fn a_pipeline_without_a_change_and_one_with_a_mistake() {
    for scripts in [github(), gitlab()] {
        let repository = Repository::new();
        assert_eq!(repository.results(&scripts), ALL_WELL);
        assert!(repository.comment().contains("### meshgen: no difference"));
        fs::write(repository.path().join("mesh.yaml"), "kind: Topology\n").unwrap();
        assert_eq!(repository.results(&scripts), [false, true, true, false]);
    }
}

#[test]
fn the_pull_request_that_introduces_the_mesh_passes() {
    for scripts in [github(), gitlab()] {
        let repository = Repository::new();
        // The base branch has neither the topology nor the tree.
        assert!(repository.run(
            "git checkout -q --orphan empty && git rm -rq --cached . && git commit -q --allow-empty -m empty && git branch -f main"
        ));
        assert_eq!(repository.results(&scripts), ALL_WELL);
        assert!(repository.comment().contains("| c0, c1 | **joins the mesh** |"), "{}", repository.comment());
        // A base that is not in the clone is not one that has no tree.
        assert!(repository.run("git branch -D main"));
        assert_eq!(repository.results(&scripts), [true, false, true, false]);
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
        assert_eq!(repository.results(&scripts), STALE);
        assert!(repository.comment().contains("the root: "), "{}", repository.comment());
        assert!(repository.comment().contains("key re-issued"), "{}", repository.comment());
        // A lock that still names the first root names one that does not stand.
        assert!(repository.run("sed -i \"s/^root .*/$(grep '^root ' before.lock)/\" out/meshgen.lock"));
        assert_eq!(repository.results(&scripts), STALE);
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

/// The steps of the action: name, variables as their expressions, script.
fn action() -> Vec<(String, Value, String)> {
    let text = fs::read_to_string(common::repository().join("action.yml")).unwrap();
    let action: Value = serde_yaml::from_str(&text).unwrap();
    let steps = action["runs"]["steps"].as_array().unwrap().clone();
    let text = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
    steps.iter().map(|step| (text(step, "name"), step["env"].clone(), text(step, "run"))).collect()
}

#[test]
fn the_action_downloads_its_own_release_verifies_it_and_reports() {
    let text = fs::read_to_string(common::repository().join("action.yml")).unwrap();
    assert!(
        text.contains(&format!("    default: {}\n", env!("CARGO_PKG_VERSION"))),
        "the action's default is another release"
    );
    let shown = blocks()[0]["jobs"]["mesh"]["steps"][1].clone();
    assert!(shown["uses"].as_str().unwrap().ends_with(&format!("/meshgen@v{}", env!("CARGO_PKG_VERSION"))));
    let repository = Repository::new();
    // The release: an archive as tools/release-pack packs it, of whatever machine asks.
    assert!(repository.run(
        "mkdir release temp && for target in \"$(uname -m)-unknown-linux-musl\"; do \
         name=meshgen-7.0.0-$target; mkdir release/$name; cp \"$(realpath bin/meshgen)\" release/$name/; \
         tar -C release -I 'gzip -1' -cf release/$name.tar.gz $name; done; cd release && sha256sum *.tar.gz >SHA256SUMS"
    ));
    repository.stand_in("curl", "for url; do case $url in https:*) cp \"$HERE/release/${url##*/}\" . ;; esac; done");
    let value = |expression: &str| match expression {
        "${{ inputs.version }}" => "7.0.0".to_owned(),
        "${{ inputs.topology }}" => "mesh.yaml".to_owned(),
        "${{ inputs.output }}" | "${{ inputs.output || inputs.topology }}" => "out".to_owned(),
        "${{ inputs.base }}" => "main".to_owned(),
        "${{ github.server_url }}/${{ github.action_repository }}/releases/download" => "https://releases".to_owned(),
        other => panic!("{other} has no value here"),
    };
    let run = |name: &str| {
        let (_, variables, script) = action().into_iter().find(|(step, ..)| step == name).unwrap();
        let variables = variables.as_object().unwrap().iter();
        let variables = variables.map(|(name, expression)| format!("{name}='{}'", value(expression.as_str().unwrap())));
        let machine = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
        let variables = variables.collect::<Vec<_>>().join(" ");
        repository.run(&format!(
            "export HERE=$PWD RUNNER_TEMP=$PWD/temp RUNNER_OS=Linux RUNNER_ARCH={machine} GITHUB_STEP_SUMMARY=$PWD/summary {variables}\n{script}"
        ))
    };
    let names: Vec<String> = action().into_iter().map(|(name, ..)| name).collect();
    repository.change();
    assert!(repository.run("meshgen build mesh.yaml -o out"));
    for name in &names {
        assert!(run(name), "{name}");
    }
    let summary = fs::read_to_string(repository.path().join("summary")).unwrap();
    assert!(summary.starts_with("### meshgen: ") && summary.contains("context='admin'"), "{summary}");
    // A tree that is not up to date, and a mistake.
    repository.run("git checkout -q out");
    assert_eq!(names.iter().map(|name| run(name)).collect::<Vec<_>>(), [true, true, true, false]);
    // Another root.
    assert!(repository.run(
        "meshgen ca new --ca other.seed && cp -r out whole && meshgen build mesh.yaml -o out --ca other.seed --replace-root --overwrite"
    ));
    assert!(repository.run("mv ca.seed mesh.seed && rm out/*/20-cacerts/ca-key.pem"));
    assert_eq!(names.iter().map(|name| run(name)).collect::<Vec<_>>(), [true, true, true, false]);
    assert!(repository.run("mv mesh.seed ca.seed && rm -r out && mv whole out"));
    fs::write(repository.path().join("mesh.yaml"), "kind: Topology\n").unwrap();
    assert!(!run(&names[1]));
    // Another archive than the one whose checksum was published.
    assert!(
        repository.run(
            "cd release && for name in meshgen-*/; do echo >$name/other; tar -czf ${name%/}.tar.gz ${name%/}; done"
        )
    );
    assert!(!run(&names[0]));
}

#[test]
fn hooks_check_the_topologies_that_init_writes() {
    let text = fs::read_to_string(common::repository().join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Value = serde_yaml::from_str(&text).unwrap();
    let page = fs::read_to_string(common::repository().join("docs/install.md")).unwrap();
    let repository = Repository::new();
    assert!(repository.run("meshgen init -o new --clusters 1 --networks 1 --primaries 1"));
    for hook in hooks.as_array().unwrap() {
        let files = regex::Regex::new(hook["files"].as_str().unwrap()).unwrap();
        assert!(["new/topology.yaml", "topologies/a.yml"].iter().all(|path| files.is_match(path)));
        assert!(!files.is_match("out/c0/30-istio/istio.yaml"));
        let entry = hook["entry"].as_str().unwrap();
        assert!(
            repository.run(&format!("{entry} new/topology.yaml")) && !repository.run(&format!("{entry} out/README.md"))
        );
        assert!(
            page.contains(&format!("`{}`", hook["id"].as_str().unwrap())),
            "docs/install.md does not show the hook"
        );
    }
}
