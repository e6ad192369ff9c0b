use camino::Utf8PathBuf;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::diagnostic::Findings;
use crate::lock::{Certificate, Digest, Lock};
use crate::part::Part;
use crate::pki::{Authority, Seed, Standing, StandingRoot, Which};
use crate::plan::commits::{has_controller, rename_advice, renamed, two_commits};
use crate::source::Source;
use crate::template::word;
use crate::topology::CertificateAuthority;
use crate::tree::Tree;
use crate::words::printable;
use crate::{ExternalFiles, compile_checked, disk, lost_addresses, parallel};

use super::completions::ClusterNames;
use super::secrecy::GitOption;
use super::seed::{self, SeedOption, SeedPlace};
use super::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, ca, external, lost_lock, output, print, read_source, retired, say,
    say_findings, source_name, waited,
};

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
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(ClusterNames))]
    cluster: Vec<String>,
    #[command(flatten)]
    seed: SeedOption,
    #[command(flatten)]
    git: GitOption,
    #[command(flatten)]
    put: output::Options,
    /// With `--check`: exit with 1 also if this commit has another root, a later generation of a key or more retired certificates
    #[arg(long, value_name = "REF", requires = "check")]
    since: Option<String>,
    /// Make a seed if the mesh has none and nothing was built yet
    #[arg(long)]
    new_ca: bool,
    /// Build even if the certificates in DIR have another root: the clusters of a running mesh cannot call each other until all have the new root
    #[arg(long)]
    replace_root: bool,
    /// Print errors only: no warnings, no notes and no result
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let output = &arguments.output;
    if output == "-" {
        return Err(Refusal(
            "the tree is a directory, and cannot go to standard output: name one with `-o DIR`".to_owned(),
        ));
    }
    let source = read_source(&arguments.topology)?;
    let mut findings = Findings::default();
    // Checking the topology takes about as long as reading the existing tree, so both run at the same time.
    let (checked, standing) = parallel::beside(|| crate::read(&source, &mut findings), || disk::read_standing(output));
    let Some(checked) = checked else { return Ok(refuse(&source, &findings)) };
    let standing = standing?;
    let is_begun = disk::is_unfinished(output);
    if standing.is_unpinned() && !is_begun && arguments.put.needs_lock() {
        return Err(lost_lock(
            output,
            &standing,
            "if it is lost, build with `--adopt`: this overwrites the files of the tree, and names those that differ",
        ));
    }
    let keys = standing.keys();
    arguments.git.refuse_keys(output, &keys)?;
    let roots = standing.roots();
    let lock = standing.lock().clone();
    let kind = checked.topology().certificates.authority;
    let (authority, origin) = match kind {
        CertificateAuthority::None => {
            refuse_seed(arguments)?;
            (Authority::Standing(standing), "`authority: none`".to_owned())
        }
        CertificateAuthority::Seed => {
            let place = seed::place(&arguments.seed, &arguments.topology)?;
            (authority(arguments, &place, standing)?, format!("the seed {place}"))
        }
        CertificateAuthority::External => {
            let external = external::read_named(ExternalFiles::of(&checked), &arguments.topology)?;
            let external = external.expect("external-authority holds");
            arguments.git.refuse_keys(external.directory(), &external.keys())?;
            let origin = format!("the certificates of `{}`", external.directory());
            (Authority::External(external, standing), origin)
        }
    };
    let part = Part { clusters: &arguments.cluster, lock: &lock };
    let part = (!arguments.cluster.is_empty()).then_some(&part);
    let tree = match compile_checked(&checked, &authority, part) {
        Ok(tree) => tree,
        Err(findings) => return Ok(refuse(&source, &Findings::of(findings))),
    };
    let record = Lock::of(&tree);
    let lost = lost_addresses(&checked, &record, record.gone(&lock));
    // The tree is what is left to hold: what it was made from is as large again.
    drop((checked, authority));
    if !lost.is_empty() {
        return Ok(refuse(&source, &Findings::of(lost)));
    }
    if !arguments.quiet {
        say_findings(&source, &findings);
    }
    if !arguments.replace_root {
        let made = if kind == CertificateAuthority::None { &Vec::new() } else { &record.roots };
        refuse_other_root(&roots, made, &tree, &origin)?;
    }
    let mut code = output::put(output, &tree, &arguments.put, arguments.quiet)?;
    if let Some(reference) = &arguments.since {
        let lines = retired::taken_back(output, reference, &record)?;
        for line in &lines {
            print(&format!("{}\n", printable(line)))?;
        }
        code = if lines.is_empty() { code } else { FOUND };
    }
    // Of new keys, Git can be asked only once the tree's `.gitignore` is there. One without keys no longer lists those that stayed
    // because somebody edited them.
    let made = output::keys(&tree).into_iter().filter(|key| keys.binary_search(key).is_err());
    let left = keys.iter().filter(|key| record.is_without_root && disk::exists(&output.join(key)));
    let asked: Vec<String> = made.chain(left.cloned()).collect();
    if code == DONE && !asked.is_empty() {
        arguments.git.refuse_keys(output, &asked)?;
    }
    if code == DONE && !arguments.quiet {
        waited::say_arrived(&lock, &record);
        if has_controller(&record, record.paths()) {
            for apart in two_commits(&lock, &record) {
                say(&format!("note: {}", apart.advice()));
            }
            for (old, new) in renamed(&lock, &record) {
                say(&format!("note: {}", rename_advice(&old, &new)));
            }
        }
        if kind == CertificateAuthority::Seed && arguments.since.is_none() {
            retired::say_gone(&lock, &record);
        }
    }
    Ok(code)
}

/// Refuses options that name or make a seed where nobody needs one.
fn refuse_seed(arguments: &Arguments) -> Result<(), Refusal> {
    let option = match (arguments.seed.is_given(), arguments.new_ca) {
        (true, _) => "--ca",
        (_, true) => "--new-ca",
        _ => return Ok(()),
    };
    Err(Refusal(format!(
        "{} says `authority: none`, so that no certificate derives from a seed\n\
         help: leave out `{option}`, or write `authority: seed` and `issuedOn` if meshgen is to make the certificates",
        source_name(&arguments.topology)
    )))
}

/// The issuer: the seed if there is one, and otherwise the certificates in the output.
fn authority(arguments: &Arguments, place: &SeedPlace, standing: Standing) -> Result<Authority, Refusal> {
    match seed(arguments, place, &standing)? {
        Some(seed) => Ok(Authority::Renewing(seed, standing)),
        None if standing.is_unpinned() => {
            let otherwise = "if it is lost, name the seed of the mesh with `--ca FILE`: only the seed makes the same certificates again";
            Err(lost_lock(&arguments.output, &standing, otherwise))
        }
        None if standing.has_root() => Ok(Authority::Standing(standing)),
        None => Err(Refusal(format!(
            "the mesh has no seed to derive its keys from: run `meshgen ca new --ca {}` once (or build with `--new-ca`), or name yours with `--ca FILE`",
            word(place.path.as_str())
        ))),
    }
}

/// The seed of the mesh: the existing one, or with `--new-ca` a new one.
fn seed(arguments: &Arguments, place: &SeedPlace, standing: &Standing) -> Result<Option<Seed>, Refusal> {
    let warn = |warning: &str| {
        if !arguments.quiet {
            say(warning);
        }
    };
    if !arguments.new_ca || place.is_stream() || disk::exists(&place.path) {
        return seed::find(place, &arguments.git, warn);
    }
    if standing.has_root() && !arguments.replace_root {
        return Err(Refusal(format!(
            "{} already has certificates, and a new seed would make another root\nhelp: restore the seed as {}",
            arguments.output, place.path
        )));
    }
    if !standing.is_empty() && !arguments.replace_root {
        return Err(Refusal(format!(
            "{} was built with `authority: none`, and a seed makes another root than that of its authority\n\
             help: only if the mesh is to have another root, build with `--new-ca --replace-root`",
            arguments.output
        )));
    }
    ca::make(&place.path, &arguments.git, warn).map(Some)
}

/// Refuses to replace the root in the output by those that were made, none for an authority that meshgen does not know; `origin` is what
/// they were made from.
fn refuse_other_root(
    standing: &[StandingRoot],
    made: &[Certificate],
    tree: &Tree,
    origin: &str,
) -> Result<(), Refusal> {
    let is_same = |root: &&StandingRoot| match &root.is {
        Which::Fingerprint(fingerprint) => made.iter().any(|root| root.fingerprint == *fingerprint),
        Which::Unreadable(files) => {
            files.iter().all(|(path, digest)| tree.get(path).is_some_and(|file| Digest::of(&file.bytes) == *digest))
        }
        Which::Unknown => made.is_empty(),
    };
    let Some(StandingRoot { path, is }) = standing.iter().find(|root| !is_same(root)) else {
        return Ok(());
    };
    let is_unknown = made.is_empty();
    let made = retired::roots(made, is_unknown);
    let in_use = match is {
        Which::Fingerprint(fingerprint) => format!("sha256:{fingerprint}"),
        Which::Unknown => retired::UNKNOWN_ROOT.to_owned(),
        Which::Unreadable(_) => {
            return Err(Refusal(format!(
                "{path} cannot be read, so nothing says which root is in use\n  would be: {made}\n  from: {origin}\n\
                 help: restore the certificates: `git checkout -- {}`\n\
                 help: only if the mesh is to have another root, build with `--replace-root`",
                word(path.as_str())
            )));
        }
    };
    if is_unknown || *is == Which::Unknown {
        return Err(Refusal(format!(
            "{path} names another root than this topology gives\n  \
             in use: {in_use}\n  \
             would be: {made}\n  \
             from: {origin}\n\
             In a running mesh, proxies with certificates of one authority refuse those of the other: traffic between them stops until \
             every workload has a certificate of the new one.\n\
             help: only if the mesh is to change its authority, build with `--replace-root`; `meshgen diff` says what to do then"
        )));
    }
    Err(Refusal(format!(
        "{path} names another root than this topology and this seed give\n  \
         in use: {in_use}\n  \
         would be: {made}\n  \
         from: {origin}\n\
         In a running mesh, proxies that trust one of them refuse the others: traffic between them stops until every cluster \
         has the new certificates and every workload was restarted.\n\
         help: build with the seed, the mesh ID, `certificates.issuedOn` and `rootValidityDays` that the mesh was built with\n\
         help: only if the mesh is to have another root, build with `--replace-root`"
    )))
}

/// Draws the errors that stop the build.
fn refuse(source: &Source, findings: &Findings) -> u8 {
    say_findings(source, findings);
    say("nothing was written");
    NOT_DONE
}
