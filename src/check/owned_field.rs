use std::collections::BTreeSet;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::fact::{FACTS, Known, MESH_NETWORKS, Origin, RELEASES_OF_IMAGES, held};
use crate::rule::Rule;
use crate::topology::{Cluster, FreeForm, Topology};

use super::reads::{GATEWAY_ADDRESSES, REMOTES, VERSION};
use super::{About, Check, Context, gateways};

pub(super) const CHECK: Check = Check::of(RULE, check).about(About::FREE_FORMS).reads(&[
    VERSION,
    REMOTES,
    GATEWAY_ADDRESSES,
    &["clusters[].network", "clusters[].eastWestGateway.discovery", "tracing.zipkin.samplingPercent"],
]);

const RULE: Rule = Rule::error("owned-field", include_str!("../../docs/rules/owned-field.md"));

/// A field that meshgen sets, where its value comes from, and the value that may be repeated.
struct Owned {
    path: &'static str,
    origin: FieldPath,
    value: Option<Value>,
}

fn check(subject: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let root = FieldPath::root();
    let topology = subject.topology;
    let istio = &topology.istio;
    let known = Known::of(topology);
    let everywhere = owned(&known, &root, |origin| matches!(origin, Origin::Topology(_)));
    let mut traces = owned(&known, &root, |origin| matches!(origin, Origin::Collector(_)));
    traces.retain(|_| topology.tracing.is_some());
    // The address before the sampling: a value in the place of `tracing` is refused because of the collector.
    traces.reverse();
    let mesh_config = root.child("istio").child("meshConfig");
    find(topology, &istio.mesh_config, "meshConfig", &mesh_config, everywhere.iter().chain(&traces), findings);
    // What one cluster owns, another cannot share: written for all clusters it contradicts most of them.
    let per_cluster: Vec<Owned> = first_contradicted(subject, &istio.values);
    find(
        topology,
        &istio.values,
        "values",
        &root.child("istio").child("values"),
        everywhere.iter().chain(&per_cluster),
        findings,
    );
    find_releases(subject, &istio.values, &root.child("istio").child("values"), findings);
    find_networks(subject, &istio.values, &root.child("istio").child("values"), findings);
    let has_own = |cluster: &Cluster| !(cluster.istio.mesh_config.is_empty() && cluster.istio.values.is_empty());
    for (path, cluster) in subject.clusters().filter(|(_, cluster)| has_own(cluster)) {
        let own = owned_by_cluster(subject, &path, cluster);
        let path = path.child("istio");
        find(
            topology,
            &cluster.istio.mesh_config,
            "meshConfig",
            &path.child("meshConfig"),
            everywhere.iter(),
            findings,
        );
        find(topology, &cluster.istio.values, "values", &path.child("values"), everywhere.iter().chain(&own), findings);
        find_releases(subject, &cluster.istio.values, &path.child("values"), findings);
        find_networks(subject, &cluster.istio.values, &path.child("values"), findings);
    }
}

/// Networks of which meshgen tells istiods; the author may tell of others.
fn find_networks(subject: &Context<'_>, fields: &FreeForm, field: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let Some((value, path)) = held(fields, "values", MESH_NETWORKS) else { return };
    let mut told = BTreeSet::new();
    for (gateway_path, cluster, gateway) in gateways(subject).filter(|(_, _, gateway)| gateway.is_static()) {
        let network = cluster.network.as_str();
        let place = within(field, path);
        // A value in the place of a mapping contradicts each network.
        let place = match value.as_object().filter(|_| path == MESH_NETWORKS) {
            Some(networks) if networks.contains_key(network) => place.child(network.to_owned()),
            Some(_) => continue,
            None => place,
        };
        if gateway.dialled().is_none() || !told.insert(place.clone()) {
            continue;
        }
        findings.push(
            RULE.at(place, format!("meshgen tells istiods where the gateways of `{network}` are dialled"))
                .label("told twice")
                .and(gateway_path.child("discovery"), "follows from this")
                .help("remove it; it follows from `address` and `port` of the gateway, or remove `discovery: static`"),
        );
    }
}

/// The facts that meshgen owns whose origin is one of those that are wanted, below `parent`.
fn owned(known: &Known<'_>, parent: &FieldPath, is_wanted: fn(Origin) -> bool) -> Vec<Owned> {
    let facts = FACTS.iter().filter(|fact| fact.is_owned && is_wanted(fact.origin));
    facts
        .map(|fact| Owned {
            path: fact.path,
            origin: fact.origin.field().split('.').fold(parent.clone(), |path, key| path.child(key)),
            value: fact.repeat.and_then(|repeat| repeat(known)),
        })
        .collect()
}

fn owned_by_cluster(subject: &Context<'_>, path: &FieldPath, cluster: &Cluster) -> Vec<Owned> {
    let address = cluster.primary().and_then(|primary| {
        let gateway = subject.cluster(primary)?.east_west_gateway.as_ref()?;
        gateway.dialled().map(|address| address.to_string())
    });
    let known = Known {
        cluster: cluster.name.as_str(),
        network: cluster.network.as_str(),
        control_plane: address,
        ..Known::of(subject.topology)
    };
    owned(&known, path, |origin| matches!(origin, Origin::Cluster(_)))
}

/// For values written for all clusters: the facts of the first cluster whom each contradicts.
fn first_contradicted(subject: &Context<'_>, values: &FreeForm) -> Vec<Owned> {
    let mut contradicted: Vec<Owned> = Vec::new();
    if values.is_empty() {
        return contradicted;
    }
    for (path, cluster) in subject.clusters() {
        for owned in owned_by_cluster(subject, &path, cluster) {
            let is_new = !contradicted.iter().any(|other| other.path == owned.path);
            if is_new
                && held(values, "values", owned.path).is_some_and(|(value, _)| Some(value) != owned.value.as_ref())
            {
                contradicted.push(owned);
            }
        }
    }
    contradicted
}

fn find<'o>(
    topology: &Topology,
    fields: &FreeForm,
    list: &str,
    field: &FieldPath,
    owned: impl Iterator<Item = &'o Owned>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut refused = BTreeSet::new();
    for owned in owned {
        let Some((value, path)) = held(fields, list, owned.path) else { continue };
        // A value in the place of a mapping contradicts all that belongs into it, and is one fault.
        if Some(value) == owned.value.as_ref() && path == owned.path || !refused.insert(path) {
            continue;
        }
        let finding = RULE.at(within(field, path), format!("`{path}` is set by meshgen")).label(match owned.value {
            Some(_) => "contradicts the topology",
            None => "meshgen decides this",
        });
        let clusters = &topology.clusters;
        let origin = owned.origin.in_words(|_, index| Some(clusters.get(index)?.name.to_string()));
        findings.push(match &owned.value {
            Some(value) => finding
                .and(owned.origin.clone(), "follows from this")
                .help(format!("remove it; it follows from {origin} and is `{}`", shown(value))),
            None => finding
                .and(owned.origin.clone(), "follows from this")
                .help(format!("remove it; it follows from {origin}")),
        });
    }
}

/// Images of another release than the one that all else is written for.
fn find_releases(subject: &Context<'_>, fields: &FreeForm, field: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let version = subject.topology.istio.version.to_string();
    let is_of_version = |tag: &str| {
        tag.strip_prefix(&version).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    for known in RELEASES_OF_IMAGES {
        let Some((value, path)) = held(fields, "values", known).filter(|(_, path)| path == known) else { continue };
        let text = shown(value);
        let tag = match path.rsplit_once('.') {
            Some((_, "tag")) => Some(text.as_str()),
            _ => tag_of(&text),
        };
        if tag.is_none_or(is_of_version) {
            continue;
        }
        let finding = RULE.at(within(field, path), format!("`{path}` chooses an image that is not Istio {version}"));
        findings.push(
            finding
                .label("contradicts the topology")
                .and(FieldPath::root().child("istio").child("version"), "follows from this")
                .help(format!("remove it, or write a tag that begins with `{version}`, like `{version}-distroless`")),
        );
    }
}

/// The place of a path that begins with the name of the list, `values` or `meshConfig`, which stands at `field`.
fn within(field: &FieldPath, path: &str) -> FieldPath {
    path.split('.').skip(1).fold(field.clone(), |place, key| place.child(key.to_owned()))
}

/// The tag of an image: `docker.io/istio/pilot:1.30.3`. One that is named by its digest alone has none.
fn tag_of(image: &str) -> Option<&str> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    name.rsplit('/').next()?.split_once(':').map(|(_, tag)| tag)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
