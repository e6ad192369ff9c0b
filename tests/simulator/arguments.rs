//! Options and words of a command line.

use std::collections::BTreeMap;

/// A command line; what no list names is refused.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) words: Vec<String>,
    options: BTreeMap<String, Vec<String>>,
}

impl Arguments {
    /// `valued` options take a value, `flags` none. `-l x`, `--name x` and `--name=x` are read.
    pub(crate) fn parse(arguments: &[String], valued: &[&str], flags: &[&str]) -> Result<Self, String> {
        let mut parsed = Self { words: Vec::new(), options: BTreeMap::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if !argument.starts_with('-') || argument == "-" {
                parsed.words.push(argument.clone());
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let value = if valued.contains(&name) {
                value.or_else(|| arguments.next().cloned()).ok_or_else(|| format!("{name} needs a value"))?
            } else if flags.contains(&name) {
                value.unwrap_or_default()
            } else {
                return Err(format!("unknown option {argument}"));
            };
            parsed.options.entry(name.to_owned()).or_default().push(value);
        }
        Ok(parsed)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(|values| values.last()).map(String::as_str)
    }

    /// The value of an option under any of its names.
    pub(crate) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.options.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }
}
