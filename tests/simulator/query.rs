//! kubectl's `-o jsonpath=` and `-o go-template=`, as far as scripts use them.

use std::collections::BTreeMap;

use serde_json::Value;

/// A template between its braces, and the text around them.
fn parts<'t>(template: &'t str, open: &str, close: &str) -> Result<Vec<Part<'t>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once(open) {
        let (inside, after) = after.split_once(close).ok_or_else(|| format!("an open brace in {template}"))?;
        parts.extend([Part::Text(text), Part::Inside(inside.trim())]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

#[derive(Debug, Clone, Copy)]
enum Part<'t> {
    Text(&'t str),
    Inside(&'t str),
}

/// What a value is printed as.
fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The values at `.a.b[*].c`; a dot of a key is `\.`.
fn find<'v>(root: &'v Value, path: &str) -> Result<Vec<&'v Value>, String> {
    let mut found = vec![root];
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[*]") {
            found = found.into_iter().filter_map(Value::as_array).flatten().collect();
            rest = after;
            continue;
        }
        // One condition of an object.
        if let Some((wanted, after)) =
            rest.strip_prefix("[?(@.type==\"").and_then(|condition| condition.split_once("\")]"))
        {
            let items = found.into_iter().filter_map(Value::as_array).flatten();
            found = items.filter(|item| item["type"] == wanted).collect();
            rest = after;
            continue;
        }
        let after = rest.strip_prefix('.').ok_or_else(|| format!("the path {path}"))?;
        let mut key = String::new();
        let mut characters = after.char_indices().peekable();
        let mut end = after.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => key.extend(characters.next().map(|(_, next)| next)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                _ => key.push(character),
            }
        }
        found = found.into_iter().filter_map(|value| value.get(&key)).collect();
        rest = &after[end..];
    }
    Ok(found)
}

fn constant(inside: &str) -> Option<String> {
    serde_json::from_str(inside).ok()
}

pub(crate) fn jsonpath(root: &Value, template: &str) -> Result<String, String> {
    let mut out = String::new();
    json_parts(root, &parts(template, "{", "}")?, &mut out)?;
    Ok(out)
}

fn json_parts(root: &Value, parts: &[Part<'_>], out: &mut String) -> Result<(), String> {
    let mut at = 0;
    while at < parts.len() {
        match parts[at] {
            Part::Text(text) => out.push_str(text),
            Part::Inside(inside) => {
                if let Some(path) = inside.strip_prefix("range ") {
                    let end = end_of(parts, at, |inside| inside.starts_with("range "))?;
                    for value in find(root, path)? {
                        json_parts(value, &parts[at + 1..end], out)?;
                    }
                    at = end;
                } else if let Some(text) = constant(inside) {
                    out.push_str(&text);
                } else {
                    let found: Vec<String> = find(root, inside)?.into_iter().map(printed).collect();
                    out.push_str(&found.join(" "));
                }
            }
        }
        at += 1;
    }
    Ok(())
}

/// Where what was opened at a part ends.
fn end_of(parts: &[Part<'_>], begin: usize, opens: impl Fn(&str) -> bool) -> Result<usize, String> {
    let mut depth = 0;
    for (at, part) in parts.iter().enumerate().skip(begin) {
        match part {
            Part::Inside(inside) if opens(inside) => depth += 1,
            Part::Inside("end") => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
    Err("a range without an end".to_owned())
}

type Variables = BTreeMap<String, Value>;

pub(crate) fn go_template(root: &Value, template: &str) -> Result<String, String> {
    let mut out = String::new();
    go_parts(root, &Variables::new(), &parts(template, "{{", "}}")?, &mut out)?;
    Ok(out)
}

fn go_parts(root: &Value, variables: &Variables, parts: &[Part<'_>], out: &mut String) -> Result<(), String> {
    let mut at = 0;
    while at < parts.len() {
        match parts[at] {
            Part::Text(text) => out.push_str(text),
            Part::Inside(inside) => {
                if let Some(range) = inside.strip_prefix("range ") {
                    let end = end_of(parts, at, |inside| inside.starts_with("range "))?;
                    let (names, path) = range.split_once(":=").map_or(("", range), |(names, path)| (names, path));
                    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                    for value in find(root, path.trim())? {
                        let items: Vec<(Value, &Value)> = match value {
                            Value::Object(fields) => {
                                fields.iter().map(|(key, value)| (Value::from(key.as_str()), value)).collect()
                            }
                            Value::Array(items) => {
                                items.iter().enumerate().map(|(index, value)| (Value::from(index), value)).collect()
                            }
                            other => return Err(format!("a range over {other}")),
                        };
                        for (key, item) in items {
                            let mut variables = variables.clone();
                            for (name, value) in names.iter().zip([key, item.clone()]) {
                                variables.insert((*name).to_owned(), value);
                            }
                            go_parts(item, &variables, &parts[at + 1..end], out)?;
                        }
                    }
                    at = end;
                } else if let Some(text) = constant(inside) {
                    out.push_str(&text);
                } else if let Some(value) = variables.get(inside) {
                    out.push_str(&printed(value));
                } else if inside.starts_with('.') {
                    let found = find(root, inside)?;
                    out.push_str(&found.first().map_or_else(|| "<no value>".to_owned(), |value| printed(value)));
                } else {
                    return Err(format!("{inside} in a template"));
                }
            }
        }
        at += 1;
    }
    Ok(())
}

/// Whether labels fit a selector such as `a=b,c in (d,e),!f`.
pub(crate) fn selects(selector: &str, labels: Option<&Value>) -> Result<bool, String> {
    let label = |name: &str| labels.and_then(|labels| labels.get(name)).and_then(Value::as_str);
    let mut terms = Vec::new();
    let (mut depth, mut begin) = (0, 0);
    for (at, character) in selector.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(&selector[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&selector[begin..]);
    let mut selects = true;
    for term in terms.into_iter().map(str::trim) {
        selects &= if let Some((name, list)) = term.split_once(" in ") {
            let list = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
            let mut list = list.ok_or_else(|| format!("the selector {selector}"))?.split(',').map(str::trim);
            label(name.trim()).is_some_and(|value| list.any(|wanted| wanted == value))
        } else if let Some((name, value)) = term.split_once("!=") {
            label(name) != Some(value)
        } else if let Some((name, value)) = term.split_once('=') {
            label(name) == Some(value)
        } else if let Some(name) = term.strip_prefix('!') {
            label(name).is_none()
        } else {
            label(term).is_some()
        };
    }
    Ok(selects)
}
