//! What a changed object means as a whole, beyond each of its fields.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::artifact::eastwest_gateway::NAME as GATEWAY_NAME;

use super::ObjectChange;
use super::fields::{GATEWAY, ISTIO, ISTIO_OPERATOR, ROLLED_OUT, is_of_istiod, meaning, paths, touches};
use super::objects::FieldChange;

/// Whether a gateway's load balancer gets, changes or loses its class, which Kubernetes allows of no Service that stays a `LoadBalancer`
/// (`ServiceSpec.loadBalancerClass`).
pub(super) fn changes_class(object: &ObjectChange) -> bool {
    const CLASS: &str = "loadBalancerClass";
    let is_class = |field: &FieldChange| {
        let mut told = [&field.before, &field.after].into_iter().flatten();
        field.path.contains(CLASS) || told.any(|value| value.to_string().contains(CLASS))
    };
    let is_type = |field: &FieldChange| field.path.ends_with("k8s.service.type") || field.path == "spec.type";
    is_gateway_service(object) && object.fields.iter().any(is_class) && !object.fields.iter().any(is_type)
}

/// Whether an object is the Service of an east-west gateway, or states it.
fn is_gateway_service(object: &ObjectChange) -> bool {
    matches!(
        (object.kind.as_str(), object.name.as_deref()),
        (ISTIO_OPERATOR, Some(GATEWAY)) | ("Service", Some(GATEWAY_NAME))
    )
}

/// Whether the pods of an east-west gateway roll out, because of what is said of them.
pub(super) fn rolls_out_gateway(object: &ObjectChange) -> bool {
    match (object.kind.as_str(), object.name.as_deref()) {
        (ISTIO_OPERATOR, Some(GATEWAY)) => paths(object).iter().any(|path| meaning(object, path).1 == ROLLED_OUT),
        ("Deployment", Some(GATEWAY_NAME)) => object.fields.iter().any(|field| touches(&field.path, "spec.template")),
        _ => false,
    }
}

/// Whether the labels change by which a gateway's Deployment knows its pods, which Kubernetes does not allow.
pub(super) fn changes_selector(object: &ObjectChange) -> bool {
    let has_path = |is_it: &dyn Fn(&str) -> bool| object.fields.iter().any(|field| is_it(&field.path));
    match (object.kind.as_str(), object.name.as_deref()) {
        (ISTIO_OPERATOR, Some(GATEWAY)) => has_path(&|path| path.contains("].label")),
        ("Deployment", Some(GATEWAY_NAME)) => has_path(&|path| touches(path, "spec.selector")),
        _ => false,
    }
}

/// Whether istiods are told another port of a gateway that they are told already.
pub(super) fn changes_told_port(object: &ObjectChange) -> bool {
    let network = |field: &FieldChange| {
        let (_, told) = field.path.split_once("global.meshNetworks.")?;
        Some(told.split_once(".gateways[port=")?.0.to_owned())
    };
    let told = |is_it: &dyn Fn(&FieldChange) -> bool| -> BTreeSet<String> {
        object.fields.iter().filter(|field| is_it(field)).filter_map(network).collect()
    };
    let (gone, new) = (told(&|field| field.after.is_none()), told(&|field| field.before.is_none()));
    is_of_istiod(object) && !gone.is_disjoint(&new)
}

/// Whether istioctl installs Istio's CNI plugin from now on, or no longer.
pub(super) fn switches_plugin(object: &ObjectChange, is_on: bool) -> bool {
    let is_enabled = |path: &str, value: &Option<Value>| {
        let at = match path {
            "spec.components.cni.enabled" => "",
            "spec.components.cni" => "/enabled",
            "spec.components" => "/cni/enabled",
            _ => return None,
        };
        Some(value.as_ref().and_then(|value| value.pointer(at)?.as_bool()).unwrap_or(false))
    };
    let switches = |field: &FieldChange| {
        is_enabled(&field.path, &field.before) == Some(!is_on) && is_enabled(&field.path, &field.after) == Some(is_on)
    };
    object.kind == ISTIO_OPERATOR && object.name.as_deref() == Some(ISTIO) && object.fields.iter().any(switches)
}

/// Whether the mesh config tells proxies other roots beside those of the authority.
pub(super) fn changes_told_roots(object: &ObjectChange) -> bool {
    const TOLD: [&str; 6] = [
        "spec.meshConfig.caCertificates",
        "spec.meshConfig.defaultConfig.caCertificatesPem",
        "spec.values.pilot.env.SPIFFE_BUNDLE_ENDPOINTS",
        "spec.values.pilot.env.ROOT_CA_DIR",
        "spec.values.pilot.env.SHARED_MESH_CONFIG",
        "spec.values.sidecarInjectorWebhook.injectedAnnotations",
    ];
    // Protobuf takes `ca_certificates` as well.
    let plain = |path: &str| path.replace('_', "").to_lowercase();
    let told = TOLD.map(plain);
    is_of_istiod(object) && paths(object).iter().any(|path| told.iter().any(|told| plain(path).starts_with(told)))
}

/// Whether Istio's images come from elsewhere, or have other names.
pub(super) fn changes_images(object: &ObjectChange) -> bool {
    let is_image = |path: &String| {
        let name = path.rsplit('.').next().unwrap_or_default();
        path.starts_with("spec.") && matches!(name, "hub" | "image")
    };
    is_of_istiod(object) && paths(object).iter().any(is_image)
}

/// Whether an istiod is told another domain of its cluster, which is an argument of its Deployment
/// (`1.30.3:manifests/charts/istio-control/istio-discovery/templates/deployment.yaml`).
pub(super) fn changes_domain(object: &ObjectChange) -> bool {
    is_of_istiod(object) && paths(object).iter().any(|path| path == "spec.values.global.proxy.clusterDomain")
}
