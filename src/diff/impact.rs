//! The kinds of consequences, the worst first.

use schemars::JsonSchema;
use serde::Serialize;

/// The kind of a consequence, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A running cluster cannot become this.
    NotInPlace,
    /// It can, and requests fail meanwhile.
    Interrupts,
    /// The cluster leaves the mesh.
    Leaves,
    /// The cluster joins the mesh.
    Joins,
    /// The address of its gateway changes.
    GatewayAddress,
    /// Node routes change.
    Routes,
    /// Another certificate, under the same root.
    Certificates,
    /// istiod must restart.
    RestartIstiod,
    /// Sidecars and gateways must restart.
    RestartProxies,
    /// Applying the files is enough.
    Reapply,
    /// Nothing.
    Nothing,
}

impl Kind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotInPlace => "cannot be done in place",
            Self::Interrupts => "interrupts requests",
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
