use std::fmt;
use std::str::FromStr;

use bech32::{Bech32, Hrp, decode, encode_lower};
use x25519_dalek::{PublicKey, StaticSecret};

/// An age recipient of type X25519: whoever has its identity can decrypt (age-encryption.org/v1, "The X25519 recipient type").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgeRecipient {
    text: String,
    key: [u8; 32],
}

impl AgeRecipient {
    /// The recipient, such as `age1…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The public key: the u-coordinate of a point of Curve25519 (RFC 7748).
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

impl fmt::Display for AgeRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Why a text is not a recipient, as the rest of a sentence.
impl FromStr for AgeRecipient {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PREFIX: Hrp = Hrp::parse_unchecked("age");
        let Some(rest) = text.strip_prefix("age1") else {
            return Err("is not an age recipient");
        };
        // Those of plugins have a name between two separators, and so have those of age's post-quantum keys.
        if rest.contains('1') {
            return Err("is a recipient of another type than X25519");
        }
        // Only what age itself writes: padding that is not zero would be a second spelling.
        let decoded = decode(text).ok();
        let decoded =
            decoded.filter(|(prefix, key)| encode_lower::<Bech32>(*prefix, key).is_ok_and(|again| again == text));
        let key = decoded.filter(|(prefix, _)| *prefix == PREFIX).and_then(|(_, key)| <[u8; 32]>::try_from(key).ok());
        let key = key.ok_or("was not copied whole: its checksum does not match")?;
        // With such a point, everybody knows the shared secret (RFC 7748, section 6.1).
        let shared = StaticSecret::from([1; 32]).diffie_hellman(&PublicKey::from(key));
        if !shared.was_contributory() {
            return Err("is a point of low order, so that anyone could decrypt");
        }
        Ok(Self { text: text.to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_what_age_prints() {
        let text = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        assert_eq!(text.parse::<AgeRecipient>().unwrap().as_str(), text);
        let others = [
            ("", "is not an age recipient"),
            ("age1", "was not copied whole: its checksum does not match"),
            (&text[..61], "was not copied whole: its checksum does not match"),
            (&text.replace("ql3z", "ql3y"), "was not copied whole: its checksum does not match"),
            (&text.to_uppercase(), "is not an age recipient"),
            (&format!("{text} "), "was not copied whole: its checksum does not match"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", "is not an age recipient"),
            (
                "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
                "is a recipient of another type than X25519",
            ),
            ("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX", "is not an age recipient"),
        ];
        for (text, reason) in others {
            assert_eq!(text.parse::<AgeRecipient>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_point_of_low_order_is_no_recipient() {
        // The points of RFC 7748 whose product with any scalar is zero, as u-coordinates.
        let mut eight = [0; 32];
        eight.copy_from_slice(&[
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
            0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ]);
        let mut one = [0; 32];
        one[0] = 1;
        for key in [[0; 32], one, eight] {
            let text = encode_lower::<Bech32>(Hrp::parse("age").unwrap(), &key).unwrap();
            assert_eq!(text.parse::<AgeRecipient>(), Err("is a point of low order, so that anyone could decrypt"));
        }
    }
}
