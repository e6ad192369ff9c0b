//! A tree is written whole or not at all, whatever happens meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::common::{self, trees};

use trees::{bytes, differing, files, is_of_either, topology, tree};

struct Place(TempDir);

impl Place {
    fn new(clusters: usize) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::copy(common::repository().join("topologies/ca.seed"), place.0.path().join("ca.seed")).unwrap();
        place.want(clusters, "1.11.2");
        assert_eq!(place.build(&[]).status.code(), Some(0));
        place
    }

    fn want(&self, clusters: usize, version: &str) {
        fs::write(self.0.path().join("topology.yaml"), topology(clusters, version)).unwrap();
    }

    fn out(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join("out").join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = self.command_into("out");
        command.args(more);
        command
    }

    /// A build into some directory.
    fn command_into(&self, output: &str) -> Command {
        let mut command = common::meshgen();
        command.args(["build", "topology.yaml", "-o", output]).current_dir(self.0.path());
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    fn build(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// Builds where that cannot be done; what is said.
    fn refused(&self, more: &[&str]) -> String {
        let before = files(&self.0.path().join("out"));
        let output = self.build(more);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(files(&self.0.path().join("out")), before, "{said}");
        said
    }
}

/// Kills builds that turn one tree into another and back, at moments spread over the time that one takes; each is completed
/// by the next. How many were killed in time.
fn kill(clusters: usize, rounds: usize) -> usize {
    let place = Place::new(clusters);
    let trees = ["1.11.2", "1.30.3"].map(|version| tree(clusters, version));
    // A generator with a fixed seed (Knuth's MMIX).
    let mut state: u64 = 20_261_101;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let start = std::time::Instant::now();
    place.want(clusters, "1.30.3");
    assert!(place.build(&[]).status.success());
    let whole = u64::try_from(start.elapsed().as_micros()).unwrap();
    let mut killed = 0;
    for round in 0..rounds {
        let [old, new] = if round % 2 == 0 { [&trees[1], &trees[0]] } else { [&trees[0], &trees[1]] };
        place.want(clusters, if round % 2 == 0 { "1.11.2" } else { "1.30.3" });
        let mut child = place.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = std::time::Duration::from_micros(next() % whole);
        let begun = std::time::Instant::now();
        while begun.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        is_of_either(&files(&place.0.path().join("out")), old, new);
        let output = place.build(&[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = files(&place.0.path().join("out"));
        assert_eq!(differing(&found, &bytes(new)), Vec::<String>::new(), "round {round}");
    }
    killed
}

#[test]
fn a_killed_process_leaves_every_file_old_or_new() {
    let killed = kill(6, common::share(60, 10));
    assert!(killed > 0, "no build was killed in time");
}

#[test]
fn a_killed_build_of_a_large_mesh_is_completed_too() {
    let killed = kill(100, common::share(6, 2));
    assert!(killed > 0, "no build was killed in time");
}

#[test]
fn an_edited_file_stops_a_build_until_it_may_be_lost() {
    let place = Place::new(2);
    fs::write(place.out("c0/30-istio/istio.yaml"), "edited").unwrap();
    let said = place.refused(&[]);
    assert!(
        said.contains("out/c0/30-istio/istio.yaml was edited since meshgen wrote it") && said.contains("--overwrite"),
        "{said}"
    );
    assert_eq!(place.build(&["--check"]).status.code(), Some(1));
    assert!(place.build(&["--overwrite"]).status.success());
    assert_eq!(files(&place.0.path().join("out")), bytes(&tree(2, "1.11.2")));
}

#[test]
fn an_edited_file_that_is_no_longer_emitted_is_never_removed() {
    let place = Place::new(2);
    let edited = "c1/10-namespace/namespace.yaml";
    fs::write(place.out(edited), "edited").unwrap();
    place.want(1, "1.11.2");
    let said = place.refused(&[]);
    assert!(said.contains("out/c1/10-namespace/namespace.yaml was edited since meshgen wrote it, and is no longer"));
    assert!(said.contains("help: remove what is no longer emitted, or keep it as your own file"), "{said}");
    let check = place.build(&["--check"]);
    assert_eq!(check.status.code(), Some(1));
    let listed = String::from_utf8(check.stdout).unwrap();
    assert!(listed.contains("edited, and no longer emitted  c1/10-namespace/namespace.yaml\n"), "{listed}");
    // Whoever may write over edits may still remove nothing that meshgen did not write.
    let output = place.build(&["--overwrite"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("note: out/c1/10-namespace/namespace.yaml was edited and is no longer emitted"), "{said}");
    let mut wanted = bytes(&tree(1, "1.11.2"));
    wanted.insert(edited.to_owned(), b"edited".to_vec());
    assert_eq!(files(&place.0.path().join("out")), wanted);
    // From now on it is a file of another's, which is no difference.
    assert_eq!(place.build(&["--check"]).status.code(), Some(0));
    let said = String::from_utf8(place.build(&[]).stderr).unwrap();
    assert!(said.contains("0 files written") && !said.contains("c1/"), "{said}");
}

#[test]
fn a_lock_that_lists_what_is_not_meshgen_s_removes_shows_and_writes_nothing() {
    let place = Place::new(2);
    let out = place.0.path().join("out");
    let others = [
        "main.rs",
        "mesh.yaml",
        "ca.seed",
        ".git/HEAD",
        ".git/10-namespace/namespace.yaml",
        ".git/routes.sh",
        "c1/.git/config",
        "c1/notes.md",
        "c1/10-namespace/notes.yaml",
        "c1/20-cacerts/ca.seed",
        "c1/10-namespace/ca-key.pem",
        "c1/70-mine/kustomization.yaml",
        "c1/20-cacerts/deeper/ca-key.pem",
        "C1/routes.sh",
        "c1/install.sh",
        "routes.sh",
        "\u{1b}[2J",
    ];
    for path in others {
        fs::create_dir_all(place.out(path).parent().unwrap()).unwrap();
        fs::write(place.out(path), "theirs").unwrap();
    }
    let lock = fs::read_to_string(place.out("meshgen.lock")).unwrap();
    // With the right digest, and with one that nothing has.
    for digest in [meshgen::lock::Digest::of(b"theirs").to_string(), "0".repeat(64)] {
        for path in others {
            fs::write(place.out("meshgen.lock"), format!("{lock}{digest} {path}\n")).unwrap();
            let named = format!("out/meshgen.lock: lists `{}`, which is not a file of meshgen", path.escape_debug());
            for more in [&[] as &[&str], &["--overwrite"], &["--check"], &["--cluster", "c0"]] {
                let said = place.refused(more);
                assert!(said.contains(&named) && said.contains("remove that line"), "{said}");
            }
        }
    }
    let shown = common::meshgen()
        .args(["diff", "--full", "out", "topology.yaml"])
        .current_dir(place.0.path())
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(2));
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("theirs"));
    // The same for what a killed build is said to have begun.
    fs::write(place.out("meshgen.lock"), &lock).unwrap();
    for path in others {
        fs::write(out.join(".meshgen-journal"), format!("{} {path}\n", meshgen::lock::Digest::of(b"theirs"))).unwrap();
        for more in [&["--no-git"] as &[&str], &["--no-git", "--overwrite"], &["--no-git", "--check"]] {
            let said = place.refused(more);
            assert!(said.contains("out/.meshgen-journal: lists `"), "{said}");
        }
    }
    fs::remove_file(out.join(".meshgen-journal")).unwrap();
    assert!(place.build(&["--no-git"]).status.success());
    for path in others {
        assert_eq!(fs::read_to_string(place.out(path)).unwrap(), "theirs", "{path}");
    }
}

#[test]
fn nothing_is_written_into_git_s_own_directory() {
    let place = Place::new(1);
    let git = place.0.path().join(".git");
    fs::create_dir(&git).unwrap();
    symlink(".git", place.0.path().join("link")).unwrap();
    for output in [".git", ".git/out", "./.git/hooks/", "link", "link/out"] {
        let told = place.command_into(output).output().unwrap();
        let said = String::from_utf8(told.stderr).unwrap();
        assert!(said.contains("is inside the directory of Git"), "{said}");
        assert_eq!(told.status.code(), Some(2));
    }
    let mut inside = common::meshgen();
    inside.args(["build", "../topology.yaml", "-o", "out"]).current_dir(&git);
    assert_eq!(inside.output().unwrap().status.code(), Some(2));
    assert!(common::entries(&git).is_empty());
}

#[test]
fn a_lost_lock_costs_nothing_and_a_stranger_s_file_is_never_taken() {
    let place = Place::new(2);
    let whole = files(&place.0.path().join("out"));
    fs::remove_file(place.out("meshgen.lock")).unwrap();
    for more in [&[] as &[&str], &["--overwrite"], &["--cluster", "c0"]] {
        assert!(place.refused(more).contains("out has certificates and no meshgen.lock"));
    }
    let said = String::from_utf8(place.build(&["--adopt"]).stderr).unwrap();
    assert!(said.ends_with("\nout: 1 file written, 30 unchanged, 0 removed\n"), "{said}");
    assert_eq!(files(&place.0.path().join("out")), whole);
    // In a directory without certificates, a file with exactly our bytes is adopted, and another one is not.
    let fresh = place.0.path().join("fresh");
    fs::create_dir(&fresh).unwrap();
    fs::write(fresh.join("install.sh"), &whole["install.sh"]).unwrap();
    assert!(place.command_into("fresh").status().unwrap().success());
    for directory in ["other", "out"] {
        fs::create_dir_all(place.0.path().join(directory)).unwrap();
        fs::write(place.0.path().join(directory).join("install.sh"), "mine").unwrap();
    }
    let refused = place.command_into("other").arg("--overwrite").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("other/install.sh exists, and no meshgen.lock says that meshgen wrote it"), "{said}");
    assert_eq!(fs::read_to_string(place.0.path().join("other/install.sh")).unwrap(), "mine");
    let lock = fs::read_to_string(place.out("meshgen.lock")).unwrap();
    let unlisted: Vec<&str> = lock.lines().filter(|line| !line.ends_with(" install.sh")).collect();
    fs::write(place.out("meshgen.lock"), unlisted.join("\n") + "\n").unwrap();
    let said = place.refused(&["--overwrite"]);
    assert!(said.contains("out/install.sh is not in meshgen.lock, and the tree needs its place"), "{said}");
    let said = String::from_utf8(place.build(&["--adopt"]).stderr).unwrap();
    assert!(said.contains("note: out/install.sh differed and was overwritten\nout: "), "{said}");
    assert_eq!(files(&place.0.path().join("out")), whole);
}

#[test]
fn files_of_others_are_no_difference() {
    let place = Place::new(1);
    fs::write(place.out("c0/notes.md"), "ours").unwrap();
    assert_eq!(place.build(&["--check"]).status.code(), Some(0));
    let said = String::from_utf8(place.build(&[]).stderr).unwrap();
    assert!(said.contains("note: `c0/notes.md` in out is not from meshgen and is left unchanged"), "{said}");
    // Of what stands beside the clusters, only what may be one of them where case does not count is named.
    for directory in ["c0/mine", "C0", "theirs"] {
        fs::create_dir(place.out(directory)).unwrap();
    }
    let said = String::from_utf8(place.build(&[]).stderr).unwrap();
    assert!(said.contains("note: `C0/`, `c0/mine/` and `c0/notes.md` in out are not from meshgen"), "{said}");
}

#[test]
fn where_nothing_was_built_everything_but_keys_is_missing() {
    let place = Place::new(1);
    let told = place.command_into("elsewhere").arg("--check").output().unwrap();
    let missing = files(&place.0.path().join("out")).into_keys().filter(|path| !path.ends_with("ca-key.pem"));
    let listed: Vec<String> = missing.map(|path| format!("missing  {path}\n")).collect();
    assert_eq!(String::from_utf8(told.stdout).unwrap(), listed.concat());
    assert_eq!(told.status.code(), Some(1));
    assert!(!place.0.path().join("elsewhere").exists());
}

#[test]
fn one_file_is_counted_in_the_singular() {
    let place = Place::new(1);
    fs::remove_file(place.out("README.md")).unwrap();
    let said = String::from_utf8(place.build(&[]).stderr).unwrap();
    assert!(said.contains(": 1 file written, "), "{said}");
}

#[test]
fn files_of_others_that_are_named_like_left_overs_stay() {
    let place = Place::new(2);
    let others = [
        ".meshgen-ci.yaml",
        ".meshgen-",
        ".meshgen-istio.yaml",
        "c0/.meshgen-notes",
        "c0/.meshgen-journal",
        "c0/.meshgen-install.sh",
        "c0/20-cacerts/.meshgen-precious",
        "c0/30-istio/.meshgen-ca-key.pem",
    ];
    let left_over = [
        ".meshgen-install.sh",
        ".meshgen-meshgen.lock",
        ".meshgen-.gitignore",
        ".meshgen-.meshgen-journal",
        ".meshgen-journal",
        "c0/20-cacerts/.meshgen-ca-key.pem",
        "c0/30-istio/.meshgen-istio.yaml",
        "c1/30-istio/.meshgen-istio.yaml",
    ];
    for path in others.iter().chain(&left_over) {
        fs::write(place.out(path), "").unwrap();
    }
    // Of a cluster that is leaving the lock knows the files.
    place.want(1, "1.11.2");
    let said = String::from_utf8(place.build(&[]).stderr).unwrap();
    assert!(said.contains(&format!(" and {} more in out are not from meshgen", others.len() - 3)), "{said}");
    let mut wanted = bytes(&tree(1, "1.11.2"));
    wanted.extend(others.map(|path| (path.to_owned(), Vec::new())));
    assert_eq!(files(&place.0.path().join("out")), wanted);
    assert_eq!(place.build(&["--check"]).status.code(), Some(0));
}

#[test]
fn symbolic_links_are_not_followed() {
    let place = Place::new(1);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(place.out("c0/30-istio")).unwrap();
    symlink(elsewhere.path(), place.out("c0/30-istio")).unwrap();
    assert!(place.refused(&[]).contains("c0/30-istio: is a symbolic link"));
    assert!(common::entries(elsewhere.path()).is_empty());
    fs::remove_file(place.out("c0/30-istio")).unwrap();
    fs::remove_file(place.out("verify.sh")).unwrap();
    symlink("/etc/hostname", place.out("verify.sh")).unwrap();
    assert!(place.refused(&[]).contains("verify.sh: is a symbolic link"));
}

#[test]
fn symbolic_links_under_names_of_our_own_are_not_followed() {
    let place = Place::new(1);
    let elsewhere = tempfile::tempdir().unwrap();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "theirs").unwrap();
    place.want(1, "1.30.3");
    symlink(&victim, place.out(".meshgen-verify.sh")).unwrap();
    assert!(place.build(&[]).status.success(), "what stands under the name of a temporary is replaced");
    assert_eq!(files(&place.0.path().join("out")), bytes(&tree(1, "1.30.3")));
    symlink(&victim, place.out(".meshgen-journal")).unwrap();
    assert!(place.refused(&[]).contains(".meshgen-journal: is a symbolic link"));
    fs::remove_file(place.out(".meshgen-journal")).unwrap();
    fs::rename(place.out("meshgen.lock"), elsewhere.path().join("lock")).unwrap();
    symlink(elsewhere.path().join("lock"), place.out("meshgen.lock")).unwrap();
    assert!(place.refused(&[]).contains("meshgen.lock: is a symbolic link"));
    assert_eq!(fs::read_to_string(victim).unwrap(), "theirs");
}

#[test]
fn a_cluster_that_is_named_like_a_path_is_none() {
    let place = Place::new(1);
    let outside = common::entries(place.0.path());
    for name in ["../c0", "c0/../../c1", "/tmp/c0", "..", ".", "c0/", ".git"] {
        let text = topology(1, "1.11.2").replace("name: c0", &format!("name: '{name}'"));
        fs::write(place.0.path().join("topology.yaml"), text).unwrap();
        assert!(place.refused(&[]).contains("error[invalid-value]"), "{name}");
        assert_eq!(common::entries(place.0.path()), outside, "{name}");
    }
}

#[test]
fn what_stands_in_the_way_is_named() {
    let place = Place::new(1);
    fs::remove_file(place.out("install.sh")).unwrap();
    fs::create_dir(place.out("install.sh")).unwrap();
    assert!(place.refused(&[]).contains("install.sh: is not a file"));
    fs::remove_dir(place.out("install.sh")).unwrap();
    let made = Command::new("mkfifo").arg(place.out("install.sh")).status().unwrap();
    assert!(made.success());
    assert!(place.command(&[]).output().unwrap().status.code() == Some(2), "nobody waits for who writes into a pipe");
    fs::remove_file(place.out("install.sh")).unwrap();
    fs::remove_dir_all(place.out("c0/10-namespace")).unwrap();
    fs::write(place.out("c0/10-namespace"), "a file").unwrap();
    assert!(place.refused(&[]).contains("c0/10-namespace: is not a directory"));
    fs::remove_file(place.out("c0/10-namespace")).unwrap();
    assert!(place.build(&[]).status.success(), "a directory that went away comes back");
}

#[test]
fn a_lock_that_cannot_be_used_is_told() {
    let place = Place::new(1);
    let lock = fs::read_to_string(place.out("meshgen.lock")).unwrap();
    let cases = [
        (lock.replace("meshgen 0", "<<<<<<< HEAD\nmeshgen 0"), "an unresolved Git conflict"),
        (lock.replace("meshgen-lock-2", "meshgen-lock-3"), "written by a newer meshgen"),
        ("nonsense".to_owned(), "not a lock file of meshgen"),
        (format!("{lock}{} ../outside\n", "0".repeat(64)), "lists `../outside`, which is not a file of meshgen"),
    ];
    for (text, reason) in cases {
        fs::write(place.out("meshgen.lock"), text).unwrap();
        let said = place.refused(&[]);
        assert!(said.contains(reason), "{said}");
    }
    fs::write(place.out("meshgen.lock"), b"\xff\xfe").unwrap();
    assert!(place.refused(&[]).contains("is not valid UTF-8"));
}

#[test]
fn converted_line_ends_are_recognised() {
    let place = Place::new(1);
    let path = place.out("c0/10-namespace/namespace.yaml");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace('\n', "\r\n")).unwrap();
    assert!(place.refused(&[]).contains("line ends were converted"));
    // Also of what an earlier build wrote, and not of what somebody edited.
    place.want(1, "1.30.3");
    let path = place.out("README.md");
    let before = fs::read_to_string(&path).unwrap();
    for (text, word) in [(before.clone(), "line ends converted"), (before + "edited\n", "edited")] {
        fs::write(&path, text.replace('\n', "\r\n")).unwrap();
        let listed = String::from_utf8(place.build(&["--check"]).stdout).unwrap();
        assert!(listed.contains(&format!("{word}  README.md\n")), "{listed}");
    }
}

#[test]
fn a_checkout_whose_line_ends_were_all_converted_is_recognised() {
    let place = Place::new(2);
    let before = files(&place.0.path().join("out"));
    for (path, bytes) in &before {
        fs::write(place.out(path), String::from_utf8(bytes.clone()).unwrap().replace('\n', "\r\n")).unwrap();
    }
    let said = place.refused(&[]);
    assert!(said.contains("line ends were converted") && said.contains(".gitattributes"), "{said}");
    assert_eq!(place.build(&["--check"]).status.code(), Some(1));
    assert!(place.build(&["--overwrite"]).status.success());
    assert_eq!(files(&place.0.path().join("out")), before);
}

#[test]
fn a_disk_that_is_full_or_read_only_loses_nothing() {
    let place = Place::new(2);
    place.want(2, "1.30.3");
    let script = "mount -t tmpfs -o size=$2 tmpfs \"$1/small\" && cp -r \"$1/out\" \"$1/small/out\" && find \"$1/small/out\" -type f | sort | xargs sha256sum >\"$1/before\" \
        && if [ \"$3\" = ro ]; then mount -o remount,bind,ro \"$1/small\"; fi; \"$0\" build \"$1/topology.yaml\" -o \"$1/small/out\"; code=$?; \
        find \"$1/small/out\" -type f | sort | xargs sha256sum | cmp - \"$1/before\" || exit 9; exit $code";
    fs::create_dir(place.0.path().join("small")).unwrap();
    let size: usize = files(&place.0.path().join("out")).values().map(|file| file.len().div_ceil(4096) * 4096).sum();
    for (size, mode, reason) in
        [(size + 3 * 4096, "rw", "no space is left"), (size * 8, "ro", "file system is read-only")]
    {
        let output = common::program("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_meshgen")])
            .arg(place.0.path())
            .args([size.to_string().as_str(), mode])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{mode}: {said}");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn missing_permissions_are_told() {
    let place = Place::new(1);
    place.want(1, "1.30.3");
    for (path, mode, before) in [("c0/30-istio", 0o500, 0o755), ("install.sh", 0o000, 0o755)] {
        fs::set_permissions(place.out(path), fs::Permissions::from_mode(mode)).unwrap();
        // Root may write everywhere, so another user of a namespace of its own tries.
        let output = common::program("unshare")
            .args(["--user", "--"])
            .arg(env!("CARGO_BIN_EXE_meshgen"))
            .args(["build", "topology.yaml", "-o", "out"])
            .current_dir(place.0.path())
            .output()
            .unwrap();
        fs::set_permissions(place.out(path), fs::Permissions::from_mode(before)).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{path}: {said}");
        assert!(said.contains("permission denied: change its mode"), "{path}: {said}");
    }
}

#[test]
fn a_part_is_what_the_whole_would_hold_there() {
    let place = Place::new(3);
    let (old, new) = (bytes(&tree(3, "1.11.2")), bytes(&tree(3, "1.30.3")));
    place.want(3, "1.30.3");
    assert_eq!(place.build(&["--check", "--cluster", "c1"]).status.code(), Some(1));
    let output = place.build(&["--cluster", "c1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = files(&place.0.path().join("out"));
    let without_lock = |path: &&String| *path != "meshgen.lock";
    for path in found.keys().filter(without_lock) {
        let wanted = if path.starts_with("c1/") { &new } else { &old };
        assert!(found.get(path) == wanted.get(path), "{path}");
    }
    assert!(new.keys().filter(|path| path.starts_with("c1/")).all(|path| found.contains_key(path)));
    assert!(old.keys().filter(|path| !path.starts_with("c1/")).all(|path| found.contains_key(path)));
    assert_eq!(place.build(&["--check", "--cluster", "c1"]).status.code(), Some(0));
    assert_eq!(place.build(&["--check", "--cluster", "c0"]).status.code(), Some(1));
    assert!(place.build(&["--cluster", "c0", "--cluster", "c2"]).status.success());
    assert!(place.build(&[]).status.success());
    assert_eq!(files(&place.0.path().join("out")), new);
    // It has keys, so it has what keeps them out of Git.
    assert!(place.command_into("fresh").args(["--cluster", "c0"]).status().unwrap().success());
    assert_eq!(fs::read(place.0.path().join("fresh/.gitignore")).unwrap(), new[".gitignore"]);
    let said = place.refused(&["--cluster", "c11"]);
    assert!(said.contains("the topology has no cluster `c11`"), "{said}");
}
