//! Shows the configuration in force: each value, and where it came from.

use serde_json::Value;

use super::Loaded;

/// Settings whose values are never shown.
const SECRET: [&str; 5] = [
    "model.api_key",
    "database_url",
    "blobs.secret_access_key",
    "blobs.session_token",
    "tools.search.key",
];

/// One line for each setting.
pub fn show(loaded: &Loaded) -> Vec<String> {
    let mut lines = Vec::new();
    walk(&loaded.tree, "", &mut |path, value| {
        let is_set = !value.is_null() && value.as_str() != Some("");
        // A default holds no secret.
        let is_ours = loaded.sources.contains_key(path);
        let shown = if SECRET.contains(&path) && is_set && is_ours {
            "***".to_owned()
        } else {
            value.to_string()
        };
        let source = source_of(loaded, path);
        lines.push(format!("{path} = {shown}    # {source}"));
    });
    lines
}

/// A list or table that was set as a whole is the source of its parts.
fn source_of<'a>(loaded: &'a Loaded, path: &str) -> &'a str {
    let mut at = path;
    loop {
        if let Some(source) = loaded.sources.get(at) {
            return source;
        }
        match at.rsplit_once('.') {
            Some((parent, _)) => at = parent,
            None => return "default",
        }
    }
}

fn walk(value: &Value, path: &str, each: &mut impl FnMut(&str, &Value)) {
    match value.as_object().filter(|map| !map.is_empty()) {
        Some(map) => {
            for (key, value) in map {
                let at = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(value, &at, each);
            }
        }
        None => each(path, value),
    }
}
