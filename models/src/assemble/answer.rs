//! Finding a structured answer in a text and checking it.

use serde_json::Value;

use super::mend;
use super::schema::Schemas;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// An answer that satisfies the schema.
    Valid(Value),
    /// JSON that does not satisfy it, and why.
    Violates(String),
    /// No JSON at all.
    Nothing,
}

/// Looks for the answer: the whole text, then what stands in fences, then what stands between words.
pub(crate) fn find(text: &str, wanted: &Value, schemas: &Schemas) -> Found {
    let mut why = None;
    let whole = mend::read(text).into_iter();
    for mended in whole.chain(mend::embedded(text)) {
        let mut value = mended.value;
        // Some servers encode the whole answer a second time.
        if let Value::String(inner) = &value
            && let Some(inner) = mend::read(inner)
        {
            value = inner.value;
        }
        match schemas.violation(wanted, &value) {
            None => return Found::Valid(value),
            Some(violation) => {
                why.get_or_insert(violation);
            }
        }
    }
    why.map_or(Found::Nothing, Found::Violates)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_value_that_satisfies_the_schema_is_the_answer() {
        let wanted = json!({"type": "object", "required": ["steps"]});
        let text = "For example {\"a\": 1}. Here:\n```json\n{\"steps\": [],}\n```";
        let find = |text: &str| find(text, &wanted, &Schemas::default());
        assert_eq!(find(text), Found::Valid(json!({"steps": []})));
        assert_eq!(find("no"), Found::Nothing);
        assert!(matches!(find("{\"a\":1}"), Found::Violates(_)));
    }
}
