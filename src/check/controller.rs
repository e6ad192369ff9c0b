//! What the rules about the controller have in common.

use crate::diagnostic::FieldPath;
use crate::topology::{Controller, GitOps};

use super::{About, Context};

/// Meshes that a controller applies.
pub(super) const ABOUT: About = About::Mesh(|topology| topology.gitops.is_some());

/// What decides whether there is a controller, and which.
pub(super) const GITOPS: &[&str] = &["gitops", "gitops.controller", "gitops.hub"];

pub(super) fn place(field: &'static str) -> FieldPath {
    FieldPath::root().child("gitops").child(field)
}

pub(super) fn argocd<'t>(context: &Context<'t>) -> Option<&'t GitOps> {
    context.topology.gitops.as_ref().filter(|gitops| gitops.controller == Controller::ArgoCd)
}
