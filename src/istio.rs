//! What Istio is told: the Helm values and the mesh config of each cluster.

use serde_json::Value;

use crate::layout::ISTIO_SYSTEM;
use crate::mesh::{Cluster, Mesh};
use crate::release::{RemoteShape, TracingMeans, switches};
use crate::topology::{FreeForm, OPENSHIFT};

use crate::fact::{FACTS, Fact, Known, Write, is_no_authority, other_signer};

pub(crate) use self::at_start::{at_start, roots_at_start};
pub(crate) use self::lifetime::certificate_hours;
pub(crate) use self::mesh_config::mesh_config;
pub(crate) use self::values::{author, gateway_global, gateway_values, values};
pub(crate) use crate::fact::TRACING_PROVIDER;

mod at_start;
mod lifetime;
mod mesh_config;
mod values;

/// Whether the istiod of a cluster signs with its Secret `cacerts`.
pub(crate) fn signs(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> bool {
    !is_no_authority(&said_by_author(mesh, cluster))
}

/// Whether it signs the certificates of workloads, and no other authority does.
pub(crate) fn signs_workloads(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> bool {
    other_signer(&said_by_author(mesh, cluster)).is_none()
}

/// What tells the proxies or the istiod of a cluster other roots beside those of its authority, in JSON; nothing where nothing does:
/// `MeshConfig.ca_certificates` and `ProxyConfig.ca_certificates_pem`, which protobuf takes in both spellings, annotations with a
/// `ProxyConfig`, and variables of istiod (`1.30.3:pkg/features/security.go`, `pilot/pkg/bootstrap/server.go`).
pub(crate) fn told_roots(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    const OF_CONFIG: [&str; 6] = [
        "/caCertificates",
        "/ca_certificates",
        "/defaultConfig/caCertificatesPem",
        "/defaultConfig/ca_certificates_pem",
        "/default_config/caCertificatesPem",
        "/default_config/ca_certificates_pem",
    ];
    const OF_VALUES: [&str; 4] = [
        "/pilot/env/SPIFFE_BUNDLE_ENDPOINTS",
        "/pilot/env/ROOT_CA_DIR",
        "/pilot/env/SHARED_MESH_CONFIG",
        "/sidecarInjectorWebhook/injectedAnnotations/proxy.istio.io~1config",
    ];
    // meshgen tells none itself.
    let written = &cluster.written.istio;
    let told = |fields: [&FreeForm; 2], paths: &[&str]| -> Vec<String> {
        let found = fields.into_iter().flat_map(|fields| paths.iter().filter_map(|path| at(fields, path)));
        found.map(|(path, value)| format!("{path} {value}\n")).collect()
    };
    let config = told([&mesh.istio.mesh_config, &written.mesh_config], &OF_CONFIG);
    let values = told([&mesh.istio.values, &written.values], &OF_VALUES);
    let told = [config, values].concat();
    (cluster.runs_istiod && !told.is_empty()).then(|| told.concat())
}

/// The field at a JSON pointer, and the pointer.
fn at<'f, 'p>(fields: &'f FreeForm, path: &'p str) -> Option<(&'p str, &'f Value)> {
    let (first, rest) = path
        .strip_prefix('/')?
        .split_once('/')
        .map_or((path.strip_prefix('/')?, None), |(first, rest)| (first, Some(rest)));
    let first = fields.get(first)?;
    let found = rest.map_or(Some(first), |rest| first.pointer(&["/", rest].concat()));
    Some((path, found?))
}

/// The author's values, those of the cluster before those of all. meshgen writes none that say who signs.
fn said_by_author<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> [&'m FreeForm; 2] {
    [&cluster.written.istio.values, &mesh.istio.values]
}

/// What a mesh that obeys every rule knows of a cluster.
fn known<'m>(mesh: &'m Mesh<'_>, cluster: &'m Cluster<'_>) -> Known<'m> {
    let gateway = mesh.primary_of(cluster).gateway.as_ref().filter(|_| !cluster.is_primary());
    let sampling = mesh.collector.as_ref().map(|collector| &collector.sampling_percent);
    Known {
        mesh_id: mesh.id,
        trust_domain: mesh.trust_domain,
        cluster_domain: mesh.cluster_domain,
        sampling,
        cluster: cluster.name,
        network: cluster.network,
        mesh_networks: cluster.is_primary().then_some(&mesh.told_networks),
        platform: (cluster.is_on_openshift && mesh.release.has_platform).then_some(OPENSHIFT),
        control_plane: gateway.and_then(|gateway| gateway.address.clone()),
        is_thin: !cluster.runs_istiod,
        serves_thin: mesh.release.remotes == RemoteShape::Thin && !cluster.remotes.is_empty(),
        states_trust_domain: cluster.runs_istiod || cluster.stated_trust_domain.is_some(),
        switches: switches(mesh.version).collect(),
        uncertified: uncertified(mesh, cluster).then(|| format!("{}.{ISTIO_SYSTEM}.svc", cluster.istiod_service())),
        sampling_at_start: sampling.filter(|_| mesh.release.tracing == TracingMeans::Bootstrap),
        collector: mesh.bootstrap_collector(),
        provider: cluster.provider.as_ref().map(|provider| (provider.service.as_str(), provider.port)),
    }
}

/// Whether the certificate of a cluster's istiod lacks the name of its Service: one that takes its names from the address of the
/// primary has `istiod` among them, but no revision.
fn uncertified(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> bool {
    !mesh.release.certifies_revision && cluster.runs_istiod && !cluster.is_primary() && cluster.revision.is_some()
}

/// What facts and the author's fields say in a list: a path that some facts have in common.
fn write<'f>(
    known: &Known<'_>,
    list: &str,
    is_told: impl Fn(&Fact) -> bool,
    author: impl IntoIterator<Item = &'f FreeForm>,
) -> FreeForm {
    let facts = || FACTS.iter().filter(|fact| is_told(fact)).filter_map(|fact| Some((keys(fact, list)?, fact.write)));
    let mut fields = FreeForm::new();
    for (keys, write) in facts() {
        if let Write::First(told) = write {
            lay(&mut fields, keys, told(known));
        }
    }
    for over in author {
        merge(&mut fields, over);
    }
    for (keys, write) in facts() {
        if let Write::Last(told) = write {
            lay(&mut fields, keys, told(known));
        }
    }
    fields
}

/// The rest of a fact's path, where it is in a list.
fn keys(fact: &Fact, list: &str) -> Option<&'static str> {
    fact.path.strip_prefix(list)?.strip_prefix('.')
}

/// Lays a fact onto fields: a list joins the list that is there, in front of it.
fn lay(fields: &mut FreeForm, path: &str, told: Option<Value>) {
    let Some(mut value) = told else { return };
    let (parents, key) = path.rsplit_once('.').map_or((None, path), |(parents, key)| (Some(parents), key));
    let mut parent = fields;
    for key in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let place = parent.entry(key).or_insert(Value::Null);
        if !place.is_object() {
            *place = Value::Object(FreeForm::new());
        }
        parent = place.as_object_mut().expect("the place holds a mapping");
    }
    if let (Value::Array(items), Some(Value::Array(others))) = (&mut value, parent.get_mut(key)) {
        items.append(others);
    }
    parent.insert(key.to_owned(), value);
}

/// Lays `over` onto `base`: mappings are merged, all else is replaced, as Helm merges values.
fn merge(base: &mut FreeForm, over: &FreeForm) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(over)) => merge(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Takes out a field that is no mapping, and the mappings on the way there that are empty without it.
fn take_out(fields: &mut FreeForm, path: &str) {
    let keys: Vec<&str> = path.split('.').collect();
    for length in (1..=keys.len()).rev() {
        let (last, parents) = keys[..length].split_last().expect("a path has a key");
        let parent = parents.iter().try_fold(&mut *fields, |fields, key| fields.get_mut(*key)?.as_object_mut());
        if let Some(parent) = parent {
            let is_spent = parent.get(*last).is_some_and(|value| value.as_object().is_none_or(FreeForm::is_empty));
            if is_spent {
                parent.shift_remove(*last);
            }
        }
    }
}
