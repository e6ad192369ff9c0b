use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum, ValueHint};

use crate::disk;
use crate::release::{NEWEST, SAIL, advice, first_with_charts, release, versions_of_sail};
use crate::schema;
use crate::starter::{MAXIMUM_CLUSTERS, Starter};
use crate::template::word;
use crate::topology::{Controller, Date, Install, IstioVersion, MeshId};
use crate::words::plural;

use super::seed::SEED;
use super::{DONE, Outcome, Refusal, Today, say};

/// The options of `init`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory for the topology and its schema
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Utf8PathBuf,
    /// How many clusters the mesh has
    #[arg(long, default_value_t = 2)]
    clusters: usize,
    /// How many networks they are on. Default: 2, or 1 for a single cluster
    #[arg(long)]
    networks: Option<usize>,
    /// How many of the clusters are primaries. Default: all
    #[arg(long)]
    primaries: Option<usize>,
    /// The exact version of Istio
    #[arg(long, value_name = "VERSION", default_value = NEWEST)]
    istio: IstioVersion,
    /// What installs Istio. Default: istioctl, or helm with a controller
    #[arg(long, value_enum)]
    install: Option<Installer>,
    /// The controller that applies the tree from Git. Default: none, scripts do
    #[arg(long, value_enum)]
    controller: Option<Applier>,
    /// The mesh ID
    #[arg(long, default_value = "mesh1")]
    name: MeshId,
    /// The first day of the root and of all certificates. Default: today, UTC
    #[arg(long, value_name = "DATE")]
    now: Option<Date>,
}

/// A value of `--install`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Installer {
    Istioctl,
    Helm,
    Sail,
}

/// A value of `--controller`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Applier {
    Argocd,
    Flux,
}

const TOPOLOGY: &str = "topology.yaml";
const SCHEMA: &str = "topology.schema.json";

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Arguments { output, clusters, name, istio, .. } = arguments;
    if output == "-" {
        return Err(Refusal(
            "`init` writes two files, and cannot write to standard output: name a directory with `-o DIR`".to_owned(),
        ));
    }
    let networks = arguments.networks.unwrap_or(2.min(*clusters));
    let primaries = arguments.primaries.unwrap_or(*clusters);
    refuse_numbers(*clusters, networks, primaries)?;
    let release =
        release(*istio).ok_or_else(|| Refusal(format!("Istio {istio} is not supported: {}", advice(*istio))))?;
    let controller = arguments.controller.map(|controller| match controller {
        Applier::Argocd => Controller::ArgoCd,
        Applier::Flux => Controller::Flux,
    });
    let install = match (arguments.install, controller) {
        (Some(Installer::Istioctl), Some(_)) => {
            return Err(Refusal(
                "a controller applies no files that are for istioctl: leave out `--install istioctl` or `--controller`"
                    .to_owned(),
            ));
        }
        (Some(Installer::Sail), _) => Install::Sail,
        (Some(Installer::Helm), _) | (None, Some(_)) => Install::Helm,
        (Some(Installer::Istioctl) | None, None) => Install::Istioctl,
    };
    if install == Install::Sail && release.sail.is_none_or(|last| istio.patch > last) {
        let versions = versions_of_sail();
        return Err(Refusal(format!("the Sail operator {SAIL} does not install Istio {istio}: use {versions}")));
    }
    if install == Install::Helm && !release.has_charts {
        let first = first_with_charts();
        return Err(Refusal(format!("Istio {istio} is not installed by Helm: only Istio 1.{first} and later is")));
    }
    let starter = Starter {
        install,
        controller,
        mesh_id: name,
        istio: *istio,
        release,
        clusters: *clusters,
        networks,
        primaries,
        issued_on: Today { now: arguments.now }.date(),
        schema: SCHEMA,
    };
    put(output, &starter.text())?;
    let topology = output.join(TOPOLOGY);
    let [file, seed, tree] = [&topology, &output.join(SEED), &output.join("out")].map(|path| word(path.as_str()));
    say(&format!(
        "wrote {topology} and {}\n\
         next: write your own addresses into the topology, then\n  \
         meshgen check {file}\n  \
         meshgen ca new --ca {seed}\n  \
         meshgen build {file} -o {tree}",
        output.join(SCHEMA),
    ));
    Ok(DONE)
}

fn refuse_numbers(clusters: usize, networks: usize, primaries: usize) -> Result<(), Refusal> {
    let refusal = if clusters == 0 || networks == 0 || primaries == 0 {
        "a mesh has at least one cluster, one network and one control plane".to_owned()
    } else if clusters > MAXIMUM_CLUSTERS {
        format!(
            "init writes at most {MAXIMUM_CLUSTERS} clusters, because no more addresses are reserved for examples; a topology may have more"
        )
    } else if networks > clusters {
        format!("{networks} networks are more than {} can be on", plural(clusters, "cluster"))
    } else if primaries > clusters {
        format!("{primaries} control planes are more than {} can have", plural(clusters, "cluster"))
    } else {
        return Ok(());
    };
    Err(Refusal(refusal))
}

/// Writes both files, and never over one that holds anything else.
fn put(directory: &Utf8Path, topology: &str) -> Result<(), Refusal> {
    let files = [(SCHEMA, schema::text()), (TOPOLOGY, topology.to_owned())];
    for (name, text) in &files {
        let path = directory.join(name);
        let standing = disk::read_if_there(&path)?;
        if standing.is_some_and(|standing| standing != text.as_bytes()) {
            return Err(Refusal(format!(
                "{path} exists and is not overwritten: choose another directory, or move it away"
            )));
        }
    }
    disk::make_directory(directory)?;
    for (name, text) in &files {
        disk::replace(&directory.join(name), text.as_bytes())?;
    }
    Ok(())
}
