//! What somebody or something does to a text, whatever it means. The tests damage texts in the same way.

use fastrand::Rng;

/// A text after a few changes of its bytes and lines.
pub(crate) fn damaged(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.usize(..3) {
        if bytes.is_empty() {
            break;
        }
        let (from, to) = (rng.usize(..bytes.len()), rng.usize(..bytes.len()));
        let range = from.min(to)..from.max(to);
        match rng.u8(..8) {
            0 => bytes[from] ^= 1 << rng.u8(..8),
            1 => bytes[from] = rng.u8(..),
            2 => bytes.truncate(from),
            3 => drop(bytes.drain(range)),
            4 => {
                let part = bytes[range].to_vec();
                bytes.splice(from..from, part);
            }
            5 => bytes.insert(from, b"\0\n\r -#:=\xff"[rng.usize(..9)]),
            6 => bytes.swap(from, to),
            // A line elsewhere.
            _ => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines.remove(rng.usize(..lines.len()));
                lines.insert(rng.usize(..=lines.len()), line);
                bytes = lines.concat();
            }
        }
    }
    bytes
}
