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
    /// Its private key reaches it in another way, or others can read it.
    PrivateKeys,
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
    /// Every kind, the worst first.
    pub const ALL: [Self; 12] = [
        Self::NotInPlace,
        Self::Interrupts,
        Self::Leaves,
        Self::Joins,
        Self::GatewayAddress,
        Self::Routes,
        Self::PrivateKeys,
        Self::Certificates,
        Self::RestartIstiod,
        Self::RestartProxies,
        Self::Reapply,
        Self::Nothing,
    ];

    /// The kind as a word of a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotInPlace => "not-in-place",
            Self::Interrupts => "interrupts",
            Self::Leaves => "leaves",
            Self::Joins => "joins",
            Self::GatewayAddress => "gateway-address",
            Self::Routes => "routes",
            Self::PrivateKeys => "private-keys",
            Self::Certificates => "certificates",
            Self::RestartIstiod => "restart-istiod",
            Self::RestartProxies => "restart-proxies",
            Self::Reapply => "reapply",
            Self::Nothing => "nothing",
        }
    }

    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotInPlace => "cannot be done in place",
            Self::Interrupts => "interrupts requests",
            Self::Leaves => "leaves the mesh",
            Self::Joins => "joins the mesh",
            Self::GatewayAddress => "gateway address changes",
            Self::Routes => "routes change",
            Self::PrivateKeys => "private key goes another way",
            Self::Certificates => "certificates renewed",
            Self::RestartIstiod => "restart istiod",
            Self::RestartProxies => "restart proxies",
            Self::Reapply => "re-apply",
            Self::Nothing => "nothing to do",
        }
    }
}
