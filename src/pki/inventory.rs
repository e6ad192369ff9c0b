//! Which certificates a mesh has, or asks for.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::layout::bundle_path;
use crate::mesh::{Intermediate, Mesh, Root};
use crate::topology::Date;

use super::key::KeyPath;
use super::naming::{self, ORGANIZATION};
use super::standing::Damage;
use super::verify::{self, Facts};
use super::{Standing, Trust};
use crate::schema;
use crate::words::{hex, report_json};

/// A certificate is renewed this many days before its end at the latest.
pub(super) const DAYS_TO_RENEW: i64 = 90;

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
    /// The subject of the root under which a signer is, where its cluster trusts several; less the seed's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The clusters whose workloads do not trust a root that others trust, because it is being replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_trusted_by: Vec<String>,
}

/// The format of the JSON report.
pub const FORMAT: &str = "meshgen-certificates-1";

/// The certificates of a mesh on a day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Certificates")]
pub struct Report {
    /// `meshgen-certificates-1`.
    pub format: &'static str,
    /// The day.
    pub now: Date,
    /// The roots, then what is under them.
    pub certificates: Vec<Shown>,
}

/// A certificate on a day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ShownCertificate")]
pub struct Shown {
    /// The certificate.
    #[serde(flatten)]
    pub entry: Entry,
    /// How many days are left; negative once it has expired.
    pub days_left: i64,
}

impl Report {
    /// The JSON Schema of the report.
    pub fn schema() -> Value {
        schema::of_output::<Self>("ca-show.schema.json")
    }
}

/// Certificates on a day, for programs.
pub fn json(entries: &[Entry], today: Date) -> String {
    let shown = |entry: &Entry| Shown { entry: entry.clone(), days_left: entry.days_left(today) };
    let report = Report { format: FORMAT, now: today, certificates: entries.iter().map(shown).collect() };
    report_json(&report)
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

    /// Whether this is its subject, less the seed's fingerprint.
    pub(crate) fn is_called(&self, subject: &str) -> bool {
        naming::without_fingerprint(&self.subject) == subject
    }

    /// What is known before a certificate is made.
    fn request(&self) -> Self {
        let subject = naming::without_fingerprint(&self.subject);
        Self {
            subject,
            serial: None,
            fingerprint: None,
            key: None,
            under: None,
            not_trusted_by: Vec::new(),
            ..self.clone()
        }
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
            under: None,
            not_trusted_by: Vec::new(),
        }
    }
}

/// The certificates of a topology. They are known without the seed.
pub fn requested(mesh: &Mesh<'_>) -> Vec<Entry> {
    let Some(roots) = &mesh.roots else { return Vec::new() };
    let unit = |names_seed, not_before| {
        if names_seed { format!(",OU={}", naming::unit(not_before, None)) } else { String::new() }
    };
    let serial = |names_seed: bool, path: &KeyPath| (!names_seed).then(|| hex(&path.serial_number(None)));
    let requests: Vec<&Intermediate<'_>> =
        mesh.clusters.iter().filter_map(|cluster| cluster.intermediate.as_ref()).collect();
    let subject = |root: &Root<'_>| {
        format!("CN={}{},O={ORGANIZATION}", naming::root(mesh.id), unit(root.names_seed, root.not_before))
    };
    let own = roots.each().filter_map(|(which, root)| {
        let trusts = |request: &&Intermediate<'_>| request.trusted().contains(&which);
        let others = requests.iter().filter(|request| !trusts(request)).map(|request| request.cluster.to_owned());
        let Root { names_seed, not_before, not_after, .. } = *root;
        requests.iter().any(trusts).then(|| Entry {
            role: Role::Root,
            cluster: None,
            subject: subject(root),
            serial: serial(names_seed, &KeyPath::root(root)),
            fingerprint: None,
            key: None,
            generation: None,
            not_before,
            not_after,
            under: None,
            not_trusted_by: others.collect(),
        })
    });
    let besides =
        verify::each_of(mesh.also_trusted).into_iter().map(|(root, _)| Entry::of(Role::Root, None, None, root));
    let intermediates = requests.iter().map(|request| Entry {
        role: Role::Signer,
        cluster: Some(request.cluster.to_owned()),
        subject: format!(
            "L={},CN={}{},O={ORGANIZATION}",
            request.cluster,
            naming::intermediate(request),
            unit(request.names_seed, request.not_before)
        ),
        serial: serial(request.names_seed, &KeyPath::intermediate(request)),
        fingerprint: None,
        key: None,
        generation: Some(request.generation),
        not_before: request.not_before,
        not_after: request.not_after,
        under: (request.trusted().len() > 1 || !mesh.also_trusted.is_empty())
            .then(|| subject(roots.get(request.signer()))),
        not_trusted_by: Vec::new(),
    });
    own.chain(besides).chain(intermediates).collect()
}

/// The certificates that an external authority issued.
pub fn answered(mesh: &Mesh<'_>, trust: &Trust) -> Vec<Entry> {
    let bundles =
        || mesh.clusters.iter().filter_map(|cluster| Some((cluster, trust.bundles[cluster.position].as_ref()?)));
    let roots = trust.roots.iter().map(|root| {
        let others = bundles().filter(|(_, bundle)| !bundle.trusted.contains(&root.fingerprint));
        let others = others.map(|(cluster, _)| cluster.name.to_owned()).collect();
        Entry { not_trusted_by: others, ..Entry::of(Role::Root, None, None, root.clone()) }
    });
    let others = bundles().flat_map(|(cluster, bundle)| {
        let generation = cluster.intermediate.as_ref().map(|request| request.generation);
        let issuers = bundle.issuers.iter().map(|issuer| (Role::Issuer, None, issuer));
        let all = issuers.chain([(Role::Signer, generation, &bundle.facts)]);
        let root = trust.roots.iter().find(|root| root.fingerprint == bundle.anchor);
        let under = under(root.filter(|_| bundle.trusted.len() > 1));
        all.map(move |(role, generation, facts)| {
            let under = under.clone().filter(|_| role == Role::Signer);
            Entry { under, ..Entry::of(role, Some(cluster.name), generation, facts.clone()) }
        })
    });
    roots.chain(others).collect()
}

/// The root of a signer as an entry names it.
fn under(root: Option<&Facts>) -> Option<String> {
    root.map(|root| naming::without_fingerprint(&root.subject))
}

/// The certificates in the three public files of a cluster's bundle, each once and not verified.
pub fn unproven(cluster: &str, generation: Option<u32>, files: [Option<&str>; 3]) -> Vec<Entry> {
    let [roots, certificate, chain] = files.map(|file| file.and_then(verify::facts_of).unwrap_or_default());
    let is_root = |facts: &Facts| roots.iter().any(|root| root.fingerprint == facts.fingerprint);
    let mut entries: Vec<Entry> = Vec::new();
    for facts in certificate.iter().take(1) {
        let under = under(chain.last().filter(|last| roots.len() > 1 && is_root(last)));
        entries.push(Entry { under, ..Entry::of(Role::Signer, Some(cluster), generation, facts.clone()) });
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
    let mut trusted: Vec<(&str, Vec<String>)> = Vec::new();
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
                trusted.push((cluster, proven.roots.iter().map(|root| root.fingerprint.clone()).collect()));
                let root = proven.roots.iter().find(|root| root.fingerprint == proven.anchor);
                let under = under(root.filter(|_| proven.roots.len() > 1));
                let roots = proven.roots.into_iter().map(|root| Entry::of(Role::Root, None, None, root));
                let issuers = proven.issuers.into_iter().map(|issuer| Entry::of(Role::Issuer, None, None, issuer));
                for entry in roots.chain(issuers) {
                    if entries.iter().all(|known| known.fingerprint != entry.fingerprint) {
                        entries.push(entry);
                    }
                }
                let certificate = standing.lock().clusters.get(cluster).and_then(|record| record.certificate.as_ref());
                let generation = certificate.map(|(generation, _)| *generation);
                let signer = Entry::of(Role::Signer, Some(cluster), generation, proven.certificate);
                entries.push(Entry { under, ..signer });
            }
            Err(found) => {
                faults.extend(
                    found.into_iter().map(|fault| format!("{} {}", bundle_path(cluster, fault.file), fault.reason)),
                );
            }
        }
    }
    for entry in entries.iter_mut().filter(|entry| entry.role == Role::Root) {
        let others =
            trusted.iter().filter(|(_, roots)| !roots.iter().any(|root| entry.fingerprint.as_ref() == Some(root)));
        entry.not_trusted_by = others.map(|(cluster, _)| (*cluster).to_owned()).collect();
    }
    entries.sort_by_key(|entry| entry.role);
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// How many days are left at a day; negative once it has expired.
pub(super) fn days_left(not_after: Date, today: Date) -> i64 {
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
            under: None,
            not_trusted_by: Vec::new(),
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
