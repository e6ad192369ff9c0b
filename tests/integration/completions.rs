//! What shells complete: verbs, options, and the values of options.

use std::process::Command;

use clap::{ArgAction, Command as Verb, CommandFactory, ValueHint};
use meshgen::check::every_rule;
use meshgen::cli::Arguments;
use meshgen::diff::Kind;

fn script(shell: &str) -> String {
    let output = crate::common::meshgen().args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers for the last of the words.
fn completed(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
source /dev/stdin
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_meshgen meshgen "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), script("bash")).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK, "bash"]).args(words).stdin(std::fs::File::open(input.path()).unwrap());
    let output = bash.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_shell_completes_what_its_generator_can() {
    let verbs = || Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect::<Vec<_>>();
    let rules = || every_rule().map(|rule| rule.name.to_owned()).collect::<Vec<_>>();
    let kinds = || Kind::ALL[..10].iter().map(|kind| kind.word().to_owned()).collect::<Vec<_>>();
    // clap_complete writes values for fish only if they are those of an option, and none for PowerShell.
    for (shell, words) in [
        ("bash", [verbs(), rules(), kinds()].concat()),
        ("zsh", [verbs(), rules(), kinds()].concat()),
        ("fish", [verbs(), kinds()].concat()),
        ("powershell", verbs()),
    ] {
        let script = script(shell);
        for word in words {
            assert!(script.contains(&word), "{shell} does not complete {word}");
        }
    }
}

#[test]
fn bash_offers_what_fits() {
    assert_eq!(completed(&["meshgen", "explain", "unknown-n"]), ["unknown-network"]);
    assert_eq!(completed(&["meshgen", "diff", "--fail-on", "restart-"]), ["restart-istiod", "restart-proxies"]);
    assert_eq!(completed(&["meshgen", "check", "--format", "j"]), ["json", "junit"]);
    assert_eq!(completed(&["meshgen", "comp"]), ["completions"]);
}

#[test]
fn every_value_that_can_be_listed_is_completed() {
    /// What the user makes up, or a program other than the shell knows.
    const FREE: [&str; 10] =
        ["cluster", "clusters", "networks", "primaries", "istio", "name", "now", "primary", "since", "within"];
    let mut pending: Vec<Verb> = vec![Arguments::command()];
    while let Some(verb) = pending.pop() {
        for argument in
            verb.get_arguments().filter(|argument| matches!(argument.get_action(), ArgAction::Set | ArgAction::Append))
        {
            let id = argument.get_id().as_str();
            let is_listed =
                !argument.get_possible_values().is_empty() || argument.get_value_hint() != ValueHint::Unknown;
            assert!(is_listed != FREE.contains(&id), "{} {id}", verb.get_name());
        }
        pending.extend(verb.get_subcommands().cloned());
    }
}
