use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FreeForm, Line};

/// How pods are sized and placed, as in a `PodSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// The resources of the proxy. What is not written is as in Istio's chart: requests of 100m CPU and 128Mi memory, limits of 2 CPUs
    /// and 1Gi.
    #[serde(default)]
    pub resources: Resources,
    /// The labels of the nodes that may run the pods.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// The taints of nodes that the pods tolerate.
    #[serde(default)]
    pub tolerations: Vec<Toleration>,
    /// The affinity of the pods to nodes and other pods, as in a `PodSpec`.
    #[serde(default)]
    pub affinity: FreeForm,
    /// How the pods are spread over nodes and zones.
    #[serde(default)]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// The priority of the pods.
    #[schemars(extend("examples" = ["system-cluster-critical"]))]
    pub priority_class_name: Option<Line>,
}

/// The resources of a container, as in a `PodSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// What is reserved, for example `{cpu: 500m, memory: 256Mi}`.
    #[serde(default)]
    pub requests: FreeForm,
    /// The most that is used, for example `{cpu: 4, memory: 2Gi}`.
    #[serde(default)]
    pub limits: FreeForm,
}

/// A taint that pods tolerate, as in a `PodSpec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Toleration {
    /// The taint's key. Default: every key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["node-role.kubernetes.io/infra"]))]
    pub key: Option<String>,
    /// How key and value are compared. Default: `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// The taint's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["edge"]))]
    pub value: Option<String>,
    /// The taint's effect. Default: every effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// How long the taint is tolerated. Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [300]))]
    pub toleration_seconds: Option<u32>,
}

/// How a toleration is compared with a taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Any value.
    Exists,
    /// This value.
    Equal,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// New pods go elsewhere.
    NoSchedule,
    /// New pods go elsewhere if they can.
    PreferNoSchedule,
    /// Running pods go too.
    NoExecute,
}

/// How pods are spread, as in a `PodSpec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopologySpreadConstraint {
    /// How much the numbers of pods in two domains may differ.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [1]))]
    pub max_skew: u16,
    /// The label of nodes whose values are the domains.
    #[schemars(extend("examples" = ["topology.kubernetes.io/zone"]))]
    pub topology_key: String,
    /// What happens to a pod that would break the constraint.
    pub when_unsatisfiable: WhenUnsatisfiable,
    /// The pods that are counted: `{matchLabels: {istio: eastwestgateway}}` are those of the gateway. Default: none.
    #[serde(default, skip_serializing_if = "FreeForm::is_empty")]
    #[schemars(extend("examples" = [{"matchLabels": {"istio": "eastwestgateway"}}]))]
    pub label_selector: FreeForm,
    /// Labels whose values are taken from the pod, besides the selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["pod-template-hash"]]))]
    pub match_label_keys: Vec<String>,
    /// The least number of domains.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [3]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<u16>,
    /// Whether nodes count that the pod may not run on because of its affinity. Default: `Honor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity_policy: Option<NodeInclusionPolicy>,
    /// Whether nodes count that the pod may not run on because of their taints. Default: `Ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_taints_policy: Option<NodeInclusionPolicy>,
}

/// What happens to a pod that would break a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnsatisfiable {
    /// It waits.
    DoNotSchedule,
    /// It runs where it breaks the constraint least.
    ScheduleAnyway,
}

/// Whether nodes are counted that a pod may not run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeInclusionPolicy {
    /// They are not.
    Honor,
    /// They are.
    Ignore,
}
