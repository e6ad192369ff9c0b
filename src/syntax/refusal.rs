//! What the parser refuses, in words for people who do not know how a parser works.

use crate::diagnostic::Diagnostic;
use crate::rule::SYNTAX;

/// What the parser refused at a byte of the text, at its place and with a way out.
pub(super) fn refused(text: &str, byte: usize, info: &str) -> Diagnostic {
    let at = byte.min(text.len());
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let next = text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1);
    // The parser stops before a tab or behind it.
    let tabs = [line, next].map(|line| line + text[line..].bytes().take_while(|byte| *byte == b' ').count());
    if let Some(tab) = tabs.into_iter().find(|tab| text[*tab..].starts_with('\t')) {
        return SYNTAX.at(tab..tab + 1, "this line is indented with a tab").help("indent with spaces");
    }
    if let Some(tab) = text[line..at].rfind(":\t").filter(|tab| text[line + tab + 1..at].trim().is_empty()) {
        let tab = line + tab + 1;
        return SYNTAX.at(tab..tab + 1, "a tab follows this colon").help("write a space there");
    }
    let end = text.ceil_char_boundary((at + 1).min(text.len()));
    let (message, help) = in_words(info);
    SYNTAX.at(at..end, message).help(help)
}

/// The phrases of saphyr-parser that have a translation. They are not part of its interface, so its version is pinned.
fn in_words(info: &str) -> (String, &'static str) {
    let (message, help) = match info {
        "simple key expect ':'" | "simple key expected" => {
            ("a line is neither `key: value` nor `- item`", "look for a missing colon here or on the line before")
        }
        "invalid indentation in quoted scalar" => ("this quote is not closed", "close it on its line"),
        "while parsing a flow mapping, did not find expected ',' or '}'"
        | "':' may not precede any of `[{` in flow mapping" => {
            ("a brace is not closed, or a comma is missing", "look for a missing `}` or `,` here or on the line before")
        }
        "while parsing a flow sequence, expected ',' or ']'" => (
            "a bracket is not closed, or a comma is missing",
            "look for a missing `]` or `,` here or on the line before",
        ),
        "mapping values are not allowed in this context" => {
            ("a key is not allowed here", "quote a value that contains `: `, or indent this line like its neighbours")
        }
        "\"-\" is only valid inside a block" => (
            "a `- ` is not allowed between brackets or braces",
            "close the bracket or brace before it, or quote the text",
        ),
        _ => {
            let message = format!("invalid YAML: {}", info.trim_end_matches('.'));
            return (message, "look for a missing colon, quote or bracket here or on the line before");
        }
    };
    (message.to_owned(), help)
}

#[cfg(test)]
mod tests {
    use saphyr_parser::Parser;

    use super::super::Document;

    /// A text, what the parser says of it, and what we say.
    const REFUSED: [(&str, &str, &str); 9] = [
        ("mesh:\n  id: a\n  name\nistio: b\n", "simple key expect ':'", "a line is neither `key: value` nor `- item`"),
        ("mesh: a\nistio", "simple key expected", "a line is neither `key: value` nor `- item`"),
        ("mesh:\n  id: \"a\nistio: b\n", "invalid indentation in quoted scalar", "this quote is not closed"),
        (
            "mesh: {id: a\nistio: b\n",
            "while parsing a flow mapping, did not find expected ',' or '}'",
            "a brace is not closed, or a comma is missing",
        ),
        (
            "mesh: {id:[a]}\n",
            "':' may not precede any of `[{` in flow mapping",
            "a brace is not closed, or a comma is missing",
        ),
        (
            "mesh: [a\n",
            "while parsing a flow sequence, expected ',' or ']'",
            "a bracket is not closed, or a comma is missing",
        ),
        ("mesh: a: b\n", "mapping values are not allowed in this context", "a key is not allowed here"),
        ("mesh: [- a]\n", "\"-\" is only valid inside a block", "a `- ` is not allowed between brackets or braces"),
        ("mesh: %a\n", "unexpected character: `%'", "invalid YAML: unexpected character: `%'"),
    ];

    #[test]
    fn every_phrase_of_the_parser_that_is_translated_is_one_that_it_says() {
        for (text, phrase, message) in REFUSED {
            let refusal = Parser::new_from_str(text).find_map(Result::err);
            assert_eq!(refusal.map(|refusal| refusal.info().to_owned()).as_deref(), Some(phrase), "{text:?}");
            let refusal = Document::parse(text, &mut Vec::new()).expect_err(text);
            assert_eq!(refusal.message, message, "{text:?}");
        }
    }
}
