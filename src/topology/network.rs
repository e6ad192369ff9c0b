use schemars::JsonSchema;
use serde::Deserialize;

use super::Name;

/// A network: its pods reach each other directly, pods of other networks through an east-west gateway.
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
    /// They do already: the network routes pod addresses.
    #[default]
    Native,
    /// By routes on the nodes, which meshgen emits.
    Static,
}
