//! The plan as objects of Flux: each unit is a Kustomization, which waits for those that have to be done before
//! (fluxcd/kustomize-controller v1.9.4, `docs/spec/v1/kustomizations.md`).

use serde_json::{Value, json};

use crate::artifact::helm_releases::{KEPT, UNPRUNED, metadata, repository};
use crate::artifact::sail;
use crate::command::IDENTITIES;
use crate::layout::{ISTIO_SYSTEM, NAMESPACE};
use crate::mesh::Mesh;
use crate::plan::{Charts, Plan, Unit, What};
use crate::topology::{GitOps, Install, SecretForm};
use crate::words::short_name;

use super::gitops::{Files, name, path};

/// The files of Flux.
pub(super) fn files(plan: &Plan<'_, '_>, gitops: &GitOps) -> Files {
    let mesh = plan.mesh;
    let graph = plan.graph();
    let mut files = Files::default();
    for part in super::gitops::parts(plan, gitops) {
        files.add_clusters(&part, "sources.yaml", |cluster| {
            let of = graph.iter().filter(|(unit, _)| unit.cluster.name == cluster);
            let documents = of.map(|(unit, after)| {
                let after = after.iter().map(|position| graph[*position].0);
                // A controller sees nothing of other clusters.
                let after = after.filter(|other| gitops.hub || other.cluster.name == cluster);
                kustomization(mesh, gitops, unit, &after.map(|other| name(mesh, other)).collect::<Vec<_>>())
            });
            documents.collect()
        });
        files.add(&part.directory, "sources.yaml", &sources(mesh, gitops));
        files.add(&part.directory, "root.yaml", &[root(mesh, gitops, &part.directory)]);
    }
    files
}

fn sources(mesh: &Mesh<'_>, gitops: &GitOps) -> Vec<Value> {
    let repository_of_charts = mesh.istio.charts.as_str();
    let mut charts = json!({ "interval": "24h", "url": repository_of_charts });
    if repository_of_charts.starts_with("oci://") {
        charts["type"] = json!("oci");
    }
    let charts = mesh.has_install(Install::Helm).then(|| {
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "HelmRepository",
            "metadata": metadata(mesh, gitops, &repository(mesh)),
            "spec": charts,
        })
    });
    let git = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata(mesh, gitops, mesh.id),
        "spec": { "interval": "1m", "url": gitops.repository.as_str(), "ref": { "branch": gitops.revision.as_str() } },
    });
    [git].into_iter().chain(charts).collect()
}

/// What a person applies once, beside the sources: it applies all the others.
fn root(mesh: &Mesh<'_>, gitops: &GitOps, directory: &str) -> Value {
    let mut spec = usual(mesh, gitops, directory);
    spec["deletionPolicy"] = json!("Orphan");
    spec["prune"] = json!(true);
    object(mesh, gitops, &short_name(&[mesh.id, "mesh"]), &spec)
}

fn object(mesh: &Mesh<'_>, gitops: &GitOps, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata(mesh, gitops, name),
        "spec": spec,
    })
}

fn usual(mesh: &Mesh<'_>, gitops: &GitOps, directory: &str) -> Value {
    let path = ["./", &path(gitops, directory)].concat();
    json!({
        "interval": "10m",
        "retryInterval": "1m",
        "timeout": "10m",
        "sourceRef": { "kind": "GitRepository", "name": mesh.id },
        "path": path,
    })
}

/// What the Sail operator makes of its resources. What it says of the first is what it says of the revision that it owns, which may not
/// have seen a change yet (istio-ecosystem/sail-operator 1.30.3, `controllers/istio/istio_controller.go`), and then istiod has not either.
///
/// A remote gets ready only after what comes after it, its primary's remote secret. A gateway needs its webhook, and would start without
/// anything injected before.
fn installed(told: Charts) -> Value {
    let resource = |kind: &str| json!({ "apiVersion": "sailoperator.io/v1", "kind": kind, "name": sail::NAME });
    let workload = |kind: &str, name: &str, namespace: &str| json!({ "apiVersion": "apps/v1", "kind": kind, "name": name, "namespace": namespace });
    let mut checks = match told.cni {
        Some(namespace) => vec![resource("IstioCNI"), workload("DaemonSet", "istio-cni-node", namespace)],
        None => Vec::new(),
    };
    if told.runs_istiod {
        checks.extend([resource("Istio"), resource("IstioRevision"), workload("Deployment", "istiod", ISTIO_SYSTEM)]);
    } else {
        let kind = "MutatingWebhookConfiguration";
        checks.push(json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "name": WEBHOOK }));
    }
    Value::Array(checks)
}

/// The webhook that injects, without a revision.
const WEBHOOK: &str = "istio-sidecar-injector";

fn kustomization(mesh: &Mesh<'_>, gitops: &GitOps, unit: &Unit<'_, '_>, after: &[String]) -> Value {
    let directory = unit.what.artifact();
    let mut spec = usual(mesh, gitops, &[unit.cluster.name, "/", directory].concat());
    spec["prune"] = json!(!UNPRUNED.contains(&directory));
    if KEPT.contains(&directory) {
        spec["deletionPolicy"] = json!("Orphan");
    }
    // An istiod that starts without the Secret signs by itself. Only without `wait` are single objects looked at.
    let is_by_hand =
        directory == NAMESPACE && unit.cluster.intermediate.is_some() && mesh.secrets.form == SecretForm::Files;
    if is_by_hand || matches!(unit.what, What::Secret(..)) {
        let cacerts = json!({ "apiVersion": "v1", "kind": "Secret", "name": "cacerts", "namespace": ISTIO_SYSTEM });
        spec["wait"] = json!(false);
        spec["healthChecks"] = json!([cacerts]);
    } else if let What::IstioResources(_, told) = unit.what {
        spec["wait"] = json!(false);
        spec["healthChecks"] = installed(told);
    } else {
        spec["wait"] = json!(true);
    }
    // Releases of Helm live where Flux does, and lead to the cluster themselves.
    let is_charts = matches!(unit.what, What::IstioCharts(..) | What::GatewayCharts(..));
    if gitops.hub && !is_charts {
        spec["kubeConfig"] = json!({ "secretRef": { "name": unit.cluster.known_as() } });
    }
    if let What::Secret(_, SecretForm::Sops) = unit.what {
        spec["decryption"] = json!({ "provider": "sops", "secretRef": { "name": IDENTITIES } });
    }
    if !after.is_empty() {
        spec["dependsOn"] = after.iter().map(|name| json!({ "name": name })).collect();
    }
    object(mesh, gitops, &name(mesh, unit), &spec)
}
