use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ChartRepository, Install, IstioVersion, Revision};

/// Fields that Istio defines and meshgen copies.
pub type FreeForm = Map<String, Value>;

/// The Istio that is installed in every cluster.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Istio {
    /// The exact version. It determines commands, API versions and the configuration of remote clusters.
    pub version: IstioVersion,
    /// What installs Istio and its gateways.
    #[serde(default)]
    pub install: Install,
    /// Where Helm finds Istio's charts.
    #[serde(default)]
    pub charts: ChartRepository,
    /// The installation profile.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The revision of the control planes. Default: none.
    pub revision: Option<Revision>,
    /// Whether to install the egress gateway in every cluster. Default: as in the profile, which is that of clusters with an istiod.
    pub egress_gateway: Option<bool>,
    /// Istio's CNI plugin, which redirects the traffic of pods so that they need no privileges for it. Default: as in the profile.
    pub cni: Option<Cni>,
    /// MeshConfig, merged over the fields that meshgen sets.
    /// See <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig>.
    #[serde(default)]
    pub mesh_config: FreeForm,
    /// Helm values, for example `global.imagePullPolicy`.
    #[serde(default)]
    pub values: FreeForm,
}

/// Istio's CNI plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cni {
    /// Whether it is installed on every node, and injected pods rely on it.
    pub enabled: bool,
}

fn default_profile() -> String {
    "default".to_owned()
}
