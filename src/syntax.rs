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
