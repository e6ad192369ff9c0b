//! What root and intermediates are called. Where names tell the seed, so do serial numbers, and two roots of one mesh differ in both.

use crate::mesh::Intermediate;
use crate::topology::Date;

/// The organization in every name.
pub(super) const ORGANIZATION: &str = "Istio";

/// The common name of a mesh's root.
pub(super) fn root(mesh_id: &str) -> String {
    format!("{mesh_id} root CA")
}

/// The common name of a mesh's intermediates, which tell their cluster as the locality.
pub(super) fn intermediate(request: &Intermediate<'_>) -> String {
    format!("{} intermediate CA", request.mesh_id)
}

/// The organizational unit where names tell the seed: the first day, and the seed's fingerprint where it is known. The common name
/// has no room for it (64 characters, RFC 5280, appendix A.1).
pub(super) fn unit(not_before: Date, fingerprint: Option<&str>) -> String {
    let first = not_before.plus_days(1);
    fingerprint.map_or(first.to_string(), |fingerprint| format!("{first} {fingerprint}"))
}

/// The seed's fingerprint in the subject of a root, which anybody may have written.
pub(super) fn fingerprint(subject: &str) -> Option<&str> {
    let unit = subject.split(',').find_map(|part| part.strip_prefix("OU="))?;
    unit.split_once(' ').map(|(_, fingerprint)| fingerprint)
}

/// A subject as it is known without the seed.
pub(super) fn without_fingerprint(subject: &str) -> String {
    match fingerprint(subject) {
        Some(fingerprint) => subject.replacen(&format!(" {fingerprint}"), "", 1),
        None => subject.to_owned(),
    }
}

/// Whether a subject is one that meshgen gives its roots.
pub(super) fn is_root(subject: &str) -> bool {
    let organization = format!("O={ORGANIZATION}");
    subject.split_once(',').is_some_and(|(name, rest)| name.ends_with(" root CA") && rest.ends_with(&organization))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_of_meshgen_is_known_by_its_name_with_and_without_the_seed() {
        for (subject, without, is_ours) in [
            ("CN=mesh1 root CA,O=Istio", "CN=mesh1 root CA,O=Istio", true),
            ("CN=mesh1 root CA,OU=2026-11-02 ab,O=Istio", "CN=mesh1 root CA,OU=2026-11-02,O=Istio", true),
            ("CN=Company root,O=Istio", "CN=Company root,O=Istio", false),
            ("CN=mesh1 root CA,O=Company", "CN=mesh1 root CA,O=Company", false),
            ("CN=mesh1 root CA", "CN=mesh1 root CA", false),
        ] {
            assert_eq!(without_fingerprint(subject), without);
            assert_eq!(is_root(subject), is_ours, "{subject}");
        }
    }
}
