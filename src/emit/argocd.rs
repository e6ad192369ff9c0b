//! The plan as objects of Argo CD: each unit is an Application, in the wave of its place in the plan
//! (argoproj/argo-cd v3.5.1, `docs/user-guide/sync-waves.md`, `sync-options.md`, `multiple_sources.md`).

use serde_json::{Value, json};

use crate::artifact::helm_releases::{self, KEPT, metadata};
use crate::layout::{GATEWAYS, ISTIO, ISTIO_SYSTEM};
use crate::mesh::{Cluster, Mesh};
use crate::plan::{Charts, GatewayCharts, Plan, Unit, What};
use crate::topology::{GitOps, Install};
use crate::words::short_name;

use super::gitops::{Files, Part, name, path};

/// The files of Argo CD.
pub(super) fn files(plan: &Plan<'_, '_>, gitops: &GitOps) -> Files {
    let mesh = plan.mesh;
    let graph = plan.graph();
    let mut waves: Vec<usize> = Vec::new();
    for (_, after) in &graph {
        let wave = after.iter().map(|position| waves[*position] + WAVE).max().unwrap_or(0);
        waves.push(wave);
    }
    // A wave waits for all of the one before, and the load balancer of an ordinary gateway may never get an address.
    let last = waves.iter().max().map_or(0, |last| last + WAVE);
    for ((unit, _), wave) in graph.iter().zip(&mut waves) {
        if matches!(unit.what, What::GatewayCharts(..)) {
            *wave = last;
        }
    }
    let mut files = Files::default();
    for part in super::gitops::parts(plan, gitops) {
        files.add_clusters(&part, "project.yaml", |cluster| {
            let of = graph.iter().zip(&waves).filter(|((unit, _), _)| unit.cluster.name == cluster);
            of.map(|((unit, _), wave)| application(mesh, gitops, unit, *wave)).collect()
        });
        files.add(&part.directory, "project.yaml", &[project(mesh, gitops, &part)]);
        files.add(&part.directory, "root.yaml", &[root(mesh, gitops, &part.directory)]);
        files.add(&part.directory, "settings.yaml", &[settings(mesh, gitops)]);
    }
    files
}

/// How far waves are apart: there is room for a team's own.
const WAVE: usize = 10;

fn project(mesh: &Mesh<'_>, gitops: &GitOps, part: &Part<'_>) -> Value {
    let clusters = mesh.clusters.iter().filter(|cluster| part.clusters.contains(&cluster.name));
    let destinations: Vec<Value> = clusters
        .flat_map(|cluster| {
            let cni = cluster.has_cni_chart().then(|| cluster.cni_namespace()).filter(|place| *place != ISTIO_SYSTEM);
            // A provider of networks for pods is stated in the namespace `default`.
            let network = cluster.is_on_openshift.then_some("default");
            [Some(ISTIO_SYSTEM), cni, network]
                .into_iter()
                .flatten()
                .map(|namespace| json!({ "name": known_as(gitops, cluster), "namespace": namespace }))
        })
        .collect();
    let kinds = [
        ("", "Namespace"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ];
    let of_sail = [("sailoperator.io", "Istio"), ("sailoperator.io", "IstioCNI")];
    let of_sail = of_sail.iter().filter(|_| mesh.has_install(Install::Sail));
    let kinds: Vec<Value> =
        kinds.iter().chain(of_sail).map(|(group, kind)| json!({ "group": group, "kind": kind })).collect();
    let charts = mesh.has_install(Install::Helm).then(|| charts(mesh));
    let repositories: Vec<&str> = [gitops.repository.as_str()].into_iter().chain(charts).collect();
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": metadata(mesh, gitops, mesh.id),
        "spec": {
            "description": format!("mesh {}", mesh.id),
            "sourceRepos": repositories,
            "destinations": destinations,
            "clusterResourceWhitelist": kinds,
        },
    })
}

/// Argo CD writes repositories of OCI without their scheme (`docs/user-guide/helm.md`).
fn charts<'m>(mesh: &Mesh<'m>) -> &'m str {
    let repository = mesh.istio.charts.as_str();
    repository.strip_prefix("oci://").unwrap_or(repository)
}

/// In its own cluster, Argo CD knows it by this name.
fn known_as<'t>(gitops: &GitOps, cluster: &Cluster<'t>) -> &'t str {
    if gitops.hub || cluster.written.gitops.name.is_some() { cluster.known_as() } else { "in-cluster" }
}

/// What a person applies once: it applies all the others, wave after wave.
fn root(mesh: &Mesh<'_>, gitops: &GitOps, directory: &str) -> Value {
    let source = json!({
        "repoURL": gitops.repository.as_str(),
        "targetRevision": gitops.revision.as_str(),
        "path": path(gitops, directory),
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata(mesh, gitops, &short_name(&[mesh.id, "mesh"])),
        "spec": {
            "project": "default",
            "destination": { "name": "in-cluster", "namespace": gitops.namespace() },
            "source": source,
            "syncPolicy": { "automated": { "prune": true, "selfHeal": true }, "retry": retry() },
        },
    })
}

/// What the `ConfigMap` `argocd-cm` has to say besides: it is for a person to merge.
///
/// Waves wait for Applications only if their health is known, which Argo CD does not judge by itself (`docs/operator-manual/health.md`).
/// By default it passes over the EndpointSlice that leads a remote to its primary (`docs/operator-manual/upgrading/2.14-3.0.md`); the
/// list replaces the usual one.
///
/// Of the Sail operator's resources it knows nothing. A remote gets ready only after its primary has its remote secret, which comes after
/// it: it counts as healthy when the operator has applied it, so that no wave waits for what it brings about itself.
fn settings(mesh: &Mesh<'_>, gitops: &GitOps) -> Value {
    const HEALTH: &str = "\
hs = {}
hs.status = \"Progressing\"
hs.message = \"\"
if obj.status ~= nil then
  if obj.status.health ~= nil then
    hs.status = obj.status.health.status
    if obj.status.health.message ~= nil then
      hs.message = obj.status.health.message
    end
  end
end
return hs
";
    const HEALTH_OF_SAIL: &str = "\
hs = {}
hs.status = \"Progressing\"
hs.message = \"\"
wanted = \"Ready\"
if obj.spec ~= nil and obj.spec.profile == \"remote\" then
  wanted = \"Reconciled\"
end
if obj.status ~= nil and obj.status.conditions ~= nil and obj.status.observedGeneration == obj.metadata.generation then
  for _, condition in ipairs(obj.status.conditions) do
    if condition.type == wanted then
      if condition.status == \"True\" then
        hs.status = \"Healthy\"
      end
      if condition.message ~= nil then
        hs.message = condition.message
      end
    end
  end
end
return hs
";
    const EXCLUSIONS: &str = "\
- apiGroups: [\"\"]
  kinds: [Endpoints]
  clusters: [\"*\"]
- apiGroups: [coordination.k8s.io]
  kinds: [Lease]
  clusters: [\"*\"]
- apiGroups: [authentication.k8s.io, authorization.k8s.io]
  kinds: [SelfSubjectReview, TokenReview, LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview]
  clusters: [\"*\"]
- apiGroups: [certificates.k8s.io]
  kinds: [CertificateSigningRequest]
  clusters: [\"*\"]
- apiGroups: [cert-manager.io]
  kinds: [CertificateRequest]
  clusters: [\"*\"]
";
    let mut data = json!({ "resource.customizations.health.argoproj.io_Application": HEALTH });
    if mesh.has_install(Install::Sail) {
        data["resource.customizations.health.sailoperator.io_Istio"] = json!(HEALTH_OF_SAIL);
        data["resource.customizations.health.sailoperator.io_IstioCNI"] = json!(HEALTH_OF_SAIL);
    }
    data["resource.exclusions"] = json!(EXCLUSIONS);
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "argocd-cm", "namespace": gitops.namespace() },
        "data": data,
    })
}

fn retry() -> Value {
    json!({ "limit": -1, "backoff": { "duration": "10s", "factor": 2, "maxDuration": "3m" } })
}

fn application(mesh: &Mesh<'_>, gitops: &GitOps, unit: &Unit<'_, '_>, wave: usize) -> Value {
    let directory = unit.what.artifact();
    let mut metadata = metadata(mesh, gitops, &name(mesh, unit));
    metadata["annotations"] = json!({ "argocd.argoproj.io/sync-wave": wave.to_string() });
    let mut spec = json!({
        "project": mesh.id,
        "destination": { "name": known_as(gitops, unit.cluster), "namespace": ISTIO_SYSTEM },
    });
    let revision = gitops.revision.as_str();
    match unit.what {
        What::IstioCharts(_, charts) => spec["sources"] = istio_sources(mesh, gitops, unit.cluster, charts),
        What::GatewayCharts(_, gateways) => spec["sources"] = gateway_sources(mesh, gitops, unit.cluster, gateways),
        _ => {
            spec["source"] = json!({
                "repoURL": gitops.repository.as_str(),
                "targetRevision": revision,
                "path": path(gitops, &[unit.cluster.name, "/", directory].concat()),
            });
        }
    }
    let mut options = vec!["ServerSideApply=true", "RespectIgnoreDifferences=true", "ApplyOutOfSyncOnly=true"];
    if KEPT.contains(&directory) {
        options.extend(["Prune=confirm", "Delete=false"]);
    }
    spec["syncPolicy"] = json!({
        "automated": { "prune": true, "selfHeal": true },
        "syncOptions": options,
        "retry": retry(),
    });
    if matches!(unit.what, What::IstioCharts(..)) {
        // istiod writes these once it runs.
        let ignored = |kind: &str, paths: &[&str]| json!({ "group": "admissionregistration.k8s.io", "kind": kind, "jqPathExpressions": paths });
        let bundle = ".webhooks[]?.clientConfig.caBundle";
        spec["ignoreDifferences"] = json!([
            ignored("MutatingWebhookConfiguration", &[bundle]),
            ignored("ValidatingWebhookConfiguration", &[bundle, ".webhooks[]?.failurePolicy"]),
        ]);
    }
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec })
}

fn chart(mesh: &Mesh<'_>, chart: &str, release: &str, files: &[String]) -> Value {
    json!({
        "repoURL": charts(mesh),
        "chart": chart,
        "targetRevision": mesh.version.to_string(),
        "helm": { "releaseName": release, "valueFiles": files },
    })
}

/// The repository whose files are `$values`.
fn values(gitops: &GitOps) -> Value {
    json!({ "repoURL": gitops.repository.as_str(), "targetRevision": gitops.revision.as_str(), "ref": "values" })
}

fn istio_sources(mesh: &Mesh<'_>, gitops: &GitOps, cluster: &Cluster<'_>, charts: Charts) -> Value {
    let file = |file: &str| ["$values/", &path(gitops, &[cluster.name, "/", ISTIO, "/", file].concat())].concat();
    let mut sources = vec![chart(mesh, "base", helm_releases::BASE, &[file("base.values.yaml")])];
    if let Some(namespace) = charts.cni {
        let mut cni = chart(mesh, "cni", helm_releases::CNI, &[file("cni.values.yaml")]);
        if namespace != ISTIO_SYSTEM {
            cni["helm"]["namespace"] = json!(namespace);
        }
        sources.push(cni);
    }
    let mut files = vec![file("istiod.values.yaml")];
    if charts.runs_istiod {
        files.push(file("mesh-config.values.yaml"));
    }
    sources.extend([chart(mesh, "istiod", &cluster.istiod_service(), &files), values(gitops)]);
    Value::Array(sources)
}

fn gateway_sources(mesh: &Mesh<'_>, gitops: &GitOps, cluster: &Cluster<'_>, gateways: GatewayCharts) -> Value {
    let gateways = [("ingress", gateways.ingress), ("egress", gateways.egress)];
    let source = |gateway: &str| {
        let file = path(gitops, &[cluster.name, "/", GATEWAYS, "/", gateway, ".values.yaml"].concat());
        chart(mesh, "gateway", &helm_releases::of_gateway(gateway), &[["$values/", &file].concat()])
    };
    let sources = gateways.iter().filter(|(_, is_there)| *is_there).map(|(gateway, _)| source(gateway));
    sources.chain([values(gitops)]).collect()
}
