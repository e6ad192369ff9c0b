//! Findings as a terminal shows them.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::source::Source;
use crate::syntax::{Document, Kind, NodeId};

/// How findings are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether escape sequences set colours.
    pub is_coloured: bool,
    /// The terminal's width in columns.
    pub width: usize,
}

/// Draws findings in the order of their places, and counts them.
pub fn text(source: &Source, findings: &[Diagnostic], style: Style) -> String {
    let text = source.text();
    let document = Document::parse(&text, &mut Vec::new()).ok();
    let places = Places { text: &text, document: document.as_ref() };
    let renderer = if style.is_coloured { Renderer::styled() } else { Renderer::plain() }.term_width(style.width);
    let mut drawn: Vec<(Option<usize>, &str, String)> = findings
        .iter()
        .map(|finding| {
            let start = finding.labels.first().and_then(|label| places.range(&label.place)).map(|range| range.start);
            (start, finding.rule, renderer.render(&groups(source, &places, finding)))
        })
        .collect();
    drawn.sort_by_key(|(start, rule, _)| (*start, *rule));
    let mut out: String = drawn.into_iter().flat_map(|(_, _, text)| [text, "\n\n".to_owned()]).collect();
    out.push_str(&summary(findings));
    out
}

fn groups<'a>(source: &'a Source, places: &Places<'a>, finding: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(printable(&finding.message)).id(finding.rule);
    let mut snippet = Snippet::source(places.text).path(&source.name);
    let mut others = Vec::new();
    let mut is_drawn = false;
    for (index, label) in finding.labels.iter().enumerate() {
        let Some(range) = places.range(&label.place) else {
            others.push(match &label.place {
                Place::File(path) => path.as_str(),
                _ => &source.name,
            });
            continue;
        };
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(range);
        snippet = snippet.annotation(if label.text.is_empty() {
            annotation
        } else {
            annotation.label(printable(&label.text))
        });
        is_drawn = true;
    }
    let mut group = if is_drawn { title.element(snippet) } else { Group::with_title(title) };
    // A place that the text does not have, such as a field left to its default, is named only where no other is.
    others.retain(|path| !is_drawn || *path != source.name);
    others.dedup();
    for path in others {
        group = group.element(Origin::path(path));
    }
    for help in &finding.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    let mut groups = vec![group];
    if let Some(patch) = &finding.patch
        && let Some(range) = places.range(&patch.place)
    {
        let snippet =
            Snippet::source(places.text).path(&source.name).patch(Patch::new(range, printable(&patch.replacement)));
        groups.push(Level::HELP.secondary_title("write").element(snippet));
    }
    groups
}

/// How many findings there are, as the last line.
pub fn summary(findings: &[Diagnostic]) -> String {
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => String::new(),
        (0, warnings) => format!("{}\n", plural(warnings, "warning")),
        (errors, 0) => format!("{}\n", plural(errors, "error")),
        (errors, warnings) => format!("{}, {}\n", plural(errors, "error"), plural(warnings, "warning")),
    }
}

/// Text from a topology, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// From places to bytes of the text.
struct Places<'a> {
    text: &'a str,
    document: Option<&'a Document>,
}

impl Places<'_> {
    /// The bytes to underline, within one line where that says enough.
    fn range(&self, place: &Place) -> Option<Range<usize>> {
        let range = match place {
            Place::Whole | Place::File(_) => return None,
            Place::Range(range) => range.clone(),
            Place::Field(path) => {
                let (id, key) = self.document?.find(path)?;
                match self.document?.node(id).kind {
                    Kind::Scalar(..) => self.document?.node(id).range.clone(),
                    _ => key.unwrap_or_else(|| self.head(id)),
                }
            }
            Place::Key(path) => {
                let (id, key) = self.document?.find(path)?;
                key.unwrap_or_else(|| self.head(id))
            }
        };
        Some(self.on_characters(range))
    }

    /// The first line of a mapping or sequence.
    fn head(&self, id: NodeId) -> Range<usize> {
        let document = self.document.expect("an id is a document's");
        let node = document.node(id);
        match &node.kind {
            Kind::Mapping(entries) => {
                entries.first().map_or(node.range.clone(), |entry| match &document.node(entry.value).kind {
                    Kind::Scalar(..) => entry.key_range.start..document.node(entry.value).range.end,
                    _ => entry.key_range.clone(),
                })
            }
            _ => node.range.start..node.range.start + self.text[node.range.clone()].lines().next().map_or(0, str::len),
        }
    }

    /// A range that cuts no character, is not empty, and lies within the text.
    fn on_characters(&self, range: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(range.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(range.end.clamp(start, self.text.len()));
        start..end
    }
}
