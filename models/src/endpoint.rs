//! The endpoint: its address and its key, checked once, so that no request can fail on them later.
//!
//! Nothing is read from the environment here, and the key is never printed.

use agent_core::secret::Secret;
use async_openai::config::Config;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::SecretString;

use crate::options::ConfigError;

/// A checked endpoint.
#[derive(Clone)]
pub(crate) struct Endpoint {
    base: String,
    url: Url,
    label: String,
    headers: HeaderMap,
    key: Option<Secret>,
    /// The library asks for the key although it only uses the headers.
    library_key: SecretString,
}

impl Endpoint {
    /// Checks the address and the key.
    pub(crate) fn new(base_url: &str, api_key: Option<&Secret>) -> Result<Self, ConfigError> {
        let url = check_base_url(base_url)?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let label = base
            .split_once("://")
            .map_or(base.as_str(), |(_, rest)| rest)
            .to_owned();
        let key = api_key.filter(|key| !key.expose().is_empty()).cloned();
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            headers.insert(AUTHORIZATION, bearer(key)?);
        }
        Ok(Self {
            base,
            url,
            label,
            headers,
            key,
            library_key: SecretString::from(String::new()),
        })
    }

    /// Host and path, for messages.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The base address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// A text with the key struck out, should a server have echoed it.
    pub(crate) fn redact(&self, text: &str) -> String {
        match &self.key {
            // A very short key would strike out ordinary words.
            Some(key) if key.expose().len() >= 8 => text.replace(key.expose(), "***"),
            _ => text.to_owned(),
        }
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.library_key
    }
}

fn bearer(key: &Secret) -> Result<HeaderValue, ConfigError> {
    let text = key.expose();
    if text.contains(['\n', '\r']) {
        return Err(ConfigError::ApiKey("it contains a line break"));
    }
    if text.trim() != text {
        return Err(ConfigError::ApiKey("it begins or ends with a space"));
    }
    if !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(ConfigError::ApiKey(
            "it contains a character that is not visible ASCII",
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {text}"))
        .map_err(|_| ConfigError::ApiKey("it is not a legal header value"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn check_base_url(text: &str) -> Result<Url, ConfigError> {
    let text = text.trim();
    let shown = || {
        let without_query = text.split(['?', '#']).next().unwrap_or_default();
        match without_query.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => without_query.to_owned(),
        }
    };
    let wrong = |reason: String| ConfigError::BaseUrl {
        url: shown(),
        reason,
    };
    if text.is_empty() {
        return Err(wrong(
            "it is empty; it looks like https://host/v1".to_owned(),
        ));
    }
    let url = Url::parse(text)
        .map_err(|error| wrong(format!("{error}; it looks like https://host/v1")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong(
            "it must begin with http:// or https:// and name a host".to_owned(),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "it carries a user name or password; the key belongs in api_key".to_owned(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "it must have no query and no fragment; extra fields belong in extra_body".to_owned(),
        ));
    }
    if url
        .path()
        .trim_end_matches('/')
        .ends_with("/chat/completions")
    {
        return Err(wrong("leave off /chat/completions".to_owned()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_printing_it() {
        for key in ["sk-1\nX-Evil: 1", "sk-\u{e9}", " sk-1", "sk 1"] {
            let error = Endpoint::new("https://h/v1", Some(&Secret::new(key)))
                .err()
                .unwrap();
            assert!(!error.to_string().contains("sk"), "{error}");
        }
    }

    #[test]
    fn a_bad_base_url_is_explained() {
        for (url, part) in [
            ("", "empty"),
            ("localhost:8000/v1", "http://"),
            ("api.example.com/v1", "https://host/v1"),
            ("ftp://h/v1", "http://"),
            ("https://user:secret@h/v1", "api_key"),
            ("https://h/v1?key=secret", "query"),
            ("https://h/v1/chat/completions", "leave off"),
        ] {
            let error = Endpoint::new(url, None).err().unwrap().to_string();
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_trailing_slash_does_not_double() {
        let endpoint = Endpoint::new("http://127.0.0.1:8000/v1/", None).unwrap();
        assert_eq!(
            Config::url(&endpoint, "/chat/completions"),
            "http://127.0.0.1:8000/v1/chat/completions"
        );
        assert_eq!(endpoint.label(), "127.0.0.1:8000/v1");
        assert!(endpoint.headers().is_empty());
    }

    #[test]
    fn an_echoed_key_is_struck_out() {
        let endpoint = Endpoint::new("https://h/v1", Some(&Secret::new("sk-12345678"))).unwrap();
        assert_eq!(endpoint.redact("bad key sk-12345678."), "bad key ***.");
    }
}
