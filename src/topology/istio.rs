use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{IstioVersion, Revision};

/// Fields that Istio defines and meshgen copies.
pub type FreeForm = Map<String, Value>;

/// The Istio that is installed in every cluster.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Istio {
    /// The exact version. It determines commands, API versions and the configuration of remote clusters.
    pub version: IstioVersion,
    /// The installation profile.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The revision of the control planes. Default: none.
    pub revision: Option<Revision>,
    /// Whether to install the egress gateway in every cluster. Default: as in the profile, which is that of clusters with an istiod.
    pub egress_gateway: Option<bool>,
    /// MeshConfig, merged over the fields that meshgen sets.
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
