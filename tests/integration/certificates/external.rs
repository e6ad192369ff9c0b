//! Certificates of a company's own authority, made by openssl: whole ones are taken, broken ones are named.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use meshgen::topology::Date;

use super::workshop::{Workshop, files, topology};

const EXTERNAL: &str = "authority: external, directory: pki";
const CLUSTERS: [(&str, &str); 2] = [("east", ""), ("west", "")];
pub(super) const ROOT: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
pub(super) const INTERMEDIATE: &str = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\n\
    subjectAltName=DNS:istiod.istio-system.svc\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
pub(super) const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A company's authority in a workshop: `name.key` and `name.pem` for whatever it makes.
pub(super) struct Company(pub(super) Workshop);

impl Company {
    /// With a root, and an intermediate for each of two clusters; the same for all, since openssl takes its time.
    pub(super) fn new() -> Self {
        static MADE: LazyLock<BTreeMap<String, (Vec<u8>, u32)>> = LazyLock::new(|| files(&Company::made().0.path("")));
        let company = Self(Workshop::new(&topology(EXTERNAL, &CLUSTERS)));
        for (path, (bytes, mode)) in MADE.iter() {
            company.0.write(path, bytes);
            company.0.chmod(path, *mode & 0o777);
        }
        company
    }

    fn made() -> Self {
        let company = Self(Workshop::new(&topology(EXTERNAL, &CLUSTERS)));
        company.make("root", P256, ROOT, None, 3650);
        for cluster in ["east", "west"] {
            company.make(cluster, P256, INTERMEDIATE, Some("root"), 730);
            company.deliver(cluster, cluster, "root");
        }
        company
    }

    /// A key and a certificate, signed by itself or by another.
    pub(super) fn make(&self, name: &str, key: &[&str], extensions: &str, signer: Option<&str>, days: i32) {
        let file = |suffix: &str| format!("{name}.{suffix}");
        let (key_file, request, certificate) = (file("key"), file("csr"), file("pem"));
        self.0.run("openssl", &[&["genpkey"], key, &["-out", &key_file]].concat());
        self.sign(name, &request, &key_file, &certificate, extensions, signer, days);
    }

    #[allow(clippy::too_many_arguments, reason = "openssl has that many")]
    fn sign(
        &self,
        name: &str,
        request: &str,
        key: &str,
        certificate: &str,
        extensions: &str,
        signer: Option<&str>,
        days: i32,
    ) {
        let subject = format!("/O=Istio/CN=Company {}", name.trim_end_matches(char::is_numeric));
        self.0.run("openssl", &["req", "-new", "-utf8", "-key", key, "-subj", &subject, "-out", request]);
        self.0.write("extensions", extensions);
        let days = days.to_string();
        let mut arguments =
            vec!["x509", "-req", "-in", request, "-days", &days, "-extfile", "extensions", "-out", certificate];
        let (authority, authority_key) =
            (format!("{}.pem", signer.unwrap_or("")), format!("{}.key", signer.unwrap_or(name)));
        match signer {
            Some(_) => arguments.extend(["-CA", &authority, "-CAkey", &authority_key, "-CAcreateserial"]),
            None => arguments.extend(["-signkey", &authority_key]),
        }
        self.0.run("openssl", &arguments);
    }

    /// Puts a cluster's four files where the topology says.
    pub(super) fn deliver(&self, cluster: &str, name: &str, root: &str) {
        let (certificate, root) = (self.0.read(&format!("{name}.pem")), self.0.read(&format!("{root}.pem")));
        self.put(cluster, "root-cert.pem", &root);
        self.put(cluster, "ca-cert.pem", &certificate);
        self.put(cluster, "cert-chain.pem", &format!("{certificate}{root}"));
        self.put(cluster, "ca-key.pem", &self.0.read(&format!("{name}.key")));
    }

    pub(super) fn put(&self, cluster: &str, file: &str, text: &str) {
        let path = format!("pki/{cluster}/{file}");
        self.0.write(&path, text);
        if file == "ca-key.pem" {
            self.0.chmod(&path, 0o600);
        }
    }

    /// A repository that keeps the keys out of Git.
    fn init(&self) {
        self.0.run("git", &["init", "-q"]);
        self.0.write(".gitignore", "ca-key.pem\n");
    }

    pub(super) fn get(&self, cluster: &str, file: &str) -> String {
        self.0.read(&format!("pki/{cluster}/{file}"))
    }

    fn remove(&self, cluster: &str, file: &str) {
        fs::remove_file(self.0.path(&format!("pki/{cluster}/{file}"))).unwrap();
    }

    /// Makes another intermediate of west and delivers it.
    pub(super) fn replace_west(&self, key: &[&str], extensions: &str, days: i32) {
        self.make("west1", key, extensions, Some("root"), days);
        self.deliver("west", "west1", "root");
    }
}

type Break = fn(&Company);

/// How a bundle is broken, and what is said of it.
const BROKEN: &[(Break, &str)] = &[
    (|c| c.remove("west", "root-cert.pem"), "root-cert.pem of `west` does not exist"),
    (|c| c.remove("west", "ca-cert.pem"), "ca-cert.pem of `west` does not exist"),
    (|c| c.remove("west", "cert-chain.pem"), "cert-chain.pem of `west` does not exist"),
    (|c| c.put("west", "ca-cert.pem", ""), "ca-cert.pem of `west` contains no PEM block"),
    (|c| c.put("west", "cert-chain.pem", "certificate\n"), "cert-chain.pem of `west` contains no PEM block"),
    (
        |c| c.put("west", "root-cert.pem", &c.get("west", "root-cert.pem").replace("-----END", "----END")),
        "root-cert.pem of `west` contains no PEM block",
    ),
    (
        |c| c.put("west", "ca-cert.pem", &c.get("west", "ca-key.pem")),
        "ca-cert.pem of `west` contains a block `PRIVATE KEY`, and only certificates are allowed",
    ),
    (
        |c| c.put("west", "ca-cert.pem", &c.get("west", "ca-cert.pem").replacen("\nMII", "\nM!!", 1)),
        "ca-cert.pem of `west` contains a block that is not valid PEM",
    ),
    (
        |c| c.put("west", "ca-cert.pem", &c.get("west", "ca-cert.pem").replacen("\nMII", "\nMAA", 1)),
        "ca-cert.pem of `west` contains an invalid X.509 certificate",
    ),
    (
        |c| {
            c.make("other", P256, ROOT, None, 3650);
            c.make("west2", P256, INTERMEDIATE, Some("other"), 730);
            c.deliver("west", "west2", "other");
        },
        "root-cert.pem of `west` is not the root of `east`",
    ),
    (
        |c| c.put("west", "root-cert.pem", &c.get("west", "ca-cert.pem")),
        "root-cert.pem of `west` is not signed by itself",
    ),
    (
        |c| {
            c.put(
                "west",
                "cert-chain.pem",
                &format!("{}{}", c.get("west", "root-cert.pem"), c.get("west", "ca-cert.pem")),
            );
        },
        "cert-chain.pem of `west` does not begin with the certificate of ca-cert.pem",
    ),
    (
        |c| c.put("west", "cert-chain.pem", &c.get("west", "root-cert.pem")),
        "cert-chain.pem of `west` does not begin with the certificate of ca-cert.pem",
    ),
    (
        |c| {
            c.put(
                "west",
                "cert-chain.pem",
                &format!(
                    "{}{}{}",
                    c.get("west", "ca-cert.pem"),
                    c.get("east", "ca-cert.pem"),
                    c.get("west", "root-cert.pem")
                ),
            );
        },
        "followed by `CN=Company east,O=Istio`, which did not issue it",
    ),
    (
        |c| {
            c.make("other", P256, ROOT, None, 3650);
            let chain = ["ca-cert.pem", "root-cert.pem"].map(|file| c.get("west", file)).concat();
            c.put("west", "cert-chain.pem", &(chain + &c.0.read("other.pem")));
        },
        "cert-chain.pem of `west` has `CN=Company root,O=Istio` followed by `CN=Company other,O=Istio`, which did not issue it",
    ),
    (
        |c| c.put("west", "ca-key.pem", &c.get("east", "ca-key.pem")),
        "ca-key.pem of `west` is not the key of ca-cert.pem",
    ),
    (
        |c| {
            c.0.run("openssl", &["ecparam", "-name", "prime256v1", "-genkey", "-out", "parameters.key"]);
            c.put("west", "ca-key.pem", &c.0.read("parameters.key"));
        },
        "ca-key.pem of `west` begins with `EC PARAMETERS`",
    ),
    (
        |c| {
            c.0.run(
                "openssl",
                &["pkcs8", "-topk8", "-in", "west.key", "-passout", "pass:secret", "-out", "encrypted.key"],
            );
            c.put("west", "ca-key.pem", &c.0.read("encrypted.key"));
        },
        "ca-key.pem of `west` contains an encrypted key",
    ),
    (
        |c| {
            c.0.run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", "ed.key"]);
            c.put("west", "ca-key.pem", &c.0.read("ed.key"));
        },
        "ca-key.pem of `west` contains a key that istiod does not accept",
    ),
    (|c| c.put("west", "ca-key.pem", "key"), "ca-key.pem of `west` contains no PEM block"),
    (
        |c| c.put("west", "ca-key.pem", &c.get("west", "ca-cert.pem")),
        "ca-key.pem of `west` begins with `CERTIFICATE`, which is not a private key",
    ),
    (
        |c| c.replace_west(P256, &INTERMEDIATE.replace("CA:TRUE,pathlen:0", "CA:FALSE"), 730),
        "ca-cert.pem of `west` is not a certificate authority",
    ),
    (
        |c| c.replace_west(P256, &INTERMEDIATE.replace("keyCertSign,", ""), 730),
        "ca-cert.pem of `west` may not sign certificates",
    ),
    (
        |c| c.replace_west(P256, &format!("{INTERMEDIATE}extendedKeyUsage=clientAuth\n"), 730),
        "ca-cert.pem of `west` has extended key usages without serverAuth",
    ),
    (
        |c| c.replace_west(P256, INTERMEDIATE, 4000),
        "ca-cert.pem of `west` has `CN=Company west,O=Istio` valid on days when its issuer",
    ),
    (
        |c| c.replace_west(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], INTERMEDIATE, 730),
        "ca-cert.pem of `west` has an RSA key of 1024 bits",
    ),
    (
        |c| c.replace_west(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], INTERMEDIATE, 730),
        "ca-cert.pem of `west` has a key on a curve that istiod does not accept",
    ),
    (
        |c| c.replace_west(&["-algorithm", "ed25519"], INTERMEDIATE, 730),
        "ca-cert.pem of `west` has a key that istiod does not accept",
    ),
    (
        |c| c.deliver("west", "east", "root"),
        "ca-cert.pem of `west` has the same serial number as the certificate of `east`",
    ),
    (
        |c| {
            // The same key under another certificate.
            c.sign("west", "again.csr", "east.key", "again.pem", INTERMEDIATE, Some("root"), 730);
            c.0.write("again.key", c.0.read("east.key"));
            c.deliver("west", "again", "root");
        },
        "ca-cert.pem of `west` has the same key as `east`",
    ),
    (
        |c| {
            c.0.run("openssl", &["x509", "-in", "west.pem", "-outform", "DER", "-out", "west.der"]);
            let mut der = fs::read(c.0.path("west.der")).unwrap();
            *der.last_mut().unwrap() ^= 1;
            c.0.write("west.der", der);
            c.0.run("openssl", &["x509", "-inform", "DER", "-in", "west.der", "-out", "west3.pem"]);
            c.0.write("west3.key", c.0.read("west.key"));
            c.deliver("west", "west3", "root");
        },
        "ca-cert.pem of `west` has a signature of `CN=Company west,O=Istio` that is not by `CN=Company root,O=Istio`",
    ),
    (
        |c| {
            c.make("root2", P256, ROOT, None, 3650);
            c.make("west4", P256, INTERMEDIATE, Some("root2"), 730);
            c.deliver("west", "west4", "root");
        },
        "followed by `CN=Company root,O=Istio`, which did not issue it",
    ),
    (
        |c| {
            c.make("middle", P256, INTERMEDIATE, Some("root"), 1000);
            c.make("west5", P256, INTERMEDIATE, Some("middle"), 730);
            c.deliver("west", "west5", "root");
            let chain = ["west5.pem", "middle.pem", "root.pem"].map(|file| c.0.read(file)).concat();
            c.put("west", "cert-chain.pem", &chain);
        },
        "cert-chain.pem of `west` is longer than the path length of `CN=Company middle,O=Istio` allows",
    ),
    (
        |c| {
            c.make(
                "mute",
                P256,
                "subjectKeyIdentifier=hash\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n",
                None,
                3650,
            );
            c.make("west7", P256, INTERMEDIATE, Some("mute"), 730);
            c.deliver("west", "west7", "mute");
        },
        "root-cert.pem of `west` may not sign certificates",
    ),
    (
        |c| {
            c.make(
                "server",
                P256,
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nbasicConstraints=critical,CA:FALSE\n",
                Some("root"),
                1000,
            );
            c.make("west8", P256, INTERMEDIATE, Some("server"), 730);
            c.deliver("west", "west8", "root");
            let chain = ["west8.pem", "server.pem", "root.pem"].map(|file| c.0.read(file)).concat();
            c.put("west", "cert-chain.pem", &chain);
        },
        "cert-chain.pem of `west` contains `CN=Company server,O=Istio`, which is not a certificate authority",
    ),
    (|c| c.replace_west(P256, INTERMEDIATE, -1), "has `CN=Company west,O=Istio` expire before it begins"),
    (
        |c| {
            c.make("weak", P256, "subjectKeyIdentifier=hash\nbasicConstraints=CA:FALSE\n", None, 3650);
            c.make("west6", P256, INTERMEDIATE, Some("weak"), 730);
            c.deliver("west", "west6", "weak");
        },
        "root-cert.pem of `west` is not a certificate authority",
    ),
    // Each trusts a root that the other does not trust.
    (
        |c| {
            for (cluster, other) in [("east", "other"), ("west", "further")] {
                c.make(other, P256, ROOT, None, 3650);
                let roots = format!("{}{}", c.get(cluster, "root-cert.pem"), c.0.read(&format!("{other}.pem")));
                c.put(cluster, "root-cert.pem", &roots);
            }
        },
        "root-cert.pem of `west` lacks a root of `east`, which lacks one of its",
    ),
    // West signs under a root that east does not trust yet.
    (
        |c| {
            c.make("other", P256, ROOT, None, 3650);
            c.make("west9", P256, INTERMEDIATE, Some("other"), 730);
            c.deliver("west", "west9", "other");
            c.put("west", "root-cert.pem", &format!("{}{}", c.get("east", "root-cert.pem"), c.0.read("other.pem")));
        },
        "ca-cert.pem of `west` is under a root that `east` does not trust",
    ),
    // Every certificate in root-cert.pem is trusted, so every one has to be a root.
    (
        |c| {
            c.put(
                "west",
                "root-cert.pem",
                &format!("{}{}", c.get("west", "root-cert.pem"), c.get("west", "ca-cert.pem")),
            );
        },
        "root-cert.pem of `west` contains `CN=Company west,O=Istio`, which is not signed by itself",
    ),
    (
        |c| {
            c.put(
                "west",
                "ca-cert.pem",
                &format!("{}{}", c.get("west", "ca-cert.pem"), c.get("west", "root-cert.pem")),
            );
        },
        "ca-cert.pem of `west` contains several certificates",
    ),
];

#[test]
fn every_broken_bundle_has_its_own_finding() {
    for (position, (break_it, finding)) in BROKEN.iter().enumerate() {
        let company = Company::new();
        break_it(&company);
        let said = company.0.build(&[]);
        assert_eq!(said.code, Some(2), "{position}: {said:?}");
        assert!(
            said.stderr.contains(&format!("error[external-certificate]: {finding}")) || said.stderr.contains(finding),
            "{position} {finding}: {said:?}"
        );
        assert!(said.stderr.contains("pki/west/"), "{position}: {said:?}");
        assert!(!company.0.exists("out"), "{position}");
        let checked = company.0.meshgen(&["check", "mesh.yaml"]);
        assert_eq!(checked.code, Some(1), "{position}: {checked:?}");
        assert!(checked.stdout.contains(finding), "{position}: {checked:?}");
    }
}

#[test]
fn a_whole_hierarchy_is_passed_on_as_it_is() {
    let company = Company::new();
    let said = company.0.build(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for file in ["root-cert.pem", "ca-cert.pem", "cert-chain.pem", "ca-key.pem"] {
        assert_eq!(company.0.read(&format!("out/west/20-cacerts/{file}")), company.get("west", file));
    }
    let tree = files(&company.0.path("out"));
    assert_eq!(tree["west/20-cacerts/ca-key.pem"].1, 0o600);
    assert_eq!(company.0.build(&["--check"]).code, Some(0));
    let shown = company.0.meshgen(&["ca", "show", "out"]);
    assert!(shown.stdout.contains("subject CN=Company west,O=Istio"), "{shown:?}");
    let readme = company.0.read("out/README.md");
    let json = company.0.meshgen(&["ca", "show", "out", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for certificate in json["certificates"].as_array().unwrap() {
        let end = certificate["notAfter"].as_str().unwrap();
        assert!(readme.contains(end), "no {end} in {readme}");
    }
    let asked = company.0.meshgen(&["ca", "show", "mesh.yaml"]);
    assert_eq!(asked.stdout, shown.stdout, "a topology shows the certificates that it names");
}

#[test]
fn a_key_may_stay_where_it_was_made() {
    let company = Company::new();
    company.remove("west", "ca-key.pem");
    assert_eq!(company.0.build(&[]).code, Some(0));
    assert!(!company.0.exists("out/west/20-cacerts/ca-key.pem"));
    assert!(company.0.read("out/west/20-cacerts/kustomization.yaml").contains("ca-key.pem"));
}

/// The steps of Istio's tools/certs/Makefile.selfsigned.mk: RSA, SHA-256, root and one intermediate for a cluster. The keys have 2048 bits
/// instead of 4096, which take openssl many seconds to find.
#[test]
fn a_hierarchy_by_the_steps_of_istio_passes() {
    let company = Company(Workshop::new(&topology(EXTERNAL, &CLUSTERS[..1])));
    let root = "basicConstraints = critical, CA:true\nkeyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, keyCertSign\n\
                subjectKeyIdentifier = hash\n";
    let intermediate = "basicConstraints = critical, CA:true, pathlen:0\n\
         keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, keyCertSign\nsubjectKeyIdentifier = hash\n\
         subjectAltName = DNS:istiod.istio-system.svc\n";
    let run = |arguments: &[&str]| company.0.run("openssl", arguments);
    run(&["genrsa", "-out", "root-key.pem", "2048"]);
    company.0.write(
        "root.conf",
        format!("[req]\nprompt = no\ndistinguished_name = name\n[name]\nO = Istio\nCN = Root CA\n[v3]\n{root}"),
    );
    run(&["req", "-sha256", "-new", "-key", "root-key.pem", "-config", "root.conf", "-out", "root-cert.csr"]);
    run(&[
        "x509",
        "-sha256",
        "-req",
        "-days",
        "3650",
        "-signkey",
        "root-key.pem",
        "-extensions",
        "v3",
        "-extfile",
        "root.conf",
        "-in",
        "root-cert.csr",
        "-out",
        "root-cert.pem",
    ]);
    run(&["genrsa", "-out", "ca-key.pem", "2048"]);
    company.0.write("east.conf", format!("[req]\nprompt = no\ndistinguished_name = name\n[name]\nO = Istio\nCN = Intermediate CA\nL = east\n[v3]\n{intermediate}"));
    run(&["req", "-sha256", "-new", "-config", "east.conf", "-key", "ca-key.pem", "-out", "cluster-ca.csr"]);
    run(&[
        "x509",
        "-sha256",
        "-req",
        "-days",
        "730",
        "-CA",
        "root-cert.pem",
        "-CAkey",
        "root-key.pem",
        "-CAcreateserial",
        "-extensions",
        "v3",
        "-extfile",
        "east.conf",
        "-in",
        "cluster-ca.csr",
        "-out",
        "ca-cert.pem",
    ]);
    let (certificate, root) = (company.0.read("ca-cert.pem"), company.0.read("root-cert.pem"));
    for (file, text) in [
        ("root-cert.pem", root.clone()),
        ("ca-cert.pem", certificate.clone()),
        ("cert-chain.pem", format!("{certificate}{root}")),
        ("ca-key.pem", company.0.read("ca-key.pem")),
    ] {
        company.put("east", file, &text);
    }
    let said = company.0.build(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(company.0.read("out/east/20-cacerts/ca-cert.pem"), certificate);
}

#[test]
fn an_authority_between_the_root_and_a_signer_is_recorded() {
    let company = Company::new();
    company.make("middle", P256, &INTERMEDIATE.replace("pathlen:0", "pathlen:1"), Some("root"), 1000);
    company.make("west1", P256, INTERMEDIATE, Some("middle"), 730);
    company.deliver("west", "west1", "root");
    for end in [&["root.pem"][..], &[]] {
        let files = [&["west1.pem", "middle.pem"], end].concat();
        company.put("west", "cert-chain.pem", &files.into_iter().map(|file| company.0.read(file)).collect::<String>());
        let said = company.0.build(&["--overwrite"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let lock = company.0.read("out/meshgen.lock");
        assert_eq!(lock.matches("\nissuer of ").count(), 1, "{lock}");
        let shown = company.0.meshgen(&["ca", "show", "out"]);
        assert!(shown.stdout.contains("subject CN=Company middle,O=Istio"), "{shown:?}");
    }
}

/// Two roots of one name, as while one replaces the other.
#[test]
fn of_two_roots_of_one_name_the_key_identifier_tells_the_issuer() {
    let company = Company::new();
    let trust = |other: &str| {
        for cluster in ["east", "west"] {
            company.put(cluster, "root-cert.pem", &[other, company.0.read("root.pem").as_str()].concat());
            company.put(cluster, "cert-chain.pem", &company.get(cluster, "ca-cert.pem"));
        }
        company.0.meshgen(&["check", "mesh.yaml"])
    };
    company.make("root2", P256, ROOT, None, 3650);
    let said = trust(&company.0.read("root2.pem"));
    assert_eq!(said.code, Some(0), "{said:?}");
    // Two certificates of one key: OpenSSL takes the first, and only if it may issue a workload's issuer.
    for (length, is_taken) in [("pathlen:0", false), ("pathlen:1", true)] {
        let extensions = ROOT.replace("CA:TRUE", &format!("CA:TRUE,{length}"));
        company.sign("root", "twin.csr", "root.key", "twin.pem", &extensions, None, 3650);
        let root = company.0.read("root.pem");
        for cluster in ["east", "west"] {
            company.put(cluster, "root-cert.pem", &[root.clone(), company.0.read("twin.pem")].concat());
            company.put(cluster, "cert-chain.pem", &[company.get(cluster, "ca-cert.pem"), root.clone()].concat());
        }
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert_eq!(said.stdout.contains("with two possible issuers"), !is_taken, "{length}: {said:?}");
    }
}

#[test]
fn what_stands_in_the_place_of_a_file_is_named() {
    let company = Company::new();
    let path = company.0.path("pki/west/ca-cert.pem");
    let refused = |what: &str| {
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(&format!("ca-cert.pem: {what}, and a regular file is needed")), "{said:?}");
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    };
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("is a directory");
    company.0.run("mkfifo", &[path.to_str().unwrap()]);
    refused("is a pipe");
}

#[test]
fn what_expires_is_told_by_day() {
    let company = Company::new();
    let checked = company.0.meshgen(&["check", "mesh.yaml", "--now", "2199-01-01"]);
    assert_eq!(checked.code, Some(0));
    // The root, which both share, and the certificate of each.
    assert_eq!(checked.stdout.matches("warning[expiring-certificate]").count(), 3, "{checked:?}");
    let shown = company.0.meshgen(&["ca", "show", "mesh.yaml", "--format", "json"]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let east = shown["certificates"].as_array().unwrap().iter().find(|one| one["cluster"] == "east").unwrap();
    let day = |field: &str, days| {
        let day: Date = east[field].as_str().unwrap().parse().unwrap();
        Date(day.0 + time::Duration::days(days)).to_string()
    };
    for (now, words) in [
        (day("notBefore", -1), Some("is not valid before")),
        (day("notBefore", 0), None),
        (day("notAfter", -91), None),
        (day("notAfter", -90), Some("expires on")),
        (day("notAfter", 1), Some("expires on")),
    ] {
        let said = company.0.meshgen(&["check", "mesh.yaml", "--now", &now]).stdout;
        let told = said.split_once("the certificate of `east` ").map(|(_, told)| told);
        assert!(
            words.map_or(told.is_none(), |words| told.is_some_and(|told| told.starts_with(words))),
            "{now}: {said}"
        );
    }
}

#[test]
fn a_root_that_all_clusters_trust_beside_the_first_is_a_fact_that_everybody_tells() {
    let company = Company::new();
    company.init();
    assert_eq!(company.0.build(&[]).code, Some(0));
    company.0.run("cp", &["-r", "out", "before"]);
    company.make("next", P256, ROOT, None, 30);
    for cluster in ["east", "west"] {
        company.put(
            cluster,
            "root-cert.pem",
            &format!("{}{}", company.get(cluster, "root-cert.pem"), company.0.read("next.pem")),
        );
    }
    let checked = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(checked.stdout.contains("the authority `CN=Company next,O=Istio` expires on"), "{checked:?}");
    let said = company.0.build(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(company.0.read("out/meshgen.lock").matches("\nroot sha256:").count(), 2);
    assert!(company.0.meshgen(&["ca", "show", "out"]).stdout.contains("subject CN=Company next,O=Istio"));
    for sides in [["before", "out"], ["before", "mesh.yaml"]] {
        let said = company.0.meshgen(&[&["diff"], &sides[..]].concat());
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stdout.contains("a root in east, west: new: valid"), "{said:?}");
    }
}

#[test]
fn a_key_that_others_can_read_or_git_would_add_is_refused() {
    let company = Company::new();
    company.0.chmod("pki/west/ca-key.pem", 0o644);
    for command in [&["check", "mesh.yaml"][..], &["build", "mesh.yaml", "-o", "out"]] {
        let said = company.0.meshgen(command);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("pki/west/ca-key.pem is open to others (mode 0644)"), "{said:?}");
    }
    company.0.chmod("pki/west/ca-key.pem", 0o600);
    company.0.run("git", &["init", "-q"]);
    let refused = |words: &str| {
        let export = company.0.meshgen(&["ca", "export", "mesh.yaml", "east"]);
        for said in [company.0.build(&[]), company.0.build(&["--check"]), export] {
            assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
            assert!(said.stderr.contains(words), "{said:?}");
        }
    };
    refused("nothing keeps Git from adding `pki/east/ca-key.pem` and `pki/west/ca-key.pem`");
    assert!(!company.0.exists("out"));
    company.0.write(".gitignore", "ca-key.pem\n");
    assert_eq!(company.0.build(&[]).code, Some(0));
    company.0.run("git", &["add", "--force", "pki/east/ca-key.pem"]);
    refused("Git tracks `pki/east/ca-key.pem`");
}

#[test]
fn a_name_in_a_certificate_does_nothing_to_the_text_around_it() {
    let company = Company::new();
    let name = "ev\u{202e}il\u{2066}";
    company.make(name, P256, ROOT, None, 3650);
    for cluster in ["east", "west"] {
        company.make(cluster, P256, INTERMEDIATE, Some(name), 730);
        company.deliver(cluster, cluster, name);
    }
    assert_eq!(company.0.build(&[]).code, Some(0));
    for place in ["mesh.yaml", "out"] {
        for format in ["text", "json"] {
            let shown = company.0.meshgen(&["ca", "show", place, "--format", format]);
            assert!(shown.stdout.contains("CN=Company ev"), "{shown:?}");
            assert_eq!(crate::common::deceptive(&shown.stdout), None, "{shown:?}");
        }
    }
}

#[test]
fn the_directory_may_not_leave_the_repository() {
    let company = Company::new();
    company.0.write("mesh/inner.yaml", topology("authority: external, directory: ../pki", &CLUSTERS));
    let outside = company.0.meshgen(&["build", "mesh/inner.yaml", "-o", "out"]);
    assert_eq!(outside.code, Some(2));
    assert!(outside.stderr.contains("keep the files beside the topology"), "{outside:?}");
    company.init();
    let inside = company.0.meshgen(&["build", "mesh/inner.yaml", "-o", "out"]);
    assert_eq!(inside.code, Some(0), "{inside:?}");
}
