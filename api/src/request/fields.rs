//! Reading JSON objects field by field, so that every fault is found in one pass and named by its pointer.

use serde_json::{Map, Value};

use crate::problem::{Code, Fault, Problem};

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<Fault>,
    /// How many of them say that something is above a size limit.
    oversize: usize,
    left_out: usize,
}

/// Most faults that are listed; a hostile body must not make a longer answer than this.
const LISTED_MAX: usize = 50;

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        if self.found.len() >= LISTED_MAX {
            self.left_out += 1;
            return;
        }
        self.found.push(Fault {
            pointer: pointer.into(),
            message: message.into(),
        });
    }

    /// Notes that something is above a size limit.
    pub fn add_oversize(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.oversize += 1;
        self.add(pointer, message);
    }

    /// Whether anything was found.
    pub fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// Whether something is already known to be wrong at this place.
    pub fn has(&self, pointer: &str) -> bool {
        self.found.iter().any(|fault| fault.pointer == pointer)
    }

    /// Fails if anything was found. Only oversize faults make it 413; any other makes it 422.
    pub fn into_result(self) -> Result<(), Problem> {
        let count = self.found.len() + self.left_out;
        let Some(first) = self.found.first() else {
            return Ok(());
        };
        let mut detail = match (count, first.pointer.as_str()) {
            (1, "") => first.message.clone(),
            (1, pointer) => format!("{pointer}: {}", first.message),
            (more, _) => format!("{more} things are wrong with the request"),
        };
        if self.left_out > 0 {
            detail.push_str("; the first of them are listed");
        }
        let problem = if self.oversize == count {
            Problem::too_large(detail)
        } else {
            Problem::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                Code::ValidationFailed,
                detail,
            )
        };
        Err(problem.with_faults(self.found))
    }

    /// Fails like [`Faults::into_result`], with 400: for query strings and headers.
    pub fn into_bad_request(self) -> Result<(), Problem> {
        let Some(first) = self.found.first() else {
            return Ok(());
        };
        let problem = Problem::malformed(first.pointer.clone(), first.message.clone());
        Err(problem.with_faults(self.found))
    }
}

/// The pointer of a member of what `at` points to.
pub fn pointer(at: &str, name: &str) -> String {
    let shown: String = name.chars().take(100).collect();
    format!("{at}/{}", shown.replace('~', "~0").replace('/', "~1"))
}

/// What a JSON value is, for messages. The value itself is never echoed: it may be long or secret.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Notes a value of the wrong type; `found` is its [`kind`].
pub fn wrong_type(at: &str, wanted: &str, found: &'static str, faults: &mut Faults) {
    faults.add(at, format!("must be {wanted}, not {found}"));
}

/// An object that is being read. Fields are taken out; what is left at the end is unknown.
#[derive(Debug)]
pub struct Fields {
    at: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Begins to read an object.
    pub fn of(value: Value, at: &str, faults: &mut Faults) -> Option<Self> {
        let found = kind(&value);
        let Value::Object(left) = value else {
            wrong_type(at, "an object", found, faults);
            return None;
        };
        Some(Self {
            at: at.to_owned(),
            left,
            known: Vec::new(),
        })
    }

    /// The pointer of a field.
    pub fn at(&self, name: &str) -> String {
        pointer(&self.at, name)
    }

    /// Takes a field; `null` counts as absent.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a string.
    pub fn text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        let value = self.take(name)?;
        let found = kind(&value);
        let Value::String(text) = value else {
            wrong_type(&self.at(name), "a string", found, faults);
            return None;
        };
        Some(text)
    }

    /// Takes a string that must be there.
    pub fn required_text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.take(name);
            faults.add(self.at(name), "is required");
            return None;
        }
        self.text(name, faults)
    }

    /// Takes a whole number from 0.
    pub fn count(&mut self, name: &'static str, faults: &mut Faults) -> Option<u64> {
        let at = self.at(name);
        let value = self.take(name)?;
        // Larger numbers than i64 holds would not survive the database.
        let count = value.as_u64().filter(|n| i64::try_from(*n).is_ok());
        if count.is_none() && value.is_number() {
            faults.add(at, "must be a whole number from 0 to 9223372036854775807");
        } else if count.is_none() {
            wrong_type(&at, "a whole number", kind(&value), faults);
        }
        count
    }

    /// Takes a number.
    pub fn number(&mut self, name: &'static str, faults: &mut Faults) -> Option<f64> {
        let at = self.at(name);
        let value = self.take(name)?;
        let number = value.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            wrong_type(&at, "a number", kind(&value), faults);
        }
        number
    }

    /// Takes a boolean.
    pub fn flag(&mut self, name: &'static str, faults: &mut Faults) -> Option<bool> {
        let at = self.at(name);
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            wrong_type(&at, "a boolean", kind(&value), faults);
        }
        value.as_bool()
    }

    /// Takes an array.
    pub fn list(&mut self, name: &'static str, faults: &mut Faults) -> Option<Vec<Value>> {
        let value = self.take(name)?;
        let found = kind(&value);
        let Value::Array(items) = value else {
            wrong_type(&self.at(name), "an array", found, faults);
            return None;
        };
        Some(items)
    }

    /// Ends the reading: whatever is left is unknown.
    pub fn finish(self, faults: &mut Faults) {
        for name in self.left.keys() {
            let known = self.known.join(", ");
            faults.add(
                pointer(&self.at, name),
                format!("unknown field; known are {known}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_found_in_one_pass_and_named_by_its_pointer() {
        let mut faults = Faults::default();
        let body = json!({"a": 1, "n": -1, "x/y": true});
        if let Some(mut fields) = Fields::of(body, "/b", &mut faults) {
            fields.text("a", &mut faults);
            fields.count("n", &mut faults);
            fields.required_text("goal", &mut faults);
            fields.finish(&mut faults);
        }
        let pointers: Vec<_> = faults.found.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/b/a", "/b/n", "/b/goal", "/b/x~1y"]);
    }

    #[test]
    fn a_hostile_body_does_not_make_an_endless_answer() {
        let mut faults = Faults::default();
        for n in 0..1000 {
            faults.add(format!("/{n}"), "no");
        }
        assert_eq!((faults.found.len(), faults.left_out), (LISTED_MAX, 950));
    }
}
