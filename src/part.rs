//! Some clusters of a mesh, which are built without the others.

use crate::check::UNKNOWN_CLUSTER;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::lock::Lock;
use crate::mesh::Mesh;

/// Some clusters of a mesh, and the lock that pins what stands of the others.
#[derive(Debug)]
pub struct Part<'p> {
    /// The names of the clusters.
    pub clusters: &'p [String],
    /// The lock that stands.
    pub lock: &'p Lock,
}

impl Part<'_> {
    /// Whether a cluster belongs to it.
    pub(crate) fn has(&self, cluster: &str) -> bool {
        self.clusters.iter().any(|name| name == cluster)
    }

    /// Refuses names that the topology does not know.
    pub(crate) fn refuse_unknown(&self, mesh: &Mesh<'_>) -> Result<(), Vec<Diagnostic>> {
        let known: Vec<&str> = mesh.clusters.iter().map(|cluster| cluster.name).collect();
        let unknown = self.clusters.iter().filter(|name| !known.contains(&name.as_str()));
        let findings: Vec<Diagnostic> = unknown
            .map(|name| {
                let message = format!("the topology has no cluster `{name}`");
                let finding = UNKNOWN_CLUSTER.at(Place::Key(FieldPath::root().child("clusters")), message);
                match crate::diagnostic::nearest(name, known.iter().copied()) {
                    Some(meant) => finding.help(format!("did you mean `--cluster {meant}`?")),
                    None => finding
                        .help(format!("name one of its clusters: {}", crate::words::names(known.iter().copied()))),
                }
            })
            .collect();
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }
}
