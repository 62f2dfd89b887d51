//! Errors as text: on one line, and fit for those who must not learn how the machine is laid out.

/// An error with its causes, on one line.
pub fn source_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What stands for a path of the machine.
const A_PATH: &str = "(a path of the machine)";

/// A text without the absolute paths in it. A path in quotes ends with them; another one ends at a space, or at what closes
/// a phrase.
pub fn without_paths(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let opens = before.chars().next_back();
        let length = path_length(opens, from);
        if let Some(length) = length {
            kept.push_str(A_PATH);
            rest = &from[length..];
        } else {
            // Slashes alone, in the middle of a word, or of a URL.
            rest = from.trim_start_matches('/');
            kept.push_str(&from[..from.len() - rest.len()]);
        }
    }
    kept.push_str(rest);
    kept
}

/// How many bytes of a text that begins with a slash are a path; absent when they are none.
fn path_length(opens: Option<char>, from: &str) -> Option<usize> {
    let is_opening = |c: char| c.is_whitespace() || "\"'`(=[<,;:".contains(c);
    if opens.is_some_and(|c| !is_opening(c)) || from[1..].starts_with('/') {
        return None;
    }
    let quote = opens.filter(|c| "\"'`".contains(*c));
    if let Some(end) = quote.and_then(|quote| from.find(quote)) {
        return Some(end);
    }
    let end = from.find(|c: char| c.is_whitespace() || "\"'`()[]<>,;".contains(c));
    let path = &from[..end.unwrap_or(from.len())];
    Some(path.trim_end_matches([':', '.']).len()).filter(|length| *length > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_machine_are_left_out_and_the_rest_of_the_text_stays() {
        let table = [
            ("No space left on device (os error 28)", None),
            ("the endpoint http://127.0.0.1:80/v1 answered 500", None),
            ("done / not done, and/or 3/4", None),
            (
                "could not open /var/lib/errand/w/1: no such file",
                Some("could not open (a path of the machine): no such file"),
            ),
            (
                "bwrap: Can't find source path /home/me/a-b: x",
                Some("bwrap: Can't find source path (a path of the machine): x"),
            ),
            (
                "file \"/home/me/my files/x\" is locked",
                Some("file \"(a path of the machine)\" is locked"),
            ),
            (
                "see (/etc/errand.toml).",
                Some("see ((a path of the machine))."),
            ),
            ("/srv/blobs", Some("(a path of the machine)")),
            (
                "bwrap:/proc/1 denied",
                Some("bwrap:(a path of the machine) denied"),
            ),
            ("look at /tmp/x.", Some("look at (a path of the machine).")),
        ];
        for (text, wanted) in table {
            assert_eq!(without_paths(text), wanted.unwrap_or(text));
        }
    }
}
