//! What installs Istio in a cluster, and what it takes that Helm installs what istioctl installed.

use serde_json::{Map, Value, json};

use crate::layout::{EASTWEST_GATEWAY, GATEWAYS, ISTIO};
use crate::plan::commits::rename_advice;
use crate::topology::Install;
use crate::words::joined;

use super::{Found, Situation};
use crate::diff::controllers::title;
use crate::diff::facts::Known;
use crate::diff::fields::{ISTIO as OPERATOR_NAME, ISTIO_OPERATOR};
use crate::diff::impact::Kind;
use crate::diff::manifest::documents;
use crate::diff::objects::compare_fields_of;
use crate::diff::{ClusterChange, ObjectChange, What};

/// Whether another program installs Istio in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diff) enum Move {
    /// The same one.
    None,
    /// Helm takes over from istioctl.
    ToHelm,
    /// It would have to take over what it never takes over.
    Refused,
}

/// The Sail operator, in a sentence.
const OPERATOR: &str = "the Sail operator";

impl Situation<'_> {
    /// Says why another program cannot take over.
    pub(super) fn installer(&self, name: &str, found: &mut Found) {
        if let Some(why) = self.hurdle(name) {
            found.add(Kind::NotInPlace, &why);
        }
    }

    /// What becomes of the objects that istioctl installed.
    pub(super) fn moved(&self, cluster: &ClusterChange, found: &mut Found) {
        let name = cluster.name.as_str();
        found.add(
            Kind::Reapply,
            "30-istio: Helm takes over what istioctl installed: `istioctl install` and `istioctl uninstall` must not be run there any more",
        );
        if self.after.runs_istiod(name) {
            found.add(Kind::RestartIstiod, "30-istio: a label of istiod's pods changes, and Helm rolls it out once");
        }
        if self.after.has_step(name, EASTWEST_GATEWAY) {
            found.add(
                Kind::Reapply,
                "40-eastwest-gateway: kubectl takes over the gateway's objects, and no pod restarts for it; when istioctl's fields are released, at the end, the gateway rolls out once, and new pods are ready before old ones stop",
            );
        }
        if self.after.has_step(name, GATEWAYS) {
            found.add(
                Kind::Reapply,
                "45-gateways: Helm takes over the profile's gateways, which roll out when it does, and once more when istioctl's fields are released",
            );
        }
        self.object(cluster, &self.told_otherwise(name), found);
    }

    /// Adds a consequence of what the program does that installs Istio in the cluster.
    pub(super) fn done(&self, cluster: &ClusterChange, kind: Kind, why: &str, found: &mut Found) {
        let by_hand = match self.after.install(&cluster.name) {
            Install::Istioctl => "istioctl",
            Install::Helm => "Helm",
            Install::Sail => OPERATOR,
        };
        // A controller only tells the operator.
        let program = self.after.controller().filter(|_| by_hand != OPERATOR).map_or(by_hand, title);
        found.add(kind, &why.replace("istioctl", program).replace("Helm", program));
    }

    /// Whether a cluster in which Istio runs gets another installer.
    pub(in crate::diff) fn moved_to(&self, name: &str) -> Move {
        let runs = |side: &Known<'_>| side.has(name) && !side.is_waiting(name);
        if !runs(self.before) || !runs(self.after) {
            return Move::None;
        }
        match (self.before.install(name), self.after.install(name)) {
            (before, after) if before == after => Move::None,
            (Install::Istioctl, Install::Helm) => Move::ToHelm,
            _ => Move::Refused,
        }
    }

    /// Whether a controller begins, ends, moves, or gives way to another one, where Istio runs. The later one knows nothing of what the
    /// earlier one applied.
    pub(in crate::diff) fn is_handed_over(&self, name: &str) -> bool {
        let runs = |side: &Known<'_>| side.has(name) && !side.is_waiting(name);
        let is_other = match (self.before.root_of(name), self.after.root_of(name)) {
            (Some(before), Some(after)) => !before.is_same(after),
            (before, after) => before.is_some() != after.is_some(),
        };
        runs(self.before) && runs(self.after) && is_other
    }

    /// Why another installer cannot take over a cluster.
    pub(super) fn hurdle(&self, name: &str) -> Option<String> {
        let joins = self.before.controller().filter(|_| !self.before.has(name));
        if let Some(was) = joins.and_then(|_| self.old_name(name)) {
            return Some(rename_advice(&was, name));
        }
        match self.moved_to(name) {
            Move::None if self.is_handed_over(name) => {
                let others = self.other_changes(name);
                let title = self.after.controller().map_or("install.sh", title);
                (!others.is_empty()).then(|| {
                    format!(
                        "{title} takes over what stays the same otherwise, and {} changed too: do the one in a commit of its own, and the other in the next",
                        joined(&others, "and")
                    )
                })
            }
            Move::None => None,
            Move::Refused => {
                let (program, whose, why) = match (self.before.install(name), self.after.install(name)) {
                    (before, Install::Sail) => (
                        "the Sail operator",
                        if before == Install::Helm { "Helm" } else { "istioctl" },
                        "its own Helm refuses objects that it did not make",
                    ),
                    (Install::Sail, after) => (
                        if after == Install::Helm { "Helm" } else { "istioctl" },
                        "the Sail operator",
                        "the operator would install it again",
                    ),
                    _ => ("istioctl", "Helm", "Helm's releases would go on owning it"),
                };
                Some(format!(
                    "30-istio: {program} does not take over what {whose} installed: {why}; let the cluster leave the mesh and join it again"
                ))
            }
            Move::ToHelm => {
                let others = self.other_changes(name);
                (!others.is_empty()).then(|| {
                    format!(
                        "30-istio: Helm takes over from istioctl what stays the same otherwise, and {} changed too: do the one in a commit of its own, and the other in the next",
                        joined(&others, "and")
                    )
                })
            }
        }
    }

    /// Whether another installer cannot take over some cluster.
    pub(in crate::diff) fn has_hurdle(&self) -> bool {
        *self.asked_once.has_hurdle.get_or_init(|| self.after.clusters().any(|name| self.hurdle(name).is_some()))
    }

    /// What changes of a cluster besides its installer and must not change with it: objects that istioctl would have pruned or that
    /// would have to be made anew.
    fn other_changes(&self, name: &str) -> Vec<String> {
        let (before, after) = (self.before, self.after);
        let (old, new) = (told(before, name), told(after, name));
        let differs = |pointer: &str| old.pointer(pointer) != new.pointer(pointer);
        let member =
            |side: &Known<'_>| side.member(name).map(|member| (member.network.clone(), member.primary.clone()));
        let (was, is) = (member(before).unwrap_or_default(), member(after).unwrap_or_default());
        let changes = [
            ("the version", before.version != after.version),
            ("the controller", self.moved_to(name) != Move::None && before.controller() != after.controller()),
            ("the revision", before.revision(name) != after.revision(name)),
            ("the network", was.0 != is.0),
            ("the control plane", was.1 != is.1),
            ("the profile", differs("/spec/profile")),
            ("the CNI plugin", differs("/spec/components/cni")),
            ("the egress gateway", has_egress(before, name, &old) != has_egress(after, name, &new)),
            ("the east-west gateway", has_gateway(before, name) != has_gateway(after, name)),
            ("the class of its load balancer", gateway_class(before, name) != gateway_class(after, name)),
        ];
        changes.into_iter().filter(|(_, is_changed)| *is_changed).map(|(what, _)| what.to_owned()).collect()
    }

    /// Whether Helm or kubectl takes over what an object installed.
    pub(in crate::diff) fn is_taken_over(&self, name: &str, object: &ObjectChange) -> bool {
        let is_in = |directory: &str| object.file.split('/').nth(1) == Some(directory);
        self.moved_to(name) == Move::ToHelm && [ISTIO, EASTWEST_GATEWAY, GATEWAYS].iter().any(|place| is_in(place))
    }

    /// What Istio is told otherwise besides, as a change of an IstioOperator.
    fn told_otherwise(&self, name: &str) -> ObjectChange {
        ObjectChange {
            kind: ISTIO_OPERATOR.to_owned(),
            namespace: None,
            name: Some(OPERATOR_NAME.to_owned()),
            file: [name, "/", ISTIO, "/"].concat(),
            what: What::Changed,
            from: None,
            fields: compare_fields_of(&told(self.before, name), &told(self.after, name)),
            value: None,
        }
    }
}

fn file(side: &Known<'_>, name: &str, path: &str) -> Vec<Value> {
    let files = side.files_of(name);
    files.get([name, "/", path].concat().as_str()).and_then(|text| documents(text)).unwrap_or_default()
}

/// What Istio is told in a cluster, in the form of an IstioOperator.
fn told(side: &Known<'_>, name: &str) -> Value {
    let values = |chart: &str| file(side, name, &format!("{ISTIO}/{chart}.values.yaml")).into_iter().next();
    let Some(Value::Object(mut told)) = values("istiod") else {
        let mut spec = Map::new();
        for operator in
            ["istio.yaml", "mesh-config.yaml"].iter().flat_map(|path| file(side, name, &format!("{ISTIO}/{path}")))
        {
            spec.extend(operator["spec"].as_object().cloned().unwrap_or_default());
        }
        let cni = if side.is_by_sail(name) {
            Some(json!(side.has_file(&format!("{name}/{ISTIO}/cni.yaml"))))
        } else {
            spec.get("components").and_then(|components| components.pointer("/cni/enabled")).cloned()
        };
        spec.insert("components".to_owned(), json!({ "cni": cni }));
        return json!({ "spec": spec });
    };
    let profile = told.shift_remove("profile").unwrap_or_else(|| json!("default"));
    let mut spec = Map::from_iter([("profile".to_owned(), profile)]);
    let config = values("mesh-config").and_then(|values| values.get("meshConfig").cloned());
    for (field, value) in
        [("revision", told.shift_remove("revision")), ("meshConfig", told.shift_remove("meshConfig").or(config))]
    {
        spec.extend(value.map(|value| (field.to_owned(), value)));
    }
    let mut cni = None;
    if let Some(Value::Object(pilot)) = told.get_mut("pilot") {
        cni = pilot.shift_remove("cni").and_then(|cni| cni.get("enabled").cloned());
        if pilot.is_empty() {
            told.shift_remove("pilot");
        }
    }
    for chart in ["base", "cni"] {
        told.extend(values(chart).and_then(|values| Some((chart.to_owned(), values.get(chart)?.clone()))));
    }
    spec.insert("components".to_owned(), json!({ "cni": cni }));
    spec.insert("values".to_owned(), Value::Object(told));
    json!({ "spec": spec })
}

fn has_gateway(side: &Known<'_>, name: &str) -> bool {
    side.has_step(name, EASTWEST_GATEWAY)
}

/// Whether the profile's egress gateway is installed.
fn has_egress(side: &Known<'_>, name: &str, told: &Value) -> bool {
    if side.is_by_sail(name) {
        return false;
    }
    if side.is_by_helm(name) {
        return !file(side, name, &format!("{GATEWAYS}/egress.values.yaml")).is_empty();
    }
    let operator = file(side, name, &format!("{ISTIO}/istio.yaml"));
    let stated = operator.first().and_then(|operator| operator.pointer("/spec/components/egressGateways/0/enabled"));
    stated.and_then(Value::as_bool).unwrap_or_else(|| told.pointer("/spec/profile") == Some(&json!("demo")))
}

/// The class of the load balancer of a cluster's gateway.
fn gateway_class(side: &Known<'_>, name: &str) -> Option<String> {
    let objects = file(side, name, &format!("{EASTWEST_GATEWAY}/eastwest-gateway.yaml"));
    let paths = ["/spec/loadBalancerClass", "/spec/components/ingressGateways/0/k8s/service/loadBalancerClass"];
    let mut found = objects.iter().flat_map(|object| paths.iter().filter_map(|path| object.pointer(path)?.as_str()));
    found.next().map(str::to_owned)
}
