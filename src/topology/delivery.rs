//! How what is emitted reaches the clusters.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::text::text_type;
use super::{Line, Name};

/// What installs Istio and its gateways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Install {
    /// istioctl, from files of kind `IstioOperator`.
    #[default]
    Istioctl,
    /// Helm, from values of Istio's charts, and kubectl for the east-west gateway. From Istio 1.28 on.
    Helm,
    /// The Sail operator, from resources of kind `Istio`, and kubectl for the east-west gateway. From Istio 1.28 on.
    Sail,
}

impl Install {
    /// Every way, with its name in the topology and in the lock.
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Istioctl, "istioctl"), (Self::Helm, "helm"), (Self::Sail, "sail")];

    /// Its name in the topology and in the lock.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(way, _)| *way == self).map_or("", |(_, name)| name)
    }

    /// Whether kubectl applies the east-west gateway, as plain objects.
    pub(crate) fn states_gateways(self) -> bool {
        self != Self::Istioctl
    }
}

/// Where Istio's Helm charts are: a repository of HTTPS, or one of OCI, with the path in front of a chart's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ChartRepository(String);

text_type!(ChartRepository, {
    "type": "string", "format": "chart-repository", "examples": ["oci://registry.example.net/istio/charts"], "maxLength": 500,
    "pattern": "^(https|oci)://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$",
});

impl ChartRepository {
    /// The repository's URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ChartRepository {
    /// That of Istio's releases (`1.30.3:manifests/charts/README.md`).
    fn default() -> Self {
        Self("https://istio-release.storage.googleapis.com/charts".to_owned())
    }
}

impl fmt::Display for ChartRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl serde::Serialize for ChartRepository {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for ChartRepository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = ["https://", "oci://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_right = |place: &str| {
            let mut parts = place.split('/');
            let host = parts.next().unwrap_or_default();
            let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
            let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let is_name = is_end(name.as_bytes().first())
                && is_end(name.as_bytes().last())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
            let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
            let is_part = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
            };
            is_name && port.is_none_or(is_port) && parts.all(is_part)
        };
        if text.len() > 500 || !place.is_some_and(is_right) {
            return Err(
                "is not a repository of charts: write it like `https://charts.example.net/istio` or `oci://registry.example.net/istio/charts`, without a `/` at its end and without credentials"
                    .to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// The controller that applies the tree from Git.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitOps {
    /// Which controller it is.
    pub controller: Controller,
    /// Whether one controller applies all clusters. With `false`, each cluster has one, which reads its own part.
    #[serde(default = "yes")]
    pub hub: bool,
    /// The namespace of the controller. Default: `argocd` or `flux-system`.
    pub namespace: Option<Name>,
    /// The repository that holds the tree, as the controller reads it.
    #[schemars(extend("examples" = ["https://git.example.com/platform/mesh.git"]))]
    pub repository: Line,
    /// The branch or tag that the controller follows; for Flux a branch.
    #[serde(default = "main")]
    pub revision: Line,
    /// The directory of the tree in the repository, without `/` at its ends.
    #[schemars(extend("examples" = ["out"]))]
    pub path: Line,
}

/// A controller that applies what Git holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// Argo CD.
    #[serde(rename = "argocd")]
    ArgoCd,
    /// Flux.
    Flux,
}

impl Controller {
    /// The directory of its files in the tree, and its name in the topology.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArgoCd => "argocd",
            Self::Flux => "flux",
        }
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ArgoCd => "Argo CD",
            Self::Flux => "Flux",
        }
    }
}

impl GitOps {
    /// The namespace of the controller.
    pub(crate) fn namespace(&self) -> &str {
        let usual = match self.controller {
            Controller::ArgoCd => "argocd",
            Controller::Flux => "flux-system",
        };
        self.namespace.as_ref().map_or(usual, Name::as_str)
    }
}

/// How the controller knows a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterGitOps {
    /// The name of the cluster in Argo CD, or of the Secret with its kubeconfig for Flux. Default: the name of the cluster.
    pub name: Option<Line>,
}

fn yes() -> bool {
    true
}

fn main() -> Line {
    "main".parse().expect("it is a line")
}
