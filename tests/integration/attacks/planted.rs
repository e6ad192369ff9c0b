//! Attacks on the program that reads the repository, and on the pipeline's own files.

use super::Step;
use super::ground::Ground;

/// A directory with `HEAD`, `objects` and `refs` is a repository for Git, and its `config` names programs.
#[test]
fn a_planted_repository_is_not_asked() {
    let ground = Ground::new();
    let plant = r#"
        mkdir meshes && git mv mesh.yaml out meshes && git commit -q -m moved && git branch -q -f main
        cd meshes
        mkdir objects refs
        touch objects/.keep refs/.keep
        echo 'ref: refs/heads/main' >HEAD
        printf '#!/bin/sh\ntouch "$PWNED"\n' >fetch.sh
        chmod +x fetch.sh
        git config -f config core.repositoryformatversion 1
        git config -f config core.bare true
        git config -f config extensions.partialClone origin
        git config -f config remote.origin.promisor true
        git config -f config remote.origin.url .
        git config -f config remote.origin.uploadpack ./fetch.sh
        git --git-dir ../.git --work-tree .. add -A ..
        cd ..
    "#;
    let clone = ground.attacked("mesh", plant).unwrap();
    let ask =
        "export PWNED=$PWD/pwned; ! meshgen diff --since \"$(git rev-parse HEAD~1)\" meshes/out 2>&1; [ ! -e pwned ]";
    let said = clone.run_script(ask);
    assert!(said.is_green, "{}", said.text);
    said.has(&["Git would take meshes for a bare repository"]).unwrap();
}

/// A report that could not be written leaves no file that the attacker committed to be posted in its place.
#[test]
fn nothing_of_a_pull_request_is_posted_as_the_comment() {
    let ground = Ground::new();
    let change =
        "rm out/meshgen.lock; ln -s /proc/self/environ comment.md; echo '### meshgen: no difference' >report.md";
    let clone = ground.attacked("mesh", change).unwrap();
    assert!(!clone.run(Step::Diff).is_green);
    assert!(clone.run_script("[ ! -e comment.md ] && [ ! -L comment.md ]").is_green);
}
