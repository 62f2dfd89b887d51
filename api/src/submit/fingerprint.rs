//! The fingerprint of a submit, by which a repeat under the same idempotency key is told from another request.
//!
//! It covers what was asked for, not how it was spelled: the order of fields, white space, and whether files came as
//! base64 or as parts make no difference. Defaults are not in it, so that a changed default does not make a retry
//! look like another request.

use agent_core::blob::BlobHash;
use bytes::Bytes;
use serde_json::json;

use crate::wire::SubmitRequest;

/// The fingerprint of a request (its inline files already taken out) and its files.
pub fn of(request: &SubmitRequest, files: &[(String, Bytes)]) -> BlobHash {
    let mut files: Vec<(&str, BlobHash)> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), BlobHash::of(bytes)))
        .collect();
    files.sort();
    let text = json!(["submit-1", request, files]).to_string();
    BlobHash::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_difference_in_what_is_asked_changes_it_and_the_order_of_files_does_not() {
        let request = |goal: &str| SubmitRequest {
            goal: goal.to_owned(),
            ..SubmitRequest::default()
        };
        let file = |name: &str| (name.to_owned(), Bytes::from_static(b"x"));
        let base = of(&request("g"), &[file("a"), file("b")]);
        assert_eq!(base, of(&request("g"), &[file("b"), file("a")]));
        assert_ne!(base, of(&request("h"), &[file("a"), file("b")]));
        assert_ne!(base, of(&request("g"), &[file("a")]));
    }
}
