//! The man pages: one for each verb, with every option of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use clap::{Command as Verb, CommandFactory};
use meshgen::cli::Arguments;

use crate::common;

/// What `meshgen man` writes to a place, and what it prints.
fn man(arguments: &[&str]) -> String {
    let output = common::meshgen().arg("man").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every verb by the name of its page, such as `meshgen-ca-new`.
fn verbs(name: &str, verb: &Verb) -> Vec<(String, Verb)> {
    let inner = verb.get_subcommands().flat_map(|inner| verbs(&format!("{name}-{}", inner.get_name()), inner));
    [(name.to_owned(), verb.clone())].into_iter().chain(inner).collect()
}

#[test]
fn every_verb_has_a_page_with_its_options() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("share/man/man1");
    assert_eq!(man(&["-o", place.to_str().unwrap()]), "");
    let verbs = verbs("meshgen", &Arguments::command());
    let wanted: BTreeSet<String> = verbs.iter().map(|(name, _)| format!("{name}.1")).collect();
    let written = common::entries(&place);
    assert_eq!(
        written.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
        wanted
    );
    assert!(wanted.contains("meshgen-ca-new.1"), "{wanted:?}");
    for (name, verb) in verbs {
        let page = fs::read_to_string(place.join(format!("{name}.1"))).unwrap().replace("\\-", "-");
        // No date: the same meshgen writes the same page.
        let title = format!(".TH {name} 1  \"meshgen {}\"", env!("CARGO_PKG_VERSION"));
        assert!(page.lines().any(|line| line.trim_end() == title), "{page}");
        for option in verb.get_arguments() {
            let value = option.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
            let shown = option.get_long().map(|long| format!("--{long}")).or(value);
            let shown = shown.unwrap_or_else(|| option.get_id().as_str().to_uppercase());
            assert!(page.contains(&shown), "{name}: no {shown} in {page}");
        }
        for inner in verb.get_subcommands() {
            assert!(page.contains(&format!("{name}-{}(1)", inner.get_name())), "{page}");
        }
    }
}

#[test]
fn the_page_of_the_program_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    man(&["-o", directory.path().to_str().unwrap()]);
    let written = fs::read_to_string(directory.path().join("meshgen.1")).unwrap();
    assert_eq!(man(&[]), written);
}

#[test]
fn a_directory_that_nobody_may_write_to_is_told() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write everywhere, so another user of a namespace of its own tries.
    let mut man = common::program("unshare");
    man.args(["--user", "--", env!("CARGO_BIN_EXE_meshgen"), "man", "-o"]).arg(directory.path());
    let output = man.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("permission denied: change its mode"), "{said}");
}
