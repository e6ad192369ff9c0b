//! A topology as a tree whose scalars are raw text, so that what is written need not be right.

use serde_json::Value;

/// A value as it will be written.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    /// Text that stands there as it is: a scalar, an alias, or rubbish.
    Raw(String),
    Sequence(Vec<Tree>),
    /// Keys, which may stand twice, and their values.
    Mapping(Vec<(String, Tree)>),
    /// A tag or an anchor, and the value behind it.
    Marked(String, Box<Tree>),
}

/// How collections are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Block,
    Flow,
}

impl Tree {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Object(fields) => {
                Self::Mapping(fields.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect())
            }
            Value::Array(items) => Self::Sequence(items.iter().map(Self::of).collect()),
            Value::String(text) if is_plain(text) => Self::Raw(text.clone()),
            scalar => Self::Raw(scalar.to_string()),
        }
    }

    /// The number of values.
    pub(crate) fn size(&self) -> usize {
        1 + match self {
            Self::Raw(_) => 0,
            Self::Sequence(items) => items.iter().map(Self::size).sum(),
            Self::Mapping(fields) => fields.iter().map(|(_, value)| value.size()).sum(),
            Self::Marked(_, value) => value.size(),
        }
    }

    /// The value at a position, counted from the root downwards.
    pub(crate) fn at(&mut self, position: usize) -> &mut Self {
        if position == 0 {
            return self;
        }
        let mut rest = position - 1;
        let parts: Vec<&mut Self> = match self {
            Self::Raw(_) => unreachable!("a position is below the size"),
            Self::Sequence(items) => items.iter_mut().collect(),
            Self::Mapping(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
            Self::Marked(_, value) => vec![value],
        };
        for part in parts {
            let size = part.size();
            if rest < size {
                return part.at(rest);
            }
            rest -= size;
        }
        unreachable!("a position is below the size")
    }

    /// The positions of the values that are mappings or sequences.
    pub(crate) fn collections(&self) -> Vec<usize> {
        fn walk(tree: &Tree, position: &mut usize, found: &mut Vec<usize>) {
            let own = *position;
            *position += 1;
            match tree {
                Tree::Raw(_) => return,
                Tree::Sequence(items) => items.iter().for_each(|item| walk(item, position, found)),
                Tree::Mapping(fields) => fields.iter().for_each(|(_, value)| walk(value, position, found)),
                Tree::Marked(_, value) => return walk(value, position, found),
            }
            found.push(own);
        }
        let (mut position, mut found) = (0, Vec::new());
        walk(self, &mut position, &mut found);
        found
    }

    /// The field of a mapping, made where it is not there.
    pub(crate) fn field(&mut self, key: &str) -> &mut Self {
        if !matches!(self, Self::Mapping(_)) {
            *self = Self::Mapping(Vec::new());
        }
        let Self::Mapping(fields) = self else { unreachable!("it has become a mapping") };
        let position = fields.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            fields.push((key.to_owned(), Self::Mapping(Vec::new())));
            fields.len() - 1
        });
        &mut fields[position].1
    }

    pub(crate) fn text(&self, layout: Layout) -> String {
        let mut out = String::new();
        match layout {
            Layout::Block => self.block(0, &mut out),
            Layout::Flow => self.flow(&mut out),
        }
        out.push('\n');
        out
    }

    fn block(&self, indent: usize, out: &mut String) {
        let line = |out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
        };
        match self {
            Self::Raw(text) => {
                out.push(' ');
                out.push_str(text);
            }
            Self::Sequence(items) if items.is_empty() => out.push_str(" []"),
            Self::Mapping(fields) if fields.is_empty() => out.push_str(" {}"),
            Self::Sequence(items) => {
                for item in items {
                    line(out);
                    out.push('-');
                    item.block(indent + 2, out);
                }
            }
            Self::Mapping(fields) => {
                for (key, value) in fields {
                    line(out);
                    out.push_str(key);
                    out.push(':');
                    value.block(indent + 2, out);
                }
            }
            Self::Marked(mark, value) => {
                out.push(' ');
                out.push_str(mark);
                value.block(indent, out);
            }
        }
    }

    fn flow(&self, out: &mut String) {
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::Sequence(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    item.flow(out);
                }
                out.push(']');
            }
            Self::Mapping(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    out.push_str(key);
                    out.push_str(": ");
                    value.flow(out);
                }
                out.push('}');
            }
            Self::Marked(mark, value) => {
                out.push_str(mark);
                out.push(' ');
                value.flow(out);
            }
        }
    }
}

/// Whether a text may stand without quotes and stays a text.
fn is_plain(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(is_word)
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str())
}
