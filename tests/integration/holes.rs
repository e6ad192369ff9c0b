//! One mistake hides no rule that does not depend on it, and makes none say what is not so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;

use meshgen::diagnostic::{Diagnostic, FieldPath, Findings, Place, Segment, Severity};
use meshgen::load;
use meshgen::source::Source;
use serde_json::{Map, Value, json};

use crate::common;

/// The rules of shape: what they find is the mistake itself.
const SHAPE: [&str; 4] = ["unknown-field", "missing-field", "wrong-type", "invalid-value"];

/// Rules that tell of several places at once: without one of them they tell of the others.
const TOGETHER: [&str; 4] =
    ["documentation-address", "duplicate-name", "overlapping-ranges", "single-node-service-route"];

/// So many other values are tried in the place of one.
const OTHERS: usize = 2;

type Path = Vec<Segment>;

fn texts() -> Vec<PathBuf> {
    let mut paths = common::topologies();
    for directory in common::entries(&common::repository().join("tests/check")) {
        paths.extend(common::entries(&directory));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths
}

/// Topologies without mistakes of shape, by their files.
fn topologies() -> Vec<(String, Value)> {
    let read = |path: PathBuf| {
        let value = load::to_value(&Source::new("", fs::read(&path).unwrap())).ok()?;
        let is_whole = check(&value).list.iter().all(|finding| !SHAPE.contains(&finding.rule));
        is_whole.then(|| (path.strip_prefix(common::repository()).unwrap().display().to_string(), value))
    };
    texts().into_iter().filter_map(read).collect()
}

fn check(topology: &Value) -> Findings {
    let source = common::of_tests(Source::new("mesh.yaml", meshgen::yaml::print(topology)));
    meshgen::check_on(&source, "2028-06-01".parse().unwrap(), Vec::new())
}

/// The fields of a value, without those that only Istio knows.
fn fields(value: &Value, path: &mut Path, found: &mut Vec<Path>) {
    let is_free = path.last().is_some_and(|last| ["meshConfig", "values"].map(key).contains(last));
    let inside: Vec<(Segment, &Value)> = match value {
        Value::Object(fields) if !is_free => fields.iter().map(|(name, value)| (key(name), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (Segment::Index(at), item)).collect(),
        _ => Vec::new(),
    };
    for (segment, value) in inside {
        path.push(segment);
        found.push(path.clone());
        fields(value, path, found);
        path.pop();
    }
}

fn key(name: &str) -> Segment {
    Segment::Key(name.to_owned().into())
}

fn at<'v>(value: &'v mut Value, path: &[Segment]) -> &'v mut Value {
    path.iter().fold(value, |value, segment| match segment {
        Segment::Index(index) => &mut value[*index],
        Segment::Key(key) => &mut value[key.as_ref()],
    })
}

fn with(topology: &Value, path: &[Segment], value: Value) -> Value {
    let mut topology = topology.clone();
    *at(&mut topology, path) = value;
    topology
}

/// The topology with another name of a field, or without the field.
fn renamed(topology: &Value, path: &[Segment], name: Option<&str>) -> Option<Value> {
    let (Segment::Key(last), parent) = path.split_last()? else { return None };
    let mut topology = topology.clone();
    let fields = at(&mut topology, parent).as_object_mut()?;
    *fields = std::mem::take(fields)
        .into_iter()
        .filter_map(|(key, value)| if key == *last { Some((name?.to_owned(), value)) } else { Some((key, value)) })
        .collect::<Map<String, Value>>();
    Some(topology)
}

/// The ways to break a field, so that its value is not known.
fn broken(topology: &Value, path: &[Segment]) -> Vec<(&'static str, Value)> {
    let is_scalar = !matches!(at(&mut topology.clone(), path), Value::Object(_) | Value::Array(_));
    let wrong = with(topology, path, if is_scalar { json!([]) } else { json!(1) });
    let mut broken = vec![("wrong type", wrong)];
    // The keys of annotations are not fields.
    if let [parent @ .., Segment::Key(name)] = path
        && parent.last() != Some(&key("serviceAnnotations"))
    {
        broken.extend(
            renamed(topology, path, Some(&format!("{name}{}", &name[name.len() - 1..]))).map(|it| ("slip", it)),
        );
        broken.extend(renamed(topology, path, Some("zyzzyx")).map(|it| ("other name", it)));
    }
    broken
}

fn shape(path: &[Segment]) -> String {
    let plain: Vec<Segment> = path
        .iter()
        .map(|segment| if let Segment::Index(_) = segment { Segment::Index(0) } else { segment.clone() })
        .collect();
    FieldPath::from(plain.as_slice()).to_string()
}

/// The values that stand anywhere at each field.
fn pool(topologies: &[(String, Value)]) -> BTreeMap<String, Vec<Value>> {
    let mut pool: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (_, topology) in topologies {
        let mut paths = Vec::new();
        fields(topology, &mut Vec::new(), &mut paths);
        for path in paths {
            let values = pool.entry(shape(&path)).or_default();
            let value = at(&mut topology.clone(), &path).clone();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    pool
}

fn places(finding: &Diagnostic) -> impl Iterator<Item = &[Segment]> {
    finding.labels.iter().filter_map(|label| match &label.place {
        Place::Field(path) | Place::Key(path) => Some(path.segments()),
        _ => None,
    })
}

fn touches(finding: &Diagnostic, hole: &[Segment]) -> bool {
    places(finding).any(|place| place.starts_with(hole) || hole.starts_with(place))
}

/// Whether a finding is one of others, or a part of one.
fn is_among(finding: &Diagnostic, others: &[Diagnostic]) -> bool {
    let first = places(finding).next();
    others.iter().filter(|other| other.rule == finding.rule).any(|other| {
        if TOGETHER.contains(&finding.rule) {
            first.is_none_or(|first| places(other).any(|place| place == first))
        } else {
            other.message == finding.message && places(other).next() == first
        }
    })
}

fn is_unchecked(findings: &Findings, rule: &str) -> bool {
    findings.unchecked.iter().any(|unchecked| unchecked.rules.contains(&rule))
}

/// What is wrong with what is said of a broken topology, compared with a whole one that it may have been.
fn faults(whole: &Findings, holed: &Findings, hole: &[Segment]) -> Vec<String> {
    let mut faults = Vec::new();
    for finding in holed.list.iter().filter(|finding| !SHAPE.contains(&finding.rule)) {
        let is_refused = |error: &&Diagnostic| {
            error.severity == Severity::Error && places(finding).any(|place| places(error).next() == Some(place))
        };
        let is_silent = is_unchecked(whole, finding.rule) || whole.list.iter().any(|error| is_refused(&error));
        if !is_among(finding, &whole.list) && !is_silent {
            faults.push(format!("says {}: {}", finding.rule, finding.message));
        }
    }
    for finding in whole.list.iter().filter(|finding| !touches(finding, hole)) {
        if !is_among(finding, &holed.list) && !is_unchecked(holed, finding.rule) {
            faults.push(format!("hides {}: {}", finding.rule, finding.message));
        }
    }
    faults
}

/// What is wrong with what is said of every broken copy of a topology.
fn faults_of(name: &str, topology: &Value, pool: &BTreeMap<String, Vec<Value>>, all: &mut BTreeSet<String>) -> usize {
    let original = check(topology);
    let mut paths = Vec::new();
    fields(topology, &mut Vec::new(), &mut paths);
    // The first two of a list stand for all.
    paths.retain(|path| path.iter().all(|segment| !matches!(segment, Segment::Index(2..))));
    let mut compared = 0;
    for path in paths {
        let others = pool[&shape(&path)].iter().take(OTHERS).map(|value| with(topology, &path, value.clone()));
        let mut others: Vec<Findings> = others.map(|other| check(&other)).collect();
        others.push(original.clone());
        let without: Vec<Findings> = renamed(topology, &path, None).iter().map(check).collect();
        let is_whole = |findings: &&Findings| findings.list.iter().all(|finding| !SHAPE.contains(&finding.rule));
        for (how, broken) in broken(topology, &path) {
            let holed = check(&broken);
            if holed.list.iter().all(|finding| !SHAPE.contains(&finding.rule)) {
                continue;
            }
            // With another name, the field may as well not be there.
            let absent = if how == "other name" { without.as_slice() } else { &[] };
            for whole in others.iter().chain(absent).filter(is_whole) {
                compared += 1;
                let field = FieldPath::from(path.as_slice());
                all.extend(
                    faults(whole, &holed, &path).into_iter().map(|fault| format!("{name}: {field} ({how}) {fault}")),
                );
            }
        }
    }
    compared
}

/// By default, few topologies are tried, others each time.
#[test]
fn a_mistake_hides_only_what_depends_on_it_and_invents_nothing() {
    let mut topologies = topologies();
    let pool = pool(&topologies);
    fastrand::shuffle(&mut topologies);
    topologies.truncate(common::share(usize::MAX, 6));
    let halves = topologies.split_at(topologies.len() / 2);
    let work = |half: &[(String, Value)]| {
        let mut faults = BTreeSet::new();
        let compared: usize = half.iter().map(|(name, topology)| faults_of(name, topology, &pool, &mut faults)).sum();
        (compared, faults)
    };
    let ((compared, mut faults), other) = thread::scope(|scope| {
        let other = scope.spawn(|| work(halves.1));
        (work(halves.0), other.join().unwrap())
    });
    faults.extend(other.1);
    let count = faults.len();
    assert!(faults.is_empty(), "{count} of {} comparisons:\n{}", compared + other.0, Vec::from_iter(faults).join("\n"));
    assert!(compared > 0);
}

/// A mesh with all that rules are about.
const MESH: &str = r#"
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1, trustDomain: corp.example}
istio: {version: 1.30.3, profile: demo}
kubernetes: {version: "1.32"}
certificates: {issuedOn: 2028-05-01, intermediatesIssuedOn: 2028-05-02}
tracing: {zipkin: {cluster: east, samplingPercent: 100, gatewayPort: 15019, nodePort: 30001}}
workloads: {namespaces: [shop]}
networks:
  - {name: lan, podRouting: static}
  - {name: cloud}
clusters:
  - name: east
    network: lan
    context: admin@east
    apiServer: https://10.0.2.10:6443
    serviceCIDR: 10.68.0.0/16
    nodes: [{address: 10.0.2.11, podCIDR: 172.20.0.0/24}]
    eastWestGateway: {externalIPs: [10.0.2.11], serviceAnnotations: {example.com/pool: a}}
  - name: west
    network: lan
    controlPlane: east
    apiServer: https://10.0.2.20:6443
    nodes: [{address: 10.0.2.21, podCIDR: 172.20.1.0/24}]
  - name: north
    network: cloud
    apiServer: https://10.0.3.10:6443
    eastWestGateway: {address: gateway.corp.internal}
"#;

/// The rules that are not applied if a part of the mesh is written differently.
fn unchecked(part: &str, instead: &str) -> Vec<&'static str> {
    assert!(MESH.matches(part).count() == 1, "{part}");
    let source = Source::new("mesh.yaml", MESH.replace(part, instead));
    let findings = meshgen::check_on(&source, "2028-06-01".parse().unwrap(), Vec::new());
    assert!(meshgen::has_errors(&findings.list));
    findings.unchecked.into_iter().flat_map(|unchecked| unchecked.rules).collect()
}

#[test]
fn what_few_rules_go_by_stops_few_rules() {
    for (part, instead, rules) in [
        ("samplingPercent: 100", "samplingPercent: x", &[][..]),
        (
            "podCIDR: 172.20.1.0/24",
            "podCIDR: 172.20.1.0/44",
            &["address-inside-range", "unclear-range", "overlapping-ranges"],
        ),
        ("version: \"1.32\"", "version: 1.32", &["kubernetes-version"]),
        ("example.com/pool: a", "example.com/pool: 1", &[]),
        ("namespaces: [shop]", "namespaces: [Shop]", &["workload-namespace"]),
        ("context: admin@east", "context: 1", &["duplicate-context"]),
        ("nodePort: 30001", "nodePort: x", &["unusable-node-port"]),
        ("profile: demo", "porfile: demo", &["remote-cni", "full-sampling"]),
        ("id: mesh1", "id: 1", &[]),
        ("address: gateway.corp.internal", "address: a b", &["duplicate-address"]),
    ] {
        assert_eq!(unchecked(part, instead), rules, "{instead}");
    }
}

#[test]
fn what_many_rules_go_by_stops_no_others() {
    let (part, instead) = ("controlPlane: east", "controlplane: east");
    let rules = unchecked(part, instead);
    assert!(rules.contains(&"chained-control-plane") && rules.contains(&"expiring-certificate"), "{rules:?}");
    for independent in ["overlapping-ranges", "duplicate-address", "shared-gateway", "known-bug", "end-of-life"] {
        assert!(!rules.contains(&independent), "{rules:?}");
    }
    // What is not there cannot have been meant to be checked.
    assert!(!rules.contains(&"unusable-collector-address") && !rules.contains(&"remote-mesh-config"), "{rules:?}");
}
