use serde_json::Value;

use crate::diagnostic::{Certainty, FieldPath, Replacement, nearest};
use crate::rule::{INVALID_VALUE, WRONG_TYPE};
use crate::syntax::plain;
use crate::topology::{fix, grammar};
use crate::words::{joined, names};

use super::expected::Expected;
use super::faults::Faults;
use super::wording::{describe_type, example, shown};

impl Faults<'_> {
    pub(super) fn scalar(
        &mut self,
        value: &Value,
        text: &str,
        kind: &str,
        schema: &Expected,
        path: &FieldPath,
    ) -> Value {
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => value.is_number(),
        };
        if !fits {
            return self.wrong_scalar(value, text, kind, schema, path);
        }
        if let Some((message, help)) = self.refuse(value, schema, path) {
            let choices = &schema.choices;
            let written = value.as_str().unwrap_or_default();
            // A name that is declared as it is written here is wrong there too, and has the same fix.
            let declared = self.declared(path).filter(|names| !names.iter().any(|name| name == written));
            let meant = match &declared {
                Some(names) => name_near(written, names),
                None => nearest(written, choices.iter().copied())
                    .map(|meant| (meant.to_owned(), Certainty::of_word(written, meant, choices.iter().copied())))
                    .or_else(|| fix(schema.format?, written)),
            };
            let help = match (&meant, &declared) {
                (Some((meant, Certainty::Certain)), _) if choices.is_empty() => format!("write `{meant}`"),
                (Some((meant, _)), _) if help.starts_with("an example") => format!("did you mean `{meant}`?"),
                (None, Some(declared)) => format!("use {}", names(declared.iter().map(String::as_str))),
                _ => help,
            };
            let filler = self.hole(schema, path, INVALID_VALUE, message, help);
            if let Some((meant, certainty)) = meant {
                self.offer(certainty, Replacement::Text(meant));
            }
            return filler;
        }
        value.clone()
    }

    fn wrong_scalar(&mut self, value: &Value, text: &str, kind: &str, schema: &Expected, path: &FieldPath) -> Value {
        if value.is_null() {
            let help = match example(schema) {
                Some(example) => format!("write one, for example `{example}`, or remove the line"),
                None => "write one, or remove the line".to_owned(),
            };
            return self.hole(schema, path, WRONG_TYPE, format!("{} has no value", self.in_words(path)), help);
        }
        let found = match value {
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            _ => "text",
        };
        let message = format!("{} is {found} here, not {}", self.in_words(path), describe_type(kind));
        let (help, meant) = match kind {
            "string" => {
                // If the text is also invalid in quotes, report that.
                if let Some((message, help)) = self.refuse(&Value::from(text), schema, path) {
                    return self.hole(schema, path, INVALID_VALUE, message, help);
                }
                ("put it in quotes, so that YAML reads it as text", Some(Replacement::Text(text.to_owned())))
            }
            "boolean" => (
                "write `true` or `false`, without quotes",
                truth(text).map(|truth| Replacement::Yaml(truth.to_owned())),
            ),
            _ => {
                let number = plain(text.trim());
                let fits = if kind == "integer" { number.is_i64() || number.is_u64() } else { number.is_number() };
                let fits = fits && self.refuse(&number, schema, path).is_none();
                ("write a number, without quotes", fits.then(|| Replacement::Yaml(text.trim().to_owned())))
            }
        };
        let filler = self.hole(schema, path, WRONG_TYPE, message, help.to_owned());
        if let Some(meant) = meant {
            self.offer(Certainty::Certain, meant);
        }
        filler
    }
    /// What is wrong with a scalar of the right type, and what to do.
    pub(super) fn refuse(&self, value: &Value, schema: &Expected, path: &FieldPath) -> Option<(String, String)> {
        let choices = &schema.choices;
        if !choices.is_empty() && value.as_str().is_some_and(|value| !choices.contains(&value)) {
            let known: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            return Some((
                format!("invalid value `{}` for {}", shown(value), self.in_words(path)),
                format!("write {}", joined(&known, "or")),
            ));
        }
        if let (Some(format), Some(text)) = (schema.format, value.as_str()) {
            let fault = (grammar(format)?.refuse)(text)?;
            let what = if text.is_empty() { self.in_words(path) } else { format!("`{}`", shown(value)) };
            // A grammar that has a help writes it after a colon.
            let (fault, help) = match fault.split_once(": ") {
                Some((fault, help)) => (fault, help.to_owned()),
                None => (fault.as_str(), format!("an example: `{}`", shown(&schema.filler(self.whole)))),
            };
            return Some((format!("{what} {fault}"), help));
        }
        if value.as_str().is_some_and(|text| (text.len() as u64) < schema.least_length) {
            return Some((format!("{} is empty", self.in_words(path)), "write it, or remove the line".to_owned()));
        }
        let number = value.as_f64()?;
        let limit = |limit: Option<&Value>| limit.and_then(Value::as_f64);
        let is_below = limit(schema.minimum).is_some_and(|least| number < least);
        let is_above = limit(schema.maximum).is_some_and(|most| number > most);
        if !is_below && !is_above {
            return None;
        }
        let message = format!("{} is {value}, which is out of range", self.in_words(path));
        Some(match (schema.minimum, schema.maximum) {
            (Some(least), Some(most)) => (message, format!("write a number from {least} to {most}")),
            (Some(least), None) => (message, format!("write a number from {least} on")),
            _ => (message, "write a smaller number".to_owned()),
        })
    }
}

/// The declared name that is probably meant.
fn name_near(written: &str, declared: &[String]) -> Option<(String, Certainty)> {
    let names = || declared.iter().map(String::as_str);
    let meant = nearest(written, names())?;
    Some((meant.to_owned(), Certainty::of_name(written, meant, names())))
}

/// The boolean that a word of YAML 1.1, or a quoted one, means.
fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}
