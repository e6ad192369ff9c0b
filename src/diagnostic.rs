//! What is wrong with a topology, where, and what to do about it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use camino::Utf8PathBuf;

pub use self::nearest::nearest;
pub use self::patch::{Certainty, Patch, Replacement};
pub use self::unchecked::{Cause, Findings, Hole, Unchecked};

mod nearest;
mod patch;
mod unchecked;

/// One finding, which may be about several places. [`crate::rule::Rule`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule's name in kebab-case, as `explain` takes it.
    pub rule: &'static str,
    /// Whether the finding stops a build.
    pub severity: Severity,
    /// One sentence on what is wrong, in lower case and without a full stop.
    pub message: String,
    /// The places involved; the first is where the fault is.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Vec<String>,
    /// A change that fixes the fault, certainly or probably.
    pub patch: Option<Patch>,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It stops a build.
    Error,
    /// It does not stop a build.
    Warning,
}

/// A place and what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// The fact at the place; may be empty.
    pub text: String,
}

/// A place in the topology or beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The topology as a whole.
    Whole,
    /// Bytes of the topology's text, if it has no fields yet.
    Range(Range<usize>),
    /// The value of a field, or the field's key where the value is a mapping or a sequence.
    Field(FieldPath),
    /// The key of a field.
    Key(FieldPath),
    /// Another file, which the topology names.
    File(Utf8PathBuf),
}

/// The path of a field, such as `clusters[1].network`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<Segment>);

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// A position in a sequence.
    Index(usize),
    /// A key of a mapping.
    Key(Cow<'static, str>),
}

impl Diagnostic {
    /// Says what is to be seen at the first place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.labels[0].text = text.into();
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn and(mut self, place: impl Into<Place>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.into(), text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Offers a string for the first place. The last help is what reports head a patch with.
    #[must_use]
    pub fn patch_as(self, certainty: Certainty, replacement: impl Into<String>) -> Self {
        let place = self.labels[0].place.clone();
        self.patch_at(place, certainty, Replacement::Text(replacement.into()))
    }

    /// Offers a change at a place of its own.
    #[must_use]
    pub fn patch_at(mut self, place: impl Into<Place>, certainty: Certainty, replacement: Replacement) -> Self {
        self.patch = Some(Patch { place: place.into(), replacement, certainty });
        self
    }
}

impl FieldPath {
    /// The topology itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The field `key` of the mapping at this path.
    #[must_use]
    pub fn child(&self, key: impl Into<Cow<'static, str>>) -> Self {
        self.push(Segment::Key(key.into()))
    }

    /// The item `index` of the sequence at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.push(Segment::Index(index))
    }

    fn push(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// The steps from the topology to the field.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The field as a part of a sentence, such as "`network` of cluster `east`"; `name_of` names an item of a list of the topology.
    pub fn in_words(&self, name_of: impl FnOnce(&str, usize) -> Option<String>) -> String {
        let (list, index, inside) = match self.segments() {
            [] => return "the topology".to_owned(),
            [Segment::Key(list), Segment::Index(index), inside @ ..] => (list, *index, inside),
            _ => return format!("`{self}`"),
        };
        match name_of(list, index) {
            None => format!("`{self}`"),
            Some(name) => {
                let item = format!("{} `{name}`", list.strip_suffix('s').unwrap_or(list));
                if inside.is_empty() { item } else { format!("`{}` of {item}", Self(inside.to_vec())) }
            }
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(formatter, "[{index}]")?,
                Segment::Key(key) if position == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
            }
        }
        Ok(())
    }
}

impl From<&[Segment]> for FieldPath {
    fn from(segments: &[Segment]) -> Self {
        Self(segments.to_vec())
    }
}

impl From<FieldPath> for Place {
    fn from(path: FieldPath) -> Self {
        Self::Field(path)
    }
}

impl From<Range<usize>> for Place {
    fn from(range: Range<usize>) -> Self {
        Self::Range(range)
    }
}
