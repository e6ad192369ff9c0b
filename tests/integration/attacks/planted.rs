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

/// So is a tree or a directory of certificates, for whoever asks what Git tracks there: an index that lacks an object has Git fetch it.
#[test]
fn a_tree_that_looks_like_a_repository_is_not_asked() {
    let ground = Ground::new();
    let plant = r#"
        mkdir -p ../sparse/a/b && echo 1 >../sparse/a/b/file && echo 2 >../sparse/top
        (cd ../sparse && git init -q -b main && git add -A && git commit -q -m sparse && git sparse-checkout set --cone --sparse-index nothing)
        cd out
        mkdir objects refs
        touch objects/.keep refs/.keep
        echo 'ref: refs/heads/main' >HEAD
        cp ../../sparse/.git/index index
        git config -f config core.repositoryformatversion 1
        git config -f config core.bare true
        git config -f config core.sparseCheckout true
        git config -f config core.sparseCheckoutCone true
        git config -f config index.sparse true
        git config -f config extensions.partialClone origin
        git config -f config remote.origin.promisor true
        git config -f config remote.origin.url .
        git config -f config remote.origin.uploadpack 'touch "$PWNED"; git-upload-pack'
        git --git-dir ../.git --work-tree .. add -A ..
        cd ..
    "#;
    let clone = ground.attacked("mesh", plant).unwrap();
    // The plant works: Git itself falls for it.
    let fooled = "export PWNED=$PWD/pwned; git -C out ls-files >ls 2>&1 || true; [ -e pwned ]; rm pwned";
    let said = clone.run_script(fooled);
    assert!(said.is_green, "{}", said.text);
    let ask = "export PWNED=$PWD/pwned; meshgen build mesh.yaml -o out --check 2>&1 || true; [ ! -e pwned ]";
    let said = clone.run_script(ask);
    assert!(said.is_green, "{}", said.text);
}

/// Git follows the link, and finds nothing in the commit that it could compare with.
#[test]
fn a_linked_directory_is_not_compared() {
    let ground = Ground::new();
    let change = r"
        mkdir meshes && git mv mesh.yaml out meshes && git commit -q -m moved && git branch -q -f main
        git mv meshes elsewhere
        ln -s elsewhere meshes
        cp -r $ATTACKER/out/. elsewhere/out
    ";
    let clone = ground.attacked("mesh", change).unwrap();
    for ask in [
        "diff --since main meshes/out",
        "build meshes/mesh.yaml -o meshes/out --check --since main",
        // The shell went there by the link.
        "diff --since main out",
        "build mesh.yaml -o out --check --since main",
    ] {
        let enter = if ask.contains("meshes/") { "" } else { "cd meshes; " };
        let said = clone.run_script(&format!("{enter}! meshgen {ask} 2>&1"));
        assert!(said.is_green, "{}", said.text);
        said.has(&["meshes is a symbolic link"]).unwrap();
    }
}

/// GitHub's runner obeys a command wherever it stands in a line, and reports show lines and names of the pull request.
#[test]
fn no_report_has_a_command_for_the_runner() {
    let ground = Ground::new();
    let change = r"
        sed -i 's/version: 1.30.3}/& # ##[stop-commands]x/' mesh.yaml
        touch 'out/##[add-matcher]evil.json'
    ";
    let clone = ground.attacked("mesh", change).unwrap();
    for step in Step::ALL {
        let said = clone.run(step);
        assert!(!said.text.contains("##["), "{step:?}: {}", said.text);
    }
    clone.run(Step::Check).has(&["# ##\u{fffd}stop-commands]x"]).unwrap();
    clone.run(Step::UpToDate).has(&["##\u{fffd}add-matcher]evil.json"]).unwrap();
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
