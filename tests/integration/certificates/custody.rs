use std::process::Stdio;

use meshgen::lock::Lock;
use meshgen::pki::verify::{Facts, TrustAnchor};
use meshgen::pki::{Bundle, External, Standing};

use super::workshop::{Said, Workshop, files, said, seed, topology};

const ISSUED: &str = "issuedOn: 2026-11-01";

fn workshop() -> Workshop {
    Workshop::with_seed(&topology(ISSUED, &[("cluster1", "")]))
}

#[track_caller]
fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "no `{word}` in {}", said.stderr);
    }
}

#[track_caller]
fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn a_seed_that_others_can_read_or_the_group_can_write_is_refused() {
    for mode in [0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o444] {
        let workshop = workshop();
        workshop.chmod("ca.seed", mode);
        refused(&workshop.build(&[]), &["open to others", "chmod 600 ./ca.seed"]);
        assert!(!workshop.exists("out"));
    }
    for mode in [0o600, 0o400, 0o440, 0o640] {
        let workshop = workshop();
        workshop.chmod("ca.seed", mode);
        done(&workshop.build(&[]));
    }
}

#[test]
fn a_seed_that_git_tracks_or_would_add_is_refused() {
    let workshop = workshop();
    workshop.run("git", &["init", "--quiet"]);
    refused(&workshop.build(&[]), &["nothing keeps Git from adding ./ca.seed", "list it in .gitignore"]);
    workshop.write(".gitignore", "/ca.seed\n");
    done(&workshop.build(&[]));
    workshop.run("git", &["add", "--force", "ca.seed"]);
    refused(&workshop.build(&[]), &["Git tracks ./ca.seed", "git rm --cached ./ca.seed"]);
    workshop.run("git", &["rm", "--quiet", "--cached", "ca.seed"]);
    done(&workshop.build(&[]));
}

/// Silence is no answer: where Git cannot be asked, somebody has to say that it does not matter.
#[test]
fn where_git_cannot_be_asked_nothing_secret_is_used() {
    let workshop = workshop();
    workshop.run("git", &["init", "--quiet"]);
    workshop.write(".gitignore", "/ca.seed\n");
    let without_git = |more: &[&str]| {
        let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
        said(&command.args(["build", "mesh.yaml", "-o", "out"]).args(more).env("PATH", "/nowhere").output().unwrap())
    };
    refused(&without_git(&[]), &["cannot tell whether Git tracks ./ca.seed: git is not installed", "--no-git"]);
    assert!(!workshop.exists("out"));
    done(&without_git(&["--no-git"]));
    std::fs::rename(workshop.path("ca.seed"), workshop.path("elsewhere")).unwrap();
    refused(&without_git(&["--check"]), &["cannot tell whether Git tracks the private keys in out", "--no-git"]);
    done(&without_git(&["--check", "--no-git"]));
    std::fs::remove_file(workshop.path("out/cluster1/20-cacerts/ca-key.pem")).unwrap();
    done(&without_git(&["--check"]));
    std::fs::write(workshop.path(".git/index"), "damaged").unwrap();
    std::fs::rename(workshop.path("elsewhere"), workshop.path("ca.seed")).unwrap();
    refused(&workshop.build(&[]), &["cannot tell whether Git tracks", "index"]);
}

#[test]
fn a_private_key_that_git_tracks_or_would_add_is_refused() {
    const KEY: &str = "cluster1/20-cacerts/ca-key.pem";
    let workshop = workshop();
    workshop.run("git", &["init", "--quiet"]);
    workshop.write(".gitignore", "/ca.seed\n");
    done(&workshop.build(&[]));
    done(&workshop.build(&["--check"]));
    let both = |words: &[&str]| {
        for more in [&[][..], &["--check"], &["--check", "--ca", "ca.seed"]] {
            refused(&workshop.build(more), words);
        }
    };
    workshop.run("git", &["add", "--force", &format!("out/{KEY}")]);
    both(&[
        &format!("Git tracks `out/{KEY}`"),
        "git rm --cached -- ':(glob)out/**/ca-key.pem'",
        "docs/certificates.md",
    ]);
    workshop.run("git", &["rm", "--quiet", "--cached", &format!("out/{KEY}")]);
    workshop.write("out/cluster1/20-cacerts/.gitignore", "!ca-key.pem\n");
    both(&[&format!("nothing keeps Git from adding `out/{KEY}`"), "git check-ignore --verbose"]);
    std::fs::remove_file(workshop.path("out/cluster1/20-cacerts/.gitignore")).unwrap();
    done(&workshop.build(&[]));

    // A key that meshgen did not write counts too, and one that is new is looked at once it is there.
    std::fs::create_dir_all(workshop.path("out/mine")).unwrap();
    workshop.write("out/mine/ca-key.pem", "a key");
    workshop.run("git", &["add", "--force", "out/mine/ca-key.pem"]);
    both(&["Git tracks `out/mine/ca-key.pem`"]);
    workshop.run("git", &["rm", "--quiet", "--cached", "out/mine/ca-key.pem"]);
    std::fs::create_dir_all(workshop.path("new/cluster1")).unwrap();
    workshop.write("new/cluster1/.gitignore", "!*\n");
    std::fs::create_dir_all(workshop.path("new/cluster1/20-cacerts")).unwrap();
    done(&workshop.meshgen(&["build", "mesh.yaml", "-o", "new"]));
}

/// Wherever the directory of a cluster is copied to, Git does not take its key.
#[test]
fn a_copied_directory_keeps_its_key_out_of_git() {
    let workshop = workshop();
    done(&workshop.build(&[]));
    for place in ["out/cluster1", "copy", "copy/20-cacerts"] {
        if place == "copy" {
            workshop.run("cp", &["-r", "out/cluster1", "copy"]);
        }
        workshop.run("git", &["init", "--quiet", place]);
        workshop.run("git", &["-C", place, "add", "--all"]);
        let listed = workshop.run("git", &["-C", place, "ls-files"]);
        assert!(listed.contains("ca-cert.pem") && !listed.contains("key"), "{listed}");
        std::fs::remove_dir_all(workshop.path(place).join(".git")).unwrap();
    }
}

#[test]
fn a_new_seed_is_ignored_whatever_its_name_is() {
    for name in
        ["ca[1].seed", "*.seed", "what?", "back\\slash", "blank ", "#hash", "!bang", " ", "[a", "x]", "sp ace.seed"]
    {
        let workshop = Workshop::new(&topology(ISSUED, &[("cluster1", "")]));
        workshop.run("git", &["init", "--quiet"]);
        done(&workshop.meshgen(&["ca", "new", "--ca", name]));
        workshop.run("git", &["add", "--all"]);
        assert_eq!(workshop.run("git", &["ls-files"]), ".gitignore\nmesh.yaml\n", "{name:?}");
        done(&workshop.build(&["--ca", name]));
        let others = workshop.read(".gitignore");
        assert!(others.lines().count() == 1 && others.starts_with('/'), "{others:?}");
    }
    let workshop = Workshop::new(&topology(ISSUED, &[("cluster1", "")]));
    refused(&workshop.meshgen(&["ca", "new", "--ca", "two\nlines"]), &["choose one without control characters"]);
    assert!(!workshop.exists(".gitignore"));
}

#[test]
fn a_gitignore_that_takes_the_seed_out_again_is_overruled() {
    let workshop = Workshop::new(&topology(ISSUED, &[("cluster1", "")]));
    workshop.run("git", &["init", "--quiet"]);
    workshop.write(".gitignore", "/ca.seed\n!*.seed");
    // A run that was killed left this.
    workshop.write(".meshgen-.gitignore", "/ca");
    done(&workshop.meshgen(&["ca", "new"]));
    assert!(!workshop.exists(".meshgen-.gitignore"));
    assert_eq!(workshop.read(".gitignore"), "/ca.seed\n!*.seed\n/ca.seed\n");
    workshop.run("git", &["check-ignore", "--quiet", "ca.seed"]);

    workshop.write("other.seed", "");
    workshop.run("git", &["add", "--force", "other.seed"]);
    std::fs::remove_file(workshop.path("other.seed")).unwrap();
    refused(&workshop.meshgen(&["ca", "new", "--ca", "other.seed"]), &["Git tracks other.seed already"]);
    assert!(!workshop.exists("other.seed"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_seed_that_an_access_control_list_opens_is_refused() {
    // A version, then a tag, permissions and an ID for each entry: owner, user 65534, group, mask, others.
    let list = |user: u16, mask: u16| {
        let entries = [
            (0x01, 6, u32::MAX),
            (0x02, user, 65534),
            (0x04, 0, u32::MAX),
            (0x10, mask, u32::MAX),
            (0x20, 0, u32::MAX),
        ];
        let bytes = |(tag, permissions, id): (u16, u16, u32)| {
            [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        [2_u32.to_le_bytes().to_vec(), entries.into_iter().flat_map(bytes).collect()].concat()
    };
    for (user, mask, is_open) in [(4, 4, true), (6, 4, true), (4, 0, false), (0, 4, false)] {
        let workshop = workshop();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(workshop.path("ca.seed"), "system.posix_acl_access", &list(user, mask), flags).unwrap();
        let said = workshop.build(&[]);
        if is_open {
            refused(&said, &["access control list", "setfacl --remove-all ./ca.seed"]);
        } else {
            done(&said);
        }
    }
}

/// While a seed is in memory, the process leaves no core dump, whatever the shell allows.
#[test]
#[cfg(target_os = "linux")]
fn a_build_that_is_killed_leaves_no_core_dump() {
    let workshop = workshop();
    let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
    command.args(["build", "mesh.yaml", "-o", "out", "--ca", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // It has more than a pipe holds, so once all of it is written, the process has begun to read its seed.
    std::io::Write::write_all(&mut input, "#".repeat(66 << 10).as_bytes()).unwrap_or_default();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap_or_default();
    let limit = limits.lines().find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = limit.unwrap_or_default().split_whitespace().collect();
    assert!(limits.is_empty() || words[4..6] == ["0", "0"], "{limits}");
    drop(input);
    child.wait().unwrap();
}

#[test]
fn a_seed_in_a_directory_of_everybody_is_refused() {
    let workshop = workshop();
    std::fs::create_dir(workshop.path("open")).unwrap();
    std::fs::rename(workshop.path("ca.seed"), workshop.path("open/ca.seed")).unwrap();
    workshop.chmod("open", 0o777);
    refused(&workshop.build(&["--ca", "open/ca.seed"]), &["anybody can replace it", "chmod o-w open"]);
    // As in /tmp, and as Kubernetes mounts Secrets.
    workshop.chmod("open", 0o1777);
    done(&workshop.build(&["--ca", "open/ca.seed"]));
}

#[test]
fn a_tracked_seed_is_recognised_through_a_link() {
    let workshop = workshop();
    std::fs::create_dir(workshop.path("repository")).unwrap();
    std::fs::rename(workshop.path("ca.seed"), workshop.path("repository/ca.seed")).unwrap();
    std::os::unix::fs::symlink("repository/ca.seed", workshop.path("ca.seed")).unwrap();
    done(&workshop.build(&[]));
    workshop.run("git", &["init", "--quiet", "repository"]);
    refused(&workshop.build(&[]), &["nothing keeps Git from adding"]);
    workshop.run("git", &["-C", "repository", "add", "ca.seed"]);
    refused(&workshop.build(&[]), &["Git tracks"]);
}

#[test]
fn the_demonstration_seed_may_be_public() {
    let workshop = workshop();
    workshop.write("ca.seed", include_bytes!("../../../topologies/ca.seed"));
    workshop.chmod("ca.seed", 0o644);
    workshop.run("git", &["init", "--quiet"]);
    workshop.run("git", &["add", "ca.seed"]);
    let said = workshop.build(&[]);
    done(&said);
    assert!(said.stderr.contains("public demonstration seed"), "{said:?}");
}

#[test]
fn what_a_seed_says_about_itself_does_not_make_it_the_demonstration() {
    let workshop = workshop();
    workshop.write("ca.seed", format!("# PUBLIC: the demonstration seed of meshgen.\n{}", seed().line().as_str()));
    workshop.chmod("ca.seed", 0o644);
    refused(&workshop.build(&[]), &["chmod 600"]);
}

#[test]
fn a_damaged_seed_is_recognised_and_not_repeated() {
    let line = seed().line().to_string();
    let mut cases = vec![
        (String::new(), "contains no seed"),
        ("# nothing but words\n".to_owned(), "contains no seed"),
        (line.replace("seed-1", "seed-2"), "another format"),
        (line.replace("seed-1", "seed-"), "is not a seed"),
        (line.replace("seed-1", "seed-x"), "is not a seed"),
        (line.replace("meshgen-seed-1", "-----BEGIN PRIVATE KEY-----"), "is not a seed"),
        (line.to_uppercase(), "is not a seed"),
        (format!("{line}{line}"), "more than comments and one seed"),
        (line.replace("0707 ", "0708 "), "checksum"),
        (line.replacen("0707", "7007", 1), "checksum"),
    ];
    // Truncated anywhere but at its line break, which an editor may drop.
    cases.extend((1..line.len() - 1).step_by(7).map(|length| (line[..length].to_owned(), "ca.seed")));
    for (text, reason) in cases {
        let workshop = workshop();
        workshop.write("ca.seed", &text);
        let said = workshop.build(&[]);
        refused(&said, &[reason]);
        assert!(!said.stderr.contains("07070707"), "{said:?}");
        assert!(!workshop.exists("out"));
    }
    let workshop = workshop();
    workshop.write("ca.seed", [0xff, 0xfe, 0]);
    refused(&workshop.build(&[]), &["not valid UTF-8"]);
    workshop.write("ca.seed", vec![b'#'; 70_000]);
    refused(&workshop.build(&[]), &["too long"]);
}

#[test]
fn an_option_comes_before_the_environment_and_that_before_the_topologys_directory() {
    let workshop = workshop();
    done(&workshop.build(&[]));
    let beside = workshop.read("out/cluster1/20-cacerts/root-cert.pem");
    for name in ["environment.seed", "option.seed"] {
        workshop.write(name, meshgen::pki::Seed::new([name.len().try_into().unwrap(); 32]).line().as_str());
        workshop.chmod(name, 0o600);
    }
    let root = |arguments: &[&str], output: &str| {
        let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
        command.args(["build", "mesh.yaml", "-o", output]).args(arguments);
        done(&said(&command.env("MESHGEN_CA_SEED_FILE", "environment.seed").output().unwrap()));
        workshop.read(&format!("{output}/cluster1/20-cacerts/root-cert.pem"))
    };
    let (environment, option) = (root(&[], "a"), root(&["--ca", "option.seed"], "b"));
    assert!(beside != environment && environment != option && option != beside);

    refused(&workshop.build(&["--ca", "missing.seed"]), &["the seed missing.seed (from `--ca`) does not exist"]);
}

#[test]
fn a_seed_comes_from_standard_input_too() {
    let workshop = workshop();
    done(&workshop.build(&[]));
    let mut command = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
    command.args(["build", "mesh.yaml", "-o", "piped", "--ca", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), seed().line().as_bytes()).unwrap();
    done(&said(&child.wait_with_output().unwrap()));
    assert_eq!(files(&workshop.path("out")), files(&workshop.path("piped")));

    let mut both = workshop.command(env!("CARGO_BIN_EXE_meshgen"));
    both.args(["build", "-", "-o", "both", "--ca", "-"]);
    both.stdin(std::fs::File::open(workshop.path("mesh.yaml")).unwrap());
    refused(&said(&both.output().unwrap()), &["cannot both come from standard input"]);
}

#[test]
fn a_first_build_says_how_to_make_a_seed_or_makes_it() {
    let workshop = Workshop::new(&topology(ISSUED, &[("cluster1", "")]));
    refused(&workshop.build(&[]), &["meshgen ca new --ca ./ca.seed", "--new-ca"]);
    assert!(!workshop.exists("out") && !workshop.exists("ca.seed"));
    workshop.run("git", &["init", "--quiet"]);
    done(&workshop.build(&["--new-ca"]));
    assert_eq!(workshop.path("ca.seed").metadata().map(|metadata| mode(&metadata)).unwrap(), 0o600);
    assert!(workshop.read(".gitignore").lines().any(|line| line == "/ca.seed"));

    let made = files(&workshop.path("out"));
    done(&workshop.build(&["--new-ca"]));
    assert_eq!(files(&workshop.path("out")), made, "a seed that is there is used");
}

#[test]
fn no_second_root_is_made_by_accident() {
    let workshop = workshop();
    done(&workshop.build(&[]));
    let before = files(&workshop.path("out"));
    let root = before["meshgen.lock"].0.clone();
    let root = String::from_utf8(root).unwrap();
    let root = root.parse::<Lock>().unwrap().roots.remove(0).fingerprint;
    let root = root.as_str();

    // Another day, another mesh ID, another seed, and a lost one.
    let original = workshop.read("mesh.yaml");
    workshop.write("mesh.yaml", original.replace("2026-11-01", "2026-11-02"));
    refused(&workshop.build(&[]), &[root, "in use", "would be", "running mesh", "--replace-root"]);
    workshop.write("mesh.yaml", original.replace("mesh1", "mesh2"));
    refused(&workshop.build(&[]), &[root]);
    workshop.write("mesh.yaml", &original);
    workshop.write("other.seed", meshgen::pki::Seed::new([8; 32]).line().as_str());
    workshop.chmod("other.seed", 0o600);
    refused(&workshop.build(&["--ca", "other.seed"]), &[root]);
    std::fs::rename(workshop.path("ca.seed"), workshop.path("lost")).unwrap();
    refused(&workshop.build(&["--new-ca"]), &["another root", "ca.seed"]);
    assert!(!workshop.exists("ca.seed"));
    assert_eq!(files(&workshop.path("out")), before);

    done(&workshop.build(&["--ca", "other.seed", "--replace-root"]));
    assert!(!workshop.read("out/meshgen.lock").contains(root));
}

#[test]
fn keys_are_private_under_any_umask() {
    for umask in ["000", "022", "077"] {
        let workshop = Workshop::new(&topology(ISSUED, &[("cluster1", ""), ("cluster2", "")]));
        let script = format!("umask {umask}; exec \"$0\" build mesh.yaml -o out --new-ca");
        workshop.run("sh", &["-c", &script, env!("CARGO_BIN_EXE_meshgen")]);
        assert_eq!(mode(&workshop.path("ca.seed").metadata().unwrap()), 0o600);
        let keys: Vec<u32> = files(&workshop.path("out"))
            .into_iter()
            .filter(|(path, _)| path.ends_with("ca-key.pem"))
            .map(|(_, (_, mode))| mode)
            .collect();
        assert_eq!(keys, [0o600, 0o600]);
    }
}

fn mode(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[test]
fn what_holds_keys_says_what_it_is_and_prints_no_key() {
    let files = || [("east/20-cacerts/ca-key.pem".to_owned(), "a key".to_owned().into())];
    assert_eq!(format!("{:?}", External::new("pki", files())), "External(pki, 1 files)");
    assert_eq!(format!("{:?}", Standing::new("out", Lock::default(), files())), "Standing(1 files)");
    assert_eq!(format!("{:?}", seed()), format!("Seed({})", seed().fingerprint()));
    let workshop = workshop();
    done(&workshop.build(&[]));
    let read = |file: &str| workshop.read(&format!("out/cluster1/20-cacerts/{file}"));
    let anchor = TrustAnchor::prove(&read("root-cert.pem")).unwrap();
    let facts: &Facts = anchor.facts();
    assert_eq!(format!("{anchor:?}"), format!("TrustAnchor {{ facts: {facts:?}, .. }}"));
    let bundle = Bundle {
        root_certificate: read("root-cert.pem"),
        certificate: read("ca-cert.pem"),
        key: Some(read("ca-key.pem").into()),
        key_digest: None,
        object: None,
        chain: read("cert-chain.pem"),
        facts: facts.clone(),
        issuers: Vec::new(),
        anchor: facts.fingerprint.clone(),
        trusted: vec![facts.fingerprint.clone()],
    };
    assert_eq!(format!("{bundle:?}"), format!("Bundle {{ facts: {facts:?}, .. }}"));
}
