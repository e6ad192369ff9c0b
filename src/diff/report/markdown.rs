use std::fmt::Write;

use super::{
    Diff, Kind, Line, Tone, certificates, counted, credentials, firewall, groups, kinds, meanings, mesh, steps,
    summary, unrecorded, ways,
};
use crate::words::{bare_names, fence, is_deceptive, plural, printable, without_commands};

/// The most characters of a report: GitHub takes 65,536 in a comment.
pub const LIMIT: usize = 60_000;

/// A difference as a comment on a pull request: consequences first, then folded details. Parts that do not fit are counted.
pub fn markdown(diff: &Diff) -> String {
    let mut page = Page { out: String::new(), left_out: 0 };
    let heading = format!("### meshgen: {}\n\n", escaped(&summary(diff)));
    page.out.push_str(&heading);
    if let Some(sentence) = unrecorded(diff) {
        page.add(&format!("{}\n\n", escaped(&sentence)));
    }
    page.table(diff);
    page.list("The mesh", &mesh(diff));
    page.list("Ways between clusters", &ways(diff));
    page.list("Credentials", &credentials(diff));
    page.list("Firewall", &firewall(diff));
    let certificates: Vec<String> =
        certificates(diff).into_iter().map(|(whose, facts)| format!("{whose}: {facts}")).collect();
    page.list("Certificates", &certificates);
    page.runbook(diff);
    for group in groups(diff, false) {
        page.folded(&bare_names(group.clusters.iter().copied()), &group.lines);
    }
    let pages: Vec<Line> = diff
        .pages
        .iter()
        .map(|page| Line::prose(Tone::Changed, 0, format!("{}  {}", page.file, counted(page))))
        .collect();
    page.folded("The mesh's own files", &pages);
    page.end()
}

struct Page {
    out: String,
    left_out: usize,
}

/// Room for the sentence that counts what was left out.
const RESERVE: usize = 200;

impl Page {
    /// Adds a part, or counts it as left out if it does not fit.
    fn add(&mut self, part: &str) {
        if self.out.chars().count() + part.chars().count() + RESERVE <= LIMIT {
            self.out.push_str(part);
        } else {
            self.left_out += 1;
        }
    }

    fn table(&mut self, diff: &Diff) {
        const ROWS: usize = 60;
        let meanings = meanings(diff);
        if meanings.is_empty() {
            return;
        }
        let mut table = String::from("| clusters | what to do | why |\n|---|---|---|\n");
        for (clusters, consequences) in meanings.iter().take(ROWS) {
            let kinds = kinds(consequences);
            let words: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
            let whys = consequences.iter().map(|consequence| {
                let point = if consequences.len() > 1 { "• " } else { "" };
                let kind = if kinds.len() > 1 { format!("{}: ", consequence.kind.words()) } else { String::new() };
                format!("{point}{kind}{}", escaped(&consequence.why))
            });
            let whys: Vec<String> = whys.collect();
            let clusters = clusters.join(", ");
            writeln!(table, "| {clusters} | **{}** | {} |", words.join("; "), whys.join("<br>"))
                .expect("a String takes everything");
        }
        if meanings.len() > ROWS {
            writeln!(table, "| {} more | see `--format json` | |", meanings.len() - ROWS)
                .expect("a String takes everything");
        }
        let unchanged = diff.clusters.len() - diff.changed().count();
        if unchanged > 0 {
            writeln!(table, "| {} | {} | |", plural(unchanged, "other"), Kind::Nothing.words())
                .expect("a String takes everything");
        }
        table.push('\n');
        self.add(&table);
    }

    fn list(&mut self, title: &str, lines: &[String]) {
        const SHOWN: usize = 30;
        if lines.is_empty() {
            return;
        }
        let mut list = format!("**{title}**\n\n");
        for line in lines.iter().take(SHOWN) {
            writeln!(list, "- {}", escaped(line)).expect("a String takes everything");
        }
        if lines.len() > SHOWN {
            writeln!(list, "- and {} more", lines.len() - SHOWN).expect("a String takes everything");
        }
        list.push('\n');
        self.add(&list);
    }

    fn runbook(&mut self, diff: &Diff) {
        let mut text = String::new();
        for (number, phase) in (1..).zip(&diff.runbook) {
            let title = [format!("# {number}. {}\n", phase.title)];
            let commands = phase.commands.iter().map(|command| format!("{}\n", printable(command)));
            let steps = steps(phase).into_iter().map(|step| format!("#      {}\n", printable(&step)));
            text.extend(title.into_iter().chain(commands).chain(steps));
        }
        if !text.is_empty() {
            self.fenced("To do, in order: OLD is the tree before the change, NEW the one after", "sh", &text);
        }
    }

    fn fenced(&mut self, title: &str, language: &str, text: &str) {
        let fence = fence(text);
        let title = escaped(title);
        self.add(&format!("<details><summary>{title}</summary>\n\n{fence}{language}\n{text}{fence}\n\n</details>\n\n"));
    }

    /// Lines of a difference, folded.
    fn folded(&mut self, title: &str, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        let mut part = String::new();
        for line in lines {
            let sign = match line.tone {
                Tone::Plain => ' ',
                Tone::Added => '+',
                Tone::Removed => '-',
                Tone::Changed => '!',
            };
            let text = format!("{sign} {}{}", "  ".repeat(line.indent), printable(&line.text));
            part.push_str(text.trim_end());
            part.push('\n');
        }
        self.fenced(title, "diff", &part);
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            let parts = if self.left_out == 1 { "part does" } else { "parts do" };
            let sentence = format!("{} {parts} not fit here: `meshgen diff` in a terminal shows all.\n", self.left_out);
            self.out.push_str(&sentence);
        }
        self.out.truncate(self.out.trim_end().len());
        self.out.push('\n');
        without_commands(self.out)
    }
}

/// Text escaped for a paragraph or a table cell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '[' | ']' | '\\' | '#' => out.extend(['\\', character]),
            '<' => out.push_str("&lt;"),
            '@' => out.push_str("&#64;"),
            character if is_deceptive(character) => out.push(' '),
            character => out.push(character),
        }
    }
    out
}
