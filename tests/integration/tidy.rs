//! The repository keeps its own rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in common::entries(directory) {
        if path.is_dir() {
            found.append(&mut files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[test]
fn every_rule_is_in_the_table() {
    let table = fs::read_to_string(common::repository().join("src/check.rs")).unwrap();
    let mut rules = common::entries(&common::repository().join("src/check"));
    // What rules look at and go by, and what is allowed.
    rules.retain(|path| {
        !["beside", "context", "controller", "holes", "ranges", "reads", "allowed"].contains(&stem(path))
    });
    for rule in rules {
        let module = stem(&rule);
        assert!(table.contains(&format!("    {module}::CHECK,")), "{module} is in no row of CHECKS");
        let text = fs::read_to_string(&rule).unwrap();
        let name = module.replace('_', "-");
        let named = regex::Regex::new(&format!(
            r#"Rule::(error|warning)\("{name}",\s+include_str!\("../../docs/rules/{name}.md"\)\)"#
        ));
        assert!(named.unwrap().is_match(&text), "{module} has another name or page than its file");
    }
}

/// The modules in the order of ARCHITECTURE.md's table: each uses only those above it. `lib` is what src/lib.rs itself holds.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(common::repository().join("ARCHITECTURE.md")).unwrap();
    let name = regex::Regex::new("`([a-z]+)`").unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| module |")).skip(2);
    let cells = table.take_while(|line| line.starts_with('|')).map(|row| row.split('|').nth(1).unwrap());
    cells.flat_map(|cell| name.captures_iter(cell).map(|found| found[1].to_owned())).collect()
}

/// A file's text without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<&str>>().join("\n")
}

/// The first names behind `root::` in a file's paths, `root::{a::b, c}` included.
fn names_behind(root: &str, code: &str) -> BTreeSet<String> {
    let path = regex::Regex::new(&format!(r"\b{root}::(\w+|\{{[^;]*\}};)")).unwrap();
    let inner = regex::Regex::new(r"\{[^{}]*\}").unwrap();
    let mut names = BTreeSet::new();
    for found in path.captures_iter(code) {
        let mut list = found[1].trim_end_matches(';').to_owned();
        if list.starts_with('{') {
            list = list[1..list.len() - 1].to_owned();
            while inner.is_match(&list) {
                list = inner.replace_all(&list, "").into_owned();
            }
        }
        let first = |item: &str| item.trim().split([':', ' ']).next().unwrap_or_default().to_owned();
        names.extend(list.split(',').map(first).filter(|name| !name.is_empty()));
    }
    names
}

#[test]
fn a_module_uses_only_those_above_it_in_the_table() {
    let modules = modules();
    let source = common::repository().join("src");
    let known: BTreeSet<String> = common::entries(&source).iter().map(|path| stem(path).to_owned()).collect();
    let listed: BTreeSet<String> = modules.iter().cloned().chain(["main".to_owned()]).collect();
    assert_eq!(listed, known, "ARCHITECTURE.md's table and the modules of src");
    let position = |name: &str| modules.iter().position(|module| module == name).unwrap();
    let mut against = BTreeSet::new();
    for path in files(&source, "rs") {
        let module = path.strip_prefix(&source).unwrap().iter().next().map(|first| stem(Path::new(first))).unwrap();
        if module == "main" {
            continue;
        }
        for name in names_behind("crate", &code(&path)) {
            let used = if modules.contains(&name) { name.as_str() } else { "lib" };
            if position(used) > position(module) {
                against.insert((module.to_owned(), used.to_owned()));
            }
        }
    }
    assert!(against.is_empty(), "against the order of ARCHITECTURE.md: {against:#?}");
}

#[test]
fn the_files_of_a_module_form_no_circle() {
    let reexport = regex::Regex::new(r"(?m)^(?:pub(?:\(\w+\))? )?use (?:self::)?(\w+)::(\w+|\{[^;]*\});").unwrap();
    let mut circles = BTreeMap::new();
    for parent in files(&common::repository().join("src"), "rs") {
        let directory = parent.with_extension("");
        if !directory.is_dir() {
            continue;
        }
        let siblings: Vec<PathBuf> = files(&directory, "rs");
        let siblings: Vec<&PathBuf> = siblings.iter().filter(|path| path.parent() == Some(&directory)).collect();
        let is_file = |name: &str| siblings.iter().any(|path| stem(path) == name);
        // What the parent takes from a file, the others have from `super`.
        let mut homes: BTreeMap<String, String> = BTreeMap::new();
        for found in reexport.captures_iter(&code(&parent)).filter(|found| is_file(&found[1])) {
            let names = names_behind("x", &format!("x::{};", &found[2]));
            homes.extend(names.into_iter().map(|name| (name, found[1].to_owned())));
        }
        let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for path in &siblings {
            let names = names_behind("super", &code(path)).into_iter();
            let used = names.map(|name| homes.get(&name).cloned().unwrap_or(name)).filter(|name| is_file(name));
            uses.insert(stem(path), used.filter(|name| name != stem(path)).collect());
        }
        // Files that use nothing which is left go, until nothing changes: a circle stays.
        while let Some(free) = uses.iter().find(|(_, used)| used.is_empty()).map(|(name, _)| *name) {
            uses.remove(free);
            for used in uses.values_mut() {
                used.remove(free);
            }
        }
        if !uses.is_empty() {
            let directory = directory.strip_prefix(common::repository()).unwrap().to_str().unwrap();
            circles.insert(directory.to_owned(), format!("{uses:?}"));
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn every_artifact_is_in_a_table() {
    for module in ["artifact", "emit"] {
        let table = fs::read_to_string(common::repository().join(format!("src/{module}.rs"))).unwrap();
        for artifact in common::entries(&common::repository().join("src").join(module)) {
            let name = stem(&artifact);
            // readme/ is a part of its page.
            if artifact.is_file() {
                assert!(table.contains(&format!("{name}::")), "{name} is emitted by nobody");
            }
        }
    }
}

#[test]
fn every_topology_tells_editors_its_schema_and_people_what_it_shows() {
    let topologies = common::topologies();
    assert!(!topologies.is_empty());
    for topology in topologies {
        let text = fs::read_to_string(&topology).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("# yaml-language-server: $schema=../schemas/topology.schema.json"),
            "{}",
            topology.display()
        );
        assert!(
            lines.next().is_some_and(|line| line.starts_with("# ") && line.ends_with('.')),
            "{}",
            topology.display()
        );
    }
}

#[test]
fn sources_are_short_and_finished() {
    for path in files(&common::repository().join("src"), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() <= 450, "{} is long: what is its second idea?", path.display());
        for word in ["TODO", "FIXME", "XXX"] {
            assert!(!text.contains(word), "{} is not finished: {word}", path.display());
        }
    }
}

#[test]
fn no_merge_is_half_done() {
    let output = Command::new("git").args(["grep", "-lE", "^(<{7}|>{7}) "]).current_dir(common::repository()).output();
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), "");
}

#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    let mut pages = files(&common::repository().join("docs"), "md");
    pages.extend(
        common::entries(common::repository())
            .into_iter()
            .filter(|path| path.extension().is_some_and(|other| other == "md")),
    );
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in link.captures_iter(&text).map(|captures| captures[1].to_owned()) {
            let is_elsewhere = target.contains("://");
            assert!(is_elsewhere || page.parent().unwrap().join(&target).exists(), "{}: {target}", page.display());
        }
    }
}

/// Packages that are linked into the program, each with its features.
fn linked() -> BTreeMap<String, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--edges=normal", "--prefix=none", "--format={p}|{f}"]);
    let output = cargo.current_dir(common::repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (package, features) = line.split_once('|').unwrap();
            (package.split(' ').next().unwrap().to_owned(), features.trim_end_matches(" (*)").to_owned())
        })
        .collect()
}

/// clippy.toml refuses the standard library's sockets, clocks and random numbers; this, those of libraries.
#[test]
fn nothing_is_linked_that_talks_makes_random_numbers_or_reads_the_clock() {
    const REFUSED: [&str; 31] = [
        "async-io",
        "async-std",
        "aws-lc-rs",
        "chrono",
        "coarsetime",
        "curl",
        "fastrand",
        "hickory-resolver",
        "hyper",
        "iana-time-zone",
        "isahc",
        "jiff",
        "mio",
        "native-tls",
        "oorandom",
        "openssl",
        "quanta",
        "quinn",
        "rand",
        "rand_chacha",
        "rand_pcg",
        "reqwest",
        "ring",
        "rustls",
        "smol",
        "socket2",
        "tokio",
        "tungstenite",
        "ureq",
        "uuid",
        "web-time",
    ];
    let linked = linked();
    assert!(linked.contains_key("meshgen"), "{linked:?}");
    for name in REFUSED {
        assert!(
            !linked.contains_key(name),
            "{name} is linked: `cargo tree --edges=normal --invert {name}` says by whom"
        );
    }
    for (name, feature) in
        [("rustix", "net"), ("rustix", "rand"), ("rustix", "time"), ("time", "local-offset"), ("time", "rand")]
    {
        assert!(!linked[name].split(',').any(|enabled| enabled == feature), "{name} has the feature {feature}");
    }
    for name in ["p256", "p384", "rsa", "rcgen", "x509-cert", "hkdf", "rand_core"] {
        let is_random =
            |feature: &str| feature.contains("getrandom") || feature.contains("os_rng") || feature == "crypto";
        assert!(!linked[name].split(',').any(is_random), "{name} has the features {}", linked[name]);
    }
}

#[test]
fn the_operating_systems_random_numbers_are_for_a_new_seed_alone() {
    let version = fs::read_to_string(common::repository().join("Cargo.toml")).unwrap();
    let version = regex::Regex::new(r#"(?m)^getrandom = "(.*)"$"#).unwrap().captures(&version).unwrap()[1].to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--edges=normal", "--prefix=depth", "--format={p}", "--invert"]);
    let output = cargo.arg(format!("getrandom@{version}")).current_dir(common::repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let users: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('1')).collect();
    assert!(matches!(users[..], [user] if user.starts_with("meshgen ")), "{users:?}");
    let namers = files(&common::repository().join("src"), "rs");
    let namers: Vec<&PathBuf> =
        namers.iter().filter(|path| fs::read_to_string(path).unwrap().contains("getrandom::")).collect();
    assert_eq!(namers, [&common::repository().join("src/cli/ca.rs")]);
}

#[test]
fn packages_of_npm_have_a_checksum_and_come_from_its_registry() {
    let text = fs::read_to_string(common::repository().join("tools/node/package-lock.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&text).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    let packages: Vec<(&String, &serde_json::Value)> = packages.iter().filter(|(name, _)| !name.is_empty()).collect();
    assert!(!packages.is_empty());
    for (name, package) in packages {
        assert!(package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-")), "{name} has no checksum");
        let place = package["resolved"].as_str().unwrap_or("https://registry.npmjs.org/");
        assert!(place.starts_with("https://registry.npmjs.org/"), "{name} comes from {place}");
    }
}

#[test]
fn ci_runs_every_part_of_make_check_as_a_job_of_its_own() {
    let makefile = fs::read_to_string(common::repository().join("Makefile")).unwrap();
    let check = regex::Regex::new("(?m)^check: ([a-z ]+) ## ").unwrap().captures(&makefile).unwrap()[1].to_owned();
    let workflow = fs::read_to_string(common::repository().join(".github/workflows/ci.yml")).unwrap();
    let workflow: serde_json::Value = serde_yaml::from_str(&workflow).unwrap();
    let jobs = workflow["jobs"]["make"]["strategy"]["matrix"]["target"].as_array().unwrap();
    // A part that needs the judges installs them.
    for part in check.split(' ').filter(|part| *part != "tools") {
        assert!(jobs.iter().any(|job| job == part), "no job of ci.yml runs `make {part}`");
    }
    for job in jobs {
        assert!(makefile.contains(&format!("\n{}: ", job.as_str().unwrap())), "the Makefile has no target {job}");
    }
}

#[test]
fn the_toolchain_of_a_release_is_one_version_that_cargo_toml_allows() {
    let workflow = fs::read_to_string(common::repository().join(".github/workflows/release.yml")).unwrap();
    let pin = regex::Regex::new(r"(?m)^  RUSTUP_TOOLCHAIN: 1\.(\d+)\.\d+$").unwrap();
    let pins: Vec<u32> = pin.captures_iter(&workflow).map(|found| found[1].parse().unwrap()).collect();
    let oldest = env!("CARGO_PKG_RUST_VERSION").split('.').nth(1).unwrap().parse().unwrap();
    assert!(matches!(pins[..], [pinned] if pinned >= oldest), "{pins:?}");
}
