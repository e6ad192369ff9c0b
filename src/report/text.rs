//! Findings as a terminal shows them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet, Title};

use crate::diagnostic::{Certainty, Diagnostic, Findings, Place, Severity};
use crate::source::Source;
use crate::words::{plural, printable, printable_lines, without_commands};
use crate::written::Written;

use super::{File, Located, Omission, count, locate, omissions};

/// How findings are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether escape sequences set colours.
    pub is_coloured: bool,
    /// The terminal's width in columns.
    pub width: usize,
}

/// Draws the findings of one topology in the order of their places, and counts them.
pub fn text(source: &Source, findings: &Findings, style: Style) -> String {
    let mut out = String::new();
    draw(source, findings, style, &mut out);
    out.push_str(&summary(findings.list.iter()));
    out
}

/// Draws the findings of several topologies in their order, counts them and, with `offers_fix`, says how many `--fix` fixes.
pub fn texts(files: &[File], style: Style, offers_fix: bool) -> String {
    let mut out = String::new();
    let mut fixable = 0;
    for file in files {
        fixable += draw(&file.source, &file.findings, style, &mut out);
    }
    let summary = summary(files.iter().flat_map(|file| &file.findings.list));
    out.push_str(summary.trim_end());
    if offers_fix && fixable > 0 {
        write!(out, "; {fixable} can be fixed with `--fix`").expect("a String takes everything");
    }
    let rules: BTreeSet<&str> = files.iter().flat_map(|file| &file.findings.list).map(|finding| finding.rule).collect();
    let named = match (rules.len(), rules.first()) {
        (1, Some(rule)) => rule,
        _ => "RULE",
    };
    if !rules.is_empty() {
        writeln!(out, "\nfor more, run `meshgen explain {named}`").expect("a String takes everything");
    }
    out
}

/// How many findings of a file are shown at most.
const NAMED: usize = 1000;

/// Draws findings and what was not looked for, and says how many of the findings have a certain patch.
fn draw(source: &Source, findings: &Findings, style: Style, out: &mut String) -> usize {
    if findings.is_empty() {
        return 0;
    }
    let written = Written::new(source);
    let mut artist = Artist::new(&written, style);
    let located = locate(&written, &findings.list);
    for located in located.iter().take(NAMED) {
        out.push_str(&artist.draw(&written, located));
        out.push_str("\n\n");
    }
    if let Some(more @ 1..) = located.len().checked_sub(NAMED) {
        write!(out, "{} of {} are not shown\n\n", plural(more, "more finding"), written.name())
            .expect("a String takes everything");
    }
    for omission in omissions(&written, findings) {
        out.push_str(&artist.render(&[note(&written, &omission)]));
        out.push_str("\n\n");
    }
    let is_fixable =
        |located: &&Located<'_>| located.edit.as_ref().is_some_and(|edit| edit.certainty == Certainty::Certain);
    located.iter().filter(is_fixable).count()
}

/// Draws the findings of a file up to a limit, and names the places of the rest.
///
/// Drawing a long line takes long, and a generated file can be one line with thousands of mistakes.
pub(super) struct Artist {
    renderer: Renderer,
    /// How much can still be drawn.
    left: usize,
}

impl Artist {
    /// What a drawing takes besides its text.
    const FRAME: usize = 16 << 10;
    /// What all take: a hundred of short lines, or twenty of the longest in a file of 64 KiB.
    const ALL: usize = 128 * Self::FRAME;

    /// An artist for one file. The renderer counts its columns behind the line numbers, a terminal before them.
    pub(super) fn new(written: &Written<'_>, style: Style) -> Self {
        let numbers = written.position(written.text().len()).line.to_string().len() + " | ".len();
        let width = style.width.saturating_sub(numbers);
        let renderer = if style.is_coloured { Renderer::styled() } else { Renderer::plain() }.term_width(width);
        Self { renderer, left: Self::ALL }
    }

    pub(super) fn draw(&mut self, written: &Written<'_>, located: &Located<'_>) -> String {
        let lines = |range: &Range<usize>| written.lines(range).0.len();
        let takes = Self::FRAME
            + located.span().map_or(0, |span| lines(&span))
            + located.edit.as_ref().map_or(0, |edit| lines(&edit.range));
        self.left = self.left.saturating_sub(takes);
        let groups = if self.left > 0 { groups(written, located) } else { vec![named(written, located)] };
        self.render(&groups)
    }

    /// The lines of a file are shown as they are, but for what a pipeline would obey.
    fn render(&self, groups: &[Group<'_>]) -> String {
        without_commands(self.renderer.render(groups))
    }
}

/// A finding without its lines.
fn named<'a>(written: &'a Written<'_>, located: &Located<'a>) -> Group<'a> {
    title(located).element(origin(written, located.start()))
}

/// Rules that were not applied.
fn note<'a>(written: &'a Written<'_>, omission: &Omission<'_>) -> Group<'a> {
    let title = Level::NOTE.primary_title(printable(&omission.unchecked.message()));
    title.element(origin(written, omission.range.as_ref().map(|range| range.start)))
}

fn origin<'a>(written: &'a Written<'_>, start: Option<usize>) -> Origin<'a> {
    let origin = Origin::path(printable(written.name()));
    match start.map(|start| written.position(start)) {
        Some(position) => origin.line(position.line).char_column(position.column),
        None => origin,
    }
}

fn title<'a>(located: &Located<'a>) -> Title<'a> {
    let level = match located.finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    level.primary_title(printable(&located.finding.message)).id(located.finding.rule)
}

fn groups<'a>(written: &'a Written<'_>, located: &Located<'a>) -> Vec<Group<'a>> {
    let finding = located.finding;
    let title = title(located);
    let window = Window::around(written, &located.span().unwrap_or_default());
    let mut snippet = window.snippet();
    let mut others: Vec<&str> = Vec::new();
    let mut is_drawn = false;
    for (index, label) in located.labels.iter().enumerate() {
        let Some(range) = label.range.clone() else {
            others.push(match label.place {
                Place::File(path) => path.as_str(),
                _ => written.name(),
            });
            continue;
        };
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(window.relative(&range));
        snippet = snippet.annotation(if label.text.is_empty() {
            annotation
        } else {
            annotation.label(printable(label.text))
        });
        is_drawn = true;
    }
    let mut group = if is_drawn { title.element(snippet) } else { Group::with_title(title) };
    // A place that is not in the text, such as a field with its default, is named only if there is no other.
    others.retain(|path| !is_drawn || *path != written.name());
    others.dedup();
    for path in others {
        group = group.element(Origin::path(printable(path)));
    }
    // The last help belongs to the patch.
    let shown = usize::from(located.edit.is_some());
    let (helps, said) = finding.help.split_at(finding.help.len().saturating_sub(shown));
    for help in helps {
        group = group.element(Level::HELP.message(printable(help)));
    }
    let mut groups = vec![group];
    if let Some(edit) = &located.edit {
        let window = Window::around(written, &edit.range);
        let patch = Patch::new(window.relative(&edit.range), printable_lines(&edit.replacement));
        let said = said.first().map_or("write", String::as_str);
        let snippet = window.snippet().patch(patch);
        groups.push(Level::HELP.secondary_title(printable(said)).element(snippet));
    }
    groups
}

/// The lines that are drawn, because searching the whole text for each finding takes long.
struct Window<'a> {
    text: &'a str,
    name: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(written: &'a Written<'_>, range: &Range<usize>) -> Self {
        let (lines, line) = written.lines(range);
        Self { text: &written.text()[lines.clone()], name: written.name(), start: lines.start, line }
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text).line_start(self.line).path(printable(self.name))
    }

    fn relative(&self, range: &Range<usize>) -> Range<usize> {
        range.start - self.start..range.end - self.start
    }
}

/// How many findings there are, as the last line.
fn summary<'f>(findings: impl Iterator<Item = &'f Diagnostic> + Clone) -> String {
    match (count(findings.clone(), Severity::Error), count(findings, Severity::Warning)) {
        (0, 0) => String::new(),
        (0, warnings) => format!("{}\n", plural(warnings, "warning")),
        (errors, 0) => format!("{}\n", plural(errors, "error")),
        (errors, warnings) => format!("{}, {}\n", plural(errors, "error"), plural(warnings, "warning")),
    }
}
