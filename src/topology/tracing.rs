use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Number;

use super::Name;

/// Where traces go.
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
    /// The cluster that the collector runs in.
    pub cluster: Name,
    /// How many of a hundred requests are traced.
    #[serde(default)]
    pub sampling_percent: SamplingPercent,
    /// How proxies reach the collector.
    #[serde(default)]
    pub via: Via,
    /// The collector's port on that cluster's east-west gateway.
    #[serde(default = "default_gateway_port")]
    #[schemars(range(min = 1024, max = 65535))]
    pub gateway_port: u16,
    /// The node port of that port of the gateway. Default: Kubernetes chooses one.
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<u16>,
    /// Whether the collector is installed. `false`: Service `zipkin` in `istio-system`, port 9411, is there already.
    #[serde(default = "default_install")]
    pub install: bool,
}

/// How proxies reach the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// By a port of its own on the east-west gateway of the collector's cluster, in plain text.
    #[default]
    Gateway,
    /// Through the mesh, as any service is reached: mutual TLS, no port of its own. From Istio 1.22 on.
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

fn default_gateway_port() -> u16 {
    15018
}

fn default_install() -> bool {
    true
}
