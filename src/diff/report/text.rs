use super::{
    Diff, Kind, Line, Tone, certificates, counted, credentials, firewall, groups, hunk_lines, kinds, meanings, mesh,
    steps, summary, unrecorded, ways,
};
use crate::terminal::{BOLD, GREEN, PLAIN, RED, YELLOW, styled, wrap};
use crate::words::{bare_names, plural, printable};

/// How a difference is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether escape sequences set colours.
    pub is_coloured: bool,
    /// Whether README and the scripts of the whole mesh are shown line by line.
    pub is_full: bool,
    /// The terminal's width in columns, for sentences: what is copied or compared is never broken.
    pub width: Option<usize>,
}

impl Style {
    /// The names of clusters: a few and how many more there are, unless all is shown.
    fn names(&self, clusters: &[&str]) -> String {
        if self.is_full { clusters.join(", ") } else { bare_names(clusters.iter().copied()) }
    }
}

/// A difference for a terminal: details first, then the consequences, and a summary in the last line.
pub fn text(diff: &Diff, style: Style) -> String {
    let mut page = Page { out: String::new(), style };
    for group in groups(diff, style.is_full) {
        page.heading(&style.names(&group.clusters));
        page.lines(&group.lines);
    }
    if let Some(sentence) = unrecorded(diff) {
        page.prose(PLAIN, 0, &sentence);
        page.out.push('\n');
    }
    page.pages(diff);
    page.section("The mesh", mesh(diff));
    page.section("Certificates", certificates(diff).into_iter().map(|(whose, facts)| format!("{whose}: {facts}")));
    page.meanings(diff);
    page.section("Ways between clusters", ways(diff));
    page.section("Credentials", credentials(diff));
    page.firewall(diff);
    page.runbook(diff);
    page.prose(BOLD, 0, &summary(diff));
    page.out
}

struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn line(&mut self, style: anstyle::Style, text: &str) {
        // A file may contain escape sequences.
        self.out.push_str(&styled(&printable(text), style, self.style.is_coloured));
        self.out.push('\n');
    }

    /// A sentence, wrapped at the width of the terminal and indented.
    fn prose(&mut self, style: anstyle::Style, indent: usize, text: &str) {
        let width = self.style.width.unwrap_or(usize::MAX);
        let first = " ".repeat(indent);
        for line in wrap(&printable(text), width, &first, &format!("{first}  ")) {
            self.line(style, &line);
        }
    }

    fn heading(&mut self, text: &str) {
        self.line(BOLD, text);
    }

    fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            let (sign, colour) = match line.tone {
                Tone::Plain => (' ', PLAIN),
                Tone::Added => ('+', GREEN),
                Tone::Removed => ('-', RED),
                Tone::Changed => ('~', YELLOW),
            };
            let indent = "  ".repeat(line.indent + 1);
            if line.is_prose {
                let width = self.style.width.unwrap_or(usize::MAX);
                for part in wrap(&printable(&line.text), width, &format!("{indent}{sign} "), &format!("{indent}    ")) {
                    self.line(colour, &part);
                }
            } else {
                self.line(colour, format!("{indent}{sign} {}", line.text).trim_end());
            }
        }
        self.out.push('\n');
    }

    fn pages(&mut self, diff: &Diff) {
        if diff.pages.is_empty() {
            return;
        }
        self.heading("The mesh's own files");
        let mut lines = Vec::new();
        for page in &diff.pages {
            let text = format!("{}  {}", page.file, counted(page));
            lines.push(Line::prose(Tone::Changed, 0, text));
            if self.style.is_full {
                lines.extend(page.hunks.iter().flat_map(hunk_lines));
            }
        }
        self.lines(&lines);
    }

    fn meanings(&mut self, diff: &Diff) {
        let meanings = meanings(diff);
        if meanings.is_empty() {
            return;
        }
        self.heading("What it means");
        for (clusters, consequences) in meanings {
            let kinds = kinds(consequences);
            let colour = if kinds.first() <= Some(&Kind::Leaves) { RED } else { PLAIN };
            let words: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
            self.prose(colour, 2, &format!("{}: {}", self.style.names(&clusters), words.join("; ")));
            for consequence in consequences {
                // If there is only one kind of consequence, the line above names it.
                let kind = if kinds.len() > 1 { format!("{}: ", consequence.kind.words()) } else { String::new() };
                self.prose(PLAIN, 4, &format!("{kind}{}", consequence.why));
            }
        }
        let unchanged = diff.clusters.len() - diff.changed().count();
        if unchanged > 0 {
            let others = plural(unchanged, "other cluster");
            self.prose(PLAIN, 2, &format!("{others}: {}", Kind::Nothing.words()));
        }
        self.out.push('\n');
    }

    fn runbook(&mut self, diff: &Diff) {
        if diff.runbook.is_empty() {
            return;
        }
        self.heading("To do, in order");
        self.prose(PLAIN, 2, "OLD is the tree before the change, NEW the one after.");
        for (number, phase) in (1..).zip(&diff.runbook) {
            self.prose(PLAIN, 2, &format!("{number}. {}", phase.title));
            for command in &phase.commands {
                self.line(PLAIN, &format!("     {command}"));
            }
            for step in steps(phase) {
                self.prose(PLAIN, 7, &step);
            }
        }
        self.out.push('\n');
    }

    fn firewall(&mut self, diff: &Diff) {
        const SHOWN: usize = 30;
        let mut lines = firewall(diff);
        if !self.style.is_full && lines.len() > SHOWN {
            let others = lines.split_off(SHOWN).len();
            lines.push(format!("and {others} more: `--full` shows all, and so does `meshgen flows --since`"));
        }
        self.section("Firewall", lines);
    }

    fn section(&mut self, title: &str, lines: impl IntoIterator<Item = String>) {
        let lines: Vec<String> = lines.into_iter().collect();
        if lines.is_empty() {
            return;
        }
        self.heading(title);
        for line in lines {
            self.prose(PLAIN, 2, &line);
        }
        self.out.push('\n');
    }
}
