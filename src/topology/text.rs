//! Strings with a grammar, as types that cannot be wrong.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A grammar of strings: the schema names it, the reader of topologies asks it.
pub struct Grammar {
    /// The schema's `format`.
    pub format: &'static str,
    /// What is wrong with a string, if anything, as the rest of a sentence that begins with the string.
    pub refuse: fn(&str) -> Option<String>,
}

/// The grammar of a schema's `format`.
pub fn grammar(format: &str) -> Option<&'static Grammar> {
    GRAMMARS.iter().find(|grammar| grammar.format == format)
}

const GRAMMARS: &[Grammar] = &[
    Grammar { format: "dns-1123-label", refuse: |text| Name::from_str(text).err() },
    Grammar { format: "mesh-id", refuse: |text| MeshId::from_str(text).err() },
    Grammar { format: "trust-domain", refuse: |text| TrustDomain::from_str(text).err() },
    Grammar { format: "cidr", refuse: |text| Cidr::from_str(text).err() },
    Grammar { format: "ip", refuse: |text| IpAddress::from_str(text).err() },
    Grammar { format: "address", refuse: |text| Address::from_str(text).err() },
    Grammar { format: "api-server", refuse: |text| ApiServer::from_str(text).err() },
    Grammar { format: "istio-version", refuse: |text| IstioVersion::from_str(text).err() },
    Grammar { format: "kubernetes-version", refuse: |text| KubernetesVersion::from_str(text).err() },
    Grammar { format: "date", refuse: |text| Date::from_str(text).err() },
];

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
        Self("cluster.local".to_owned())
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
            return Err("may hold only lower-case letters, digits, `.`, `-` and `_`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A range of addresses, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr(pub IpNet);

text_type!(Cidr, {
    "type": "string", "format": "cidr", "examples": ["10.68.0.0/16", "fd00:10:68::/112"],
    "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/[0-9]{1,3})$",
});

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((_, length)) = text.split_once('/') else {
            return Err("has no prefix length: write it like `10.68.0.0/16`".to_owned());
        };
        if length.len() > 1 && length.starts_with('0') || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("is no range of addresses: write it like `10.68.0.0/16` or `fd00::/64`".to_owned());
        }
        let Ok(net) = text.parse::<IpNet>() else {
            return Err("is no range of addresses: write it like `10.68.0.0/16` or `fd00::/64`".to_owned());
        };
        if net.addr() != net.network() {
            return Err(format!("has bits set beyond its prefix: write `{}`", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An IP address, version 4 or 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct IpAddress(pub IpAddr);

text_type!(IpAddress, {
    "type": "string", "format": "ip", "examples": ["192.168.229.128", "fd00::80"],
    "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
});

impl FromStr for IpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "is no IP address: write it like `192.168.229.128` or `fd00::80`".to_owned())
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What others dial: an IP address or a DNS name (RFC 1123, section 2.1), without a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name in lower case.
    Dns(String),
}

text_type!(Address, {
    "type": "string", "format": "address", "examples": ["192.168.229.100", "gateway.example.com"],
    "pattern": "^([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$", "maxLength": 253,
});

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && !host.contains(':')
            && !port.is_empty()
        {
            return Err(format!("has a port: write `{host}` alone, the ports are Istio's"));
        }
        refuse_host(text).map_or_else(|| Ok(Self::Dns(text.to_owned())), Err)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(formatter),
            Self::Dns(name) => formatter.write_str(name),
        }
    }
}

/// The URL of an API server (RFC 3986): scheme, host, and what else its author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ApiServer {
    text: String,
    scheme_length: usize,
    host: Address,
    port: Option<u16>,
}

text_type!(ApiServer, {
    "type": "string", "format": "api-server", "examples": ["https://192.168.229.128:6443"],
    "pattern": "^[a-z]+://[^\\s]+$",
});

impl ApiServer {
    /// The URL as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `https`, if all is well.
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme_length]
    }

    /// The host, without credentials, port and path.
    pub fn host(&self) -> &Address {
        &self.host
    }

    /// The port, or that of the scheme.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme() == "http" { 80 } else { 443 })
    }

    /// Whether a user stands before the host.
    pub fn has_credentials(&self) -> bool {
        self.authority().contains('@')
    }

    /// What follows host and port: a path, a query, a fragment, or nothing.
    pub fn path(&self) -> &str {
        &self.text[self.scheme_length + 3 + self.authority().len()..]
    }

    fn authority(&self) -> &str {
        let rest = &self.text[self.scheme_length + 3..];
        &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
    }
}

impl FromStr for ApiServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "is no URL: write it like `https://192.168.229.128:6443`";
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(form.to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("holds a blank or a character that is not ASCII".to_owned());
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or("opens `[` and never closes it")?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err("has no IPv6 address between its brackets".to_owned());
                }
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(form)?) })
            }
            None => match host.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (host, None),
            },
        };
        let port = match port {
            Some(port) => match port.parse() {
                Ok(number) if number != 0 && !port.starts_with('+') => Some(number),
                _ => return Err(format!("has no port between 1 and 65535 but `{port}`")),
            },
            None => None,
        };
        let host = host.to_ascii_lowercase().parse().map_err(|_| form)?;
        Ok(Self { text: text.to_owned(), scheme_length: scheme.len(), host, port })
    }
}

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
    "type": "string", "format": "istio-version", "examples": ["1.11.2"],
    "pattern": "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})$",
});

impl FromStr for IstioVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text).as_deref() {
            Some([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            Some([_, _]) => Err("is no exact version: write its three numbers, like `1.11.2`".to_owned()),
            _ => Err("is no version: write three numbers, like `1.11.2`".to_owned()),
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
            _ => Err("is no version: write it like `\"1.21\"` or `\"1.21.3\"`".to_owned()),
        }
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(formatter, ".{patch}"))
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

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "is no date: write it like `2026-11-01`".to_owned();
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
        let year = i32::from(number(0..4));
        if !(2000..2200).contains(&year) {
            return Err("is not between the years 2000 and 2199".to_owned());
        }
        time::Date::from_calendar_date(year, month, day).map(Self).map_err(|_| "is no day of the calendar".to_owned())
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

fn refuse_label(text: &str, maximum: usize) -> Option<String> {
    let is_letter_or_digit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if text.is_empty() {
        return Some("is empty".to_owned());
    }
    if text.len() > maximum {
        return Some(format!("is longer than {maximum} characters"));
    }
    let bytes = text.as_bytes();
    if !bytes.iter().all(|byte| is_letter_or_digit(byte) || *byte == b'-') {
        return Some("may hold only lower-case letters, digits and `-`".to_owned());
    }
    if !bytes.first().is_some_and(is_letter_or_digit) || !bytes.last().is_some_and(is_letter_or_digit) {
        return Some("must begin and end with a lower-case letter or a digit".to_owned());
    }
    None
}

fn refuse_host(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some("is longer than 253 characters".to_owned());
    }
    if text.split('.').any(|label| refuse_label(label, 63).is_some()) {
        return Some("is neither an IP address nor a DNS name in lower case".to_owned());
    }
    // RFC 1123, section 2.1: a name whose last label is all digits could be taken for an address.
    if text.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some("is no IP address, and no DNS name either: its last part is a number".to_owned());
    }
    None
}
