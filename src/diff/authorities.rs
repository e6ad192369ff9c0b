use std::collections::BTreeSet;

use crate::pki::inventory::{Entry, Role};

use super::facts::Known;
use super::side::bundle_paths;
use super::text::{self, TextChange};
use super::{AuthorityChange, CertificateChange, Side};

/// The differences in the authorities of all bundles. Equal differences of several clusters are merged.
pub(super) fn compare(before: &Side, after: &Side, names: &BTreeSet<&str>) -> Vec<AuthorityChange> {
    let mut changes: Vec<AuthorityChange> = Vec::new();
    for name in names {
        if is_same_bundle(before, after, name) {
            continue;
        }
        for role in [Role::Root, Role::Issuer] {
            for certificate in compare_role(before, after, name, role) {
                let is_it = |known: &&mut AuthorityChange| known.role == role && known.certificate == certificate;
                match changes.iter_mut().find(is_it) {
                    Some(known) => known.clusters.push((*name).to_owned()),
                    None => changes.push(AuthorityChange {
                        role,
                        clusters: vec![(*name).to_owned()],
                        is_everywhere: false,
                        certificate,
                    }),
                }
            }
        }
    }
    if changes.is_empty() {
        return changes;
    }
    let holder = if after.is_without_root() { before } else { after };
    let holders = names.iter().filter(|name| !holder.certificates(name).is_empty()).count();
    for change in &mut changes {
        change.is_everywhere = change.clusters.len() == holders;
    }
    changes
}

/// The difference in the certificate with which the istiod of a cluster signs.
pub(super) fn compare_signers(before: &Side, after: &Side, name: &str) -> Option<CertificateChange> {
    if is_same_bundle(before, after, name) {
        return None;
    }
    let signer = |side: &Side| side.certificates(name).into_iter().find(|entry| entry.role == Role::Signer).cloned();
    let (old, new) = (signer(before), signer(after));
    match (&old, &new) {
        (None, None) => None,
        (Some(one), Some(other)) if one.is_same(other) => None,
        _ => {
            let keys = (before.key_digest(name), after.key_digest(name));
            let change = change(old, new);
            // The lock of a tree pins the bytes of each key.
            let is_other_key = matches!(keys, (Some(one), Some(other)) if one != other);
            Some(CertificateChange { is_key_reissued: change.is_key_reissued || is_other_key, ..change })
        }
    }
}

/// Files of a bundle that differ although each certificate in them is the same.
pub(super) fn compare_texts(before: &Known<'_>, after: &Known<'_>, name: &str) -> Vec<TextChange> {
    if !before.has(name) || !after.has(name) || is_same_bundle(before, after, name) {
        return Vec::new();
    }
    let fingerprints = |side: &Side| -> BTreeSet<Option<String>> {
        side.certificates(name).into_iter().map(|entry| entry.fingerprint.clone()).collect()
    };
    if fingerprints(before) != fingerprints(after) {
        return Vec::new();
    }
    let files = bundle_paths(name).into_iter().zip(before.bundle_files(name)).zip(after.bundle_files(name));
    files
        // A topology has no certificates to read.
        .filter_map(|((path, one), other)| Some((path, one?, other?)))
        .filter(|(_, one, other)| one != other)
        .map(|(path, one, other)| text::compare(&path, Some(one), Some(other)))
        .collect()
}

/// The differences in the authorities of a cluster. If the cluster joins, those that are new in the mesh.
fn compare_role(before: &Side, after: &Side, name: &str, role: Role) -> Vec<CertificateChange> {
    let of = |side: &Side| -> Vec<Entry> {
        side.certificates(name).into_iter().filter(|entry| entry.role == role).cloned().collect()
    };
    let (mut old, mut new) = (of(before), of(after));
    // Somebody else signs on one side, and has a root that nobody knows.
    if role == Role::Root && before.is_without_root() != after.is_without_root() {
        let gone = old.into_iter().map(|old| change(Some(old), None));
        return gone.chain(new.into_iter().map(|new| change(None, Some(new)))).collect();
    }
    // A cluster without a certificate has no authorities.
    if after.certificates(name).is_empty() {
        return Vec::new();
    }
    if before.certificates(name).is_empty() {
        old = before.all_certificates(role).into_iter().cloned().collect();
        if old.is_empty() {
            return Vec::new();
        }
        new.retain(|new| !old.iter().any(|old| old.is_same(new)));
        return new.into_iter().map(|new| change(None, Some(new))).collect();
    }
    let count = old.len();
    old.retain(|old| {
        let same = new.iter().position(|new| old.is_same(new));
        same.map(|same| new.remove(same)).is_none()
    });
    // Where one stays, another one comes, or goes.
    let is_replaced = role != Role::Root || old.len() == count;
    if let ([_], [_], true) = (old.as_slice(), new.as_slice(), is_replaced) {
        return vec![change(old.pop(), new.pop())];
    }
    let gone = old.into_iter().map(|old| change(Some(old), None));
    gone.chain(new.into_iter().map(|new| change(None, Some(new)))).collect()
}

/// Whether both sides have the same bytes.
pub(super) fn is_same_bundle(before: &Side, after: &Side, name: &str) -> bool {
    let files = before.bundle_files(name);
    files.iter().any(Option::is_some) && files == after.bundle_files(name)
}

/// A change, and whether the private key differs. The public keys tell, if both are known; otherwise the requests do, because a key
/// derives from what is requested.
fn change(before: Option<Entry>, after: Option<Entry>) -> CertificateChange {
    let is_key_reissued = match (&before, &after) {
        (Some(old), Some(new)) => match (&old.key, &new.key) {
            (Some(old), Some(new)) => old != new,
            _ => !old.is_same(new),
        },
        _ => true,
    };
    CertificateChange { before, after, is_key_reissued }
}
