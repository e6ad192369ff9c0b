use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::diagnostic::Findings;
use crate::disk::DiskError;
use crate::lock::{self, Certificate, Lock};
use crate::part::Part;
use crate::pki::{Authority, Seed, Standing};
use crate::source::Source;
use crate::tree::Tree;
use crate::{ExternalFiles, compile_checked, disk, parallel};

use super::seed::{self, SeedOption};
use super::{NOT_DONE, Outcome, Refusal, ca, external, output, read_source, say, say_findings};

/// The options of `build`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology; `-` is standard input
    topology: Utf8PathBuf,
    /// The directory for the tree
    #[arg(short, long, value_name = "DIR")]
    output: Utf8PathBuf,
    /// Build only the directory of this cluster; can be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    #[command(flatten)]
    seed: SeedOption,
    #[command(flatten)]
    put: output::Options,
    /// Make a seed if the mesh has none and nothing was built yet
    #[arg(long)]
    new_ca: bool,
    /// Build even if the certificates in DIR have another root: the clusters of a running mesh cannot call each other until all have the new root
    #[arg(long)]
    replace_root: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let source = read_source(&arguments.topology)?;
    let mut findings = Findings::default();
    // Checking the topology takes about as long as reading the existing tree, so both run at the same time.
    let (checked, standing) =
        parallel::beside(|| crate::read(&source, &mut findings), || read_standing(&arguments.output));
    let Some(checked) = checked else { return Ok(refuse(&source, &findings)) };
    let standing = standing?;
    let roots = standing.lock().roots.clone();
    let lock = if arguments.cluster.is_empty() { Lock::default() } else { standing.lock().clone() };
    let authority = match external::read_named(ExternalFiles::of(&checked), &arguments.topology)? {
        Some(external) => Authority::External(external),
        None => authority(arguments, standing)?,
    };
    let part = Part { clusters: &arguments.cluster, lock: &lock };
    let part = (!arguments.cluster.is_empty()).then_some(&part);
    let compiled = compile_checked(&checked, authority, part);
    // The tree is what is left to hold: what it was made from is as large again.
    drop(checked);
    match compiled {
        Ok(tree) => {
            say_findings(&source, &findings);
            refuse_other_root(arguments, &roots, &tree)?;
            output::put(&arguments.output, &tree, &arguments.put)
        }
        Err(findings) => Ok(refuse(&source, &Findings::of(findings))),
    }
}

/// The certificates in a directory, and the lock that pins them.
fn read_standing(output: &Utf8Path) -> Result<Standing, DiskError> {
    disk::read_standing(output, disk::read_lock(output)?.unwrap_or_default())
}

/// The issuer: the seed if there is one, and otherwise the certificates in the output.
fn authority(arguments: &Arguments, standing: Standing) -> Result<Authority, Refusal> {
    match seed(arguments)? {
        Some(seed) => Ok(Authority::Renewing(seed, standing)),
        None if !standing.is_empty() => Ok(Authority::Standing(standing)),
        None => {
            let path = seed::path(&arguments.seed, &arguments.topology)?;
            Err(Refusal(format!(
                "the mesh has no seed to derive its keys from: run `meshgen ca new --ca {path}` once (or build with `--new-ca`), or name yours with `--ca FILE`"
            )))
        }
    }
}

/// The seed of the mesh: the existing one, or with `--new-ca` a new one.
fn seed(arguments: &Arguments) -> Result<Option<Seed>, Refusal> {
    let Arguments { topology, output, .. } = arguments;
    let path = seed::path(&arguments.seed, topology)?;
    let is_new = arguments.new_ca && path != "-" && !disk::exists(&path);
    if is_new && disk::exists(&output.join(lock::FILE)) && !arguments.replace_root {
        return Err(Refusal(format!(
            "{output} already has certificates, and a new seed would make another root: restore the seed as {path}"
        )));
    }
    if is_new {
        return ca::make(&path).map(Some);
    }
    seed::find(&arguments.seed, topology)
}

/// Refuses to replace the root in the output without `--replace-root`.
fn refuse_other_root(arguments: &Arguments, standing: &[Certificate], tree: &Tree) -> Result<(), Refusal> {
    let path = arguments.output.join(lock::FILE);
    let fingerprints = |roots: &[Certificate]| roots.iter().map(|root| root.fingerprint.clone()).collect::<Vec<_>>();
    let made = fingerprints(&Lock::of(tree).roots);
    let other = fingerprints(standing).into_iter().find(|root| !made.contains(root));
    let made = made.join(", sha256:");
    match other {
        Some(other) if !arguments.replace_root => Err(Refusal(format!(
            "{path} names another root than this topology and this seed give.\n  \
             in use: sha256:{other}\n  \
             would be: sha256:{made}\n\
             In a running mesh, proxies that trust one of them refuse the others: traffic between them stops until every cluster \
             has the new certificates and every workload was restarted.\n\
             Bring back the seed, the mesh ID, `certificates.issuedOn` and `rootValidityDays` that the mesh was built with; \
             only if it is meant to be so, build with `--replace-root`"
        ))),
        _ => Ok(()),
    }
}

/// Draws the errors that stop the build.
fn refuse(source: &Source, findings: &Findings) -> u8 {
    say_findings(source, findings);
    say("nothing was written");
    NOT_DONE
}
