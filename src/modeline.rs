//! The line by which editors find a topology's schema: `# yaml-language-server: $schema=PATH`.

use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::rule::STALE_SCHEMA;
use crate::schema;

const MARK: &str = "yaml-language-server:";
const FIELD: &str = "$schema=";

/// The schema that a topology names for editors, and where in its text; `None` where it names none, or one on the network.
pub fn schema(text: &str) -> Option<(&str, Range<usize>)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let comment = line.trim_start().strip_prefix('#').and_then(|comment| comment.trim_start().strip_prefix(MARK));
        if let Some(path) =
            comment.and_then(|comment| comment.split_whitespace().find_map(|word| word.strip_prefix(FIELD)))
        {
            let at = start + line.find(path).expect("the path is a part of its line");
            return (!path.is_empty() && !path.contains("://")).then_some((path, at..at + path.len()));
        }
        start += line.len();
    }
    None
}

/// Whether editors check the topology by this meshgen's schema; `standing` is what is at the path that it names.
pub fn stale(path: &str, place: Range<usize>, standing: Option<&[u8]>) -> Option<Diagnostic> {
    let help = format!("write the schema of this meshgen: `meshgen schema > {path}`, in the topology's directory");
    let Some(standing) = standing else {
        let message = "editors do not find the schema that the topology names";
        return Some(STALE_SCHEMA.at(place, message).label("no such file").help(help));
    };
    let is_current = serde_json::from_slice::<Value>(standing).is_ok_and(|standing| standing == *schema::schema());
    (!is_current).then(|| {
        STALE_SCHEMA
            .at(place, "editors check the topology with the schema of another meshgen")
            .label("not the schema of this meshgen")
            .help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_wherever_it_stands() {
        let text = "# a mesh\r\n#  yaml-language-server: $schema=../a/b.json\r\nkind: Topology\r\n";
        let (path, place) = schema(text).unwrap();
        assert_eq!((path, &text[place]), ("../a/b.json", "../a/b.json"));
        for text in
            ["kind: Topology\n", "# yaml-language-server: $schema=https://example.com/a.json\n", "# $schema=a\n", ""]
        {
            assert_eq!(schema(text), None);
        }
    }

    #[test]
    fn only_another_schema_is_stale() {
        let stale = |standing: Option<&str>| stale("a.json", 0..1, standing.map(str::as_bytes)).is_some();
        assert!(!stale(Some(&schema::text())));
        assert!(!stale(Some(&schema::text().replace('\n', "\r\n"))));
        assert!(stale(Some("{}")) && stale(Some("not JSON")) && stale(None));
    }
}
