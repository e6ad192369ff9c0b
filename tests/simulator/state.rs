//! Clusters in files, one for each context, under a lock for each call: scripts call in parallel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What the program says and how it ends.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: u8,
    /// A call that the real program would not understand, or that no script should make.
    pub(crate) is_strange: bool,
    /// It wrote down that it was called, and changed nothing else.
    pub(crate) is_idle: bool,
}

impl Answer {
    pub(crate) fn said(out: impl Into<String>) -> Self {
        Self { out: out.into(), ..Self::default() }
    }

    pub(crate) fn refused(err: impl Into<String>) -> Self {
        Self { err: err.into() + "\n", code: 1, ..Self::default() }
    }

    pub(crate) fn strange(what: impl Into<String>) -> Self {
        Self { err: format!("simulator: {}\n", what.into()), code: 97, is_strange: true, ..Self::default() }
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    Fails,
    TimesOut,
    /// It does nothing, says nothing, and succeeds.
    Silent,
}

/// What a test decides, in `settings.json`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    /// The version of istioctl.
    pub(crate) version: String,
    /// The call that fails, counted from 1, and how.
    pub(crate) fault: Option<(usize, Fault)>,
    /// Contexts whose API server does not answer.
    pub(crate) dead: Vec<String>,
    /// `CONTEXT deployment/NAME`: what does not get ready.
    pub(crate) late: Vec<String>,
    /// The addresses of load balancers, by context.
    pub(crate) balancers: BTreeMap<String, String>,
    /// How many hours have passed.
    pub(crate) hour: u64,
}

/// A cluster: its objects by `Kind/namespace/name`.
pub(crate) struct Cluster {
    pub(crate) context: String,
    pub(crate) objects: Map<String, Value>,
    /// How many hours have passed.
    pub(crate) hour: u64,
    /// The text of its file, to see what changed.
    before: String,
}

impl Cluster {
    /// Reads a file. `Value` is parsed by code of `serde_json`, which is optimised where that of this program is not.
    fn read(path: &Path, hour: u64) -> Option<Self> {
        let before = fs::read_to_string(path).ok()?;
        let mut value: Value = before.parse().unwrap();
        let Value::Object(objects) = value["objects"].take() else { panic!("a cluster has objects") };
        Some(Self { context: text(&value, "/context").to_owned(), objects, hour, before })
    }
}

pub(crate) struct State {
    directory: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// What the store has of all clusters, by place and property.
    pub(crate) store: Value,
    is_loaded: bool,
    _lock: File,
}

impl State {
    pub(crate) fn open() -> Self {
        let directory = PathBuf::from(std::env::var("SIMULATOR").expect("SIMULATOR names the directory of the state"));
        let lock = File::create(directory.join("lock")).unwrap();
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
        let settings = fs::read(directory.join("settings.json")).map(|bytes| serde_json::from_slice(&bytes).unwrap());
        let settings = settings.unwrap_or_default();
        Self { directory, settings, clusters: BTreeMap::new(), store: json!({}), is_loaded: false, _lock: lock }
    }

    /// Writes a call down; how it fails, if a test wants it.
    pub(crate) fn record(&self, program: &str, words: &[String]) -> Option<Fault> {
        self.append("calls", &format!("{}\n", json!([program, words])));
        let (at, how) = self.settings.fault?;
        let number = fs::read_to_string(self.directory.join("calls")).unwrap().lines().count();
        (at == number).then_some(how)
    }

    /// The cluster of a context.
    pub(crate) fn cluster(&mut self, context: &str) -> Option<&mut Cluster> {
        if !self.clusters.contains_key(context) {
            let cluster = Cluster::read(&self.file(context), self.settings.hour)?;
            self.clusters.insert(context.to_owned(), cluster);
        }
        self.clusters.get_mut(context)
    }

    /// All clusters, which see each other's gateways. A call that changes anything needs this.
    pub(crate) fn load_all(&mut self) {
        if std::mem::replace(&mut self.is_loaded, true) {
            return;
        }
        for entry in fs::read_dir(self.directory.join("clusters")).unwrap() {
            let cluster = Cluster::read(&entry.unwrap().path(), self.settings.hour).unwrap();
            self.clusters.entry(cluster.context.clone()).or_insert(cluster);
        }
        if let Ok(text) = fs::read_to_string(self.directory.join(STORE)) {
            self.store = text.parse().unwrap();
        }
    }

    pub(crate) fn node(&self) -> PathBuf {
        self.directory.join("node.json")
    }

    /// Writes what changed, and which call changed it.
    pub(crate) fn close(mut self, program: &str, words: &[String], answer: &Answer) {
        let mut is_changed = false;
        if self.is_loaded && self.store != json!({}) {
            fs::write(self.directory.join(STORE), self.store.to_string()).unwrap();
        }
        // Most calls only ask, and most of their time would go into the text of what they read.
        let written = if self.is_loaded { std::mem::take(&mut self.clusters) } else { BTreeMap::new() };
        for (context, cluster) in written {
            let mut after = json!({"context": context});
            after["objects"] = Value::Object(cluster.objects);
            let after = after.to_string();
            if after != cluster.before {
                fs::write(self.file(&context), after).unwrap();
                // A cluster that nobody asked for a change comes to rest by itself.
                let options = [format!("--context={context}"), format!("--kube-context={context}")];
                is_changed |= !answer.is_idle && options.iter().any(|option| words.contains(option));
            }
        }
        if is_changed {
            // What came through a pipe is told by its name.
            let is_piped = words.iter().any(|word| word == "-");
            let name = answer.out.split(' ').next().filter(|_| is_piped).map(str::to_owned);
            let words: Vec<String> = words.iter().cloned().chain(name).collect();
            self.append("changes", &format!("{}\n", json!([program, words])));
        }
        if answer.is_strange {
            self.append("violations", &answer.err);
        }
    }

    /// The directory with what was pushed to a repository.
    pub(crate) fn repository(&self, url: &str) -> PathBuf {
        self.directory.join("git").join(hexadecimal(url))
    }

    /// Notes what a controller changed.
    pub(crate) fn note(&self, program: &str, words: &[String]) {
        self.append("changes", &format!("{}\n", json!([program, words])));
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.directory.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Contexts hold any characters.
    fn file(&self, context: &str) -> PathBuf {
        self.directory.join("clusters").join(hexadecimal(context))
    }
}

const STORE: &str = "store.json";

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut name, byte| {
        write!(name, "{byte:02x}").unwrap();
        name
    })
}

/// The name of an object in a cluster.
pub(crate) fn key(kind: &str, namespace: &str, name: &str) -> String {
    [kind, namespace, name].join("/")
}

/// The name of an object as it stands in its cluster.
pub(crate) fn key_of(object: &Value) -> String {
    key(text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// A text at a path of an object; empty where there is none. `Value::pointer` takes twice the time, and this is asked of each object.
pub(crate) fn text<'o>(object: &'o Value, path: &str) -> &'o str {
    let step = |value: &'o Value, key: &str| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ if key.contains('~') => value.get(key.replace("~1", "/")),
        _ => value.get(key),
    };
    path.split('/').skip(1).try_fold(object, step).and_then(Value::as_str).unwrap_or_default()
}
