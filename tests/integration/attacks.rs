//! The pull requests of an attacker who can write every file of a repository, and the step of the documented pipeline that stops each.
//! `docs/threat-model.md` has the same tables.

use std::fmt::Write;
use std::fs;
use std::sync::Mutex;
use std::thread;

use crate::common;

use ground::Ground;

mod certificates;
mod ciphertexts;
mod company;
mod files;
mod git;
mod ground;
mod lock;
mod planted;
mod reviewed;
mod topology;

/// A step of the pipeline that `docs/ci.md` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Check,
    Diff,
    UpToDate,
}

impl Step {
    const ALL: [Self; 3] = [Self::Check, Self::Diff, Self::UpToDate];

    /// Its name on the page.
    fn name(self) -> &'static str {
        match self {
            Self::Check => "Check the topology",
            Self::Diff => "Show what the change does",
            Self::UpToDate => "Check that the tree is up to date",
        }
    }

    /// What it runs, as the tables name it.
    fn command(self) -> &'static str {
        match self {
            Self::Check => "`check`",
            Self::Diff => "`diff`",
            Self::UpToDate => "`build --check`",
        }
    }
}

/// A change of a repository.
struct Attack {
    /// What the pull request does.
    name: &'static str,
    /// What the attacker gains if it is merged and built or applied.
    gain: &'static str,
    /// The step that is red; of a change that a reviewer has to see, the one that shows it.
    step: Step,
    /// What the step says.
    says: &'static [&'static str],
    /// The change, in the shell of `ground.rs`.
    change: &'static str,
}

/// Attacks on the same repository.
struct Group {
    title: &'static str,
    repository: &'static str,
    attacks: &'static [Attack],
}

const GROUPS: [Group; 7] = [
    Group { title: "Certificates and keys", repository: "mesh", attacks: certificates::ATTACKS },
    Group { title: "Ciphertexts", repository: "sops", attacks: ciphertexts::ATTACKS },
    Group { title: "The lock", repository: "mesh", attacks: lock::ATTACKS },
    Group { title: "Manifests and scripts", repository: "mesh", attacks: files::ATTACKS },
    Group { title: "Links, attributes and modes", repository: "mesh", attacks: git::ATTACKS },
    Group { title: "The topology", repository: "mesh", attacks: topology::ATTACKS },
    Group { title: "An authority of your own", repository: "company", attacks: company::ATTACKS },
];

/// Changes that are valid, and that a reviewer has to judge.
const REVIEWED: [Group; 2] = [
    Group { title: "What a reviewer has to judge", repository: "mesh", attacks: reviewed::ATTACKS },
    Group { title: "What a reviewer has to judge of ciphertexts", repository: "sops", attacks: ciphertexts::REVIEWED },
];

/// Asks the same of every attack, on all processors; what was wrong.
fn of_each(groups: &[Group], ask: impl Fn(&Ground, &str, &Attack) -> Result<(), String> + Sync) -> Vec<String> {
    let ground = Ground::new();
    let attacks = groups.iter().flat_map(|group| group.attacks.iter().map(|attack| (group.repository, attack)));
    let (attacks, faults) = (Mutex::new(attacks), Mutex::new(Vec::new()));
    let next = || attacks.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((repository, attack)) = next() {
                    if let Err(fault) = ask(&ground, repository, attack) {
                        faults.lock().unwrap().push(format!("{}: {fault}", attack.name));
                    }
                }
            });
        }
    });
    faults.into_inner().unwrap()
}

#[test]
fn every_attack_turns_a_step_of_the_pipeline_red() {
    let faults = of_each(&GROUPS, |ground, repository, attack| {
        let clone = ground.attacked(repository, attack.change)?;
        let said = clone.run(attack.step);
        if said.is_green {
            return Err(format!("{:?} is green:\n{}", attack.step, said.text));
        }
        said.has(attack.says)
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(GROUPS.iter().map(|group| group.attacks.len()).sum::<usize>() >= 40);
}

#[test]
fn what_a_reviewer_has_to_judge_is_said() {
    let faults = of_each(&REVIEWED, |ground, repository, attack| {
        let clone = ground.attacked(repository, attack.change)?;
        for step in Step::ALL {
            let said = clone.run(step);
            if !said.is_green {
                return Err(format!("{step:?} is red:\n{}", said.text));
            }
            if step == attack.step {
                said.has(attack.says)?;
            }
        }
        Ok(())
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Otherwise everything would be red.
#[test]
fn a_pull_request_that_changes_nothing_is_green() {
    let ground = Ground::new();
    for repository in ["mesh", "company", "sops"] {
        let clone = ground.attacked(repository, "echo >>notes").unwrap();
        for step in Step::ALL {
            let said = clone.run(step);
            assert!(said.is_green, "{repository}, {step:?}: {}", said.text);
        }
    }
}

/// The page with each table as it stands here.
fn page(found: &str) -> String {
    let mut page = String::new();
    let mut title = "";
    let mut lines = found.lines().peekable();
    while let Some(line) = lines.next() {
        title = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')).unwrap_or(title);
        if !line.starts_with('|') {
            writeln!(page, "{line}").unwrap();
            continue;
        }
        while lines.next_if(|line| line.starts_with('|')).is_some() {}
        page += &match GROUPS.iter().find(|group| group.title == title) {
            Some(group) => table(group),
            None => match REVIEWED.iter().find(|group| group.title == title) {
                Some(group) => reviewed_table(group),
                None => panic!("docs/threat-model.md: a table under `{title}`"),
            },
        };
    }
    page
}

fn quoted(says: &[&str]) -> String {
    let fence = |words: &str| if words.contains('`') { format!("`` {words} ``") } else { format!("`{words}`") };
    says.iter().map(|words| fence(&words.replace("  ", " "))).collect::<Vec<_>>().join(", ")
}

fn table(group: &Group) -> String {
    let mut table = "| the pull request | what the attacker gains | red | it says |\n|---|---|---|---|\n".to_owned();
    for Attack { name, gain, step, says, .. } in group.attacks {
        writeln!(table, "| {name} | {gain} | {} | {} |", step.command(), quoted(says)).unwrap();
    }
    table
}

fn reviewed_table(group: &Group) -> String {
    let mut table = "| the pull request | what the attacker gains | it says |\n|---|---|---|\n".to_owned();
    for Attack { name, gain, step, says, .. } in group.attacks {
        writeln!(table, "| {name} | {gain} | {}: {} |", step.command(), quoted(says)).unwrap();
    }
    table
}

#[test]
fn the_page_has_the_same_tables() {
    let path = common::repository().join("docs/threat-model.md");
    let found = fs::read_to_string(&path).unwrap();
    let headings = found.lines().filter(|line| line.starts_with('#'));
    let headings: Vec<&str> = headings.filter_map(|line| line.trim_start_matches('#').strip_prefix(' ')).collect();
    for group in GROUPS.iter().chain(&REVIEWED) {
        assert!(headings.contains(&group.title), "docs/threat-model.md has no heading `{}`", group.title);
    }
    common::expect_file(&path, &page(&found));
}
