use std::io::{self, IsTerminal};

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::completions::ClusterNames;
use crate::cli::external;
use crate::cli::secrecy::{Exposure, GitOption, NO_GIT};
use crate::cli::seed::{self, SeedOption};
use crate::cli::{
    DONE, NOT_DONE, Outcome, Refusal, checked, directory_of, print_bytes, read_source, say, say_findings, source_name,
};
use crate::diagnostic::Findings;
use crate::layout::{CERTIFICATE, CHAIN, KEY, ROOT_CERTIFICATE};
use crate::pki::{Authority, Seeds, Standing};
use crate::topology::CertificateAuthority;
use crate::{ExternalFiles, disk};

/// The options of `ca export`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology
    #[arg(value_hint = ValueHint::FilePath)]
    topology: Utf8PathBuf,
    /// The cluster
    #[arg(add = ArgValueCompleter::new(ClusterNames))]
    cluster: String,
    /// How the certificate and its private key are written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// A new file, which only its owner can read. Default: standard output, if it is no terminal
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<Utf8PathBuf>,
    #[command(flatten)]
    seed: SeedOption,
    #[command(flatten)]
    git: GitOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An object with the four files of istiod's Secret `cacerts`
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let cluster = arguments.cluster.as_str();
    refuse_place(arguments)?;
    let source = read_source(&arguments.topology)?;
    let Some(checked) = checked(&source) else { return Ok(NOT_DONE) };
    let authority = match checked.topology().certificates.authority {
        CertificateAuthority::None => {
            return Err(Refusal(format!(
                "{} says `authority: none`, so that meshgen has no private key of `{cluster}`",
                source_name(&arguments.topology)
            )));
        }
        CertificateAuthority::Seed => {
            let place = seed::place(&arguments.seed, &arguments.topology)?;
            let seed = seed::find(&place, &arguments.git, say)?;
            let missing = "the mesh has no seed here, and private keys derive from it: name it with `--ca FILE`";
            let present = Some(seed.ok_or_else(|| Refusal(missing.to_owned()))?);
            let next = seed::place_of_next(&arguments.seed, &arguments.topology, &checked.topology().certificates)?;
            let next = next.map(|place| seed::find(&place, &arguments.git, say)).transpose()?.flatten();
            Authority::Seeds(Seeds { present, next }, Standing::default())
        }
        CertificateAuthority::External => {
            let external = external::read_named(ExternalFiles::of(&checked), &arguments.topology)?;
            let external = external.expect("external-authority holds");
            arguments.git.refuse_keys(external.directory(), &external.keys())?;
            Authority::External(external, Standing::default())
        }
    };
    let exported = match crate::export(&checked, &authority, cluster) {
        Ok(exported) => exported,
        Err(findings) => {
            say_findings(&source, &Findings::of(findings));
            return Ok(NOT_DONE);
        }
    };
    let Some((name, bundle)) = exported else {
        return Err(Refusal(format!("no istiod runs in `{cluster}`, so that it has no certificate to sign with")));
    };
    let Some(key) = &bundle.key else {
        return Err(Refusal(format!("{KEY} of `{cluster}` is not in the directory of the authority")));
    };
    let Format::Json = arguments.format;
    let files = json!({
        CERTIFICATE: bundle.certificate,
        KEY: key.as_str(),
        CHAIN: bundle.chain,
        ROOT_CERTIFICATE: bundle.root_certificate,
    });
    let text = Zeroizing::new(format!("{files:#}\n"));
    match &arguments.output {
        None => print_bytes(text.as_bytes())?,
        Some(path) => {
            disk::create_private(path, text.as_bytes())?;
            DONE
        }
    };
    say(&format!(
        "note: a store has to have this as `{name}`; it is the certificate sha256:{}",
        bundle.facts.fingerprint
    ));
    Ok(DONE)
}

/// Refuses to print a private key where people look on, and a file that Git would take.
fn refuse_place(arguments: &Arguments) -> Result<(), Refusal> {
    let Some(path) = &arguments.output else {
        if io::stdout().is_terminal() {
            return Err(Refusal(
                "a private key is not printed to a terminal: pipe it into the tool of your store, or name a new file with `-o FILE`"
                    .to_owned(),
            ));
        }
        return Ok(());
    };
    if disk::exists(path) {
        return Err(Refusal(format!("{path} exists, and a private key is never written over a file: name a new one")));
    }
    let directory = directory_of(path);
    let name = path.file_name().unwrap_or_default().to_owned();
    let exposed = arguments.git.exposed(&directory, &format!(":(literal){name}"), &[name]);
    let exposed = exposed
        .map_err(|reason| Refusal(format!("cannot tell whether Git would add {path}: {reason}\nhelp: {NO_GIT}")))?;
    match exposed.first() {
        None => Ok(()),
        Some((_, Exposure::Tracked | Exposure::NotIgnored)) => Err(Refusal(format!(
            "nothing keeps Git from adding {path}: list it in .gitignore, or name a file outside the repository"
        ))),
    }
}
