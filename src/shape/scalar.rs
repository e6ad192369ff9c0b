use serde_json::Value;

use crate::diagnostic::{Certainty, FieldPath, Replacement, nearest};
use crate::rule::{INVALID_VALUE, WRONG_TYPE};
use crate::syntax::plain;
use crate::topology::{fix, grammar};
use crate::words::joined;

use super::expected::{choices, filler};
use super::faults::Faults;
use super::wording::{describe_type, example, shown};

impl Faults<'_> {
    pub(super) fn scalar(&mut self, value: &Value, text: &str, kind: &str, schema: &Value, path: &FieldPath) -> Value {
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => value.is_number(),
        };
        if !fits {
            return self.wrong_scalar(value, text, kind, schema, path);
        }
        if let Some((message, help)) = refuse(value, schema, path, self.definitions) {
            let choices = choices(schema);
            let written = value.as_str().unwrap_or_default();
            let meant = nearest(written, choices.iter().copied())
                .map(|meant| (meant.to_owned(), Certainty::of_word(written, meant, choices.iter().copied())))
                .or_else(|| fix(schema["format"].as_str()?, written));
            let help = match &meant {
                Some((meant, Certainty::Certain)) if choices.is_empty() => format!("write `{meant}`"),
                Some((meant, _)) if help.starts_with("an example") => format!("did you mean `{meant}`?"),
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

    fn wrong_scalar(&mut self, value: &Value, text: &str, kind: &str, schema: &Value, path: &FieldPath) -> Value {
        if value.is_null() {
            let help = match example(schema) {
                Some(example) => format!("write one, for example `{example}`, or remove the line"),
                None => "write one, or remove the line".to_owned(),
            };
            return self.hole(schema, path, WRONG_TYPE, format!("`{path}` has no value"), help);
        }
        let found = match value {
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            _ => "text",
        };
        let message = format!("`{path}` is {found} here, not {}", describe_type(kind));
        let (help, meant) = match kind {
            "string" => {
                // If the text is also invalid in quotes, report that.
                if let Some((message, help)) = refuse(&Value::from(text), schema, path, self.definitions) {
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
                let fits = fits && refuse(&number, schema, path, self.definitions).is_none();
                ("write a number, without quotes", fits.then(|| Replacement::Yaml(text.trim().to_owned())))
            }
        };
        let filler = self.hole(schema, path, WRONG_TYPE, message, help.to_owned());
        if let Some(meant) = meant {
            self.offer(Certainty::Certain, meant);
        }
        filler
    }
}

/// The boolean that a word of YAML 1.1, or a quoted one, means.
fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// What is wrong with a scalar of the right type, and what to do.
pub(super) fn refuse(value: &Value, schema: &Value, path: &FieldPath, definitions: &Value) -> Option<(String, String)> {
    let choices = choices(schema);
    if !choices.is_empty() && value.as_str().is_some_and(|value| !choices.contains(&value)) {
        let known: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        return Some((
            format!("invalid value `{}` for `{path}`", shown(value)),
            format!("write {}", joined(&known, "or")),
        ));
    }
    if let (Some(format), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        let fault = (grammar(format)?.refuse)(text)?;
        let what = if text.is_empty() { path.to_string() } else { shown(value) };
        // A grammar that has a help writes it after a colon.
        let (fault, help) = match fault.split_once(": ") {
            Some((fault, help)) => (fault, help.to_owned()),
            None => (fault.as_str(), format!("an example: `{}`", shown(&filler(schema, definitions)))),
        };
        return Some((format!("`{what}` {fault}"), help));
    }
    if let (Some(least), Some(text)) = (schema["minLength"].as_u64(), value.as_str())
        && (text.len() as u64) < least
    {
        return Some((format!("`{path}` is empty"), "write it, or remove the line".to_owned()));
    }
    let number = value.as_f64()?;
    let least = schema["minimum"].as_f64().filter(|least| number < *least);
    let most = schema["maximum"].as_f64().filter(|most| number > *most);
    if least.is_none() && most.is_none() {
        return None;
    }
    let message = format!("`{path}` is {value}, which is out of range");
    Some(match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => (message, format!("write a number from {least} to {most}")),
        (Some(least), None) => (message, format!("write a number from {least} on")),
        _ => (message, "write a smaller number".to_owned()),
    })
}
