use std::io::{self, IsTerminal};

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use crate::check::Checked;
use crate::diagnostic::Findings;
use crate::path::{self, Call, Matrix, Objects, Paths, Service};
use crate::words::{names, printable};
use crate::{disk, draw, report};

use super::completions::ClusterNames;
use super::{
    DONE, FOUND, NOT_DONE, Outcome, Refusal, checked, columns, is_colour_wanted, print, read_source, refuse_unknown,
    say, show, style,
};

/// The options of `path`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The topology; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    topology: Utf8PathBuf,
    /// The cluster that calls, or `CLUSTER/NAMESPACE`; without it, the namespace is that of the service
    #[arg(long, value_name = "CLUSTER", required_unless_present = "matrix", add = ArgValueCompleter::new(ClusterNames))]
    from: Option<String>,
    /// The cluster that is called
    #[arg(long, value_name = "CLUSTER", required_unless_present = "matrix", add = ArgValueCompleter::new(ClusterNames))]
    to: Option<String>,
    /// The service that is called, and its port
    #[arg(long, value_name = "NAMESPACE/NAME:PORT")]
    service: Option<String>,
    /// Objects that clusters have besides, as `kubectl get -o yaml` prints them: of kind `DestinationRule` and `PeerAuthentication`, and with
    /// `CLUSTER=` before the file also the `Service`, `Secret` and `ConfigMap` objects of `istio-system`; can be repeated
    #[arg(long, value_name = "[CLUSTER=]FILE", value_hint = ValueHint::FilePath)]
    policy: Vec<String>,
    /// Tell it of all pairs of clusters
    #[arg(long, conflicts_with_all = ["from", "to"])]
    matrix: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs; `schemas/path.schema.json` describes it, and with `--matrix` `schemas/paths.schema.json`
    Json,
    /// A picture of all pairs, with `--matrix`
    Svg,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let source = read_source(&arguments.topology)?;
    let Some(checked) = checked(&source) else { return Ok(NOT_DONE) };
    let Some(objects) = objects(arguments, &checked)? else { return Ok(NOT_DONE) };
    crate::ask(
        &checked,
        &objects,
        |paths| if arguments.matrix { matrix(arguments, paths) } else { one(arguments, paths) },
    )
}

fn one(arguments: &Arguments, paths: &Paths<'_, '_>) -> Outcome {
    if arguments.format == Format::Svg {
        return Err(Refusal("one call has no picture: ask about all pairs with `--matrix`".to_owned()));
    }
    let (from, to) = (arguments.from.as_deref().unwrap_or_default(), arguments.to.as_deref().unwrap_or_default());
    let (from, namespace) =
        from.split_once('/').map_or((from, None), |(cluster, namespace)| (cluster, Some(namespace)));
    for cluster in [from, to] {
        refuse_unknown(cluster, paths.clusters().collect())?;
    }
    let call = Call { from, from_namespace: namespace, to, service: service(arguments)? };
    let answer = paths.answer(&call).ok_or_else(|| Refusal("the topology has no such cluster".to_owned()))?;
    let stdout = io::stdout();
    let width = stdout.is_terminal().then(|| columns(&stdout)).flatten();
    print(&match arguments.format {
        Format::Json => path::json(&answer),
        Format::Text | Format::Svg => path::text(&answer, width, is_colour_wanted(&stdout)),
    })?;
    Ok(if answer.failure().is_some() { FOUND } else { DONE })
}

fn matrix(arguments: &Arguments, paths: &Paths<'_, '_>) -> Outcome {
    let matrix = Matrix::of(paths, service(arguments)?);
    print(&match arguments.format {
        Format::Text => path::matrix_text(&matrix, is_colour_wanted(&io::stdout())),
        Format::Json => path::matrix_json(&matrix),
        Format::Svg => draw::ways(&matrix),
    })?;
    Ok(if matrix.is_whole() { DONE } else { FOUND })
}

fn service(arguments: &Arguments) -> Result<Option<Service<'_>>, Refusal> {
    let Some(text) = arguments.service.as_deref() else { return Ok(None) };
    let service = Service::parse(text);
    service.map(Some).ok_or_else(|| {
        let text = printable(text);
        Refusal(format!(
            "`{text}` is not a service: write it like `sample/helloworld:5000`, with the port of the Service"
        ))
    })
}

/// What the files say of clusters; `None` if one is not YAML, which was reported.
fn objects(arguments: &Arguments, checked: &Checked) -> Result<Option<Objects>, Refusal> {
    let known: Vec<&str> = checked.topology().clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let mut objects = Objects::default();
    for policy in &arguments.policy {
        let (cluster, file) = match policy.split_once('=') {
            Some((cluster, file)) if !disk::exists(Utf8Path::new(policy)) => (Some(cluster), file),
            _ => (None, policy.as_str()),
        };
        if let Some(cluster) = cluster {
            refuse_unknown(cluster, known.clone())?;
        }
        let source = read_source(Utf8Path::new(file))?;
        let text = std::str::from_utf8(&source.bytes)
            .map_err(|_| Refusal(format!("{file} is not text in UTF-8, as kubectl prints it")))?;
        match objects.add(cluster, text) {
            Ok(others) if others.is_empty() => {}
            Ok(others) => {
                let others: Vec<String> = others.iter().map(|kind| printable(kind)).collect();
                let others = names(others.iter().map(String::as_str));
                let why =
                    if cluster.is_none() { ": name the cluster, as in `CLUSTER=FILE`, if it is of one" } else { "" };
                say(&format!("note: {file} has objects that say nothing of a call, of kind {others}{why}"));
            }
            Err(finding) => {
                show(report::text(&source, &Findings::of(vec![finding]), style(&io::stderr())).trim_end());
                return Ok(None);
            }
        }
    }
    Ok(Some(objects))
}
