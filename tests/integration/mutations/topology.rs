//! A topology's value as mutations look at it.

use fastrand::Rng;
use meshgen::topology::Date;
use serde_json::{Value, json};

/// A topology that is to be broken.
pub(crate) struct Case {
    /// What it was; where a random topology always has the fault, a mutation takes that out here.
    pub(crate) before: Value,
    /// What becomes of it.
    pub(crate) value: Value,
    /// What becomes of its text, where no value says that.
    pub(crate) text: Option<String>,
    /// The day on which it is looked at, where that matters.
    pub(crate) today: Option<Date>,
    pub(crate) rng: Rng,
}

impl Case {
    pub(crate) fn clusters(&self) -> &Vec<Value> {
        self.value["clusters"].as_array().unwrap()
    }

    pub(crate) fn networks(&self) -> &Vec<Value> {
        self.value["networks"].as_array().unwrap()
    }

    /// The positions of the clusters for which something holds.
    pub(crate) fn where_cluster(&self, holds: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        (0..self.clusters().len()).filter(|position| holds(self, *position)).collect()
    }

    /// One of the clusters for which something holds.
    pub(crate) fn any_cluster(&mut self, holds: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        let positions = self.where_cluster(holds);
        self.one_of(&positions)
    }

    pub(crate) fn one_of<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        (!choices.is_empty()).then(|| choices[self.rng.usize(..choices.len())].clone())
    }

    pub(crate) fn name(&self, position: usize) -> &str {
        self.clusters()[position]["name"].as_str().unwrap()
    }

    pub(crate) fn network(&self, position: usize) -> &str {
        self.clusters()[position]["network"].as_str().unwrap()
    }

    pub(crate) fn is_primary(&self, position: usize) -> bool {
        self.clusters()[position]["controlPlane"].as_str().is_none_or(|primary| primary == self.name(position))
    }

    pub(crate) fn has_remotes(&self, position: usize) -> bool {
        let is_remote = |other: &Value| other["controlPlane"] == self.clusters()[position]["name"];
        self.clusters().iter().enumerate().any(|(other, cluster)| other != position && is_remote(cluster))
    }

    pub(crate) fn is_collector(&self, position: usize) -> bool {
        self.value["tracing"]["zipkin"]["cluster"] == self.clusters()[position]["name"]
    }

    pub(crate) fn has_tracing(&self) -> bool {
        self.value["tracing"].is_object()
    }

    pub(crate) fn has_helm(&self) -> bool {
        self.value["istio"]["install"] == "helm"
    }

    /// Whether Helm or the Sail operator installs Istio in the mesh.
    pub(crate) fn states_gateways(&self) -> bool {
        self.has_helm() || self.value["istio"]["install"] == "sail"
    }

    /// Has the Sail operator install Istio, where nothing else stands against it.
    pub(crate) fn give_to_sail(&mut self) -> Option<()> {
        let is_revised = |istio: &Value| !istio["revision"].is_null();
        let has_revision =
            is_revised(&self.value["istio"]) || self.clusters().iter().any(|cluster| is_revised(&cluster["istio"]));
        let is_minimal = self.value["istio"]["profile"] == "minimal";
        if has_revision || is_minimal || !self.is_at(&["1.28.", "1.29.", "1.30."]) {
            return None;
        }
        self.set("istio.install", json!("sail"));
        Some(())
    }

    /// Has a controller apply the tree, with what is then to be allowed.
    pub(crate) fn give_to_a_controller(&mut self, controller: &str) -> Option<()> {
        let has_profile = ["minimal", "openshift"].iter().any(|profile| self.value["istio"]["profile"] == *profile);
        let is_long = |istio: &Value| istio["revision"].as_str().is_some_and(|revision| revision.len() > 46);
        let has_long_revision =
            is_long(&self.value["istio"]) || self.clusters().iter().any(|cluster| is_long(&cluster["istio"]));
        if has_profile || has_long_revision || !self.is_at(&["1.28.", "1.29.", "1.30.", "1.31."]) {
            return None;
        }
        self.set("istio.install", json!("helm"));
        self.remove("workloads");
        self.forget_secrets();
        let repository = "https://git.example.com/mesh.git";
        self.set("gitops", json!({ "controller": controller, "repository": repository, "path": "out" }));
        let rules = ["unencrypted-secret", "application-health", "excluded-endpoint-slice"];
        self.set("mesh.allow", rules.iter().map(|rule| json!({ "rule": rule, "reason": "it is done" })).collect());
        Some(())
    }

    /// Has private keys in files again.
    pub(crate) fn forget_secrets(&mut self) {
        let is_read = self.value["remoteAccess"] == "externalSecrets";
        let store = self.value["secrets"]["store"].take();
        if is_read {
            self.set("secrets", json!({ "store": store }));
        } else {
            self.remove("secrets");
        }
        for position in 0..self.clusters().len() {
            self.remove(&format!("clusters[{position}].secrets"));
        }
    }

    /// Takes out what is allowed of the mesh.
    pub(crate) fn allow_no_longer(&mut self, rule: &str) {
        if let Some(allowed) = self.value.pointer_mut("/mesh/allow").and_then(Value::as_array_mut) {
            allowed.retain(|entry| entry["rule"] != rule);
        }
    }

    /// Whether a remote dials its primary by an IP address.
    pub(crate) fn dials_ip(&self, position: usize) -> bool {
        let primary =
            self.clusters().iter().position(|other| other["name"] == self.clusters()[position]["controlPlane"]);
        let gateway = primary.filter(|primary| *primary != position).and_then(|primary| self.gateway(primary));
        gateway.is_some_and(|gateway| {
            let dialled = gateway["address"].as_str().or(gateway["externalIPs"][0].as_str());
            dialled.is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok())
        })
    }

    pub(crate) fn is_through_mesh(&self) -> bool {
        self.value["tracing"]["zipkin"]["via"] == "mesh"
    }

    /// Whether a cluster's own mesh config says where its traces go.
    pub(crate) fn overrides_collector(&self, position: usize) -> bool {
        !self.clusters()[position]["istio"]["meshConfig"]["defaultConfig"]["tracing"].is_null()
    }

    pub(crate) fn is_at(&self, versions: &[&str]) -> bool {
        versions.iter().any(|version| self.value["istio"]["version"].as_str().unwrap().starts_with(version))
    }

    pub(crate) fn is_old(&self) -> bool {
        self.is_at(&["1.11."])
    }

    pub(crate) fn has_many_networks(&self) -> bool {
        self.clusters().iter().any(|cluster| cluster["network"] != self.clusters()[0]["network"])
    }

    pub(crate) fn gateway(&self, position: usize) -> Option<&Value> {
        self.clusters()[position].get("eastWestGateway")
    }

    pub(crate) fn external_ips(&self, position: usize) -> usize {
        self.gateway(position).and_then(|gateway| gateway["externalIPs"].as_array()).map_or(0, Vec::len)
    }

    pub(crate) fn has_address(&self, position: usize) -> bool {
        self.external_ips(position) > 0 || self.gateway(position).is_some_and(|gateway| gateway["address"].is_string())
    }

    pub(crate) fn nodes(&self, position: usize) -> &[Value] {
        self.clusters()[position]["nodes"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// A range of pods on the first node of a cluster.
    pub(crate) fn pod_range(&self, position: usize) -> Option<String> {
        let node = self.nodes(position).first()?;
        node["podCIDR"].as_str().or(node["podCIDRs"][0].as_str()).map(str::to_owned)
    }

    pub(crate) fn is_ipv6(&self, position: usize) -> bool {
        self.nodes(position).iter().any(|node| node["address"].as_str().unwrap().contains(':'))
    }

    /// The clusters of a network.
    pub(crate) fn members(&self, network: &str) -> Vec<usize> {
        self.where_cluster(|case, position| case.network(position) == network)
    }

    /// Whether nodes of a cluster get routes to another's.
    pub(crate) fn is_routed(&self, position: usize) -> bool {
        let network = self.networks().iter().find(|network| network["name"] == self.network(position)).unwrap();
        network["podRouting"] == "static" && self.members(self.network(position)).len() > 1
    }

    /// Whether a gateway is needed for itself: by remotes, or by those who report traces.
    pub(crate) fn is_dialled(&self, position: usize) -> bool {
        self.has_remotes(position) || self.is_collector(position) && !self.is_through_mesh()
    }

    /// Writes a value at a path such as `clusters[1].network`, with the mappings on the way there, and says the path.
    pub(crate) fn set(&mut self, path: impl Into<String>, value: Value) -> String {
        set(&mut self.value, path, value)
    }

    /// Writes a value behind the last of a list.
    pub(crate) fn push(&mut self, path: &str, value: Value) -> String {
        let list = place(&mut self.value, path);
        if list.is_null() {
            *list = json!([]);
        }
        let list = list.as_array_mut().unwrap();
        list.push(value);
        format!("{path}[{}]", list.len() - 1)
    }

    pub(crate) fn remove(&mut self, path: &str) -> Option<Value> {
        remove(&mut self.value, path)
    }
}

/// Writes a value at a path, and says the path.
pub(crate) fn set(root: &mut Value, path: impl Into<String>, value: Value) -> String {
    let path = path.into();
    *place(root, &path) = value;
    path
}

/// Takes out a field.
pub(crate) fn remove(root: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    place(root, parent).as_object_mut()?.shift_remove(key)
}

fn place<'v>(root: &'v mut Value, path: &str) -> &'v mut Value {
    path.split(['.', '[']).filter(|step| !step.is_empty()).fold(root, |value, step| {
        if let Some(index) = step.strip_suffix(']') {
            return &mut value[index.parse::<usize>().unwrap()];
        }
        if value.is_null() {
            *value = json!({});
        }
        value.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
    })
}
