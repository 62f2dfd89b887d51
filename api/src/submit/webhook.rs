//! The webhook of a submit: a URL that could be called, and a secret to sign with.
//!
//! Whether the address may be reached at all is decided where messages are sent, at the moment of sending.

use agent_core::delivery::parse_webhook_secret;
use agent_core::secret::Secret;
use url::Url;

use crate::request::fields::Faults;
use crate::wire::WebhookRequest;

const URL_BYTES_MAX: usize = 2048;

/// A webhook without faults.
#[derive(Debug)]
pub struct WantedWebhook {
    pub url: String,
    /// The caller's own secret, if it gave one.
    pub secret: Option<Secret>,
}

/// Checks a webhook. The answer is of use only when no fault was noted.
pub fn check(asked: &WebhookRequest, faults: &mut Faults) -> WantedWebhook {
    if let Err(message) = check_url(&asked.url) {
        faults.add("/webhook/url", message);
    }
    let secret = asked.secret.as_deref().map(Secret::new);
    if let Some(secret) = &secret
        && let Err(error) = parse_webhook_secret(secret.expose())
    {
        faults.add("/webhook/secret", error.to_string());
    }
    WantedWebhook {
        url: asked.url.clone(),
        secret,
    }
}

fn check_url(text: &str) -> Result<(), String> {
    if text.len() > URL_BYTES_MAX {
        return Err(format!("a URL has at most {URL_BYTES_MAX} bytes"));
    }
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with https:// or http://".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment, which would never be sent".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_taken() {
        for (url, good) in [
            ("https://example.com/hook?x=1", true),
            ("http://127.0.0.1:18500/", true),
            ("ftp://example.com/", false),
            ("https://user:pw@example.com/", false),
            ("https://user@example.com/", false),
            ("https://example.com/#x", false),
            ("file:///etc/passwd", false),
            ("example.com", false),
            ("", false),
        ] {
            assert_eq!(check_url(url).is_ok(), good, "{url}");
        }
    }
}
