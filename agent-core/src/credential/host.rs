//! Host patterns: which hosts may see a secret.
//!
//! A pattern is compared with the host of a URL as text. It says nothing of addresses: whether those may be reached at all is
//! for whoever connects.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a pattern without a port applies. A secret goes in the clear only where the port of such a server was written down.
const PORT_WITHOUT_ONE: u16 = 443;
/// Where a host that may be reached is reached, if no port is written down.
const WEB_PORTS: [u16; 2] = [80, 443];
/// Longest host name, as DNS has it.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// One host (`api.example.com`), or all below a name (`*.example.com`), each with or without a port (`:8443`). Without one it stands
/// for port 443.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    /// In lower case, without the `*.`.
    name: String,
    has_wildcard: bool,
    port: Option<u16>,
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// It has parts of a URL, or is a range of addresses.
    #[error("must be a host alone, without scheme, user, path or range of addresses")]
    NotAlone,
    /// A `*` that would stand for too much, or stands in the wrong place.
    #[error(
        "a * stands for everything below a name of two or more parts, as in *.example.com, and nowhere else"
    )]
    Wildcard,
    /// The port is none.
    #[error("the port after the : must be a number from 1 to 65535")]
    Port,
    /// It is neither a host name nor an address.
    #[error("is not a host name such as api.example.com; write names of other scripts in punycode")]
    Name,
}

impl HostPattern {
    /// Whether it names a port.
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// Whether this host and port may see the secret. The host is spelled as in a URL: lower case, IPv6 in brackets.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.names(host) && port == self.port.unwrap_or(PORT_WITHOUT_ONE)
    }

    /// Whether this host and port are meant where the pattern is one of hosts to reach: without a port it stands for 80 and
    /// 443 then.
    pub fn covers_web(&self, host: &str, port: u16) -> bool {
        let is_port = self
            .port
            .map_or(WEB_PORTS.contains(&port), |named| named == port);
        self.names(host) && is_port
    }

    fn names(&self, host: &str) -> bool {
        if self.has_wildcard {
            let above = host.strip_suffix(self.name.as_str());
            above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
        } else {
            host == self.name
        }
    }
}

/// The host, with the brackets of an IPv6 address, and what follows its `:`.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_brackets = text.find(']').map_or(0, |at| at + 1);
    match text[after_brackets..].split_once(':') {
        Some((rest, port)) => (&text[..after_brackets + rest.len()], Some(port)),
        None => (text, None),
    }
}

fn port_of(text: &str) -> Result<u16, InvalidHost> {
    // The parser would take a sign too.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or(InvalidHost::Port)
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A name or an address in its one spelling.
fn name_of(text: &str) -> Result<String, InvalidHost> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        let address = address.and_then(Result::ok).ok_or(InvalidHost::Name)?;
        return Ok(format!("[{address}]"));
    }
    let name = text.to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    // Whoever reads a URL takes a name that ends in a number for an address. With a - in it, it was meant as a range of them.
    let is_numeric = last.starts_with(|first: char| first.is_ascii_digit())
        && (last
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
            || last.starts_with("0x"));
    if is_numeric && name.parse::<Ipv4Addr>().is_err() {
        return Err(InvalidHost::Name);
    }
    if name.len() > NAME_BYTES_MAX || !name.split('.').all(is_label) {
        return Err(InvalidHost::Name);
    }
    Ok(name)
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if text.contains(['/', '@', '?', '#', '\\']) {
            return Err(InvalidHost::NotAlone);
        }
        let (host, port) = split_port(text);
        let port = port.map(port_of).transpose()?;
        let below = host.strip_prefix("*.");
        let name = below.unwrap_or(host);
        if name.contains('*') {
            return Err(InvalidHost::Wildcard);
        }
        let name = name_of(name)?;
        let is_address = name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok();
        if below.is_some() && (is_address || !name.contains('.')) {
            return Err(InvalidHost::Wildcard);
        }
        Ok(Self {
            name,
            has_wildcard: below.is_some(),
            port,
        })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.has_wildcard { "*." } else { "" };
        write!(f, "{below}{}", self.name)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_read_in_any_case_and_written_in_one() {
        for (given, written) in [
            ("API.Example.com", "api.example.com"),
            ("*.example.com:8443", "*.example.com:8443"),
            ("localhost:80", "localhost:80"),
            ("127.0.0.1:18500", "127.0.0.1:18500"),
            ("[0:0::1]:80", "[::1]:80"),
            ("my_api", "my_api"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let read = given.parse::<HostPattern>().map(String::from);
            assert_eq!(read, Ok(written.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_no_host_alone_is_refused_with_the_reason() {
        use InvalidHost as E;
        for (given, error) in [
            ("https://api.example.com", E::NotAlone),
            ("api.example.com/v1", E::NotAlone),
            ("bob@example.com", E::NotAlone),
            ("10.0.0.0/8", E::NotAlone),
            ("*", E::Wildcard),
            ("*.com", E::Wildcard),
            ("*.0.0.1", E::Name),
            ("*.10.0.0.1", E::Wildcard),
            ("a*.example.com", E::Wildcard),
            ("api.*.com", E::Wildcard),
            ("*.[::1]", E::Wildcard),
            ("*:443", E::Wildcard),
            ("api.example.com:", E::Port),
            ("api.example.com:0", E::Port),
            ("api.example.com:+80", E::Port),
            ("api.example.com:65536", E::Port),
            ("::1", E::Port),
            ("", E::Name),
            (".", E::Name),
            ("example.com.", E::Name),
            ("-a.example.com", E::Name),
            ("a b.example.com", E::Name),
            ("bücher.example", E::Name),
            ("10.0.0.1-9", E::Name),
            ("127.1", E::Name),
            ("2130706433", E::Name),
            ("0x7f000001", E::Name),
            ("[::1", E::Port),
            ("[fe80::1%eth0]", E::Name),
        ] {
            assert_eq!(given.parse::<HostPattern>(), Err(error), "{given}");
        }
    }

    #[test]
    fn a_pattern_covers_its_host_on_its_port_and_no_other() {
        for (pattern, host, port, covered) in [
            ("api.example.com", "api.example.com", 443, true),
            ("api.example.com", "api.example.com", 80, false),
            ("api.example.com:80", "api.example.com", 80, true),
            ("api.example.com:80", "api.example.com", 443, false),
            ("api.example.com", "x.api.example.com", 443, false),
            ("api.example.com", "api.example.com.", 443, false),
            ("api.example.com", "api.example.com.evil.test", 443, false),
            ("*.example.com", "api.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("*.example.com", "example.com.evil.test", 443, false),
            ("[::1]:80", "[::1]", 80, true),
        ] {
            let read = pattern.parse::<HostPattern>();
            let covers = read.map(|read| read.covers(host, port));
            assert_eq!(covers, Ok(covered), "{pattern} {host}:{port}");
        }
    }
}
