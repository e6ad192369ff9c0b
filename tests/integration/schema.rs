//! The schema is fresh, speaks to editors, and agrees with the reader of topologies.

use meshgen::load;
use meshgen::schema;
use meshgen::topology::grammar;
use serde_json::Value;

use crate::common;

#[test]
fn the_committed_schema_is_that_of_the_types() {
    common::expect_file(&common::repository().join("schemas/topology.schema.json"), &schema::text());
}

#[test]
fn the_committed_schemas_of_reports_are_those_of_the_types() {
    for (_, file, schema) in common::report_schemas() {
        let path = common::repository().join(format!("schemas/{file}.schema.json"));
        common::expect_file(&path, &format!("{schema:#}\n"));
    }
}

#[test]
fn the_documented_example_reads_without_a_finding_and_uses_every_field() {
    let source = common::read(&common::repository().join("tests/example.yaml"));
    let findings = meshgen::check(&source);
    assert!(findings.is_empty(), "{}", common::report(&source, &findings));
    let example = load::to_value(&source).unwrap();
    let schema = schema::schema();
    let mut unused = Vec::new();
    unused_fields(schema, schema, &[&example], "", &mut unused);
    // Findings are allowed on a cluster as on the mesh, where the example shows it. Ranges stand in one field or the other.
    assert_eq!(
        unused,
        ["/certificates/directory", "/certificates/rootCertificates", "/clusters/serviceCIDRs", "/clusters/allow"]
    );
}

/// The fields of a schema that none of the values has.
fn unused_fields(root: &Value, schema: &Value, values: &[&Value], path: &str, unused: &mut Vec<String>) {
    let schema = resolve(root, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        let present: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
        if present.is_empty() {
            unused.push(path);
        } else {
            unused_fields(root, field, &present, &path, unused);
        }
    }
    if schema["items"].is_object() {
        let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        unused_fields(root, &schema["items"], &items, path, unused);
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

#[test]
fn every_field_is_described_and_no_other_is_allowed() {
    let root = schema::schema();
    let mut pending = vec![("topology".to_owned(), root)];
    assert!(root["properties"].is_object());
    let mut definitions: Vec<(String, &Value)> =
        root["$defs"].as_object().unwrap().iter().map(|(name, schema)| (name.clone(), schema)).collect();
    pending.append(&mut definitions);
    for (name, schema) in pending {
        let Some(fields) = schema["properties"].as_object() else { continue };
        assert_eq!(schema["additionalProperties"], false, "{name} takes unknown fields");
        for (field, schema) in fields {
            let is_described = |schema: &Value| schema["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_described(schema) || is_described(resolve(root, schema)), "{name}.{field} has no description");
        }
    }
}

#[test]
fn every_field_shows_what_can_be_written() {
    /// Whether a schema has an example, or says all that there is.
    fn is_shown(root: &Value, schema: &Value) -> bool {
        let target = resolve(root, schema);
        let says_all = ["enum", "const", "oneOf", "properties", "examples", "default"];
        let is_said = |schema: &Value| says_all.iter().any(|word| !schema[word].is_null());
        let is_list_of_shown = target["items"].is_object() && is_shown(root, &target["items"]);
        is_said(schema)
            || is_said(target)
            || target["type"].to_string().contains("boolean")
            || is_list_of_shown
            || schema["anyOf"].as_array().is_some_and(|ways| ways.iter().any(|way| is_shown(root, way)))
    }
    let root = schema::schema();
    let definitions = root["$defs"].as_object().unwrap().values().chain([root]);
    let fields = definitions.filter_map(|schema| schema["properties"].as_object()).flatten();
    let silent: Vec<&String> = fields.filter(|(_, schema)| !is_shown(root, schema)).map(|(name, _)| name).collect();
    // An example stands in for what cannot be used, and no rule is to be allowed in the place of another.
    assert_eq!(silent, ["rule"]);
}

#[test]
fn a_description_with_markup_is_markdown_too() {
    fn visit(schema: &Value, found: &mut usize) {
        if let Some(text) = schema["description"].as_str() {
            assert_eq!(text.contains(['`', '<']), !schema["markdownDescription"].is_null(), "{text}");
            *found += usize::from(schema["markdownDescription"] == text);
        }
        match schema {
            Value::Object(fields) => fields.values().for_each(|schema| visit(schema, found)),
            Value::Array(items) => items.iter().for_each(|schema| visit(schema, found)),
            _ => {}
        }
    }
    let mut found = 0;
    visit(schema::schema(), &mut found);
    assert!(found > 10, "{found}");
}

#[test]
fn nothing_takes_null() {
    fn visit(schema: &Value) {
        assert_ne!(schema["type"], "null");
        match schema {
            Value::Object(fields) => fields.values().for_each(visit),
            Value::Array(items) => items.iter().for_each(visit),
            _ => {}
        }
    }
    visit(schema::schema());
}

#[test]
fn patterns_and_grammars_agree() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("dns-1123-label", &["a", "no", "1e3", "a-b"], &["", "A", "-a", "a-", "a.b", "a_b", &"a".repeat(64)]),
        ("mesh-id", &["mesh1"], &["", "Mesh", &"m".repeat(49)]),
        (
            "cluster-domain",
            &["cluster.local", "local", "k8s.a-b.example", "1.2"],
            &["", "Example.com", "a b", "a..b", ".a", "a.", "-a.b", "a_b", &"a.".repeat(60), &["a"; 61].join(".")],
        ),
        (
            "image",
            &["zipkin", "docker.io/openzipkin/zipkin-slim:3.4.0", "Registry:5000/a@sha256:0f", "10.0.0.1/a_b:v1"],
            &["", " a", "a b", "/a", "-a", "a\tb", &"a".repeat(501)],
        ),
        (
            "node-port-range",
            &["30000-32767", "1-65535", "9411-9411"],
            &["", "30000", "0-10", "1-65536", "30000-", "a-b", "30000 - 32767", "01-2", "1-2-3"],
        ),
        ("trust-domain", &["cluster.local", "a_b"], &["", "Example.com", "a b"]),
        (
            "cidr",
            &["10.0.0.0/8", "fd00::/64", "0.0.0.0/0", "192.168.100.32/27", "255.255.255.255/32", "::1/128", "fd00::/9"],
            &["", "10.0.0.0", "10.0.0.0/", "ten/8", "10.0.0.0/33", "10.0.256.0/24", "10.01.0.0/16", "fd00::/129"],
        ),
        ("ip", &["10.0.0.1", "fd00::1", "::ffff:10.0.0.1"], &["", "10.0.0", "host", "10.0.0.1/8", "10.0.0.256"]),
        ("address", &["10.0.0.1", "gateway.example.com", "fd00::1", "a"], &["", "a..b", "Host", "a b", "-a"]),
        (
            "api-server",
            &["https://10.0.0.1:6443", "https://[fd00::1]:6443", "http://a/b"],
            &["", "10.0.0.1:6443", "https://"],
        ),
        ("istio-version", &["1.11.2", "0.0.0"], &["", "1.11", "1.011.2", "v1.11.2", "1.11.2-rc1"]),
        ("kubernetes-version", &["1.21", "1.21.3"], &["", "1", "v1.21", "1.21.3.4"]),
        ("date", &["2026-11-01", "2199-12-31"], &["", "2026-1-1", "2026-13-01", "1999-01-01", "26-11-01"]),
    ];
    let revision = grammar("revision").unwrap();
    for text in ["stable", "1-30-3", "canary", "e1", "2026-q4"] {
        assert!((revision.refuse)(text).is_none(), "{text}");
    }
    for text in ["no", "1", "0x1f", "1e3", "1e-3", "2026-11-01", "true", &"r".repeat(57)] {
        assert!((revision.refuse)(text).is_some(), "{text}");
    }
    let text = schema::schema().to_string();
    for (format, good, bad) in cases {
        let schema = find(schema::schema(), format).unwrap_or_else(|| panic!("{format} is in no schema: {text}"));
        let pattern = regex::Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
        let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        let grammar = grammar(format).unwrap();
        for text in *good {
            assert!(
                pattern.is_match(text) && (grammar.refuse)(text).is_none(),
                "{format} {text}: {:?}",
                (grammar.refuse)(text)
            );
        }
        for text in *bad {
            assert!((grammar.refuse)(text).is_some(), "{format} takes {text:?}");
            assert!(!pattern.is_match(text) || text.len() as u64 > longest, "the pattern of {format} takes {text:?}");
        }
    }
}

/// The first schema of a format.
fn find(schema: &Value, format: &str) -> Option<Value> {
    if schema["format"] == format {
        return Some(schema.clone());
    }
    match schema {
        Value::Object(fields) => fields.values().find_map(|schema| find(schema, format)),
        Value::Array(items) => items.iter().find_map(|schema| find(schema, format)),
        _ => None,
    }
}
