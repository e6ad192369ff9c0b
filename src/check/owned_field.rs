use std::collections::BTreeSet;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, FieldPath};
use crate::rule::Rule;
use crate::topology::{Cluster, FreeForm};

use super::{Check, Context, Needs};

pub(super) const CHECK: Check = Check { rule: RULE, needs: Needs::WholeTopology, run: check };

const RULE: Rule = Rule::error("owned-field", include_str!("../../docs/rules/owned-field.md"));

/// A field that meshgen sets, where its value comes from, and the value.
struct Owned {
    path: &'static str,
    origin: FieldPath,
    value: Option<Value>,
}

fn check(subject: &Context<'_>, findings: &mut Vec<Diagnostic>) {
    let root = FieldPath::root();
    let istio = &subject.topology.istio;
    let everywhere = owned_everywhere(subject);
    let traces = owned_by_tracing(subject);
    let mesh_config = root.child("istio").child("meshConfig");
    find(&istio.mesh_config, "meshConfig", &mesh_config, everywhere.iter().chain(&traces), findings);
    // What one cluster owns, another cannot share: written for all clusters it contradicts most of them.
    let per_cluster: Vec<Owned> = first_contradicted(subject, &istio.values);
    find(
        &istio.values,
        "values",
        &root.child("istio").child("values"),
        everywhere.iter().chain(&per_cluster),
        findings,
    );
    for (path, cluster) in subject.clusters() {
        let own = owned_by_cluster(subject, &path, cluster);
        let path = path.child("istio");
        find(&cluster.istio.mesh_config, "meshConfig", &path.child("meshConfig"), everywhere.iter(), findings);
        find(&cluster.istio.values, "values", &path.child("values"), everywhere.iter().chain(&own), findings);
    }
}

fn owned_everywhere(subject: &Context<'_>) -> Vec<Owned> {
    let root = FieldPath::root();
    let mesh = root.child("mesh");
    let topology = subject.topology;
    let id = Value::from(topology.mesh.id.as_str());
    let trust_domain = Value::from(topology.mesh.trust_domain.as_str());
    let fixed = |path, value: &str| Owned { path, origin: mesh.clone(), value: Some(Value::from(value)) };
    vec![
        Owned { path: "/values/global/meshID", origin: mesh.child("id"), value: Some(id.clone()) },
        Owned {
            path: "/values/global/trustDomain",
            origin: mesh.child("trustDomain"),
            value: Some(trust_domain.clone()),
        },
        Owned { path: "/values/meshConfig", origin: FieldPath::root().child("istio").child("meshConfig"), value: None },
        fixed("/values/global/istioNamespace", "istio-system"),
        Owned { path: "/values/revision", origin: root.child("istio"), value: None },
        Owned { path: "/values/profile", origin: root.child("istio").child("profile"), value: None },
        Owned { path: "/values/istiodRemote/injectionPath", origin: root.child("clusters"), value: None },
        Owned { path: "/values/istiodRemote/injectionURL", origin: root.child("clusters"), value: None },
        Owned { path: "/values/global/externalIstiod", origin: root.child("clusters"), value: None },
        // The ConfigMap from which istiods read the mesh config and, from 1.29 on, the trust domain of a remote.
        Owned { path: "/values/pilot/configMap", origin: root.child("mesh"), value: Some(Value::Bool(true)) },
        // The same as `externalIstiod`, before there was that (`1.11.2:pilot/pkg/features/pilot.go`): at 1.11 it makes an istiod act on
        // the clusters of its peers (`1.11.2:pilot/pkg/serviceregistry/kube/controller/multicluster.go`).
        Owned { path: "/values/pilot/env/EXTERNAL_ISTIOD", origin: root.child("clusters"), value: None },
        Owned { path: "/meshConfig/trustDomain", origin: mesh.child("trustDomain"), value: Some(trust_domain) },
        fixed("/meshConfig/rootNamespace", "istio-system"),
        Owned { path: "/meshConfig/defaultConfig/meshId", origin: mesh.child("id"), value: Some(id) },
        Owned {
            path: "/meshConfig/defaultConfig/discoveryAddress",
            origin: FieldPath::root().child("clusters"),
            value: None,
        },
    ]
}

fn owned_by_tracing(subject: &Context<'_>) -> Vec<Owned> {
    let Some(tracing) = &subject.topology.tracing else { return Vec::new() };
    let origin = FieldPath::root().child("tracing").child("zipkin");
    let sampling = Value::Number(tracing.zipkin.sampling_percent.0.clone());
    vec![
        Owned {
            path: "/meshConfig/defaultConfig/tracing/zipkin/address",
            origin: origin.child("cluster"),
            value: None,
        },
        Owned { path: "/meshConfig/defaultConfig/tracing/sampling", origin: origin.clone(), value: Some(sampling) },
        Owned { path: "/meshConfig/enableTracing", origin, value: Some(Value::Bool(true)) },
    ]
}

fn owned_by_cluster(subject: &Context<'_>, path: &FieldPath, cluster: &Cluster) -> Vec<Owned> {
    let address = cluster.primary().and_then(|primary| {
        let gateway = subject.cluster(primary)?.east_west_gateway.as_ref()?;
        gateway.dialled().map(|address| Value::from(address.to_string()))
    });
    vec![
        Owned {
            path: "/values/global/multiCluster/clusterName",
            origin: path.child("name"),
            value: Some(Value::from(cluster.name.as_str())),
        },
        Owned {
            path: "/values/global/network",
            origin: path.child("network"),
            value: Some(Value::from(cluster.network.as_str())),
        },
        Owned { path: "/values/global/remotePilotAddress", origin: path.child("controlPlane"), value: address },
    ]
}

/// For values written for all clusters: the facts of the first cluster whom each contradicts.
fn first_contradicted(subject: &Context<'_>, values: &FreeForm) -> Vec<Owned> {
    let mut contradicted: Vec<Owned> = Vec::new();
    for (path, cluster) in subject.clusters() {
        for owned in owned_by_cluster(subject, &path, cluster) {
            let is_new = !contradicted.iter().any(|other| other.path == owned.path);
            if is_new
                && written(values, "values", owned.path).is_some_and(|(value, _)| Some(value) != owned.value.as_ref())
            {
                contradicted.push(owned);
            }
        }
    }
    contradicted
}

fn find<'o>(
    fields: &FreeForm,
    list: &str,
    field: &FieldPath,
    owned: impl Iterator<Item = &'o Owned>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut refused = BTreeSet::new();
    for owned in owned {
        let Some((value, path)) = written(fields, list, owned.path) else { continue };
        // A value in the place of a mapping contradicts all that belongs into it, and is one fault.
        if Some(value) == owned.value.as_ref() && path == owned.path || !refused.insert(path) {
            continue;
        }
        let place = path.split('/').skip(2).fold(field.clone(), |place, key| place.child(key));
        let name = path[1..].replace('/', ".");
        let finding = RULE.at(place, format!("`{name}` is set by meshgen")).label(match owned.value {
            Some(_) => "contradicts the topology",
            None => "meshgen decides this",
        });
        let origin = owned.origin.to_string();
        findings.push(match &owned.value {
            Some(value) => finding
                .and(owned.origin.clone(), "follows from this")
                .help(format!("remove it; it follows from `{origin}` and is `{}`", shown(value))),
            None => finding
                .and(owned.origin.clone(), "follows from this")
                .help(format!("remove it; it follows from `{origin}`")),
        });
    }
}

/// What the author wrote at a path, or in the place of a mapping on the way there, and where that stands.
fn written<'v, 'p>(fields: &'v FreeForm, list: &str, path: &'p str) -> Option<(&'v Value, &'p str)> {
    let mut keys = path.split('/').skip(1);
    if keys.next() != Some(list) {
        return None;
    }
    let first = keys.next()?;
    let mut value = fields.get(first)?;
    let mut length = 1 + list.len() + 1 + first.len();
    for key in keys {
        let Value::Object(fields) = value else { break };
        value = fields.get(key)?;
        length += 1 + key.len();
    }
    Some((value, &path[..length]))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
