use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{IstioVersion, Revision};

/// Fields that Istio defines and meshgen passes on.
pub type FreeForm = Map<String, Value>;

/// The Istio that is installed in every cluster.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Istio {
    /// The exact version; it decides commands, API versions and the shape of a remote cluster.
    pub version: IstioVersion,
    /// The installation profile.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The revision of the control planes: part of every name that depends on it. Default: none.
    pub revision: Option<Revision>,
    /// Whether the egress gateway of the profile is installed. Default: what the profile says.
    pub egress_gateway: Option<bool>,
    /// MeshConfig, merged over what meshgen sets.
    /// See <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig>.
    #[serde(default)]
    pub mesh_config: FreeForm,
    /// Helm values, for example `global.imagePullPolicy`.
    #[serde(default)]
    pub values: FreeForm,
}

fn default_profile() -> String {
    "default".to_owned()
}
