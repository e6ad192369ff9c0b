//! What shells complete: verbs, options, and the values of options.

use std::path::Path;
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
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
_clap_complete_meshgen meshgen "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), script("bash")).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK, "bash"]).args(words).stdin(std::fs::File::open(input.path()).unwrap());
    let program = Path::new(env!("CARGO_BIN_EXE_meshgen")).parent().unwrap();
    bash.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
    let output = bash.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What the program answers the script of a shell, without descriptions.
fn answered(shell: &str, words: &[&str]) -> Vec<String> {
    let mut program = crate::common::meshgen();
    program.env("MESHGEN_COMPLETE", shell).env("_CLAP_IFS", "\n");
    program.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()).arg("--").args(words);
    let output = program.output().unwrap();
    assert!(output.status.success(), "{shell}: {output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split(['\t', ':']).next().unwrap().to_owned()).collect()
}

#[test]
fn every_shell_completes_verbs_and_values() {
    let mut verbs: Vec<_> = Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    verbs.push("help".to_owned());
    let rules: Vec<_> = every_rule().map(|rule| rule.name.to_owned()).collect();
    let kinds: Vec<_> = Kind::ALL[..10].iter().map(|kind| kind.word().to_owned()).collect();
    let ask = "MESHGEN_COMPLETE";
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(script(shell).contains(ask), "{shell}: its script does not ask the program");
        let has = |words: &[&str], expected: &[String]| {
            let offered = answered(shell, words);
            assert!(expected.iter().all(|word| offered.contains(word)), "{shell} {words:?}: {offered:?}");
        };
        has(&["meshgen", ""], &verbs);
        has(&["meshgen", "explain", ""], &rules);
        has(&["meshgen", "check", "--ignore", ""], &rules);
        has(&["meshgen", "diff", "--fail-on", ""], &kinds);
    }
}

#[test]
fn bash_offers_what_fits() {
    assert_eq!(completed(&["meshgen", "explain", "unknown-n"]), ["unknown-network"]);
    assert_eq!(completed(&["meshgen", "diff", "--fail-on", "restart-"]), ["restart-istiod", "restart-proxies"]);
    assert_eq!(completed(&["meshgen", "check", "--select", "no-trust,unknown-n"]), ["no-trust,unknown-network"]);
    assert_eq!(completed(&["meshgen", "check", "--format", "j"]), ["json", "junit"]);
    assert_eq!(completed(&["meshgen", "comp"]), ["completions"]);
}

#[test]
fn clusters_are_those_of_the_topology() {
    let topology = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    };
    let clusters = |file: &tempfile::NamedTempFile, begun: &str| {
        completed(&["meshgen", "build", file.path().to_str().unwrap(), "-o", "out", "--cluster", begun])
    };
    let mesh = topology(include_str!("../../topologies/2-clusters-2-control-planes-2-networks.yaml"));
    assert_eq!(clusters(&mesh, ""), ["cluster1", "cluster2"]);
    assert_eq!(clusters(&mesh, "cluster2"), ["cluster2"]);
    assert_eq!(clusters(&mesh, "other"), [""]);
    let with_a_mistake =
        topology(&std::fs::read_to_string(mesh.path()).unwrap().replace("network: network2", "network: 2"));
    assert_eq!(clusters(&with_a_mistake, ""), ["cluster1", "cluster2"]);
    assert_eq!(clusters(&topology("clusters: ["), ""), [""]);
}

#[test]
fn an_unknown_shell_is_refused() {
    let output = crate::common::meshgen().env("MESHGEN_COMPLETE", "tcsh").args(["--", "meshgen", ""]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: unknown shell `tcsh`"));
}

#[test]
fn every_value_that_can_be_listed_is_completed() {
    /// What the user makes up, or a program other than the shell knows.
    const FREE: [&str; 13] = [
        "cluster",
        "clusters",
        "from",
        "istio",
        "name",
        "networks",
        "now",
        "primaries",
        "primary",
        "service",
        "since",
        "to",
        "within",
    ];
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
