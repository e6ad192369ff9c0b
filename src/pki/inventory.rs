//! Which certificates a mesh has, or asks for, and how long they last.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::layout::bundle_path;
use crate::mesh::{Intermediate, Mesh, Root, runs_istiod};
use crate::release::{Release, release};
use crate::rule::{EXPIRING_CERTIFICATE, NOT_YET_VALID, OLD_ISSUED_ON, Rule, SHORT_INTERMEDIATE};
use crate::topology::{CertificateAuthority, Date, Topology};

use super::key::KeyPath;
use super::naming::{self, ORGANIZATION};
use super::standing::Damage;
use super::verify::{self, Facts};
use super::{Standing, Trust};
use crate::words::{hex, plural};

/// A certificate is renewed this many days before its end at the latest.
pub(super) const DAYS_TO_RENEW: i64 = 90;
/// The shortest useful validity of an intermediate.
const DAYS_WORTH_ISSUING: i64 = 365;

/// What a certificate is in its mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CertificateRole")]
pub enum Role {
    /// Proxies are told to trust it.
    Root,
    /// It is between the certificate of a cluster and the root.
    Issuer,
    /// A cluster's istiod signs with it.
    Signer,
}

/// A certificate of a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Certificate")]
pub struct Entry {
    /// What it is.
    pub role: Role,
    /// The cluster whose istiod signs with it, or under it; none for a root.
    pub cluster: Option<String>,
    /// The subject's name, less the seed's fingerprint where only the request is known.
    pub subject: String,
    /// The serial number in hexadecimal; none where it tells the seed and only the request is known.
    pub serial: Option<String>,
    /// SHA-256 in hexadecimal; none where only the request is known.
    pub fingerprint: Option<String>,
    /// SHA-256 of the public key (`SubjectPublicKeyInfo`) in hexadecimal; none where only the request is known.
    pub key: Option<String>,
    /// The generation of a signer's key.
    pub generation: Option<u32>,
    /// The first day.
    pub not_before: Date,
    /// The last day.
    pub not_after: Date,
}

impl Entry {
    /// How many days are left at a day; negative once it has expired.
    pub fn days_left(&self, today: Date) -> i64 {
        days_left(self.not_after, today)
    }

    /// In how many days it begins, if that is after a day.
    pub fn begins_in(&self, today: Date) -> Option<i64> {
        let days = days_left(self.not_before, today);
        (days > 0).then_some(days)
    }

    /// Whether both are the same, as far as both are known: a request has no fingerprint and no key yet.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let agree = |own: &Option<String>, other: &Option<String>| own.is_none() || other.is_none() || own == other;
        agree(&self.fingerprint, &other.fingerprint)
            && agree(&self.key, &other.key)
            && agree(&self.serial, &other.serial)
            && self.request() == other.request()
    }

    /// What is known before a certificate is made.
    fn request(&self) -> Self {
        let subject = naming::without_fingerprint(&self.subject);
        Self { subject, serial: None, fingerprint: None, key: None, ..self.clone() }
    }

    /// Whether a root is of the kind that meshgen makes: an authority of your own gives its root another name.
    pub(crate) fn is_root_of_meshgen(&self) -> bool {
        self.role == Role::Root && naming::is_root(&self.subject)
    }

    fn of(role: Role, cluster: Option<&str>, generation: Option<u32>, facts: Facts) -> Self {
        Self {
            role,
            cluster: cluster.map(str::to_owned),
            subject: facts.subject,
            serial: Some(facts.serial),
            fingerprint: Some(facts.fingerprint),
            key: Some(facts.key),
            generation,
            not_before: facts.not_before,
            not_after: facts.not_after,
        }
    }
}

/// The certificates of a topology. They are known without the seed.
pub fn requested(mesh: &Mesh<'_>) -> Vec<Entry> {
    let Some(requested @ Root { names_seed, not_before, not_after, .. }) = &mesh.root else { return Vec::new() };
    let unit = |not_before| if *names_seed { format!(",OU={}", naming::unit(not_before, None)) } else { String::new() };
    let serial = |path: &KeyPath| (!names_seed).then(|| hex(&path.serial_number(None)));
    let root = Entry {
        role: Role::Root,
        cluster: None,
        subject: format!("CN={}{},O={ORGANIZATION}", naming::root(requested), unit(*not_before)),
        serial: serial(&KeyPath::root(requested)),
        fingerprint: None,
        key: None,
        generation: None,
        not_before: *not_before,
        not_after: *not_after,
    };
    let intermediates = mesh.clusters.iter().filter_map(|cluster| cluster.intermediate.as_ref()).map(|request| Entry {
        role: Role::Signer,
        cluster: Some(request.cluster.to_owned()),
        subject: format!(
            "L={},CN={}{},O={ORGANIZATION}",
            request.cluster,
            naming::intermediate(request),
            unit(request.not_before)
        ),
        serial: serial(&KeyPath::intermediate(request)),
        fingerprint: None,
        key: None,
        generation: Some(request.generation),
        not_before: request.not_before,
        not_after: request.not_after,
    });
    [root].into_iter().chain(intermediates).collect()
}

/// The certificates that an external authority issued.
pub fn answered(mesh: &Mesh<'_>, trust: &Trust) -> Vec<Entry> {
    let roots = trust.roots.iter().map(|root| Entry::of(Role::Root, None, None, root.clone()));
    let others = mesh.clusters.iter().flat_map(|cluster| {
        let bundle = trust.bundles[cluster.position].as_ref();
        let generation = cluster.intermediate.as_ref().map(|request| request.generation);
        bundle.into_iter().flat_map(move |bundle| {
            let issuers = bundle.issuers.iter().map(|issuer| (Role::Issuer, None, issuer));
            let all = issuers.chain([(Role::Signer, generation, &bundle.facts)]);
            all.map(|(role, generation, facts)| Entry::of(role, Some(cluster.name), generation, facts.clone()))
        })
    });
    roots.chain(others).collect()
}

/// The certificates in the three public files of a cluster's bundle, each once and not verified.
pub fn unproven(cluster: &str, generation: Option<u32>, files: [Option<&str>; 3]) -> Vec<Entry> {
    let [roots, certificate, chain] = files.map(|file| file.and_then(verify::facts_of).unwrap_or_default());
    let is_root = |facts: &Facts| roots.iter().any(|root| root.fingerprint == facts.fingerprint);
    let mut entries: Vec<Entry> = Vec::new();
    for facts in certificate.iter().take(1) {
        entries.push(Entry::of(Role::Signer, Some(cluster), generation, facts.clone()));
    }
    let issuers = certificate.iter().chain(&chain).filter(|facts| !is_root(facts));
    let others = issuers.map(|facts| Entry::of(Role::Issuer, Some(cluster), None, facts.clone()));
    for entry in others.chain(roots.iter().map(|facts| Entry::of(Role::Root, None, None, facts.clone()))) {
        if entries.iter().all(|known| known.fingerprint != entry.fingerprint) {
            entries.push(entry);
        }
    }
    entries
}

/// The certificates of a tree, verified from its bytes.
///
/// # Errors
/// What is wrong with it, a sentence for each fault.
pub fn standing(standing: &Standing) -> Result<Vec<Entry>, Vec<String>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut faults = Vec::new();
    for cluster in standing.clusters() {
        let files = match standing.files(cluster) {
            Ok(files) => files,
            Err(Damage { sentence, help }) => {
                faults.push(help.map_or(sentence.clone(), |help| format!("{sentence}\nhelp: {help}")));
                continue;
            }
        };
        match verify::verify(files) {
            Ok(proven) => {
                let roots = proven.roots.into_iter().map(|root| Entry::of(Role::Root, None, None, root));
                let issuers = proven.issuers.into_iter().map(|issuer| Entry::of(Role::Issuer, None, None, issuer));
                for entry in roots.chain(issuers) {
                    if entries.iter().all(|known| known.fingerprint != entry.fingerprint) {
                        entries.push(entry);
                    }
                }
                let certificate = standing.lock().clusters.get(cluster).and_then(|record| record.certificate.as_ref());
                let generation = certificate.map(|(generation, _)| *generation);
                entries.push(Entry::of(Role::Signer, Some(cluster), generation, proven.certificate));
            }
            Err(found) => {
                faults.extend(
                    found.into_iter().map(|fault| format!("{} {}", bundle_path(cluster, fault.file), fault.reason)),
                );
            }
        }
    }
    entries.sort_by_key(|entry| entry.role);
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// The rules of [`warnings`].
pub(crate) const WARNINGS: [Rule; 4] = [EXPIRING_CERTIFICATE, NOT_YET_VALID, OLD_ISSUED_ON, SHORT_INTERMEDIATE];

/// The fields that decide on [`warnings`].
pub(crate) const FIELDS: &[&str] = &[
    "istio.version",
    "certificates.authority",
    "certificates.issuedOn",
    "certificates.rootValidityDays",
    "certificates.intermediatesIssuedOn",
    "certificates.intermediateValidityDays",
    "clusters[].name",
    "clusters[].controlPlane",
    "clusters[].certificates.issuedOn",
];

/// The warnings about the certificates that a topology asks for, on a day.
pub(crate) fn warnings(topology: &Topology, today: Date) -> Vec<Diagnostic> {
    let certificates = FieldPath::root().child("certificates");
    let release =
        release(topology.istio.version).filter(|_| topology.certificates.authority == CertificateAuthority::Seed);
    let Some(release) = release else { return Vec::new() };
    let root = &Root::resolve(topology);
    let requests: Vec<Request<'_>> = requests(topology, release, root).collect();
    let mut findings = not_yet_valid(root, &requests, today);
    let left = days_left(root.not_after, today);
    if left <= DAYS_TO_RENEW {
        let message = format!("the root certificate {}", ends(root.not_after, left));
        findings.push(
            EXPIRING_CERTIFICATE
                .at(certificates.child("issuedOn"), message)
                .label(format!("plus {}", days((root.not_after.0 - root.not_before.0).whole_days())))
                .help("plan a migration to a new root: every workload must trust it before the old one expires"),
        );
        // An intermediate that expires because its root does gets no second warning.
        return findings;
    }
    let has_fresh = requests.iter().any(|(_, _, request)| days_left(request.not_after, today) >= DAYS_WORTH_ISSUING);
    for (position, has_day, request) in &requests {
        let path = FieldPath::root().child("clusters").index(*position);
        let place = if *has_day { path.child("certificates").child("issuedOn") } else { path.child("name") };
        let left = days_left(request.not_after, today);
        let late = (!has_day && has_fresh && left < DAYS_WORTH_ISSUING).then(|| {
            let message = format!(
                "the certificate of `{}` has {} left, and others of this mesh have more than a year",
                request.cluster,
                days(left)
            );
            (OLD_ISSUED_ON, message)
        });
        findings.extend(intermediate_warning(request, root, today).or(late).map(|(rule, message)| {
            rule.at(place, message)
                .label(format!("valid from {} to {}", request.not_before, request.not_after))
                .help(match rule {
                    EXPIRING_CERTIFICATE => {
                        "write a later `certificates.issuedOn` for this cluster, or `intermediatesIssuedOn` for all: each renews under the same root"
                    }
                    OLD_ISSUED_ON => {
                        "a cluster that joins late takes the day of the mesh: write `certificates: {issuedOn: …}` for it, with a recent day"
                    }
                    _ => "the root expires soon after: plan the next one",
                })
        }));
    }
    findings
}

/// An intermediate: the position of its cluster, whether that has a day of its own, and what it is asked to be.
type Request<'t> = (usize, bool, Intermediate<'t>);

fn requests<'t>(topology: &'t Topology, release: &Release, root: &Root<'t>) -> impl Iterator<Item = Request<'t>> {
    topology.clusters.iter().enumerate().filter_map(|(position, cluster)| {
        let has_day = cluster.certificates.as_ref().is_some_and(|own| own.issued_on.is_some());
        runs_istiod(cluster, release).then(|| (position, has_day, Intermediate::resolve(topology, cluster, root)))
    })
}

/// Certificates that begin after today: the root, or else all intermediates that take a day of the mesh, and each that has its own.
fn not_yet_valid(root: &Root<'_>, requests: &[Request<'_>], today: Date) -> Vec<Diagnostic> {
    let certificates = FieldPath::root().child("certificates");
    let finding = |place: FieldPath, what: &str, day: Date| {
        NOT_YET_VALID
            .at(place, format!("{what} not valid before {day}, in {}", days(days_left(day, today))))
            .help("write today's day or an earlier one: nothing accepts a certificate before its first day")
    };
    if root.not_before > today {
        return vec![finding(certificates.child("issuedOn"), "the root certificate is", root.not_before)];
    }
    let mut findings = Vec::new();
    let mut is_told = false;
    for (position, has_day, request) in requests.iter().filter(|(_, _, request)| request.not_before > today) {
        if *has_day {
            let place = FieldPath::root().child("clusters").index(*position).child("certificates").child("issuedOn");
            findings.push(finding(place, &format!("the certificate of `{}` is", request.cluster), request.not_before));
        } else if !std::mem::replace(&mut is_told, true) {
            let place = certificates.child("intermediatesIssuedOn");
            findings.push(finding(place, "intermediate certificates are", request.not_before));
        }
    }
    findings
}

fn intermediate_warning(request: &Intermediate<'_>, root: &Root<'_>, today: Date) -> Option<(Rule, String)> {
    let left = days_left(request.not_after, today);
    if left <= DAYS_TO_RENEW {
        return Some((
            EXPIRING_CERTIFICATE,
            format!("the certificate of `{}` {}", request.cluster, ends(request.not_after, left)),
        ));
    }
    let whole = (request.not_after.0 - request.not_before.0).whole_days();
    let is_cut = request.not_after == root.not_after && whole < DAYS_WORTH_ISSUING;
    is_cut.then(|| {
        let message = format!(
            "the certificate of `{}` is issued with {} left, because its root expires then",
            request.cluster,
            days(whole)
        );
        (SHORT_INTERMEDIATE, message)
    })
}

fn ends(not_after: Date, left: i64) -> String {
    match left {
        ..0 => format!("expired on {not_after}"),
        left => format!("expires on {not_after}, in {}", days(left)),
    }
}

fn days(count: i64) -> String {
    plural(usize::try_from(count).unwrap_or_default(), "day")
}

fn days_left(not_after: Date, today: Date) -> i64 {
    (not_after.0 - today.0).whole_days()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Entry {
        let day = |year| Date(time::Date::from_calendar_date(year, time::Month::November, 1).unwrap());
        Entry {
            role: Role::Root,
            cluster: None,
            subject: "CN=mesh1 root CA,OU=2026-11-02 ab,O=Istio".to_owned(),
            serial: Some("1".to_owned()),
            fingerprint: Some("2".to_owned()),
            key: Some("3".to_owned()),
            generation: None,
            not_before: day(2026),
            not_after: day(2036),
        }
    }

    #[test]
    fn what_is_not_known_yet_makes_no_other_certificate() {
        let (one, other) = (root(), || Some("other".to_owned()));
        assert!(one.is_same(&one));
        for same in [
            Entry { serial: None, ..root() },
            Entry { fingerprint: None, ..root() },
            Entry { key: None, ..root() },
            Entry { subject: "CN=mesh1 root CA,OU=2026-11-02,O=Istio".to_owned(), ..root() },
        ] {
            assert!(one.is_same(&same) && same.is_same(&one), "{same:?}");
        }
        for another in [
            Entry { serial: other(), ..root() },
            Entry { fingerprint: other(), ..root() },
            Entry { key: other(), ..root() },
            Entry { subject: "CN=mesh2 root CA,OU=2026-11-02,O=Istio".to_owned(), ..root() },
            Entry { not_after: one.not_before, ..root() },
        ] {
            assert!(!one.is_same(&another) && !another.is_same(&one), "{another:?}");
        }
    }

    #[test]
    fn a_root_of_meshgen_has_its_role_and_its_name() {
        assert!(root().is_root_of_meshgen());
        assert!(!Entry { role: Role::Signer, ..root() }.is_root_of_meshgen());
        assert!(!Entry { subject: "CN=Company root,O=Istio".to_owned(), ..root() }.is_root_of_meshgen());
    }
}
