//! The templates of scripts and prose. No manifest is made from a template; the topology that people start from is, for the sake of
//! its comments.

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

macro_rules! templates {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../templates/", $name, ".j2")))),*] };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "README.md",
    "install.sh",
    "remote-secrets.sh",
    "routes.sh",
    "topology",
    "uninstall-by-git.sh",
    "uninstall.sh",
    "verify.sh"
];

/// What every script begins with. An older bash is refused before it misreads anything: it has no `inherit_errexit`, without
/// which a failed question in `$(…)` is an empty answer.
const PRELUDE: &str = r#"if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this script needs bash 4.4 or later, and this is bash %s (on macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 2
fi
set -euo pipefail
shopt -s inherit_errexit
"#;

/// The functions of scripts that talk to clusters.
const QUESTIONS: &str = r#"fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# ask CONTEXT TEMPLATE WORD...: what kubectl gets, through a template over a list. About what does not exist, the answer is empty;
# no answer at all is a failure.
ask() {
  local answer
  answer=$(kubectl --context="$1" get "${@:3}" -o jsonpath="answer:$2")
  [[ $answer == answer:* ]] || fail "kubectl does not answer: get ${*:3}"
  printf '%s' "${answer#answer:}"
}

# relay: prints each line as it comes, and fails if there is none.
relay() {
  local line is_silent=yes
  while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line"
    is_silent=''
  done
  [[ -z $is_silent ]]
}

# act COMMAND...: runs what says what it does, istioctl on standard error; silence is a failure.
act() {
  local codes=(0 0)
  "$@" 2>&1 | relay || codes=("${PIPESTATUS[@]}")
  [[ ${codes[0]} -eq 0 ]] || return "${codes[0]}"
  [[ ${codes[1]} -eq 0 ]] || fail "no answer: $*"
}
"#;

/// A function of the scripts that compare roots.
const SHARES: &str = r#"# shares ROOTS OTHERS: a certificate of the second text is in the first.
shares() {
  local rest=$2
  while [[ $rest == *-----BEGIN* ]]; do
    [[ $1 != *"${rest%%-----END*}"* ]] || return 0
    rest=${rest#*-----END CERTIFICATE-----}
    rest=${rest#$'\n'}
  done
  return 1
}"#;

/// Renders a template.
///
/// # Panics
/// Where template and values do not fit together, which is a mistake of ours.
pub(crate) fn render(name: &str, values: impl Serialize) -> String {
    // Each template is read when it is first rendered, in the thread that does so.
    static ENVIRONMENTS: [OnceLock<Environment<'static>>; TEMPLATES.len()] =
        [const { OnceLock::new() }; TEMPLATES.len()];
    let position = TEMPLATES.iter().position(|(known, _)| *known == name).expect("the template is in the table");
    let environment = ENVIRONMENTS[position].get_or_init(|| environment(TEMPLATES[position]));
    let template = environment.get_template(name).expect("it was added");
    let mut text = template.render(minijinja::value::Serde(values)).unwrap_or_else(|error| panic!("{error:#}"));
    // It grew by doubling, and a tree holds the texts of a whole mesh.
    text.shrink_to_fit();
    text
}

fn environment((name, source): (&'static str, &'static str)) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut syntax = SyntaxConfig::builder();
    // `{#` is the shell's, which counts with it.
    syntax.comment_delimiters("{//", "//}").trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().expect("the delimiters are the usual ones"));
    environment.add_filter("sh", |text: String| quote(&text));
    environment.add_filter("cell", |text: String| cell(&text));
    environment.add_global("prelude", PRELUDE);
    environment.add_global("questions", QUESTIONS);
    environment.add_global("shares", SHARES);
    environment.add_template(name, source).unwrap_or_else(|error| panic!("{error:#}"));
    environment
}

/// A word that every POSIX shell reads back as the text (POSIX.1-2017, 2.2.2).
pub(crate) fn quote(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    quote_into(&mut word, text);
    word
}

/// The same, without quotes where a shell reads the text as one word anyway.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=,@%+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) { text.to_owned() } else { quote(text) }
}

/// The same, behind what is there.
fn quote_into(out: &mut String, text: &str) {
    out.push('\'');
    for (index, part) in text.split('\'').enumerate() {
        if index > 0 {
            out.push_str(r"'\''");
        }
        out.push_str(part);
    }
    out.push('\'');
}

/// Words of a command, each quoted and behind a space.
pub(crate) fn words(list: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut words = String::new();
    words_into(&mut words, list);
    words
}

/// The same, behind what is there.
pub(crate) fn words_into(out: &mut String, list: impl IntoIterator<Item = impl AsRef<str>>) {
    for word in list {
        out.push(' ');
        quote_into(out, word.as_ref());
    }
}

/// Text in a cell of an HTML table.
fn cell(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['\n', '\r'], " ")
}
