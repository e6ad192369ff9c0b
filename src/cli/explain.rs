use std::io;

use clap::{Args, ValueEnum};

use crate::check::every_rule;
use crate::diagnostic::Severity;
use crate::report::rules_json;
use crate::rule::Rule;
use crate::terminal::{BOLD, styled, wrap};

use super::{Outcome, Refusal, columns, is_colour_wanted, print, selection};

/// The options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The rule, as a report names it. Default: list all rules, with a sentence on each
    #[arg(value_parser = selection::AnyRule, hide_possible_values = true)]
    rule: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs; `schemas/explain.schema.json` describes it
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    /// The width of a page if it is not known.
    const COLUMNS: usize = 80;
    /// Wider lines of prose are hard to read.
    const WIDEST: usize = 100;
    let stdout = io::stdout();
    let is_coloured = is_colour_wanted(&stdout);
    let columns = columns(&stdout);
    if arguments.format == Format::Json {
        let rules = match arguments.rule.as_deref() {
            Some(name) => vec![selection::rule(name).map_err(Refusal)?],
            None => every_rule().collect(),
        };
        return print(&rules_json(&rules));
    }
    let Some(name) = arguments.rule.as_deref() else {
        // For `grep`, one rule a line.
        return print(&list(every_rule().collect(), columns.unwrap_or(usize::MAX), is_coloured));
    };
    let rule = selection::rule(name).map_err(Refusal)?;
    print(&page(rule.page, columns.unwrap_or(COLUMNS).min(WIDEST), is_coloured))
}

/// Every rule by its name and the first sentence about it, errors first.
fn list(mut rules: Vec<Rule>, width: usize, is_coloured: bool) -> String {
    rules.sort_unstable_by_key(|rule| (rule.severity, rule.name));
    let longest = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    let mut out = String::new();
    for (severity, heading) in
        [(Severity::Error, "Errors, which stop a build"), (Severity::Warning, "Warnings, which can be allowed")]
    {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&styled(heading, BOLD, is_coloured));
        out.push_str("\n\n");
        for rule in rules.iter().filter(|rule| rule.severity == severity) {
            let first = format!("  {:longest$}  ", rule.name);
            let later = " ".repeat(first.len());
            out.push_str(&paragraph(rule.first_sentence(), width, &first, &later));
        }
    }
    out
}

/// A page in Markdown as a terminal shows it: what is wrapped is still the same Markdown.
fn page(markdown: &str, width: usize, is_coloured: bool) -> String {
    let mut out = String::new();
    let mut is_code = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code || line.is_empty() || line.starts_with("```") {
            out.push_str(line);
            out.push('\n');
        } else if line.starts_with('#') {
            out.push_str(&styled(line, BOLD, is_coloured));
            out.push('\n');
        } else if let Some(item) = line.strip_prefix("- ") {
            out.push_str(&paragraph(item, width, "- ", "  "));
        } else {
            out.push_str(&paragraph(line, width, "", ""));
        }
    }
    out
}

/// One paragraph, and a line feed behind each of its lines.
fn paragraph(text: &str, width: usize, first_indent: &str, later_indent: &str) -> String {
    wrap(text, width, first_indent, later_indent).into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Stage;

    const PAGE: &str = "# lone-rule (error)\n\n\
        A sentence that is too long for a page of thirty columns. And one more.\n\n\
        ## Breaks the rule\n\n\
        ```yaml\nclusters: [{name: east, network: lan, apiServer: 'https://10.0.0.1:6443'}]\n# no heading\n```\n\n\
        - `1.30.3:a/path/that/is/never/cut/in-two-at-its-dashes.go` says so\n";

    #[test]
    fn paragraphs_and_items_are_wrapped_and_code_is_not() {
        assert_eq!(
            page(PAGE, 30, false),
            "# lone-rule (error)\n\n\
             A sentence that is too long\nfor a page of thirty columns.\nAnd one more.\n\n\
             ## Breaks the rule\n\n\
             ```yaml\nclusters: [{name: east, network: lan, apiServer: 'https://10.0.0.1:6443'}]\n# no heading\n```\n\n\
             - `1.30.3:a/path/that/is/never/cut/in-two-at-its-dashes.go`\n  says so\n"
        );
    }

    #[test]
    fn headings_are_bold_where_colours_are_wanted() {
        let coloured = page(PAGE, 200, true);
        assert_eq!(
            coloured,
            PAGE.replace("# lone-rule (error)", "\x1b[1m# lone-rule (error)\x1b[0m")
                .replace("## Breaks the rule", "\x1b[1m## Breaks the rule\x1b[0m")
        );
    }

    #[test]
    fn the_list_is_aligned_and_holds_first_sentences() {
        let rule = |name, severity, page| Rule { name, severity, stage: Stage::Check, page };
        let rules = vec![
            rule("long-warning", Severity::Warning, "# long-warning (warning)\n\nIt is doubtful."),
            rule("fault", Severity::Error, "# fault (error)\n\nIt is wrong in Istio 1.11. More of it."),
        ];
        assert_eq!(
            list(rules.clone(), usize::MAX, false),
            "Errors, which stop a build\n\n  fault         It is wrong in Istio 1.11.\n\n\
             Warnings, which can be allowed\n\n  long-warning  It is doubtful.\n"
        );
        assert!(
            list(rules, 28, true)
                .contains("  fault         It is wrong\n                in Istio\n                1.11.\n")
        );
    }
}
