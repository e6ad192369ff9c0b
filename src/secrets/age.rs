//! Files of age, encrypted to one X25519 recipient (age-encryption.org/v1).

use base64ct::{Base64, Base64Unpadded, Encoding};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::topology::AgeRecipient;

use super::derivation::Derivation;

/// How long the lines of a header and of armor are ("Recipient stanza", "ASCII armor").
const LINE: usize = 64;

/// A short secret in a file that the recipient opens, in ASCII armor.
pub(super) fn encrypt(derivation: &Derivation, recipient: &AgeRecipient, secret: &[u8]) -> String {
    let of = recipient.as_str();
    let file_key = derivation.octets("age file key", of);
    let ephemeral = derivation.octets("age ephemeral secret", of);
    let nonce = derivation.octets("age nonce", of);
    armor(&file(&recipient.key(), &file_key, &ephemeral, &nonce, secret))
}

/// The header, then the nonce, then the only chunk of the payload.
fn file(recipient: &[u8; 32], file_key: &[u8; 16], ephemeral: &[u8; 32], nonce: &[u8; 16], secret: &[u8]) -> Vec<u8> {
    let ephemeral = StaticSecret::from(*ephemeral);
    let share = PublicKey::from(&ephemeral);
    let shared = ephemeral.diffie_hellman(&PublicKey::from(*recipient));
    let stanza = stanza(shared.as_bytes(), share.as_bytes(), recipient, file_key);
    let header = header(file_key, &stanza);
    [header.as_bytes(), nonce, &chunk(file_key, nonce, secret)].concat()
}

/// The file key, wrapped for the recipient ("The X25519 recipient type").
fn stanza(shared: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32], file_key: &[u8; 16]) -> String {
    let key = derive(shared, &[share.as_slice(), recipient].concat(), b"age-encryption.org/v1/X25519");
    let body = seal(&key, [0; 12], file_key);
    let encoded = [Base64Unpadded::encode_string(share), Base64Unpadded::encode_string(&body)];
    format!("-> X25519 {}\n{}\n", encoded[0], encoded[1])
}

/// The version, the stanza and what authenticates both ("Header").
fn header(file_key: &[u8; 16], stanza: &str) -> String {
    let header = format!("age-encryption.org/v1\n{stanza}---");
    let key = derive(file_key, &[], b"header");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
    mac.update(header.as_bytes());
    format!("{header} {}\n", Base64Unpadded::encode_string(&mac.finalize().into_bytes()))
}

/// The last chunk of a payload, which is the first here: a counter of zero, and the mark of the last ("Payload").
fn chunk(file_key: &[u8; 16], nonce: &[u8; 16], secret: &[u8]) -> Vec<u8> {
    let key = derive(file_key, nonce, b"payload");
    let mut last = [0; 12];
    last[11] = 1;
    seal(&key, last, secret)
}

fn seal(key: &[u8; 32], nonce: [u8; 12], secret: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into()).encrypt(&nonce.into(), secret).expect("a secret is short")
}

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, key.as_mut()).expect("32 octets are one block");
    key
}

/// Whether a text is an armored file for one X25519 recipient, as it is written here.
pub(super) fn is_file(text: &str) -> bool {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = Base64::decode_vec(&body).unwrap_or_default();
    bytes.starts_with(b"age-encryption.org/v1\n-> X25519 ") && armor(&bytes) == text
}

fn armor(bytes: &[u8]) -> String {
    let encoded = Base64::encode_string(bytes);
    let lines = encoded.as_bytes().chunks(LINE).map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    let lines: Vec<&str> = lines.collect();
    format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use base64ct::Encoding;
    use sha2::{Digest, Sha256};

    use crate::words::hex;

    use super::*;

    /// A vector of the Community Cryptography Test Vectors (`tests/vectors/README.md`).
    struct Vector {
        header: &'static str,
        file_key: [u8; 16],
        identity: [u8; 32],
        payload: &'static str,
        file: Vec<u8>,
    }

    impl Vector {
        fn of(bytes: &'static [u8]) -> Self {
            let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
            let header = std::str::from_utf8(&bytes[..end]).unwrap();
            let field = |name: &str| {
                let line = header.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                line.unwrap_or_default()
            };
            let digits = field("file key");
            let octet = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
            let (_, identity) = bech32::decode(field("identity")).unwrap();
            let file = &bytes[end + 2..];
            let armor = std::str::from_utf8(file).ok().filter(|text| text.starts_with("-----BEGIN"));
            let armor = armor.map(|text| text.lines().filter(|line| !line.starts_with('-')).collect::<String>());
            Self {
                header,
                file_key: std::array::from_fn(octet),
                identity: identity.try_into().unwrap(),
                payload: field("payload"),
                file: armor.map_or_else(|| file.to_vec(), |armor| Base64::decode_vec(&armor).unwrap()),
            }
        }

        /// The lines of the header, and what follows.
        fn parts(&self) -> (Vec<&str>, &[u8]) {
            let mac = self.file.windows(5).position(|bytes| bytes == b"\n--- ").unwrap() + 5;
            let end = mac + self.file[mac..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
            (std::str::from_utf8(&self.file[..end]).unwrap().lines().collect(), &self.file[end..])
        }

        /// The stanzas of the identity and of others, each in two lines.
        fn stanzas(&self) -> impl Iterator<Item = (String, [u8; 32])> {
            let (lines, _) = self.parts();
            let stanzas: Vec<(String, [u8; 32])> = lines[1..lines.len() - 1]
                .chunks(2)
                .map(|stanza| {
                    let share = Base64Unpadded::decode_vec(stanza[0].strip_prefix("-> X25519 ").unwrap()).unwrap();
                    (format!("{}\n{}\n", stanza[0], stanza[1]), share.try_into().unwrap())
                })
                .collect();
            stanzas.into_iter()
        }
    }

    const VECTORS: [&[u8]; 4] = [
        include_bytes!("../../tests/vectors/age/x25519"),
        include_bytes!("../../tests/vectors/age/x25519_multiple_recipients"),
        include_bytes!("../../tests/vectors/age/armor_x25519"),
        include_bytes!("../../tests/vectors/age/stream_empty_payload"),
    ];

    #[test]
    fn a_file_key_is_wrapped_as_in_the_vectors() {
        for vector in VECTORS.map(Vector::of) {
            let identity = StaticSecret::from(vector.identity);
            let recipient = PublicKey::from(&identity);
            let is_ours = |(text, share): (String, [u8; 32])| {
                let shared = identity.diffie_hellman(&PublicKey::from(share));
                stanza(shared.as_bytes(), &share, recipient.as_bytes(), &vector.file_key) == text
            };
            assert!(vector.stanzas().any(is_ours), "{}", vector.header);
        }
    }

    #[test]
    fn a_header_and_a_payload_are_those_of_the_vectors() {
        for vector in VECTORS.map(Vector::of) {
            let stanzas: String = vector.stanzas().map(|(text, _)| text).collect();
            let (lines, payload) = vector.parts();
            assert_eq!(header(&vector.file_key, &stanzas), format!("{}\n", lines.join("\n")));
            let (nonce, sealed) = payload.split_at(16);
            let nonce: [u8; 16] = nonce.try_into().unwrap();
            let key = derive(&vector.file_key, &nonce, b"payload");
            let mut last = [0; 12];
            last[11] = 1;
            let opened = ChaCha20Poly1305::new((&*key).into()).decrypt(&last.into(), sealed).unwrap();
            assert_eq!(hex(&Sha256::digest(&opened)), vector.payload);
            assert_eq!(chunk(&vector.file_key, &nonce, &opened), sealed);
        }
    }

    #[test]
    fn a_share_that_gives_an_all_zero_secret_is_no_recipient() {
        let vectors: [&[u8]; 2] = [
            include_bytes!("../../tests/vectors/age/x25519_low_order"),
            include_bytes!("../../tests/vectors/age/x25519_identity"),
        ];
        for vector in vectors.map(Vector::of) {
            let (_, share) = vector.stanzas().next().unwrap();
            let text = bech32::encode_lower::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &share).unwrap();
            assert!(text.parse::<AgeRecipient>().unwrap_err().contains("low order"), "{}", vector.header);
        }
    }

    #[test]
    fn the_same_secret_gives_the_same_file_for_each_recipient() {
        let recipients = [
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
        ];
        let derivation = Derivation::new("a private key", &["test"]);
        let files = recipients.map(|text| encrypt(&derivation, &text.parse().unwrap(), &[7; 32]));
        assert_eq!(files[0], encrypt(&derivation, &recipients[0].parse().unwrap(), &[7; 32]));
        assert_ne!(files[0], files[1]);
        assert!(files[0].lines().all(|line| line.len() <= 64));
    }
}
