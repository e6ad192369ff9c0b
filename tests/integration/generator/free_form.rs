//! Fields that Istio defines, with values that every supported release takes.

use serde_json::{Value, json};

/// A field's path, and values of it in JSON.
type Field = (&'static str, &'static [&'static str]);

/// Of MeshConfig.
pub(crate) const MESH_CONFIG: [Field; 27] = [
    ("accessLogFile", &[r#""/dev/stdout""#, r#""""#]),
    ("accessLogEncoding", &[r#""JSON""#, r#""TEXT""#]),
    ("accessLogFormat", &[r#""%START_TIME% \"no\": %RESPONSE_CODE%\n""#]),
    ("connectTimeout", &[r#""10s""#, r#""0.5s""#]),
    ("dnsRefreshRate", &[r#""60s""#]),
    ("enableAutoMtls", &["true"]),
    ("enablePrometheusMerge", &["true", "false"]),
    ("enableTracing", &["true"]),
    ("disableEnvoyListenerLog", &["true"]),
    ("defaultServiceExportTo", &[r#"["*"]"#]),
    ("h2UpgradePolicy", &[r#""UPGRADE""#, r#""DO_NOT_UPGRADE""#]),
    ("inboundClusterStatName", &[r#""%SERVICE%_%SERVICE_PORT%""#]),
    ("ingressClass", &[r#""istio""#, r#""no""#]),
    ("ingressControllerMode", &[r#""STRICT""#, r#""OFF""#]),
    ("ingressService", &[r#""istio-ingressgateway""#]),
    ("localityLbSetting.enabled", &["true", "false"]),
    ("outboundTrafficPolicy.mode", &[r#""REGISTRY_ONLY""#, r#""ALLOW_ANY""#]),
    ("pathNormalization.normalization", &[r#""MERGE_SLASHES""#, r#""BASE""#]),
    ("protocolDetectionTimeout", &[r#""0.1s""#]),
    ("tcpKeepalive", &[r#"{"probes": 3, "time": "10s", "interval": "5s"}"#]),
    ("trustDomainAliases", &[r#"["old.example.org"]"#]),
    ("defaultConfig.concurrency", &["2", "0"]),
    ("defaultConfig.drainDuration", &[r#""45s""#]),
    ("defaultConfig.holdApplicationUntilProxyStarts", &["true", "false"]),
    ("defaultConfig.proxyMetadata", &[r#"{"ISTIO_META_DNS_CAPTURE": "true", "on": "1e3"}"#]),
    ("defaultConfig.proxyStatsMatcher.inclusionPrefixes", &[r#"["cluster.outbound", "y"]"#]),
    ("defaultConfig.terminationDrainDuration", &[r#""5s""#]),
];

/// Of Helm values.
pub(crate) const VALUES: [Field; 16] = [
    ("global.imagePullPolicy", &[r#""IfNotPresent""#, r#""Always""#]),
    ("global.imagePullSecrets", &[r#"["no", "registry"]"#]),
    ("global.logAsJson", &["true", "false"]),
    ("global.logging.level", &[r#""default:info""#, r#""all:debug,ads:error""#]),
    ("global.priorityClassName", &[r#""system-cluster-critical""#]),
    ("global.proxy.autoInject", &[r#""enabled""#, r#""disabled""#]),
    ("global.proxy.logLevel", &[r#""warning""#, r#""debug""#]),
    ("global.proxy.privileged", &["false"]),
    ("global.proxy.excludeIPRanges", &[r#""10.1.0.0/16,10.2.0.0/16""#]),
    ("global.proxy.resources.requests", &[r#"{"cpu": "10m", "memory": "40Mi"}"#]),
    ("pilot.autoscaleMin", &["1", "2"]),
    ("pilot.env", &[r#"{"PILOT_ENABLE_STATUS": "true"}"#]),
    ("pilot.podAnnotations", &[r#"{"example.com/no": "off"}"#]),
    ("pilot.resources.requests", &[r#"{"cpu": "500m", "memory": "2Gi"}"#]),
    ("sidecarInjectorWebhook.enableNamespacesByDefault", &["true", "false"]),
    ("sidecarInjectorWebhook.rewriteAppHTTPProbe", &["true", "false"]),
];

/// Of a `PodSpec`, as far as gateways take it.
pub(crate) const POD: [Field; 7] = [
    ("resources.requests", &[r#"{"cpu": 1, "memory": "512Mi"}"#, r#"{"cpu": "0.5"}"#]),
    ("resources.limits", &[r#"{"cpu": 4, "memory": "2Gi"}"#, r#"{"memory": "1.5G", "ephemeral-storage": "1e9"}"#]),
    ("nodeSelector", &[r#"{"example.com/no": "off"}"#]),
    (
        "tolerations",
        &[
            r#"[{"operator": "Exists"}]"#,
            r#"[{"key": "on", "value": "no", "effect": "NoExecute", "tolerationSeconds": 60}]"#,
        ],
    ),
    (
        "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        &[
            r#"[{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"istio": "eastwestgateway"}}}]"#,
        ],
    ),
    (
        "topologySpreadConstraints",
        &[
            r#"[{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"istio": "eastwestgateway"}}}]"#,
            r#"[{"maxSkew": 2, "topologyKey": "on", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 3, "matchLabelKeys": ["pod-template-hash"], "nodeAffinityPolicy": "Ignore", "nodeTaintsPolicy": "Honor"}]"#,
        ],
    ),
    ("priorityClassName", &[r#""system-cluster-critical""#]),
];

/// The fields at some positions; none where there are none.
pub(crate) fn fields(list: &[Field], choices: &[usize]) -> Option<Value> {
    let mut form = json!({});
    for choice in choices {
        let (path, values) = list[choice % list.len()];
        let value = values[choice / list.len() % values.len()];
        set(&mut form, path, serde_json::from_str(value).unwrap());
    }
    (!choices.is_empty()).then_some(form)
}

/// Writes a value at a path, with the mappings on the way there.
pub(crate) fn set(form: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(form, |place, key| {
        let fields = place.as_object_mut().unwrap();
        fields.entry(key).or_insert_with(|| json!({}))
    });
    *place = value;
}
