//! What Flux is told of Helm: releases, whose values stand in the files beside them.
//!
//! The values reach a release through a `ConfigMap` whose name changes with its content. With a fixed name the release would stay as it
//! is, and what depends on it would go on before the upgrade.

use serde_json::{Value, json};

use crate::layout::{CACERTS, EASTWEST_GATEWAY, EXPOSURE, GATEWAYS, ISTIO, ISTIO_SYSTEM, NAMESPACE, ROOTS};
use crate::mesh::{Cluster, Mesh};
use crate::topology::{Controller, GitOps, Install};
use crate::words::short_name;

use super::{charts, labels, profile_gateways};

/// The release of the chart `base`.
pub(crate) const BASE: &str = "istio-base";
/// The release of the chart `cni`.
pub(crate) const CNI: &str = "istio-cni";

/// The release of an ordinary gateway, `ingress` or `egress`. It is called like the Deployment.
pub(crate) fn of_gateway(gateway: &str) -> String {
    ["istio-", gateway, "gateway"].concat()
}

/// The metadata of an object for a controller.
pub(crate) fn metadata(mesh: &Mesh<'_>, gitops: &GitOps, name: &str) -> Value {
    json!({ "name": name, "namespace": gitops.namespace(), "labels": labels(mesh) })
}

/// The name of Flux's repository of charts.
pub(crate) fn repository(mesh: &Mesh<'_>) -> String {
    short_name(&[mesh.id, "charts"])
}

/// The name of the `ConfigMap` with the values of a directory.
pub(crate) fn values_of(mesh: &Mesh<'_>, cluster: &str, directory: &str) -> String {
    short_name(&[mesh.id, cluster, directory, "values"])
}

/// The releases of the control plane, or of the way to one.
pub(super) fn istio(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(gitops) = gitops(mesh, cluster) else { return Vec::new() };
    let istiod = cluster.istiod_service();
    let release = |release: &str, chart: &str, namespace: &str, files: &[&str], after: &[&str]| {
        let of = Release { name: release, chart, namespace, files, after };
        of.document(mesh, cluster, gitops, ISTIO)
    };
    let mut releases = vec![release(BASE, "base", ISTIO_SYSTEM, &["base.values.yaml"], &[])];
    let mut after = vec![BASE];
    if cluster.has_cni_chart() {
        releases.push(release(CNI, "cni", cluster.cni_namespace(), &["cni.values.yaml"], &[BASE]));
        after.push(CNI);
    }
    let mut files = vec!["istiod.values.yaml"];
    if !charts::mesh_config(mesh, cluster).is_empty() {
        files.push("mesh-config.values.yaml");
    }
    releases.push(release(&istiod, "istiod", ISTIO_SYSTEM, &files, &after));
    releases
}

/// The releases of the ordinary gateways.
pub(super) fn gateways(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    let Some(gitops) = gitops(mesh, cluster) else { return Vec::new() };
    let release = |gateway: &str| {
        let (name, file) = (of_gateway(gateway), [gateway, ".values.yaml"].concat());
        let of = Release { name: &name, chart: "gateway", namespace: ISTIO_SYSTEM, files: &[&file], after: &[] };
        of.document(mesh, cluster, gitops, GATEWAYS)
    };
    let gateways =
        [("ingress", profile_gateways::ingress(mesh, cluster)), ("egress", profile_gateways::egress(mesh, cluster))];
    gateways.iter().filter(|(_, values)| !values.is_empty()).map(|(gateway, _)| release(gateway)).collect()
}

/// kustomize knows no field of Flux's that names a `ConfigMap`.
pub(super) fn names_of_istio(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    istio(mesh, cluster).first().map(|_| names()).into_iter().collect()
}

/// The same for the ordinary gateways.
pub(super) fn names_of_gateways(mesh: &Mesh<'_>, cluster: &Cluster<'_>) -> Vec<Value> {
    gateways(mesh, cluster).first().map(|_| names()).into_iter().collect()
}

fn names() -> Value {
    let fields = json!([{ "kind": "HelmRelease", "path": "spec/valuesFrom/name" }]);
    json!({ "nameReference": [{ "kind": "ConfigMap", "version": "v1", "fieldSpecs": fields }] })
}

fn gitops<'m>(mesh: &Mesh<'m>, cluster: &Cluster<'_>) -> Option<&'m GitOps> {
    mesh.gitops.filter(|gitops| gitops.controller == Controller::Flux && cluster.install == Install::Helm)
}

struct Release<'r> {
    name: &'r str,
    chart: &'r str,
    namespace: &'r str,
    files: &'r [&'r str],
    after: &'r [&'r str],
}

impl Release<'_> {
    fn document(&self, mesh: &Mesh<'_>, cluster: &Cluster<'_>, gitops: &GitOps, directory: &str) -> Value {
        let name = |release: &str| short_name(&[mesh.id, cluster.name, release]);
        let retry = json!({ "strategy": { "name": "RetryOnFailure", "retryInterval": "1m" } });
        let mut spec = json!({
            "interval": "10m",
            "timeout": "10m",
            "releaseName": self.name,
            "targetNamespace": self.namespace,
            "storageNamespace": self.namespace,
        });
        if gitops.hub {
            spec["kubeConfig"] = json!({ "secretRef": { "name": cluster.known_as() } });
        }
        spec["chart"] = json!({
            "spec": {
                "chart": self.chart,
                "version": mesh.version.to_string(),
                "interval": "24h",
                "sourceRef": { "kind": "HelmRepository", "name": repository(mesh) },
            },
        });
        // Never remediation: it uninstalls between the attempts, also what it has just taken over.
        spec["install"] = retry.clone();
        spec["upgrade"] = retry;
        // istiod changes this itself once the webhook answers.
        let ignored =
            json!({ "paths": ["/webhooks/0/failurePolicy"], "target": { "kind": "ValidatingWebhookConfiguration" } });
        spec["driftDetection"] = json!({ "mode": "enabled", "ignore": [ignored] });
        if !self.after.is_empty() {
            spec["dependsOn"] = self.after.iter().map(|release| json!({ "name": name(release) })).collect();
        }
        let values = values_of(mesh, cluster.name, directory);
        let from = |file: &&str| json!({ "kind": "ConfigMap", "name": values, "valuesKey": file });
        spec["valuesFrom"] = self.files.iter().map(from).collect();
        json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": metadata(mesh, gitops, &name(self.name)),
            "spec": spec,
        })
    }
}

/// The directories that a controller must not empty when it stops applying them: with them go control planes, gateways, and the way to
/// them.
pub(crate) const KEPT: [&str; 6] = [NAMESPACE, CACERTS, ROOTS, ISTIO, EASTWEST_GATEWAY, EXPOSURE];

/// The directories of which a controller must not delete what they no longer state: proxies may still use an earlier control plane, or
/// the way to one. What is no longer used is deleted by a person, when `diff` says so.
pub(crate) const UNPRUNED: [&str; 2] = [ISTIO, EXPOSURE];
