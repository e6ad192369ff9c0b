use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::what::What;

/// A text that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TextChange {
    /// The file's path in the tree.
    pub file: String,
    /// Whether the file is on both sides.
    pub what: What,
    /// The lines that differ, with their context. None if the file has a private key, which no report shows.
    pub hunks: Vec<Hunk>,
}

/// Lines that differ, with their context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hunk {
    /// The first line's number in the first side's text, from 1; 0 if the text has no line.
    pub line_before: usize,
    /// The first line's number in the second side's text, from 1; 0 if the text has no line.
    pub line_after: usize,
    /// The lines, each after ` `, `-` or `+` as in a unified diff, with its line end if it has one.
    pub lines: Vec<String>,
}

impl TextChange {
    /// How many lines were added and removed.
    pub fn count(&self) -> (usize, usize) {
        let count = |sign| self.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.starts_with(sign)).count();
        (count('+'), count('-'))
    }
}

/// Compares the texts of two sides by their paths.
pub(super) fn compare_all(before: BTreeMap<&str, &str>, mut after: BTreeMap<&str, &str>) -> Vec<TextChange> {
    let mut changes: Vec<TextChange> = before
        .into_iter()
        .filter_map(|(path, old)| {
            let new = after.remove(path);
            (new != Some(old)).then(|| compare(path, Some(old), new))
        })
        .collect();
    changes.extend(after.into_iter().map(|(path, new)| compare(path, None, Some(new))));
    changes.sort_by(|one, other| one.file.cmp(&other.file));
    changes
}

pub(super) fn compare(path: &str, before: Option<&str>, after: Option<&str>) -> TextChange {
    const CONTEXT: usize = 2;
    let what = match (before, after) {
        (None, _) => What::Added,
        (_, None) => What::Removed,
        _ => What::Changed,
    };
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let holds_key = [before, after].iter().any(|text| text.contains("PRIVATE KEY-----"));
    let hunks = if holds_key { Vec::new() } else { hunks(before, after, CONTEXT) };
    TextChange { file: path.to_owned(), what, hunks }
}

fn hunks(before: &str, after: &str, context: usize) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(context);
    let hunks = groups.iter().filter_map(|group| {
        let first = group.first()?;
        let changes = group.iter().flat_map(|operation| diff.iter_changes(operation));
        let lines = changes.map(|change| {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            format!("{sign}{}", change.value())
        });
        let number = |line: usize, text: &str| if text.is_empty() { 0 } else { line + 1 };
        Some(Hunk {
            line_before: number(first.old_range().start, before),
            line_after: number(first.new_range().start, after),
            lines: lines.collect(),
        })
    });
    hunks.collect()
}
