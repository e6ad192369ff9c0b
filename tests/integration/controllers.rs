//! What Argo CD and Flux are told: the plan's order, and files that are there.

use std::collections::{BTreeMap, BTreeSet};

use meshgen::lock::Lock;
use meshgen::source::Source;
use meshgen::tree::Tree;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::common;
use crate::generator::{self, Generated};

/// The steps that a controller takes, as `cluster/directory`.
struct Steps {
    /// In the order of the plan.
    planned: Vec<String>,
    /// Each with those that it waits for, by itself or through others.
    after: BTreeMap<String, BTreeSet<String>>,
}

fn documents(tree: &Tree, path: &str) -> Vec<Value> {
    let text = std::str::from_utf8(&tree.get(path).unwrap_or_else(|| panic!("{path} is not there")).bytes).unwrap();
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Every object that a controller reads, from the lists of its kustomizations.
fn objects(tree: &Tree, controller: &str) -> Vec<Value> {
    let lists: Vec<&str> = tree
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with(&format!("{controller}/")) && path.ends_with("/kustomization.yaml"))
        .collect();
    assert!(!lists.is_empty());
    lists
        .iter()
        .flat_map(|list| {
            let directory = list.strip_suffix("kustomization.yaml").unwrap();
            let kustomization = documents(tree, list).remove(0);
            let files = kustomization["resources"].as_array().unwrap().clone();
            files.into_iter().flat_map(move |file| documents(tree, &format!("{directory}{}", file.as_str().unwrap())))
        })
        .collect()
}

/// The step of a path in the repository.
fn step(root: &str, path: &str) -> String {
    let path = path.trim_start_matches("./");
    if root == "." { path.to_owned() } else { path.strip_prefix(&format!("{root}/")).unwrap().to_owned() }
}

fn steps(generated: &Generated, tree: &Tree) -> Option<Steps> {
    let gitops = generated.value.get("gitops")?;
    let (controller, root) = (gitops["controller"].as_str().unwrap(), gitops["path"].as_str().unwrap());
    let objects = objects(tree, controller);
    let lock: Lock = String::from_utf8(tree.get("meshgen.lock").unwrap().bytes.clone()).unwrap().parse().unwrap();
    let is_in_git = !generated.value["secrets"]["form"].is_null();
    let is_for_people = |step: &&String| {
        ["remote-secrets.sh", "routes.sh", "restart"].iter().any(|artifact| step.ends_with(artifact))
            || step.ends_with("20-cacerts") && !is_in_git
    };
    let planned: Vec<String> = lock.steps.iter().filter(|step| !is_for_people(step)).cloned().collect();
    let mut after = BTreeMap::new();
    if controller == "flux" {
        let kustomizations: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Kustomization").collect();
        let of_name: BTreeMap<&str, String> = kustomizations
            .iter()
            .map(|object| (text(object, "/metadata/name"), step(root, text(object, "/spec/path"))))
            .collect();
        let direct: BTreeMap<&str, Vec<&str>> = kustomizations
            .iter()
            .map(|object| {
                let needed = object["spec"]["dependsOn"].as_array().into_iter().flatten();
                (text(object, "/metadata/name"), needed.map(|needed| text(needed, "/name")).collect())
            })
            .collect();
        for name in of_name.keys() {
            let (mut found, mut left) = (BTreeSet::new(), direct[name].clone());
            while let Some(needed) = left.pop() {
                assert!(of_name.contains_key(needed), "{name} waits for {needed}, which is not there");
                assert_ne!(needed, *name, "{name} waits for itself");
                if found.insert(of_name[needed].clone()) {
                    left.extend(&direct[needed]);
                }
            }
            after.insert(of_name[name].clone(), found);
        }
    } else {
        let applications = objects.iter().filter(|object| object["kind"] == "Application");
        let waves: Vec<(String, u32)> = applications
            .map(|object| {
                let values = object.pointer("/spec/sources/0/helm/valueFiles/0").and_then(Value::as_str);
                let path = values.map(|path| path.strip_prefix("$values/").unwrap().rsplit_once('/').unwrap().0);
                let path = path.unwrap_or_else(|| text(object, "/spec/source/path"));
                let wave = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str().unwrap();
                (step(root, path), wave.parse().unwrap())
            })
            .collect();
        for (name, wave) in &waves {
            let before = waves.iter().filter(|(_, other)| other < wave);
            after.insert(name.clone(), before.map(|(other, _)| other.clone()).collect());
        }
    }
    Some(Steps { planned, after })
}

/// What each step needs, said without the plan: of its own cluster, and of its primary.
fn check_order(generated: &Generated, tree: &Tree) {
    let Some(steps) = steps(generated, tree) else { return };
    assert_eq!(
        steps.after.keys().cloned().collect::<BTreeSet<String>>(),
        steps.planned.iter().cloned().collect::<BTreeSet<String>>(),
        "a step is not applied, or one that is not planned is"
    );
    let is_hub = generated.value["gitops"]["hub"] == true;
    for (name, after) in &steps.after {
        let (cluster, directory) = name.split_once('/').unwrap();
        let needs = |needed: String| {
            if steps.after.contains_key(&needed) {
                assert!(after.contains(&needed), "{name} does not wait for {needed}");
            }
        };
        if directory > "10-namespace" {
            needs(format!("{cluster}/10-namespace"));
        }
        if directory >= "30-istio" {
            needs(format!("{cluster}/20-cacerts"));
            needs(format!("{cluster}/20-roots"));
        }
        if directory > "30-istio" {
            needs(format!("{cluster}/30-istio"));
        }
        if directory == "50-exposure" {
            needs(format!("{cluster}/40-eastwest-gateway"));
        }
        if directory == "80-remote-secrets" && is_hub {
            for other in generated.value["clusters"].as_array().unwrap() {
                let other = other["name"].as_str().unwrap();
                for needed in ["10-namespace", "70-remote-access"].iter().filter(|_| other != cluster) {
                    // One that waits for an address is not read yet.
                    if steps.after.contains_key(&format!("{other}/70-remote-access")) {
                        needs(format!("{other}/{needed}"));
                    }
                }
            }
        }
        let own = generated.value["clusters"].as_array().unwrap().iter().find(|own| own["name"] == cluster).unwrap();
        let primary = own["controlPlane"].as_str().filter(|primary| *primary != cluster);
        if let Some(primary) = primary.filter(|_| is_hub && directory >= "30-istio") {
            for needed in ["30-istio", "40-eastwest-gateway", "50-exposure"] {
                needs(format!("{primary}/{needed}"));
            }
        }
        if let Some(primary) = primary.filter(|_| is_hub && directory == "40-eastwest-gateway") {
            needs(format!("{primary}/80-remote-secrets"));
        }
        assert!(!after.iter().any(|other| other.ends_with("/45-gateways")), "{name} waits for an ordinary gateway");
        // Whatever comes before in Git comes before in the plan.
        let position = |step: &str| steps.planned.iter().position(|other| other == step).unwrap();
        for other in after.iter().filter(|other| generated.value["gitops"]["controller"] == "flux" && *other != name) {
            assert!(position(other) < position(name), "{name} waits for {other}, which comes later");
        }
    }
}

/// Whatever is named is there: files of values, directories, and releases that others wait for.
fn check_names(generated: &Generated, tree: &Tree) {
    let Some(gitops) = generated.value.get("gitops") else { return };
    let (controller, root) = (gitops["controller"].as_str().unwrap(), gitops["path"].as_str().unwrap());
    let mut names = BTreeSet::new();
    for object in objects(tree, controller) {
        let name = text(&object, "/metadata/name").to_owned();
        assert!(name.len() <= 63, "{name} is no value of a label");
        assert!(
            names.insert((object["kind"].to_string(), name.clone(), text(&object, "/metadata/namespace").to_owned()))
                || gitops["hub"] == false,
            "{name} is there twice"
        );
        let sources = object["spec"]["sources"].as_array().into_iter().flatten();
        for file in sources.flat_map(|source| source["helm"]["valueFiles"].as_array().cloned().unwrap_or_default()) {
            let file = step(root, file.as_str().unwrap().strip_prefix("$values/").unwrap());
            assert!(tree.get(&file).is_some(), "{file} is not there");
        }
        let path = object.pointer("/spec/path").or_else(|| object.pointer("/spec/source/path"));
        if let Some(path) = path.and_then(Value::as_str) {
            let list = format!("{}/kustomization.yaml", step(root, path));
            assert!(tree.get(&list).is_some(), "{list} is not there");
        }
    }
    for (path, _) in tree.iter().filter(|(path, _)| path.ends_with("/helmreleases.yaml")) {
        let releases = documents(tree, path);
        let names: Vec<&str> = releases.iter().map(|release| text(release, "/metadata/name")).collect();
        for release in &releases {
            for needed in release["spec"]["dependsOn"].as_array().into_iter().flatten() {
                assert!(names.contains(&text(needed, "/name")), "{path}: {needed}");
            }
            for values in release["spec"]["valuesFrom"].as_array().unwrap() {
                let file = path.replace("helmreleases.yaml", text(values, "/valuesKey"));
                assert!(tree.get(&file).is_some(), "{file} is not there");
            }
        }
    }
}

/// A remote of the Sail operator gets ready only after its primary has its remote secret, so that whatever waits for it waits for ever.
#[test]
fn nothing_waits_until_a_remote_of_the_sail_operator_is_ready() {
    let case = common::repository().join("tests/diff/sail-argocd-to-flux");
    let [argocd, flux] = ["before.yaml", "after.yaml"].map(|file| common::compile(&common::read(&case.join(file))));
    let checks = |cluster: &str| -> Vec<String> {
        let steps = documents(&flux, &format!("flux/{cluster}.yaml"));
        let step = steps.iter().find(|step| text(step, "/spec/path").ends_with("/30-istio")).unwrap();
        assert_eq!(step["spec"]["wait"], false, "{step}");
        let checks = step["spec"]["healthChecks"].as_array().unwrap();
        checks.iter().map(|check| format!("{}/{}", text(check, "/kind"), text(check, "/name"))).collect()
    };
    assert_eq!(checks("east"), ["Istio/default", "IstioRevision/default", "Deployment/istiod"]);
    assert_eq!(checks("west"), ["MutatingWebhookConfiguration/istio-sidecar-injector"]);
    let settings = documents(&argocd, "argocd/settings.yaml").remove(0);
    let health = settings["data"]["resource.customizations.health.sailoperator.io_Istio"].as_str().unwrap();
    assert!(health.contains("obj.spec.profile == \"remote\" then\n  wanted = \"Reconciled\"\n"), "{health}");
    let project = documents(&argocd, "argocd/project.yaml").remove(0);
    let kinds = project["spec"]["clusterResourceWhitelist"].as_array().unwrap();
    for kind in ["Istio", "IstioCNI"] {
        assert!(kinds.iter().any(|known| known["group"] == "sailoperator.io" && known["kind"] == kind), "{kind}");
    }
    // Nothing is read from a repository of charts.
    assert!(documents(&flux, "flux/sources.yaml").iter().all(|source| source["kind"] != "HelmRepository"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn controllers_keep_to_the_order_of_the_plan(generated in generator::controlled()) {
        let tree = common::compile(&common::of_tests(Source::new("random.yaml", generated.text.as_bytes())));
        check_order(&generated, &tree);
        check_names(&generated, &tree);
    }
}
