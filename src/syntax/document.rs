use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::{FieldPath, Segment};

/// The parsed text of one topology.
#[derive(Debug)]
pub struct Document {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// The values that aliases repeat.
    pub(super) repeated: BTreeSet<usize>,
}

/// A value's position in its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(pub(super) usize);

/// A value and the bytes of the text that state it.
#[derive(Debug)]
pub struct Node {
    /// The bytes from the value's first to its last.
    pub range: Range<usize>,
    /// The value.
    pub kind: Kind,
    /// How many values there are when every alias is written out.
    pub(super) size: usize,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// A value without parts, and its text.
    Scalar(Value, String),
    /// A list.
    Sequence(Vec<NodeId>),
    /// Fields.
    Mapping(Mapping),
}

/// The fields of a mapping.
#[derive(Debug)]
pub struct Mapping {
    /// In the order in which they are written.
    pub entries: Vec<Entry>,
    /// The names that are written again.
    pub repeated: Vec<String>,
    /// The positions of `entries` in the order of their names.
    pub(super) by_name: Vec<usize>,
}

impl Mapping {
    /// The field of a name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        let position = self.by_name.binary_search_by(|position| self.entries[*position].key.as_str().cmp(name)).ok()?;
        Some(&self.entries[self.by_name[position]])
    }
}

/// A field of a mapping.
#[derive(Debug)]
pub struct Entry {
    /// The field's name.
    pub key: String,
    /// The bytes that state the name.
    pub key_range: Range<usize>,
    /// The field's value.
    pub value: NodeId,
}

impl Document {
    /// The topology as a whole.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The value at a position.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Whether an alias repeats the value at a position.
    pub fn is_repeated(&self, id: NodeId) -> bool {
        self.repeated.contains(&id.0)
    }

    /// The value at a path, and the bytes of its key if it is a field; `None` where the text has no such value.
    pub fn find(&self, path: &FieldPath) -> Option<(NodeId, Option<Range<usize>>)> {
        path.segments().iter().try_fold((self.root, None), |(id, _), segment| match (segment, &self.node(id).kind) {
            (Segment::Index(index), Kind::Sequence(items)) => items.get(*index).map(|item| (*item, None)),
            (Segment::Key(key), Kind::Mapping(mapping)) => {
                mapping.get(key).map(|entry| (entry.value, Some(entry.key_range.clone())))
            }
            _ => None,
        })
    }

    /// The value as JSON, aliases written out.
    pub fn value(&self, id: NodeId) -> Value {
        match &self.node(id).kind {
            Kind::Scalar(value, _) => value.clone(),
            Kind::Sequence(items) => items.iter().map(|item| self.value(*item)).collect(),
            Kind::Mapping(Mapping { entries, .. }) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), self.value(entry.value))).collect())
            }
        }
    }
}
