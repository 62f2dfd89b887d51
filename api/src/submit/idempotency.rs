//! The `Idempotency-Key` header.

use axum::http::HeaderMap;

use crate::problem::Problem;

const KEY_CHARS_MAX: usize = 255;

/// The key of a request, if it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if text.is_empty() || text.len() > KEY_CHARS_MAX || !plain || values.next().is_some() {
        return Err(Problem::malformed(
            "header:idempotency-key",
            format!("must be given once, as 1 to {KEY_CHARS_MAX} printable ASCII characters"),
        ));
    }
    Ok(Some(text.to_owned()))
}
