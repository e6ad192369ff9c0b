//! From a topology's bytes to the topology.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath, Hole, Place};
use crate::rule::{INVALID_VALUE, SYNTAX};
use crate::schema;
use crate::shape::{self, Expected, Shape};
use crate::source::{MAXIMUM_BYTES, Source};
use crate::syntax::Document;
use crate::topology::Topology;

/// A topology that serde could read, with or without mistakes of shape.
#[derive(Debug)]
pub struct Loaded {
    /// The topology, with an example in place of each value that could not be used.
    pub topology: Topology,
    /// The places of these examples, and of fields that may be missing only because their name is misspelt.
    pub holes: Vec<Hole>,
    /// Where an alias repeats a value, and where that was first.
    pub repeats: BTreeMap<FieldPath, FieldPath>,
}

static EXPECTED: LazyLock<Expected> = LazyLock::new(|| Expected::of(schema::schema()));

/// Reads a topology. Mistakes that leave a topology are pushed onto `findings`, with `holes` where they were.
///
/// # Errors
/// Text that cannot be read as a topology.
pub fn load(source: &Source, findings: &mut Vec<Diagnostic>) -> Result<Loaded, Diagnostic> {
    let text = decode(source)?;
    let document = Document::parse(text, findings)?;
    let Shape { value, holes, repeats } = shape::check(&document, &EXPECTED, findings)?;
    match serde_json::from_value(value) {
        Ok(topology) => Ok(Loaded { topology, holes, repeats }),
        Err(error) => Err(not_a_topology(&error, findings)),
    }
}

/// The source's text, if it is valid.
fn decode(source: &Source) -> Result<&str, Diagnostic> {
    let bytes = source.bytes.strip_prefix(crate::source::BYTE_ORDER_MARK).unwrap_or(&source.bytes);
    if bytes.len() > MAXIMUM_BYTES {
        let message = format!("the file is larger than {} MiB", MAXIMUM_BYTES >> 20);
        return Err(SYNTAX.at(Place::Whole, message).help("a topology is a text file of a few kilobytes"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            Some(at) => Err(SYNTAX.at(at..at + 1, "the file contains a NUL byte").help("a topology is a text file")),
            None => Ok(text),
        },
        Err(error) => {
            // Reports show the text with U+FFFD, three bytes in UTF-8, for bytes that are not valid UTF-8.
            let at = error.valid_up_to();
            let byte = bytes[at];
            let help = "save the file as UTF-8: most editors have a command for it";
            Err(SYNTAX.at(at..at + 3, format!("the byte 0x{byte:02x} is not valid UTF-8")).help(help))
        }
    }
}

/// serde refuses a value that the schema accepts. The finding is about the whole file, because serde does not know the place.
fn not_a_topology(error: &serde_json::Error, findings: &[Diagnostic]) -> Diagnostic {
    match findings.first() {
        Some(finding) => finding.clone(),
        None => INVALID_VALUE.at(Place::Whole, format!("the topology cannot be read: {error}")),
    }
}

/// The schema's idea of the topology, for tests that compare the two.
pub fn to_value(source: &Source) -> Result<Value, Diagnostic> {
    let document = Document::parse(decode(source)?, &mut Vec::new())?;
    Ok(document.value(document.root()))
}
