//! The record of a tree: read, printed, and read again by what was there before.
use std::fs;
use std::path::Path;
use std::process::Command;

use meshgen::diff::{self, Diff, Kind, Membership, Side, What};
use meshgen::lock::{Gateway, Lock};

use crate::certificates::workshop::{Workshop, topology};
use crate::common;

/// A tree's public files and its lock, as they stand in a directory.
fn side(directory: &Path) -> Side {
    let lock: Lock = fs::read_to_string(directory.join("meshgen.lock")).unwrap().parse().unwrap();
    let read = |path: &String| Some((path.clone(), fs::read_to_string(directory.join(path)).ok()?));
    let files: Vec<(String, String)> = lock.files.iter().filter_map(|(path, _)| read(path)).collect();
    Side::standing(directory.to_str().unwrap(), lock, files)
}

/// Trees that an earlier meshgen built, whose locks are of format 1, beside those that this one builds of the same topologies.
fn old_and_new() -> Vec<(Side, Side)> {
    let old = common::entries(&common::repository().join("tests/lock/format-1"));
    let new = |old: &Path| side(&common::repository().join("golden").join(old.file_name().unwrap()));
    old.iter().map(|old| (side(old), new(old))).collect()
}

/// What a lock of format 1 does not record is unknown, and no change.
#[test]
fn a_tree_of_an_older_meshgen_differs_in_what_its_objects_say_alone() {
    for (old, new) in old_and_new() {
        for diff in [diff::compare(&old, &new), diff::compare(&new, &old)] {
            let at = format!("{} {}", diff.before, diff.after);
            assert!(diff.authorities.is_empty() && diff.paths.is_empty() && diff.credentials.is_empty(), "{at}");
            for cluster in &diff.clusters {
                assert_eq!(cluster.membership, Membership::Stays, "{at}");
                assert!(cluster.certificate.is_none(), "{at}");
                // The scripts have moved on since, and there may be more objects.
                let is_apart = |what| [What::Added, What::Removed].contains(&what);
                assert!(cluster.objects.iter().all(|object| object.name.is_none() || is_apart(object.what)), "{at}");
                // Remotes have an egress gateway since.
                let mut others = cluster.consequences.iter().filter(|one| !one.why.contains("istio-egressgateway"));
                assert!(others.all(|one| one.kind >= Kind::Routes), "{at}: {:?}", cluster.consequences);
            }
            assert!(diff.unrecorded.contains(&"API servers".to_owned()), "{at}");
            assert!(diff.unrecorded.contains(&"the version of Istio".to_owned()), "{at}");
        }
        let same: Diff = diff::compare(&old, &old);
        assert!(same.is_empty() && same.unrecorded.is_empty());
        assert!(!diff::report::text(&diff::compare(&old, &new), diff::report::Style::default()).contains("joins"));
    }
}

/// What is printed is read back as it was, and prints the same.
#[test]
fn a_lock_is_read_as_it_was_written() {
    for directory in common::entries(&common::repository().join("golden")) {
        let text = fs::read_to_string(directory.join("meshgen.lock")).unwrap();
        let lock: Lock = text.parse().unwrap();
        assert_eq!(lock.to_string(), text);
        assert!(!lock.steps.is_empty() && lock.istio.is_some());
        for cluster in lock.clusters.values() {
            assert!(cluster.network.is_some() && cluster.primary.is_some() && cluster.gateway.is_some());
        }
    }
    let odd = "meshgen-lock-2\nmeshgen 0.1.0\nistio 1.30.3 by istioctl\n\
               root sha256:00 serial 01 valid 2026-11-01 to 2036-10-29\nretired west generation 2\n\
               workloads shop\ntraces wait for east\n\n# the order\nstep east/30-istio\n\n# east\n\
               network of east lan\nprimary of east east\nserver of east https://10.0.0.1:6443\nproxies of east 1\n\
               wait of east for the address of its primary\n\
               context of east \"admin@east's\\n$(rm)\"\ngateway of east at none\nroute of east 10.0.0.0/16 via 10.0.0.1\n\
               issuer of east sha256:02 serial 03 valid 2026-11-01 to 2036-10-29\n\
               certificate of east generation 1 valid 2026-11-01 to 2028-10-31 serial 04 sha256:05\n\
               0000000000000000000000000000000000000000000000000000000000000000 east/10-namespace/namespace.yaml\n";
    let lock: Lock = odd.parse().unwrap();
    assert_eq!(lock.to_string(), odd);
    assert_eq!(lock.clusters["east"].context.as_deref(), Some("admin@east's\n$(rm)"));
    assert_eq!(lock.clusters["east"].gateway, Some(Gateway::At("none".to_owned())));
    let digest = lock.digest("east/10-namespace/namespace.yaml").unwrap();
    assert_eq!(format!("{digest} {digest:?}"), format!("{0} {0}", "0".repeat(64)));
    assert_eq!(lock.digest("east"), None);
    let unaddressed = odd.replace(" at none", "");
    let lock: Lock = unaddressed.parse().unwrap();
    assert_eq!(lock.to_string(), unaddressed);
    assert_eq!(lock.clusters["east"].gateway, Some(Gateway::Unaddressed));
}

/// Git's union merge puts the lines of two branches behind each other.
#[test]
fn every_file_is_found_in_whatever_order_its_line_stands() {
    let text =
        fs::read_to_string(common::repository().join("golden/2-clusters-1-control-plane-1-network/meshgen.lock"))
            .unwrap();
    let lock: Lock = text.parse().unwrap();
    let (head, lines) = text.split_once('\n').unwrap();
    let turned: Vec<&str> = lines.lines().rev().collect();
    let turned: Lock = format!("{head}\n{}\n", turned.join("\n")).parse().unwrap();
    for (path, digest) in &lock.files {
        assert_eq!(lock.digest(path), Some(*digest), "{path}");
        assert_eq!(turned.digest(path), Some(*digest), "{path}");
    }
    assert_eq!(lock.digest("cluster1/routes"), None);
    assert_eq!(turned.files, lock.files);
}

#[test]
fn what_is_gone_is_what_only_the_lock_before_lists() {
    let lock = |paths: &[&str]| -> Lock {
        let files: Vec<String> = paths.iter().map(|path| format!("{} {path}\n", "0".repeat(64))).collect();
        let root = "root sha256:00 serial 01 valid 2026-11-01 to 2036-10-29";
        format!("meshgen-lock-2\n{root}\n{}", files.concat()).parse().unwrap()
    };
    let (before, after) = (lock(&["a", "b", "c"]), lock(&["b", "d"]));
    assert_eq!(after.gone(&before).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(before.gone(&after).collect::<Vec<_>>(), ["d"]);
    assert_eq!(before.gone(&before).next(), None);
}

/// Certificates of an authority, and the end of a long validity, have days that no topology can state.
#[test]
fn a_certificate_may_begin_and_end_on_any_day() {
    let root = "root sha256:00 serial 01 valid 1970-01-01 to 9999-12-31\n";
    let lock: Lock = format!("meshgen-lock-2\n{root}{} README.md\n", "0".repeat(64)).parse().unwrap();
    assert!(lock.to_string().contains(root), "{lock}");
}

/// A reader of this meshgen, given what it cannot read.
#[test]
fn what_cannot_be_read_is_refused_with_a_way_out() {
    let root = "root sha256:00 serial 01 valid 2026-11-01 to 2036-10-29";
    let file = format!("{} README.md", "0".repeat(64));
    for (text, wanted) in [
        ("meshgen-lock-3\n".to_owned(), "was written by a newer meshgen"),
        ("meshgen-lock-\n".to_owned(), "is not a lock file of meshgen"),
        ("meshgen-lock-02\n".to_owned(), "is not a lock file of meshgen"),
        ("meshgen-lock-0\n".to_owned(), "is not a lock file of meshgen"),
        (String::new(), "is empty"),
        (format!("meshgen-lock-2\nroot nobody\n{file}\n"), "has a line 2 that cannot be read"),
        ("meshgen-lock-2\nroot none\n".to_owned(), "is cut short, because it lists no file"),
        (
            format!("meshgen-lock-2\nroot none\n{file}\nstep east/20-cacerts\n"),
            "says that there are no certificates, and lists some",
        ),
        (
            format!("meshgen-lock-2\nroot none\n{}\n", file.replace("README.md", "east/20-cacerts/kustomization.yaml")),
            "says that there are no certificates, and lists some",
        ),
        (
            format!("meshgen-lock-2\nroot none\n{file}\nissuer of east {}\n", &root["root ".len()..]),
            "says that there are no certificates, and lists some",
        ),
        (
            format!(
                "meshgen-lock-2\nroot none\n{file}\ncertificate of east generation 1 valid 2026-11-01 to 2028-10-31 serial 04 sha256:05\n"
            ),
            "says that there are no certificates, and lists some",
        ),
        (format!("meshgen-lock-2\n{root}\n"), "is cut short, because it lists no file"),
        (format!("meshgen-lock-2\n{root}\n<<<<<<< ours\n{file}\n"), "contains an unresolved Git conflict"),
        (format!("meshgen-lock-2\n{root}\n{file}\ncolour of east blue\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{}\n", &file[1..]), "has a line 3 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nwait of east for nothing\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nwait of @all\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\ngateway of <b> none\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nnetwork of east **lan**\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nprimary of west ea\u{202e}st\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nworkloads shop;reboot\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\nretired East generation 1\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{root}\n{file}\ntraces wait for @east\n"), "has a line 4 that cannot be read"),
        (format!("meshgen-lock-2\n{file}\n"), "has no root"),
        (format!("meshgen-lock-1\nmeshgen 0.1.0\n{file}\n"), "has no root"),
    ] {
        let why = text.parse::<Lock>().unwrap_err();
        assert!(why.starts_with(wanted), "{text}: {why}");
        assert!(
            why.contains("restore it") || why.contains("use that version") || why.contains("take either side"),
            "{why}"
        );
    }
}

/// A build over the tree of an older meshgen takes over its certificates, and leaves a lock of today's format.
#[test]
fn a_build_over_a_tree_of_an_older_meshgen_signs_nothing_anew() {
    for old in common::entries(&common::repository().join("tests/lock/format-1")) {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        let copied = Command::new("cp").arg("-r").arg(&old).arg(&out).status().unwrap();
        assert!(copied.success());
        let name = old.file_name().unwrap().to_str().unwrap();
        let topology = common::repository().join("topologies").join(format!("{name}.yaml"));
        let certificates = |out: &Path| -> Vec<String> {
            let lock: Lock = fs::read_to_string(out.join("meshgen.lock")).unwrap().parse().unwrap();
            let pem = lock.paths().filter(|path| path.ends_with("cert.pem") || path.ends_with("chain.pem"));
            pem.map(|path| fs::read_to_string(out.join(path)).unwrap()).collect()
        };
        let before = certificates(&out);
        let mut build = common::meshgen();
        let built = build.arg("build").arg(&topology).arg("-o").arg(&out).output();
        assert_eq!(built.unwrap().status.code(), Some(0), "{name}");
        assert!(fs::read_to_string(out.join("meshgen.lock")).unwrap().starts_with("meshgen-lock-2\n"), "{name}");
        assert_eq!(certificates(&out), before, "{name}");
    }
}

#[test]
fn a_cluster_may_have_the_name_of_a_controller() {
    let workshop = Workshop::with_seed(&topology("issuedOn: 2026-11-01", &[("argocd", ""), ("flux", "")]));
    assert_eq!(workshop.build(&[]).code, Some(0));
    assert_eq!(workshop.build(&["--check"]).code, Some(0));
}
