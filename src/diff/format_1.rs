//! The facts of a tree whose lock has format 1, read from its objects. Such a lock records only certificates and files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::layout::{EASTWEST_GATEWAY, ISTIO, NAMESPACE};
use crate::lock::{Cluster, Gateway, Lock};

use super::manifest::documents;

/// The lock with the facts that objects state: networks, gateways, and the primary of each cluster. The rest stays unknown.
pub(super) fn with_facts(mut lock: Lock, files: &BTreeMap<String, String>) -> Lock {
    let object = |name: &str, file: &str| {
        let text = files.get(&format!("{name}/{file}"))?;
        documents(text)?.into_iter().next()
    };
    let suffix = format!("/{NAMESPACE}/namespace.yaml");
    let names: Vec<&str> = files.keys().filter_map(|path| path.strip_suffix(&suffix)).collect();
    // A remote dials the gateway of its primary, so the address identifies the primary.
    let mut dialled: BTreeMap<&str, String> = BTreeMap::new();
    for name in &names {
        let text = |value: &Option<Value>, pointer: &str| value.as_ref()?.pointer(pointer)?.as_str().map(str::to_owned);
        let namespace = object(name, &format!("{NAMESPACE}/namespace.yaml"));
        let istio = object(name, &format!("{ISTIO}/istio.yaml"));
        let gateway = object(name, &format!("{EASTWEST_GATEWAY}/eastwest-gateway.yaml"));
        let addresses = "/spec/components/ingressGateways/0/k8s/service/externalIPs/0";
        let remote_pilot = text(&istio, "/spec/values/global/remotePilotAddress");
        let record = Cluster {
            network: text(&istio, "/spec/values/global/network"),
            primary: match text(&namespace, "/metadata/annotations/topology.istio.io~1controlPlaneClusters") {
                None if istio.is_some() && remote_pilot.is_none() => Some((*name).to_owned()),
                primary => primary,
            },
            gateway: Some(match (text(&gateway, addresses), gateway.is_some()) {
                (Some(address), _) => Gateway::At(address),
                (None, true) => Gateway::Unaddressed,
                (None, false) => Gateway::Absent,
            }),
            ..Cluster::default()
        };
        dialled.extend(remote_pilot.map(|address| (*name, address)));
        let known = lock.clusters.entry((*name).to_owned()).or_default();
        *known = Cluster { certificate: known.certificate.take(), ..record };
    }
    for (remote, address) in dialled {
        let is_dialled = |cluster: &&Cluster| cluster.gateway == Some(Gateway::At(address.clone()));
        let primary = lock.clusters.iter().find(|(_, cluster)| is_dialled(cluster)).map(|(name, _)| name.clone());
        if let Some(record) = lock.clusters.get_mut(remote).filter(|record| record.primary.is_none()) {
            record.primary = primary;
        }
    }
    lock
}
