//! Base64 as in RFC 4648, section 4.

pub(crate) fn encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = usize::try_from(word >> (18 - 6 * digit) & 63).unwrap();
            out.push(if digit <= chunk.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out
}

pub(crate) fn decoded(base64: &str) -> String {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a' + 26),
        b'0'..=b'9' => u32::from(byte - b'0' + 52),
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for chunk in base64.trim_end_matches('=').as_bytes().chunks(4) {
        let word = chunk.iter().fold(0, |word, byte| word << 6 | value(*byte)) << (6 * (4 - chunk.len()));
        bytes.extend((0..chunk.len() * 6 / 8).map(|at| u8::try_from(word >> (16 - 8 * at) & 255).expect("a byte")));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
