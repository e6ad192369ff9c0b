//! For each rule of severity error, a way to break it and nothing else.

use serde_json::{Value, json};

use super::Mutation;
use super::topology::Case;

/// An age recipient.
pub(super) const RECIPIENT: &str = "age1z3ek0mwpjw3dzraswq7qgl727xswr4lqjc7xk70ja0efvmks7g6qwhfw7a";

pub(crate) const ERRORS: &[Mutation] = &[
    Mutation("duplicate-name", |case| {
        // A name that others use would be missing elsewhere.
        let is_unnamed = |case: &Case, position| !case.has_remotes(position) && !case.is_collector(position);
        if case.rng.bool() {
            let network = case.networks()[0].clone();
            return Some(case.push("networks", network) + ".name");
        }
        let renamed = case.any_cluster(is_unnamed)?;
        let other = case.any_cluster(|_, position| position != renamed)?;
        let name = json!(case.name(other));
        case.set(format!("clusters[{renamed}].name"), name);
        Some(format!("clusters[{}].name", renamed.max(other)))
    }),
    Mutation("unknown-network", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        Some(case.set(format!("clusters[{cluster}].network"), json!("nowhere")))
    }),
    Mutation("unknown-cluster", |case| {
        if case.has_tracing() && case.rng.bool() {
            return Some(case.set("tracing.zipkin.cluster", json!("nobody")));
        }
        let cluster = case.any_cluster(|_, _| true)?;
        Some(case.set(format!("clusters[{cluster}].controlPlane"), json!("nobody")))
    }),
    Mutation("chained-control-plane", |case| {
        let remote = case.any_cluster(|case, position| !case.is_primary(position))?;
        let name = json!(case.name(remote));
        let other = case.any_cluster(|case, position| position != remote && !case.has_remotes(position))?;
        Some(case.set(format!("clusters[{other}].controlPlane"), name))
    }),
    Mutation("unsupported-istio", |case| {
        let version = case.one_of(&["1.12.0", "1.23.6", "1.11.9", "1.27.10", "2.30.1", "1.999999999.0", "0.0.0"])?;
        Some(case.set("istio.version", json!(version)))
    }),
    Mutation("unknown-profile", |case| {
        let profile = case.one_of(&["remote", "empty", "defualt", "Demo", ""])?;
        Some(case.set("istio.profile", json!(profile)))
    }),
    Mutation("owned-field", |case| {
        let told =
            case.any_cluster(|case, position| case.gateway(position).is_some_and(|own| own["discovery"] == "static"));
        if let Some(told) = told.filter(|_| case.rng.bool()) {
            let network = case.network(told).to_owned();
            let gateways = json!({ "gateways": [{ "address": "10.9.9.9", "port": 443 }] });
            return Some(case.set(format!("istio.values.global.meshNetworks.{network}"), gateways));
        }
        let (form, value) = case.one_of(&[
            ("values.global.meshID", json!("another")),
            ("values.global.istioNamespace", json!("istio")),
            ("values.global.multiCluster.clusterName", json!("another")),
            ("values.global.network", json!("another")),
            ("values.global.remotePilotAddress", json!("10.9.9.9")),
            ("values.meshConfig", json!({})),
            ("values.revision", json!("another")),
            ("values.global.proxy.clusterDomain", json!("another.domain")),
            ("values.pilot.cni.enabled", json!(true)),
            ("values.istio_cni.enabled", json!(false)),
            ("values.global.tag", json!("1.2.3")),
            ("values.pilot.image", json!("docker.io/istio/pilot:latest")),
            ("values.global.multiCluster", json!("one value")),
            ("meshConfig.rootNamespace", json!("another")),
            ("meshConfig.trustDomain", json!("another.domain")),
            ("meshConfig.defaultConfig.discoveryAddress", json!("10.9.9.9:15012")),
            ("meshConfig.defaultConfig.meshId", json!("another")),
        ])?;
        // 1.11 has no such value, which is another mistake.
        if form == "values.pilot.cni.enabled" && case.is_old() {
            return None;
        }
        let takes = |case: &Case, position| form.starts_with("values") || case.is_primary(position) || case.is_old();
        match case.any_cluster(takes).filter(|_| case.rng.bool()) {
            Some(cluster) => Some(case.set(format!("clusters[{cluster}].istio.{form}"), value)),
            None => Some(case.set(format!("istio.{form}"), value)),
        }
    }),
    Mutation("unknown-istio-field", |case| {
        let mut forms = vec!["values.globl", "values.global.imagePulPolicy", "values.pilot.resources.request"];
        if case.is_old() {
            forms.extend(["meshConfig.accessLogFil", "meshConfig.defaultConfig.tracing.zipkn"]);
        }
        let form = case.one_of(&forms)?;
        match case.any_cluster(|_, _| true).filter(|_| case.rng.bool()) {
            Some(cluster) => Some(case.set(format!("clusters[{cluster}].istio.{form}"), json!("x"))),
            None => Some(case.set(format!("istio.{form}"), json!("x"))),
        }
    }),
    Mutation("control-plane-without-gateway", |case| {
        let cluster = case.any_cluster(Case::has_remotes)?;
        case.remove(&format!("clusters[{cluster}].eastWestGateway"))?;
        Some(format!("clusters[{cluster}].name"))
    }),
    Mutation("network-without-gateway", |case| {
        let networks: Vec<usize> = (0..case.networks().len())
            .filter(|network| {
                let members = case.members(case.networks()[*network]["name"].as_str().unwrap());
                case.has_many_networks() && !members.into_iter().any(|member| case.is_dialled(member))
            })
            .collect();
        let network = case.one_of(&networks)?;
        let name = case.networks()[network]["name"].as_str().unwrap().to_owned();
        for member in case.members(&name) {
            case.remove(&format!("clusters[{member}].eastWestGateway"));
        }
        Some(format!("networks[{network}].name"))
    }),
    Mutation("undiscoverable-gateway", |case| {
        let cluster =
            case.any_cluster(|case, position| case.has_many_networks() && case.gateway(position).is_some())?;
        let path = format!("clusters[{cluster}].eastWestGateway");
        // Who dials it still knows how.
        if case.gateway(cluster)?["address"].is_null() && case.external_ips(cluster) > 0 {
            let address = case.gateway(cluster)?["externalIPs"][0].clone();
            case.set(format!("{path}.address"), address);
        }
        case.remove(&format!("{path}.externalIPs"));
        case.remove(&format!("{path}.serviceAnnotations"));
        if case.rng.bool() {
            let address = format!("{path}.address");
            // Who dials it waits, which is another finding.
            if !case.is_dialled(cluster) {
                case.remove(&address);
                return Some(case.set(format!("{path}.discovery"), json!("static")));
            }
        }
        for field in ["discovery", "loadBalancerClass", "externalTrafficPolicy", "nodePorts"] {
            case.remove(&format!("{path}.{field}"));
        }
        without_collectors_node_port(case);
        let kind = case.one_of(&["NodePort", "ClusterIP"])?;
        Some(case.set(format!("{path}.serviceType"), json!(kind)))
    }),
    Mutation("collector-without-gateway", |case| {
        if case.is_through_mesh() || case.clusters().len() < 2 {
            return None;
        }
        let collector = case.any_cluster(Case::is_collector).filter(|collector| !case.has_remotes(*collector))?;
        case.remove(&format!("clusters[{collector}].eastWestGateway"))?;
        Some("tracing.zipkin.cluster".to_owned())
    }),
    Mutation("host-name-address", |case| {
        let cluster = case.any_cluster(|case, position| case.is_old() && case.has_remotes(position))?;
        Some(case.set(format!("clusters[{cluster}].eastWestGateway.address"), json!("gateway.corp.internal")))
    }),
    Mutation("ipv6-control-plane", |case| {
        let takes_ipv4 = case.is_at(&["1.28.", "1.29."]);
        let cluster = case.any_cluster(|case, position| takes_ipv4 && case.has_remotes(position))?;
        case.set(format!("clusters[{cluster}].eastWestGateway.address"), json!("fd00:9::1"));
        Some(format!("clusters[{cluster}].eastWestGateway"))
    }),
    Mutation("revision-mismatch", |case| {
        let has_revisions = case.value["istio"]["install"] != "sail";
        let remote = case.any_cluster(|case, position| has_revisions && !case.is_primary(position))?;
        Some(case.set(format!("clusters[{remote}].istio.revision"), json!("another")))
    }),
    Mutation("gitops-address", |case| {
        case.give_to_a_controller("flux")?;
        let (field, value) = case.one_of(&[
            ("repository", "git@git.example.com:platform/mesh"),
            ("repository", "https://me:secret@git.example.com/mesh.git"),
            ("repository", "/srv/mesh.git"),
            ("path", "/out"),
            ("path", "../out"),
            ("path", "out/"),
            ("revision", "-main"),
        ])?;
        Some(case.set(format!("gitops.{field}"), json!(value)))
    }),
    Mutation("controller-install", |case| {
        case.give_to_a_controller("flux")?;
        case.set("istio.install", json!("istioctl"));
        Some("gitops.controller".to_owned())
    }),
    Mutation("unencrypted-secret", |case| {
        case.give_to_a_controller("flux")?;
        if case.value["certificates"]["authority"] == "none" {
            return None;
        }
        case.allow_no_longer("unencrypted-secret");
        Some("gitops.controller".to_owned())
    }),
    Mutation("remote-signer", |case| {
        let remote = (0..case.clusters().len()).find(|position| !case.is_old() && !case.is_primary(*position))?;
        case.forget_secrets();
        if case.value["gitops"].is_object() {
            case.allow_no_longer("unencrypted-secret");
        }
        case.set("certificates", json!({ "authority": "none" }));
        without_own_certificates(case);
        case.set("istio.values.global.caAddress", json!("istio-csr.cert-manager.svc:443"));
        case.set("istio.values.pilot.env.ENABLE_CA_SERVER", json!("false"));
        Some(format!("clusters[{remote}].name"))
    }),
    Mutation("sops-with-argocd", |case| {
        case.give_to_a_controller("argocd")?;
        case.set("secrets.form", json!("sops"));
        case.set("secrets.ageRecipients", json!([RECIPIENT]));
        case.allow_no_longer("unencrypted-secret");
        Some("secrets.form".to_owned())
    }),
    Mutation("bad-recipient", |case| {
        case.forget_secrets();
        case.remove("gitops");
        let bad = case.one_of(&[
            "age1",
            "AGE-SECRET-KEY-1",
            "ssh-ed25519 AAAA",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
            RECIPIENT,
        ])?;
        case.set("secrets.form", json!("sops"));
        case.set("secrets.ageRecipients", json!([RECIPIENT, bad]));
        for rule in ["unencrypted-secret", "application-health", "excluded-endpoint-slice"] {
            case.allow_no_longer(rule);
        }
        Some("secrets.ageRecipients[1]".to_owned())
    }),
    Mutation("missing-recipient", |case| {
        if case.value["certificates"]["authority"] == "none" {
            return None;
        }
        case.forget_secrets();
        case.remove("gitops");
        case.set("secrets.form", json!("sops"));
        let cluster = case.any_cluster(Case::is_primary)?;
        for other in (0..case.clusters().len()).filter(|other| *other != cluster) {
            case.set(format!("clusters[{other}].secrets"), json!({ "ageRecipients": [RECIPIENT] }));
        }
        for rule in ["unencrypted-secret", "application-health", "excluded-endpoint-slice"] {
            case.allow_no_longer(rule);
        }
        Some(format!("clusters[{cluster}].name"))
    }),
    Mutation("missing-store", |case| {
        // With remotes of 1.11, nothing can come from a store.
        let has_remotes = case.any_cluster(|case, position| !case.is_primary(position)).is_some();
        if case.is_old() && has_remotes {
            return None;
        }
        case.forget_secrets();
        case.remove("secrets");
        case.remove("gitops");
        for rule in ["unencrypted-secret", "application-health", "excluded-endpoint-slice"] {
            case.allow_no_longer(rule);
        }
        if case.rng.bool() {
            case.remove("remoteAccess");
            return Some(case.set("secrets.form", json!("externalSecrets")));
        }
        Some(case.set("remoteAccess", json!("externalSecrets")))
    }),
    Mutation("circular-remote-access", |case| {
        case.any_cluster(|case, position| case.is_old() && !case.is_primary(position))?;
        case.set("secrets.store", json!({ "name": "mesh" }));
        Some(case.set("remoteAccess", json!("externalSecrets")))
    }),
    Mutation("application-health", |case| {
        case.give_to_a_controller("argocd")?;
        case.allow_no_longer("application-health");
        Some("gitops.controller".to_owned())
    }),
    Mutation("excluded-endpoint-slice", |case| {
        case.give_to_a_controller("argocd")?;
        case.any_cluster(Case::dials_ip)?;
        case.allow_no_longer("excluded-endpoint-slice");
        Some("gitops.controller".to_owned())
    }),
    Mutation("sail-revision", |case| {
        case.give_to_sail()?;
        Some(case.set("istio.revision", json!("stable")))
    }),
    Mutation("install-version", |case| {
        let is_revised = |istio: &Value| !istio["revision"].is_null();
        let has_revision =
            is_revised(&case.value["istio"]) || case.clusters().iter().any(|cluster| is_revised(&cluster["istio"]));
        if !has_revision && case.is_at(&["1.11.", "1.24.", "1.25.", "1.26.", "1.27.", "1.31."]) && case.rng.bool() {
            return Some(case.set("istio.install", json!("sail")));
        }
        if !case.is_at(&["1.11.", "1.24.", "1.25.", "1.26.", "1.27."]) {
            return None;
        }
        match case.any_cluster(|_, _| true).filter(|_| case.rng.bool()) {
            Some(cluster) => Some(case.set(format!("clusters[{cluster}].istio.install"), json!("helm"))),
            None => Some(case.set("istio.install", json!("helm"))),
        }
    }),
    Mutation("install-values", |case| {
        if !case.has_helm() {
            if case.rng.bool() && case.give_to_sail().is_some() {
                let (field, value) = case.one_of(&[
                    ("gateways.istio-ingressgateway.autoscaleMin", json!(2)),
                    ("base.enableCRDTemplates", json!(true)),
                    ("cni.logLevel", json!("debug")),
                ])?;
                case.set(format!("istio.values.{field}"), value);
                let field = field.split_once(".istio-").map_or(field, |(gateways, _)| gateways);
                return Some(format!("istio.values.{field}"));
            }
            return Some(case.set("istio.charts", json!("oci://registry.example.net/charts")));
        }
        let is_own = |case: &Case, at: usize| !case.value["clusters"][at]["istio"]["revision"].is_null();
        if case.any_cluster(is_own).is_none() && case.rng.bool() {
            return Some(case.set("istio.revision", json!("a-revision-of-the-longest-kind-that-leaves-room-for-more")));
        }
        let (field, value) = case.one_of(&[
            ("gateways.istio-egressgateway.autoscaleMin", json!(2)),
            ("ownerName", json!("another")),
            ("global.arch.amd64", json!(2)),
        ])?;
        case.set(format!("istio.values.{field}"), value);
        let field = if field.starts_with("gateways") { "gateways" } else { field.trim_end_matches(".amd64") };
        Some(format!("istio.values.{field}"))
    }),
    Mutation("remote-cni", |case| {
        let remote = case.any_cluster(|case, position| !case.is_old() && !case.is_primary(position))?;
        let is_enabled = case.rng.bool();
        case.set("istio.cni.enabled", json!(!is_enabled));
        case.set(format!("clusters[{remote}].istio.cni.enabled"), json!(is_enabled));
        Some(format!("clusters[{remote}].istio.cni"))
    }),
    Mutation("remote-mesh-config", |case| {
        let remote = case.any_cluster(|case, position| !case.is_old() && !case.is_primary(position))?;
        case.set(format!("clusters[{remote}].istio.meshConfig.accessLogFile"), json!("/dev/stdout"));
        Some(format!("clusters[{remote}].istio.meshConfig"))
    }),
    Mutation("collector-via-mesh", |case| {
        if !case.is_old() || !case.has_tracing() {
            return None;
        }
        Some(case.set("tracing.zipkin.via", json!("mesh")))
    }),
    Mutation("collector-image", |case| {
        if !case.has_tracing() {
            return None;
        }
        case.set("tracing.zipkin.install", json!(false));
        Some(case.set("tracing.zipkin.image", json!("registry.example.net/zipkin-slim:3.4.0")))
    }),
    Mutation("unusable-collector-address", |case| {
        if case.is_old() || !case.has_tracing() {
            return None;
        }
        let cluster = case.any_cluster(Case::is_primary)?;
        let address =
            case.one_of(&[json!("zipkin"), json!("10.0.0.1"), json!(":9411"), json!("fd00::1:9411"), json!(9411)])?;
        Some(case.set(format!("clusters[{cluster}].istio.meshConfig.defaultConfig.tracing.zipkin.address"), address))
    }),
    Mutation("static-routing-without-nodes", |case| {
        let cluster = case.any_cluster(Case::is_routed)?;
        case.remove(&format!("clusters[{cluster}].nodes"))?;
        Some(format!("clusters[{cluster}].name"))
    }),
    Mutation("missing-issued-on", |case| {
        case.remove("certificates.issuedOn")?;
        Some("certificates".to_owned())
    }),
    Mutation("external-authority", |case| match case.rng.u8(..5) {
        4 => {
            let (field, value) = case.one_of(&[
                ("issuedOn", json!("2026-11-01")),
                ("rootValidityDays", json!(100)),
                ("intermediateValidityDays", json!(100)),
                ("generation", json!(2)),
                ("naming", json!(2)),
                ("directory", json!("authority")),
                ("retired", json!([{ "cluster": "gone", "generation": 1 }])),
            ])?;
            case.set("certificates", json!({ "authority": "none", field: value }));
            without_own_certificates(case);
            Some(format!("certificates.{field}"))
        }
        0 => Some(case.set("certificates.directory", json!("authority"))),
        1 => {
            case.set("certificates", json!({ "authority": "external" }));
            without_own_certificates(case);
            Some("certificates.authority".to_owned())
        }
        2 => {
            case.set("certificates", json!({ "authority": "external", "directory": "/etc/authority" }));
            without_own_certificates(case);
            Some("certificates.directory".to_owned())
        }
        _ => {
            case.set(
                "certificates",
                json!({ "authority": "external", "directory": "authority", "issuedOn": "2026-11-01" }),
            );
            without_own_certificates(case);
            Some("certificates.issuedOn".to_owned())
        }
    }),
    Mutation("intermediate-outside-root", |case| match case.rng.u8(..3) {
        _ if !makes_certificates(case) => None,
        0 => {
            // Under the next root, a day before its first is taken for its first.
            let is_by_next =
                ["sign", "drop"].iter().any(|phase| case.value["certificates"]["nextRoot"]["phase"] == *phase);
            let day = if is_by_next { "2199-12-31" } else { "2026-10-31" };
            Some(case.set("certificates.intermediatesIssuedOn", json!(day)))
        }
        1 => {
            let cluster = case.any_cluster(|_, _| true)?;
            Some(case.set(format!("clusters[{cluster}].certificates.issuedOn"), json!("2199-12-31")))
        }
        _ => Some(case.set("certificates.intermediateValidityDays", json!(36500))),
    }),
    Mutation("retired-certificate", |case| {
        if !makes_certificates(case) {
            return None;
        }
        let cluster = case.any_cluster(Case::is_primary)?;
        let name = case.name(cluster).to_owned();
        let own = case.clusters()[cluster]["certificates"]["generation"].as_u64();
        let generation = own.or_else(|| case.value["certificates"]["generation"].as_u64()).unwrap_or(1);
        case.set("certificates.retired", json!([{ "cluster": name, "generation": generation }]));
        Some("certificates.retired[0]".to_owned())
    }),
    Mutation("unusable-next-root", |case| {
        let first = case.value["certificates"]["issuedOn"].as_str()?.to_owned();
        case.set("certificates.nextRoot", json!({ "issuedOn": first, "phase": "trust" }));
        for position in 0..case.clusters().len() {
            case.remove(&format!("clusters[{position}].certificates"));
        }
        Some("certificates.nextRoot.issuedOn".to_owned())
    }),
    Mutation("root-rotation-apart", |case| {
        if !makes_certificates(case) {
            return None;
        }
        let signs = |case: &Case, position| case.is_primary(position) || case.is_old();
        let one = case.any_cluster(signs)?;
        case.any_cluster(|case, position| position != one && signs(case, position))?;
        case.value["certificates"].as_object()?.get("nextRoot")?;
        for position in 0..case.clusters().len() {
            case.remove(&format!("clusters[{position}].certificates"));
        }
        let (mesh, own) = if case.rng.bool() { ("trust", "drop") } else { ("drop", "trust") };
        case.set("certificates.nextRoot.phase", json!(mesh));
        Some(case.set(format!("clusters[{one}].certificates.nextRootPhase"), json!(own)))
    }),
    Mutation("duplicate-context", |case| {
        let later = case.any_cluster(|_, position| position > 0)?;
        let earlier = case.rng.usize(..later);
        let cluster = &case.clusters()[earlier];
        let context = cluster.get("context").unwrap_or(&cluster["name"]).clone();
        Some(case.set(format!("clusters[{later}].context"), context))
    }),
    Mutation("workload-namespace", |case| {
        let again = case.one_of(&["istio-system", "shop"])?;
        case.set("workloads.namespaces", json!(["shop"]));
        Some(case.push("workloads.namespaces", json!(again)))
    }),
    Mutation("duplicate-address", |case| {
        let later = case.any_cluster(|case, position| case.external_ips(position) > 0)?;
        let earlier = case.any_cluster(|case, position| position < later && case.external_ips(position) > 0)?;
        let address = case.gateway(earlier)?["externalIPs"][0].clone();
        Some(case.push(&format!("clusters[{later}].eastWestGateway.externalIPs"), address))
    }),
    Mutation("unusable-address", |case| {
        let address = case.one_of(&["127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.1.1"])?;
        if case.rng.bool() {
            let cluster = case.any_cluster(|_, _| true)?;
            let servers =
                [format!("https://{address}:6443"), "https://[::1]:6443".to_owned(), "https://localhost".to_owned()];
            let server = case.one_of(&servers)?;
            if case.rng.bool() {
                return Some(case.set(format!("clusters[{cluster}].proxyURL"), json!(server)));
            }
            // Behind a proxy, the address is one of the proxy's.
            case.remove(&format!("clusters[{cluster}].proxyURL"));
            return Some(case.set(format!("clusters[{cluster}].apiServer"), json!(server)));
        }
        if case.rng.bool() {
            let cluster =
                case.any_cluster(|case, position| !case.nodes(position).is_empty() && !case.is_ipv6(position))?;
            return Some(case.set(format!("clusters[{cluster}].nodes[0].address"), json!(address)));
        }
        let cluster = case.any_cluster(|case, position| case.gateway(position).is_some())?;
        Some(case.push(&format!("clusters[{cluster}].eastWestGateway.externalIPs"), json!(address)))
    }),
    Mutation("address-inside-range", |case| {
        let owner = case.any_cluster(|case, position| !case.nodes(position).is_empty() && !case.is_ipv6(position))?;
        let pods = case.pod_range(owner)?;
        let inside = pods.split_once('/')?.0.strip_suffix('0')?.to_owned() + "7";
        if case.is_primary(owner) && case.rng.bool() {
            let cluster = case.any_cluster(|_, _| true)?;
            let field = case.one_of(&["apiServer", "proxyURL"])?;
            case.remove(&format!("clusters[{cluster}].proxyURL"));
            return Some(case.set(format!("clusters[{cluster}].{field}"), json!(format!("https://{inside}:6443"))));
        }
        let cluster = case.any_cluster(|case, position| case.gateway(position).is_some())?;
        Some(case.push(&format!("clusters[{cluster}].eastWestGateway.externalIPs"), json!(inside)))
    }),
    Mutation("unusable-api-server", |case| {
        let cluster = case.any_cluster(|_, position| position > 0)?;
        if case.rng.bool() {
            let way = format!("clusters[{cluster}].proxyURL");
            let proxy = case.one_of(&["http://user:secret@10.8.8.9:3128", "socks5://10.8.8.9/path"])?;
            return Some(case.set(way, json!(proxy)));
        }
        let earlier = case.rng.usize(..cluster);
        for position in [earlier, cluster] {
            case.remove(&format!("clusters[{position}].proxyURL"));
        }
        let other = case.clusters()[earlier]["apiServer"].as_str()?.to_owned();
        let server = case.one_of(
            &[
                "http://10.8.8.8:6443",
                "https://10.8.8.8:6443/k8s?clusters=c-1",
                "https://admin:secret@10.8.8.8:6443",
                "ftp://10.8.8.8",
                &other,
            ]
            .map(str::to_owned),
        )?;
        Some(case.set(format!("clusters[{cluster}].apiServer"), json!(server)))
    }),
    Mutation("reserved-port", |case| {
        if let Some(cluster) =
            case.any_cluster(|case, position| case.gateway(position).is_some()).filter(|_| case.rng.bool())
        {
            let mut ports = vec![15012, 15017, 15021, 15008];
            if case.has_tracing() && !case.is_through_mesh() {
                ports.push(case.value["tracing"]["zipkin"]["gatewayPort"].as_u64().unwrap_or(15018));
            }
            let port = case.one_of(&ports)?;
            return Some(case.set(format!("clusters[{cluster}].eastWestGateway.port"), json!(port)));
        }
        if !case.has_tracing() || case.is_through_mesh() {
            return None;
        }
        let port = case.one_of(&[15012, 15017, 15021, 15443, 15000])?;
        Some(case.set("tracing.zipkin.gatewayPort", json!(port)))
    }),
    Mutation("unusable-node-port", |case| {
        if case.rng.bool() {
            let cluster = case.any_cluster(|case, position| case.gateway(position).is_some())?;
            let path = format!("clusters[{cluster}].eastWestGateway.nodePorts");
            without_collectors_node_port(case);
            let is_cluster_ip = case.gateway(cluster)?["serviceType"] == "ClusterIP";
            let port = if is_cluster_ip { 32443 } else { case.one_of(&[443, 19999, 40001])? };
            case.set(path.clone(), json!({ "tls": port }));
            return Some(path + ".tls");
        }
        if !case.has_tracing() {
            return None;
        }
        let port = if case.is_through_mesh() { 30000 } else { case.one_of(&[80, 19999, 40001, 65535])? };
        Some(case.set("tracing.zipkin.nodePort", json!(port)))
    }),
    Mutation("duplicate-node", |case| {
        let cluster = case.any_cluster(|case, position| !case.nodes(position).is_empty())?;
        let address = case.nodes(cluster)[0]["address"].clone();
        let path = format!("clusters[{cluster}].nodes");
        Some(case.push(&path, json!({ "address": address, "podCIDR": "10.200.0.0/24" })) + ".address")
    }),
    Mutation("overlapping-ranges", |case| {
        let cluster = case.any_cluster(|case, position| !case.nodes(position).is_empty())?;
        let pods = case.pod_range(cluster)?;
        let network = case.network(cluster).to_owned();
        let other = case.one_of(&case.members(&network))?;
        case.remove(&format!("clusters[{other}].serviceCIDRs"));
        Some(case.set(format!("clusters[{other}].serviceCIDR"), json!(pods)))
    }),
    Mutation("unclear-range", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        let path = format!("clusters[{cluster}]");
        if case.nodes(cluster).is_empty() || case.rng.u8(..3) == 0 {
            case.remove(&format!("{path}.serviceCIDRs"));
            case.set(format!("{path}.serviceCIDR"), json!("10.230.0.0/16"));
            return Some(case.set(format!("{path}.serviceCIDRs"), json!(["10.231.0.0/16"])));
        }
        let node = format!("{path}.nodes[0]");
        case.remove(&format!("{node}.podCIDRs"));
        if case.rng.bool() {
            let is_ipv6 = case.nodes(cluster)[0]["address"].as_str().is_some_and(|address| address.contains(':'));
            let (one, other) =
                if is_ipv6 { ("fd00:232::/64", "fd00:233::/64") } else { ("10.232.0.0/24", "10.233.0.0/24") };
            case.set(format!("{node}.podCIDR"), json!(one));
            return Some(case.set(format!("{node}.podCIDRs"), json!([other])));
        }
        case.remove(&format!("{node}.podCIDR"));
        Some(node)
    }),
    Mutation("mixed-address-families", |case| {
        let cluster = case.any_cluster(|case, position| {
            let is_beside = |other: &usize| *other != position && !case.nodes(*other).is_empty();
            let is_alone = case.nodes(position).is_empty() && case.clusters()[position]["podCIDRs"].is_null();
            is_alone && case.members(case.network(position)).iter().any(is_beside)
        })?;
        let others = case.members(case.network(cluster));
        let is_ipv6 = others.iter().any(|other| case.is_ipv6(*other));
        let range = if is_ipv6 { "10.234.0.0/16" } else { "fd00:77::/56" };
        let path = case.set(format!("clusters[{cluster}].podCIDRs"), json!([range]));
        Some(if is_ipv6 { String::new() } else { path + "[0]" })
    }),
    Mutation("kubernetes-version", |case| {
        let version = case.one_of(&["1.17", "1.24.3", "1.37", "2.32", "0.1"])?;
        match case.any_cluster(|_, _| true).filter(|_| case.rng.bool()) {
            Some(cluster) => Some(case.set(format!("clusters[{cluster}].kubernetes.version"), json!(version))),
            None => Some(case.set("kubernetes.version", json!(version))),
        }
    }),
    Mutation("contradictory-gateway", |case| {
        let cluster = case.any_cluster(|case, position| case.gateway(position).is_some())?;
        let path = format!("clusters[{cluster}].eastWestGateway");
        match case.rng.u8(..4) {
            0 => {
                case.set(format!("{path}.replicas"), json!({ "min": 3, "max": 2 }));
                Some(format!("{path}.replicas.min"))
            }
            1 => {
                case.set(format!("{path}.pod.resources"), json!({ "requests": { "memory": "2Gi" } }));
                Some(format!("{path}.pod.resources.requests.memory"))
            }
            2 => {
                case.set(format!("{path}.pod.resources"), json!({ "limits": { "cpu": "many" } }));
                Some(format!("{path}.pod.resources.limits.cpu"))
            }
            _ if case.gateway(cluster)?["serviceType"].is_null() => None,
            _ => Some(case.set(format!("{path}.loadBalancerClass"), json!("internal"))),
        }
    }),
    Mutation("unusable-allow", |case| {
        let rule = case.one_of(&["shared-gatewey", "owned-field", "unused-allow", "seed-needed", ""])?;
        let entry = json!({ "rule": rule, "reason": "it is meant" });
        match case.any_cluster(|_, _| true).filter(|_| case.rng.bool()) {
            Some(cluster) => Some(case.push(&format!("clusters[{cluster}].allow"), entry) + ".rule"),
            None => Some(case.push("mesh.allow", entry) + ".rule"),
        }
    }),
    Mutation("syntax", |case| {
        let text = meshgen::yaml::print(&case.value);
        let line = case.one_of(&[
            "\tnetwork: n\n",
            "mesh\n",
            "a: [\n",
            "%TAG\n",
            "<<: {}\n",
            "? [a]\n",
            "b: !t c\n",
            "--- {}\n",
            "c: *d\n",
        ])?;
        case.text = Some(text + line);
        Some(String::new())
    }),
    Mutation("duplicate-key", |case| {
        let text = meshgen::yaml::print(&case.value);
        let lines: Vec<&str> = text.lines().collect();
        // A scalar behind a key may stand twice where it stands: below it nothing is nested.
        let is_field = |line: &str| {
            line.split_once(": ").is_some_and(|(key, value)| {
                let is_word = key.trim_start_matches([' ', '-']).bytes().all(|byte| byte.is_ascii_alphabetic());
                is_word && !value.starts_with(['|', '>', '-'])
            })
        };
        let fields: Vec<usize> = (0..lines.len()).filter(|line| is_field(lines[*line])).collect();
        let field = case.one_of(&fields)?;
        let again = lines[field].replacen("- ", "  ", 1);
        let (before, after) = lines.split_at(field + 1);
        case.text = Some([before, &[again.as_str()], after].concat().join("\n"));
        Some(String::new())
    }),
    Mutation("unknown-field", |case| {
        let mut places = vec!["mesh".to_owned(), "istio".to_owned(), "certificates".to_owned()];
        places.extend((0..case.clusters().len()).map(|position| format!("clusters[{position}]")));
        places.extend((0..case.networks().len()).map(|position| format!("networks[{position}]")));
        let place = case.one_of(&places)?;
        let key = case.one_of(&["colour", "Name", "podCidr", "~"])?;
        Some(case.set(format!("{place}.{key}"), json!({ "any": ["thing"] })))
    }),
    Mutation("missing-field", |case| {
        let mut places: Vec<(String, &str)> =
            ["apiVersion", "kind", "mesh", "istio", "certificates", "networks", "clusters"]
                .map(|key| (String::new(), key))
                .to_vec();
        places.extend([("mesh".to_owned(), "id"), ("istio".to_owned(), "version")]);
        for position in 0..case.clusters().len() {
            places.extend(["name", "network", "apiServer"].map(|key| (format!("clusters[{position}]"), key)));
            places.extend(
                (0..case.nodes(position).len()).map(|node| (format!("clusters[{position}].nodes[{node}]"), "address")),
            );
        }
        places.extend((0..case.networks().len()).map(|position| (format!("networks[{position}]"), "name")));
        let (place, key) = case.one_of(&places)?;
        case.remove(&if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") })?;
        Some(place)
    }),
    Mutation("wrong-type", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        let (field, values) = case.one_of(&fields(cluster))?;
        let value = match &values {
            // A number or a truth may lack its quotes only, or be none of the field's texts even with them.
            Value::String(_) => case.one_of(&[json!([]), json!({}), json!(["one"])])?,
            Value::Number(_) => case.one_of(&[json!("one"), json!(true), json!([1])])?,
            Value::Bool(_) => case.one_of(&[json!("true"), json!(1), json!({})])?,
            Value::Array(_) => case.one_of(&[json!("one"), json!({ "name": "one" })])?,
            _ => case.one_of(&[json!("one"), json!([1]), json!(false)])?,
        };
        Some(case.set(field, value))
    }),
    Mutation("invalid-value", |case| {
        let cluster = case.any_cluster(|_, _| true)?;
        let (field, value) = case.one_of(&[
            ("apiVersion".to_owned(), json!("meshgen/v2")),
            ("mesh.id".to_owned(), json!("Mesh")),
            ("mesh.trustDomain".to_owned(), json!("a b")),
            ("mesh.clusterDomain".to_owned(), json!("a..b")),
            ("istio.version".to_owned(), json!("1.30")),
            ("istio.revision".to_owned(), json!("r".repeat(57))),
            ("kubernetes.version".to_owned(), json!("one")),
            ("certificates.issuedOn".to_owned(), json!("2026-02-30")),
            ("certificates.rootValidityDays".to_owned(), json!(0)),
            ("networks".to_owned(), json!([])),
            ("clusters".to_owned(), json!([])),
            (format!("clusters[{cluster}].name"), json!("A")),
            (format!("clusters[{cluster}].network"), json!("a.b")),
            (format!("clusters[{cluster}].controlPlane"), json!("")),
            (format!("clusters[{cluster}].context"), json!("")),
            (format!("clusters[{cluster}].apiServer"), json!("10.0.0.1")),
            (format!("clusters[{cluster}].serviceCIDR"), json!("10.0.0.1/8")),
            (format!("clusters[{cluster}].certificates.generation"), json!(0)),
        ])?;
        Some(case.set(field, value))
    }),
];

fn without_collectors_node_port(case: &mut Case) {
    if case.has_tracing() {
        case.remove("tracing.zipkin.nodePort");
    }
}

fn makes_certificates(case: &Case) -> bool {
    case.value["certificates"]["authority"] != "none"
}

pub(super) fn without_own_certificates(case: &mut Case) {
    for position in 0..case.clusters().len() {
        case.remove(&format!("clusters[{position}].certificates"));
    }
}

/// Fields that may stand in any topology, and a value of the type of each.
fn fields(cluster: usize) -> Vec<(String, Value)> {
    let of_cluster = [
        ("name", json!("")),
        ("network", json!("")),
        ("controlPlane", json!("")),
        ("context", json!("")),
        ("apiServer", json!("")),
        ("apiServerCA", json!("")),
        ("proxyURL", json!("")),
        ("serviceCIDR", json!("")),
        ("nodes", json!([])),
        ("eastWestGateway", json!({})),
        ("certificates", json!({})),
        ("kubernetes", json!({})),
        ("istio", json!({})),
        ("allow", json!([])),
    ];
    let of_mesh = [
        ("mesh", json!({})),
        ("mesh.id", json!("")),
        ("istio.version", json!("")),
        ("istio.egressGateway", json!(true)),
        ("istio.meshConfig", json!({})),
        ("istio.values", json!({})),
        ("certificates.issuedOn", json!("")),
        ("certificates.rootValidityDays", json!(1)),
        ("tracing", json!({})),
        ("workloads", json!({})),
        ("networks", json!([])),
        ("clusters", json!([])),
    ];
    let of_cluster = of_cluster.map(|(field, value)| (format!("clusters[{cluster}].{field}"), value));
    of_cluster.into_iter().chain(of_mesh.map(|(field, value)| (field.to_owned(), value))).collect()
}
