//! Checking values against JSON Schemas, with messages that a model can act on.

use serde_json::Value;

/// Violations told at one time; more would only drown the first.
const TOLD_MAX: usize = 3;

/// What is wrong with a value, or `None`. A schema that is itself not one checks nothing: it is ours or the
/// operator's, and was refused earlier if it mattered.
pub(crate) fn violation(schema: &Value, value: &Value) -> Option<String> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            tracing::warn!("a schema cannot be used and checks nothing: {error}");
            return None;
        }
    };
    let told: Vec<String> = validator
        .iter_errors(value)
        .take(TOLD_MAX)
        .map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "/" } else { &place };
            format!("at {place}: {error}")
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}
