//! Which addresses a tab may be sent to, and may show. Pure.
//!
//! Chromium itself lets no page of the web lead to `file:`, `chrome:`, `devtools:` or `view-source:`: neither by a link, nor by a
//! redirect, nor in a new window. What could get there are we, so we are refused here; and a page that
//! is there all the same, for whatever reason, is left at once.

use url::Url;

/// Why an address is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no address.
    #[error("{0} is not an address; write it whole, for example https://example.org/")]
    Unreadable(String),
    /// Its scheme leads out of the web.
    #[error(
        "addresses that begin with {0}: are not opened; only http, https, data and about:blank are"
    )]
    Scheme(String),
}

/// Whether a tab may be sent there. Gives the address back as the browser would write it.
pub fn check(address: &str) -> Result<Url, Refused> {
    let url = Url::parse(address.trim()).map_err(|_| Refused::Unreadable(address.to_owned()))?;
    let is_allowed = match url.scheme() {
        "http" | "https" | "data" => true,
        "about" => url.path() == "blank",
        _ => false,
    };
    if is_allowed {
        Ok(url)
    } else {
        Err(Refused::Scheme(url.scheme().to_owned()))
    }
}

/// Whether a tab that got there by itself may stay. Pages make documents of `blob:` addresses and of `about:srcdoc`, and Chromium
/// shows its own errors under `chrome-error:`.
pub fn may_stay(address: &str) -> bool {
    if address.is_empty() {
        return true;
    }
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    ["http", "https", "data", "about", "blob", "chrome-error"].contains(&scheme)
}

#[cfg(test)]
mod tests {
    //! Addresses of every kind.

    use super::{Refused, check, may_stay};

    #[test]
    fn addresses_of_the_web_are_opened() {
        let addresses = [
            "http://a.test",
            " https://a.test/x?y#z ",
            "data:text/html,hi",
            "about:blank",
            "about:blank#x",
            "HTTPS://A.test/",
        ];
        let opened = addresses.map(|address| check(address).map(|url| url.to_string()));
        let expected = [
            "http://a.test/",
            "https://a.test/x?y#z",
            "data:text/html,hi",
            "about:blank",
            "about:blank#x",
            "https://a.test/",
        ];
        assert_eq!(opened, expected.map(|address| Ok(address.to_owned())));
    }

    #[test]
    fn addresses_that_lead_out_of_the_web_are_refused() {
        for address in [
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "\tfile:/etc/passwd",
            "fi\nle:///etc/passwd",
            "chrome://settings",
            "chrome-extension://x/y",
            "devtools://devtools/bundled/inspector.html",
            "view-source:http://a.test/",
            "javascript:alert(1)",
            "filesystem:http://a.test/x",
            "blob:http://a.test/x",
            "about:config",
            "ftp://a.test/",
            "ws://a.test/",
        ] {
            assert!(
                matches!(check(address), Err(Refused::Scheme(_))),
                "{address:?}"
            );
        }
        for address in ["", "a.test", "/etc/passwd", "http://", "//a.test"] {
            assert_eq!(check(address), Err(Refused::Unreadable(address.to_owned())));
        }
    }

    #[test]
    fn a_tab_may_stay_where_pages_of_the_web_lead() {
        let stays = [
            "",
            "about:blank",
            "about:srcdoc",
            "blob:http://a.test/1",
            "chrome-error://chromewebdata/",
            "http://a.test/",
        ];
        assert_eq!(stays.map(may_stay), [true; 6]);
        let leaves = [
            "file:///x",
            "chrome://version/",
            "devtools://x",
            "view-source:http://a.test/",
        ];
        assert_eq!(leaves.map(may_stay), [false; 4]);
    }
}
