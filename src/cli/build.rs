use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueHint};

use crate::diagnostic::Diagnostic;
use crate::disk::DiskError;
use crate::lock::{self, Certificate, Lock};
use crate::part::Part;
use crate::pki::{Authority, Seed, Standing};
use crate::source::Source;
use crate::words::{joined, names};
use crate::{ExternalFiles, compile_checked, disk, lost_addresses, parallel};

use super::seed::{self, SeedOption};
use super::{DONE, NOT_DONE, Outcome, Refusal, ca, external, output, read_source, say, say_findings};

/// The options of `build`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    topology: Utf8PathBuf,
    /// The directory for the tree
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
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
    let mut findings = Vec::new();
    // Checking the topology takes about as long as reading the existing tree, so both run at the same time.
    let (checked, standing) =
        parallel::beside(|| crate::read(&source, &mut findings), || read_standing(&arguments.output));
    let Some(checked) = checked else { return Ok(refuse(&source, &findings)) };
    let standing = standing?;
    let lock = standing.lock().clone();
    let authority = match external::read_named(ExternalFiles::of(&checked), &arguments.topology)? {
        Some(external) => Authority::External(external),
        None => authority(arguments, standing)?,
    };
    let part = Part { clusters: &arguments.cluster, lock: &lock };
    let part = (!arguments.cluster.is_empty()).then_some(&part);
    let tree = match compile_checked(&checked, authority, part) {
        Ok(tree) => tree,
        Err(findings) => return Ok(refuse(&source, &findings)),
    };
    let record = Lock::of(&tree);
    let lost = lost_addresses(&checked, &record, record.gone(&lock));
    // The tree is what is left to hold: what it was made from is as large again.
    drop(checked);
    if !lost.is_empty() {
        return Ok(refuse(&source, &lost));
    }
    say_findings(&source, &findings);
    refuse_other_root(arguments, &lock.roots, &record)?;
    let code = output::put(&arguments.output, &tree, &arguments.put)?;
    if code == DONE && arguments.cluster.is_empty() {
        say_arrived(&lock, &record);
    }
    Ok(code)
}

/// Says what an earlier build left out because it waited for an address, and what restarts because of it.
fn say_arrived(before: &Lock, after: &Lock) {
    let waited = |lock: &Lock, name: &str| lock.clusters.get(name).is_some_and(|cluster| cluster.is_waiting);
    let arrived = after.clusters.keys().filter(|name| waited(before, name) && !waited(after, name));
    let mut arrived: Vec<String> = arrived.map(|name| format!("`{name}`")).collect();
    if before.traces_wait_for.is_some() && after.traces_wait_for.is_none() {
        arrived.push("tracing".to_owned());
    }
    if arrived.is_empty() {
        return;
    }
    say(&format!("note: {} waited for an address: run install.sh", joined(&arrived, "and")));
    let restarts = after.clusters.iter().filter(|(name, cluster)| {
        let start = before.clusters.get(*name).filter(|cluster| !cluster.is_waiting).map(|cluster| &cluster.at_start);
        start.is_some_and(|start| *start != cluster.at_start)
    });
    let restarts: Vec<&str> = restarts.map(|(name, _)| name.as_str()).collect();
    if restarts.is_empty() {
        say("note: nothing restarts");
    } else {
        say(&format!("note: install.sh restarts the gateways and the workloads of {}", names(restarts)));
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
fn refuse_other_root(arguments: &Arguments, standing: &[Certificate], record: &Lock) -> Result<(), Refusal> {
    let path = arguments.output.join(lock::FILE);
    let fingerprints = |roots: &[Certificate]| roots.iter().map(|root| root.fingerprint.clone()).collect::<Vec<_>>();
    let made = fingerprints(&record.roots);
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
fn refuse(source: &Source, findings: &[Diagnostic]) -> u8 {
    say_findings(source, findings);
    say("nothing was written");
    NOT_DONE
}
