//! Checking values against JSON Schemas, with messages that a model can act on.
//!
//! Compiling a schema takes far longer than checking a value, and the same tools are offered turn after turn, so
//! compiled schemas are kept. Nothing but memory is lost when they are forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

/// Violations told at one time; more would only drown the first.
const TOLD_MAX: usize = 3;
/// Compiled schemas that are kept: those of all tools, and of the answers that submitters ask for at one time.
const KEPT_MAX: usize = 256;

/// Schemas, compiled when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<HashMap<Value, Arc<Validator>>>);

impl Schemas {
    /// What is wrong with a value, or `None`. A schema that is itself not one checks nothing: it is ours or the
    /// operator's, and was refused earlier if it mattered.
    pub(crate) fn violation(&self, schema: &Value, value: &Value) -> Option<String> {
        let validator = match self.compiled(schema) {
            Ok(validator) => validator,
            Err(error) => {
                tracing::warn!("a schema cannot be used and checks nothing: {error}");
                return None;
            }
        };
        if validator.is_valid(value) {
            return None;
        }
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

    fn compiled(
        &self,
        schema: &Value,
    ) -> Result<Arc<Validator>, jsonschema::ValidationError<'static>> {
        if let Some(found) = self.kept().get(schema) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(jsonschema::validator_for(schema)?);
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(schema.clone(), Arc::clone(&made));
        Ok(made)
    }

    /// Every change is one insertion or one clearing, so a holder that panicked left nothing half made.
    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Value, Arc<Validator>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
