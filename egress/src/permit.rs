//! Permits: destinations that the operator named in the configuration.
//!
//! A permit for a name covers whatever loopback, private or own address the name leads to; a permit for an
//! address covers that address, however it is named. Both are for one port, never for a range.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::error::ConfigError;

/// The ports that need no permit.
pub(crate) const WEB_PORTS: [u16; 2] = [80, 443];

/// One destination that the operator named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) host: Named,
    pub(crate) port: u16,
}

/// How a destination is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// By a DNS name, in lower case, in ASCII, without a trailing dot.
    Name(String),
    /// By an address; a mapped one is kept as the IPv4 address that it carries.
    Address(IpAddr),
}

/// No DNS name is longer, in characters.
const NAME_MAX: usize = 253;

impl Named {
    /// Reads a host as it stands in a request or in a list. Refuses what the parser of URLs would mend: percent
    /// signs, blanks and control bytes.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_stray = |byte: u8| byte <= b' ' || byte == 0x7f || byte == b'%';
        if text.bytes().any(is_stray) {
            return None;
        }
        let named = Self::of(&Host::parse(text).ok()?)?;
        match &named {
            Self::Name(name) if name.len() > NAME_MAX || name.contains('*') => None,
            Self::Name(_) | Self::Address(_) => Some(named),
        }
    }

    /// A parsed host, or nothing if it has empty labels.
    pub(crate) fn of<S: AsRef<str>>(host: &Host<S>) -> Option<Self> {
        match host {
            Host::Ipv4(v4) => Some(Self::Address(IpAddr::V4(*v4))),
            Host::Ipv6(v6) => Some(Self::Address(IpAddr::V6(*v6).to_canonical())),
            Host::Domain(name) => {
                let name = name.as_ref();
                let name = name.strip_suffix('.').unwrap_or(name);
                let well_formed = name.split('.').all(|label| !label.is_empty());
                well_formed.then(|| Self::Name(name.to_ascii_lowercase()))
            }
        }
    }
}

/// As in a URL: IPv6 addresses stand in brackets.
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(v4)) => write!(f, "{v4}"),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// Reads one line of `allow_private`; without a port it means two permits.
pub(crate) fn parse(entry: &str) -> Result<Vec<Permit>, ConfigError> {
    let invalid = |reason| ConfigError::Entry {
        entry: entry.to_owned(),
        reason,
    };
    if entry.contains("://") || entry.contains('/') {
        return Err(invalid("write host:port, without scheme and path"));
    }
    let (host, port) = split(entry).ok_or_else(|| invalid("the port is not a number"))?;
    let host = Host::parse(host)
        .ok()
        .and_then(|host| Named::of(&host))
        .ok_or_else(|| invalid("the host is not a name or an address"))?;
    if matches!(&host, Named::Name(name) if name.contains('*')) {
        return Err(invalid("patterns are not supported; name each host"));
    }
    let permit = |port| Permit {
        host: host.clone(),
        port,
    };
    Ok(match port {
        Some(0) => return Err(invalid("port 0 cannot be connected to")),
        Some(port) => vec![permit(port)],
        None => WEB_PORTS.map(permit).to_vec(),
    })
}

/// Host text as `Host::parse` wants it, and the port if one is given.
pub(crate) fn split(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(end) = entry.find(']') {
        let (host, rest) = entry.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(number(port)?))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match entry.rsplit_once(':') {
        Some((host, port)) => Some((host, Some(number(port)?))),
        None => Some((entry, None)),
    }
}

fn number(port: &str) -> Option<u16> {
    // `parse` alone would take "+80".
    port.bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| port.parse().ok())
        .flatten()
}

/// The permit that lies in the operator's having written this URL into the configuration.
pub(crate) fn of_url(url: &Url) -> Result<Permit, ConfigError> {
    let invalid = |reason| ConfigError::Entry {
        // Not the whole URL: it may carry a password.
        entry: format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        reason,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("only http and https URLs can be reached"));
    }
    let host = url.host().and_then(|host| Named::of(&host));
    Ok(Permit {
        host: host.ok_or_else(|| invalid("the URL has no usable host"))?,
        port: url
            .port_or_known_default()
            .ok_or_else(|| invalid("the URL has no port"))?,
    })
}

/// Text of the entry that would permit a destination.
pub(crate) fn entry(host: &Named, port: u16) -> String {
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(entry: &str) -> Vec<String> {
        let permits = parse(entry).unwrap();
        let text = |permit: &Permit| super::entry(&permit.host, permit.port);
        permits.iter().map(text).collect()
    }

    #[test]
    fn an_entry_may_be_a_name_or_an_address_with_or_without_a_port() {
        assert_eq!(read("127.0.0.1:18500"), ["127.0.0.1:18500"]);
        assert_eq!(read("Models.LAN.:8000"), ["models.lan:8000"]);
        assert_eq!(read("[::1]:9"), ["[::1]:9"]);
        assert_eq!(read("[::ffff:10.0.0.1]:9"), ["10.0.0.1:9"]);
        assert_eq!(read("10.0.0.1"), ["10.0.0.1:80", "10.0.0.1:443"]);
        assert_eq!(read("[fd00::1]"), ["[fd00::1]:80", "[fd00::1]:443"]);
    }

    #[test]
    fn an_entry_that_is_not_a_destination_is_refused_with_the_reason() {
        for entry in [
            "",
            ":80",
            "http://127.0.0.1:80",
            "10.0.0.0/8",
            "host:+80",
            "host:99999",
            "host:0",
            "host:",
            "*.lan:80",
            "a..b:80",
            "user@host:80",
            "[::1",
            "[::1]80",
            "::1",
        ] {
            assert!(parse(entry).is_err(), "{entry}");
        }
        let error = parse("http://127.0.0.1:80").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot allow \"http://127.0.0.1:80\": write host:port, without scheme and path"
        );
    }
}
