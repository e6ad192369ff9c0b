use std::process::Stdio;

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
fn a_seed_that_git_tracks_is_refused() {
    let workshop = workshop();
    workshop.run("git", &["init", "--quiet"]);
    done(&workshop.build(&[]));
    workshop.run("git", &["add", "--force", "ca.seed"]);
    refused(&workshop.build(&[]), &["Git tracks ./ca.seed", "git rm --cached ./ca.seed"]);
    workshop.run("git", &["rm", "--quiet", "--cached", "ca.seed"]);
    done(&workshop.build(&[]));
}

#[test]
fn a_tracked_seed_is_recognised_through_a_link() {
    let workshop = workshop();
    std::fs::create_dir(workshop.path("repository")).unwrap();
    std::fs::rename(workshop.path("ca.seed"), workshop.path("repository/ca.seed")).unwrap();
    std::os::unix::fs::symlink("repository/ca.seed", workshop.path("ca.seed")).unwrap();
    done(&workshop.build(&[]));
    workshop.run("git", &["init", "--quiet", "repository"]);
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
    let root = root.parse::<meshgen::lock::Lock>().unwrap().roots.remove(0).fingerprint;
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
