use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What would be random in a ciphertext: octets of HKDF-SHA-256 (RFC 5869) from the private key that is encrypted, as RFC 6979
/// derives the nonces of signatures from the key that signs.
///
/// Whoever does not know the private key cannot tell the octets from random ones, and whoever knows it learns nothing from them.
/// All that goes into a ciphertext goes into the derivation, so that no two ciphertexts have a key and a nonce in common.
pub(super) struct Derivation {
    hkdf: Hkdf<Sha256>,
    context: Vec<u8>,
}

impl Derivation {
    /// `context` is all that goes into the ciphertext besides the private key, the form first.
    pub(super) fn new(private_key: &str, context: &[&str]) -> Self {
        let hkdf = Hkdf::new(Some(b"meshgen secrets v1"), private_key.as_bytes());
        let count = u32::try_from(context.len()).expect("a ciphertext has few parts").to_be_bytes();
        let parts = context.iter().copied().flat_map(with_length);
        Self { hkdf, context: count.into_iter().chain(parts).collect() }
    }

    /// The octets for a purpose, such as a nonce, which `of` tells from others of that purpose.
    pub(super) fn octets<const LENGTH: usize>(&self, purpose: &str, of: &str) -> Zeroizing<[u8; LENGTH]> {
        let mut octets = Zeroizing::new([0; LENGTH]);
        let info: Vec<u8> = self.context.iter().copied().chain(with_length(purpose)).chain(with_length(of)).collect();
        self.hkdf.expand(&info, octets.as_mut()).expect("HKDF gives up to 8,160 octets");
        octets
    }
}

/// The octets of a part after their number: no two lists of parts make one context.
fn with_length(part: &str) -> impl Iterator<Item = u8> + '_ {
    u32::try_from(part.len()).expect("a part is short").to_be_bytes().into_iter().chain(part.bytes())
}
