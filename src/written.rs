//! A topology's text as it is written: where its places are, and what a patch changes there.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::{Certainty, FieldPath, Patch, Place, Replacement, Segment};
use crate::source::{BYTE_ORDER_MARK, MAXIMUM_BYTES, Source};
use crate::syntax::{self, Document, Kind, NodeId};
use crate::yaml;

/// A topology's text, and what is to be known of it to find a place.
#[derive(Debug)]
pub struct Written<'s> {
    source: &'s Source,
    /// Without a byte-order mark, and with U+FFFD for bytes that are not valid UTF-8.
    text: Cow<'s, str>,
    document: Option<Document>,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// A place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1 on.
    pub line: usize,
    /// The column in characters (Unicode code points), from 1 on.
    pub column: usize,
}

/// A change of the text, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// The text that comes.
    pub replacement: String,
    /// Whether a program may make the change without asking.
    pub certainty: Certainty,
}

impl<'s> Written<'s> {
    /// Reads the source's text.
    pub fn new(source: &'s Source) -> Self {
        let text = source.text();
        // What is too large was refused before it was parsed.
        let is_read = source.bytes.len() <= MAXIMUM_BYTES;
        let document = is_read.then(|| Document::parse(&text, &mut Vec::new()).ok()).flatten();
        let lines = [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, text, document, lines }
    }

    /// The text that ranges and positions are about.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file's name.
    pub fn name(&self) -> &'s str {
        &self.source.name
    }

    /// The bytes to underline, within one line where that says enough.
    pub fn range(&self, place: &Place) -> Option<Range<usize>> {
        let range = match place {
            Place::Whole | Place::File(_) => return None,
            Place::Range(range) => range.clone(),
            Place::Field(path) => {
                let (id, key) = self.document.as_ref()?.find(path)?;
                match self.document.as_ref()?.node(id).kind {
                    Kind::Scalar(..) => self.document.as_ref()?.node(id).range.clone(),
                    _ => key.unwrap_or_else(|| self.head(id)),
                }
            }
            Place::Key(path) => {
                let (id, key) = self.document.as_ref()?.find(path)?;
                key.unwrap_or_else(|| self.head(id))
            }
        };
        Some(self.on_characters(range))
    }

    /// The first line of a mapping or sequence.
    fn head(&self, id: NodeId) -> Range<usize> {
        let document = self.document.as_ref().expect("an id is a document's");
        let node = document.node(id);
        match &node.kind {
            Kind::Mapping(mapping) => {
                mapping.entries.first().map_or(node.range.clone(), |entry| match &document.node(entry.value).kind {
                    Kind::Scalar(..) => entry.key_range.start..document.node(entry.value).range.end,
                    _ => entry.key_range.clone(),
                })
            }
            _ => node.range.start..node.range.start + self.text[node.range.clone()].lines().next().map_or(0, str::len),
        }
    }

    /// A range that cuts no character, and lies within the text.
    fn on_characters(&self, range: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(range.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(range.end.clamp(start, self.text.len()));
        start..end
    }

    /// Line and column of a byte of the text.
    pub fn position(&self, at: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines[line - 1];
        Position { line, column: self.text[start..at].chars().count() + 1 }
    }

    /// The whole lines that a range touches, and the number of the first.
    pub fn lines(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let first = self.lines.partition_point(|start| *start <= range.start);
        let next = self.lines.partition_point(|start| *start <= range.end);
        (self.lines[first - 1]..self.lines.get(next).copied().unwrap_or(self.text.len()), first)
    }

    /// The position in the file of a byte of the text. The file may begin with a byte-order mark and contain bytes that are not valid UTF-8.
    pub fn offset(&self, at: usize) -> usize {
        let mark = if self.source.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let (mut shown, mut read) = (0, mark);
        let Cow::Owned(_) = self.text else { return at + mark };
        for chunk in self.source.bytes[mark..].utf8_chunks() {
            let valid = chunk.valid().len();
            if at <= shown + valid {
                return read + at - shown;
            }
            shown += valid + char::REPLACEMENT_CHARACTER.len_utf8();
            read += valid + chunk.invalid().len();
            if at < shown {
                return read;
            }
        }
        read
    }

    /// The change of a patch; `None` if the place is not a single value or name, or if an alias repeats it elsewhere.
    pub fn edit(&self, patch: &Patch) -> Option<Edit> {
        let range = match &patch.place {
            Place::Field(path) => {
                let document = self.document.as_ref()?;
                let (id, _) = document.find(path)?;
                let is_scalar = matches!(document.node(id).kind, Kind::Scalar(..));
                let is_block = self.text[self.range(&patch.place)?].starts_with(['|', '>']);
                (is_scalar && !is_block && !self.is_repeated(path)).then(|| self.range(&patch.place))??
            }
            Place::Key(path) => {
                let is_field = matches!(path.segments(), [.., Segment::Key(_)]);
                (is_field && !self.is_repeated(path)).then(|| self.range(&patch.place))??
            }
            Place::Range(range) => {
                let range = self.on_characters(range.clone());
                let is_line = matches!(&patch.replacement, Replacement::Yaml(yaml) if yaml.ends_with('\n'));
                (!is_line || self.lines.binary_search(&range.start).is_ok()).then_some(range)?
            }
            Place::Whole | Place::File(_) => return None,
        };
        let replacement = match &patch.replacement {
            Replacement::Text(text) => scalar(text, &self.text[range.clone()]),
            Replacement::Yaml(yaml) if self.has_carriage_returns() => yaml.replace('\n', "\r\n"),
            Replacement::Yaml(yaml) => yaml.clone(),
        };
        Some(Edit { range, replacement, certainty: patch.certainty })
    }

    /// Whether the value at a path, or one that holds it, stands elsewhere too, by an alias.
    fn is_repeated(&self, path: &FieldPath) -> bool {
        let Some(document) = &self.document else { return false };
        let mut at = FieldPath::root();
        path.segments().iter().any(|segment| {
            at = match segment {
                Segment::Key(key) => at.child(key.clone()),
                Segment::Index(index) => at.index(*index),
            };
            document.find(&at).is_some_and(|(id, _)| document.is_repeated(id))
        })
    }

    fn has_carriage_returns(&self) -> bool {
        self.lines.get(1).is_some_and(|line| self.text[..*line].ends_with("\r\n"))
    }

    /// A path with the names of items in the place of their positions, where they have one: it outlives other items.
    pub fn named(&self, path: &FieldPath) -> String {
        let mut at = FieldPath::root();
        let mut out = String::new();
        for segment in path.segments() {
            match segment {
                Segment::Key(key) => {
                    at = at.child(key.clone());
                    out += if out.is_empty() { "" } else { "." };
                    out += key;
                }
                Segment::Index(index) => {
                    at = at.index(*index);
                    out.extend(["[", &self.name_of(&at).unwrap_or_else(|| index.to_string()), "]"]);
                }
            }
        }
        out
    }

    fn name_of(&self, item: &FieldPath) -> Option<String> {
        let document = self.document.as_ref()?;
        let (id, _) = document.find(&item.child("name"))?;
        match &document.node(id).kind {
            Kind::Scalar(Value::String(name), _) => Some(name.clone()),
            _ => None,
        }
    }

    /// The source after changes that are in order and do not overlap.
    pub fn after<'e>(&self, edits: impl IntoIterator<Item = &'e Edit>) -> Source {
        let mut bytes =
            if self.source.bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        let mut at = 0;
        for edit in edits {
            bytes.extend_from_slice(&self.text.as_bytes()[at..edit.range.start]);
            bytes.extend_from_slice(edit.replacement.as_bytes());
            at = edit.range.end;
        }
        bytes.extend_from_slice(&self.text.as_bytes()[at..]);
        Source { bytes, ..self.source.clone() }
    }
}

/// A string in the quotes that stood around the one before it, or in those that it needs.
fn scalar(text: &str, before: &str) -> String {
    let is_printable = text.chars().all(|character| !character.is_control() && character != '\u{feff}');
    if before.starts_with('\'') && is_printable {
        return format!("'{}'", text.replace('\'', "''"));
    }
    if before.starts_with('"') || !is_plain(text) {
        return yaml::quote(text);
    }
    text.to_owned()
}

/// Strings as a list in brackets.
pub(crate) fn in_brackets(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item, "")).collect();
    format!("[{}]", items.join(", "))
}

/// Whether every reader takes the text for a string where it stands alone, in braces and brackets too.
fn is_plain(text: &str) -> bool {
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@+-".contains(&byte);
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
        && text.bytes().all(goes_on)
        && !text.ends_with(':')
        && !yaml::is_word(text)
        && syntax::plain(text).is_string()
}
