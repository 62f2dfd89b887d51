//! Secrets that the proxy adds to requests, so that the program which makes them never holds them.

use std::fmt;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::hop::is_ours;
use crate::error::ConfigError;
use crate::hosts::Hosts;
use crate::target::Target;

/// A header for plain `http://` requests to some hosts. A request through a tunnel is encrypted by its client and cannot be given one;
/// so a client that is to use a secret asks for `http://`, and `upgrade_to_tls` makes TLS of it here.
///
/// The client does not see what is added, unless the destination itself repeats it in its answer.
#[derive(Clone)]
pub struct Injection {
    hosts: Hosts,
    header: HeaderName,
    value: HeaderValue,
    upgrade_to_tls: bool,
}

impl Injection {
    /// Sets this header to this value, in place of what the client sent, for `hosts`. With `upgrade_to_tls` these requests are
    /// sent over TLS, to port 443 where they were meant for 80.
    pub fn new(
        hosts: Hosts,
        (header, mut value): (HeaderName, HeaderValue),
        upgrade_to_tls: bool,
    ) -> Result<Self, ConfigError> {
        if is_ours(&header) {
            return Err(ConfigError::Entry {
                entry: header.to_string(),
                reason: "this header belongs to the connection",
            });
        }
        value.set_sensitive(true);
        Ok(Self {
            hosts,
            header,
            value,
            upgrade_to_tls,
        })
    }
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection")
            .field("hosts", &self.hosts)
            .field("header", &self.header)
            .field("value", &"***")
            .field("upgrade_to_tls", &self.upgrade_to_tls)
            .finish()
    }
}

/// Makes an `https://` URL of one whose host some injection says so of. Gives where the request goes.
pub(crate) fn upgrade(injections: &[Injection], target: Target, url: &mut Url) -> Target {
    let port = url.port().unwrap_or(443);
    let is_wanted = |injection: &Injection| {
        injection.upgrade_to_tls && injection.hosts.admits_named(&target.host, port)
    };
    // The schemes are of the same kind, so the change cannot be refused.
    if injections.iter().any(is_wanted) && url.set_scheme("https").is_ok() {
        return Target { port, ..target };
    }
    target
}

/// Sets the headers that are meant for a destination.
pub(crate) fn inject(injections: &[Injection], target: &Target, headers: &mut HeaderMap) {
    let meant = injections
        .iter()
        .filter(|injection| injection.hosts.admits_named(&target.host, target.port));
    for injection in meant {
        headers.insert(injection.header.clone(), injection.value.clone());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use reqwest::header::{AUTHORIZATION, HOST};

    use super::*;

    fn injection(host: &str, upgrade_to_tls: bool) -> Injection {
        let hosts = Hosts::parse(&[host.to_owned()]).unwrap();
        let header = (AUTHORIZATION, HeaderValue::from_static("Bearer hidden"));
        Injection::new(hosts, header, upgrade_to_tls).unwrap()
    }

    #[test]
    fn only_the_hosts_of_an_injection_are_upgraded_and_given_the_secret() {
        let injections = [
            injection("api.example.com", true),
            injection("files.example.com", false),
        ];
        for (url, wanted_url, wanted_secret) in [
            (
                "http://api.example.com/v1",
                "https://api.example.com/v1",
                true,
            ),
            (
                "http://api.example.com:443/",
                "https://api.example.com/",
                true,
            ),
            (
                "http://api.example.com:8080/",
                "http://api.example.com:8080/",
                false,
            ),
            (
                "http://files.example.com/",
                "http://files.example.com/",
                true,
            ),
            ("http://www.example.com/", "http://www.example.com/", false),
        ] {
            let mut url: Url = url.parse().unwrap();
            let target = Target::take(&mut url).unwrap();
            let target = upgrade(&injections, target, &mut url);
            assert_eq!(url.as_str(), wanted_url);
            assert_eq!(target, Target::take(&mut url).unwrap());
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, "one".parse().unwrap());
            headers.append(AUTHORIZATION, "two".parse().unwrap());
            inject(&injections, &target, &mut headers);
            let sent: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
            let wanted = if wanted_secret {
                vec!["Bearer hidden"]
            } else {
                vec!["one", "two"]
            };
            assert_eq!(sent, wanted, "{url}");
        }
    }

    #[test]
    fn a_secret_is_not_printed_and_no_header_of_the_connection_carries_one() {
        let printed = format!("{:?}", injection("api.example.com", true));
        assert!(
            !printed.contains("hidden") && printed.contains("***"),
            "{printed}"
        );
        let header = (HOST, HeaderValue::from_static("hidden"));
        let error = Injection::new(Hosts::default(), header, true).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
}
