//! Addresses and ranges of addresses.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::text::{refuse_label, text_type};

/// A range of addresses, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr(pub IpNet);

text_type!(Cidr, {
    "type": "string", "format": "cidr", "examples": ["10.68.0.0/16", "fd00:10:68::/112"],
    "pattern": "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}/(3[0-2]|[12]?[0-9])|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$",
});

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((address, length)) = text.split_once('/') else {
            return Err("has no prefix length: write it like `10.68.0.0/16`".to_owned());
        };
        // `ipnet` takes `010.0.0.0`, which is 10.0.0.0 to it and 8.0.0.0 to others; `IpAddr` and Kubernetes take no leading zeros.
        let is_read_differently = length.len() > 1 && length.starts_with('0') || address.parse::<IpAddr>().is_err();
        if is_read_differently || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("is not a range of addresses: write it like `10.68.0.0/16` or `fd00::/64`".to_owned());
        }
        let Ok(net) = text.parse::<IpNet>() else {
            return Err("is not a range of addresses: write it like `10.68.0.0/16` or `fd00::/64`".to_owned());
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
    "pattern": "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
});

impl FromStr for IpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "is not an IP address: write it like `192.168.229.128` or `fd00::80`".to_owned())
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

fn refuse_host(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some("is longer than 253 characters".to_owned());
    }
    if text.split('.').any(|label| refuse_label(label, 63).is_some()) {
        return Some("is neither an IP address nor a DNS name in lower case".to_owned());
    }
    // RFC 1123, section 2.1: a name whose last label is all digits could be taken for an address.
    if text.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some("is neither an IP address nor a DNS name: its last part is a number".to_owned());
    }
    None
}
