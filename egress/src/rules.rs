//! The rules of one guard: what is public, and what the operator permits beyond that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::error::Reason;
use crate::hosts::Hosts;
use crate::permit::{self, Named, Permit, WEB_PORTS};
use crate::policy::{Special, Verdict, judge};
use crate::target::Target;

/// Permits, and ports that a list of hosts names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    permits: Vec<Permit>,
    /// Hosts that may be reached at the ports named with them, as long as their addresses are public.
    hosts: Hosts,
}

impl Rules {
    pub(crate) fn new(permits: Vec<Permit>) -> Self {
        Self {
            permits,
            hosts: Hosts::default(),
        }
    }

    /// These rules with further permits.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Permit>) -> Self {
        let mut permits = self.permits.clone();
        permits.extend(more);
        Self {
            permits,
            hosts: self.hosts.clone(),
        }
    }

    /// These rules, and beyond 80 and 443 the ports that a list names for its hosts. No address becomes reachable by it
    /// that is not public.
    pub(crate) fn with_ports_of(&self, hosts: &Hosts) -> Self {
        Self {
            permits: self.permits.clone(),
            hosts: hosts.clone(),
        }
    }

    /// Every port to which a request can be allowed.
    pub(crate) fn ports(&self) -> BTreeSet<u16> {
        let permitted = self.permits.iter().map(|permit| permit.port);
        let named = self.hosts.ports();
        WEB_PORTS
            .into_iter()
            .chain(permitted)
            .chain(named)
            .collect()
    }

    /// Whether a connection for `target` may be made to `ip`. `own` are this machine's addresses; they are only asked for
    /// where they decide.
    pub(crate) fn check(
        &self,
        target: &Target,
        ip: IpAddr,
        own: impl Fn() -> Vec<IpAddr>,
    ) -> Result<(), Reason> {
        let ip = ip.to_canonical();
        let by_address = self.permits(&Named::Address(ip), target.port);
        if by_address {
            return Ok(());
        }
        let by_name = self.permits(&target.host, target.port);
        let has_port = by_name
            || WEB_PORTS.contains(&target.port)
            || self.hosts.admits_named(&target.host, target.port);
        let verdict = match judge(ip) {
            Verdict::Public if own().contains(&ip) => Verdict::Special(Special::OwnAddress),
            verdict @ (Verdict::Public | Verdict::Special(_)) => verdict,
        };
        match verdict {
            Verdict::Public if has_port => Ok(()),
            Verdict::Public => Err(Reason::Port {
                port: target.port,
                entry: permit::entry(&target.host, target.port),
            }),
            Verdict::Special(special) if by_name && special.is_lifted_by_name() => Ok(()),
            Verdict::Special(special) => {
                let host = match &target.host {
                    // Naming the host would not help, so the entry has to name the address.
                    Named::Name(_) if !special.is_lifted_by_name() => &Named::Address(ip),
                    host @ (Named::Name(_) | Named::Address(_)) => host,
                };
                Err(Reason::Address {
                    special,
                    entry: permit::entry(host, target.port),
                })
            }
        }
    }

    fn permits(&self, host: &Named, port: u16) -> bool {
        self.permits
            .iter()
            .any(|permit| permit.port == port && permit.host == *host)
    }
}

/// The addresses of this machine's interfaces. They change, so they are asked for at every check.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let interfaces = match nix::ifaddrs::getifaddrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::warn!(%error, "could not list the addresses of this machine; they are not guarded");
            return Vec::new();
        }
    };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn rules(entries: &[&str]) -> Rules {
        let permits = entries
            .iter()
            .flat_map(|entry| permit::parse(entry).unwrap());
        Rules::new(permits.collect())
    }

    fn check(rules: &Rules, host: &str, port: u16, ip: &str) -> Result<(), String> {
        let host = url::Host::parse(host).unwrap();
        let host = Named::of(&host).unwrap();
        let own = || vec!["198.41.0.9".parse().unwrap()];
        let target = Target { host, port };
        rules
            .check(&target, ip.parse().unwrap(), own)
            .map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_permit_is_for_one_destination_and_one_port() {
        let rules = rules(&["10.0.0.5:8000", "models.lan:8000"]);
        assert_eq!(check(&rules, "10.0.0.5", 8000, "10.0.0.5"), Ok(()));
        assert_eq!(check(&rules, "any.example", 8000, "10.0.0.5"), Ok(()));
        assert_eq!(check(&rules, "models.lan", 8000, "192.168.1.1"), Ok(()));
        assert_eq!(check(&rules, "models.lan", 8000, "8.8.8.8"), Ok(()));
        assert!(check(&rules, "10.0.0.5", 80, "10.0.0.5").is_err());
        assert!(check(&rules, "any.example", 8000, "10.0.0.6").is_err());
        assert!(check(&rules, "any.example", 8000, "8.8.8.8").is_err());
        assert!(check(&rules, "models.lan", 443, "192.168.1.1").is_err());
    }

    #[test]
    fn a_list_of_hosts_opens_its_ports_for_public_addresses_alone() {
        let list = ["files.example:8443", "10.0.0.5:8443"].map(str::to_owned);
        let rules = rules(&[]).with_ports_of(&Hosts::parse(&list).unwrap());
        assert_eq!(rules.ports(), BTreeSet::from([80, 443, 8443]));
        assert_eq!(check(&rules, "files.example", 8443, "8.8.8.8"), Ok(()));
        assert!(check(&rules, "other.example", 8443, "8.8.8.8").is_err());
        assert!(check(&rules, "files.example", 8443, "10.0.0.5").is_err());
        assert!(check(&rules, "10.0.0.5", 8443, "10.0.0.5").is_err());
    }

    #[test]
    fn naming_a_host_does_not_permit_metadata_or_link_local_addresses() {
        let by_name = rules(&["models.lan:80"]);
        assert_eq!(
            check(&by_name, "models.lan", 80, "169.254.169.254"),
            Err("it is a cloud metadata address; to permit it, the operator adds \"169.254.169.254:80\" to allow_private".to_owned())
        );
        assert!(check(&by_name, "models.lan", 80, "fe80::1").is_err());
        let by_address = rules(&["169.254.169.254"]);
        assert_eq!(
            check(&by_address, "models.lan", 80, "169.254.169.254"),
            Ok(())
        );
    }

    #[test]
    fn a_public_address_of_this_machine_is_not_a_way_in() {
        let nothing = rules(&[]);
        assert_eq!(check(&nothing, "a.example", 443, "198.41.0.10"), Ok(()));
        let refused = check(&nothing, "a.example", 443, "198.41.0.9").unwrap_err();
        assert!(
            refused.starts_with("it is an address of this machine"),
            "{refused}"
        );
        assert!(check(&nothing, "a.example", 443, "::ffff:198.41.0.9").is_err());
        let named = rules(&["a.example"]);
        assert_eq!(check(&named, "a.example", 443, "198.41.0.9"), Ok(()));
    }

    #[test]
    fn this_machine_has_addresses() {
        let loopback = "127.0.0.1".parse().unwrap();
        assert!(own_addresses().contains(&loopback));
    }
}
