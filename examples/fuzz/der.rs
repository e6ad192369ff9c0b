//! DER (X.690) as a tree of elements, none of which need be right.

use fastrand::Rng;

use super::answer::bundle::split;

/// An element. A string of octets that holds nothing but elements has parts too, as the value of an extension does.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) tag: u8,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Parts(Vec<Element>),
}

const CONSTRUCTED: u8 = 0x20;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const SEQUENCE: u8 = 0x30;
const BITS: u8 = 0x03;

/// Contents that mean something to a reader of certificates: numbers, dates, names, identifiers of curves and extensions.
const TOKENS: [(u8, &[u8]); 22] = [
    (0x01, b"\xff"),
    (0x01, b"\0"),
    (0x01, b"\x01"),
    (0x02, b""),
    (0x02, b"\0"),
    (0x02, b"\x80"),
    (0x02, b"\0\0\x01"),
    (0x02, b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
    (0x03, b""),
    (0x03, b"\x07\x80"),
    (0x05, b""),
    (0x06, b""),
    (0x06, b"\x2a\x86\x48\xce\x3d\x03\x01\x07"),
    (0x06, b"\x2b\x81\x04\0\x22"),
    (0x06, b"\x55\x1d\x13"),
    (0x06, b"\x55\x1d\x1e"),
    (0x06, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
    (0x0c, b"\xe2\x80\xae\xff"),
    (0x16, b"a\x1b[2K"),
    (0x17, b"491231235959Z"),
    (0x17, b"500101000000Z"),
    (0x18, b"99991231235959Z"),
];

impl Element {
    pub(crate) fn new(tag: u8, content: &[u8]) -> Self {
        Self { tag, content: Content::Bytes(content.to_vec()) }
    }

    pub(crate) fn sequence(parts: Vec<Self>) -> Self {
        Self { tag: SEQUENCE, content: Content::Parts(parts) }
    }

    /// Bits that are a whole number of bytes.
    pub(crate) fn bits(content: &[u8]) -> Self {
        Self::new(BITS, &[&[0], content].concat())
    }

    /// An octet string around an element.
    pub(crate) fn octets(part: Self) -> Self {
        Self { tag: OCTETS, content: Content::Parts(vec![part]) }
    }

    /// The elements of some bytes, if they are nothing else.
    pub(crate) fn all(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut elements = Vec::new();
        while !bytes.is_empty() {
            let (tag, content, rest) = split(bytes)?;
            let may_have_parts = tag & CONSTRUCTED != 0 || (tag == OCTETS && !content.is_empty());
            let parts = Self::all(content).filter(|_| may_have_parts);
            let content = parts.map_or_else(|| Content::Bytes(content.to_vec()), Content::Parts);
            elements.push(Self { tag, content });
            bytes = rest;
        }
        Some(elements)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut content = Vec::new();
        match &self.content {
            Content::Bytes(bytes) => content.extend(bytes),
            Content::Parts(parts) => parts.iter().for_each(|part| part.write(&mut content)),
        }
        out.push(self.tag);
        let length = content.len().to_be_bytes();
        let skipped = length.iter().take_while(|byte| **byte == 0).count();
        if content.len() >= 0x80 {
            out.push(0x80 | u8::try_from(length.len() - skipped).unwrap());
        }
        out.extend(&length[skipped.min(length.len() - 1)..]);
        out.extend(content);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn parts(&mut self) -> &mut Vec<Self> {
        if let Content::Bytes(_) = self.content {
            self.content = Content::Parts(Vec::new());
        }
        let Content::Parts(parts) = &mut self.content else { unreachable!("it has become a list") };
        parts
    }

    /// The number of elements.
    fn size(&self) -> usize {
        let Content::Parts(parts) = &self.content else { return 1 };
        1 + parts.iter().map(Self::size).sum::<usize>()
    }

    /// The element at a position, counted from the outermost inwards.
    fn at(&mut self, position: usize) -> &mut Self {
        if position == 0 {
            return self;
        }
        let mut rest = position - 1;
        let Content::Parts(parts) = &mut self.content else { unreachable!("a position is below the size") };
        for part in parts {
            let size = part.size();
            if rest < size {
                return part.at(rest);
            }
            rest -= size;
        }
        unreachable!("a position is below the size")
    }

    /// Changes one element, or puts one of `other` in its place.
    pub(crate) fn change(&mut self, other: &Self, rng: &mut Rng) {
        let mut other = other.clone();
        let stranger = other.at(rng.usize(..other.size())).clone();
        let position = rng.usize(..self.size());
        let element = self.at(position);
        match rng.u8(..12) {
            0 => *element = stranger,
            1 => element.tag = rng.u8(..),
            2 => element.tag ^= 1 << rng.u8(..8),
            3 | 4 => {
                let (tag, content) = TOKENS[rng.usize(..TOKENS.len())];
                *element = Self::new(tag, content);
            }
            5 => {
                for _ in 0..rng.usize(1..100) {
                    *element = Self {
                        tag: [SEQUENCE, 0x31, 0xa0, OCTETS][rng.usize(..4)],
                        content: Content::Parts(vec![element.clone()]),
                    };
                }
            }
            _ => match &mut element.content {
                Content::Bytes(bytes) => {
                    let at = rng.usize(..=bytes.len());
                    match rng.u8(..5) {
                        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
                        1 => bytes.insert(at, rng.u8(..)),
                        2 => bytes.truncate(at),
                        3 => bytes.extend(std::iter::repeat_n(rng.u8(..), rng.usize(1..300))),
                        _ => *bytes = TOKENS[rng.usize(..TOKENS.len())].1.to_vec(),
                    }
                }
                Content::Parts(parts) => {
                    let at = rng.usize(..=parts.len());
                    match rng.u8(..5) {
                        0 if at < parts.len() => drop(parts.remove(at)),
                        1 if at < parts.len() => {
                            let part = parts[at].clone();
                            parts.splice(at..at, std::iter::repeat_n(part, rng.usize(1..4))).for_each(drop);
                        }
                        2 => parts.reverse(),
                        3 => parts.clear(),
                        _ => parts.insert(at, stranger),
                    }
                }
            },
        }
    }
}
