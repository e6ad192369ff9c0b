//! Bugs of Istio that a mesh can meet.

use super::Reference;

/// A bug of the patches of one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Bug {
    /// The third number of the version that fixes it; `None` where no patch of the line does.
    pub fixed_in: Option<u32>,
    /// What the version does, as the rest of a sentence.
    pub what: &'static str,
    /// Whether only a mesh of several clusters meets it, by its remote secrets.
    pub needs_remote_secrets: bool,
    /// The issue, or the release note: `releasenotes/notes` of the version that fixes it.
    pub source: Reference,
    /// The variable of istiod that fixes it from that patch on, where the patch alone does not, and its value.
    pub switch: Option<(&'static str, &'static str)>,
}

/// Where keys for tokens cannot be fetched, a key stands in whose private half is in Istio's source.
pub(super) const LEAKED_KEY: Bug = Bug {
    fixed_in: None,
    what: "takes tokens that anybody can forge while a RequestAuthentication's keys cannot be fetched",
    needs_remote_secrets: false,
    source: Reference::File { tag: "1.28.5", path: "releasenotes/notes/jwks-private-key-leak.yaml" },
    switch: None,
};

pub(super) const UNESCAPED_IDENTITIES: Bug = Bug {
    fixed_in: None,
    what: "can let an AuthorizationPolicy match identities and namespaces that it does not name",
    needs_remote_secrets: false,
    source: Reference::Issue(59992),
    switch: None,
};

pub(super) const KEPT_COLLECTIONS: Bug = Bug {
    fixed_in: None,
    what: "keeps in memory what it read of a remote cluster when its remote secret is updated or removed",
    needs_remote_secrets: true,
    source: Reference::Issue(57269),
    switch: None,
};
