//! Permits: destinations that the operator named in the configuration.
//!
//! A permit for a name covers whatever loopback, private or own address the name leads to; a permit for an
//! address covers that address, however it is named. Both are for one port, never for a range.

use std::net::{IpAddr, Ipv6Addr};

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

impl Named {
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
fn split(entry: &str) -> Option<(&str, Option<u16>)> {
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
    match host {
        Named::Name(name) => format!("{name}:{port}"),
        Named::Address(IpAddr::V4(v4)) => format!("{v4}:{port}"),
        Named::Address(IpAddr::V6(v6)) => entry_v6(*v6, port),
    }
}

fn entry_v6(v6: Ipv6Addr, port: u16) -> String {
    format!("[{v6}]:{port}")
}
