//! Measures whole builds, beside `cp -r` of the same tree in the same run. `make bench` prints the table.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark measures time, runs programs and prints"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use meshgen::diagnostic::Findings;
use meshgen::disk::{self, Barrier, Claim, Writer};
use meshgen::mesh::Mesh;
use meshgen::pki::{Authority, Seed, Seeds};
use meshgen::source::Source;
use nix::sys::resource::{UsageWho, getrusage};

/// What the mesh means to be so, as a team allows it once.
const ALLOW: &str = ", allow: [{rule: shared-gateway, reason: bench}, {rule: single-node-service-route, reason: bench}, \
                     {rule: plaintext-collector, reason: bench}, {rule: end-of-life, reason: bench}]";

/// A tenth of the clusters are primaries, five clusters share a network with static routes.
fn topology(clusters: usize) -> String {
    let mut text = format!(
        "apiVersion: meshgen/v1\nkind: Topology\nmesh: {{id: mesh1{ALLOW}}}\nistio: {{version: 1.11.8, profile: demo}}\n\
         certificates: {{issuedOn: 2026-11-01}}\ntracing: {{zipkin: {{cluster: cluster0}}}}\nworkloads: {{namespaces: [shop]}}\nnetworks:\n"
    );
    for network in 0..clusters.div_ceil(5) {
        writeln!(text, "  - {{name: network{network}, podRouting: static}}").unwrap();
    }
    text += "clusters:\n";
    for cluster in 0..clusters {
        let (high, low) = (cluster / 250, cluster % 250);
        let network = cluster / 5;
        // The nodes of a network are neighbours.
        let node = |node: usize| format!("10.{}.{}.{}", network / 250, network % 250, cluster % 5 * 10 + node);
        writeln!(text, "  - name: cluster{cluster}\n    network: network{network}").unwrap();
        let primary = cluster / 10 * 10;
        if primary != cluster {
            writeln!(text, "    controlPlane: cluster{primary}").unwrap();
        }
        let first = node(1);
        writeln!(
            text,
            "    apiServer: https://{first}:6443\n    serviceCIDR: 100.{}.{low}.0/24\n    nodes:",
            64 + high
        )
        .unwrap();
        for number in 1..=3 {
            let (address, pods) = (node(number), number * 64);
            writeln!(text, "      - {{address: {address}, podCIDR: 172.{}.{low}.{pods}/26}}", 16 + high).unwrap();
        }
        if cluster % 5 == 0 {
            writeln!(text, "    eastWestGateway: {{externalIPs: [{first}]}}").unwrap();
        }
    }
    text
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let time = start.elapsed();
    assert!(status.success());
    time
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// Bytes and files below a directory.
fn size(directory: &Path) -> (u64, usize) {
    fs::read_dir(directory).unwrap().fold((0, 0), |(bytes, files), entry| {
        let entry = entry.unwrap();
        let (more, count) = if entry.file_type().unwrap().is_dir() {
            size(&entry.path())
        } else {
            (entry.metadata().unwrap().len(), 1)
        };
        (bytes + more, files + count)
    })
}

/// The time of issuing and proving every intermediate, as a build does it.
fn certificates(text: &str, seed: &Seed) -> Duration {
    let source = Source::new("bench.yaml", text);
    let checked = meshgen::read(&source, &mut Findings::default()).unwrap();
    let mesh = Mesh::resolve(&checked);
    let authority = Authority::from(seed.clone());
    let start = Instant::now();
    std::hint::black_box(authority.answer(&mesh).unwrap());
    start.elapsed()
}

/// How many certificates a build over the standing tree signs.
fn issued_again(text: &str, seed: &Seed, out: &Utf8Path) -> usize {
    let source = Source::new("bench.yaml", text);
    let checked = meshgen::read(&source, &mut Findings::default()).unwrap();
    let standing = disk::read_standing(out).unwrap();
    Authority::Seeds(Seeds { present: Some(seed.clone()), next: None }, standing)
        .answer(&Mesh::resolve(&checked))
        .unwrap()
        .issued
}

/// What people run in place of a build, once for each cluster: what renders Istio's own charts.
fn rendered(place: &Path, repository: &Path, seed_file: &Path) {
    const RUNS: usize = 5;
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = home("XDG_CACHE_HOME").or_else(|| Some(home("HOME")?.join(".cache"))).unwrap_or_default();
    let (programs, charts) = (cache.join("meshgen-tools/bin"), cache.join("meshgen-tools/charts"));
    if !programs.join("istioctl").is_file() || !programs.join("helm").is_file() {
        println!("\n`istioctl` and `helm` are not measured: `make tools` installs them.");
        return;
    }
    let built = |topology: &str| {
        let (topology, out) = (repository.join("topologies").join(topology), place.join(topology));
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
        timed(command.arg("build").arg(topology).arg("-o").arg(&out).arg("--ca").arg(seed_file));
        out.join("cluster1/30-istio")
    };
    let by_istioctl = built("2-clusters-1-control-plane-2-networks-istio-1.30.yaml");
    let by_helm = built("2-clusters-1-control-plane-2-networks-helm.yaml");
    let istioctl = || {
        let mut command = Command::new(programs.join("istioctl"));
        command.args(["manifest", "generate", "-f"]).arg(by_istioctl.join("istio.yaml"));
        timed(&mut command)
    };
    let helm = || {
        let mut command = Command::new(programs.join("helm"));
        command.args(["template", "istiod", "-n", "istio-system"]).arg(charts.join("istio-discovery"));
        for values in ["istiod.values.yaml", "mesh-config.values.yaml"] {
            command.arg("-f").arg(by_helm.join(values));
        }
        timed(&mut command)
    };
    println!("\n| rendering Istio for one cluster, at 1.30 | ms |\n|---|---:|");
    println!("| `istioctl manifest generate` | {} |", milliseconds(median((0..RUNS).map(|_| istioctl()).collect())));
    println!("| `helm template` of istiod | {} |", milliseconds(median((0..RUNS).map(|_| helm()).collect())));
}

/// Writing a whole tree to a real disk, with and without waiting for it.
fn barrier(repository: &Path, seed: &Seed) {
    const RUNS: usize = 5;
    fs::create_dir_all(repository.join("target")).unwrap();
    let place = tempfile::tempdir_in(repository.join("target")).unwrap();
    let tree =
        meshgen::compile(&Source::new("bench.yaml", topology(1000)), &Authority::from(seed.clone())).unwrap().tree;
    let write = |writer: &Writer| {
        let out = Utf8PathBuf::from_path_buf(place.path().join("out")).unwrap();
        let _ = fs::remove_dir_all(&out);
        let start = Instant::now();
        let claim = Claim::take(&out).unwrap();
        let plan = claim.plan(&tree).unwrap();
        writer.write(&claim, &tree, &plan).unwrap();
        start.elapsed()
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        with.push(write(&Writer::default()));
        without.push(write(&Writer::default().waiting_for(Barrier::None)));
    }
    println!(
        "\nWriting 1,000 clusters to the disk under target/: {} ms, without the barrier {} ms.",
        milliseconds(median(with)),
        milliseconds(median(without))
    );
}

/// Times two commands, one after the other in each run.
fn beside(runs: usize, ours: impl Fn() -> Command, theirs: impl Fn() -> Command) -> (Duration, Duration) {
    let timed = |mut command: Command| {
        let start = Instant::now();
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let time = start.elapsed();
        // 1 is a difference.
        assert!(status.code().is_some_and(|code| code < 2));
        time
    };
    let times = (0..runs).map(|_| (timed(ours()), timed(theirs())));
    let (ours, theirs) = times.unzip();
    (median(ours), median(theirs))
}

fn diff_of(left: &Path, right: &Path) -> Command {
    let mut command = Command::new("diff");
    command.arg("-r").arg(left).arg(right);
    command
}

/// A build that finds nothing to do, beside `diff -r` of its tree and a copy.
fn no_op(place: &Path, seed_file: &Path) {
    const RUNS: usize = 21;
    let build = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
        command.arg("build").arg(place.join("topology.yaml")).arg("-o").arg(place.join("out"));
        command.arg("--ca").arg(seed_file);
        command
    };
    let (ours, theirs) = beside(RUNS, build, || diff_of(&place.join("out"), &place.join("copy")));
    println!(
        "\nNo-op build of 1,000 clusters: {} ms; `diff -r` of its tree and a copy: {} ms; ratio {:.2}.",
        milliseconds(ours),
        milliseconds(theirs),
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}

/// `diff` of two trees, one of which differs in every cluster, beside `diff -r` of the same.
fn difference(place: &Path, seed_file: &Path) {
    const RUNS: usize = 5;
    let old = place.join("out");
    let (file, new) = (place.join("topology.yaml"), place.join("new"));
    let text = fs::read_to_string(&file).unwrap();
    let build = |text: String| {
        fs::write(&file, text).unwrap();
        let _ = fs::remove_dir_all(&new);
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
        timed(command.arg("build").arg(&file).arg("-o").arg(&new).arg("--ca").arg(seed_file));
    };
    println!("\n| `diff` of two trees of 1,000 clusters | meshgen | `diff -r` | ratio |\n|---|---:|---:|---:|");
    let changed = text.replacen("zipkin: {cluster: cluster0}", "zipkin: {cluster: cluster0, samplingPercent: 2}", 1);
    for (name, text) in [("that are the same", text), ("that differ in a line of each cluster", changed)] {
        build(text);
        let difference = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
            command.arg("diff").arg(&old).arg(&new);
            command
        };
        let (ours, theirs) = beside(RUNS, difference, || diff_of(&old, &new));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!("| {name} | {} | {} | {ratio:.2} |", milliseconds(ours), milliseconds(theirs));
    }
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 * 1024.0;
    println!("\nPeak memory of all: {:.1} MB.", peak / 1e6);
}

/// `check` where there is something to say, and of each topology of the repository.
fn checks(place: &Path, repository: &Path) {
    const RUNS: usize = 7;
    let check = |file: &Path| {
        median((0..RUNS).map(|_| timed(Command::new(env!("CARGO_BIN_EXE_meshgen")).arg("check").arg(file))).collect())
    };
    let (file, text) = (place.join("warned.yaml"), topology(1000).replace(ALLOW, ""));
    fs::write(&file, &text).unwrap();
    let warnings = meshgen::check(&Source::new("warned.yaml", text)).len();
    println!("\n`check` of 1,000 clusters that draws {warnings} warnings: {} ms.", milliseconds(check(&file)));
    let topologies = fs::read_dir(repository.join("topologies")).unwrap().map(|entry| entry.unwrap().path());
    let topologies = topologies.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut times: Vec<(Duration, String)> =
        topologies.map(|path| (check(&path), path.file_stem().unwrap().to_str().unwrap().to_owned())).collect();
    times.sort();
    let (slowest, name) = times.last().unwrap();
    println!("`check` of {} topologies: each at most {} ms ({name}).", times.len(), milliseconds(*slowest));
}

/// How long the program takes to start.
fn start() {
    let run = || timed(Command::new(env!("CARGO_BIN_EXE_meshgen")).arg("--version"));
    println!("\n`meshgen --version`: {} ms.", milliseconds(median((0..101).map(|_| run()).collect())));
}

/// What reads a topology of 1,000 clusters and says something of all of them, beside `check` of the same file.
fn tables(place: &Path) {
    const RUNS: usize = 11;
    let file = place.join("tables.yaml");
    fs::write(&file, topology(1000)).unwrap();
    let time = |words: &[&str]| {
        let run = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
            command.arg(words[0]).arg(&file).args(&words[1..]).stdout(Stdio::null());
            timed(&mut command)
        };
        median((0..RUNS).map(|_| run()).collect())
    };
    println!("\n| of 1,000 clusters | ms | more than `check` |\n|---|---:|---:|");
    let check = time(&["check"]);
    println!("| `check` | {} | |", milliseconds(check));
    let tables = [
        &["flows"][..],
        &["flows", "--format", "csv"],
        &["flows", "--format", "json"],
        &["draw"],
        &["draw", "--view", "matrix"],
    ];
    for words in tables {
        let table = time(words);
        println!("| `{}` | {} | {} |", words.join(" "), milliseconds(table), milliseconds(table.saturating_sub(check)));
    }
}

/// A row for each mesh, the last of which stays in `out` and `copy`.
fn table(sizes: &[usize], place: &Path, seed_file: &Path, seed: &Seed) {
    println!(
        "| clusters | files | tree | build | certificates | rest | `cp -r` | rest / `cp -r` | peak memory | peak / tree | no-op build | `check` |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for &clusters in sizes {
        let runs = match clusters {
            10_000 => 1,
            1000 => 5,
            _ => 11,
        };
        let file = place.join("topology.yaml");
        let text = topology(clusters);
        fs::write(&file, &text).unwrap();
        let out = place.join("out");
        let copy = place.join("copy");
        let build = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_meshgen"));
            command.arg("build").arg(&file).arg("-o").arg(&out).arg("--ca").arg(seed_file);
            command
        };
        let (mut builds, mut copies, mut no_ops, mut checks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            let _ = fs::remove_dir_all(&out);
            let _ = fs::remove_dir_all(&copy);
            builds.push(timed(&mut build()));
            copies.push(timed(Command::new("cp").arg("-r").arg(&out).arg(&copy)));
            no_ops.push(timed(&mut build()));
            checks.push(timed(Command::new(env!("CARGO_BIN_EXE_meshgen")).arg("check").arg(&file)));
        }
        // Of all children so far: the largest is the build of the largest mesh, which is this one.
        let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 * 1024.0;
        let issuing = median((0..runs).map(|_| certificates(&text, seed)).collect());
        let (bytes, files) = size(&out);
        let (build, copy) = (median(builds), median(copies));
        let rest = build.saturating_sub(issuing);
        println!(
            "| {clusters} | {files} | {:.2} | {} | {} | {} | {} | {:.2} | {:.1} | {:.2} | {} | {} |",
            bytes as f64 / 1e6,
            milliseconds(build),
            milliseconds(issuing),
            milliseconds(rest),
            milliseconds(copy),
            rest.as_secs_f64() / copy.as_secs_f64(),
            peak / 1e6,
            peak / bytes as f64,
            milliseconds(median(no_ops)),
            milliseconds(median(checks)),
        );
    }
}

fn main() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed_file = repository.join("topologies/ca.seed");
    let seed = Seed::parse(&fs::read_to_string(&seed_file).unwrap()).unwrap();
    let memory = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    let place = tempfile::tempdir_in(memory).unwrap();
    let place = place.path();
    println!("In {memory}; times in ms, medians; sizes in MB. `rest` is the build less its certificates.\n");
    table(&[2, 10, 100, 1000], place, &seed_file, &seed);
    let signed = issued_again(&topology(1000), &seed, Utf8Path::from_path(&place.join("out")).unwrap());
    println!("\nCertificates that the no-op build of 1,000 clusters signs: {signed}.");
    checks(place, repository);
    no_op(place, &seed_file);
    difference(place, &seed_file);
    tables(place);
    start();
    rendered(place, repository, &seed_file);
    println!();
    table(&[10_000], place, &seed_file, &seed);
    barrier(repository, &seed);
}
