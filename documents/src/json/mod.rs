//! JSON as an outline: values as they are, and long lists and objects as their beginning with the path to the rest.
//!
//! The text is walked once. Only what is shown is kept, so a document of millions of values costs no more memory
//! than its answer.

mod node;
mod path;
mod walk;

use serde::de::DeserializeSeed;

use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;
use crate::request::Part;
use node::Node;
use path::Step;
use walk::{Budget, Walk};

/// The deepest nesting that the parser follows.
const PARSER_DEPTH: u64 = 127;

/// Reads a JSON document, or the value at a path of it.
pub(crate) fn read(text: &str, part: &Part, limits: &Limits) -> Result<Document, Error> {
    let wanted = match part {
        Part::Path(path) => path.as_str(),
        Part::Start => "$",
        Part::Units(_) | Part::Cells { .. } | Part::Member { .. } => {
            return Err(Error::BadPart {
                asked: "this part".to_owned(),
                cure: "ask for a path, for example `$.orders[3]`".to_owned(),
            });
        }
    };
    let steps = path::parse(wanted)?;
    let budget = Budget::new(limits);
    let mut values = serde_json::Deserializer::from_str(text);
    let walk = Walk {
        steps: &steps,
        budget: &budget,
        depth: 0,
        is_target: steps.is_empty(),
    };
    let found = walk
        .deserialize(&mut values)
        .map_err(|error| refused(&error, limits))?;
    values.end().map_err(|error| refused(&error, limits))?;
    let Some(node) = found else {
        return Err(Error::NoSuchPart {
            asked: format!("value at `{wanted}`"),
            available: "ask for `$` to see what there is".to_owned(),
        });
    };
    Ok(document(&node, &steps))
}

fn document(node: &Node, steps: &[Step]) -> Document {
    let own = path::write(steps);
    let (size, next) = match node {
        Node::List { first, shown, all } => {
            let list = match steps.split_last() {
                Some((Step::Items { .. }, list)) => path::write(list),
                _ => own.clone(),
            };
            let end = first + shown.len() as u64;
            let next = (end < *all).then(|| format!("{list}[{end}-]"));
            (format!(", {} of {all} items", shown.len()), next)
        }
        Node::Map { shown, all } => (format!(", {} of {all} keys", shown.len()), None),
        Node::Leaf(_) => (String::new(), None),
    };
    let mut text = String::new();
    let list = match (node, steps.split_last()) {
        (Node::List { .. }, Some((Step::Items { .. }, list))) => path::write(list),
        _ => own.clone(),
    };
    node.write(&list, 0, &mut text);
    Document {
        format: Format::Json,
        shown: format!("`{own}`{size}"),
        notes: Vec::new(),
        text,
        next,
    }
}

fn refused(error: &serde_json::Error, limits: &Limits) -> Error {
    let why = error.to_string();
    if why.contains("recursion limit") || why.contains(walk::TOO_DEEP) {
        let allowed = limits.depth.min(PARSER_DEPTH);
        return Error::limit("depth", allowed, "values nested in values");
    }
    Error::malformed(Format::Json, why)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shown(text: &str, part: &str) -> String {
        let part = Part::parse(part).unwrap();
        read(text, &part, &Limits::default()).unwrap().to_string()
    }

    #[test]
    fn values_are_written_as_they_are_and_in_their_order() {
        let text = r#"{"b": [1, 2.5, null], "a": {"x y": "é\n"}, "empty": [], "none": {}}"#;
        let outline = "JSON, `$`, 4 of 4 keys\n\n{\n  \"b\": [1, 2.5, null],\n  \"a\": {\n    \"x y\": \"é\\n\"\n  },\n  \"empty\": [],\n  \"none\": {}\n}\n";
        assert_eq!(shown(text, ""), outline);
    }

    #[test]
    fn a_long_list_shows_its_start_and_the_path_to_the_rest() {
        let items: Vec<String> = (0..1000).map(|id| format!("{{\"id\": {id}}}")).collect();
        let text = format!("{{\"orders\": [{}], \"n\": 1}}", items.join(","));
        let outline = shown(&text, "");
        assert!(
            outline.contains("… 980 more items: `$.orders[20-]`"),
            "{outline}"
        );
        let rest = shown(&text, "$.orders[998-]");
        assert_eq!(
            rest,
            "JSON, `$.orders[998-]`, 2 of 1000 items\n\n[\n  {\n    \"id\": 998\n  },\n  {\n    \"id\": 999\n  }\n]\n"
        );
        assert_eq!(
            shown(&text, "$.orders[7].id"),
            "JSON, `$.orders[7].id`\n\n7\n"
        );
    }

    #[test]
    fn a_path_to_nothing_and_broken_text_are_told_apart() {
        let part = Part::parse("$.b").unwrap();
        let error = read("{\"a\": 1}", &part, &Limits::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no value at `$.b`; ask for `$` to see what there is"
        );
        let error = read("{\"a\": 1", &Part::Start, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        let deep = "[".repeat(100_000);
        let error = read(&deep, &Part::Start, &Limits::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "values nested in values: over the limit `depth` of 127"
        );
    }
}
