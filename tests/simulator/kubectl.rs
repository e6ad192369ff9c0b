//! kubectl: what scripts ask and do with it.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::base64;
use crate::charts;
use crate::controllers;
use crate::external;
use crate::kinds::{self, KINDS, Kind};
use crate::kustomize;
use crate::managers;
use crate::query;
use crate::reconcile;
use crate::sail;
use crate::state::{Answer, Cluster, State, key, key_of, text};

/// The cluster of a controller that is in no cluster of the mesh.
pub(crate) const HUB: &str = "hub";

const VALUED: &[&str] = &[
    "--context",
    "--request-timeout",
    "-n",
    "--namespace",
    "-l",
    "--selector",
    "--field-selector",
    "-o",
    "--output",
    "-k",
    "-f",
    "--field-manager",
    "--for",
    "--timeout",
    "--raw",
    "--namespaced",
    "--verbs",
    "--cascade",
    "--type",
    "-p",
    "--cascade",
    "--from-file",
    "--dry-run",
];
const FLAGS: &[&str] = &[
    "-A",
    "--all",
    "--all-namespaces",
    "--ignore-not-found",
    "--watch",
    "--server-side",
    "--force-conflicts",
    "--overwrite",
    "--local",
];

/// What goes wrong, as the real program says it, or as something that it never would.
pub(crate) enum Refusal {
    Said(String),
    Strange(String),
}

type Outcome = Result<String, Refusal>;

fn said(text: impl Into<String>) -> Refusal {
    Refusal::Said(text.into())
}

fn strange(text: impl Into<String>) -> Refusal {
    Refusal::Strange(text.into())
}

pub(crate) fn run(state: &mut State, words: &[String]) -> Answer {
    let outcome = Arguments::parse(words, VALUED, FLAGS).map_err(strange).and_then(|arguments| call(state, &arguments));
    match outcome {
        Ok(out) => Answer::said(out),
        Err(Refusal::Said(err)) => Answer::refused(err),
        Err(Refusal::Strange(what)) => Answer::strange(what),
    }
}

fn call(state: &mut State, arguments: &Arguments) -> Outcome {
    if let ["kustomize", directory] = arguments.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let objects = kustomize::build(Path::new(directory)).map_err(said)?;
        return Ok(objects.iter().map(|object| format!("{object}\n")).collect());
    }
    let context = match arguments.get("--context") {
        Some(context) => context,
        // Where a controller runs, the README says, and no context is known to the tree.
        None if state.cluster(HUB).is_some() => HUB,
        None => return Err(strange("kubectl without --context")),
    };
    let context = context.to_owned();
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    if let ["label", ref labels @ ..] = words[..]
        && arguments.has("--local")
    {
        return label_local(labels);
    }
    if state.settings.dead.contains(&context) {
        return Err(said("Unable to connect to the server: dial tcp 192.0.2.1:6443: i/o timeout"));
    }
    let late = state.settings.late.clone();
    if state.cluster(&context).is_none() {
        return Err(said(format!("error: context \"{context}\" does not exist")));
    }
    let is_change = !matches!(words[..], ["get" | "api-resources" | "wait", ..] | ["rollout", "status", ..]);
    if is_change {
        state.load_all();
    }
    let cluster = state.cluster(&context).expect("the context is there");
    let outcome = match words[..] {
        ["get"] if arguments.has("--raw") => raw(cluster, arguments.get("--raw").unwrap_or_default()),
        ["get", types, ref names @ ..] => get(cluster, arguments, types, names),
        ["api-resources"] => api_resources(cluster, arguments),
        ["apply"] => apply(cluster, arguments),
        ["create", "secret", "generic", name] => create_secret(arguments, name),
        ["delete"] if arguments.has("-k") => delete_directory(cluster, arguments),
        ["delete", types, ref names @ ..] => delete(cluster, arguments, types, names),
        ["patch", types, ref names @ ..] => patch(cluster, arguments, types, names),
        ["annotate", types, ref names @ ..] => annotate(cluster, arguments, types, names),
        ["label", "namespace", name, ref labels @ ..] => label(cluster, name, labels),
        ["rollout", "restart", types, ref names @ ..] => restart(cluster, arguments, types, names),
        ["rollout", "status", name] => {
            let is_late = late.contains(&format!("{context} {name}"));
            status(cluster, arguments, name, is_late)
        }
        ["wait", "pods"] => wait_for_the_last(cluster, arguments),
        ["wait", ref names @ ..] => {
            let is_late = names.iter().any(|name| late.contains(&format!("{context} {name}")));
            wait_until_ready(cluster, arguments, names, is_late)
        }
        _ => Err(strange(format!("kubectl {}", words.join(" ")))),
    }?;
    if is_change {
        reconcile::all(state);
    }
    Ok(outcome)
}

fn namespace(arguments: &Arguments) -> &str {
    arguments.any(&["-n", "--namespace"]).unwrap_or("default")
}

fn raw(cluster: &Cluster, path: &str) -> Outcome {
    match path {
        "/readyz" => Ok("ok".to_owned()),
        path if path.ends_with("/proxy/health") => {
            let is_there = cluster.objects.contains_key(&key("Deployment", "istio-system", "zipkin"));
            if is_there {
                Ok("{\"status\":\"UP\"}".to_owned())
            } else {
                Err(said("Error from server (NotFound): services \"zipkin\" not found"))
            }
        }
        other => Err(strange(format!("get --raw {other}"))),
    }
}

fn kind(cluster: &Cluster, word: &str) -> Result<&'static Kind, Refusal> {
    let kind = kinds::by_word(word).ok_or_else(|| strange(format!("the kind {word}")))?;
    if kind.is_served(cluster) {
        Ok(kind)
    } else {
        Err(said(format!("error: the server doesn't have a resource type \"{word}\"")))
    }
}

/// The objects that a command line names: their keys.
fn named(cluster: &Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Result<Vec<String>, Refusal> {
    let is_everywhere = arguments.has("-A") || arguments.has("--all-namespaces");
    let mut found = Vec::new();
    // `gateway/one virtualservice/other`
    let (pairs, names): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains('/'));
    for word in types.split(',').chain(pairs) {
        let (word, name) = word.split_once('/').map_or((word, None), |(word, name)| (word, Some(name)));
        let kind = kind(cluster, word)?;
        let names: Vec<&str> = name.into_iter().chain(names.iter().copied()).collect();
        let place = if kind.is_namespaced { namespace(arguments) } else { "" };
        for name in &names {
            let key = key(kind.name, place, name);
            if cluster.objects.contains_key(&key) {
                found.push(key);
            } else if !arguments.has("--ignore-not-found") {
                return Err(said(format!("Error from server (NotFound): {} \"{name}\" not found", kind.full())));
            }
        }
        if !names.is_empty() {
            continue;
        }
        let wanted = arguments.get("--field-selector").map(|selector| {
            selector.strip_prefix("metadata.name=").ok_or_else(|| strange(format!("the field selector {selector}")))
        });
        let wanted = wanted.transpose()?;
        for (key, object) in &cluster.objects {
            let is_kind = text(object, "/kind") == kind.name;
            let is_here = is_everywhere || !kind.is_namespaced || text(object, "/metadata/namespace") == place;
            let is_named = wanted.is_none_or(|name| name == text(object, "/metadata/name"));
            if is_kind && is_here && is_named {
                let selector = arguments.any(&["-l", "--selector"]);
                let is_selected = selector.map(|selector| query::selects(selector, object.pointer("/metadata/labels")));
                if is_selected.transpose().map_err(strange)?.unwrap_or(true) {
                    found.push(key.clone());
                }
            }
        }
    }
    Ok(found)
}

fn get(cluster: &Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Outcome {
    let (keys, objects) = if types == "pods" {
        (Vec::new(), pods(cluster, arguments))
    } else {
        let keys = named(cluster, arguments, types, names)?;
        let objects = keys.iter().map(|key| with_time(cluster, &cluster.objects[key])).collect();
        (keys, objects)
    };
    let is_one = !names.is_empty() || types.contains('/');
    let root = match &objects[..] {
        [] if is_one => return Ok(String::new()),
        [object] if is_one => object.clone(),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": objects}),
    };
    let format = arguments.any(&["-o", "--output"]).unwrap_or_default();
    // Each object by itself; what comes later is not waited for.
    if let Some(("jsonpath", template)) = format.split_once('=').filter(|_| arguments.has("--watch")) {
        return objects.iter().map(|object| query::jsonpath(object, template).map_err(strange)).collect();
    }
    match format {
        "name" => Ok(keys.iter().map(|key| object_name(key) + "\n").collect()),
        "json" => Ok(root.to_string()),
        format => match format.split_once('=') {
            Some(("jsonpath", template)) => query::jsonpath(&root, template).map_err(strange),
            Some(("go-template", template)) => query::go_template(&root, template).map_err(strange),
            _ => Err(strange(format!("get -o {format}"))),
        },
    }
}

/// An object as an API server has it: who changed what of it, and when.
fn with_time(cluster: &Cluster, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(hour) = object.pointer("/simulator/changed/hour").and_then(Value::as_u64) {
        object["metadata"]["managedFields"] = json!([{"time": moment(cluster.hour - hour)}]);
    }
    object
}

/// The pods with a proxy, one for each Deployment: those of gateways, or those whose sidecar speaks mutual TLS.
fn pods(cluster: &Cluster, arguments: &Arguments) -> Vec<Value> {
    let is_of_gateways = arguments.any(&["-l"]).is_some_and(|selector| selector.starts_with("istio in "));
    let proxies = cluster.objects.values().filter_map(|object| {
        let hour = object.pointer("/simulator/startHour")?.as_u64()?;
        let is_gateway = text(object, "/metadata/namespace") == "istio-system";
        (is_gateway == is_of_gateways)
            .then(|| json!({"kind": "Pod", "status": {"startTime": moment(cluster.hour - hour)}}))
    });
    proxies.collect()
}

/// The moment some hours ago (RFC 3339).
#[allow(clippy::disallowed_methods, reason = "scripts compare it with the clock of the machine")]
fn moment(hours: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let moment = time::OffsetDateTime::from_unix_timestamp(i64::try_from(now - hours * 3600).unwrap()).unwrap();
    let (hour, minute, second) = moment.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", moment.date())
}

/// `deployment.apps/istiod`.
fn object_name(key: &str) -> String {
    let (kind, rest) = key.split_once('/').expect("a key has a kind");
    let name = rest.split_once('/').map_or(rest, |(_, name)| name);
    kinds::by_kind(kind).map_or_else(|| key.to_owned(), |kind| kind.named(name))
}

fn api_resources(cluster: &Cluster, arguments: &Arguments) -> Outcome {
    if arguments.any(&["-o"]) != Some("name") {
        return Err(strange("api-resources without -o name"));
    }
    let is_namespaced = arguments.get("--namespaced").map(|value| value == "true");
    let kinds = KINDS.iter().filter(|kind| kind.is_served(cluster));
    let kinds = kinds.filter(|kind| is_namespaced.is_none_or(|wanted| wanted == kind.is_namespaced));
    Ok(kinds.map(|kind| kind.full() + "\n").collect())
}

/// What a pipe brings.
pub(crate) static INPUT: LazyLock<String> = LazyLock::new(|| std::io::read_to_string(std::io::stdin()).unwrap());

fn stated(arguments: &Arguments) -> Result<Vec<Value>, Refusal> {
    match (arguments.get("-k"), arguments.get("-f")) {
        (Some(directory), None) => kustomize::build(Path::new(directory)).map_err(said),
        (None, Some(file)) if file != "-" => {
            let mut objects = Vec::new();
            for file in arguments.all("-f") {
                let text =
                    fs::read_to_string(file).map_err(|_| said(format!("error: the path \"{file}\" does not exist")))?;
                objects.extend(kustomize::documents(&text).map_err(said)?);
            }
            Ok(objects)
        }
        (None, Some("-")) => {
            let documents = kustomize::documents(&INPUT).map_err(said)?;
            let items = |document: Value| match document["items"].as_array() {
                Some(items) if text(&document, "/kind") == "List" => items.clone(),
                _ => vec![document],
            };
            Ok(documents.into_iter().flat_map(items).collect())
        }
        _ => Err(strange("apply wants -k DIRECTORY or -f FILE")),
    }
}

/// The kind of an object is not served.
fn no_match(object: &Value) -> Refusal {
    said(format!(
        "error: resource mapping not found for name: \"{}\": no matches for kind \"{}\" in version \"{}\"\n\
         ensure CRDs are installed first",
        text(object, "/metadata/name"),
        text(object, "/kind"),
        text(object, "/apiVersion")
    ))
}

fn apply(cluster: &mut Cluster, arguments: &Arguments) -> Outcome {
    let manager = arguments.get("--field-manager").filter(|_| arguments.has("--server-side"));
    let mut out = String::new();
    for object in stated(arguments)? {
        let (kind, name) = (text(&object, "/kind").to_owned(), text(&object, "/metadata/name").to_owned());
        let change = apply_object(cluster, object, manager, arguments.has("--force-conflicts"))?;
        let change = if arguments.has("--server-side") { "serverside-applied" } else { change };
        let named = kinds::by_kind(&kind).expect("the kind is known").named(&name);
        out += &format!("{named} {change}\n");
    }
    Ok(out)
}

/// Applies one object, in the name of a manager or as kubectl does by itself. What happened to it.
pub(crate) fn apply_object(
    cluster: &mut Cluster,
    object: Value,
    manager: Option<&str>,
    is_forced: bool,
) -> Result<&'static str, Refusal> {
    let kind = text(&object, "/kind").to_owned();
    if object.get("sops").is_some() {
        return Err(said("error: strict decoding error: unknown field \"sops\""));
    }
    let served = kinds::by_kind(&kind).ok_or_else(|| strange(format!("an object of the kind {kind}")))?;
    if !served.is_served(cluster) {
        return Err(no_match(&object));
    }
    let place = text(&object, "/metadata/namespace");
    if served.is_namespaced && !cluster.objects.contains_key(&key("Namespace", "", place)) {
        return Err(said(format!("Error from server (NotFound): namespaces \"{place}\" not found")));
    }
    // A Secret has one manager here, and what another gives up of it was never that one's.
    if kind == "Secret" && manager.is_some() && managers::is_given_up(&object) {
        return Ok("unchanged");
    }
    let change = match manager.filter(|_| kind != "Secret") {
        Some(manager) => managers::apply(cluster, object, manager, is_forced),
        None => put(cluster, object),
    };
    change.map_err(said)
}

/// Lays an object over the one that is there; annotations and labels of others stay. What happened to it.
pub(crate) fn put(cluster: &mut Cluster, mut object: Value) -> Result<&'static str, String> {
    if text(&object, "/kind") == "Secret" && object.get("type").is_none() {
        object["type"] = json!("Opaque");
    }
    if text(&object, "/kind") == "Secret"
        && let Some(texts) = object.as_object_mut().and_then(|fields| fields.remove("stringData"))
    {
        for (name, value) in texts.as_object().into_iter().flatten() {
            object["data"][name] = json!(base64::encoded(value.as_str().unwrap_or_default().as_bytes()));
        }
    }
    let kind = text(&object, "/kind").to_owned();
    let key = key(&kind, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
    let Some(old) = cluster.objects.get(&key) else {
        object["applied"] = applied(&object);
        cluster.objects.insert(key, object);
        return Ok("created");
    };
    let immutable: &[&str] = match kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" => &["/spec/selector"],
        "RoleBinding" | "ClusterRoleBinding" => &["/roleRef"],
        // It may come and go with the type.
        "Service" if old.pointer("/spec/type") == object.pointer("/spec/type") => &["/spec/loadBalancerClass"],
        _ => &[],
    };
    for path in immutable {
        if old.pointer(path) != object.pointer(path) {
            let field = path.trim_start_matches('/').replace('/', ".");
            let name = text(&object, "/metadata/name");
            return Err(format!("The {kind} \"{name}\" is invalid: {field}: Invalid value: field is immutable"));
        }
    }
    let applied = applied(&object);
    for field in ["annotations", "labels"] {
        // What was applied before and is no longer stated goes; what others wrote stays.
        let stated = &applied[field];
        let is_gone = |name: &&str| stated.as_array().is_none_or(|names| !names.contains(&json!(name)));
        let before: Vec<&str> =
            old["applied"][field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let gone: Vec<&str> = before.into_iter().filter(is_gone).collect();
        let mut merged = old["metadata"][field].as_object().cloned().unwrap_or_default();
        merged.extend(object["metadata"][field].as_object().cloned().unwrap_or_default());
        merged.retain(|name, _| !gone.contains(&name.as_str()));
        if !merged.is_empty() {
            object["metadata"][field] = Value::Object(merged);
        }
    }
    // What `rollout restart` wrote into the template stays, as with each other manager of fields.
    let restarted = old.pointer("/spec/template/metadata/annotations").and_then(|all| all.get(RESTARTED));
    if let Some(restarted) = restarted {
        object["spec"]["template"]["metadata"]["annotations"][RESTARTED] = restarted.clone();
    }
    // istiod writes what the API server is to trust.
    if let Some(kept) = old.pointer("/webhooks/0/clientConfig/caBundle")
        && object.pointer("/webhooks/0/clientConfig").is_some()
    {
        object["webhooks"][0]["clientConfig"]["caBundle"] = kept.clone();
    }
    // Kubernetes writes tokens, and who owns an object is not kubectl's to say.
    if text(&object, "/type") == "kubernetes.io/service-account-token" && object.get("data").is_none() {
        object["data"] = old["data"].clone();
    }
    if let Some(kept) = old["metadata"].get("ownerReferences") {
        object["metadata"]["ownerReferences"] = kept.clone();
    }
    for field in ["status", "simulator"] {
        if let Some(kept) = old.get(field) {
            object[field] = kept.clone();
        }
    }
    // Who states what is not kubectl's to say.
    if let Some(managers) = old.get("managers").filter(|_| object.get("managers").is_none()) {
        object["managers"] = managers.clone();
    }
    object["applied"] = applied;
    if *old == object {
        return Ok("unchanged");
    }
    cluster.objects.insert(key, object);
    Ok("configured")
}

/// The annotation with which `rollout restart` changes a template.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// The names of labels and annotations that an application states.
fn applied(object: &Value) -> Value {
    let names = |field: &str| -> Value {
        let fields = object["metadata"][field].as_object();
        fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    json!({"annotations": names("annotations"), "labels": names("labels")})
}

fn delete_directory(cluster: &mut Cluster, arguments: &Arguments) -> Outcome {
    let mut out = String::new();
    for object in stated(arguments)? {
        let kind = text(&object, "/kind");
        let served = kinds::by_kind(kind).ok_or_else(|| strange(format!("an object of the kind {kind}")))?;
        if !served.is_served(cluster) {
            return Err(no_match(&object));
        }
        let key = key(kind, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        if cluster.objects.contains_key(&key) {
            out += &removed(cluster, &key);
        } else if !arguments.has("--ignore-not-found") {
            return Err(said(format!("Error from server (NotFound): {key} not found")));
        }
    }
    Ok(out)
}

fn delete(cluster: &mut Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Outcome {
    let is_named = !names.is_empty() || types.contains('/');
    if !is_named && !arguments.has("-l") {
        return Err(strange("delete without a name or a selector"));
    }
    let keys = named(cluster, arguments, types, names)?;
    if keys.is_empty() && !is_named {
        return Ok("No resources found\n".to_owned());
    }
    let is_orphaning = match arguments.get("--cascade").filter(|cascade| *cascade != "foreground") {
        None => false,
        Some("orphan") => true,
        Some(other) => return Err(strange(format!("delete --cascade={other}"))),
    };
    Ok(keys.iter().map(|key| removed_with(cluster, key, is_orphaning)).collect())
}

/// Removes an object and what goes with it.
pub(crate) fn removed(cluster: &mut Cluster, removed: &str) -> String {
    removed_with(cluster, removed, false)
}

/// The same, where what it owns may stay.
fn removed_with(cluster: &mut Cluster, removed: &str, is_orphaning: bool) -> String {
    let Some(object) = cluster.objects.shift_remove(removed) else { return String::new() };
    let name = text(&object, "/metadata/name").to_owned();
    controllers::note_removal(cluster, &object);
    external::note_removal(cluster, &object, is_orphaning);
    match text(&object, "/kind") {
        "Namespace" => cluster.objects.retain(|_, object| text(object, "/metadata/namespace") != name),
        "ServiceAccount" if name == "istio-reader-service-account" => {
            let namespace = text(&object, "/metadata/namespace");
            cluster.objects.shift_remove(&key("Secret", namespace, reconcile::TOKEN));
        }
        "CustomResourceDefinition" => {
            let kind = KINDS.iter().find(|kind| kind.full() == name);
            cluster.objects.retain(|_, object| kind.is_none_or(|kind| text(object, "/kind") != kind.name));
        }
        _ => {}
    }
    format!("{} deleted\n", object_name(removed).replacen('/', " \"", 1) + "\"")
}

/// Lays what is given over objects, as a merge patch (RFC 7386) that removes nothing.
fn patch(cluster: &mut Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Outcome {
    let patch = arguments.get("-p").filter(|_| arguments.get("--type") == Some("merge"));
    let patch = patch.ok_or_else(|| strange("patch without --type=merge and -p"))?;
    let patch: Value = patch.parse().map_err(|error| said(format!("error: unable to parse {patch}: {error}")))?;
    let mut out = String::new();
    for key in named(cluster, arguments, types, names)? {
        charts::merge(cluster.objects.get_mut(&key).expect("it was found"), &patch);
        out += &format!("{} patched\n", object_name(&key));
    }
    Ok(out)
}

/// `name=value` sets an annotation, `name-` removes one.
fn annotate(cluster: &mut Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Outcome {
    let (names, changes): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|word| !word.contains('=') && !word.ends_with('-'));
    let mut out = String::new();
    for key in named(cluster, arguments, types, &names)? {
        for change in &changes {
            let annotations = &mut cluster.objects.get_mut(&key).expect("it was found")["metadata"]["annotations"];
            let Some((name, value)) = change.split_once('=') else {
                annotations.as_object_mut().and_then(|all| all.shift_remove(change.trim_end_matches('-')));
                continue;
            };
            if annotations.get(name).is_some() && !arguments.has("--overwrite") {
                return Err(said("error: --overwrite is false but found the following declared annotation(s)"));
            }
            annotations[name] = json!(value);
        }
        out += &format!("{} annotated\n", object_name(&key));
    }
    Ok(out)
}

/// Prints a Secret of a file, for `kubectl apply`.
fn create_secret(arguments: &Arguments, name: &str) -> Outcome {
    if arguments.get("--dry-run") != Some("client") || arguments.get("--from-file").is_none() {
        return Err(strange("create secret without --dry-run=client and --from-file"));
    }
    let metadata = json!({"name": name, "namespace": namespace(arguments)});
    Ok(format!("{}\n", json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})))
}

/// `name=value` sets a label, `name-` removes one.
fn label(cluster: &mut Cluster, name: &str, changes: &[&str]) -> Outcome {
    let Some(object) = cluster.objects.get_mut(&key("Namespace", "", name)) else {
        return Err(said(format!("Error from server (NotFound): namespaces \"{name}\" not found")));
    };
    let mut labels = object["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    for change in changes {
        match change.split_once('=') {
            Some((name, value)) => labels.insert(name.to_owned(), json!(value)),
            None => labels.shift_remove(change.trim_end_matches('-')),
        };
    }
    object["metadata"]["labels"] = Value::Object(labels);
    Ok(format!("namespace/{name} labeled\n"))
}

fn restart(cluster: &mut Cluster, arguments: &Arguments, types: &str, names: &[&str]) -> Outcome {
    let mut out = String::new();
    for key in named(cluster, arguments, types, names)? {
        let object = cluster.objects.get_mut(&key).expect("it was found");
        let count = object.pointer("/simulator/restarts").and_then(Value::as_u64).unwrap_or(0) + 1;
        object["simulator"]["restarts"] = json!(count);
        object["spec"]["template"]["metadata"]["annotations"][RESTARTED] = json!(count.to_string());
        out += &format!("{} restarted\n", object_name(&key));
    }
    Ok(out)
}

fn status(cluster: &Cluster, arguments: &Arguments, name: &str, is_late: bool) -> Outcome {
    let keys = named(cluster, arguments, name, &[])?;
    let object = &cluster.objects[&keys[0]];
    if is_late || object.pointer("/simulator/isReady") != Some(&json!(true)) {
        return Err(said("error: timed out waiting for the condition"));
    }
    Ok(format!("deployment \"{}\" successfully rolled out\n", text(object, "/metadata/name")))
}

/// Pods end where their workloads start anew; where none is left, kubectl is content.
fn wait_for_the_last(cluster: &Cluster, arguments: &Arguments) -> Outcome {
    let selector = arguments.any(&["-l", "--selector"]).unwrap_or_default();
    if arguments.get("--for") != Some("delete") || !arguments.has("-A") || arguments.get("--timeout").is_none() {
        return Err(strange("wait pods without -A, --for=delete and --timeout"));
    }
    for object in cluster.objects.values() {
        let mut labels = match text(object, "/simulator/started/revision") {
            "" => continue,
            revision => json!({"istio.io/rev": revision}),
        };
        if text(object, "/metadata/namespace") == "istio-system" {
            labels["operator.istio.io/component"] = json!("IngressGateways");
        }
        if query::selects(selector, Some(&labels)).map_err(strange)? {
            let name = text(object, "/metadata/name");
            return Err(said(format!("error: timed out waiting for the condition on pods/{name}-0")));
        }
    }
    Ok(String::new())
}

/// Waits for a condition of what is named or stated in a file.
fn wait_until_ready(cluster: &Cluster, arguments: &Arguments, names: &[&str], is_late: bool) -> Outcome {
    let condition = arguments.get("--for").and_then(|wanted| wanted.strip_prefix("condition="));
    let Some(condition) = condition.filter(|_| arguments.get("--timeout").is_some()) else {
        return Err(strange("wait without --for=condition=… and --timeout"));
    };
    let keys = match names.split_first() {
        Some((first, rest)) => named(cluster, arguments, first, rest)?,
        None => stated(arguments)?.iter().map(key_of).collect(),
    };
    if keys.is_empty() {
        return Err(said("error: no matching resources found"));
    }
    let mut out = String::new();
    for key in keys {
        let Some(object) = cluster.objects.get(&key) else {
            return Err(said(format!("Error from server (NotFound): {key} not found")));
        };
        let is_met = if sail::is_resource(object) {
            sail::is_met(object, condition)
        } else {
            object.pointer("/status/conditions/0") == Some(&json!({"type": condition, "status": "True"}))
        };
        if is_late || !is_met {
            return Err(said(format!("error: timed out waiting for the condition on {}", object_name(&key))));
        }
        out += &format!("{} condition met\n", object_name(&key));
    }
    Ok(out)
}

fn label_local(labels: &[&str]) -> Outcome {
    let mut out = String::new();
    for mut object in kustomize::documents(&INPUT).map_err(said)? {
        for label in labels {
            let (name, value) = label.split_once('=').ok_or_else(|| strange(format!("the label {label}")))?;
            object["metadata"]["labels"][name] = json!(value);
        }
        out += &serde_yaml::to_string(&object).map_err(|error| said(error.to_string()))?;
    }
    Ok(out)
}
