use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::words::hex;
use crate::words::push_hex;

/// The word that a seed's line begins with.
const FORMAT: &str = "meshgen-seed-1";

/// The fingerprint of `topologies/ca.seed`, which is public.
const DEMONSTRATION: &str = "757c902943566217";

/// 32 secret bytes from which all keys of a mesh derive.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

/// Why a text is not a seed. It never repeats a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedError {
    /// All lines are comments.
    Empty,
    /// The last line is not `meshgen-seed-1`, 64 hexadecimal digits and 8 of a checksum.
    Malformed,
    /// Something follows the seed's line, or stands before it without being a comment.
    SurroundedByText,
    /// A format of another meshgen.
    UnknownFormat,
    /// The checksum does not match: a digit was changed or lost.
    Damaged,
}

impl Seed {
    /// A seed of given bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a seed's file: comment lines that begin with `#`, then one line
    /// `meshgen-seed-1 <64 hex digits> <8 hex digits of its checksum>`.
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
        match words.next() {
            Some(FORMAT) => {}
            Some(word) if is_format(word) => return Err(SeedError::UnknownFormat),
            _ => return Err(SeedError::Malformed),
        }
        let (Some(digits), Some(checksum), None) = (words.next(), words.next(), words.next()) else {
            return Err(SeedError::Malformed);
        };
        let bytes = Zeroizing::new(decode(digits).ok_or(SeedError::Malformed)?);
        let seed = Self(*bytes);
        if checksum.len() != 8 {
            return Err(SeedError::Malformed);
        }
        if checksum == seed.checksum() { Ok(seed) } else { Err(SeedError::Damaged) }
    }

    /// The line that [`Seed::parse`] reads.
    pub fn line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(FORMAT.len() + 1 + 64 + 1 + 8 + 1));
        line.push_str(FORMAT);
        line.push(' ');
        push_hex(&mut line, &self.0);
        line.push(' ');
        line.push_str(&self.checksum());
        line.push('\n');
        line
    }

    /// A fingerprint that reveals nothing about the seed.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"meshgen seed fingerprint\0");
        hash.update(self.0);
        hex(&hash.finalize()[..8])
    }

    /// Whether this is the public seed of the demonstration topologies.
    pub fn is_demonstration(&self) -> bool {
        self.fingerprint() == DEMONSTRATION
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first four bytes of SHA-256 over format and seed.
    fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(FORMAT);
        hash.update([0]);
        hash.update(self.0);
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
    let number = word.strip_prefix("meshgen-seed-");
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
