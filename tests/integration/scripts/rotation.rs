//! A root changes while requests run: no proxy is ever without a peer that it needs.

use super::*;

/// A mesh of three clusters, of which the last is a remote; `own` is what single clusters say of the phase.
fn mesh(version: &str, certificates: &str) -> String {
    let cluster = |(name, own, number): (&str, &str, u8)| {
        format!(
            "  - {{name: {name}, network: n{number}, {own}apiServer: 'https://10.0.{number}.1:6443', \
             eastWestGateway: {{externalIPs: [10.0.{number}.100]}}}}\n"
        )
    };
    let clusters = [("east", "", 1), ("north", "", 2), ("west", "controlPlane: east, ", 3)].map(cluster).concat();
    format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1}}\nistio: {{version: {version}, profile: demo}}\n\
         certificates: {{{certificates}}}\nworkloads: {{namespaces: [shop]}}\n\
         networks: [{{name: n1}}, {{name: n2}}, {{name: n3}}]\nclusters:\n{clusters}"
    )
}

const BEFORE: &str = "issuedOn: 2026-11-01";

fn in_phase(phase: &str) -> String {
    format!("{BEFORE}, nextRoot: {{issuedOn: 2027-01-10, phase: {phase}}}")
}

/// What the certificates of each phase are, in order.
fn phases() -> [String; 5] {
    [
        BEFORE.to_owned(),
        in_phase("trust"),
        in_phase("sign"),
        in_phase("drop"),
        "issuedOn: 2027-01-10, naming: 2".to_owned(),
    ]
}

const CONTEXTS: [&str; 3] = ["east", "north", "west"];

/// A proxy that runs.
struct Proxy {
    name: String,
    /// The root under which its certificate is.
    anchor: String,
    /// The roots that it trusts.
    roots: String,
    /// How many hours old its certificate is.
    age: u64,
}

fn proxies(simulator: &Simulator) -> Vec<Proxy> {
    let hour = simulator.hour();
    let mut proxies = Vec::new();
    for context in CONTEXTS {
        for (key, object) in simulator.objects(context) {
            let Some(certificate) = object.pointer("/simulator/certificate") else { continue };
            let text = |name: &str| certificate[name].as_str().unwrap_or_default();
            let roots = common::base64::decoded(text("root"));
            proxies.push(Proxy {
                name: format!("{context} {key}"),
                anchor: text("anchor").to_owned(),
                roots,
                age: hour - certificate["hour"].as_u64().unwrap(),
            });
        }
    }
    proxies
}

/// Which proxies refuse each other, or have a certificate that is over.
fn outages(simulator: &Simulator) -> Vec<String> {
    let proxies = proxies(simulator);
    assert!(proxies.len() > CONTEXTS.len());
    let old = proxies.iter().filter(|proxy| proxy.age >= 24);
    let mut outages: Vec<String> = old.map(|proxy| format!("the certificate of {} is over", proxy.name)).collect();
    for one in &proxies {
        let refusing = proxies.iter().find(|other| !other.roots.contains(&one.anchor));
        outages.extend(refusing.map(|other| format!("{} refuses {}", other.name, one.name)));
    }
    outages
}

/// Lets hours pass, and looks each few; the outages of that time.
fn live(simulator: &Simulator, hours: u64) -> Vec<String> {
    let mut seen = Vec::new();
    for begun in (0..hours).step_by(3) {
        simulator.pass((hours - begun).min(3));
        seen.extend(outages(simulator));
    }
    seen
}

/// A mesh before its root changes. Its proxies got their certificates at different hours of half a day.
fn running(version: &str) -> Simulator {
    let simulator = Simulator::new(&mesh(version, BEFORE));
    simulator.calls("install.sh", &[]);
    simulator.set("hour", json!(12));
    let mut hour = 0;
    for context in CONTEXTS {
        for (_, mut object) in simulator.objects(context) {
            if object.pointer("/simulator/certificate").is_some() {
                hour = (hour + 5) % 12;
                object["simulator"]["certificate"]["hour"] = json!(hour + 1);
                simulator.put(context, &object);
            }
        }
    }
    assert_eq!(outages(&simulator), Vec::<String>::new());
    simulator
}

#[test]
fn a_root_changes_and_no_request_fails() {
    for version in ["1.11.2", "1.28.0", "1.30.3"] {
        let simulator = running(version);
        let mut restarted = Vec::new();
        for certificates in &phases()[1..] {
            simulator.build(&mesh(version, certificates));
            let calls = simulator.calls("install.sh", &[]);
            assert_eq!(outages(&simulator), Vec::<String>::new(), "{version} {certificates}");
            let is_of = |word: &str| {
                calls.iter().filter(|call| call.contains(" rollout restart ") && call.contains(word)).count()
            };
            restarted.push((is_of("deployment/istiod"), is_of("deployment/reviews")));
            // Nothing is left to do.
            let again = simulator.calls("install.sh", &[]);
            assert!(
                !again.iter().any(|call| call.contains(" rollout restart ")),
                "{version} {certificates}: {again:#?}"
            );
            let is_between = certificates.contains("trust") || certificates.contains("sign");
            let told = |hours: u64, words: &str| {
                assert_eq!(live(&simulator, hours), Vec::<String>::new(), "{version} {certificates}");
                let said = simulator.run("verify.sh", &[]);
                done(&said);
                assert_eq!(said.text.contains(words), is_between, "{version} {certificates}: {}", said.text);
            };
            told(0, "the root: the next phase may not begin yet\n");
            told(23, "the root: the next phase may not begin yet\n");
            told(1, "the root: the next phase may begin\n");
            told(24, "the root: the next phase may begin\n");
        }
        // At 1.11 each istiod restarts in each phase, and the pods for the roots that come; later ones for other roots only.
        let istiods = if version == "1.11.2" { [3, 3, 3, 0] } else { [2, 0, 2, 0] };
        let pods = if version == "1.11.2" { [3, 0, 0, 0] } else { [0; 4] };
        assert_eq!(restarted, istiods.into_iter().zip(pods).collect::<Vec<_>>(), "{version}");
        // The same mesh as if it had begun with the next root.
        let fresh = Simulator::new(&mesh(version, &phases()[4]));
        fresh.calls("install.sh", &[]);
        let (now, wanted) = (proxies(&simulator), proxies(&fresh));
        assert_eq!(now.len(), wanted.len());
        for (proxy, wanted) in now.iter().zip(&wanted) {
            assert!(proxy.anchor == wanted.anchor && proxy.roots == wanted.roots, "{version} {}", proxy.name);
        }
    }
}

/// Rotations in which clusters take each phase in any order, hours apart, and an installation is stopped by a call that fails.
#[test]
fn a_random_rotation_has_no_outage() {
    let seed = common::number("PROPTEST_RNG_SEED", fastrand::usize(..));
    for number in 0..common::number("MESHGEN_ROTATIONS", 3) {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(number) as u64);
        let version = ["1.11.2", "1.28.0", "1.30.3"][rng.usize(..3)];
        let simulator = running(version);
        for certificates in &phases()[1..] {
            simulator.build(&mesh(version, certificates));
            let mut order = CONTEXTS;
            rng.shuffle(&mut order);
            let stopped = rng.usize(..6);
            for (position, cluster) in order.iter().enumerate() {
                let arguments = ["--cluster", cluster];
                if position == stopped {
                    simulator.called();
                    simulator.fail(rng.usize(1..60), "fails");
                    simulator.run("install.sh", &arguments);
                    simulator.heal();
                    assert_eq!(outages(&simulator), Vec::<String>::new(), "seed {seed} {number}: {certificates}");
                }
                assert_eq!(
                    live(&simulator, rng.u64(..18)),
                    Vec::<String>::new(),
                    "seed {seed} {number}: {certificates}"
                );
                done(&simulator.run("install.sh", &arguments));
                assert_eq!(outages(&simulator), Vec::<String>::new(), "seed {seed} {number}: {certificates}");
            }
            // A day after the last control plane.
            assert_eq!(live(&simulator, 24), Vec::<String>::new(), "seed {seed} {number}: {certificates}");
        }
    }
}

/// What a rotation must not leave out, and who notices.
#[test]
fn a_step_that_is_left_out_is_an_outage() {
    let [_, trust, sign, drop, _] = phases();
    let seen = |version: &str, steps: &[&str], change: &dyn Fn(&Simulator, usize)| -> Vec<String> {
        let simulator = running(version);
        let mut seen = Vec::new();
        for (number, certificates) in steps.iter().enumerate() {
            simulator.build(&mesh(version, certificates));
            change(&simulator, number);
            for cluster in CONTEXTS {
                let _ = simulator.run("install.sh", &["--cluster", cluster]);
                seen.extend(outages(&simulator));
                seen.extend(live(&simulator, 6));
            }
            seen.extend(live(&simulator, 48));
        }
        seen
    };
    let nothing = |_: &Simulator, _: usize| {};
    for version in ["1.11.2", "1.30.3"] {
        assert_eq!(seen(version, &[&trust, &sign, &drop], &nothing), Vec::<String>::new(), "{version}");
        // It signs before all trust it.
        assert!(!seen(version, &[&sign], &nothing).is_empty(), "{version}");
        // It drops what still signs.
        assert!(!seen(version, &[&trust, &drop], &nothing).is_empty(), "{version}");
        // Istiods that do not restart do not tell the roots that come.
        let unread = |simulator: &Simulator, number: usize| {
            if number == 0 {
                simulator.rewrite("install.sh", |text| text.replace("  restart_istiod \"$@\"\n", ""));
            }
        };
        assert!(!seen(version, &[&trust, &sign], &unread).is_empty(), "{version}");
    }
    // At 1.11, pods that do not restart do not know the root of their istiod.
    let unstarted = |simulator: &Simulator, _: usize| {
        let restarts = "  known=$(annotation \"$2\" \"$proxies\")\n";
        simulator.rewrite("install.sh", |text| text.replace(restarts, "  return\n"));
    };
    assert!(!seen("1.11.2", &[&trust, &sign], &unstarted).is_empty());
    assert_eq!(seen("1.30.3", &[&trust, &sign], &unstarted), Vec::<String>::new());
}

#[test]
fn proxies_that_all_started_anew_wait_for_no_day() {
    let simulator = running("1.30.3");
    simulator.build(&mesh("1.30.3", &in_phase("trust")));
    simulator.calls("install.sh", &[]);
    simulator.pass(1);
    for context in CONTEXTS {
        for workload in [
            "-n shop rollout restart deployments",
            "-n istio-system rollout restart deployments -l 'istio in (ingressgateway,egressgateway,eastwestgateway)'",
        ] {
            done(&simulator.follow(&format!("kubectl --context={context} {workload}")));
        }
    }
    let said = simulator.run("verify.sh", &[]);
    assert!(said.text.contains("all of its proxies started after"), "{}", said.text);
    assert!(said.text.contains("the root: the next phase may begin\n"), "{}", said.text);
    // Nothing is known of clusters that are not asked about.
    let said = simulator.run("verify.sh", &["--cluster", "east"]);
    assert!(said.text.contains("the root: the next phase may not begin yet\n"), "{}", said.text);
}

#[test]
fn a_longer_certificate_is_waited_for() {
    let long = mesh("1.30.3", &in_phase("trust")).replace(
        "profile: demo}",
        "profile: demo, meshConfig: {defaultConfig: {proxyMetadata: {SECRET_TTL: 36h0m0s}}}}",
    );
    let simulator = running("1.30.3");
    simulator.build(&long);
    simulator.calls("install.sh", &["--no-restart"]);
    simulator.calls("install.sh", &[]);
    simulator.pass(30);
    let said = simulator.run("verify.sh", &[]);
    assert!(said.text.contains("for 36 hours, proxies that started before may have others"), "{}", said.text);
    simulator.pass(6);
    let said = simulator.run("verify.sh", &[]);
    assert!(said.text.contains("have not changed for 36 hours"), "{}", said.text);
}

/// One of two meshes that become one: some of the clusters, under a root of its own.
fn part(clusters: &[&str], certificates: &str) -> String {
    let whole = mesh("1.30.3", certificates).replace("controlPlane: east, ", "");
    let mut text = String::new();
    let is_in = |name: &&str| clusters.contains(name);
    let others: Vec<(&str, usize)> = CONTEXTS.into_iter().zip(1..).filter(|(name, _)| !is_in(name)).collect();
    for line in whole.lines().filter(|line| !others.iter().any(|(name, _)| line.contains(&format!("{{name: {name},"))))
    {
        text += line;
        text += "\n";
    }
    for (_, number) in others {
        text = text.replace(&format!("{{name: n{number}}}, "), "").replace(&format!(", {{name: n{number}}}"), "");
    }
    text
}

/// The steps of docs/rotation.md.
#[test]
fn two_meshes_become_one_and_no_request_fails() {
    let (one, other) = (["east", "north"], ["west"]);
    let simulator = Simulator::new(&part(&one, BEFORE));
    simulator.calls("install.sh", &[]);
    simulator.build(&part(&other, "issuedOn: 2026-12-01"));
    simulator.calls("install.sh", &[]);
    assert!(!outages(&simulator).is_empty());
    // Each trusts the other's root, which stands in its tree.
    for (clusters, certificates) in [
        (&one[..], format!("{BEFORE}, alsoTrust: [ca/mesh1-2026-12-01.pem]")),
        (&other[..], "issuedOn: 2026-12-01, alsoTrust: [ca/mesh1-2026-11-01.pem]".to_owned()),
    ] {
        simulator.build(&part(clusters, &certificates));
        simulator.calls("install.sh", &[]);
        simulator.pass(5);
    }
    simulator.pass(24);
    assert_eq!(outages(&simulator), Vec::<String>::new());
    // The clusters of the one move into the topology of the other, and at last only one root is left.
    for certificates in [format!("{BEFORE}, alsoTrust: [ca/mesh1-2026-12-01.pem]"), BEFORE.to_owned()] {
        simulator.build(&part(&CONTEXTS, &certificates));
        for cluster in ["west", "north", "east"] {
            done(&simulator.run("install.sh", &["--cluster", cluster]));
            assert_eq!(live(&simulator, 5), Vec::<String>::new(), "{certificates}");
        }
        assert_eq!(live(&simulator, 24), Vec::<String>::new(), "{certificates}");
    }
    let fresh = Simulator::new(&part(&CONTEXTS, BEFORE));
    fresh.calls("install.sh", &[]);
    for (proxy, wanted) in proxies(&simulator).iter().zip(&proxies(&fresh)) {
        assert!(proxy.anchor == wanted.anchor && proxy.roots == wanted.roots, "{}", proxy.name);
    }
}

/// The steps of docs/rotation.md.
#[test]
fn a_key_that_leaked_and_the_tokens_beside_it_are_worth_nothing_in_the_end() {
    let page = std::fs::read_to_string(common::repository().join("docs/rotation.md")).unwrap();
    let (_, section) = page.split_once("\n## If the key of a cluster leaked\n").unwrap();
    let (_, commands) = section.split_once("```sh\n").unwrap();
    let commands = commands.split_once("```").unwrap().0;
    let simulator = running("1.30.3");
    // The key of north leaked, and with it the tokens of the two others.
    let renewed = |certificates: &str| {
        mesh("1.30.3", &format!("{certificates}, retired: [{{cluster: north, generation: 1}}]"))
            .replace("{name: north, ", "{name: north, certificates: {generation: 2}, ")
    };
    simulator.build(&renewed(BEFORE));
    done(&simulator.run("install.sh", &["--cluster", "north"]));
    assert_eq!(live(&simulator, 24), Vec::<String>::new());
    for certificates in &phases()[1..] {
        simulator.build(&renewed(certificates));
        done(&simulator.run("install.sh", &[]));
        assert_eq!(live(&simulator, 24), Vec::<String>::new(), "{certificates}");
    }
    let token = |context: &str| {
        let secret = "Secret/istio-system/istio-reader-service-account-istio-remote-secret-token";
        let object =
            simulator.object(context, secret).unwrap_or_else(|| panic!("{:?}", simulator.objects(context).keys()));
        common::base64::decoded(object["data"]["token"].as_str().unwrap())
    };
    let held = |primary: &str, context: &str| {
        let secret = simulator.object(primary, &format!("Secret/istio-system/istio-remote-secret-{context}"));
        common::base64::decoded(secret.unwrap()["data"][context].as_str().unwrap())
    };
    for context in ["east", "west"] {
        let leaked = token(context);
        done(&simulator.follow(&commands.replace("fra", context).replace("lon", "east")));
        assert_ne!(token(context), leaked);
        for primary in ["east", "north"].into_iter().filter(|primary| *primary != context) {
            assert!(held(primary, context).contains(&token(context)), "{primary} reads {context}");
            assert!(!held(primary, context).contains(&leaked), "{primary} reads {context}");
        }
    }
    done(&simulator.run("verify.sh", &[]));
}

/// The steps of docs/rotation.md.
#[test]
fn a_seed_that_leaked_signs_for_nobody_in_the_end() {
    let simulator = running("1.30.3");
    let leaked: Vec<String> = proxies(&simulator).into_iter().map(|proxy| proxy.anchor).collect();
    for phase in ["trust", "sign", "drop"] {
        let certificates = format!("{BEFORE}, nextRoot: {{issuedOn: 2027-01-10, seed: next, phase: {phase}}}");
        simulator.build(&mesh("1.30.3", &certificates));
        done(&simulator.run("install.sh", &[]));
        assert_eq!(live(&simulator, 24), Vec::<String>::new(), "{phase}");
        let said = simulator.run("verify.sh", &[]);
        done(&said);
        assert_eq!(said.text.contains("the root: the next phase may begin\n"), phase != "drop", "{}", said.text);
    }
    for proxy in proxies(&simulator) {
        assert!(!leaked.contains(&proxy.anchor), "{}", proxy.name);
        assert!(leaked.iter().all(|anchor| !proxy.roots.contains(anchor)), "{}", proxy.name);
    }
}
