//! For each rule of severity warning, a way to earn it and no error.

use std::str::FromStr;

use meshgen::topology::Date;
use serde_json::{Value, json};

use super::Mutation;
use super::errors::{RECIPIENT, without_own_certificates};
use super::topology::{Case, remove, set};

pub(crate) const WARNINGS: &[Mutation] = &[
    Mutation("unused-secrets", |case| {
        case.forget_secrets();
        if case.rng.bool() {
            case.set("secrets.ageRecipients", json!([RECIPIENT]));
            return Some("secrets.ageRecipients".to_owned());
        }
        let cluster = case.any_cluster(|_, _| true)?;
        Some(case.set(format!("clusters[{cluster}].secrets.sealingCertificate"), json!("seal/cluster1.pem")))
    }),
    Mutation("shared-recipient", |case| {
        case.give_to_a_controller("flux")?;
        if case.clusters().len() < 2 || case.value["certificates"]["authority"] == "none" {
            return None;
        }
        case.set("gitops.hub", json!(false));
        case.set("secrets.form", json!("sops"));
        case.set("secrets.ageRecipients", json!([RECIPIENT]));
        case.allow_no_longer("unencrypted-secret");
        Some("secrets.ageRecipients[0]".to_owned())
    }),
    Mutation("gateway-without-address", |case| {
        let waits = |case: &Case, position| {
            let is_alone = case.clusters().len() == 1 && case.overrides_collector(position);
            case.is_dialled(position) && case.gateway(position).is_some() && !is_alone
        };
        let cluster = case.any_cluster(waits)?;
        let path = format!("clusters[{cluster}].eastWestGateway");
        if case.rng.bool() {
            case.set(path, json!({}));
            return Some(format!("clusters[{cluster}].name"));
        }
        Some(case.set(path, json!({ "serviceAnnotations": { "a": "b" } })))
    }),
    Mutation("host-name-control-plane", |case| {
        let primary = case.any_cluster(|case, position| !case.is_old() && case.has_remotes(position))?;
        Some(case.set(format!("clusters[{primary}].eastWestGateway.address"), json!("gateway.corp.internal")))
    }),
    Mutation("host-name-gateway", |case| {
        let drops_names = case.is_old() && case.has_many_networks();
        let takes_name =
            |case: &Case, position| drops_names && case.gateway(position).is_some() && !case.has_remotes(position);
        let cluster = case.any_cluster(takes_name)?;
        let path = format!("clusters[{cluster}].eastWestGateway");
        let is_needed = case.is_dialled(cluster);
        if !is_needed && case.rng.bool() {
            let annotation = "service.beta.kubernetes.io/aws-load-balancer-type";
            case.set(path.clone(), json!({ "serviceAnnotations": { annotation: "nlb" } }));
            return Some(format!("{path}.serviceAnnotations.{annotation}"));
        }
        case.set(path.clone(), json!({ "address": "gateway.corp.internal" }));
        Some(path + ".address")
    }),
    Mutation("unused-store", |case| {
        case.remove("remoteAccess");
        case.forget_secrets();
        Some(case.set("secrets.store", json!({ "name": "mesh" })))
    }),
    Mutation("unused-certificates", |case| {
        set(&mut case.before, "certificates", json!({ "authority": "none" }));
        case.set("certificates", json!({ "issuedOn": "2026-11-01" }));
        without_own_certificates(case);
        let (field, value) = case.one_of(&[
            ("global.caAddress", json!("vault.example.org:443")),
            ("pilot.env.ENABLE_CA_SERVER", json!("false")),
            ("pilot.env.EXTERNAL_CA", json!("ISTIOD_RA_KUBERNETES_API")),
        ])?;
        without_signer(case);
        Some(case.set(format!("istio.values.{field}"), value))
    }),
    Mutation("self-signed-roots", |case| {
        let own = |case: &Case, position| case.is_primary(position) || case.is_old();
        let one = case.any_cluster(own)?;
        case.any_cluster(|case, position| position != one && own(case, position))?;
        case.set("certificates", json!({ "authority": "none" }));
        without_own_certificates(case);
        without_signer(case);
        Some("certificates.authority".to_owned())
    }),
    Mutation("unused-network", |case| Some(case.push("networks", json!({ "name": "spare" })) + ".name")),
    Mutation("shared-gateway", |case| {
        let many = case.has_many_networks();
        let can_go = |case: &Case, position| {
            let others = case.members(case.network(position)).into_iter().filter(|other| *other != position);
            let is_served = others.into_iter().any(|other| case.gateway(other).is_some());
            many && case.gateway(position).is_some() && !case.is_dialled(position) && is_served
        };
        let cluster = case.any_cluster(can_go)?;
        case.remove(&format!("clusters[{cluster}].eastWestGateway"));
        let network = case.network(cluster).to_owned();
        let position = case.networks().iter().position(|other| other["name"] == network)?;
        Some(format!("networks[{position}].name"))
    }),
    Mutation("full-sampling", |case| {
        if !case.has_tracing() || case.value["istio"]["profile"] == "demo" {
            return None;
        }
        Some(case.set("tracing.zipkin.samplingPercent", json!(100)))
    }),
    Mutation("plaintext-collector", |case| {
        let collector = case.any_cluster(Case::is_collector).filter(|collector| case.has_address(*collector))?;
        if !case.is_through_mesh() || case.overrides_collector(collector) {
            return None;
        }
        case.remove("tracing.zipkin.via");
        Some("tracing.zipkin.cluster".to_owned())
    }),
    Mutation("known-bug", |case| {
        // What it runs there comes with the remote secret of another cluster.
        if !case.is_old() || case.value["clusters"].as_array()?.len() < 2 {
            return None;
        }
        set(&mut case.before, "istio.version", json!("1.11.8"));
        Some(case.set("istio.version", json!("1.11.2")))
    }),
    Mutation("unread-patch", |case| {
        // The Sail operator knows no later ones.
        let is_possible = case.is_at(&["1.30."]) && case.value["istio"]["install"] != "sail";
        is_possible.then(|| case.set("istio.version", json!("1.30.99")))
    }),
    Mutation("insecure-kubeconfig", |case| {
        let variable = "values.pilot.env.PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS";
        let options = json!(case.one_of(&["exec", "gcp,clientKey", "none,tokenFile"])?);
        let cluster = case.any_cluster(|_, _| true)?;
        let place = if case.rng.bool() { format!("clusters[{cluster}].istio") } else { "istio".to_owned() };
        Some(case.set(format!("{place}.{variable}"), options))
    }),
    Mutation("ambient-multi-network", |case| {
        let is_scoped = case.is_at(&["1.28.", "1.29.", "1.30.", "1.31."]);
        if !is_scoped || case.value["clusters"].as_array()?.len() < 2 {
            return None;
        }
        let variables = "values.pilot.env";
        let cluster = case.any_cluster(|_, _| true)?;
        let place = if case.rng.bool() { format!("clusters[{cluster}].istio") } else { "istio".to_owned() };
        // Where it is on for one cluster, it may be on for all.
        let ambient = if case.rng.bool() { place.clone() } else { "istio".to_owned() };
        case.set(format!("{ambient}.{variables}.PILOT_ENABLE_AMBIENT"), json!("true"));
        Some(case.set(format!("{place}.{variables}.AMBIENT_ENABLE_MULTI_NETWORK"), json!("true")))
    }),
    Mutation("hidden-istio-system", |case| {
        let has_gateway = case.any_cluster(|case, position| case.gateway(position).is_some()).is_some();
        if !has_gateway && !case.value["tracing"].is_object() {
            return None;
        }
        let primary = case.any_cluster(Case::is_primary)?;
        let selector = case.one_of(&[
            r#"{ "matchLabels": { "istio-discovery": "enabled" } }"#,
            r#"{ "matchExpressions": [{ "key": "team", "operator": "Exists" }] }"#,
            r#"{ "matchExpressions": [{ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["istio-system"] }] }"#,
        ])?;
        let selectors = json!([serde_json::from_str::<Value>(selector).unwrap()]);
        Some(case.set(format!("clusters[{primary}].istio.meshConfig.discoverySelectors"), selectors))
    }),
    Mutation("ignored-istio-field", |case| {
        let form = case.one_of(&["meshConfig.accessLogFil", "meshConfig.defaultConfig.concurency"])?;
        let takes_form = |case: &Case, position| !case.is_old() && case.is_primary(position);
        let cluster = case.any_cluster(takes_form)?;
        Some(if case.rng.bool() {
            case.set(format!("clusters[{cluster}].istio.{form}"), json!(1))
        } else {
            case.set(format!("istio.{form}"), json!(1))
        })
    }),
    Mutation("ingress-gateway-only", |case| {
        let cluster = case.any_cluster(|case, position| !case.states_gateways() && case.gateway(position).is_some())?;
        case.remove(&format!("clusters[{cluster}].eastWestGateway.replicas"));
        let place = if case.rng.bool() { format!("clusters[{cluster}].") } else { String::new() };
        Some(case.set(format!("{place}istio.values.gateways.istio-ingressgateway.autoscaleMin"), json!(2)))
    }),
    Mutation("profile-gateways", |case| {
        case.give_to_sail()?;
        case.remove("istio.egressGateway");
        case.remove("istio.profile");
        let (field, value) = case.one_of(&[("profile", json!("demo")), ("egressGateway", json!(true))])?;
        Some(case.set(format!("istio.{field}"), value))
    }),
    Mutation("unready-gateway", |case| {
        case.give_to_a_controller("argocd")?;
        let is_idle = |case: &Case, position| {
            let gateway = case.gateway(position);
            gateway.is_some_and(|gateway| {
                gateway["serviceType"].is_null() && gateway["discovery"].is_null() && !case.has_remotes(position)
            }) && !case.is_collector(position)
        };
        let cluster = case.any_cluster(is_idle)?;
        case.remove(&format!("clusters[{cluster}].eastWestGateway.externalIPs"));
        case.remove(&format!("clusters[{cluster}].eastWestGateway.address"));
        Some(format!("clusters[{cluster}].eastWestGateway"))
    }),
    Mutation("unordered-controller", |case| {
        case.give_to_a_controller("flux")?;
        case.any_cluster(|case, position| !case.is_primary(position))?;
        Some(case.set("gitops.hub", json!(false)))
    }),
    Mutation("controller-scripts", |case| {
        case.give_to_a_controller("flux")?;
        Some(case.set("workloads.namespaces", json!(["shop"])))
    }),
    Mutation("node-port-on-external-ip", |case| {
        let many = case.has_many_networks();
        let cluster = case.any_cluster(|case, position| many && case.external_ips(position) > 0)?;
        let path = format!("clusters[{cluster}].eastWestGateway");
        case.set(format!("{path}.serviceType"), json!("NodePort"));
        case.remove(&format!("{path}.loadBalancerClass"));
        case.set(format!("{path}.serviceAnnotations"), json!({ "traffic.istio.io/nodeSelector": "{}" }));
        Some(format!("{path}.externalIPs[0]"))
    }),
    Mutation("external-ip-without-node", |case| {
        let has_nodes = |case: &Case, position| !case.nodes(position).is_empty() && case.gateway(position).is_some();
        let cluster = case.any_cluster(has_nodes)?;
        remove(&mut case.before, &format!("clusters[{cluster}].eastWestGateway.externalIPs"));
        let path = format!("clusters[{cluster}].eastWestGateway.externalIPs");
        Some(case.set(path, json!(["10.251.0.99"])) + "[0]")
    }),
    Mutation("deprecated-external-ips", |case| {
        let is_new = case.is_at(&["1.30.", "1.31."]);
        let cluster = case.any_cluster(|case, position| is_new && case.external_ips(position) > 0)?;
        case.set(format!("clusters[{cluster}].kubernetes.version"), json!("1.36"));
        Some(format!("clusters[{cluster}].eastWestGateway.externalIPs"))
    }),
    Mutation("off-link-next-hop", |case| {
        let cluster = case.any_cluster(Case::is_routed)?;
        let node = case.rng.usize(..case.nodes(cluster).len());
        Some(case.set(format!("clusters[{cluster}].nodes[{node}].address"), json!("172.31.0.1")))
    }),
    Mutation("single-node-service-route", |case| {
        let cluster = case.any_cluster(Case::is_routed)?;
        for member in case.members(case.network(cluster)) {
            for field in ["serviceCIDR", "serviceCIDRs"] {
                remove(&mut case.before, &format!("clusters[{member}].{field}"));
                case.remove(&format!("clusters[{member}].{field}"));
            }
        }
        Some(case.set(format!("clusters[{cluster}].serviceCIDR"), json!("10.220.0.0/16")))
    }),
    Mutation("unserved-collector-address", |case| {
        if !case.has_tracing() {
            return None;
        }
        // The collector's own network reaches its Service, and so do clusters without others behind them.
        let collector = case.any_cluster(Case::is_collector)?;
        let network = case.network(collector).to_owned();
        let takes_override = |case: &Case, position| {
            case.is_old()
                || case.is_primary(position) && !case.has_remotes(position) && case.network(position) == network
        };
        let cluster = case.any_cluster(takes_override)?;
        let path = format!("clusters[{cluster}].istio.meshConfig.defaultConfig.tracing");
        remove(&mut case.before, &path);
        Some(case.set(path + ".zipkin.address", json!("zipkin.istio-system:9412")))
    }),
    Mutation("documentation-address", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        let (address, domain) = case.one_of(&[("192.0.2.77", "a.example"), ("203.0.113.9", "b.example.net")])?;
        if case.rng.bool() && case.external_ips(cluster) > 0 {
            return Some(case.push(&format!("clusters[{cluster}].eastWestGateway.externalIPs"), json!(address)));
        }
        let host = case.one_of(&[address, domain])?;
        Some(case.set(format!("clusters[{cluster}].apiServer"), json!(format!("https://{host}"))))
    }),
    Mutation("proxied-api-server", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        let server = format!("https://rancher.corp.internal/k8s/clusters/c-{cluster}");
        Some(case.set(format!("clusters[{cluster}].apiServer"), json!(server)))
    }),
    Mutation("unused-allow", |case| {
        let entry = json!({ "rule": "unused-network", "reason": "it is meant" });
        Some(
            match case.any_cluster(|_, _| true).filter(|_| case.rng.bool()) {
                Some(cluster) => case.push(&format!("clusters[{cluster}].allow"), entry),
                None => case.push("mesh.allow", entry),
            } + ".rule",
        )
    }),
    Mutation("end-of-life", |case| {
        if !case.is_at(&["1.11.", "1.24.", "1.25.", "1.26.", "1.27.", "1.28."]) {
            return None;
        }
        case.today = day("2026-07-02");
        Some("istio.version".to_owned())
    }),
    Mutation("expiring-certificate", |case| {
        let days = case.rng.i64(1..3000);
        certificates(case, days);
        // Every day from ninety days before its end on.
        case.today = Some(after(days - case.rng.i64(-200..=90)));
        Some("certificates.issuedOn".to_owned())
    }),
    Mutation("not-yet-valid", |case| {
        certificates(case, 3650);
        case.today = day("2026-10-01");
        Some("certificates.issuedOn".to_owned())
    }),
    Mutation("old-issued-on", |case| {
        let own = |case: &Case, position| case.is_primary(position) || case.is_old();
        let late = case.any_cluster(own)?;
        let old = case.any_cluster(|case, position| position != late && own(case, position))?;
        certificates(case, 3650);
        case.set(format!("clusters[{late}].certificates.issuedOn"), json!("2028-03-01"));
        case.today = day("2028-06-01");
        Some(format!("clusters[{old}].name"))
    }),
    Mutation("rotation-unfinished", |case| {
        case.any_cluster(|case, position| case.is_primary(position) || case.is_old())?;
        certificates(case, 3650);
        case.set("certificates.nextRoot", json!({ "issuedOn": "2027-01-10", "phase": "trust" }));
        case.today = day("2027-06-01");
        Some("certificates.nextRoot.phase".to_owned())
    }),
    Mutation("short-intermediate", |case| {
        let cluster = case.any_cluster(|case, position| case.is_primary(position) || case.is_old())?;
        certificates(case, 3650);
        let first = after(3650 - case.rng.i64(100..365));
        case.today = Some(first);
        Some(case.set(format!("clusters[{cluster}].certificates.issuedOn"), json!(first.to_string())))
    }),
];

/// The root's days, and nothing else about certificates.
fn certificates(case: &mut Case, days: i64) {
    case.set("certificates", json!({ "issuedOn": "2026-11-01", "rootValidityDays": days }));
    for position in 0..case.clusters().len() {
        case.remove(&format!("clusters[{position}].certificates"));
    }
}

fn without_signer(case: &mut Case) {
    if case.value["istio"]["values"]["global"]["caAddress"].is_string() {
        case.remove("istio.values.global.caAddress");
    }
}

fn after(days: i64) -> Date {
    Date(day("2026-11-01").unwrap().0 + time::Duration::days(days))
}

fn day(text: &str) -> Option<Date> {
    Date::from_str(text).ok()
}

/// A topology without what is allowed, which would hide warnings, and without addresses of documentation.
pub(crate) fn prepared(value: &Value) -> Value {
    let text = value.to_string().replace("192.0.2.", "10.250.0.").replace("198.51.100.", "10.251.0.");
    let mut value: Value = serde_json::from_str(&text.replace("example.com\"", "corp.internal\"")).unwrap();
    remove(&mut value, "mesh.allow");
    remove(&mut value, "gitops");
    for cluster in value["clusters"].as_array_mut().unwrap() {
        remove(cluster, "allow");
    }
    value
}
