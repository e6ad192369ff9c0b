//! Changes that fix a fault, and how certain they are.

use schemars::JsonSchema;
use serde::Serialize;

use super::Place;

/// A change of the topology's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// What is replaced: a scalar value, a key, or bytes.
    pub place: Place,
    /// What stands there afterwards.
    pub replacement: Replacement,
    /// Whether a program may make the change without asking.
    pub certainty: Certainty,
}

/// What a change puts in the place of what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// A string, written with the quotes that YAML needs to read it back.
    Text(String),
    /// YAML as it is to stand there; the file's own line ends are taken for its line feeds.
    Yaml(String),
}

/// How sure it is that a change is what the author meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    /// Nothing else can have been meant: `check --fix` makes the change.
    Certain,
    /// It is a guess: the author has to look.
    Likely,
}

impl Certainty {
    /// How sure it is that `written` was to be `meant`, one of the words that meshgen knows, such as a field or a rule.
    ///
    /// Equal but for case, dashes, underscores and blanks is certain; so is a slip of the keyboard, or two in a long word, as long as no
    /// other word is as near. A number is not a slip: `meshgen/v2` was not to be `meshgen/v1`.
    pub fn of_word<'a>(written: &str, meant: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let slips = strsim::osa_distance(written, meant);
        let allowed = if meant.chars().count() < 8 { 1 } else { 2 };
        // Letters that are all there are a better sign than those that have to be made up.
        let lead = usize::from(sorted(written) != sorted(meant));
        let is_far = |other: &str| strsim::osa_distance(written, other) > slips + lead;
        let mut others = known.into_iter().filter(|other| *other != meant);
        let is_slip = slips <= allowed && digits(written) == digits(meant) && others.all(is_far);
        if is_slip || folded(written) == folded(meant) { Self::Certain } else { Self::Likely }
    }

    /// How sure it is that `written` was to be `meant`, one of the names that the author makes up, such as a cluster's.
    ///
    /// Only two neighbouring letters that changed places are certain: `prod-uk` may be a name that was forgotten elsewhere, however
    /// near it is to `prod-us`.
    pub fn of_name<'a>(written: &str, meant: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let is_swapped = |other: &str| strsim::osa_distance(written, other) == 1 && sorted(written) == sorted(other);
        let has_letters = digits(written).is_empty() || digits(written) == digits(meant);
        let mut others = known.into_iter().filter(|other| *other != meant);
        if is_swapped(meant) && has_letters && others.all(|other| !is_swapped(other)) {
            Self::Certain
        } else {
            Self::Likely
        }
    }
}

fn folded(word: &str) -> String {
    word.chars().filter(|character| !['-', '_', ' '].contains(character)).flat_map(char::to_lowercase).collect()
}

fn digits(word: &str) -> String {
    word.chars().filter(char::is_ascii_digit).collect()
}

fn sorted(word: &str) -> Vec<char> {
    let mut characters: Vec<char> = word.chars().collect();
    characters.sort_unstable();
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_certain_where_nothing_else_is_near() {
        const FIELDS: [&str; 5] = ["profile", "version", "values", "podCIDR", "meshConfig"];
        let certainty = |written: &str, meant: &str| Certainty::of_word(written, meant, FIELDS);
        for (written, meant) in [
            ("porfile", "profile"),
            ("podCidr", "podCIDR"),
            ("mesh_config", "meshConfig"),
            ("mehsConfgi", "meshConfig"),
        ] {
            assert_eq!(certainty(written, meant), Certainty::Certain, "{written}");
        }
        for (written, meant) in [("profession", "profile"), ("volumes", "values"), ("pods", "podCIDR")] {
            assert_eq!(certainty(written, meant), Certainty::Likely, "{written}");
        }
        assert_eq!(Certainty::of_word("meshgen/v2", "meshgen/v1", ["meshgen/v1"]), Certainty::Likely);
        assert_eq!(Certainty::of_word("nodeprot", "nodePort", ["nodePort", "nodePorts"]), Certainty::Likely);
    }

    #[test]
    fn a_name_is_certain_where_two_letters_changed_places() {
        let certainty = |written: &str, known: &[&str]| Certainty::of_name(written, known[0], known.iter().copied());
        assert_eq!(certainty("lna", &["lan", "cloud"]), Certainty::Certain);
        assert_eq!(certainty("eats", &["east", "west"]), Certainty::Certain);
        for (written, known) in [
            ("prod-uk", ["prod-us", "dev"]),
            ("wlan", ["lan", "cloud"]),
            ("cluster2", ["cluster1", "x"]),
            ("lna", ["lan", "nla"]),
            ("site12", ["site21", "x"]),
        ] {
            assert_eq!(certainty(written, &known), Certainty::Likely, "{written}");
        }
    }
}
