use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fact::{MESH_CONFIG_AT_START, NOT_AT_START, VALUES_AT_START};
use crate::mesh::{Cluster, Mesh};
use crate::topology::FreeForm;
use crate::words::hex;

use super::{mesh_config, signs, values};

/// How many digits tell two configurations apart.
const DIGITS: usize = 12;

/// What the proxies of a cluster know from their start alone, as `install.sh` and `verify.sh` compare it: the version of Istio, the
/// control plane that serves them, its revision, and a digest of the configuration.
pub(crate) fn at_start(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> String {
    let primary = mesh.primary_of(cluster).name;
    let revision = cluster.revision.map(|revision| format!(" revision={revision}")).unwrap_or_default();
    let digest = digest(configuration(mesh, cluster).to_string().as_bytes());
    let roots = roots_at_start(mesh, cluster).map(|roots| format!(" roots={roots}")).unwrap_or_default();
    format!("istio={} control-plane={primary}{revision} configuration={digest}{roots}", mesh.version)
}

/// Which roots its proxies have to know from their start on, because they look for them only then: some, where a root is coming. It
/// stands last, because to know further roots does no harm when one has gone. The agent of 1.11 reads the file of roots once
/// (`1.11.2:pkg/istio-agent/agent.go`, `1.11.2:security/pkg/nodeagent/caclient/providers/citadel/client.go`).
pub(crate) fn roots_at_start(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Option<String> {
    let reads_once = || !mesh.release.reloads_authority && signs(mesh, mesh.istiod_of(cluster));
    let roots = cluster.trusts.as_ref().filter(|_| reads_once())?;
    Some(digest(roots.as_bytes()))
}

fn digest(bytes: &[u8]) -> String {
    let mut digits = hex(&Sha256::digest(bytes));
    digits.truncate(DIGITS);
    digits
}

/// The configuration that is injected: that of the cluster's own istiod, or of its primary's for the cluster.
fn configuration(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Value {
    let istiod = mesh.istiod_of(cluster);
    let config = picked(mesh_config(mesh, istiod), MESH_CONFIG_AT_START);
    let mut values = picked(values(mesh, istiod), VALUES_AT_START);
    if let Some(Value::Object(global)) = values.get_mut("global") {
        global.retain(|field, _| !NOT_AT_START.contains(&field.as_str()));
    }
    let mut told = Value::from_iter([
        ("cluster", Value::from(cluster.name)),
        ("network", Value::from(cluster.network)),
        ("profile", Value::from(mesh.profile)),
        ("meshConfig", sorted(&Value::Object(config))),
        ("values", sorted(&Value::Object(values))),
    ]);
    if let Some(cni) = istiod.cni {
        told["cni"] = Value::from(cni);
    }
    told
}

fn picked(fields: FreeForm, paths: &[&str]) -> FreeForm {
    let fields = Value::Object(fields);
    let value = |path: &str| fields.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
    paths.iter().filter_map(|path| Some(((*path).to_owned(), value(path)?))).collect()
}

/// The order of keys means nothing to Istio.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
