//! Strings with a grammar, as types that cannot be wrong.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::words::is_deceptive;
use crate::yaml;

/// Reads a type from a string in YAML and states its grammar in the schema.
macro_rules! text_type {
    ($type:ident, $schema:tt) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

pub(super) use text_type;

/// A DNS-1123 label, as Kubernetes wants names to be (RFC 1123).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

text_type!(Name, {
    "type": "string", "format": "dns-1123-label", "examples": ["cluster1"],
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63,
});

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        refuse_label(text, 63).map_or_else(|| Ok(Self(text.to_owned())), Err)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A revision of a control plane: a DNS-1123 label that leaves room for `istiod-` in the name of its Service, of 63 characters
/// (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/service.yaml`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Revision(String);

text_type!(Revision, {
    "type": "string", "format": "revision", "examples": ["1-30-3"],
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 56,
});

impl Revision {
    /// The revision.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match refuse_label(text, 56) {
            Some(fault) => Err(fault),
            None if is_misread(text) => Err(format!(
                "is not text in YAML, and Istio's charts write a revision without quotes: write for example `r-{text}`"
            )),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// Whether readers of YAML 1.1 read an unquoted label as a boolean, a number or a date (yaml.org/type).
fn is_misread(label: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_prefix = ["0x", "0b", "0o"].iter().any(|prefix| label.starts_with(prefix));
    let has_exponent = label
        .split_once('e')
        .is_some_and(|(digits, exponent)| is_number(digits) && is_number(exponent.trim_start_matches('-')));
    let is_day = label.len() >= 8 && label.split('-').count() == 3 && label.split('-').all(is_number);
    yaml::is_word(label) || is_number(label) || has_prefix || has_exponent || is_day
}

/// Istio's default of the trust domain and of the cluster domain.
const DEFAULT_DOMAIN: &str = "cluster.local";

/// A mesh ID: a DNS-1123 label that leaves room for ` intermediate CA` in a common name of 64 characters (RFC 5280, ub-common-name).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MeshId(String);

text_type!(MeshId, {
    "type": "string", "format": "mesh-id", "examples": ["mesh1"],
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 48,
});

impl MeshId {
    /// The ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MeshId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        refuse_label(text, 48).map_or_else(|| Ok(Self(text.to_owned())), Err)
    }
}

/// A SPIFFE trust domain (SPIFFE-ID, section 2.1): lower-case letters, digits, dots, dashes and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TrustDomain(String);

text_type!(TrustDomain, {
    "type": "string", "format": "trust-domain", "examples": ["cluster.local"],
    "pattern": "^[a-z0-9._-]+$", "maxLength": 255,
});

impl TrustDomain {
    /// The trust domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TrustDomain {
    fn default() -> Self {
        Self(DEFAULT_DOMAIN.to_owned())
    }
}

impl serde::Serialize for TrustDomain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > 255 {
            return Err("is longer than 255 characters".to_owned());
        }
        if !text.bytes().all(is_allowed) {
            return Err("may contain only lower-case letters, digits, `.`, `-` and `_`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// The domain of a cluster's Services (kubelet's `clusterDomain`), a DNS-1123 subdomain. It leaves room for
/// `<service>.<namespace>.svc.` in a name of 253 characters, both with 63 of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClusterDomain(String);

text_type!(ClusterDomain, {
    "type": "string", "format": "cluster-domain", "examples": ["cluster.local"], "maxLength": 120,
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
});

impl ClusterDomain {
    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ClusterDomain {
    fn default() -> Self {
        Self(DEFAULT_DOMAIN.to_owned())
    }
}

impl serde::Serialize for ClusterDomain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for ClusterDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > 120 {
            return Err("is longer than 120 characters".to_owned());
        }
        let refusal = text.split('.').find_map(|label| refuse_label(label, 63));
        refusal.map_or_else(|| Ok(Self(text.to_owned())), |_| Err(
            "is not a domain: write labels of lower-case letters, digits and `-` with dots between them, like `cluster.local`".to_owned(),
        ))
    }
}

/// A container image: a name, and a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Image(String);

text_type!(Image, {
    "type": "string", "format": "image", "examples": ["registry.example.net/zipkin-slim:3.4.0"],
    "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", "maxLength": 500,
});

impl Image {
    /// The image as a Pod names it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if !begins || text.len() > 500 || !text.bytes().all(is_allowed) {
            return Err("is not an image: write it like `registry.example.net/zipkin-slim:3.4.0`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// One line of text in which every character is shown where it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Line(String);

text_type!(Line, {
    "type": "string", "format": "line", "minLength": 1, "examples": ["one line"],
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]+$",
});

impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        match text.chars().find(|character| is_deceptive(*character)) {
            Some('\n' | '\r') => Err("has several lines: write one".to_owned()),
            Some(character) => Err(format!(
                "contains U+{:04X}, which changes how the text is shown: leave it out",
                u32::from(character)
            )),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// The class of a load balancer: a name as labels have it, with or without the domain of its maker (Kubernetes,
/// `ServiceSpec.loadBalancerClass`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LoadBalancerClass(String);

text_type!(LoadBalancerClass, {
    "type": "string", "format": "load-balancer-class", "examples": ["service.k8s.aws/nlb"],
    "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", "maxLength": 317,
});

impl LoadBalancerClass {
    /// The class.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LoadBalancerClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
        let is_domain =
            |domain: &str| domain.len() <= 253 && domain.split('.').all(|label| refuse_label(label, 63).is_none());
        let is_ended = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        };
        let is_name = is_ended(name)
            && name.len() <= 63
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if is_name && domain.is_none_or(is_domain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is not a name, with or without a domain before `/`".to_owned())
        }
    }
}

pub(super) fn refuse_label(text: &str, maximum: usize) -> Option<String> {
    let is_letter_or_digit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if text.is_empty() {
        return Some("is empty".to_owned());
    }
    if text.len() > maximum {
        return Some(format!("is longer than {maximum} characters: write a shorter one"));
    }
    let bytes = text.as_bytes();
    if !bytes.iter().all(|byte| is_letter_or_digit(byte) || *byte == b'-') {
        return Some("may contain only lower-case letters, digits and `-`".to_owned());
    }
    if !bytes.first().is_some_and(is_letter_or_digit) || !bytes.last().is_some_and(is_letter_or_digit) {
        return Some("must begin and end with a lower-case letter or a digit".to_owned());
    }
    None
}
