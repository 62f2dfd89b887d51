//! Links of a page: absolute, safe to write, each address with one number.

use std::collections::BTreeMap;

use url::Url;

/// How links stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkStyle {
    /// `[label](address)`.
    #[default]
    Inline,
    /// `[label][3]`, with the addresses in [`super::Page::links`] alone.
    Numbered,
}

/// One address that a page links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The label of the first link to it.
    pub label: String,
    /// The address.
    pub url: String,
}

/// The links that were written so far.
pub(crate) struct Links {
    base: Option<Url>,
    style: LinkStyle,
    all: Vec<Link>,
    numbers: BTreeMap<String, usize>,
}

impl Links {
    pub fn new(base: Option<Url>, style: LinkStyle) -> Self {
        Self {
            base,
            style,
            all: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// The label with its link, or alone where the link leads nowhere outside of the page.
    pub fn write(&mut self, label: &str, href: &str) -> String {
        let Some(url) = self.address(href).filter(|_| !label.is_empty()) else {
            return label.to_owned();
        };
        let next = self.all.len() + 1;
        let number = *self.numbers.entry(url.clone()).or_insert(next);
        if number == next {
            let label = label.to_owned();
            let url = url.clone();
            self.all.push(Link { label, url });
        }
        match self.style {
            LinkStyle::Inline => ["[", label, "](", &url, ")"].concat(),
            LinkStyle::Numbered => format!("[{label}][{number}]"),
        }
    }

    fn address(&self, href: &str) -> Option<String> {
        let href = href.trim();
        if href.is_empty() || href.starts_with('#') {
            return None;
        }
        let url = match &self.base {
            Some(base) => base.join(href).ok()?,
            None => match Url::parse(href) {
                Ok(url) => url,
                // Without a base a relative address stays as it is.
                Err(url::ParseError::RelativeUrlWithoutBase) => return Some(escape(href)),
                Err(_) => return None,
            },
        };
        let is_known = matches!(url.scheme(), "http" | "https" | "mailto" | "tel" | "ftp");
        is_known.then(|| escape(url.as_str()))
    }

    /// All addresses in their order.
    pub fn into_all(self) -> Vec<Link> {
        self.all
    }
}

/// Brackets and spaces would end the link in Markdown.
fn escape(url: &str) -> String {
    let url = url.split_whitespace().collect::<Vec<_>>().join("%20");
    url.replace('(', "%28").replace(')', "%29")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn links_are_absolute_and_lead_to_the_web_or_mail_alone() {
        let base = Url::parse("https://example.com/a/b?x").unwrap();
        let mut links = Links::new(Some(base), LinkStyle::Inline);
        let cases = [
            ("c", "[x](https://example.com/a/c)"),
            ("//other.org/(y)", "[x](https://other.org/%28y%29)"),
            ("mailto:a@b.c", "[x](mailto:a@b.c)"),
            ("javascript:alert(1)", "x"),
            ("data:text/html,hi", "x"),
            ("#top", "x"),
            ("http://[bad", "x"),
        ];
        for (href, wanted) in cases {
            assert_eq!(links.write("x", href), wanted);
        }
        let mut relative = Links::new(None, LinkStyle::Numbered);
        assert_eq!(relative.write("x", "a b.html"), "[x][1]");
        assert_eq!(relative.write("again", "a b.html"), "[again][1]");
        let url = "a%20b.html".to_owned();
        assert_eq!(
            relative.into_all(),
            [Link {
                label: "x".to_owned(),
                url
            }]
        );
    }
}
