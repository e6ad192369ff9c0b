use std::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::words::hex;
use crate::words::push_hex;

/// What a seed has, by the word that its line begins with.
const FORMATS: [(&str, Part); 3] =
    [("meshgen-seed-1", Part::Whole), ("meshgen-root-seed-1", Part::Root), ("meshgen-issuing-seed-1", Part::Issuing)];

/// The fingerprint of `topologies/ca.seed`, which is public.
const DEMONSTRATION: &str = "757c902943566217";

/// 32 secret bytes from which keys of a mesh derive.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed {
    bytes: [u8; 32],
    #[zeroize(skip)]
    part: Part,
}

/// Which keys derive from a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Those of the root and of all intermediates.
    Whole,
    /// The root's, and by way of the issuing seed those of the intermediates.
    Root,
    /// Those of the intermediates alone.
    Issuing,
}

/// Why a text is not a seed. It never repeats a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedError {
    /// All lines are comments.
    Empty,
    /// The last line is not `meshgen-seed-1` or another format, 64 hexadecimal digits and 8 of a checksum.
    Malformed,
    /// Something follows the seed's line, or stands before it without being a comment.
    SurroundedByText,
    /// A format of another meshgen.
    UnknownFormat,
    /// The checksum does not match: a digit was changed or lost.
    Damaged,
}

impl Seed {
    /// A seed of given bytes, from which all keys of a mesh derive.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, part: Part::Whole }
    }

    /// A root's seed of given bytes, which is needed only to sign.
    pub fn of_root(bytes: [u8; 32]) -> Self {
        Self { bytes, part: Part::Root }
    }

    /// The seed from which the keys of intermediates derive: itself, or what derives from a root's seed by HKDF-SHA256 (RFC 5869).
    #[must_use]
    pub fn issuing(&self) -> Self {
        if self.part != Part::Root {
            return self.clone();
        }
        let mut seed = Self { bytes: [0; 32], part: Part::Issuing };
        let hkdf = Hkdf::<Sha256>::new(Some(b"meshgen issuing seed v1"), &self.bytes);
        hkdf.expand(&[], &mut seed.bytes).expect("32 octets are one block");
        seed
    }

    /// Whether a root derives from it, and so whatever is signed under that.
    pub(super) fn can_sign(&self) -> bool {
        self.part != Part::Issuing
    }

    /// Reads a seed's file: comment lines that begin with `#`, then one line
    /// `meshgen-seed-1 <64 hex digits> <8 hex digits of its checksum>`, or with `meshgen-root-seed-1` or `meshgen-issuing-seed-1` in
    /// front.
    ///
    /// # Errors
    /// A text is not a seed, or the seed is damaged.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(SeedError::Empty)?;
        if lines.next().is_some() {
            return Err(SeedError::SurroundedByText);
        }
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let part = match FORMATS.iter().find(|(format, _)| *format == word) {
            Some((_, part)) => *part,
            None if is_format(word) => return Err(SeedError::UnknownFormat),
            None => return Err(SeedError::Malformed),
        };
        let (Some(digits), Some(checksum), None) = (words.next(), words.next(), words.next()) else {
            return Err(SeedError::Malformed);
        };
        let bytes = Zeroizing::new(decode(digits).ok_or(SeedError::Malformed)?);
        let seed = Self { bytes: *bytes, part };
        if checksum.len() != 8 {
            return Err(SeedError::Malformed);
        }
        if checksum == seed.checksum() { Ok(seed) } else { Err(SeedError::Damaged) }
    }

    /// The line that [`Seed::parse`] reads.
    pub fn line(&self) -> Zeroizing<String> {
        let format = self.format();
        let mut line = Zeroizing::new(String::with_capacity(format.len() + 1 + 64 + 1 + 8 + 1));
        line.push_str(format);
        line.push(' ');
        push_hex(&mut line, &self.bytes);
        line.push(' ');
        line.push_str(&self.checksum());
        line.push('\n');
        line
    }

    /// A fingerprint that reveals nothing about the seed.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"meshgen seed fingerprint\0");
        hash.update(self.bytes);
        hex(&hash.finalize()[..8])
    }

    /// Whether this is the public seed of the demonstration topologies.
    pub fn is_demonstration(&self) -> bool {
        self.fingerprint() == DEMONSTRATION
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn format(&self) -> &'static str {
        let (format, _) = FORMATS.iter().find(|(_, part)| *part == self.part).expect("each part has a format");
        format
    }

    /// The first four bytes of SHA-256 over format and seed.
    fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.format());
        hash.update([0]);
        hash.update(self.bytes);
        hex(&hash.finalize()[..4])
    }
}

/// A seed is never printed.
impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seed({})", self.fingerprint())
    }
}

impl fmt::Display for SeedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "contains no seed",
            Self::Malformed => "is not a seed: its last line must be `meshgen-seed-1 <64 hex digits> <8 hex digits>`",
            Self::SurroundedByText => "contains more than comments and one seed",
            Self::UnknownFormat => "contains a seed of another format: a newer meshgen may read it",
            Self::Damaged => "is damaged: its checksum does not match; restore it from a copy",
        })
    }
}

/// Whether a word names a format, of this meshgen or of another.
fn is_format(word: &str) -> bool {
    let number = FORMATS.iter().find_map(|(format, _)| word.strip_prefix(format.strip_suffix('1')?));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn decode(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
