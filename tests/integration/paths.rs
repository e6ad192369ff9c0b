//! Calls from cluster to cluster: `tests/path/<case>/arguments`, and what `path` says of them. The cases have one topology in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common;

fn cases() -> Vec<PathBuf> {
    let entries = common::entries(&common::repository().join("tests/path"));
    entries.into_iter().filter(|path| path.is_dir()).collect()
}

fn asked(case: &Path, more: &[&str]) -> Output {
    let arguments = fs::read_to_string(case.join("arguments")).unwrap();
    let mut command = common::meshgen();
    command.current_dir(case).args(["path", "../topology.yaml"]).args(arguments.split_whitespace()).args(more);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}{}exit {}\n", text(&output.stderr), text(&output.stdout), output.status.code().unwrap())
}

#[test]
fn every_call_is_answered_as_written_down() {
    assert!(!cases().is_empty());
    for case in cases() {
        let (text, json) = (asked(&case, &[]), asked(&case, &["--format", "json"]));
        assert_eq!(text.status.code(), json.status.code(), "{}", case.display());
        common::obeys_schema(std::str::from_utf8(&json.stdout).unwrap());
        let picture = asked(&case, &["--format", "svg"]);
        if fs::read_to_string(case.join("arguments")).unwrap().contains("--matrix") {
            assert_eq!(picture.status.code(), text.status.code());
            common::expect_file(&case.join("picture.svg"), std::str::from_utf8(&picture.stdout).unwrap());
        } else {
            assert_eq!((picture.status.code(), picture.stdout.as_slice()), (Some(2), &b""[..]));
        }
        common::snapshots(&case).bind(|| {
            insta::assert_snapshot!("text", said(&text));
            insta::assert_snapshot!("json", said(&json));
        });
    }
}

#[test]
fn the_page_on_debugging_shows_an_answer_as_it_is() {
    let page = fs::read_to_string(common::repository().join("docs/debugging.md")).unwrap();
    let answer = asked(&common::repository().join("tests/path/through-a-gateway"), &[]);
    let answer = String::from_utf8(answer.stdout).unwrap();
    assert!(page.contains(&format!("```text\n{answer}```\n")), "docs/debugging.md does not show:\n{answer}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_a_way_out() {
    let case = common::repository().join("tests/path/through-a-gateway");
    for (arguments, wanted) in [
        (&["--from", "esat", "--to", "north"][..], "error: the topology has no cluster `esat`: did you mean `east`?"),
        (&["--from", "east", "--to", "north", "--service", "helloworld"], "write it like `sample/helloworld:5000`"),
        (&["--from", "east", "--to", "north", "--service", "a/b:0"], "write it like `sample/helloworld:5000`"),
        (&["--from", "east"], "--to <CLUSTER>"),
        (&["--matrix", "--policy", "nowhere.yaml"], "nowhere.yaml"),
        (&["--matrix", "--policy", "xyz=arguments"], "the topology has no cluster `xyz`"),
        (&["--matrix", "--policy", "../missing-secret/text.snap"], "error["),
    ] {
        let output = common::meshgen().current_dir(&case).args(["path", "../topology.yaml"]).args(arguments).output();
        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{arguments:?}: {stderr}");
        assert!(stderr.contains(wanted), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_object_that_says_nothing_of_a_call_is_named() {
    let case = common::repository().join("tests/path/moved-label");
    let output = common::meshgen()
        .current_dir(&case)
        .args(["path", "../topology.yaml", "--from", "east", "--to", "north", "--policy", "services.yaml"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("note: services.yaml has objects that say nothing of a call, of kind `Service`: name the"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(0));
}
