//! A tree and the simulated clusters that its scripts work on (`tests/simulator`).

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use meshgen::layout::{KEY, bundle_path};
use meshgen::lock::Lock;
use meshgen::source::Source;
use rustix::fs::StatVfsMountFlags;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Simulator {
    directory: TempDir,
}

/// What a script said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

/// The context of a controller that is in no cluster of the mesh.
pub(crate) const HUB: &str = "hub";

/// The program that stands in, which cargo builds beside the tests.
fn stand_in() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("examples/simulator");
    assert!(program.exists(), "run `cargo build --example simulator`, as `cargo test` does");
    program
}

/// A directory in memory, if the system has one with room and lets programs run there: an installation writes thousands of files.
fn temporary() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    static HAS_MEMORY: LazyLock<bool> = LazyLock::new(|| {
        rustix::fs::statvfs(MEMORY).is_ok_and(|system| {
            !system.f_flag.contains(StatVfsMountFlags::NOEXEC) && system.f_bavail * system.f_frsize > 1 << 30
        })
    });
    if *HAS_MEMORY { tempfile::tempdir_in(MEMORY).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Copies a directory, with the files of the other one under another name.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in super::entries(from) {
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            link(&path, &place);
        } else {
            fs::hard_link(path, place).unwrap();
        }
    }
}

/// The revision that a cluster's proxies are of; none where it has no name.
pub(crate) fn revision(cluster: &meshgen::lock::Cluster) -> Option<&str> {
    cluster.at_start.as_deref()?.split(' ').find_map(|word| word.strip_prefix("revision="))
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut name, byte| {
        write!(name, "{byte:02x}").unwrap();
        name
    })
}

impl Simulator {
    /// Empty clusters, and the tree of a topology.
    pub(crate) fn new(topology: &str) -> Self {
        let simulator = Self { directory: temporary() };
        for directory in ["programs", "state/clusters"] {
            fs::create_dir_all(simulator.path(directory)).unwrap();
        }
        for name in ["kubectl", "istioctl", "helm", "ip", "sops", "tick", "controllers"] {
            symlink(stand_in(), simulator.path("programs").join(name)).unwrap();
        }
        simulator.build(topology);
        simulator
    }

    /// Replaces the tree by that of a topology. Clusters that are new begin with the namespaces of Kubernetes and of a user.
    pub(crate) fn build(&self, topology: &str) -> &Self {
        let tree = super::compile(&super::of_tests(Source::new("topology.yaml", topology.as_bytes())));
        let _ = fs::remove_dir_all(self.path("out"));
        for (path, file) in tree.iter() {
            let path = self.path("made").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode.bits())).unwrap();
        }
        // A script that this process wrote may be open in a child of another test, and Linux runs no file that is open for writing.
        let done = super::program("cp").arg("-a").args([self.path("made"), self.path("out")]).status().unwrap();
        assert!(done.success());
        fs::remove_dir_all(self.path("made")).unwrap();
        self.furnish()
    }

    /// The same with the tree of another one.
    pub(crate) fn take_tree(&self, other: &Self) -> &Self {
        let _ = fs::remove_dir_all(self.path("out"));
        link(&other.path("out"), &self.path("out"));
        self.furnish()
    }

    fn furnish(&self) -> &Self {
        let lock = self.lock();
        self.set("version", json!(lock.istio.unwrap().version.to_string()));
        let workloads: Vec<&str> = lock.workloads.iter().map(String::as_str).chain(["shop"]).collect();
        let has_store = lock.steps.iter().any(|step| step.ends_with("/70-remote-access"));
        self.fill_the_store();
        for (name, cluster) in lock.clusters {
            let Some(context) = cluster.context.as_deref() else { continue };
            let is_new = self.found(context);
            let has = |file: &str| self.path("out").join(&name).join(file).exists();
            if has_store || has("20-cacerts/cacerts.external.yaml") {
                self.let_know_the_store(context);
            }
            let define = |name: &str| {
                self.put(context, &json!({"kind": "CustomResourceDefinition", "metadata": {"name": name}}));
            };
            if has("20-cacerts/cacerts.sealed.yaml") {
                define("sealedsecrets.bitnami.com");
            }
            if has("20-roots") {
                define("bundles.trust.cert-manager.io");
            }
            if fs::read_to_string(self.path("out").join(&name).join("30-istio/istio.yaml"))
                .is_ok_and(|text| text.starts_with("apiVersion: sailoperator.io/"))
            {
                self.install_operator(context);
            }
            if !is_new {
                continue;
            }
            for namespace in ["default", "kube-system"].iter().chain(&workloads) {
                self.put(context, &json!({"kind": "Namespace", "metadata": {"name": namespace}}));
            }
            // Its workloads are injected by the revision of the mesh.
            if let Some(revision) = revision(&cluster) {
                for namespace in &lock.workloads {
                    let metadata = json!({"name": namespace, "labels": {"istio.io/rev": revision}});
                    self.put(context, &json!({"kind": "Namespace", "metadata": metadata}));
                }
            }
            let labels = json!({"app": "reviews"});
            self.put(
                context,
                &json!({
                    "kind": "Deployment",
                    "metadata": {"name": "reviews", "namespace": "shop", "labels": labels},
                    "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
                }),
            );
        }
        self
    }

    /// Puts into the store what `meshgen ca export` gives of the tree's certificates.
    pub(crate) fn fill_the_store(&self) {
        let path = self.path("state/store.json");
        let mut store: Value =
            fs::read(&path).map_or_else(|_| json!({}), |bytes| serde_json::from_slice(&bytes).unwrap());
        for name in self.lock().clusters.keys() {
            let file = self.path("out").join(name).join("20-cacerts/cacerts.external.yaml");
            let Ok(text) = fs::read_to_string(file) else { continue };
            let object: Value = serde_yaml::from_str(&text).unwrap();
            let word = |path: &str| object.pointer(path).unwrap().as_str().unwrap().to_owned();
            let place = [word("/spec/secretStoreRef/name"), word("/spec/dataFrom/0/extract/key")].join(" ");
            store[place]["ca-key.pem"] = json!(format!("the key of {}", word("/spec/dataFrom/0/extract/key")));
        }
        fs::write(path, store.to_string()).unwrap();
    }

    /// Lets the External Secrets Operator run in a cluster.
    pub(crate) fn let_know_the_store(&self, context: &str) {
        for (kinds, version) in [("externalsecrets", "v1"), ("pushsecrets", "v1alpha1")] {
            let metadata = json!({"name": format!("{kinds}.external-secrets.io")});
            let spec = json!({"versions": [{"name": version}]});
            self.put(context, &json!({"kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}));
        }
    }

    /// Puts the Sail operator into a cluster, and the definitions that come with it.
    fn install_operator(&self, context: &str) {
        const MINIMAL: &str = include_str!("../../simulator/recorded/minimal.txt");
        let of_istio = MINIMAL.lines().filter_map(|line| line.strip_prefix("CustomResourceDefinition - "));
        let own = ["istios.sailoperator.io", "istiocnis.sailoperator.io", "istiorevisions.sailoperator.io"];
        let there = self.objects(context);
        let is_missing = |name: &&str| !there.contains_key(&format!("CustomResourceDefinition//{name}"));
        for name in of_istio.chain(own).filter(is_missing) {
            self.put(context, &json!({"kind": "CustomResourceDefinition", "metadata": {"name": name}}));
        }
        self.put(context, &json!({"kind": "Namespace", "metadata": {"name": "sail-operator"}}));
    }

    pub(crate) fn has(&self, context: &str) -> bool {
        self.cluster_file(context).exists()
    }

    /// Makes an empty cluster, unless it is there; whether it was made.
    pub(crate) fn found(&self, context: &str) -> bool {
        let is_new = !self.has(context);
        if is_new {
            fs::write(self.cluster_file(context), json!({"context": context, "objects": {}}).to_string()).unwrap();
        }
        is_new
    }

    /// Replaces what a repository holds by the tree, in a directory.
    pub(crate) fn push(&self, repository: &str, path: &str) {
        let directory = self.path("state/git").join(hexadecimal(repository));
        let revision = fs::read_to_string(directory.join("revision")).unwrap_or_default() + "+";
        let _ = fs::remove_dir_all(&directory);
        link(&self.path("out"), &directory.join(path));
        // The tree tells Git to ignore them.
        for cluster in self.lock().clusters.keys() {
            let _ = fs::remove_file(directory.join(path).join(bundle_path(cluster, KEY)));
        }
        fs::write(directory.join("revision"), revision).unwrap();
    }

    /// Lets controllers do what Git says.
    pub(crate) fn let_controllers_work(&self) {
        let said = self.finish(&mut super::program(self.path("programs/controllers")));
        assert_eq!(said.code, Some(0), "{}", said.text);
    }

    /// Puts a script in the place of a program.
    pub(crate) fn stand_in(&self, name: &str, script: &str) {
        let installed = self.path("programs").join(name);
        let _ = fs::remove_file(&installed);
        self.made(&installed, script);
    }

    /// Makes a program, of which this process has never had a file open.
    fn made(&self, installed: &Path, script: &str) {
        fs::create_dir_all(self.path("made")).unwrap();
        let made = self.path("made").join(installed.file_name().unwrap());
        fs::write(&made, script).unwrap();
        fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(super::program("cp").arg("-a").args([&made, installed]).status().unwrap().success());
        fs::remove_dir_all(self.path("made")).unwrap();
    }

    pub(crate) fn lock(&self) -> Lock {
        fs::read_to_string(self.path("out/meshgen.lock")).unwrap().parse().unwrap()
    }

    /// The same tree and clusters once more. Nobody writes into a tree, so that links are enough.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { directory: temporary() };
        link(&self.path("programs"), &copy.path("programs"));
        link(&self.path("out"), &copy.path("out"));
        fs::create_dir_all(copy.path("state/clusters")).unwrap();
        if self.path("state/git").exists() {
            link(&self.path("state/git"), &copy.path("state/git"));
        }
        for directory in ["state", "state/clusters"] {
            for file in super::entries(&self.path(directory)).iter().filter(|path| path.is_file()) {
                fs::copy(file, copy.path(directory).join(file.file_name().unwrap())).unwrap();
            }
        }
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn settings(&self) -> Value {
        let read = fs::read(self.path("state/settings.json"));
        read.map_or_else(|_| json!({}), |bytes| serde_json::from_slice(&bytes).unwrap())
    }

    /// Changes a setting of the simulator.
    pub(crate) fn set(&self, name: &str, value: Value) {
        let mut settings = self.settings();
        settings[name] = value;
        fs::write(self.path("state/settings.json"), settings.to_string()).unwrap();
    }

    /// Lets a call fail: `fails`, `times-out` or `silent`.
    pub(crate) fn fail(&self, number: usize, how: &str) {
        self.set("fault", json!([number, how]));
    }

    pub(crate) fn heal(&self) {
        self.set("fault", Value::Null);
    }

    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> Said {
        // From another directory: a script finds its tree by itself.
        let mut command = super::program(self.path("out").join(script));
        self.finish(command.args(arguments).current_dir(self.directory.path()))
    }

    /// Types commands in the directory of the tree, until one fails.
    pub(crate) fn follow(&self, commands: &str) -> Said {
        self.finish(super::program("bash").args(["-euo", "pipefail", "-c", commands]).current_dir(self.path("out")))
    }

    /// Types commands in the directory that has the tree.
    pub(crate) fn type_beside(&self, commands: &str) -> Said {
        self.finish(
            super::program("bash").args(["-euo", "pipefail", "-c", commands]).current_dir(self.directory.path()),
        )
    }

    fn finish(&self, command: &mut Command) -> Said {
        let path = format!("{}:{}", self.path("programs").display(), std::env::var("PATH").unwrap());
        let output: Output = command.env("PATH", path).env("SIMULATOR", self.path("state")).output().unwrap();
        let said = Said {
            code: output.status.code(),
            text: format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        };
        let violations = fs::read_to_string(self.path("state/violations")).unwrap_or_default();
        assert_eq!(violations, "", "{command:?}: {}", said.text);
        said
    }

    /// Lets a day pass, in halves: a proxy takes another certificate after twelve hours.
    pub(crate) fn pass_a_day(&self) {
        self.tick(12);
        self.tick(12);
    }

    /// Lets hours pass, a few at a time: proxies take certificates at different hours.
    pub(crate) fn pass(&self, hours: u64) {
        for begun in (0..hours).step_by(3) {
            self.tick((hours - begun).min(3));
        }
    }

    /// Lets what was set come into effect.
    pub(crate) fn settle(&self) {
        self.tick(0);
        self.changes();
    }

    fn tick(&self, hours: u64) {
        self.set("hour", json!(self.hour() + hours));
        assert_eq!(self.finish(&mut super::program(self.path("programs/tick"))).code, Some(0));
    }

    /// How many hours have passed.
    pub(crate) fn hour(&self) -> u64 {
        self.settings()["hour"].as_u64().unwrap_or(0)
    }

    /// Changes a script of the tree.
    pub(crate) fn rewrite(&self, script: &str, change: impl Fn(String) -> String) {
        let path = self.path("out").join(script);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after);
        fs::remove_file(&path).unwrap();
        self.made(&path, &after);
    }

    /// Runs a script that has to succeed; what it called.
    #[track_caller]
    pub(crate) fn calls(&self, script: &str, arguments: &[&str]) -> Vec<String> {
        self.called();
        let said = self.run(script, arguments);
        assert_eq!(said.code, Some(0), "{}", said.text);
        self.called()
    }

    /// The calls since this was asked last: the program and its words.
    pub(crate) fn called(&self) -> Vec<String> {
        self.taken("state/calls")
    }

    /// The same of the calls that changed a cluster.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.taken("state/changes")
    }

    fn taken(&self, file: &str) -> Vec<String> {
        let path = self.path(file);
        let calls = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let calls = calls.lines().map(|line| serde_json::from_str::<(String, Vec<String>)>(line).unwrap());
        calls.map(|(program, words)| format!("{program} {}", words.join(" "))).collect()
    }

    fn cluster_file(&self, context: &str) -> PathBuf {
        self.path("state/clusters").join(hexadecimal(context))
    }

    /// The same cluster is reached through another context from now on.
    pub(crate) fn rename_context(&self, old: &str, new: &str) {
        let mut cluster = self.cluster(old);
        cluster["context"] = json!(new);
        fs::remove_file(self.cluster_file(old)).unwrap();
        fs::write(self.cluster_file(new), cluster.to_string()).unwrap();
        for entry in fs::read_dir(self.path("state/clusters")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let named = ["context", "istiod"].iter().fold(text, |text, field| {
                let [old, new] = [old, new].map(|context| format!("\"{field}\":{}", json!(context)));
                text.replace(&old, &new)
            });
            let mut cluster: Value = serde_json::from_str(&named).unwrap();
            for object in cluster["objects"].as_object_mut().unwrap().values_mut() {
                let knows = object.pointer_mut("/simulator/connection/knows").and_then(Value::as_array_mut);
                knows.into_iter().flatten().filter(|known| **known == old).for_each(|known| *known = json!(new));
            }
            fs::write(path, cluster.to_string()).unwrap();
        }
    }

    fn cluster(&self, context: &str) -> Value {
        serde_json::from_slice(&fs::read(self.cluster_file(context)).unwrap()).unwrap()
    }

    /// The objects of a cluster, by `Kind/namespace/name`.
    pub(crate) fn objects(&self, context: &str) -> serde_json::Map<String, Value> {
        self.cluster(context)["objects"].as_object().unwrap().clone()
    }

    pub(crate) fn object(&self, context: &str, key: &str) -> Option<Value> {
        self.objects(context).remove(key)
    }

    /// Puts an object into a cluster, or replaces it.
    pub(crate) fn put(&self, context: &str, object: &Value) {
        let text = |path| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let key = [text("/kind"), text("/metadata/namespace"), text("/metadata/name")].join("/");
        let mut cluster = self.cluster(context);
        cluster["objects"][key] = object.clone();
        fs::write(self.cluster_file(context), cluster.to_string()).unwrap();
    }

    pub(crate) fn remove(&self, context: &str, key: &str) {
        let mut cluster = self.cluster(context);
        assert!(cluster["objects"].as_object_mut().unwrap().shift_remove(key).is_some(), "{key}");
        fs::write(self.cluster_file(context), cluster.to_string()).unwrap();
    }
}
