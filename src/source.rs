//! What a topology was read from.

use std::collections::BTreeMap;

/// What a topology or a certificate file may have at most: more than the topology of two thousand clusters with twenty nodes each.
pub const MAXIMUM_BYTES: usize = 4 << 20;

/// A topology's text and the name that reports give it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file's path as the user named it, or `<stdin>`.
    pub name: String,
    /// The file's bytes. [`crate::load`] checks that they are text.
    pub bytes: Vec<u8>,
    /// The files that its fields `apiServerCA` name, as written there.
    pub files: BTreeMap<String, Beside>,
}

/// What a file beside a topology contains, or why it cannot be read, as the rest of a sentence that begins with its name.
pub type Beside = Result<Vec<u8>, String>;

impl Source {
    /// A source from memory, without files beside it.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), files: BTreeMap::new() }
    }

    /// The text as reports show it: without a byte-order mark, and with U+FFFD for bytes that are not valid UTF-8.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.bytes))
    }
}

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
