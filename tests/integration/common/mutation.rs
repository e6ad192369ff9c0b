//! Random topologies with mistakes in them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generator;

/// A change of one place of a text.
#[derive(Debug, Clone)]
enum Mutation {
    DropLine(Index),
    RepeatLine(Index),
    SwapCharacters(Index),
    SwapCase(Index),
    DropCharacter(Index),
    Insert(Index, String),
    ReplaceValue(Index, String),
}

const VALUES: [&str; 14] = [
    "",
    "~",
    "yes",
    "\"1\"",
    "1.30",
    "-1",
    "lan",
    "[a, b]",
    "{a: b}",
    "192.0.2.1",
    "&a x",
    "*a",
    "Öst 東京",
    "| \n      a",
];

/// A valid topology, mutated in a few places.
pub(crate) fn broken() -> impl Strategy<Value = String> {
    (generator::topologies(), vec(mutation(), 0..4)).prop_map(|(topology, mutations)| {
        mutations.iter().fold(topology.text, |text, mutation| mutated(&text, mutation))
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let value = prop::sample::select(&VALUES[..]).prop_map(str::to_owned);
    prop_oneof![
        1 => any::<Index>().prop_map(Mutation::DropLine),
        1 => any::<Index>().prop_map(Mutation::RepeatLine),
        3 => any::<Index>().prop_map(Mutation::SwapCharacters),
        3 => any::<Index>().prop_map(Mutation::SwapCase),
        1 => any::<Index>().prop_map(Mutation::DropCharacter),
        1 => (any::<Index>(), "[ -~é東\t\r\n\u{feff}\u{0}]").prop_map(|(at, text)| Mutation::Insert(at, text)),
        3 => (any::<Index>(), value).prop_map(|(at, text)| Mutation::ReplaceValue(at, text)),
    ]
}

fn mutated(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return text.to_owned();
    }
    match mutation {
        Mutation::DropLine(at) => {
            lines.remove(at.index(lines.len()));
            lines.concat()
        }
        Mutation::RepeatLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
            lines.concat()
        }
        Mutation::SwapCharacters(at) => {
            let at = at.index(characters.len());
            let next = (at + 1).min(characters.len() - 1);
            characters.swap(at, next);
            characters.into_iter().collect()
        }
        Mutation::SwapCase(at) => {
            let letters: Vec<usize> =
                (0..characters.len()).filter(|at| characters[*at].is_ascii_alphabetic()).collect();
            let Some(at) = (!letters.is_empty()).then(|| letters[at.index(letters.len())]) else {
                return text.to_owned();
            };
            let is_upper = characters[at].is_ascii_uppercase();
            characters[at] =
                if is_upper { characters[at].to_ascii_lowercase() } else { characters[at].to_ascii_uppercase() };
            characters.into_iter().collect()
        }
        Mutation::DropCharacter(at) => {
            characters.remove(at.index(characters.len()));
            characters.into_iter().collect()
        }
        Mutation::Insert(at, inserted) => {
            let at = at.index(characters.len());
            let (before, after) = characters.split_at(at);
            before.iter().chain(&inserted.chars().collect::<Vec<char>>()).chain(after).collect()
        }
        Mutation::ReplaceValue(at, value) => {
            let with_value: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(": ")).collect();
            let Some(at) = (!with_value.is_empty()).then(|| with_value[at.index(with_value.len())]) else {
                return text.to_owned();
            };
            let (key, _) = lines[at].split_once(": ").unwrap();
            lines[at] = format!("{key}: {value}\n");
            lines.concat()
        }
    }
}
