//! The fields that Istio knows in what a topology passes on: MeshConfig, and Helm values.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::diagnostic::FieldPath;
use crate::topology::FreeForm;

use super::{RELEASES, Release};

/// The messages of one release.
type Messages = BTreeMap<&'static str, Vec<Field>>;

/// A table of messages, read for a release when that is first asked for.
struct Table {
    text: &'static str,
    releases: [OnceLock<Messages>; RELEASES.len()],
}

impl Table {
    const fn of(text: &'static str) -> Self {
        Self { text, releases: [const { OnceLock::new() }; RELEASES.len()] }
    }

    fn messages(&self, release: &Release) -> Option<&Messages> {
        let index = RELEASES.iter().position(|other| other == release)?;
        Some(self.releases[index].get_or_init(|| messages(self.text, release)))
    }
}

static MESH_CONFIG: Table = Table::of(include_str!("mesh-config.txt"));
static VALUES: Table = Table::of(include_str!("values.txt"));

/// A field that a release of Istio does not have.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where it stands.
    pub path: FieldPath,
    /// Its key.
    pub key: String,
    /// The fields that could stand there.
    pub known: Vec<&'static str>,
}

/// The fields of MeshConfig that a release does not have.
pub fn unknown_in_mesh_config(release: &Release, config: &FreeForm, path: &FieldPath) -> Vec<Unknown> {
    unknown(&MESH_CONFIG, "MeshConfig", release, config, path)
}

/// The Helm values that a release does not have.
pub fn unknown_in_values(release: &Release, values: &FreeForm, path: &FieldPath) -> Vec<Unknown> {
    unknown(&VALUES, "Values", release, values, path)
}

fn unknown(table: &'static Table, root: &str, release: &Release, fields: &FreeForm, path: &FieldPath) -> Vec<Unknown> {
    let mut found = Vec::new();
    if !fields.is_empty()
        && let Some(messages) = table.messages(release)
    {
        walk(messages, root, fields, path, &mut found);
    }
    found
}

/// A field's name, how JSON spells it, and the message that it holds.
struct Field {
    name: &'static str,
    json_name: String,
    message: Option<&'static str>,
}

impl Field {
    /// Whether a key means this field: JSON may spell it in either way (protobuf.dev, "JSON Format").
    fn is(&self, key: &str) -> bool {
        key == self.name || key == self.json_name
    }
}

fn lower_camel_case(name: &str) -> String {
    let mut is_initial = false;
    let mut spelt = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            is_initial = true;
        } else {
            spelt.push(if is_initial { letter.to_ascii_uppercase() } else { letter });
            is_initial = false;
        }
    }
    spelt
}

/// The messages of a table, as one release has them.
fn messages(table: &'static str, release: &Release) -> Messages {
    let release = format!("1.{}", release.minor);
    let mut messages = BTreeMap::new();
    let mut current: &mut Vec<Field> = messages.entry("").or_default();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let Some(field) = line.strip_prefix("  ") else {
            current = messages.entry(line).or_default();
            continue;
        };
        let mut words = field.split(' ');
        let name = words.next().unwrap_or_default();
        let (name, json_name) = match name.split_once('=') {
            Some((name, spelt)) => (name, spelt.to_owned()),
            None => (name, lower_camel_case(name)),
        };
        let mut field = Field { name, json_name, message: None };
        let mut is_there = true;
        for word in words {
            match word.split_once("1.") {
                Some(("", _)) => is_there = word.split(',').any(|other| other == release),
                _ => field.message = Some(word),
            }
        }
        if is_there {
            current.push(field);
        }
    }
    messages
}

fn walk(messages: &'static Messages, message: &str, fields: &FreeForm, path: &FieldPath, found: &mut Vec<Unknown>) {
    let known = messages.get(message).map(Vec::as_slice).unwrap_or_default();
    for (key, value) in fields {
        let path = path.child(key.clone());
        let Some(field) = known.iter().find(|field| field.is(key)) else {
            found.push(Unknown {
                path,
                key: key.clone(),
                known: known.iter().map(|field| field.json_name.as_str()).collect(),
            });
            continue;
        };
        match (field.message, value) {
            (Some(message), Value::Object(fields)) => walk(messages, message, fields, &path, found),
            (Some(message), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Object(fields) = item {
                        walk(messages, message, fields, &path.index(index), found);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::release::RELEASES;

    fn keys(minor: u32, config: &Value, values: &Value) -> Vec<String> {
        let release = RELEASES.iter().find(|release| release.minor == minor).unwrap();
        let root = FieldPath::root();
        let mut unknown = unknown_in_mesh_config(release, config.as_object().unwrap(), &root);
        unknown.extend(unknown_in_values(release, values.as_object().unwrap(), &root));
        unknown.into_iter().map(|unknown| unknown.path.to_string()).collect()
    }

    #[test]
    fn both_spellings_are_read_and_free_forms_end_the_walk() {
        let config = json!({
            "access_log_file": "/dev/stdout", "accessLogFile": "/dev/stdout",
            "defaultConfig": { "proxyMetadata": { "ANY": "thing" }, "tracing": { "zipkin": { "address": "a:1" } } },
            "extensionProviders": [{ "name": "a", "zipkin": { "service": "b", "port": 1 } }],
        });
        let values = json!({ "global": { "proxy": { "resources": { "limits": {} } }, "meshNetworks": { "a": {} } } });
        for minor in [11, 28, 29, 30] {
            assert_eq!(keys(minor, &config, &values), Vec::<String>::new());
        }
    }

    #[test]
    fn a_release_knows_its_own_fields_only() {
        let config =
            json!({ "defaultConfig": { "image": {} }, "extensionProviders": [{ "zipkin": { "servise": "a" } }] });
        let values = json!({ "global": { "proxy_init": {}, "variant": "debug" } });
        let zipkin = "extensionProviders[0].zipkin.servise";
        assert_eq!(keys(11, &config, &values), ["defaultConfig.image", zipkin, "global.variant"]);
        assert_eq!(keys(30, &config, &values), [zipkin]);
        assert_eq!(keys(30, &json!({}), &json!({ "global": { "proxyInit": {} } })), ["global.proxyInit"]);
    }

    #[test]
    fn every_message_of_the_tables_is_there() {
        for table in [&MESH_CONFIG, &VALUES] {
            for messages in RELEASES.iter().filter_map(|release| table.messages(release)) {
                let fields = messages.values().flatten();
                let mut named = fields.filter_map(|field| field.message);
                assert!(named.all(|message| messages.contains_key(message)));
            }
        }
    }
}
