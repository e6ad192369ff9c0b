//! The URLs of API servers and of the proxies on the way to them (RFC 3986).

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Address;
use super::text::text_type;

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
    "pattern": "^[a-z][a-z0-9]*://[^\\s]+$",
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

    /// The port that its author wrote.
    pub(crate) fn stated_port(&self) -> Option<u16> {
        self.port
    }

    /// Whether nothing follows the host and the port.
    pub fn is_bare(&self) -> bool {
        self.path() == Some("")
    }

    /// Whether a user stands before the host.
    pub fn has_credentials(&self) -> bool {
        self.authority().contains('@')
    }

    /// What follows host and port: a path, a query, a fragment, or nothing.
    fn rest(&self) -> &str {
        &self.text[self.scheme_length + 3 + self.authority().len()..]
    }

    /// The path without slashes at its end, if what follows host and port is only a path.
    pub fn path(&self) -> Option<&str> {
        let rest = self.rest();
        (!rest.contains(['?', '#'])).then(|| rest.trim_end_matches('/'))
    }

    fn authority(&self) -> &str {
        let rest = &self.text[self.scheme_length + 3..];
        &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
    }
}

impl FromStr for ApiServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "is not a URL: write it like `https://192.168.229.128:6443`";
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.bytes().all(is_lower) {
            return Err(form.to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("contains a space or a character that is not ASCII".to_owned());
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or("has no `]` for its `[`")?;
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
                _ => return Err(format!("has the port `{port}`: write one from 1 to 65535")),
            },
            None => None,
        };
        let host = host.to_ascii_lowercase().parse().map_err(|_| form)?;
        Ok(Self { text: text.to_owned(), scheme_length: scheme.len(), host, port })
    }
}

/// The URL of a proxy that a kubeconfig may name as `proxy-url` (`parseProxyURL` of client-go's
/// `tools/clientcmd/helpers.go`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ProxyUrl(ApiServer);

text_type!(ProxyUrl, {
    "type": "string", "format": "proxy-url", "examples": ["http://10.0.0.8:3128"],
    "pattern": "^(https?|socks5)://[^\\s]+$",
});

impl ProxyUrl {
    /// The URL.
    pub fn url(&self) -> &ApiServer {
        &self.0
    }
}

impl FromStr for ProxyUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !["http://", "https://", "socks5://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("is not the URL of a proxy: write it like `http://10.0.0.8:3128`, `https://…` or `socks5://…`"
                .to_owned());
        }
        text.parse().map(Self)
    }
}
