use camino::Utf8PathBuf;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::diagnostic::Findings;
use crate::part::Part;
use crate::pki::{Authority, Seed, Seeds, Standing};
use crate::plan::commits::{has_controller, rename_advice, renamed, two_commits};
use crate::source::Source;
use crate::template::word;
use crate::topology::CertificateAuthority;
use crate::words::printable;
use crate::{ExternalFiles, compile_checked, disk, lost_addresses, parallel};

use super::completions::ClusterNames;
use super::secrecy::GitOption;
use super::seed::{self, SeedOption, SeedPlace};
use super::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, ca, external, lost_lock, output, print, read_source, retired, rotation,
    say, say_findings, source_name, waited,
};

/// The options of `build`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
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
    /// With `--check`: exit with 1 also if a root is new since this commit, or if it has a later generation of a key or more retired certificates
    #[arg(long, value_name = "REF", requires = "check")]
    since: Option<String>,
    /// Make a seed if the mesh has none and nothing was built yet
    #[arg(long)]
    new_ca: bool,
    /// Build even if the certificates in DIR have another root: the clusters of a running mesh cannot call each other until all have the new root
    #[arg(long)]
    replace_root: bool,
    /// Build even if clusters would refuse each other on the way from the roots in DIR to these
    #[arg(long)]
    skip_phase: bool,
    /// Print errors only: no warnings, no notes and no result
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    fn warn(&self, warning: &str) {
        if !self.quiet {
            say(warning);
        }
    }
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
    let kind = checked.topology().certificates.authority;
    let (authority, origin) = match kind {
        CertificateAuthority::None => {
            refuse_seed(arguments)?;
            (Authority::Seeds(Seeds::default(), standing), "`authority: none`".to_owned())
        }
        CertificateAuthority::Seed => {
            let place = seed::place(&arguments.seed, &arguments.topology)?;
            let next = seed::place_of_next(&arguments.seed, &arguments.topology, &checked.topology().certificates)?;
            let origin =
                next.as_ref().map_or(format!("the seed {place}"), |next| format!("the seeds {place} and {next}"));
            (authority(arguments, &place, next.as_ref(), standing)?, origin)
        }
        CertificateAuthority::External => {
            let external = external::read_named(ExternalFiles::of(&checked), &arguments.topology)?;
            let external = external.expect("external-authority holds");
            arguments.git.refuse_keys(external.directory(), &external.keys())?;
            let origin = format!("the certificates of `{}`", external.directory());
            (Authority::External(external, standing), origin)
        }
    };
    let part = Part { clusters: &arguments.cluster, lock: authority.standing().lock() };
    let part = (!arguments.cluster.is_empty()).then_some(&part);
    let tree = match compile_checked(&checked, &authority, part) {
        Ok(tree) => tree,
        Err(findings) => return Ok(refuse(&source, &Findings::of(findings))),
    };
    let (record, lock) = (tree.lock(), authority.into_standing().into_lock());
    let lost = lost_addresses(&checked, record, record.gone(&lock));
    if !lost.is_empty() {
        return Ok(refuse(&source, &Findings::of(lost)));
    }
    if !arguments.quiet {
        say_findings(&source, &findings);
    }
    if !arguments.replace_root {
        let made = if kind == CertificateAuthority::None { &Vec::new() } else { &record.roots };
        if !rotation::has_common_root(&lock, made) {
            rotation::refuse_other_root(&roots, made, &tree, &origin)?;
        } else if !arguments.skip_phase {
            rotation::refuse_cut(&lock, record)?;
        }
    }
    // The tree is what is left to hold: what it was made from is as large again.
    let put = || output::put(output, &tree, &arguments.put, arguments.quiet);
    let (code, ()) = parallel::beside(put, || drop(checked));
    let mut code = code?;
    if let Some(reference) = &arguments.since {
        let lines = retired::taken_back(output, reference, record)?;
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
        waited::say_arrived(&lock, record);
        if has_controller(record, record.paths()) {
            for apart in two_commits(&lock, record) {
                say(&format!("note: {}", apart.advice()));
            }
            for (old, new) in renamed(&lock, record) {
                say(&format!("note: {}", rename_advice(&old, &new)));
            }
        }
        if kind == CertificateAuthority::Seed && arguments.since.is_none() {
            retired::say_gone(&lock, record);
        }
    }
    Ok(code)
}

/// Refuses options that name or make a seed where nobody needs one.
fn refuse_seed(arguments: &Arguments) -> Result<(), Refusal> {
    let Some(option) = arguments.seed.given().or(arguments.new_ca.then_some("--new-ca")) else { return Ok(()) };
    Err(Refusal(format!(
        "{} says `authority: none`, so that no certificate derives from a seed\n\
         help: leave out `{option}`, or write `authority: seed` and `issuedOn` if meshgen is to make the certificates",
        source_name(&arguments.topology)
    )))
}

/// The issuer: the seeds that are at hand, and the certificates in the output.
fn authority(
    arguments: &Arguments,
    place: &SeedPlace,
    next: Option<&SeedPlace>,
    standing: Standing,
) -> Result<Authority, Refusal> {
    let present = seed(arguments, place, &standing)?;
    let next = next.map(|place| seed::find(place, &arguments.git, |warning| arguments.warn(warning))).transpose()?;
    let seeds = Seeds { present, next: next.flatten() };
    if seeds.present.is_none() && standing.is_unpinned() {
        let otherwise = "if it is lost, name the seed of the mesh with `--ca FILE`: only the seed makes the same certificates again";
        return Err(lost_lock(&arguments.output, &standing, otherwise));
    }
    if seeds.present.is_none() && seeds.next.is_none() && !standing.has_root() {
        return Err(Refusal(format!(
            "the mesh has no seed to derive its keys from: run `meshgen ca new --ca {}` once (or build with `--new-ca`), or name yours with `--ca FILE`",
            word(place.path.as_str())
        )));
    }
    Ok(Authority::Seeds(seeds, standing))
}

/// The seed of the mesh: the existing one, or with `--new-ca` a new one.
fn seed(arguments: &Arguments, place: &SeedPlace, standing: &Standing) -> Result<Option<Seed>, Refusal> {
    let warn = |warning: &str| arguments.warn(warning);
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

/// Draws the errors that stop the build.
fn refuse(source: &Source, findings: &Findings) -> u8 {
    say_findings(source, findings);
    say("nothing was written");
    NOT_DONE
}
