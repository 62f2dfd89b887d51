//! Paths of the API, as views give them. They are relative to the server, which need not know its public name.

use agent_core::id::TaskId;

/// A task's path.
pub fn task_path(task: &TaskId) -> String {
    format!("/v1/tasks/{task}")
}

/// An artifact's path. Slashes in its name stay slashes.
pub fn artifact_path(task: &TaskId, name: &str) -> String {
    format!("{}/artifacts/{}", task_path(task), percent(name, b"/"))
}

const HEX_DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
];

/// Percent-encodes everything but unreserved characters and those in `keep`.
pub(crate) fn percent(text: &str, keep: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(HEX_DIGITS[usize::from(byte >> 4)]);
            encoded.push(HEX_DIGITS[usize::from(byte & 15)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_being_put_into_a_path() {
        assert_eq!(percent("site/a b?é.html", b"/"), "site/a%20b%3F%C3%A9.html");
        assert_eq!(percent("a/b", b""), "a%2Fb");
    }
}
