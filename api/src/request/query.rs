//! Reading query strings: known parameters only, each at most once, with every fault named.

use std::collections::BTreeMap;

use axum::http::Uri;

use super::fields::Faults;

/// A query string that is being read. Parameters are taken out; what is left at the end is unknown.
#[derive(Debug)]
pub struct Query {
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Faults,
}

fn shown(name: &str) -> String {
    format!("?{}", name.chars().take(100).collect::<String>())
}

impl Query {
    /// Begins to read.
    pub fn of(uri: &Uri) -> Self {
        let mut query = Self {
            left: BTreeMap::new(),
            known: Vec::new(),
            faults: Faults::default(),
        };
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (name, value) in pairs {
            if query
                .left
                .insert(name.to_string(), value.to_string())
                .is_some()
            {
                query.faults.add(shown(&name), "is given twice");
            }
        }
        query
    }

    /// Takes a parameter as `read` understands it; `wanted` says what that is.
    pub fn take<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let text = self.left.remove(name)?;
        let value = read(&text);
        if value.is_none() {
            self.faults.add(shown(name), format!("must be {wanted}"));
        }
        value
    }

    /// Takes a whole number within bounds.
    pub fn number(&mut self, name: &'static str, min: u64, max: u64) -> Option<u64> {
        let wanted = format!("a whole number from {min} to {max}");
        self.take(name, &wanted, |text| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let value = text.parse().ok().filter(|_| digits)?;
            (min..=max).contains(&value).then_some(value)
        })
    }

    /// Ends the reading: whatever is left is unknown.
    pub fn finish(mut self) -> Result<(), crate::problem::Problem> {
        let known = self.known.join(", ");
        for name in self.left.keys() {
            let message = if known.is_empty() {
                "unknown parameter; there are none here".to_owned()
            } else {
                format!("unknown parameter; known are {known}")
            };
            self.faults.add(shown(name), message);
        }
        self.faults.into_bad_request()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(uri: &'static str) -> Vec<String> {
        let mut query = Query::of(&Uri::from_static(uri));
        query.number("limit", 1, 200);
        let problem = query.finish().err();
        let faults = problem.map(|p| p.body("r").errors).unwrap_or_default();
        faults.into_iter().map(|f| f.pointer).collect()
    }

    #[test]
    fn bounds_repeats_and_unknown_parameters_are_faults() {
        assert_eq!(faults_of("/?limit=200"), Vec::<String>::new());
        assert_eq!(faults_of("/?limit=0"), ["?limit"]);
        assert_eq!(faults_of("/?limit=%2B5"), ["?limit"]);
        assert_eq!(faults_of("/?limit=5&limit=6"), ["?limit"]);
        assert_eq!(faults_of("/?limt=5&limit=x"), ["?limit", "?limt"]);
    }
}
