//! Bundles of certificates: real ones that were damaged as text or as DER, and ones that are signed after they were changed.

use fastrand::Rng;
use meshgen::pki::EXTERNAL_FILES;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey};
use x509_cert::der::pem::{self, LineEnding};

use super::answer::bundle::files;
use super::damage::damaged;
use super::der::{Element, SEQUENCE};
use super::input::few;

const ECDSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
const POLICIES: &[u8] = b"\x55\x1d\x20";

/// Files in one text, as `files` reads them.
pub(crate) fn text(files: &[Option<String>; 4]) -> Vec<u8> {
    let named = EXTERNAL_FILES.iter().zip(files).filter_map(|(name, file)| Some((name, file.as_ref()?)));
    named.flat_map(|(name, file)| ["# ", *name, "\n", file.as_str()]).collect::<String>().into_bytes()
}

/// What a certificate is made of.
struct Certificate {
    /// What is signed, without the kind of signature.
    tbs: Element,
    /// Which key signs.
    issuer: u8,
}

/// A bundle made from others.
pub(crate) fn bundle(bundles: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let one = &bundles[rng.usize(..bundles.len())];
    match rng.u8(..8) {
        0 => damaged(one, rng),
        1 => pieces(one, &bundles[rng.usize(..bundles.len())], rng),
        2 | 3 => reencoded(one, rng),
        _ => signed(rng),
    }
}

/// A bundle with blocks and files of another.
fn pieces(one: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let (mut files, others) = (files(one), files(other));
    for _ in 0..few(rng) {
        let (at, from) = (rng.usize(..4), rng.usize(..4));
        let strange = blocks(others[from].as_deref().unwrap_or_default());
        let mut own = blocks(files[at].as_deref().unwrap_or_default());
        let place = rng.usize(..=own.len());
        match rng.u8(..5) {
            0 => own.splice(place..place, strange).for_each(drop),
            1 if place < own.len() => drop(own.remove(place)),
            2 if place < own.len() => {
                let block = own[place].clone();
                own.splice(place..place, std::iter::repeat_n(block, rng.usize(1..4))).for_each(drop);
            }
            3 => own.reverse(),
            _ => own = strange,
        }
        files[at] = if own.is_empty() && rng.bool() { None } else { Some(own.concat()) };
    }
    text(&files)
}

/// The blocks of a PEM file that is right.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        match blocks.last_mut().filter(|_| !line.starts_with("-----BEGIN")) {
            Some(block) => block.push_str(line),
            None => blocks.push(line.to_owned()),
        }
    }
    blocks
}

/// A bundle of which the DER of one block, wherever it stands, was changed.
fn reencoded(one: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut files = files(one);
    let all: Vec<String> = files.iter().flatten().flat_map(|file| blocks(file)).collect();
    let block = &all[rng.usize(..all.len())];
    let (label, der) = pem::decode_vec(block.as_bytes()).unwrap();
    let mut element = Element::all(&der).unwrap().remove(0);
    let mut changed = der;
    if rng.bool() {
        let other = element.clone();
        (0..few(rng)).for_each(|_| element.change(&other, rng));
        changed = element.bytes();
    }
    if rng.bool() {
        changed = damaged(&changed, rng);
    }
    let written = pem::encode_string(label, LineEnding::LF, &changed).unwrap();
    // Mostly everywhere where it stands, so that the files agree.
    let everywhere = rng.u8(..8) > 0;
    for file in files.iter_mut().flatten() {
        if everywhere || rng.bool() {
            *file = file.replace(block.as_str(), &written);
        }
    }
    text(&files)
}

/// A chain whose certificates were changed before each was signed by the next.
fn signed(rng: &mut Rng) -> Vec<u8> {
    let length = rng.u8(1..4);
    let mut chain: Vec<Certificate> = (0..length).map(|level| authority(level, length - 1)).collect();
    for _ in 0..few(rng) {
        let (at, other) = (rng.usize(..chain.len()), rng.usize(..chain.len()));
        let other = chain[other].tbs.clone();
        chain[at].tbs.change(&other, rng);
    }
    let breaks = |rng: &mut Rng| rng.u8(..8) == 0;
    let ders: Vec<Vec<u8>> = chain
        .iter()
        .map(|certificate| {
            let tbs = certificate.tbs.bytes();
            let tbs = if breaks(rng) { damaged(&tbs, rng) } else { tbs };
            let der = sign(&tbs, certificate.issuer);
            if breaks(rng) { damaged(&der, rng) } else { der }
        })
        .collect();
    let blocks: Vec<String> = ders.iter().map(|der| block(der)).collect();
    let (first, root) = (&blocks[0], &blocks[blocks.len() - 1]);
    let key = key(0).to_pkcs8_pem(LineEnding::LF).unwrap();
    let key = (rng.bool()).then(|| {
        if breaks(rng) { String::from_utf8_lossy(&damaged(key.as_bytes(), rng)).into_owned() } else { key.to_string() }
    });
    text(&[Some(root.clone()), Some(first.clone()), Some(blocks.concat()), key])
}

/// The certificate of a level: that of the level above issues it, and the last one itself.
fn authority(level: u8, last: u8) -> Certificate {
    let issuer = (level + 1).min(last);
    let length = Element::new(0x02, &[level]);
    let constraints = Element::sequence(vec![Element::new(0x01, &[0xff]), length]);
    let extensions = vec![
        extension(b"\x55\x1d\x0f", true, Element::new(0x03, b"\x01\x06")),
        extension(b"\x55\x1d\x13", true, constraints),
        extension(b"\x55\x1d\x0e", false, Element::new(0x04, &[level; 20])),
        extension(b"\x55\x1d\x23", false, Element::sequence(vec![Element::new(0x80, &[issuer; 20])])),
    ];
    Certificate { tbs: tbs(&[level + 1], name(issuer), name(level), key(level), extensions), issuer }
}

fn tbs(serial: &[u8], issuer: Element, subject: Element, key: &SigningKey, extensions: Vec<Element>) -> Element {
    let version = Element { tag: 0xa0, ..Element::sequence(vec![Element::new(0x02, b"\x02")]) };
    let validity = Element::sequence(vec![Element::new(0x17, b"261101000000Z"), Element::new(0x17, b"361101000000Z")]);
    let public = key.verifying_key().to_public_key_der().unwrap();
    let public = Element::all(public.as_bytes()).unwrap().remove(0);
    let extensions = Element { tag: 0xa3, ..Element::sequence(vec![Element::sequence(extensions)]) };
    Element::sequence(vec![
        version,
        Element::new(0x02, serial),
        algorithm(),
        issuer,
        validity,
        subject,
        public,
        extensions,
    ])
}

fn algorithm() -> Element {
    Element::sequence(vec![Element::new(0x06, ECDSA_WITH_SHA256)])
}

fn extension(id: &[u8], is_critical: bool, value: Element) -> Element {
    let critical = is_critical.then(|| Element::new(0x01, &[0xff]));
    let parts = [Some(Element::new(0x06, id)), critical, Some(Element::octets(value))];
    Element::sequence(parts.into_iter().flatten().collect())
}

fn name(level: u8) -> Element {
    Element::sequence(vec![relative_name(&[b'a' + level])])
}

fn relative_name(text: &[u8]) -> Element {
    let attribute = Element::sequence(vec![Element::new(0x06, COMMON_NAME), Element::new(0x0c, text)]);
    Element { tag: 0x31, ..Element::sequence(vec![attribute]) }
}

/// The same keys every time: nobody trusts them.
fn key(level: u8) -> &'static SigningKey {
    static KEYS: std::sync::LazyLock<Vec<SigningKey>> =
        std::sync::LazyLock::new(|| (1..=4).map(|byte| SigningKey::from_slice(&[byte; 32]).unwrap()).collect());
    &KEYS[usize::from(level)]
}

fn sign(tbs: &[u8], issuer: u8) -> Vec<u8> {
    let signature: Signature = key(issuer).sign(tbs);
    let rest = [algorithm(), Element::bits(signature.to_der().as_bytes())].map(|element| element.bytes()).concat();
    Element::new(SEQUENCE, &[tbs, &rest].concat()).bytes()
}

fn block(der: &[u8]) -> String {
    pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap()
}

/// How many ways there are to grow a bundle.
pub(crate) const KINDS: usize = 13;

/// A bundle of a size: one thing many times.
pub(crate) fn grown(kind: usize, size: usize, rng: &mut Rng) -> Vec<u8> {
    let mut root = authority(1, 1).tbs;
    let mut own = authority(0, 1).tbs;
    // What the certificate has, the chain repeats, in base64.
    let room = size / 4;
    let id = |index: usize| {
        let [.., a, b, c] = index.to_be_bytes();
        vec![0x2b, a & 0x7f | 0x80, b & 0x7f | 0x80, c & 0x7f]
    };
    let grow = |parts: &mut Vec<Element>, make: &dyn Fn(usize) -> Element| {
        let count = room / make(1 << 16).bytes().len();
        parts.extend((0..count).map(make));
    };
    let mut add = |id: &[u8], make: &dyn Fn(usize) -> Element| {
        let mut items = Element::sequence(Vec::new());
        grow(items.parts(), make);
        own.parts()[7].parts()[0].parts().push(extension(id, false, items));
    };
    match kind {
        0 => add(SUBJECT_ALT_NAME, &|index| Element::new(0x82, format!("a{index}").as_bytes())),
        1 => add(SUBJECT_ALT_NAME, &|_| Element::new(0x86, b"spiffe://a/b")),
        2 => add(POLICIES, &|index| Element::sequence(vec![Element::new(0x06, &id(index))])),
        3 => grow(own.parts()[7].parts()[0].parts(), &|index| extension(&id(index), false, Element::new(0x05, b""))),
        4 => grow(own.parts()[7].parts()[0].parts(), &|_| extension(&id(1), true, Element::new(0x05, b""))),
        5 => grow(own.parts()[5].parts(), &|index| relative_name(format!("{index}").as_bytes())),
        6 => grow(own.parts()[5].parts()[0].parts(), &|index| {
            Element::sequence(vec![Element::new(0x06, COMMON_NAME), Element::new(0x0c, &index.to_be_bytes())])
        }),
        // A long chain, each of the others by the one key of the root.
        9 | 10 => return chained(size, kind == 9),
        // Many roots, alike or not.
        11 | 12 => {
            let is_alike = kind == 11;
            let mut roots = block(&sign(&root.bytes(), 1));
            for index in 0..=u16::MAX {
                let serial: Vec<u8> = [1].into_iter().chain(index.to_be_bytes()).collect();
                let named = if is_alike {
                    name(1)
                } else {
                    Element::sequence(vec![relative_name(&index.to_string().into_bytes())])
                };
                let other = tbs(&serial, named.clone(), named, key(1), root.parts()[7].parts()[0].parts().clone());
                roots.push_str(&block(&sign(&other.bytes(), 1)));
                if roots.len() > size - 4000 {
                    break;
                }
            }
            let own = block(&sign(&own.bytes(), 1));
            return text(&[Some(roots), Some(own.clone()), Some(own), None]);
        }
        // A number of an RSA key.
        7 => {
            let number = Element::new(0x02, &[&[0][..], &vec![0xff; rng.usize(room / 2..room)]].concat());
            let exponent = Element::new(0x02, if rng.bool() { &b"\x01\0\x01"[..] } else { &b"\x7f\xff\xff\xff"[..] });
            let rsa = Element::sequence(vec![
                Element::new(0x06, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
                Element::new(0x05, b""),
            ]);
            let public = Element::sequence(vec![number, exponent]);
            own.parts()[6] = Element::sequence(vec![rsa, Element::bits(&public.bytes())]);
        }
        // A private key of numbers that have nothing to do with each other.
        _ => {
            let mut number = || Element::new(0x02, &[&[0][..], &vec![0xff; rng.usize(room / 2..room)]].concat());
            let (modulus, one) = (number(), || Element::new(0x02, b"\x03"));
            let mut numbers = vec![Element::new(0x02, b"\0"), modulus, Element::new(0x02, b"\x01\0\x01"), number()];
            numbers.extend([one(), one(), one(), one(), one()]);
            let written =
                pem::encode_string("RSA PRIVATE KEY", LineEnding::LF, &Element::sequence(numbers).bytes()).unwrap();
            let (own, root) = (block(&sign(&own.bytes(), 1)), block(&sign(&root.bytes(), 1)));
            return text(&[Some(root), Some(own.clone()), Some(own), Some(written)]);
        }
    }
    let (own, root) = (block(&sign(&own.bytes(), 1)), block(&sign(&root.bytes(), 1)));
    text(&[Some(root), Some(own.clone()), Some([own, String::new()].concat()), None])
}

/// A chain of as many certificates as there is room for, with names of their own or one name.
fn chained(size: usize, is_alike: bool) -> Vec<u8> {
    let named = |index: usize| {
        Element::sequence(vec![relative_name(if is_alike { "a".to_owned() } else { index.to_string() }.as_bytes())])
    };
    let constraints = extension(b"\x55\x1d\x13", true, Element::sequence(vec![Element::new(0x01, &[0xff])]));
    let one = |index: usize, issuer: usize| {
        let serial: Vec<u8> = [1].into_iter().chain(u16::try_from(index).unwrap().to_be_bytes()).collect();
        block(&sign(&tbs(&serial, named(issuer), named(index), key(1), vec![constraints.clone()]).bytes(), 1))
    };
    let (mut chain, mut index) = (one(1, 2), 1);
    while chain.len() < size - 4000 {
        index += 1;
        chain.push_str(&one(index, index + 1));
    }
    text(&[Some(one(index + 1, index + 1)), Some(one(1, 2)), Some(chain), None])
}
