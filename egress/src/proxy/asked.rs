//! What a request asks the proxy for: a tunnel, or a URL. The destination is read here, once, from the target alone.

use reqwest::{Method, Url};

use super::body::Framing;
use super::head::Head;
use super::stop::Stop;
use crate::permit::{Named, split};
use crate::target::Target;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Bytes to and from a destination.
    Tunnel(Target),
    /// A request for a URL, which is in the form that [`Target::take`] gives it.
    Forward(Url, Target),
}

impl Asked {
    pub(crate) fn of(head: &Head) -> Result<Self, Stop> {
        if head.method == Method::CONNECT {
            return match head.framing {
                Framing::None => tunnel(&head.target).map(Self::Tunnel),
                Framing::Length(_) | Framing::Chunked => Err(Stop::Malformed(
                    "a CONNECT has no body, so it must not say how long it is",
                )),
            };
        }
        // It would repeat to the client what was added for the destination alone.
        if head.method == Method::TRACE {
            return Err(Stop::Method("TRACE"));
        }
        forward(&head.target)
    }
}

fn tunnel(target: &str) -> Result<Target, Stop> {
    if target.contains("://") || target.starts_with('/') {
        return Err(Stop::Malformed("CONNECT takes host:port and not a URL"));
    }
    let (host, port) = authority(target)?;
    let port = port.ok_or(Stop::Malformed("CONNECT needs a port, as in host:443"))?;
    Ok(Target { host, port })
}

fn forward(target: &str) -> Result<Asked, Stop> {
    let (scheme, rest) = target.split_once("://").ok_or(Stop::NotForAProxy)?;
    if scheme.eq_ignore_ascii_case("https") {
        return Err(Stop::HttpsWithoutTunnel);
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(if scheme.starts_with('/') {
            Stop::NotForAProxy
        } else {
            Stop::Scheme
        });
    }
    // The parser of URLs would take a backslash for a slash, and others do not.
    if rest.contains(['\\', '#']) {
        return Err(Stop::Malformed("its URL has a backslash or a fragment"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, port) = authority(&rest[..end])?;
    let wanted = Target {
        host,
        port: port.unwrap_or(80),
    };
    let mut url = Url::parse(target).map_err(|_| Stop::Malformed("its URL is not one"))?;
    // Two readings of one URL have to agree, or neither can be trusted.
    match Target::take(&mut url) {
        Ok(read) if read == wanted => Ok(Asked::Forward(url, read)),
        _ => Err(Stop::Malformed("its URL can be read in two ways")),
    }
}

fn authority(text: &str) -> Result<(Named, Option<u16>), Stop> {
    if text.contains('@') {
        return Err(Stop::Userinfo);
    }
    let (host, port) = split(text).ok_or(Stop::Malformed("its port is not a number"))?;
    if port == Some(0) {
        return Err(Stop::Malformed("port 0 cannot be connected to"));
    }
    let host = Named::read(host).ok_or(Stop::Malformed(
        "its host is not a well-formed name or address",
    ))?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn asked(method: &str, target: &str) -> Result<Asked, String> {
        let head = format!("{method} {target} HTTP/1.1\r\n\r\n");
        let head = Head::parse(head.as_bytes()).unwrap();
        Asked::of(&head).map_err(|stop| stop.to_string())
    }

    #[test]
    fn a_destination_is_read_from_the_target() {
        for (target, host, port) in [
            ("a.example:443", "a.example", 443),
            ("A.Example.:443", "a.example", 443),
            ("127.1:80", "127.0.0.1", 80),
            ("0x7f000001:80", "127.0.0.1", 80),
            ("[::1]:8443", "[::1]", 8443),
            ("[::ffff:10.0.0.1]:80", "10.0.0.1", 80),
        ] {
            let Ok(Asked::Tunnel(read)) = asked("CONNECT", target) else {
                panic!("{target}");
            };
            assert_eq!((read.host.to_string().as_str(), read.port), (host, port));
        }
        for (target, url) in [
            ("http://a.example", "http://a.example/"),
            (
                "HTTP://A.example.:80/x?y=http://b/",
                "http://a.example/x?y=http://b/",
            ),
            ("http://a.example:8080?x", "http://a.example:8080/?x"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://[::1]:81/", "http://[::1]:81/"),
        ] {
            let Ok(Asked::Forward(read, _)) = asked("GET", target) else {
                panic!("{target}");
            };
            assert_eq!(read.as_str(), url);
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        for (method, target, wanted) in [
            ("GET", "/", "this is a proxy"),
            ("GET", "/http://a.example/", "this is a proxy"),
            ("GET", "a.example:80", "this is a proxy"),
            ("OPTIONS", "*", "this is a proxy"),
            ("TRACE", "http://a.example/", "TRACE is not passed on"),
            ("GET", "https://a.example/", "through CONNECT"),
            ("GET", "ftp://a.example/", "only http:// URLs"),
            ("GET", "file:///etc/passwd", "only http:// URLs"),
            ("GET", "http://me@a.example/", "user name"),
            ("GET", "http://me:pw@a.example/", "user name"),
            ("GET", "http://a.example@127.0.0.1/", "user name"),
            ("GET", "http://a.example\\@127.0.0.1/", "backslash"),
            ("GET", "http://a.example/#b", "fragment"),
            ("GET", "http:///a.example/", "not a well-formed"),
            ("GET", "http://a%2eexample/", "not a well-formed"),
            ("GET", "http://a..example/", "not a well-formed"),
            ("GET", "http://a.example../", "not a well-formed"),
            ("GET", "http://[::1/", "not a well-formed"),
            ("GET", "http://[fe80::1%25lo]/", "not a well-formed"),
            ("GET", "http://1.2.3.4.5/", "not a well-formed"),
            ("GET", "http://a.example:/", "port is not a number"),
            ("GET", "http://a.example:80:80/", "not a well-formed"),
            ("GET", "http://a.example:0/", "port 0"),
            ("GET", "http://a.example:65616/", "port is not a number"),
            ("CONNECT", "a.example", "needs a port"),
            ("CONNECT", "a.example:https", "port is not a number"),
            ("CONNECT", "a.example:443/", "port is not a number"),
            ("CONNECT", "https://a.example:443", "and not a URL"),
            ("CONNECT", "me@a.example:443", "user name"),
            ("CONNECT", "::1:443", "not a well-formed"),
            ("CONNECT", ":443", "not a well-formed"),
            ("CONNECT", "*.example:443", "not a well-formed"),
            ("CONNECT", "/", "and not a URL"),
        ] {
            let error = asked(method, target).unwrap_err();
            assert!(error.contains(wanted), "{method} {target}: {error}");
        }
        let long = format!("{}.example:443", "a.".repeat(130));
        assert!(asked("CONNECT", &long).is_err());
        let head = b"CONNECT a.example:443 HTTP/1.1\r\ncontent-length: 5\r\n\r\n";
        assert!(Asked::of(&Head::parse(head).unwrap()).is_err());
    }
}
