//! Versions and days.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::text::text_type;

/// An exact version of Istio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct IstioVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

text_type!(IstioVersion, {
    "type": "string", "format": "istio-version", "examples": ["1.30.3"],
    "pattern": "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})$",
});

impl FromStr for IstioVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text).as_deref() {
            Some([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            Some([_, _]) => Err("is not an exact version: write three numbers, like `1.30.3`".to_owned()),
            _ => Err("is not a version: write three numbers, like `1.30.3`".to_owned()),
        }
    }
}

impl fmt::Display for IstioVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A version of Kubernetes, with or without its patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct KubernetesVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number, if one is written.
    pub patch: Option<u32>,
}

text_type!(KubernetesVersion, {
    "type": "string", "format": "kubernetes-version", "examples": ["1.21"],
    "pattern": "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})(\\.(0|[1-9][0-9]{0,8}))?$",
});

impl FromStr for KubernetesVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text).as_deref() {
            Some([major, minor]) => Ok(Self { major: *major, minor: *minor, patch: None }),
            Some([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: Some(*patch) }),
            _ => Err("is not a version: write it like `\"1.21\"` or `\"1.21.3\"`".to_owned()),
        }
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(formatter, ".{patch}"))
    }
}

/// The first and the last node port that an API server assigns, such as `30000-32767`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NodePortRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

text_type!(NodePortRange, {
    "type": "string", "format": "node-port-range", "examples": ["30000-32767"],
    "pattern": "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])-([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
});

/// What Kubernetes takes where nobody says anything (`--service-node-port-range` of kube-apiserver).
impl Default for NodePortRange {
    fn default() -> Self {
        Self { first: 30000, last: 32767 }
    }
}

impl NodePortRange {
    /// Whether a port is one of them.
    pub(crate) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for NodePortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
            text.parse().ok().filter(|_| is_number)
        };
        let ports = text.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?)));
        match ports {
            Some((first, last)) if first <= last => Ok(Self { first, last }),
            Some(_) => Err("ends before it begins".to_owned()),
            None => Err("is not a range of ports: write it like `30000-32767`".to_owned()),
        }
    }
}

impl fmt::Display for NodePortRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", self.first, self.last)
    }
}

/// A day, UTC (RFC 3339, full-date), between 2000 and 2199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Date(pub time::Date);

text_type!(Date, {
    "type": "string", "format": "date", "examples": ["2026-11-01"],
    "pattern": "^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
});

impl Date {
    /// The day before, or the first one that there is.
    pub(crate) fn before(self) -> Self {
        Self(self.0.saturating_sub(time::Duration::DAY))
    }

    /// Reads a day of the calendar, also one on which only a certificate begins or ends.
    ///
    /// # Errors
    /// What is wrong with the text, as the rest of a sentence.
    pub(crate) fn of_any_year(text: &str) -> Result<Self, String> {
        let form = || "is not a date: write it like `2026-11-01`".to_owned();
        let bytes = text.as_bytes();
        let has_form = bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
        if !has_form {
            return Err(form());
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().expect("four digits at most");
        let month =
            u8::try_from(number(5..7)).ok().and_then(|month| time::Month::try_from(month).ok()).ok_or_else(form)?;
        let day = u8::try_from(number(8..10)).expect("two digits");
        time::Date::from_calendar_date(number(0..4).into(), month, day)
            .map(Self)
            .map_err(|_| "is not a day of the calendar".to_owned())
    }

    /// The day so many days later, or the last one that there is.
    pub(crate) fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(time::Duration::days(i64::from(days))))
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let date = Self::of_any_year(text)?;
        if !(2000..2200).contains(&date.0.year()) {
            return Err("is not between the years 2000 and 2199".to_owned());
        }
        Ok(date)
    }
}

impl serde::Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split('.')
        .map(|part| {
            let is_number = !part.is_empty()
                && part.len() <= 9
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'));
            is_number.then(|| part.parse().expect("nine digits at most"))
        })
        .collect()
}
