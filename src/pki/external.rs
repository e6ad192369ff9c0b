use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::layout::{CERTIFICATE, CHAIN, KEY, ROOT_CERTIFICATE, is_private};
use crate::mesh::{Cluster, Mesh};
use crate::rule::{EXPIRING_CERTIFICATE, EXTERNAL_CERTIFICATE, NOT_YET_VALID, UNEQUAL_ROOTS};
use crate::topology::Date;

use super::Bundle;
use super::inventory::DAYS_TO_RENEW;
use super::trust::Trust;
use super::verify::{self, Facts, Fault, Files, Proven};

/// The files of a cluster's directory. The private key is last, because it is optional.
pub const FILES: [&str; 4] = [ROOT_CERTIFICATE, CERTIFICATE, CHAIN, KEY];

/// The files that a company's own authority made, by `<cluster>/<file>`.
pub struct External {
    directory: Utf8PathBuf,
    files: BTreeMap<String, Zeroizing<String>>,
    /// Why the directory cannot be used, and what to do.
    fault: Option<(String, &'static str)>,
}

impl External {
    /// What was found in the directory that the topology names.
    pub fn new(
        directory: impl Into<Utf8PathBuf>,
        files: impl IntoIterator<Item = (String, Zeroizing<String>)>,
    ) -> Self {
        Self { directory: directory.into(), files: files.into_iter().collect(), fault: None }
    }

    /// A directory that cannot be used: the message and the help of the finding.
    pub fn unusable(directory: impl Into<Utf8PathBuf>, message: String, help: &'static str) -> Self {
        Self { directory: directory.into(), files: BTreeMap::new(), fault: Some((message, help)) }
    }

    /// The directory that the topology names.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// The paths in the directory of the private keys that are there.
    pub fn keys(&self) -> Vec<String> {
        self.files.keys().filter(|path| is_private(path)).cloned().collect()
    }

    /// Verifies the files of the wanted clusters, and takes them.
    pub(crate) fn answer(
        &self,
        mesh: &Mesh<'_>,
        is_wanted: impl Fn(&Cluster<'_>) -> bool,
    ) -> Result<Trust, Vec<Diagnostic>> {
        if let Some((message, help)) = &self.fault {
            let place = FieldPath::root().child("certificates").child("directory");
            return Err(vec![EXTERNAL_CERTIFICATE.at(place, message).help(*help)]);
        }
        let mut findings = Vec::new();
        let mut proven: Vec<(&str, Proven)> = Vec::new();
        let bundles: Vec<Option<Bundle>> = mesh
            .clusters
            .iter()
            .map(|cluster| {
                cluster.intermediate.as_ref().filter(|_| is_wanted(cluster))?;
                let (files, bundle) =
                    match self.files(cluster.name).and_then(|files| Ok((files, verify::verify(files)?))) {
                        Ok(proven) => proven,
                        Err(faults) => {
                            findings.extend(faults.into_iter().map(|fault| self.finding(cluster.name, &fault)));
                            return None;
                        }
                    };
                proven.push((cluster.name, bundle.clone()));
                Some(Bundle::taken(files, files.key.map(|key| key.to_owned().into()), bundle))
            })
            .collect();
        findings
            .extend(verify::verify_together(&proven).into_iter().map(|(cluster, fault)| self.finding(cluster, &fault)));
        // Of each other cluster all roots are among those of the one that has most.
        match proven.into_iter().min_by_key(|(_, proven)| Reverse(proven.roots.len())) {
            Some((_, most)) if findings.is_empty() => Ok(Trust { roots: most.roots, bundles, issued: 0 }),
            _ => Err(findings),
        }
    }

    /// Warnings about certificates that are not valid yet, have expired or soon will, on a day, and about roots that some clusters trust
    /// and others do not.
    pub fn warnings(&self, trust: &Trust, mesh: &Mesh<'_>, today: Date) -> Vec<Diagnostic> {
        let mut findings = self.expiring(trust, mesh, today);
        for (cluster, bundle) in mesh.clusters.iter().zip(&trust.bundles) {
            let Some(bundle) = bundle else { continue };
            for root in trust.roots.iter().filter(|root| !bundle.trusted.contains(&root.fingerprint)) {
                let place = Place::File(self.path(cluster.name, ROOT_CERTIFICATE));
                let message =
                    format!("`{}` does not trust `{}`, which another cluster trusts", cluster.name, root.subject);
                findings.push(UNEQUAL_ROOTS.at(place, message).help(
                    "right while a root is replaced; give all clusters the same root-cert.pem before anything is signed under that root",
                ));
            }
        }
        findings
    }

    fn expiring(&self, trust: &Trust, mesh: &Mesh<'_>, today: Date) -> Vec<Diagnostic> {
        let is_ending =
            |facts: &Facts| (facts.not_after.0 - today.0).whole_days() <= DAYS_TO_RENEW || facts.not_before > today;
        let bundles =
            mesh.clusters.iter().zip(&trust.bundles).filter_map(|(cluster, bundle)| Some((cluster, bundle.as_ref()?)));
        let mut known = BTreeSet::new();
        let mut findings = Vec::new();
        for (cluster, bundle) in bundles {
            let roots = trust.roots.iter().map(|root| (ROOT_CERTIFICATE, root));
            let issuers = bundle.issuers.iter().map(|issuer| (CHAIN, issuer));
            let ending =
                roots.chain(issuers).chain([(CERTIFICATE, &bundle.facts)]).filter(|(_, facts)| is_ending(facts));
            // An authority that several clusters share is reported once.
            for (file, facts) in ending.filter(|(_, facts)| known.insert(&facts.fingerprint)) {
                let what = if file == CERTIFICATE {
                    format!("the certificate of `{}`", cluster.name)
                } else {
                    format!("the authority `{}`", facts.subject)
                };
                let place = Place::File(self.path(cluster.name, file));
                let finding = if facts.not_before > today {
                    NOT_YET_VALID.at(place, format!("{what} is not valid before {}", facts.not_before))
                } else {
                    EXPIRING_CERTIFICATE.at(place, format!("{what} expires on {}", facts.not_after))
                };
                findings.push(finding.help("ask your authority for a new one"));
            }
        }
        findings
    }

    fn files(&self, cluster: &str) -> Result<Files<'_>, Vec<Fault>> {
        let file = |name: &'static str| {
            let text = self.files.get(&format!("{cluster}/{name}")).map(|text| text.as_str());
            text.ok_or_else(|| Fault { file: name, reason: "does not exist".to_owned() })
        };
        match (file(ROOT_CERTIFICATE), file(CERTIFICATE), file(CHAIN)) {
            (Ok(root_certificate), Ok(certificate), Ok(chain)) => {
                Ok(Files { root_certificate, certificate, chain, key: file(KEY).ok() })
            }
            (root, certificate, chain) => Err([root, certificate, chain].into_iter().filter_map(Result::err).collect()),
        }
    }

    fn finding(&self, cluster: &str, fault: &Fault) -> Diagnostic {
        let message = format!("{} of `{cluster}` {}", fault.file, fault.reason);
        EXTERNAL_CERTIFICATE.at(Place::File(self.path(cluster, fault.file)), message).help(
            "fix the file, because istiod or its peers would reject it; docs/certificates.md says what it contains",
        )
    }

    fn path(&self, cluster: &str, file: &str) -> Utf8PathBuf {
        self.directory.join(cluster).join(file)
    }
}

/// The files are not printed, because there are keys among them.
impl fmt::Debug for External {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "External({}, {} files)", self.directory, self.files.len())
    }
}
