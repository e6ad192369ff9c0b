//! What is not known of a topology because of a mistake, and the rules that therefore were not applied.

use std::fmt;

use super::{Diagnostic, FieldPath, Place};

/// A place whose value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The place.
    pub path: FieldPath,
    /// Why it is not known.
    pub cause: Cause,
}

/// Why something is not known, in a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The value of a field is not valid.
    Invalid(FieldPath),
    /// A required field is not there.
    Missing(FieldPath),
    /// A field is not one of the topology's.
    Unknown(FieldPath),
    /// A key stands twice.
    Duplicate(FieldPath),
    /// A rule refuses what is at a place.
    Refused(&'static str, FieldPath),
    /// The text cannot be read.
    Unreadable(Place),
}

impl Cause {
    /// Where the mistake is.
    pub fn place(&self) -> Place {
        match self {
            Self::Invalid(field) | Self::Missing(field) | Self::Refused(_, field) => Place::Field(field.clone()),
            Self::Unknown(field) | Self::Duplicate(field) => Place::Key(field.clone()),
            Self::Unreadable(place) => place.clone(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(field) if field.segments().is_empty() => {
                formatter.write_str("because the file does not hold the fields of a topology")
            }
            Self::Invalid(field) => write!(formatter, "because `{field}` is not valid"),
            Self::Missing(field) => write!(formatter, "because `{field}` is missing"),
            Self::Unknown(field) => write!(formatter, "because the field `{field}` is unknown"),
            Self::Duplicate(field) => write!(formatter, "because the key `{field}` is duplicate"),
            Self::Refused(rule, field) => write!(formatter, "because of `{rule}` at `{field}`"),
            Self::Unreadable(_) => formatter.write_str("because the file cannot be read as a topology"),
        }
    }
}

/// Rules that were not applied, or not everywhere, for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// What they would have to know.
    pub cause: Cause,
    /// Their names.
    pub rules: Vec<&'static str>,
}

impl Unchecked {
    /// All of it in a sentence. Where almost no rule was applied, their names say nothing.
    pub fn message(&self) -> String {
        const MANY: usize = 40;
        let rules = match self.rules.len() {
            count @ MANY.. => format!("{count} rules"),
            _ => self.rules.join(", "),
        };
        format!("not checked, {}: {rules}", self.cause)
    }
}

/// What was found in a topology, and what was not looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Its errors and warnings.
    pub list: Vec<Diagnostic>,
    /// The rules that were not applied everywhere, each of them once.
    pub unchecked: Vec<Unchecked>,
}

impl Findings {
    /// Findings of rules that were all applied.
    pub fn of(list: Vec<Diagnostic>) -> Self {
        Self { list, unchecked: Vec::new() }
    }

    /// Says that a rule was not applied, unless that is said already.
    pub(crate) fn leave_out(&mut self, rule: &'static str, cause: &Cause) {
        if self.is_unchecked(rule) {
            return;
        }
        match self.unchecked.iter_mut().find(|unchecked| unchecked.cause == *cause) {
            Some(unchecked) => unchecked.rules.push(rule),
            None => self.unchecked.push(Unchecked { cause: cause.clone(), rules: vec![rule] }),
        }
    }

    /// Leaves only what is about some rules.
    pub fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.list.retain(|finding| is_wanted(finding.rule));
        self.unchecked.iter_mut().for_each(|unchecked| unchecked.rules.retain(|rule| is_wanted(rule)));
        self.unchecked.retain(|unchecked| !unchecked.rules.is_empty());
    }

    /// Whether nothing was found and everything was looked for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.unchecked.is_empty()
    }

    /// Whether a rule was not applied everywhere.
    pub(crate) fn is_unchecked(&self, rule: &str) -> bool {
        self.unchecked.iter().any(|unchecked| unchecked.rules.contains(&rule))
    }
}
