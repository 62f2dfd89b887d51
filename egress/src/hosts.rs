//! Lists of hosts: read from text, and asked whether they admit a host and a port.
//!
//! Only the name is judged here. Where a name leads to is the guard's question, so a host on a list is still refused
//! when its address is not public.

use std::fmt;

use crate::error::ConfigError;
use crate::permit::{Named, WEB_PORTS, split};

/// The hosts that may be reached. An entry is `api.example.com`, `*.example.com` (every name below it, but not itself),
/// `192.0.2.7` or `[2001:db8::7]`, each with `:port` or, without it, for 80 and 443. An empty list admits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// Absent where 80 and 443 are meant.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// One name or one address.
    One(Named),
    /// Every name that ends in a dot and this name.
    Below(String),
}

impl Hosts {
    /// Reads a list. What cannot be understood is an error that names the entry and what is wrong with it.
    pub fn parse(entries: &[String]) -> Result<Self, ConfigError> {
        let rules = entries.iter().map(|entry| {
            Rule::parse(entry).map_err(|reason| ConfigError::Entry {
                entry: entry.clone(),
                reason,
            })
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a host, written as in a URL, may be reached at a port.
    pub fn admits(&self, host: &str, port: u16) -> bool {
        Named::read(host).is_some_and(|host| self.admits_named(&host, port))
    }

    /// The same for a host that has been read.
    pub(crate) fn admits_named(&self, host: &Named, port: u16) -> bool {
        let wanted = Pattern::One(host.clone());
        self.covers(&wanted, port)
    }

    /// Whether everything that this list admits is admitted by `outer` too: a task's list is held to the operator's
    /// so. An empty list is within every other.
    pub fn is_within(&self, outer: &Self) -> bool {
        self.rules.iter().all(|rule| {
            let mut ports = rule.ports().iter();
            ports.all(|port| outer.covers(&rule.pattern, *port))
        })
    }

    /// Whether it admits nothing.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every port that some entry is for.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.rules.iter().flat_map(Rule::ports).copied()
    }

    fn covers(&self, pattern: &Pattern, port: u16) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.ports().contains(&port) && rule.pattern.covers(pattern))
    }
}

/// The entries, in their usual form and separated by commas.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{rule}")?;
        }
        Ok(())
    }
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, &'static str> {
        if entry.is_empty() {
            return Err("it is empty");
        }
        if entry.contains("://") {
            return Err("write the host alone, such as api.example.com, and not a URL");
        }
        if entry.contains(['/', '?', '#', '@']) {
            return Err("write the host alone, without a path or a user name");
        }
        let (host, port) = split(entry).ok_or("the port is not a number up to 65535")?;
        if port == Some(0) {
            return Err("port 0 cannot be connected to");
        }
        let pattern = match host.strip_prefix("*.") {
            Some(parent) => Pattern::below(parent)?,
            None => Pattern::one(host)?,
        };
        Ok(Self { pattern, port })
    }

    fn ports(&self) -> &[u16] {
        match &self.port {
            Some(port) => std::slice::from_ref(port),
            None => &WEB_PORTS,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::One(host) => write!(f, "{host}")?,
            Pattern::Below(parent) => write!(f, "*.{parent}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

const STAR: &str = "a star stands only at the front and for whole labels, as in *.example.com";

impl Pattern {
    fn below(parent: &str) -> Result<Self, &'static str> {
        match Named::read(parent) {
            _ if parent.contains('*') => Err(STAR),
            Some(Named::Name(name)) => Ok(Self::Below(name)),
            Some(Named::Address(_)) => Err("a star cannot stand before an address"),
            None => Err("after the star there has to be a name"),
        }
    }

    fn one(host: &str) -> Result<Self, &'static str> {
        if host.contains('*') {
            return Err(STAR);
        }
        let named = Named::read(host)
            .ok_or("the host is not a name or an address; IPv6 addresses stand in brackets")?;
        // Whoever writes 127.1 or a mapped address may not know what it means.
        let is_usual = match &named {
            Named::Name(_) => true,
            Named::Address(_) => named.to_string().eq_ignore_ascii_case(host),
        };
        if is_usual {
            Ok(Self::One(named))
        } else {
            Err("write the address in its usual form, such as 192.0.2.7 or [2001:db8::7]")
        }
    }

    /// Whether all that `other` stands for is part of this.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(own), Self::One(other)) => own == other,
            (Self::Below(parent), Self::One(Named::Name(name))) => is_below(name, parent),
            (Self::Below(parent), Self::Below(name)) => name == parent || is_below(name, parent),
            (Self::Below(_), Self::One(Named::Address(_))) | (Self::One(_), Self::Below(_)) => {
                false
            }
        }
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent)
        .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn hosts(entries: &[&str]) -> Hosts {
        let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
        Hosts::parse(&entries).unwrap()
    }

    #[test]
    fn a_list_admits_what_it_names_and_nothing_beside_it() {
        let list = hosts(&[
            "api.example.com",
            "*.example.org",
            "Files.Example.NET.:8443",
            "93.184.215.14",
            "[2606:4700::1111]:443",
            "bücher.example",
        ]);
        for (host, port, wanted) in [
            ("api.example.com", 443, true),
            ("api.example.com", 80, true),
            ("API.Example.Com.", 443, true),
            ("api.example.com", 8443, false),
            ("www.api.example.com", 443, false),
            ("xapi.example.com", 443, false),
            ("example.com", 443, false),
            ("api.example.com.evil.example", 443, false),
            ("a.example.org", 443, true),
            ("a.b.example.org", 80, true),
            ("example.org", 443, false),
            ("badexample.org", 443, false),
            ("a.example.org.evil.example", 443, false),
            ("files.example.net", 8443, true),
            ("files.example.net", 443, false),
            ("93.184.215.14", 443, true),
            ("93.184.215.14.", 443, true),
            ("0x5d.0xb8.0xd7.0xe", 443, true),
            ("93.184.215.15", 443, false),
            ("[2606:4700::1111]", 443, true),
            ("[2606:4700:0:0::1111]", 443, true),
            ("[2606:4700::1111]", 80, false),
            ("2606:4700::1111", 443, false),
            ("xn--bcher-kva.example", 443, true),
            ("", 443, false),
            ("a b.example.org", 443, false),
            ("%61pi.example.com", 443, false),
            ("a..example.org", 443, false),
            ("a\0.example.org", 443, false),
            ("*.example.org", 443, false),
        ] {
            assert_eq!(list.admits(host, port), wanted, "{host} {port}");
        }
        assert!(!Hosts::default().admits("api.example.com", 443));
    }

    #[test]
    fn an_address_is_never_part_of_a_pattern_for_names() {
        // It would end in ".14", if addresses were names.
        let list = Hosts {
            rules: vec![Rule {
                pattern: Pattern::Below("14".to_owned()),
                port: None,
            }],
        };
        assert!(!list.admits("93.184.215.14", 443));
    }

    #[test]
    fn an_entry_that_is_no_host_is_refused_with_the_reason() {
        for (entry, wanted) in [
            ("", "it is empty"),
            ("https://api.example.com", "and not a URL"),
            ("api.example.com/v1", "without a path"),
            ("api.example.com?x", "without a path"),
            ("me@api.example.com", "or a user name"),
            ("api.example.com:", "the port is not a number"),
            ("api.example.com:https", "the port is not a number"),
            ("api.example.com:+80", "the port is not a number"),
            ("api.example.com:65536", "the port is not a number"),
            ("api.example.com:0", "port 0"),
            ("*", "a star stands only"),
            ("*.*.example.com", "a star stands only"),
            ("api.*.com", "a star stands only"),
            ("api*.example.com", "a star stands only"),
            ("*.", "there has to be a name"),
            ("*..example.com", "there has to be a name"),
            ("*.93.184.215.14", "cannot stand before an address"),
            ("a..example.com", "not a name or an address"),
            (".example.com", "not a name or an address"),
            ("a b", "not a name or an address"),
            (" api.example.com", "not a name or an address"),
            ("%61.example.com", "not a name or an address"),
            ("::1", "not a name or an address"),
            ("2606:4700::1111", "not a name or an address"),
            ("127.1", "in its usual form"),
            ("0x7f000001", "in its usual form"),
            ("１２７.0.0.1", "in its usual form"),
            ("127.0.0.1.", "in its usual form"),
            ("[::ffff:10.0.0.1]", "in its usual form"),
            ("[2606:4700:0::1111]", "in its usual form"),
        ] {
            let error = Hosts::parse(&[entry.to_owned()]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot allow {entry:?}: ")) && error.contains(wanted),
                "{entry}: {error}"
            );
        }
    }

    #[test]
    fn a_list_is_within_another_if_the_other_admits_all_of_it() {
        for (inner, outer, wanted) in [
            (&["a.example.com"][..], &["a.example.com"][..], true),
            (&["a.example.com"], &["*.example.com"], true),
            (&["example.com"], &["*.example.com"], false),
            (&["*.example.com"], &["*.example.com"], true),
            (&["*.a.example.com"], &["*.example.com"], true),
            (&["*.example.com"], &["*.a.example.com"], false),
            (&["*.example.com"], &["a.example.com"], false),
            (&["*.badexample.com"], &["*.example.com"], false),
            (&["a.example.com:443"], &["a.example.com"], true),
            (&["a.example.com"], &["a.example.com:443"], false),
            (
                &["a.example.com"],
                &["a.example.com:443", "a.example.com:80"],
                true,
            ),
            (&["a.example.com:8443"], &["a.example.com"], false),
            (&["93.184.215.14"], &["*.example.com"], false),
            (&["93.184.215.14"], &["93.184.215.14"], true),
            (&[], &["a.example.com"], true),
            (&[], &[], true),
            (&["a.example.com"], &[], false),
            (
                &["a.example.com", "b.example.com"],
                &["a.example.com"],
                false,
            ),
        ] {
            let within = hosts(inner).is_within(&hosts(outer));
            assert_eq!(within, wanted, "{inner:?} within {outer:?}");
        }
    }

    #[test]
    fn a_list_prints_as_it_may_be_written() {
        let list = hosts(&[
            "A.example.com",
            "*.Example.org:8443",
            "[2606:4700::1111]:443",
        ]);
        let text = list.to_string();
        assert_eq!(
            text,
            "a.example.com, *.example.org:8443, [2606:4700::1111]:443"
        );
        assert_eq!(hosts(&text.split(", ").collect::<Vec<_>>()), list);
    }
}
