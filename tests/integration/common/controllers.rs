//! What people do where a controller applies a tree, and a repository to push it to.

use std::fs;

use meshgen::source::Source;
use serde_json::{Value, json};

use super::simulator::{HUB, Simulator};

/// Where a controller reads a tree, and what it needs to know.
pub(crate) struct Delivery {
    repository: String,
    path: String,
    namespace: String,
    /// The clusters that have the controller.
    homes: Vec<String>,
    /// The name of each cluster's Secret, and the cluster's context.
    registered: Vec<(String, String)>,
}

/// The kinds that controllers serve.
const DEFINITIONS: [&str; 6] = [
    "applications.argoproj.io",
    "appprojects.argoproj.io",
    "gitrepositories.source.toolkit.fluxcd.io",
    "helmreleases.helm.toolkit.fluxcd.io",
    "helmrepositories.source.toolkit.fluxcd.io",
    "kustomizations.kustomize.toolkit.fluxcd.io",
];

impl Delivery {
    /// How a topology wants its tree to be delivered; nothing without a controller.
    pub(crate) fn of(source: &Source) -> Option<Self> {
        let topology: Value = serde_yaml::from_str(&source.text()).unwrap();
        let delivery = topology.get("gitops")?;
        let word = |field: &str| delivery[field].as_str().map(str::to_owned);
        let usual = if word("controller")? == "argocd" { "argocd" } else { "flux-system" };
        let clusters = topology["clusters"].as_array().unwrap();
        let known = clusters.iter().map(|cluster| {
            let name = cluster["name"].as_str().unwrap();
            let told = |value: &Value| value.as_str().unwrap_or(name).to_owned();
            (told(&cluster["gitops"]["name"]), told(&cluster["context"]))
        });
        let registered: Vec<(String, String)> = known.collect();
        let is_hub = delivery["hub"] != json!(false);
        let homes =
            if is_hub { vec![HUB.to_owned()] } else { registered.iter().map(|(_, context)| context.clone()).collect() };
        Some(Self {
            repository: word("repository")?,
            path: word("path")?,
            namespace: word("namespace").unwrap_or_else(|| usual.to_owned()),
            homes,
            registered,
        })
    }

    /// Whether another topology wants the same controllers in the same places.
    pub(crate) fn is_as(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| (&self.namespace, &self.homes) == (&other.namespace, &other.homes))
    }

    /// Lets the controller run where it is to run, and tells it the clusters.
    pub(crate) fn prepare(&self, simulator: &Simulator) {
        for home in &self.homes {
            simulator.found(home);
            let named = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
            for definition in DEFINITIONS {
                simulator.put(home, &named("CustomResourceDefinition", definition));
            }
            simulator.put(home, &named("Namespace", &self.namespace));
            for (name, context) in &self.registered {
                let metadata = json!({"name": name, "namespace": self.namespace});
                simulator
                    .put(home, &json!({"kind": "Secret", "metadata": metadata, "simulator": {"context": context}}));
            }
        }
    }

    /// Pushes the tree in the place of what was in the repository.
    pub(crate) fn push(&self, simulator: &Simulator) {
        simulator.push(&self.repository, &self.path);
    }

    /// Does what the README of the tree says, with the controller in between.
    pub(crate) fn install(&self, simulator: &Simulator) {
        self.prepare(simulator);
        self.push(simulator);
        let readme = fs::read_to_string(simulator.path("out/README.md")).unwrap();
        let (_, rest) = readme.split_once("\n## From Git to the clusters\n").expect("the README has the section");
        let (section, _) = rest.split_once("\n## ").expect("another section comes");
        for block in section.split("```sh\n").skip(1) {
            let (commands, _) = block.split_once("```").expect("a block ends");
            let said = simulator.follow(commands);
            assert_eq!(said.code, Some(0), "{commands}\n{}", said.text);
            simulator.let_controllers_work();
        }
    }
}
