//! PEM (RFC 7468): blocks of base64 between two lines.

use x509_cert::der::pem::{self, LineEnding};
use zeroize::Zeroizing;

/// One block of a PEM file (RFC 7468).
pub(super) struct Block<'t> {
    pub(super) label: &'t str,
    pub(super) text: &'t str,
}

/// The blocks of a PEM file, in order. Text between them is ignored, as by istiod.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        let labelled = &rest[begin + 11..];
        let Some(label) = labelled.find("-----").map(|end| &labelled[..end]) else { break };
        let close = format!("-----END {label}-----");
        let Some(end) = rest[begin..].find(&close).map(|end| begin + end + close.len()) else { break };
        blocks.push(Block { label, text: &rest[begin..end] });
        rest = &rest[end..];
    }
    blocks
}

/// Whether a text is nothing but PEM blocks as RFC 7468 writes them strictly: no byte before, between or after them, and each
/// block what its content is encoded to.
pub(super) fn is_strict(text: &str) -> bool {
    let mut rest = text;
    for block in blocks(text) {
        let Some(after) = block.strict().and_then(|strict| rest.strip_prefix(strict.as_str())) else { return false };
        rest = after;
    }
    rest.is_empty()
}

/// Whether everybody finds the same blocks in a text: there is nothing beside them but empty lines, and each is written strictly, with
/// LF or CRLF at the ends of lines. A block that is not valid PEM is told by who reads it.
pub(super) fn is_plain(text: &str) -> bool {
    let text = Zeroizing::new(text.replace("\r\n", "\n"));
    let mut rest = text.as_str();
    for block in blocks(&text) {
        let Some(strict) = block.strict() else { return true };
        let Some(after) = rest.trim_start_matches('\n').strip_prefix(strict.trim_end()) else { return false };
        if !after.is_empty() && !after.starts_with('\n') {
            return false;
        }
        rest = after;
    }
    rest.trim_start_matches('\n').is_empty()
}

/// Base64 on one line: a PEM block without its lines.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let block = pem::encode_string("BASE64", LineEnding::LF, bytes).expect("base64 encodes any bytes");
    block.lines().filter(|line| !line.starts_with('-')).collect()
}

impl Block<'_> {
    /// What the block encodes.
    pub(super) fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        pem::decode_vec(self.text.as_bytes()).ok().map(|(_, bytes)| Zeroizing::new(bytes))
    }

    /// The one way in which RFC 7468 writes it strictly.
    fn strict(&self) -> Option<Zeroizing<String>> {
        pem::encode_string(self.label, LineEnding::LF, &self.bytes()?).ok().map(Zeroizing::new)
    }
}
