use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Number;

use super::{Address, Image, Name};

/// The collector of traces.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tracing {
    /// One Zipkin for all clusters.
    pub zipkin: Zipkin,
}

/// One Zipkin for all clusters of the mesh.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Zipkin {
    /// The cluster of the collector.
    pub cluster: Name,
    /// The percentage of requests that are traced.
    #[serde(default)]
    pub sampling_percent: SamplingPercent,
    /// How proxies reach the collector.
    #[serde(default)]
    pub via: Via,
    /// The port of the collector on the east-west gateway of that cluster.
    #[serde(default = "default_gateway_port")]
    #[schemars(range(min = 1024, max = 65535))]
    pub gateway_port: u16,
    /// The node port of that gateway port. Default: Kubernetes chooses one.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [30411]))]
    pub node_port: Option<u16>,
    /// Whether to install the collector. Write `false` if the Service `zipkin` in `istio-system`, port 9411, exists already.
    #[serde(default = "default_install")]
    pub install: bool,
    /// The image of the collector, for example from a registry of your own. Default: that of Istio's addon of the same version.
    pub image: Option<Image>,
}

/// How proxies reach the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// Through a separate port on the east-west gateway of the collector's cluster, in plain text.
    #[default]
    Gateway,
    /// Through the mesh, with mutual TLS, like any other service. Needs Istio 1.22 or later.
    Mesh,
}

/// A share of requests, 0 to 100, in the number's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct SamplingPercent(pub Number);

impl Default for SamplingPercent {
    fn default() -> Self {
        Self(Number::from(1))
    }
}

impl JsonSchema for SamplingPercent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SamplingPercent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 100 })
    }
}

/// A host and a port that proxies report to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Address,
    pub(crate) port: u16,
}

impl Target {
    /// Reads `host:port`, an IPv6 address in brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => Address::Ip(IpAddr::V6(bracketed.strip_suffix(']')?.parse().ok()?)),
            None if host.contains(':') => return None,
            None => host.parse().ok()?,
        };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0)?;
        Some(Self { host, port })
    }

    /// The namespace and full name, where the host names a Service as a cluster's DNS does: `service.namespace`,
    /// `service.namespace.svc` or that with the cluster's domain.
    pub(crate) fn service(&self, domain: &str) -> Option<(&str, String)> {
        let Address::Dns(name) = &self.host else { return None };
        let with_domain = name.strip_suffix(domain).and_then(|name| name.strip_suffix(".svc."));
        let short = with_domain.or_else(|| name.strip_suffix(".svc")).unwrap_or(name);
        match short.split('.').collect::<Vec<&str>>().as_slice() {
            [service, namespace] => Some((namespace, format!("{service}.{namespace}.svc.{domain}"))),
            _ => None,
        }
    }
}

/// As in a URL, IPv6 addresses in brackets (RFC 3986, section 3.2.2).
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Address::Ip(IpAddr::V6(ip)) => write!(formatter, "[{ip}]:{}", self.port),
            host => write!(formatter, "{host}:{}", self.port),
        }
    }
}

fn default_gateway_port() -> u16 {
    15018
}

fn default_install() -> bool {
    true
}
