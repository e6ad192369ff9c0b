//! The kinds of what a change means for a running cluster, the worst first, in words.

use schemars::JsonSchema;
use serde::Serialize;

/// What a change means for a cluster, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A running cluster cannot become this.
    NotInPlace,
    /// The cluster leaves the mesh.
    Leaves,
    /// The cluster joins the mesh.
    Joins,
    /// Others dial its gateway at another address.
    GatewayAddress,
    /// Node routes change.
    Routes,
    /// Another certificate, under the same root.
    Certificates,
    /// istiod has to start anew.
    RestartIstiod,
    /// Sidecars and gateways have to start anew.
    RestartProxies,
    /// Applying it is all.
    Reapply,
    /// Nothing.
    Nothing,
}

impl Kind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotInPlace => "cannot be done in place",
            Self::Leaves => "leaves the mesh",
            Self::Joins => "joins the mesh",
            Self::GatewayAddress => "gateway address changes",
            Self::Routes => "routes change",
            Self::Certificates => "certificates renewed",
            Self::RestartIstiod => "restart istiod",
            Self::RestartProxies => "restart proxies",
            Self::Reapply => "re-apply",
            Self::Nothing => "nothing to do",
        }
    }
}
