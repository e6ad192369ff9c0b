//! Prints YAML that every Kubernetes reader reads back as it was meant, YAML 1.1 readers included.
//!
//! The bytes of manifests must not change by accident, for example with a new version of a dependency.

use std::fmt::Write;

use serde_json::Value;

use crate::words::is_deceptive;

/// Prints one document.
pub fn print(value: &Value) -> String {
    print_all(std::slice::from_ref(value))
}

/// Prints several documents into one file.
pub fn print_all(values: &[Value]) -> String {
    let mut out = String::with_capacity(1024 * values.len());
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push_str("---\n");
        }
        document(&mut out, value);
    }
    out
}

fn document(out: &mut String, value: &Value) {
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => block(out, value, 0, false),
        _ => {
            scalar(out, value, 0);
            out.push('\n');
        }
    }
}

/// A mapping or sequence that is not empty. `continues`: the first line stands behind a `- `.
fn block(out: &mut String, value: &Value, indent: usize, continues: bool) {
    let mut is_first = true;
    let mut begin = |out: &mut String| {
        if !(continues && std::mem::take(&mut is_first)) {
            pad(out, indent);
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                begin(out);
                string(out, key, None);
                out.push(':');
                match value {
                    Value::Object(_) if !is_empty(value) => {
                        out.push('\n');
                        block(out, value, indent + 2, false);
                    }
                    // Sequences are not indented under their key, as kubectl prints.
                    Value::Array(_) if !is_empty(value) => {
                        out.push('\n');
                        block(out, value, indent, false);
                    }
                    _ => {
                        out.push(' ');
                        scalar(out, value, indent + 2);
                        out.push('\n');
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                begin(out);
                out.push_str("- ");
                if is_empty(item) {
                    scalar(out, item, indent + 2);
                    out.push('\n');
                } else {
                    block(out, item, indent + 2, true);
                }
            }
        }
        _ => {
            scalar(out, value, indent);
            out.push('\n');
        }
    }
}

/// A value on the rest of its line; only a block string has further lines, at `indent`.
fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) => string(out, text, Some(indent)),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        _ => write!(out, "{value}").expect("a String takes everything"),
    }
}

fn string(out: &mut String, text: &str, block_indent: Option<usize>) {
    if is_plain(text) {
        out.push_str(text);
    } else if let Some(indent) = block_indent.filter(|_| is_block(text)) {
        literal(out, text, indent.max(2));
    } else {
        quoted(out, text);
    }
}

/// Whether every reader takes the text, unquoted, for a string.
fn is_plain(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'/';
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@=-".contains(&byte);
    text.bytes().next().is_some_and(begins) && text.bytes().all(goes_on) && !text.ends_with(':') && !is_word(text)
}

/// Whether a reader of YAML 1.1 takes the text, unquoted, for a truth or for nothing.
pub(crate) fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.chars().all(|character| character == '\n' || is_printable(character))
}

/// Characters that every reader takes as they are, and that people see where they are.
fn is_printable(character: char) -> bool {
    !is_deceptive(character) && !matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}') || character == '\t'
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// A string between double quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quoted(&mut out, text);
    out
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if is_printable(character) => out.push(character),
            _ => match u32::from(character) {
                code @ ..0x100 => write!(out, "\\x{code:02x}").expect("a String takes everything"),
                code @ ..0x1_0000 => write!(out, "\\u{code:04x}").expect("a String takes everything"),
                code => write!(out, "\\U{code:08x}").expect("a String takes everything"),
            },
        }
    }
    out.push('"');
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}
