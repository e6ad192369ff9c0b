use strsim::osa_distance;

/// The known name nearest to one that is not known, if one is near: at most one letter in three is wrong, missing, too much or has
/// changed places with its neighbour, as rustc has it. The case of letters counts for nothing, nor that `o` looks like `0`, and `i` and
/// `l` like `1`.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let wanted = looks(&lower);
    let (length, letters) = (wanted.chars().count(), letters_of(&wanted));
    let near = known.into_iter().filter(|known| *known != name).filter_map(|known| {
        let other_lower = known.to_lowercase();
        let other = looks(&other_lower);
        let (other_length, other_letters) = (other.chars().count(), letters_of(&other));
        let allowed = length.max(other_length) / 3;
        // A file can misspell thousands of names with hundreds to choose from: most are seen to be far without counting slips, of
        // which each makes up for one letter that only one of the two has.
        let strange = (letters & !other_letters).count_ones().max((other_letters & !letters).count_ones());
        if length.abs_diff(other_length) > allowed || strange as usize > allowed {
            return None;
        }
        let slips = osa_distance(&wanted, &other);
        (slips <= allowed).then(|| (slips, osa_distance(&lower, &other_lower), known))
    });
    // Of names that are equally near, the first in the alphabet.
    Some(near.min()?.2)
}

/// A word with one character for all those that look like it.
fn looks(word: &str) -> String {
    word.chars()
        .map(|character| match character {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

/// A bit for each letter that a word has; some letters share one.
fn letters_of(word: &str) -> u64 {
    word.chars().fold(0, |letters, letter| letters | 1 << (u32::from(letter) % 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_wrong_letters_are_near_and_their_case_counts_for_nothing() {
        assert_eq!(nearest("podCidr", ["podcidrs", "podCIDR"]), Some("podCIDR"));
        assert_eq!(nearest("netwrok", ["name", "network", "networks"]), Some("network"));
        assert_eq!(nearest("network1", ["network2", "network0"]), Some("network0"));
        assert_eq!(nearest("lna", ["cloud", "lan"]), Some("lan"));
        assert_eq!(nearest("réseau", ["reseau"]), Some("reseau"));
        assert_eq!(nearest("configNamespace", ["configMap", "name"]), None);
        assert_eq!(nearest("colour", ["name", "network"]), None);
        assert_eq!(nearest("c1O", ["c1", "c10", "c11", "c12"]), Some("c10"));
        assert_eq!(nearest("cI2", ["c2", "c12", "c22"]), Some("c12"));
        assert_eq!(nearest("cO", ["c0", "co"]), Some("co"));
        assert_eq!(nearest("east", ["east"]), None);
        assert_eq!(nearest("", ["name"]), None);
    }

    proptest! {
        #[test]
        fn whoever_is_near_is_found(name in "[a-e]{1,9}", other in "[a-eä]{1,9}") {
            let length = name.chars().count().max(other.chars().count());
            let is_near = name != other && osa_distance(&name, &other) <= length / 3;
            prop_assert_eq!(nearest(&name, [other.as_str()]).is_some(), is_near);
        }
    }
}
