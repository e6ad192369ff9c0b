//! A bundle of certificates: where it is taken, each signature holds and the key is the certificate's, by other code than meshgen's.

use meshgen::lock::{self, Lock};
use meshgen::pki::verify::{self, Files, Proven, TrustAnchor};
use meshgen::pki::{Authority, EXTERNAL_FILES, External, Standing};
use meshgen::source::Source;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::der::pem;
use zeroize::Zeroizing;

use super::Answer;

/// The topology of an external authority's bundle.
const TOPOLOGY: &str = "
apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1, allow: [{rule: end-of-life, reason: a test}, {rule: known-bug, reason: a test}]}
istio: {version: 1.11.2}
certificates: {authority: external, directory: pki}
networks: [{name: network1}]
clusters: [{name: east, network: network1, apiServer: 'https://10.0.0.1:6443'}]
";

/// The files of a bundle in one text: each begins with a line `# <name>`. What is not valid UTF-8 is empty, as for meshgen.
pub(crate) fn files(bytes: &[u8]) -> [Option<String>; 4] {
    let mut files = [const { None }; 4];
    let mut current: Option<(usize, Vec<u8>)> = None;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_heading =
            |name: &&str| line.strip_prefix(b"# ").is_some_and(|rest| rest.trim_ascii_end() == name.as_bytes());
        match EXTERNAL_FILES.iter().position(is_heading) {
            Some(file) => {
                if let Some((file, text)) = current.replace((file, Vec::new())) {
                    files[file] = Some(String::from_utf8(text).unwrap_or_default());
                }
            }
            None => {
                if let Some((_, text)) = &mut current {
                    text.extend(line);
                }
            }
        }
    }
    if let Some((file, text)) = current {
        files[file] = Some(String::from_utf8(text).unwrap_or_default());
    }
    files
}

pub(super) fn answer(bytes: &[u8], is_whole: bool) -> Answer {
    let texts = files(bytes);
    let text = |file: usize| texts[file].as_deref().unwrap_or_default();
    let files = Files { root_certificate: text(0), certificate: text(1), chain: text(2), key: texts[3].as_deref() };
    let told = verify::verify(files);
    match &told {
        Ok(proven) => assert_holds(files, proven),
        Err(faults) => assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.reason.is_empty())),
    }
    // What meshgen takes as its own is a bundle like others.
    if let Ok(anchor) = TrustAnchor::prove(files.root_certificate)
        && let Ok(own) = verify::verify_standing(files, &anchor, anchor.pem())
    {
        assert_eq!(told.as_ref(), Ok(&own), "it is taken where it stands, and not from an authority");
    }
    if is_whole {
        assert_compiles(&texts, told.is_ok());
    }
    Answer::refused(told.map_or_else(|faults| faults.len(), |_| 0))
}

/// What is taken becomes a tree, and what is not becomes findings.
fn assert_compiles(texts: &[Option<String>; 4], is_taken: bool) {
    let named = EXTERNAL_FILES.iter().zip(texts);
    let files = named.filter_map(|(name, text)| Some((format!("east/{name}"), Zeroizing::new(text.clone()?))));
    let source = Source::new("mesh.yaml", TOPOLOGY.as_bytes());
    match meshgen::compile(&source, &Authority::External(External::new("pki", files), Standing::default())) {
        Err(findings) => assert!(!is_taken && !findings.is_empty(), "what is right is not emitted: {findings:?}"),
        Ok(compiled) => {
            let is_there = texts[..3].iter().all(Option::is_some);
            assert!(is_taken && is_there, "what is refused is emitted");
            let lock = &compiled.tree.get(lock::FILE).unwrap().bytes;
            assert!(str::from_utf8(lock).unwrap().parse::<Lock>().is_ok(), "a lock that nobody reads");
            for (name, text) in EXTERNAL_FILES.iter().zip(texts) {
                let emitted = compiled.tree.get(&format!("east/20-cacerts/{name}")).map(|file| file.bytes.as_slice());
                assert_eq!(emitted, text.as_ref().map(String::as_bytes), "{name} is emitted otherwise");
            }
        }
    }
}

/// A certificate: what is signed, the kind of signature, the signature, and the key as its issuer would state it.
struct Certificate {
    der: Vec<u8>,
    signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    key: Vec<u8>,
}

fn assert_holds(files: Files<'_>, proven: &Proven) {
    let [roots, own, mut chain] = [files.root_certificate, files.certificate, files.chain].map(certificates);
    let fingerprint = |certificate: &Certificate| hex(&Sha256::digest(&certificate.der));
    let told: Vec<&str> = proven.roots.iter().map(|root| root.fingerprint.as_str()).collect();
    assert_eq!(told, roots.iter().map(fingerprint).collect::<Vec<_>>(), "other roots are told than are there");
    assert_eq!(own.len(), 1, "istiod reads one certificate");
    assert_eq!(proven.certificate.fingerprint, fingerprint(&own[0]));
    assert!(chain.first().is_some_and(|first| first.der == own[0].der), "another certificate begins the chain");
    assert!(roots.iter().all(|root| is_signed(root, root)), "a root is not signed by itself");
    let last = chain.last().unwrap();
    let is_root = |certificate: &Certificate| roots.iter().any(|root| root.der == certificate.der);
    let root = roots.iter().find(|root| is_root(last) || is_signed(last, root));
    assert!(root.is_some(), "no root signed the end of the chain");
    assert!(chain.windows(2).all(|pair| is_signed(&pair[0], &pair[1])), "the chain does not hold");
    chain.extend(certificates(files.root_certificate));
    let is_chained = |facts: &str| chain.iter().any(|certificate| fingerprint(certificate) == facts);
    assert!(proven.issuers.iter().all(|issuer| is_chained(&issuer.fingerprint)), "an issuer is told that is not there");
    if let Some(key) = files.key {
        let public = public_half(key).expect("a key that is taken is read by everybody");
        assert!(own[0].key.ends_with(&public), "the key is not that of the certificate");
    }
}

fn certificates(text: &str) -> Vec<Certificate> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = text.replace("\r\n", "\n");
    let blocks = text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty());
    blocks.map(|block| certificate(pem::decode_vec(block.as_bytes()).expect("a file that is taken is PEM").1)).collect()
}

/// The parts of a certificate, by their places (RFC 5280, section 4.1).
fn certificate(der: Vec<u8>) -> Certificate {
    let parts = |bytes: &[u8]| -> Vec<(u8, Vec<u8>, Vec<u8>)> {
        let mut rest = bytes;
        std::iter::from_fn(|| {
            let (tag, content, after) = split(rest)?;
            let whole = rest[..rest.len() - after.len()].to_vec();
            rest = after;
            Some((tag, content.to_vec(), whole))
        })
        .collect()
    };
    let outer = parts(&parts(&der)[0].1);
    let [(_, tbs, signed), (_, algorithm, _), (_, signature, _)] = outer.try_into().expect("three parts");
    let mut tbs = parts(&tbs);
    // The version is there, since extensions are.
    let (_, _, key) = tbs.remove(6);
    let algorithm = parts(&algorithm).remove(0).1;
    Certificate { der, signed, algorithm, signature: signature[1..].to_vec(), key }
}

/// Whether the key of an issuer made the signature of a certificate.
fn is_signed(certificate: &Certificate, issuer: &Certificate) -> bool {
    let message = &certificate.signed;
    // The last number of each identifier says which digest is signed (RFC 5758, section 3.2, and RFC 4055, section 5).
    let digest = match certificate.algorithm.last() {
        Some(2 | 11) => Sha256::digest(message).to_vec(),
        Some(3 | 12) => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    };
    let (key, signature) = (issuer.key.as_slice(), certificate.signature.as_slice());
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(key) {
        let signature = p256::ecdsa::Signature::from_der(signature);
        return signature.is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok());
    }
    if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(key) {
        let signature = p384::ecdsa::Signature::from_der(signature);
        return signature.is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok());
    }
    let Ok(key) = rsa::PublicKey::from_public_key_der(key) else { return false };
    let scheme = match digest.len() {
        32 => rsa::Pkcs1v15Sign::new::<Sha256>(),
        48 => rsa::Pkcs1v15Sign::new::<Sha384>(),
        _ => rsa::Pkcs1v15Sign::new::<Sha512>(),
    };
    key.verify(scheme, &digest, signature).is_ok()
}

/// The public half of a private key, as the end of what a certificate says of it.
fn public_half(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("\r\n", "\n");
    let (label, der) = pem::decode_vec(text.trim().as_bytes()).ok()?;
    let p256 = || {
        let key = p256::SecretKey::from_pkcs8_der(&der).or_else(|_| p256::SecretKey::from_sec1_der(&der)).ok()?;
        Some(p256::ecdsa::SigningKey::from(key).verifying_key().to_sec1_point(false).as_bytes().to_vec())
    };
    let p384 = || {
        let key = p384::SecretKey::from_pkcs8_der(&der).or_else(|_| p384::SecretKey::from_sec1_der(&der)).ok()?;
        Some(p384::ecdsa::SigningKey::from(key).verifying_key().to_sec1_point(false).as_bytes().to_vec())
    };
    let rsa = || {
        let key = match label {
            "RSA PRIVATE KEY" => rsa::PrivateKey::from_pkcs1_der(&der).ok()?,
            _ => rsa::PrivateKey::from_pkcs8_der(&der).ok()?,
        };
        key.to_public_key().to_pkcs1_der().ok().map(|der| der.as_bytes().to_vec())
    };
    p256().or_else(p384).or_else(rsa)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The tag and the content of the first element in DER, and what follows it. The tag is one byte.
pub(crate) fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f).clamp(1, 4))?;
        (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}
