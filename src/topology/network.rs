use schemars::JsonSchema;
use serde::Deserialize;

use super::Name;

/// A network. Its pods reach each other directly, and pods on other networks through an east-west gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// The network's name, as in the label `topology.istio.io/network`.
    #[schemars(extend("examples" = ["network1"]))]
    pub name: Name,
    /// How pods of different clusters on this network reach each other.
    #[serde(default)]
    pub pod_routing: PodRouting,
}

/// How pods of different clusters on one network reach each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PodRouting {
    /// The network routes pod addresses.
    #[default]
    Native,
    /// Through routes on the nodes, which meshgen generates.
    Static,
}
