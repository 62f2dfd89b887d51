//! Paths to values: `$.orders[3].lines`, `$.orders[20-40]`, `$["odd key"]`.

use crate::error::Error;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value of a key.
    Key(String),
    /// One item of a list, counted from 0.
    Item(u64),
    /// The items from `first` to `last`, counted from 0.
    Items { first: u64, last: Option<u64> },
}

/// Reads a path.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, Error> {
    let steps = text.trim().strip_prefix('$').and_then(steps);
    steps.ok_or_else(|| Error::BadPart {
        asked: text.to_owned(),
        cure: "write for example `$.orders[3].lines`, `$.orders[20-40]` or `$[\"odd key\"]`"
            .to_owned(),
    })
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (key, after) = after.split_at(end);
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if rest.starts_with("[\"") {
            let inner = &rest[1..];
            let mut keys = serde_json::Deserializer::from_str(inner).into_iter::<String>();
            let key = keys.next()?.ok()?;
            steps.push(Step::Key(key));
            rest = inner.get(keys.byte_offset()..)?.strip_prefix(']')?;
        } else {
            let (items, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(items_step(items)?);
            rest = after;
        }
    }
    Some(steps)
}

fn items_step(text: &str) -> Option<Step> {
    let Some((first, last)) = text.split_once('-') else {
        return Some(Step::Item(text.trim().parse().ok()?));
    };
    let first = first.trim().parse().ok()?;
    let last = match last.trim() {
        "" => None,
        last => Some(last.parse().ok()?),
    };
    Some(Step::Items { first, last })
}

/// Writes a path.
pub(crate) fn write(steps: &[Step]) -> String {
    let mut path = "$".to_owned();
    for step in steps {
        match step {
            Step::Key(key) => path.push_str(&key_step(key)),
            Step::Item(item) => path.push_str(&["[", &item.to_string(), "]"].concat()),
            Step::Items { first, last } => {
                let last = last.map_or_else(String::new, |last| last.to_string());
                path.push_str(&["[", &first.to_string(), "-", &last, "]"].concat());
            }
        }
    }
    path
}

/// The step to a key, as it is written.
pub(crate) fn key_step(key: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || char == '_' || char == '-';
    if !key.is_empty() && key.chars().all(is_plain) {
        return format!(".{key}");
    }
    format!("[{}]", serde_json::Value::from(key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_path_reads_back_as_it_was_written() {
        for text in [
            "$",
            "$.a.b",
            "$[3]",
            "$.a[20-]",
            "$.a[2-4]",
            "$[\"x \\\"y]\"][0].z",
        ] {
            assert_eq!(write(&parse(text).unwrap()), text);
        }
        for text in ["a", "$a", "$..a", "$[", "$[x]", "$[\"x\"", "$.a[1-b]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
