//! What is kept of a JSON document, and how it is written.

use std::fmt::Write as _;

use crate::json::path::key_step;

/// Items of a list that is not the one asked for.
pub(crate) const ITEMS_SHOWN: u64 = 20;
/// Keys of an object that is not the one asked for.
pub(crate) const KEYS_SHOWN: u64 = 100;
/// Lists of plain values up to this length stay on one line.
const LINE_CHARS: usize = 100;

/// A value, or the beginning of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A plain value as it is written.
    Leaf(String),
    /// A list: the number of the first item that is shown, the shown ones, the number of all.
    List {
        first: u64,
        shown: Vec<Node>,
        all: u64,
    },
    /// An object: the shown keys, the number of all.
    Map {
        shown: Vec<(String, Node)>,
        all: u64,
    },
}

impl Node {
    /// Writes the value; `path` leads to it, and `depth` is how far it is set in.
    pub fn write(&self, path: &str, depth: usize, to: &mut String) {
        match self {
            Self::Leaf(text) => to.push_str(text),
            Self::List { first, shown, all } => {
                if let Some(line) = self.one_line() {
                    to.push_str(&line);
                    return;
                }
                let end = first + shown.len() as u64;
                to.push('[');
                for (index, node) in (*first..).zip(shown) {
                    line(depth + 1, to);
                    node.write(&format!("{path}[{index}]"), depth + 1, to);
                    to.push_str(if index + 1 < *all { "," } else { "" });
                }
                if end < *all {
                    line(depth + 1, to);
                    let more = all - end;
                    let _ = write!(to, "… {more} more items: `{path}[{end}-]`");
                }
                line(depth, to);
                to.push(']');
            }
            Self::Map { shown, all } => {
                if *all == 0 {
                    to.push_str("{}");
                    return;
                }
                to.push('{');
                for (index, (key, node)) in (1u64..).zip(shown) {
                    line(depth + 1, to);
                    let _ = write!(to, "{}: ", serde_json::Value::from(key.as_str()));
                    node.write(&format!("{path}{}", key_step(key)), depth + 1, to);
                    to.push_str(if index < *all { "," } else { "" });
                }
                if (shown.len() as u64) < *all {
                    line(depth + 1, to);
                    let more = all - shown.len() as u64;
                    let _ = write!(to, "… {more} more keys of `{path}`");
                }
                line(depth, to);
                to.push('}');
            }
        }
    }

    /// A short list of plain values that is shown whole.
    fn one_line(&self) -> Option<String> {
        let Self::List {
            first: 0,
            shown,
            all,
        } = self
        else {
            return None;
        };
        if shown.len() as u64 != *all {
            return None;
        }
        let mut texts = Vec::new();
        for node in shown {
            match node {
                Self::Leaf(text) => texts.push(text.as_str()),
                Self::List { .. } | Self::Map { .. } => return None,
            }
        }
        let text = format!("[{}]", texts.join(", "));
        (text.chars().count() <= LINE_CHARS).then_some(text)
    }
}

fn line(depth: usize, to: &mut String) {
    to.push('\n');
    to.push_str(&"  ".repeat(depth));
}
