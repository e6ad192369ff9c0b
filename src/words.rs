//! Small pieces of text that several modules write in the same way.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// So many things: `1 file`, `2 files`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The words as a sentence lists them: `a`, `a or b`, `a, b or c`.
pub(crate) fn joined(words: &[String], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} {conjunction} {last}", words.join(", ")),
    }
}

/// How many names are written where there are too many for all.
const FEW: usize = 3;

/// A few names in backticks, and how many more there are.
pub(crate) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.len() > FEW { first_few(&names) } else { joined(&names, "and") }
}

/// A few names without quotes, and how many more there are; `1 more` would be no shorter than the fourth name.
pub(crate) fn bare_names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.len() > FEW + 1 { first_few(&names) } else { names.join(", ") }
}

fn first_few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names[..FEW].iter().map(AsRef::as_ref).collect();
    format!("{} and {} more", shown.join(", "), names.len() - FEW)
}

/// A fence for a block of code that no line of the text closes (`CommonMark` 0.31.2, 4.5).
pub(crate) fn fence(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// Whether a character does something to the text around it instead of being a part of it: control characters, which may begin an
/// escape sequence, separators of lines, and marks of direction, which reorder what is shown (UAX #9).
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What GitHub's runner takes for a command, wherever it stands in a line
/// (<https://github.com/actions/runner/blob/v2.329.0/src/Runner.Common/ActionCommand.cs>).
const COMMAND: &str = "##[";

/// A report for programs: JSON in which no character does something to the text around it, and a line feed.
pub(crate) fn report_json(report: &impl Serialize) -> String {
    let mut text = plain_json(&serde_json::to_string_pretty(report).expect("a report is plain data"));
    text.push('\n');
    text
}

/// JSON in which every such character is written as an escape. It says the same.
pub(crate) fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        // Those of ASCII are escaped in strings, and between them stand only line feeds.
        if is_deceptive(character) && !character.is_ascii() {
            write!(plain, "\\u{:04x}", u32::from(character)).expect("a String takes everything");
        } else {
            plain.push(character);
        }
    }
    if plain.contains(COMMAND) {
        plain = plain.replace(COMMAND, "##\\u005b");
    }
    plain
}

/// Text without characters that do something to the text around them.
pub(crate) fn printable(text: &str) -> String {
    without_controls(text, char::REPLACEMENT_CHARACTER)
}

/// The same of a text of several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(|line| printable(line.trim_end_matches('\r'))).collect::<Vec<String>>().join("\n")
}

/// Text with a character of ours in the place of each of them.
pub(crate) fn without_controls(text: &str, instead: char) -> String {
    without_commands(text.chars().map(|character| if is_deceptive(character) { instead } else { character }).collect())
}

/// Text in which no command of GitHub's runner stands.
pub(crate) fn without_commands(text: String) -> String {
    if text.contains(COMMAND) { text.replace(COMMAND, "##\u{fffd}") } else { text }
}

/// Parts of a name with `-` between them, at most 63 characters long: a longer one ends with a digest of the whole.
pub(crate) fn short_name(parts: &[&str]) -> String {
    const LONGEST: usize = 63;
    const DIGITS: usize = 12;
    let name = parts.join("-");
    if name.len() <= LONGEST {
        return name;
    }
    let digest = hex(&Sha256::digest(&name));
    let beginning = name.get(..LONGEST - DIGITS - 1).unwrap_or_default().trim_end_matches('-');
    [beginning, "-", &digest[..DIGITS]].concat()
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

/// The same at the end of a text, which does not move if it has room: secret bytes leave no copy behind.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).expect("four bits")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_stranger_is_a_command_of_githubs_runner() {
        assert_eq!(printable("# ##[stop-commands]x"), "# ##\u{fffd}stop-commands]x");
        assert_eq!(plain_json("##[group]"), "##\\u005bgroup]");
    }

    #[test]
    fn of_many_names_the_first_three_are_written() {
        let all = ["a", "b", "c", "d", "e"];
        let quoted: Vec<String> = (0..=5).map(|count| names(all[..count].iter().copied())).collect();
        assert_eq!(
            quoted,
            ["", "`a`", "`a` and `b`", "`a`, `b` and `c`", "`a`, `b`, `c` and 1 more", "`a`, `b`, `c` and 2 more"]
        );
        let bare: Vec<String> = (0..=5).map(|count| bare_names(all[..count].iter().copied())).collect();
        assert_eq!(bare, ["", "a", "a, b", "a, b, c", "a, b, c, d", "a, b, c and 2 more"]);
    }

    #[test]
    fn one_thing_is_singular() {
        assert_eq!([0, 1, 2].map(|count| plural(count, "file")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn a_fence_is_longer_than_what_it_encloses() {
        assert_eq!(["", "a `b` c", "a\n```\nb", "`````"].map(fence), ["```", "```", "````", "``````"]);
    }

    #[test]
    fn bytes_have_two_digits_each() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]), "000aff");
    }
}
