use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::rule::{DUPLICATE_KEY, SYNTAX};

use super::document::{Document, Entry, Kind, Mapping, Node, NodeId};
use super::offsets::Offsets;
use super::plain;
use super::refusal::refused;

/// Mappings and sequences in one another: a topology needs seven levels, Helm values a few more.
const MAXIMUM_DEPTH: usize = 64;
/// Values that aliases may add to those that are written out.
const MAXIMUM_EXPANSION: usize = 10_000;

impl Document {
    /// Parses `text`. What is wrong but leaves a tree (a key that stands twice) is pushed onto `findings`.
    ///
    /// # Errors
    /// The first place at which the text is invalid YAML, or YAML that a topology cannot contain.
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
                    let help = "begin with `apiVersion: meshgen/v1` and `kind: Topology`";
                    return Err(SYNTAX.at(0..0, "the file is empty").help(help));
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
                    return Err(SYNTAX
                        .at(self.range(span), "a second document begins here")
                        .help("remove the `---`, or put the second mesh into its own file"));
                }
            }
        }
    }

    fn value(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<NodeId, Diagnostic> {
        let range = self.range(span);
        if depth > MAXIMUM_DEPTH {
            let message = format!("more than {MAXIMUM_DEPTH} mappings or sequences are nested");
            return Err(SYNTAX.at(range, message).help("use fewer levels"));
        }
        match event {
            Event::Alias(anchor) => {
                let Some(id) = self.anchors.get(&anchor).copied() else {
                    return Err(SYNTAX.at(range, "this alias is inside its own anchor").help("write the value out"));
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
            _ => Err(SYNTAX.at(range, "missing value")),
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
        let mut repeated = Vec::new();
        let mut positions: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((
                    Mapping { entries, repeated, by_name: positions.into_values().collect() },
                    self.end_of(span),
                ));
            }
            let (key, key_range) = self.key(event, span)?;
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            if let Some(first) = positions.get(&key) {
                SYNTAX.stop_at(self.findings, || key_range.clone())?;
                let message = format!("duplicate key `{key}`");
                self.findings.push(
                    DUPLICATE_KEY
                        .at(key_range, message)
                        .label("again here")
                        .and(entries[*first].key_range.clone(), "first here")
                        .help("keep one of the two: YAML readers disagree on which of them counts"),
                );
                repeated.push(key);
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
                        .at(range, "YAML 1.2 has no merge keys")
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
            Some(Err(error)) => Err(refused(self.text, self.offsets.byte(error.marker().index()), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
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

fn refuse_tag(is_tagged: bool, range: &Range<usize>) -> Result<(), Diagnostic> {
    if !is_tagged {
        return Ok(());
    }
    Err(SYNTAX.at(range.clone(), "tags are not allowed").help("remove the tag, or quote the value if it must be text"))
}
