//! The head of a request: where it ends, and what it says. Strict, because whatever two readers of a head understand
//! differently is a way past one of them.

use reqwest::Method;
use reqwest::header::{
    CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

use super::body::Framing;

/// The longest head, in bytes, its empty line included.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most header fields.
const FIELDS_MAX: usize = 100;

/// What a client asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// The target as it was written: visible ASCII characters.
    pub(crate) target: String,
    /// Whether the client speaks HTTP/1.1, and not 1.0.
    pub(crate) is_11: bool,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// Whether the client waits for a word before it sends its body.
    pub(crate) expects_continue: bool,
}

/// Looks for the end of a head in `bytes`, of which the first `seen` were looked at before.
pub(crate) fn end_of(bytes: &[u8], seen: usize) -> Result<Option<usize>, &'static str> {
    for at in seen..bytes.len() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        match (before, bytes[at]) {
            (_, 0) => return Err("its head has a NUL byte"),
            (Some(b'\r'), b'\n') if bytes[..=at].ends_with(b"\r\n\r\n") => {
                return Ok(Some(at + 1));
            }
            (Some(b'\r'), b'\n') => {}
            (Some(b'\r'), _) => return Err("its head has a bare carriage return"),
            (_, b'\n') => return Err("its head has a bare line feed"),
            _ => {}
        }
    }
    Ok(None)
}

impl Head {
    /// Reads a head whose end was found by [`end_of`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.starts_with(b"\r") {
            return Err("it begins with an empty line");
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let status = request.parse(bytes).map_err(in_words)?;
        if status != httparse::Status::Complete(bytes.len()) {
            return Err("its head does not end where it should");
        }
        let method = request.method.unwrap_or_default();
        let target = request.path.unwrap_or_default();
        // Parsers of URLs mend what is not ASCII, each in its way.
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("its target has characters that are not visible ASCII");
        }
        if method.len() > METHOD_MAX
            || !method
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        {
            return Err("its method is not one");
        }
        let is_11 = request.version == Some(1);
        let headers = headers(request.headers)?;
        Ok(Self {
            method: Method::from_bytes(method.as_bytes()).map_err(|_| "its method is not one")?,
            target: target.to_owned(),
            is_11,
            framing: framing(&headers, is_11)?,
            expects_continue: is_11 && headers.contains_key(EXPECT),
            headers,
        })
    }
}

/// Longer than every method in the registry.
const METHOD_MAX: usize = 20;

fn in_words(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => {
            "a header name has a character that it cannot have, or a header is folded over lines"
        }
        httparse::Error::HeaderValue => "a header value has a character that it cannot have",
        httparse::Error::TooManyHeaders => "it has too many headers",
        httparse::Error::Version => "its version is neither HTTP/1.1 nor HTTP/1.0",
        httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => {
            "its first line is not that of a request"
        }
    }
}

fn headers(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let name = name.map_err(|_| "a header name has a character that it cannot have")?;
        let value = HeaderValue::from_bytes(field.value);
        let value = value.map_err(|_| "a header value has a character that it cannot have")?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// How the body is delimited: by exactly one header, or there is none.
fn framing(headers: &HeaderMap, is_11: bool) -> Result<Framing, &'static str> {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        (
            values.next().map(HeaderValue::as_bytes),
            values.next().is_some(),
        )
    };
    match (one(CONTENT_LENGTH), one(TRANSFER_ENCODING)) {
        ((None, _), (None, _)) => Ok(Framing::None),
        ((_, true), _) => Err("it has more than one Content-Length"),
        (_, (_, true)) => Err("it has more than one Transfer-Encoding"),
        ((Some(_), _), (Some(_), _)) => Err("it has both a Content-Length and a Transfer-Encoding"),
        ((Some(length), _), (None, _)) => length_of(length)
            .map(Framing::Length)
            .ok_or("its Content-Length is not a number"),
        ((None, _), (Some(_), _)) if !is_11 => Err("HTTP/1.0 has no Transfer-Encoding"),
        ((None, _), (Some(coding), _)) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        ((None, _), (Some(_), _)) => Err("its Transfer-Encoding is not chunked"),
    }
}

/// Digits alone; a parser of numbers would take a sign too.
fn length_of(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let is_digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parse(head: &str) -> Result<Head, &'static str> {
        match end_of(head.as_bytes(), 0)? {
            Some(end) if end == head.len() => Head::parse(head.as_bytes()),
            end => panic!("{head:?} ends at {end:?}"),
        }
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line_however_it_arrives() {
        let bytes = b"GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\nGET";
        let end = bytes.len() - 3;
        for seen in 0..end {
            assert_eq!(end_of(&bytes[..seen], 0), Ok(None), "{seen}");
            assert_eq!(end_of(bytes, seen), Ok(Some(end)), "{seen}");
        }
    }

    #[test]
    fn a_head_says_how_its_body_is_delimited() {
        for (fields, wanted) in [
            ("", Framing::None),
            ("content-length: 0\r\n", Framing::Length(0)),
            ("Content-Length:  12 \r\n", Framing::Length(12)),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
        ] {
            let head = parse(&format!("POST http://a/ HTTP/1.1\r\n{fields}\r\n")).unwrap();
            assert_eq!(head.framing, wanted, "{fields}");
            assert_eq!(
                (head.method.as_str(), head.target.as_str()),
                ("POST", "http://a/")
            );
            assert!(head.is_11 && !head.expects_continue);
        }
        let head = parse("PUT x HTTP/1.1\r\nexpect: 100-continue\r\n\r\n").unwrap();
        assert!(head.expects_continue);
        let head = parse("GET x HTTP/1.0\r\nexpect: 100-continue\r\n\r\n").unwrap();
        assert!(!head.is_11 && !head.expects_continue);
    }

    #[test]
    fn a_head_that_could_be_read_in_two_ways_is_refused() {
        let post = "POST http://a/ HTTP/1.1\r\n";
        for fields in [
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ncontent-length: 2\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: -1\r\n",
            "content-length: 0x1\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding:\r\n",
            "transfer-encoding : chunked\r\n",
            "transfer-encoding\r\n",
            "a: b\r\n folded: c\r\n",
            "a: b\r\n\tc\r\n",
            " a: b\r\n",
            "a b: c\r\n",
            "a\u{1}: c\r\n",
            "a: \u{1}\r\n",
            ": c\r\n",
            "a: b\nc: d\r\n",
            "a: b\rc: d\r\n",
            "a: b\r\r\n",
            "a: \0\r\n",
        ] {
            assert!(parse(&format!("{post}{fields}\r\n")).is_err(), "{fields:?}");
        }
        let old = "POST http://a/ HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(parse(old).is_err());
    }

    #[test]
    fn a_first_line_that_is_not_plain_is_refused() {
        for line in [
            "",
            "GET",
            "GET http://a/",
            "GET http://a/ HTTP/2.0",
            "GET http://a/ HTTP/0.9",
            "GET  http://a/ HTTP/1.1",
            "GET http://a/  HTTP/1.1",
            "GET http://a/ b HTTP/1.1",
            "GET\thttp://a/ HTTP/1.1",
            "get http://a/ HTTP/1.1",
            "G@T http://a/ HTTP/1.1",
            "AVERYLONGMETHODTHATISNOTONE http://a/ HTTP/1.1",
            "GET http://ä/ HTTP/1.1",
            "GET http://a\u{7f}/ HTTP/1.1",
            "\u{5}\u{1}",
        ] {
            assert!(parse(&format!("{line}\r\n\r\n")).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_head_with_too_many_fields_is_refused() {
        let fields = "a: b\r\n".repeat(FIELDS_MAX + 1);
        let error = parse(&format!("GET http://a/ HTTP/1.1\r\n{fields}\r\n")).unwrap_err();
        assert_eq!(error, "it has too many headers");
    }
}
