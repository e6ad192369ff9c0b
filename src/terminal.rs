//! Text as a terminal shows it.

use anstyle::{AnsiColor, Style};
use textwrap::{Options, WordSplitter};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Text in a style, where colours are wanted.
pub(crate) fn styled(text: &str, style: Style, is_coloured: bool) -> String {
    if is_coloured { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The lines of one paragraph; words, and so names and paths, stay whole.
pub(crate) fn wrap(text: &str, width: usize, first_indent: &str, later_indent: &str) -> Vec<String> {
    let options = Options::new(width)
        .initial_indent(first_indent)
        .subsequent_indent(later_indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
}
