//! The topology's text as a tree of values that know their place.
//!
//! One parser reads the text, once: what the schema, serde and the reports say rests on the same tree.
//! Scalars are resolved by the core schema of YAML 1.2 (<https://yaml.org/spec/1.2.2/#103-core-schema>), as editors do.

pub use self::document::{Document, Entry, Kind, Mapping, Node, NodeId};
pub(crate) use self::scalar::plain;

mod builder;
mod document;
mod offsets;
mod refusal;
mod scalar;

/// The rule that speaks of text that is no YAML, or of YAML that a topology does not use.
pub const SYNTAX: &str = "syntax";
/// The rule that speaks of a key that stands twice in one mapping.
pub const DUPLICATE_KEY: &str = "duplicate-key";
