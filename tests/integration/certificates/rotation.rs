//! A root changes, a phase at a time.

use std::collections::BTreeMap;

use meshgen::pki::Seed;
use meshgen::pki::verify::{self, Files, Proven};
use regex::Regex;

use super::external::{Company, INTERMEDIATE, P256, ROOT};
use super::workshop::{Said, Workshop, files, topology};

const CLUSTERS: [(&str, &str); 2] = [("east", ""), ("west", "")];

/// The present root, as it begins.
const BEFORE: &str = "issuedOn: 2026-11-01";
/// The next root, moved up.
const AFTER: &str = "issuedOn: 2030-01-10, naming: 2";

fn in_phase(phase: &str) -> String {
    format!("{BEFORE}, nextRoot: {{issuedOn: 2030-01-10, phase: {phase}}}")
}

/// The four topologies of a rotation after the first.
fn phases() -> [String; 4] {
    [in_phase("trust"), in_phase("sign"), in_phase("drop"), AFTER.to_owned()]
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "`{word}` is not in {said:?}");
    }
}

impl Workshop {
    fn say(&self, certificates: &str, clusters: &[(&str, &str)]) {
        self.write("mesh.yaml", topology(certificates, clusters));
    }

    fn bundle(&self, cluster: &str) -> [String; 4] {
        ["root-cert.pem", "ca-cert.pem", "cert-chain.pem", "ca-key.pem"]
            .map(|file| self.read(&format!("out/{cluster}/20-cacerts/{file}")))
    }

    fn proven(&self, cluster: &str) -> Proven {
        let [root_certificate, certificate, chain, key] = &self.bundle(cluster);
        verify::verify(Files { root_certificate, certificate, chain, key: Some(key) }).unwrap()
    }
}

fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn a_rotation_of_four_topologies_ends_with_the_tree_of_a_fresh_one() {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    done(&workshop.build(&[]));
    let [old, ..] = workshop.bundle("east");
    let mut told = Vec::new();
    for certificates in phases() {
        workshop.say(&certificates, &CLUSTERS);
        done(&workshop.build(&[]));
        done(&workshop.build(&["--check"]));
        done(&workshop.meshgen(&["check", "mesh.yaml"]));
        let Proven { roots, certificate, anchor, .. } = workshop.proven("east");
        told.push((
            roots.len(),
            roots.iter().position(|root| root.fingerprint == anchor),
            certificate.not_before.to_string(),
        ));
        // The bytes of the present root stay in front, where 1.28 and 1.29 look for them.
        let [roots_of_east, ..] = workshop.bundle("east");
        assert_eq!(roots_of_east.starts_with(&old), told.len() < 3);
    }
    let first = || "2026-11-01".to_owned();
    let next = || "2030-01-09".to_owned();
    assert_eq!(told, [(2, Some(0), first()), (2, Some(1), next()), (1, Some(0), next()), (1, Some(0), next())]);
    let fresh = Workshop::with_seed(&topology(AFTER, &CLUSTERS));
    done(&fresh.build(&[]));
    assert_eq!(files(&workshop.path("out")), files(&fresh.path("out")));
}

/// Who trusts whom: the row is the phase of one cluster, the column that of the other.
const MATRIX: [[bool; 4]; 4] =
    [[true, true, false, false], [true, true, true, false], [false, true, true, true], [false, false, true, true]];

#[test]
fn clusters_trust_each_other_if_their_phases_are_at_most_one_apart() {
    ["1.11.2", "1.28.0", "1.30.3"].into_iter().for_each(compare_with_matrix);
}

fn compare_with_matrix(version: &str) {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    let mut trees = Vec::new();
    // For a day on which all certificates are valid.
    let renewed = |certificates: String| format!("{certificates}, intermediatesIssuedOn: 2029-11-01");
    let [trust, sign, drop, _] = phases().map(renewed);
    for (position, certificates) in [renewed(BEFORE.to_owned()), trust, sign, drop].iter().enumerate() {
        workshop.write("mesh.yaml", topology(certificates, &CLUSTERS).replace("1.11.2", version));
        done(&workshop.build(&[]));
        trees.push(CLUSTERS.map(|(cluster, _)| (workshop.proven(cluster), workshop.bundle(cluster))));
        for (cluster, [roots, certificate, chain, _]) in
            CLUSTERS.iter().zip(CLUSTERS.map(|(name, _)| workshop.bundle(name)))
        {
            let file = |name: &str| format!("{position}-{}-{name}.pem", cluster.0);
            for (name, text) in [("roots", roots), ("certificate", certificate), ("chain", chain)] {
                workshop.write(&file(name), text);
            }
        }
    }
    let accepts = |(one, phase): (&str, usize), (other, roots): (&str, usize)| {
        let chain = format!("{phase}-{one}-chain.pem");
        let (certificate, roots) = (format!("{phase}-{one}-certificate.pem"), format!("{roots}-{other}-roots.pem"));
        let arguments = ["verify", "-attime", "1900000000", "-CAfile", &roots, "-untrusted", &chain, &certificate];
        workshop.command("openssl").args(arguments).output().unwrap().status.success()
    };
    for (one, east) in trees.iter().enumerate() {
        for (other, west) in trees.iter().enumerate() {
            let trusts = |(signer, _): &(Proven, _), (verifier, _): &(Proven, _)| {
                verifier.roots.iter().any(|root| root.fingerprint == signer.anchor)
            };
            let both = trusts(&east[0], &west[1]) && trusts(&west[1], &east[0]);
            assert_eq!(both, MATRIX[one][other], "{one} {other}");
            let by_openssl = accepts(("east", one), ("west", other)) && accepts(("west", other), ("east", one));
            assert_eq!(by_openssl, both, "{one} {other}");
        }
    }
}

/// A cluster that takes a phase is for a day in this one and in the one before, and so is the other.
#[test]
fn a_step_of_two_clusters_is_safe_if_all_that_they_may_be_in_trust_each_other() {
    let in_phases = |[east, west]: [usize; 2]| {
        let name = |phase: usize| ["", "trust", "sign", "drop"][phase];
        let own = [("east", format!("nextRootPhase: {}", name(east))), ("west", String::new())];
        topology(&in_phase(name(west)), &own.each_ref().map(|(name, own)| (*name, own.as_str())))
    };
    let pairs = (1..4_usize).flat_map(|east| (1..4_usize).map(move |west| [east, west]));
    let states: Vec<[usize; 2]> = pairs.filter(|[east, west]| east.abs_diff(*west) < 2).collect();
    for from in &states {
        for to in &states {
            let workshop = Workshop::with_seed(&in_phases(*from));
            done(&workshop.build(&[]));
            workshop.write("mesh.yaml", in_phases(*to));
            let may_be = [[from[0], to[0]], [from[1], to[1]]];
            let all = || may_be.iter().flatten();
            let is_safe = all().all(|one| all().all(|other| MATRIX[*one][*other]));
            let said = workshop.build(&[]);
            assert_eq!(said.code, Some(if is_safe { 0 } else { 2 }), "{from:?} {to:?}: {said:?}");
        }
    }
}

#[test]
fn a_step_that_would_cut_a_cluster_off_is_refused() {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    let all: Vec<String> = [BEFORE.to_owned()].into_iter().chain(phases()).collect();
    let early = "does not trust a root yet under which it would have certificates";
    let dropped = "would no longer trust a root under which it still has certificates";
    for (from, to, words) in [
        (0, 2, early),
        (1, 3, dropped),
        (2, 0, dropped),
        (3, 1, early),
        (0, 3, "names another root than this topology and this seed give"),
        (0, 4, "names another root than this topology and this seed give"),
    ] {
        workshop.run("rm", &["-rf", "out"]);
        for certificates in &all[..=from] {
            workshop.say(certificates, &CLUSTERS);
            done(&workshop.build(&[]));
        }
        let before = files(&workshop.path("out"));
        workshop.say(&all[to], &CLUSTERS);
        refused(&workshop.build(&[]), &[words]);
        refused(&workshop.build(&["--check"]), &[words]);
        assert_eq!(files(&workshop.path("out")), before);
        let option = if words == early || words == dropped { "--skip-phase" } else { "--replace-root" };
        done(&workshop.build(&[option]));
    }
    // And back by one phase, from each.
    for (from, to) in [(1, 0), (2, 1), (3, 2)] {
        workshop.run("rm", &["-rf", "out"]);
        for certificates in &all[..=from] {
            workshop.say(certificates, &CLUSTERS);
            done(&workshop.build(&[]));
        }
        workshop.say(&all[to], &CLUSTERS);
        done(&workshop.build(&[]));
    }
}

#[test]
fn one_cluster_may_be_a_phase_ahead() {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    done(&workshop.build(&[]));
    let ahead = |phase: &str| [("east", format!("nextRootPhase: {phase}")), ("west", String::new())];
    for (mesh, own) in [("trust", "trust"), ("trust", "sign"), ("sign", "sign"), ("sign", "drop"), ("drop", "drop")] {
        let own = ahead(own);
        workshop.say(&in_phase(mesh), &own.each_ref().map(|(name, own)| (*name, own.as_str())));
        done(&workshop.build(&[]));
        done(&workshop.build(&["--check"]));
    }
    let lines = |word: &str| workshop.read("out/meshgen.lock").lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((lines("root "), lines("trust of"), lines("anchor of")), (1, 0, 0));
    // It cannot begin alone: nobody else would trust what it signs.
    workshop.run("rm", &["-rf", "out"]);
    workshop.say(BEFORE, &CLUSTERS);
    done(&workshop.build(&[]));
    let own = ahead("sign");
    workshop.say(&in_phase("trust"), &own.each_ref().map(|(name, own)| (*name, own.as_str())));
    refused(&workshop.build(&[]), &["`east` does not trust a root yet under which it would have certificates"]);
}

#[test]
fn a_build_of_one_cluster_is_a_cluster_ahead() {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    done(&workshop.build(&[]));
    for certificates in phases() {
        workshop.say(&certificates, &CLUSTERS);
        for (cluster, _) in CLUSTERS {
            done(&workshop.build(&["--cluster", cluster]));
            // Every tree on the way is one of clusters that trust each other.
            let roots = CLUSTERS.map(|(name, _)| workshop.proven(name));
            for (one, other) in [(0, 1), (1, 0)] {
                assert!(roots[one].roots.iter().any(|root| root.fingerprint == roots[other].anchor));
            }
        }
        let told = || -> Vec<String> {
            let lock = workshop.read("out/meshgen.lock");
            let is_told = |line: &&str| ["root ", "trust ", "anchor "].iter().any(|word| line.starts_with(word));
            lock.lines().filter(is_told).map(str::to_owned).collect()
        };
        let parts = told();
        done(&workshop.build(&[]));
        assert_eq!(parts, told());
    }
    workshop.run("rm", &["-rf", "out"]);
    workshop.say(BEFORE, &CLUSTERS);
    done(&workshop.build(&[]));
    workshop.say(&in_phase("sign"), &CLUSTERS);
    refused(&workshop.build(&["--cluster", "west"]), &["`east` does not trust a root"]);
}

#[test]
fn a_clone_without_seeds_builds_every_phase_that_was_built_before() {
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    done(&workshop.build(&[]));
    for certificates in phases() {
        workshop.say(&certificates, &CLUSTERS);
        workshop.run("mv", &["ca.seed", "away"]);
        let said = workshop.build(&[]);
        // Nobody has the next root before it is made, and what it signs.
        if certificates.contains("trust") {
            refused(&said, &["the next root needs its seed, because no build has made it"]);
        } else if certificates.contains("sign") {
            refused(&said, &["`east` needs a new certificate"]);
        } else {
            // Nothing is signed when a root is dropped, or moved up.
            done(&said);
        }
        workshop.run("mv", &["away", "ca.seed"]);
        done(&workshop.build(&[]));
        workshop.run("mv", &["ca.seed", "away"]);
        done(&workshop.build(&["--check"]));
        workshop
            .run("sh", &["-c", "mkdir keys && for c in east west; do mv out/$c/20-cacerts/ca-key.pem keys/$c; done"]);
        done(&workshop.build(&["--check"]));
        workshop.run("sh", &["-c", "for c in east west; do mv keys/$c out/$c/20-cacerts/ca-key.pem; done; rmdir keys"]);
        workshop.run("mv", &["away", "ca.seed"]);
    }
}

#[test]
fn a_second_seed_takes_over_from_one_that_leaked_or_is_lost() {
    let in_phase = |phase: &str| format!("{BEFORE}, nextRoot: {{issuedOn: 2030-01-10, seed: next, phase: {phase}}}");
    let next = Seed::new([8; 32]);
    let mut trees = BTreeMap::new();
    for is_lost in [false, true] {
        let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
        done(&workshop.build(&[]));
        workshop.say(&in_phase("trust"), &CLUSTERS);
        refused(
            &workshop.build(&[]),
            &["the next root needs its seed, because no build has made it", "meshgen ca new --ca ca-next.seed"],
        );
        workshop.write("ca-next.seed", next.line().as_str());
        workshop.chmod("ca-next.seed", 0o600);
        if is_lost {
            workshop.run("rm", &["ca.seed"]);
        }
        for phase in ["trust", "sign", "drop"] {
            workshop.say(&in_phase(phase), &CLUSTERS);
            done(&workshop.build(&[]));
        }
        workshop.run("mv", &["ca-next.seed", "ca.seed"]);
        workshop.say(AFTER, &CLUSTERS);
        done(&workshop.build(&[]));
        trees.insert(is_lost, files(&workshop.path("out")));
    }
    let fresh = Workshop::new(&topology(AFTER, &CLUSTERS));
    fresh.write("ca.seed", next.line().as_str());
    fresh.chmod("ca.seed", 0o600);
    done(&fresh.build(&[]));
    for tree in trees.values() {
        assert_eq!(*tree, files(&fresh.path("out")));
    }
}

#[test]
fn where_the_second_seed_is_may_be_said_in_three_ways() {
    let workshop = Workshop::with_seed(&topology(
        &format!("{BEFORE}, nextRoot: {{issuedOn: 2030-01-10, seed: next, phase: trust}}"),
        &CLUSTERS,
    ));
    workshop.write("next", Seed::new([8; 32]).line().as_str());
    workshop.chmod("next", 0o600);
    done(&workshop.build(&["--ca-next", "next"]));
    let by_variable = |arguments: &[&str]| {
        let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
        command.args(["build", "mesh.yaml", "-o", "out", "--check"]).args(arguments);
        super::workshop::said(&command.env("MESHGEN_CA_NEXT_SEED_FILE", "next").output().unwrap())
    };
    done(&by_variable(&[]));
    refused(&workshop.build(&["--ca-next", "missing"]), &["the seed missing (from `--ca-next`) does not exist"]);
    refused(&workshop.build(&["--ca-next", "-", "--ca", "-"]), &["both seeds cannot come from standard input"]);
    workshop.say(BEFORE, &CLUSTERS);
    refused(&workshop.build(&["--ca-next", "next"]), &["the topology has none with a seed of its own"]);
    // An export needs both, because it has all roots.
    workshop.say(&format!("{BEFORE}, nextRoot: {{issuedOn: 2030-01-10, seed: next, phase: trust}}"), &CLUSTERS);
    refused(&workshop.meshgen(&["ca", "export", "mesh.yaml", "east"]), &["the next root needs its seed"]);
    let exported = workshop.meshgen(&["ca", "export", "mesh.yaml", "east", "--ca-next", "next"]);
    done(&exported);
    let exported: serde_json::Value = serde_json::from_str(&exported.stdout).unwrap();
    assert_eq!(exported["root-cert.pem"], workshop.bundle("east")[0]);
}

#[test]
fn a_root_of_others_is_trusted_besides_and_no_more() {
    let company = Company::new();
    let workshop = Workshop::with_seed(&topology(BEFORE, &CLUSTERS));
    done(&workshop.build(&[]));
    let [own, ..] = workshop.bundle("east");
    let before = files(&workshop.path("out"));
    let other = company.0.read("root.pem");
    workshop.write("other.pem", &other);
    let besides = format!("{BEFORE}, alsoTrust: [other.pem]");
    workshop.say(&besides, &CLUSTERS);
    done(&workshop.build(&[]));
    assert_eq!(workshop.bundle("east")[0], format!("{own}{other}"));
    let shown = workshop.meshgen(&["ca", "show", "out"]).stdout;
    assert!(shown.contains("CN=Company root"), "{shown}");
    let requested = workshop.meshgen(&["ca", "show", "mesh.yaml"]).stdout;
    assert!(requested.contains("CN=Company root"), "{requested}");
    // The mesh's own root, named once more, is there once.
    workshop.write("other.pem", format!("{own}{other}"));
    done(&workshop.build(&[]));
    assert_eq!(workshop.bundle("east")[0], format!("{own}{other}"));
    workshop.say(BEFORE, &CLUSTERS);
    done(&workshop.build(&[]));
    assert_eq!(files(&workshop.path("out")), before);
    // From the seed to an authority of one's own: trust both, sign by the other, trust the other alone.
    workshop.write("other.pem", &other);
    workshop.say(&besides, &CLUSTERS);
    done(&workshop.build(&[]));
    workshop.run("cp", &["-r", company.0.path("pki").to_str().unwrap(), "pki"]);
    let both = format!("{own}{other}");
    for roots in [both, other] {
        for (cluster, _) in CLUSTERS {
            workshop.write(&format!("pki/{cluster}/root-cert.pem"), &roots);
        }
        workshop.say("authority: external, directory: pki", &CLUSTERS);
        done(&workshop.build(&[]));
    }
}

/// A root is replaced in three deliveries of the authority, and one cluster takes each of them first.
#[test]
fn the_roots_of_two_clusters_may_be_a_step_apart() {
    const OLD: &str = "  under   CN=Company root, O=Istio";
    const NEW: &str = "  under   CN=Company next, O=Istio";
    let company = Company::new();
    done(&company.0.build(&[]));
    assert!(!company.0.read("out/meshgen.lock").contains("trust of"));
    company.make("next", P256, ROOT, None, 3650);
    let (root, next) = (company.0.read("root.pem"), company.0.read("next.pem"));
    let both = format!("{root}{next}");
    let step = |cluster: &str, warning: Option<&str>, under: &[&str]| {
        let checked = company.0.meshgen(&["check", "mesh.yaml"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        match warning {
            Some(warning) => assert!(checked.stdout.contains(warning), "{checked:?}"),
            None => assert!(!checked.stdout.contains("unequal-roots"), "{cluster}: {checked:?}"),
        }
        done(&company.0.build(&[]));
        // Proxies of Istio 1.11 have to start anew where a root comes.
        let digests = Regex::new(" roots=[0-9a-f]{12}").unwrap();
        assert_eq!(digests.find_iter(&company.0.read("out/install.sh")).count(), under.len(), "{cluster}");
        for place in ["out", "mesh.yaml"] {
            let shown = company.0.meshgen(&["ca", "show", place]).stdout;
            assert_eq!(shown.contains("not trusted by"), warning.is_some(), "{shown}");
            let said: Vec<&str> = shown.lines().filter(|line| line.starts_with("  under")).collect();
            assert_eq!(said, under, "{place} {shown}");
        }
    };
    let early = Some("`west` does not trust `CN=Company next,O=Istio`");
    for (cluster, warning, under) in [("east", early, &[OLD][..]), ("west", None, &[OLD, OLD])] {
        company.put(cluster, "root-cert.pem", &both);
        step(cluster, warning, under);
    }
    for (cluster, under) in [("east", [NEW, OLD]), ("west", [NEW, NEW])] {
        company.make(&format!("{cluster}2"), P256, INTERMEDIATE, Some("next"), 730);
        company.deliver(cluster, &format!("{cluster}2"), "next");
        company.put(cluster, "root-cert.pem", &both);
        step(cluster, None, &under);
    }
    let late = Some("`west` does not trust `CN=Company root,O=Istio`");
    for (cluster, warning, under) in [("west", late, &[NEW][..]), ("east", None, &[])] {
        company.put(cluster, "root-cert.pem", &next);
        step(cluster, warning, under);
    }
    assert!(!company.0.read("out/meshgen.lock").contains("trust of"));
}

/// A Secret that SOPS encrypts has the roots beside the key, so that each of its ciphertexts is another when they change.
#[test]
fn a_ciphertext_is_another_because_the_roots_beside_it_are() {
    const FORMS: [&str; 2] = [
        "secrets: {form: sops, ageRecipients: [age1zpejrgxzskssg32j03pzex3t3w7t98c4ynx30g8kltxmk5auu44qh9j82f]}\n",
        "secrets: {form: externalSecrets, store: {name: mesh}}\n",
    ];
    for form in FORMS {
        let say = |certificates: &str| topology(certificates, &CLUSTERS) + form;
        let workshop = Workshop::with_seed(&say(BEFORE));
        workshop.run("git", &["init", "-q"]);
        workshop.write(".gitignore", "ca.seed\n");
        done(&workshop.build(&[]));
        for certificates in phases() {
            workshop.run("git", &["add", "-A"]);
            workshop.run("git", &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a phase"]);
            workshop.write("mesh.yaml", say(&certificates));
            done(&workshop.build(&[]));
            let said = workshop.build(&["--check", "--since", "HEAD"]);
            // A root that is new is for people to look at, and nothing else is.
            let lines: Vec<&str> = said.stdout.lines().collect();
            assert_eq!(lines.len(), usize::from(certificates.contains("trust")), "{said:?}");
            assert!(lines.iter().all(|line| line.starts_with("another root than in HEAD")), "{said:?}");
            let differs = workshop.meshgen(&["diff", "--since", "HEAD", "out"]).stdout;
            assert!(!differs.contains("another ciphertext"), "{differs}");
        }
    }
}
