//! Certificates that are signed well and read in several ways: Go, OpenSSL or a proxy would refuse them, and each has its own finding.

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use p256::pkcs8::DecodePrivateKey;
use x509_cert::der::pem::{self, LineEnding};

use super::external::{Company, INTERMEDIATE, P256, ROOT};

/// The parts of what is signed: version, serial number, algorithm, issuer, validity, subject, key, extensions.
type Parts = Vec<Vec<u8>>;
type Change = fn(&mut Parts);
type Rewrite = fn(&str) -> String;

const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const KEY: usize = 6;

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        ..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, content].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

/// The elements inside of an element.
fn parts(der: &[u8]) -> Parts {
    let size = |der: &[u8]| match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        short => (2, usize::from(short)),
    };
    let mut rest = &der[size(der).0..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, content) = size(rest);
        let (part, after) = rest.split_at(head + content);
        found.push(part.to_vec());
        rest = after;
    }
    found
}

/// The arcs 2.5.29 and 1.3.6.1.4.1.99999, with a number in them.
fn ce(number: u8) -> Vec<u8> {
    vec![6, 3, 0x55, 0x1d, number]
}

const PRIVATE: &[u8] = &[6, 9, 0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 1];
const CRITICAL: &[u8] = &[1, 1, 0xff];
const NULL: &[u8] = &[5, 0];

/// Puts an extension at the end, in the place of that with its identifier.
fn extend(parts: &mut Parts, id: &[u8], critical: &[u8], value: &[u8]) {
    remove(parts, id);
    repeat(parts, id, critical, value);
}

fn remove(parts: &mut Parts, id: &[u8]) {
    let kept: Vec<Vec<u8>> =
        extensions(parts).into_iter().filter(|extension| !extension[2..].starts_with(id)).collect();
    put(parts, &kept.concat());
}

fn repeat(parts: &mut Parts, id: &[u8], critical: &[u8], value: &[u8]) {
    let extension = sequence(&[id, critical, &element(4, &[value])]);
    let list = [extensions(parts).concat(), extension].concat();
    put(parts, &list);
}

fn extensions(of: &Parts) -> Parts {
    parts(&parts(of.last().unwrap())[0])
}

fn put(parts: &mut Parts, list: &[u8]) {
    *parts.last_mut().unwrap() = element(0xa3, &[&sequence(&[list])]);
}

fn usages(parts: &mut Parts, last: &[u8]) {
    let usages: Vec<Vec<u8>> =
        last.iter().map(|number| [&[6, 8, 0x2b, 6, 1, 5, 5, 7, 3][..], &[*number]].concat()).collect();
    extend(parts, &ce(37), &[], &sequence(&[&usages.concat()]));
}

fn name(tag: u8, text: &[u8]) -> Vec<u8> {
    let attribute = sequence(&[&[6, 3, 0x55, 4, 3], &element(tag, &[text])]);
    sequence(&[&element(0x31, &[&attribute])])
}

/// How what the root signs is changed, and what is said of it.
const CHANGED: &[(Change, &str)] = &[
    (
        |p| {
            p.remove(VERSION);
        },
        "is not of version 3",
    ),
    (|p| p[SERIAL] = vec![2, 1, 0xff], "has a negative serial number"),
    (
        |p| p[ALGORITHM] = sequence(&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]]),
        "names one signature algorithm inside",
    ),
    (
        |p| p[VALIDITY] = sequence(&[&element(0x18, &[b"20260102000000Z"]), &element(0x17, &[b"270101000000Z"])]),
        "is not encoded as RFC 5280 requires",
    ),
    (|p| p.insert(KEY + 1, vec![0x81, 2, 0, 1]), "has a unique identifier"),
    (|p| p[SUBJECT] = sequence(&[]), "has subject without a name"),
    (|p| p[SUBJECT] = name(0x1e, &[0, b'W']), "has subject with a part that is not a UTF8String"),
    (|p| p[SUBJECT] = name(0x0c, b"a\0b"), "has subject with a part that is not a UTF8String"),
    (|p| p[SUBJECT] = name(0x16, b"a\x7fb"), "has subject with a part that is not a UTF8String"),
    (
        |p| {
            let last = p[KEY].len() - 1;
            p[KEY][last] ^= 1;
        },
        "has a key that is not an uncompressed point of its curve",
    ),
    (|p| repeat(p, &ce(19), CRITICAL, &sequence(&[])), "has the extension `basicConstraints` more than once"),
    (|p| extend(p, &ce(15), CRITICAL, &[3, 2, 1]), "has an extension `keyUsage` that not everybody reads"),
    (
        |p| extend(p, PRIVATE, CRITICAL, NULL),
        "has a critical extension `1.3.6.1.4.1.99999.1`, which istiod and proxies do not know",
    ),
    (
        |p| extend(p, &ce(14), CRITICAL, &[4, 1, 7]),
        "has a critical extension `subjectKeyIdentifier`, and it may not be critical",
    ),
    (
        |p| extend(p, &ce(30), &[], &sequence(&[&element(0xa0, &[&sequence(&[&element(0x86, &[b"example.org"])])])])),
        "has the extension `nameConstraints`, which meshgen does not evaluate",
    ),
    (|p| extend(p, &ce(36), CRITICAL, &sequence(&[&[0x80, 1, 0]])), "has the extension `policyConstraints`"),
    (|p| extend(p, &ce(54), CRITICAL, &[2, 1, 0]), "has the extension `inhibitAnyPolicy`"),
    (|p| usages(p, &[2]), "has extended key usages without serverAuth"),
    (|p| usages(p, &[1]), "has extended key usages without clientAuth"),
    (|p| usages(p, &[3]), "has extended key usages without serverAuth and clientAuth"),
    (|p| extend(p, &ce(37), &[], &sequence(&[])), "has an extension `extendedKeyUsage` that not everybody reads"),
    (
        |p| extend(p, &ce(17), &[], &sequence(&[&element(0x86, &[b"https://exa mple.org/"])])),
        "has an extension `subjectAltName`",
    ),
    (|p| extend(p, &ce(17), &[], &sequence(&[&element(0x87, &[b"abc"])])), "has an extension `subjectAltName`"),
    (
        |p| extend(p, &ce(17), &[], &sequence(&[&element(0xa4, &[&name(0x0c, b"x")])])),
        "has an extension `subjectAltName`",
    ),
    (|p| extend(p, &ce(31), &[], &sequence(&[&sequence(&[])])), "has an extension `cRLDistributionPoints`"),
    (
        |p| extend(p, &ce(31), &[], &sequence(&[&sequence(&[&element(0xa0, &[&element(0xa0, &[])])])])),
        "has an extension `cRLDistributionPoints`",
    ),
    (
        |p| {
            let policy = sequence(&[PRIVATE]);
            extend(p, &ce(32), &[], &sequence(&[&policy, &policy]));
        },
        "has an extension `certificatePolicies`",
    ),
    (
        |p| extend(p, &ce(35), &[], &sequence(&[&[0x82, 1, 7]])),
        "followed by `CN=Company root,O=Istio`, which did not issue it",
    ),
    (
        |p| extend(p, &ce(35), &[], &sequence(&[&element(0xa1, &[&element(0xa4, &[&name(0x0c, b"x")])])])),
        "followed by `CN=Company root,O=Istio`, which did not issue it",
    ),
    (|p| p[SUBJECT] = p[3].clone(), "has two certificates called `CN=Company root,O=Istio`"),
];

#[test]
fn a_certificate_that_is_read_in_several_ways_is_refused() {
    let company = Company::new();
    for (position, (change, finding)) in CHANGED.iter().enumerate() {
        let certificate = changed(&company, "west", change);
        deliver(&company, &certificate);
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert!(said.code == Some(1) && said.stdout.contains(finding), "{position} {finding}: {said:?}");
        assert!(!said.stdout.contains("has a signature of"), "{position} {finding}: {said:?}");
        assert!(
            !said.stdout.contains("cert-chain.pem of `west` contains"),
            "told once: {position} {finding}: {said:?}"
        );
    }
}

#[test]
fn what_everybody_reads_alike_is_taken() {
    let company = Company::new();
    let taken: &[Change] = &[
        |_| (),
        |p| extend(p, PRIVATE, &[], NULL),
        |p| usages(p, &[1, 2, 3]),
        |p| extend(p, &ce(17), CRITICAL, &sequence(&[&element(0x86, &[b"spiffe://trust_domain/ns/a"])])),
        |p| {
            extend(
                p,
                &ce(31),
                &[],
                &sequence(&[&sequence(&[&element(0xa0, &[&element(0xa0, &[&element(0x86, &[b"http://a/crl"])])])])]),
            );
        },
        |p| extend(p, &ce(32), &[], &sequence(&[&sequence(&[PRIVATE])])),
        |p| p[SUBJECT] = name(0x13, b"Company west"),
        |p| p[SUBJECT] = name(0x16, b"Company west"),
        |p| p[SERIAL] = vec![2, 1, 0],
        |p| extend(p, &ce(17), &[], &sequence(&[&element(0x87, &[&[1; 4]]), &element(0x87, &[&[1; 16]])])),
        |p| extend(p, &ce(17), &[], &sequence(&[&element(0x81, &[b"a@b"]), &element(0xa4, &[&name(0x0c, b"x")])])),
        |p| remove(p, &ce(35)),
        |p| remove(p, &ce(14)),
    ];
    for (position, change) in taken.iter().enumerate() {
        let certificate = changed(&company, "west", change);
        deliver(&company, &certificate);
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert_eq!(said.code, Some(0), "{position}: {said:?}");
    }
}

/// Keys and digests of every kind that istiod and proxies accept, and what is signed by another key or over another text.
#[test]
fn every_kind_of_signature_is_verified() {
    let p384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let rsa: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    for key in [P256, p384, rsa] {
        let company = Company::new();
        company.make("root", key, ROOT, None, 3650);
        for cluster in ["east", "west"] {
            company.make(cluster, key, INTERMEDIATE, Some("root"), 730);
            company.deliver(cluster, cluster, "root");
        }
        for digest in ["-sha256", "-sha384", "-sha512"] {
            let arguments =
                ["x509", "-req", "-in", "west.csr", "-days", "700", "-extfile", "extensions", "-out", "west.pem"];
            company.0.run("openssl", &[&arguments[..], &["-CA", "root.pem", "-CAkey", "root.key", digest]].concat());
            company.deliver("west", "west", "root");
            let said = company.0.meshgen(&["check", "mesh.yaml"]);
            assert_eq!(said.code, Some(0), "{key:?} {digest}: {said:?}");
            let mut other = der(&company, "west");
            *other.last_mut().unwrap() ^= 1;
            deliver(&company, &pem::encode_string("CERTIFICATE", LineEnding::LF, &other).unwrap());
            let said = company.0.meshgen(&["check", "mesh.yaml"]);
            assert!(said.code == Some(1) && said.stdout.contains("has a signature of"), "{key:?} {digest}: {said:?}");
        }
    }
}

/// Every certificate is looked at, and not only the one that istiod signs with.
#[test]
fn roots_are_read_as_strictly() {
    let company = Company::new();
    let root = changed(&company, "root", |parts| usages(parts, &[2]));
    for cluster in ["east", "west"] {
        company.put(cluster, "root-cert.pem", &root);
        company.put(cluster, "cert-chain.pem", &company.get(cluster, "ca-cert.pem"));
    }
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(said.stdout.contains("root-cert.pem of `west` has extended key usages without serverAuth"), "{said:?}");
    let other = changed(&company, "root", |parts| extend(parts, &ce(35), &[], &sequence(&[&[0x80, 1, 7]])));
    for cluster in ["east", "west"] {
        company.put(cluster, "root-cert.pem", &other);
    }
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(said.stdout.contains("has an extension `authorityKeyIdentifier` that is not of its own key"), "{said:?}");
    let mut unsigned = der(&company, "root");
    *unsigned.last_mut().unwrap() ^= 1;
    let unsigned = pem::encode_string("CERTIFICATE", LineEnding::LF, &unsigned).unwrap();
    let renamed = changed(&company, "root", |parts| parts[3] = name(0x0c, b"another"));
    for root in [unsigned, renamed] {
        for cluster in ["east", "west"] {
            company.put(cluster, "root-cert.pem", &root);
        }
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert!(said.stdout.contains("root-cert.pem of `west` is not signed by itself"), "{said:?}");
    }
}

/// OpenSSL takes the first root that could have issued a certificate, and goes by no other.
#[test]
fn two_roots_that_could_have_issued_a_certificate_are_refused() {
    let company = Company::new();
    company.0.run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "other.key",
            "-subj",
            "/O=Istio/CN=Company ROOT",
            "-out",
            "other.pem",
            "-addext",
            "keyUsage=critical,keyCertSign",
            "-days",
            "3650",
        ],
    );
    let anonymous = changed(&company, "west", |parts| remove(parts, &ce(35)));
    deliver(&company, &anonymous);
    for cluster in ["east", "west"] {
        company.put(cluster, "root-cert.pem", &[company.0.read("root.pem"), company.0.read("other.pem")].concat());
    }
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(
        said.stdout.contains("ca-cert.pem of `west` has `CN=Company west,O=Istio` with two possible issuers"),
        "{said:?}"
    );
    assert!(!said.stdout.contains("`east`"), "the key identifier of east says which it is: {said:?}");
}

/// A workload's certificate could be by the other one.
#[test]
fn a_root_with_the_name_of_a_signer_is_refused() {
    let company = Company::new();
    let namesake = changed(&company, "root", |parts| {
        parts[SUBJECT] = signed_parts(&company, "west")[SUBJECT].clone();
        parts[3] = parts[SUBJECT].clone();
    });
    for cluster in ["east", "west"] {
        company.put(cluster, "root-cert.pem", &[company.0.read("root.pem"), namesake.clone()].concat());
    }
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(said.stdout.contains("of `west` has two certificates called `CN=Company west,O=Istio`"), "{said:?}");
}

/// A file of west, what is changed in its text, and what is said of it.
const TEXTS: &[(&str, Rewrite, &str)] = &[
    ("ca-cert.pem", |text| format!("subject=CN = west\n{text}"), "contains more than PEM blocks and empty lines"),
    ("ca-cert.pem", |text| format!("\u{feff}{text}"), "contains more than PEM blocks and empty lines"),
    ("ca-cert.pem", |text| format!(" {text}"), "contains more than PEM blocks and empty lines"),
    ("ca-cert.pem", |text| text.replace('\n', "\r"), "contains more than PEM blocks and empty lines"),
    (
        "cert-chain.pem",
        |text| text.replace("-----\n-----", "----------"),
        "contains more than PEM blocks and empty lines",
    ),
    ("cert-chain.pem", |text| format!("{text}and so on\n"), "contains more than PEM blocks and empty lines"),
    (
        "root-cert.pem",
        |text| format!("{text}-----BEGIN CERTIFICATE-----\n"),
        "contains more than PEM blocks and empty lines",
    ),
    (
        "root-cert.pem",
        |text| text.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        "contains a block `TRUSTED CERTIFICATE`",
    ),
    (
        "root-cert.pem",
        |text| text.replacen("-----\n", "-----\nComment: mine\n\n", 1),
        "contains a block that is not valid PEM",
    ),
    ("ca-key.pem", |text| format!("# the key\n{text}"), "contains more than PEM blocks and empty lines"),
    ("ca-key.pem", |text| format!("{text}{text}"), "contains several blocks, and istiod reads only the first"),
];

#[test]
fn a_text_in_which_not_everybody_finds_the_same_blocks_is_refused() {
    let company = Company::new();
    for (file, change, finding) in TEXTS {
        let before = company.get("west", file);
        company.put("west", file, &change(&before));
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert!(
            said.code == Some(1) && said.stdout.contains(&format!("{file} of `west` {finding}")),
            "{finding}: {said:?}"
        );
        company.put("west", file, &before);
    }
    for change in [
        |text: &str| text.replace('\n', "\r\n"),
        |text: &str| format!("\n\n{text}\n"),
        |text: &str| text.trim_end().to_owned(),
    ] {
        for file in ["root-cert.pem", "ca-cert.pem", "cert-chain.pem", "ca-key.pem"] {
            let before = company.get("west", file);
            company.put("west", file, &change(&before));
            let said = company.0.meshgen(&["check", "mesh.yaml"]);
            assert_eq!(said.code, Some(0), "{file}: {said:?}");
            company.put("west", file, &before);
        }
    }
}

/// Go verifies the numbers of an RSA key that follow from the others, and so is a key with a wrong one of no use.
#[test]
fn an_rsa_key_with_a_wrong_number_is_refused() {
    let company = Company::new();
    company.replace_west(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], INTERMEDIATE, 730);
    assert_eq!(company.0.meshgen(&["check", "mesh.yaml"]).code, Some(0));
    let (_, mut der) = pem::decode_vec(company.get("west", "ca-key.pem").as_bytes()).unwrap();
    *der.last_mut().unwrap() ^= 1;
    company.put("west", "ca-key.pem", &pem::encode_string("PRIVATE KEY", LineEnding::LF, &der).unwrap());
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert!(said.stdout.contains("ca-key.pem of `west` contains a key that istiod does not accept"), "{said:?}");
}

/// Go computes the public half, and does not read the one that the file states.
#[test]
fn a_key_that_states_a_compressed_point_is_taken() {
    let company = Company::new();
    company.0.run("openssl", &["ec", "-in", "west.key", "-conv_form", "compressed", "-out", "compressed.key"]);
    company.put("west", "ca-key.pem", &company.0.read("compressed.key"));
    let said = company.0.meshgen(&["check", "mesh.yaml"]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// RFC 3279: the parameters of the algorithm are NULL, and OpenSSL and Go read more than that in different ways.
#[test]
fn an_rsa_key_that_is_written_in_another_way_is_refused() {
    let company = Company::new();
    company.replace_west(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], INTERMEDIATE, 730);
    let changes: [Change; 2] = [
        |key| key[0] = sequence(&[&parts(&key[0])[0]]),
        |key| {
            let numbers = parts(&key[1][5..]);
            key[1] = element(3, &[&[0], &sequence(&[&numbers[0], &[2, 3, 1, 0, 0]])]);
        },
    ];
    for change in changes {
        let certificate = changed(&company, "west1", |signed| {
            let mut key = parts(&signed[KEY]);
            change(&mut key);
            signed[KEY] = sequence(&key.iter().map(Vec::as_slice).collect::<Vec<_>>());
        });
        deliver(&company, &certificate);
        let said = company.0.meshgen(&["check", "mesh.yaml"]);
        assert!(said.stdout.contains("ca-cert.pem of `west` has an RSA key that not everybody reads"), "{said:?}");
    }
}

fn der(company: &Company, name: &str) -> Vec<u8> {
    let text = company.0.read(&format!("{name}.pem"));
    pem::decode_vec(text.as_bytes()).unwrap().1
}

fn signed_parts(company: &Company, name: &str) -> Parts {
    parts(&parts(&der(company, name))[0])
}

/// A certificate of the company whose signed part is changed and signed again by the root.
fn changed(company: &Company, name: &str, change: impl FnOnce(&mut Parts)) -> String {
    let mut signed = signed_parts(company, name);
    change(&mut signed);
    let tbs = sequence(&signed.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let key = SigningKey::from_pkcs8_pem(&company.0.read("root.key")).unwrap();
    let signature: p256::ecdsa::Signature = key.sign(&tbs);
    let algorithm = &parts(&der(company, name))[1];
    let der = sequence(&[&tbs, algorithm, &element(3, &[&[0], signature.to_der().as_bytes()])]);
    pem::encode_string("CERTIFICATE", LineEnding::LF, &der).unwrap()
}

fn deliver(company: &Company, certificate: &str) {
    company.put("west", "ca-cert.pem", certificate);
    company.put("west", "cert-chain.pem", &format!("{certificate}{}", company.0.read("root.pem")));
}
