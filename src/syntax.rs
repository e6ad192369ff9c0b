//! The topology's text as a tree of values that know their place.
//!
//! One parser reads the text, once: what the schema, serde and the reports say rests on the same tree.
//! Scalars are resolved by the core schema of YAML 1.2 (<https://yaml.org/spec/1.2.2/#103-core-schema>), as editors do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath, Place, Segment};
use crate::rule::{DUPLICATE_KEY, SYNTAX};

pub(crate) use self::scalar::plain;

mod scalar;

/// Mappings and sequences in one another: a topology needs seven levels, Helm values a few more.
const MAXIMUM_DEPTH: usize = 64;
/// Values that aliases may add to those that are written out.
const MAXIMUM_EXPANSION: usize = 10_000;

/// The parsed text of one topology.
#[derive(Debug)]
pub struct Document {
    nodes: Vec<Node>,
    root: NodeId,
    /// The values that aliases repeat.
    repeated: BTreeSet<usize>,
}

/// A value's position in its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(usize);

/// A value and the bytes of the text that state it.
#[derive(Debug)]
pub struct Node {
    /// The bytes from the value's first to its last.
    pub range: Range<usize>,
    /// The value.
    pub kind: Kind,
    /// How many values there are when every alias is written out.
    size: usize,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// A value without parts, and its text.
    Scalar(Value, String),
    /// A list.
    Sequence(Vec<NodeId>),
    /// Fields.
    Mapping(Mapping),
}

/// The fields of a mapping.
#[derive(Debug)]
pub struct Mapping {
    /// In the order in which they are written.
    pub entries: Vec<Entry>,
    /// The positions of `entries` in the order of their names.
    by_name: Vec<usize>,
}

impl Mapping {
    /// The field of a name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        let position = self.by_name.binary_search_by(|position| self.entries[*position].key.as_str().cmp(name)).ok()?;
        Some(&self.entries[self.by_name[position]])
    }
}

/// A field of a mapping.
#[derive(Debug)]
pub struct Entry {
    /// The field's name.
    pub key: String,
    /// The bytes that state the name.
    pub key_range: Range<usize>,
    /// The field's value.
    pub value: NodeId,
}

impl Document {
    /// Parses `text`. What is wrong but leaves a tree (a key that stands twice) is pushed onto `findings`.
    ///
    /// # Errors
    /// The first place at which the text is no YAML, or no YAML of the kind that a topology is written in.
    pub fn parse(text: &str, findings: &mut Vec<Diagnostic>) -> Result<Self, Diagnostic> {
        let mut builder = Builder {
            text,
            offsets: Offsets::of(text),
            parser: Parser::new_from_str(text),
            nodes: Vec::new(),
            anchors: BTreeMap::new(),
            repeated: BTreeSet::new(),
            findings,
        };
        let root = builder.document()?;
        Ok(Self { nodes: builder.nodes, root, repeated: builder.repeated })
    }

    /// The topology as a whole.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The value at a position.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Whether an alias repeats the value at a position.
    pub fn is_repeated(&self, id: NodeId) -> bool {
        self.repeated.contains(&id.0)
    }

    /// The value at a path, and the bytes of its key if it is a field; `None` where the text has no such value.
    pub fn find(&self, path: &FieldPath) -> Option<(NodeId, Option<Range<usize>>)> {
        path.segments().iter().try_fold((self.root, None), |(id, _), segment| match (segment, &self.node(id).kind) {
            (Segment::Index(index), Kind::Sequence(items)) => items.get(*index).map(|item| (*item, None)),
            (Segment::Key(key), Kind::Mapping(mapping)) => {
                mapping.get(key).map(|entry| (entry.value, Some(entry.key_range.clone())))
            }
            _ => None,
        })
    }

    /// The value as JSON, aliases written out.
    pub fn value(&self, id: NodeId) -> Value {
        match &self.node(id).kind {
            Kind::Scalar(value, _) => value.clone(),
            Kind::Sequence(items) => items.iter().map(|item| self.value(*item)).collect(),
            Kind::Mapping(Mapping { entries, .. }) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), self.value(entry.value))).collect())
            }
        }
    }
}

/// Findings after which nobody reads on.
const ENOUGH: usize = 500;

/// Stops at a place before which so much is wrong that to look on would take long and help nobody.
///
/// # Errors
/// That the looking ends there.
pub(crate) fn stop_at<P: Into<Place>>(findings: &[Diagnostic], place: impl FnOnce() -> P) -> Result<(), Diagnostic> {
    if findings.len() < ENOUGH {
        return Ok(());
    }
    let message = format!("after {} mistakes the rest of the file was not looked at", findings.len());
    Err(SYNTAX
        .at(place(), message)
        .label("looked no further")
        .help("mend the others first: what is wrong so often has one cause"))
}

struct Builder<'text, 'findings> {
    text: &'text str,
    offsets: Offsets,
    parser: Parser<'text, StrInput<'text>>,
    nodes: Vec<Node>,
    /// The value of each finished anchor.
    anchors: BTreeMap<usize, NodeId>,
    /// The values that aliases repeat.
    repeated: BTreeSet<usize>,
    findings: &'findings mut Vec<Diagnostic>,
}

impl<'text> Builder<'text, '_> {
    fn document(&mut self) -> Result<NodeId, Diagnostic> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => {
                    let help = "a topology begins with `apiVersion: meshgen/v1` and `kind: Topology`";
                    return Err(SYNTAX.at(0..0, "the file holds no topology").help(help));
                }
                event => {
                    let root = self.value(event, span, 0)?;
                    self.end()?;
                    return Ok(root);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Diagnostic> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(()),
                _ => {
                    return Err(SYNTAX.at(self.range(span), "a second document begins here").help(
                        "a file holds one topology: remove the `---`, or put the second mesh into a file of its own",
                    ));
                }
            }
        }
    }

    fn value(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<NodeId, Diagnostic> {
        let range = self.range(span);
        if depth > MAXIMUM_DEPTH {
            let message = format!("more than {MAXIMUM_DEPTH} mappings or sequences stand in one another");
            return Err(SYNTAX.at(range, message).help("write the values in fewer levels"));
        }
        match event {
            Event::Alias(anchor) => {
                let Some(id) = self.anchors.get(&anchor).copied() else {
                    return Err(SYNTAX
                        .at(range, "an alias inside its own anchor has no end")
                        .help("write the value out"));
                };
                self.repeated.insert(id.0);
                Ok(id)
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), &range)?;
                let value = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Value::String(text.clone().into_owned()),
                };
                Ok(self.add(Node { range, kind: Kind::Scalar(value, text.into_owned()), size: 1 }, anchor))
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), &range)?;
                let (items, end) = self.sequence(depth)?;
                let size = self.size(&items, &range)?;
                let range = range.start..end.max(range.end);
                Ok(self.add(Node { range, kind: Kind::Sequence(items), size }, anchor))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), &range)?;
                let (mapping, end) = self.mapping(depth)?;
                let values: Vec<NodeId> = mapping.entries.iter().map(|entry| entry.value).collect();
                let size = self.size(&values, &range)?;
                let range = range.start..end.max(range.end);
                Ok(self.add(Node { range, kind: Kind::Mapping(mapping), size }, anchor))
            }
            _ => Err(SYNTAX.at(range, "a value is missing here")),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<(Vec<NodeId>, usize), Diagnostic> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((items, self.end_of(span)));
            }
            items.push(self.value(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<(Mapping, usize), Diagnostic> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut positions: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((Mapping { entries, by_name: positions.into_values().collect() }, self.end_of(span)));
            }
            let (key, key_range) = self.key(event, span)?;
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            if let Some(first) = positions.get(&key) {
                stop_at(self.findings, || key_range.clone())?;
                let message = format!("`{key}` stands twice in one mapping");
                self.findings.push(
                    DUPLICATE_KEY
                        .at(key_range, message)
                        .label("again here")
                        .and(entries[*first].key_range.clone(), "first here")
                        .help("keep one of the two: readers of YAML disagree on which of them counts"),
                );
                continue;
            }
            positions.insert(key.clone(), entries.len());
            entries.push(Entry { key, key_range, value });
        }
    }

    fn key(&mut self, event: Event<'text>, span: Span) -> Result<(String, Range<usize>), Diagnostic> {
        let range = self.range(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                refuse_tag(tag.is_some(), &range)?;
                if text.is_empty() {
                    return Err(SYNTAX.at(range, "a key is empty").help("write the field's name before the colon"));
                }
                if text == "<<" && style == ScalarStyle::Plain {
                    return Err(SYNTAX
                        .at(range, "merge keys are no part of YAML 1.2")
                        .help("write the fields out, or use an alias for a whole value"));
                }
                Ok((text.into_owned(), range))
            }
            _ => Err(SYNTAX.at(range, "a key is not a name").help("a field's name is one word before a colon")),
        }
    }

    /// The number of values in `parts` and the value that they make up, within what aliases may add.
    fn size(&self, parts: &[NodeId], range: &Range<usize>) -> Result<usize, Diagnostic> {
        let size = parts.iter().fold(1, |sum: usize, id| sum.saturating_add(self.nodes[id.0].size));
        if size > self.nodes.len() + MAXIMUM_EXPANSION {
            let message = format!("aliases expand to more than {MAXIMUM_EXPANSION} values");
            return Err(SYNTAX.at(range.clone(), message).help("write the values out"));
        }
        Ok(size)
    }

    fn add(&mut self, node: Node, anchor: usize) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(node);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn next(&mut self) -> Result<(Event<'text>, Span), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.refused(error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// What the parser refused, at its place and with a way out.
    fn refused(&self, marker: &Marker, info: &str) -> Diagnostic {
        let at = self.offsets.byte(marker.index()).min(self.text.len());
        let line = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let next = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1);
        // The parser stops before a tab or behind it.
        let tabs = [line, next].map(|line| line + self.text[line..].bytes().take_while(|byte| *byte == b' ').count());
        if let Some(tab) = tabs.into_iter().find(|tab| self.text[*tab..].starts_with('\t')) {
            return SYNTAX.at(tab..tab + 1, "a tab indents this line").help("YAML is indented by spaces");
        }
        if let Some(tab) =
            self.text[line..at].rfind(":\t").filter(|tab| self.text[line + tab + 1..at].trim().is_empty())
        {
            let tab = line + tab + 1;
            return SYNTAX.at(tab..tab + 1, "a tab follows this colon").help("write a space there");
        }
        let end = self.text.ceil_char_boundary((at + 1).min(self.text.len()));
        let (message, help) = in_words(info);
        SYNTAX.at(at..end, message).help(help)
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offsets.byte(span.start.index());
        start..self.offsets.byte(span.end.index()).max(start)
    }

    /// Where a collection ends, less the blank lines and comments that the parser counts to it.
    fn end_of(&self, span: Span) -> usize {
        let end = self.offsets.byte(span.end.index());
        if span.is_empty() { self.text[..end].trim_end().len() } else { end }
    }
}

/// What the parser says, as people do who do not know how one works.
fn in_words(info: &str) -> (String, &'static str) {
    let (message, help) = match info {
        _ if info.starts_with("simple key expect") => {
            ("a line is neither `key: value` nor `- item`", "look for a missing colon here or on the line before")
        }
        "invalid indentation in quoted scalar" => ("a quote opens here and is never closed", "close it on its line"),
        _ if info.contains("flow mapping") => {
            ("a brace is not closed, or a comma is missing", "look for a missing `}` or `,` here or on the line before")
        }
        _ if info.contains("flow sequence") => (
            "a bracket is not closed, or a comma is missing",
            "look for a missing `]` or `,` here or on the line before",
        ),
        "mapping values are not allowed in this context" => {
            ("a key stands where none can", "quote a value that holds `: `, or indent this line as its neighbours are")
        }
        _ if info.starts_with("\"-\" is only valid inside a block") => {
            ("a `- ` stands between brackets or braces", "close what is open before it, or quote the text")
        }
        _ => {
            let message = format!("this is no YAML: {}", info.trim_end_matches('.'));
            return (message, "look for a missing colon, quote or bracket here or on the line before");
        }
    };
    (message.to_owned(), help)
}

fn refuse_tag(is_tagged: bool, range: &Range<usize>) -> Result<(), Diagnostic> {
    if !is_tagged {
        return Ok(());
    }
    Err(SYNTAX
        .at(range.clone(), "a tag stands before this value")
        .help("a topology has no tags: quote the value if it has to be text"))
}

/// From the parser's positions, counted in characters, to bytes.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn of(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect()))
    }

    fn byte(&self, character: usize) -> usize {
        match &self.0 {
            Some(bytes) => bytes.get(character).or(bytes.last()).copied().unwrap_or(0),
            None => character,
        }
    }
}
