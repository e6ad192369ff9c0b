//! Which name was meant.

/// The known name nearest to one that is not known, if one is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = Wanted::of(name)?;
    let known = known.into_iter().filter(|known| *known != name).map(|known| (wanted.likeness(known), known));
    // Of names that are equally near, the first in the alphabet.
    let best = known
        .filter(|(likeness, _)| *likeness >= NEAR)
        .min_by_key(|(likeness, known)| (u64::MAX - likeness, *known))?;
    Some(best.1)
}

/// The likeness of names that differ in no more than the case of letters.
const SAME: u64 = 1_000_000;
/// The likeness from which on one name may mean another.
const NEAR: u64 = 600_000;

/// A name that somebody looks for: where each ASCII character stands in it, a bit for each place.
struct Wanted<'n> {
    name: &'n str,
    length: usize,
    places: [u64; 128],
}

impl<'n> Wanted<'n> {
    /// Nothing that has a name has one that is longer than a word of the machine has bits.
    fn of(name: &'n str) -> Option<Self> {
        let mut places = [0; 128];
        let mut length = 0;
        for character in name.chars() {
            if length == 64 {
                return None;
            }
            if character.is_ascii() {
                places[character as usize] |= 1 << length;
            }
            length += 1;
        }
        Some(Self { name, length, places })
    }

    /// Twice the length of the longest common subsequence, of a million parts of both lengths: what `difflib` and `similar` call
    /// a ratio. A file of 64 KiB can misspell thousands of names with thousands to choose from, so it takes a few instructions for
    /// each letter (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004), and none where the lengths tell enough.
    fn likeness(&self, known: &str) -> u64 {
        if known.eq_ignore_ascii_case(self.name) {
            return SAME;
        }
        if known.is_ascii()
            && 2 * self.length.min(known.len()) as u64 * SAME < NEAR * (self.length + known.len()) as u64
        {
            return 0;
        }
        let mut places = u64::MAX;
        let mut length = 0;
        for character in known.chars() {
            length += 1;
            let found = places & self.places.get(character as usize).copied().unwrap_or_default();
            places = places.wrapping_add(found) | (places - found);
        }
        let own = if self.length == 64 { u64::MAX } else { (1 << self.length) - 1 };
        let common = u64::from((!places & own).count_ones());
        2 * common * SAME / (self.length as u64 + length).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_counts_for_nothing_and_strangers_for_none() {
        assert_eq!(nearest("podCidr", ["podcidrs", "podCIDR"]), Some("podCIDR"));
        assert_eq!(nearest("netwrok", ["name", "network", "networks"]), Some("network"));
        assert_eq!(nearest("network1", ["network2", "network0"]), Some("network0"));
        assert_eq!(nearest("colour", ["name", "network"]), None);
        assert_eq!(nearest("", ["name"]), None);
        assert_eq!(nearest(&"a".repeat(64), [&"a".repeat(63) as &str]), Some(&"a".repeat(63) as &str));
        assert_eq!(nearest(&"a".repeat(65), [&"a".repeat(64) as &str]), None);
        assert_eq!(nearest("réseau", ["reseau"]), Some("reseau"));
    }

    proptest! {
        #[test]
        fn it_is_the_close_match_of_similar(name in "[a-e]{1,9}", known in prop::collection::vec("[a-e]{0,9}", 0..6)) {
            let known: Vec<&str> = known.iter().map(String::as_str).filter(|known| *known != name).collect();
            let theirs = similar::get_close_matches(name.as_str(), &known, 1, 0.6).into_iter().next();
            prop_assert_eq!(nearest(&name, known), theirs);
        }
    }
}
