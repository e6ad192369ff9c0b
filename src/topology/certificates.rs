use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Date, Line, Name};

/// The mesh's certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificates {
    /// Who issues the certificates.
    #[serde(default)]
    pub authority: CertificateAuthority,
    /// The directory of the files of an external authority, relative to this file. It has a directory for each cluster, with
    /// `root-cert.pem`, `ca-cert.pem`, `cert-chain.pem` and, if you keep it there, `ca-key.pem`.
    pub directory: Option<Line>,
    /// A file with the root certificates of whoever signs, in PEM, relative to this file. Only with `authority: none`, where
    /// istio-csr signs: a `Bundle` of trust-manager brings them to it.
    #[schemars(extend("examples" = ["ca/roots.pem"]))]
    pub root_certificates: Option<Line>,
    /// The first day of the root, UTC. Required with `authority: seed`, and only there. Do not change it after the first build: another day makes another root.
    pub issued_on: Option<Date>,
    /// How many days the root is valid.
    #[serde(default = "default_root_validity_days")]
    #[schemars(range(min = 1, max = 36500))]
    pub root_validity_days: u32,
    /// The first day of the intermediates, UTC. Default: `issuedOn`. A later day renews every intermediate under the same root.
    pub intermediates_issued_on: Option<Date>,
    /// How many days an intermediate is valid. Default: 730, but not longer than the root.
    #[schemars(range(min = 1, max = 36500), extend("examples" = [365]))]
    pub intermediate_validity_days: Option<u32>,
    /// The generation of the keys of the intermediates. A higher one makes new keys with the same dates.
    #[serde(default = "default_generation")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub generation: u32,
    /// How certificates are named. 1: by mesh and cluster alone. 2: the seed's fingerprint and the first day are in names and
    /// serial numbers too, and certificates are valid a day earlier, because clocks may be slow. Do not change it after the
    /// first build: another naming makes another root.
    #[serde(default = "default_naming")]
    #[schemars(range(min = 1, max = 2))]
    pub naming: u32,
    /// Certificates that are never to be made again, for example because a cluster left or a key leaked.
    #[serde(default)]
    pub retired: Vec<Retired>,
    /// The root that takes the place of the present one, and how far that has come.
    pub next_root: Option<NextRoot>,
    /// Files with root certificates that all workloads trust besides, in PEM, relative to this file: those of a mesh that is merged
    /// with this one, or of an authority that signed before or will sign.
    #[serde(default)]
    #[schemars(extend("examples" = [["ca/roots.pem"]]))]
    pub also_trust: Vec<Line>,
}

/// The root that takes the place of the present one, without an outage: first all workloads trust both, then the intermediates are
/// signed under the next one, then the present one is trusted no more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextRoot {
    /// The first day of the next root, UTC. It is named like the roots of `naming: 2`.
    #[schemars(extend("examples" = ["2036-01-10"]))]
    pub issued_on: Date,
    /// How many days the next root is valid.
    #[serde(default = "default_root_validity_days")]
    #[schemars(range(min = 1, max = 36500))]
    pub validity_days: u32,
    /// The seed from which the next root derives.
    #[serde(default)]
    pub seed: RootSeed,
    /// How far it has come. Go one phase at a time, and wait in between until `verify.sh` says that the next one may begin.
    pub phase: RootPhase,
}

/// The seed from which a root derives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RootSeed {
    /// The seed of the present root.
    #[default]
    Present,
    /// A second seed, because the present one leaked or is lost: `--ca-next`, `MESHGEN_CA_NEXT_SEED_FILE`, or `ca-next.seed` beside
    /// this file.
    Next,
}

/// How far the change of a root has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RootPhase {
    /// Workloads trust both roots, and intermediates are under the present one.
    Trust,
    /// Workloads trust both roots, and intermediates are under the next one.
    Sign,
    /// Workloads trust the next root alone.
    Drop,
}

impl RootPhase {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Sign => "sign",
            Self::Drop => "drop",
        }
    }

    /// Whether intermediates are under the next root.
    pub(crate) fn is_signed_by_next(self) -> bool {
        self >= Self::Sign
    }
}

impl NextRoot {
    /// The days on which the next root is valid.
    pub(crate) fn validity(&self) -> Range<Date> {
        self.issued_on..self.issued_on.plus_days(self.validity_days)
    }
}

/// A certificate that was in use, with every date that it had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retired {
    /// The cluster that had it, which may be gone.
    #[schemars(extend("examples" = ["cluster1"]))]
    pub cluster: Name,
    /// The generation of its key.
    #[schemars(range(min = 1, max = u32::MAX), extend("examples" = [1]))]
    pub generation: u32,
}

impl Certificates {
    /// The days on which the root is valid.
    pub(crate) fn root_validity(&self) -> Range<Date> {
        let first = self.first_day_of_root();
        first..first.plus_days(self.root_validity_days)
    }

    /// Whether the root is to last another time than by default.
    pub(crate) fn has_root_validity(&self) -> bool {
        self.root_validity_days != default_root_validity_days()
    }

    /// Whether the keys of all intermediates are of a later generation.
    pub(crate) fn has_generation(&self) -> bool {
        self.generation != default_generation()
    }

    /// Whether names and serial numbers tell the seed and the first day.
    pub(crate) fn names_seed(&self) -> bool {
        self.naming == 2
    }

    /// The generation of an intermediate's key, of which its cluster may say something.
    pub(crate) fn generation(&self, own: Option<&ClusterCertificates>) -> u32 {
        own.and_then(|own| own.generation).unwrap_or(self.generation)
    }

    /// How far the change of the root has come in a cluster, which may be one phase ahead of the mesh or behind it.
    pub(crate) fn phase(&self, own: Option<&ClusterCertificates>) -> Option<RootPhase> {
        let next = self.next_root.as_ref()?;
        own.and_then(|own| own.next_root_phase).or(Some(next.phase))
    }

    /// The first day of an intermediate, of which its cluster may say something.
    pub(crate) fn first_day(&self, own: Option<&ClusterCertificates>) -> Date {
        let own = own.and_then(|own| own.issued_on);
        own.or(self.intermediates_issued_on).unwrap_or_else(|| self.first_day_of_root())
    }

    /// Another authority has dates of its own; those of an external one take the place of these when its files have been read.
    fn first_day_of_root(&self) -> Date {
        self.issued_on.unwrap_or(Date(time::Date::MIN))
    }
}

/// Who issues the certificates of the mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CertificateAuthority {
    /// meshgen, from the seed of the mesh.
    #[default]
    Seed,
    /// Your own authority; meshgen verifies its certificates and copies them.
    External,
    /// Somebody whom meshgen does not know, such as istio-csr, cert-manager, Vault or SPIRE: the tree has no certificates, and no
    /// Secret `cacerts`.
    None,
}

/// The intermediate of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterCertificates {
    /// The first day of this cluster's intermediate, UTC. Default: `certificates.intermediatesIssuedOn`.
    pub issued_on: Option<Date>,
    /// The generation of this cluster's key. Default: `certificates.generation`.
    #[schemars(range(min = 1, max = u32::MAX), extend("examples" = [2]))]
    pub generation: Option<u32>,
    /// How far the change of the root has come in this cluster, one phase ahead of the others or behind them. Default:
    /// `certificates.nextRoot.phase`.
    pub next_root_phase: Option<RootPhase>,
}

fn default_root_validity_days() -> u32 {
    3650
}

fn default_naming() -> u32 {
    1
}

fn default_generation() -> u32 {
    1
}
