//! The templates of scripts and prose. No manifest is made from a template; the topology that people start from is, for the sake of
//! its comments.

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

macro_rules! templates {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../templates/", $name, ".j2")))),*] };
}

const TEMPLATES: &[(&str, &str)] =
    templates!["README.md", "install.sh", "remote-secrets.sh", "routes.sh", "topology", "uninstall.sh", "verify.sh"];

/// Renders a template.
///
/// # Panics
/// Where template and values do not fit together, which is a mistake of ours.
pub(crate) fn render(name: &str, values: impl Serialize) -> String {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let template = ENVIRONMENT.get_or_init(environment).get_template(name).expect("the template is in the table");
    template.render(minijinja::value::Serde(values)).unwrap_or_else(|error| panic!("{error:#}"))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().expect("the delimiters are the usual ones"));
    environment.add_filter("sh", |text: String| quote(&text));
    environment.add_filter("cell", |text: String| cell(&text));
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).unwrap_or_else(|error| panic!("{error:#}"));
    }
    environment
}

/// A word that every POSIX shell reads back as the text (POSIX.1-2017, 2.2.2).
pub(crate) fn quote(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    quote_into(&mut word, text);
    word
}

/// The same, behind what is there.
pub(crate) fn quote_into(out: &mut String, text: &str) {
    out.push('\'');
    for (index, part) in text.split('\'').enumerate() {
        if index > 0 {
            out.push_str(r"'\''");
        }
        out.push_str(part);
    }
    out.push('\'');
}

/// Text in a cell of an HTML table.
fn cell(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['\n', '\r'], " ")
}
