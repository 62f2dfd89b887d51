//! The rules of one guard: what is public, and what the operator permits beyond that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::error::Reason;
use crate::permit::{self, Named, Permit, WEB_PORTS};
use crate::policy::{Special, Verdict, judge};
use crate::target::Target;

/// Permits, and the addresses of this machine at the time of asking.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    permits: Vec<Permit>,
}

impl Rules {
    pub(crate) fn new(permits: Vec<Permit>) -> Self {
        Self { permits }
    }

    /// These rules with further permits.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Permit>) -> Self {
        let mut permits = self.permits.clone();
        permits.extend(more);
        Self { permits }
    }

    /// Every port to which a request can be allowed.
    pub(crate) fn ports(&self) -> BTreeSet<u16> {
        let permitted = self.permits.iter().map(|permit| permit.port);
        WEB_PORTS.into_iter().chain(permitted).collect()
    }

    /// Whether a connection for `target` may be made to `ip`.
    pub(crate) fn check(&self, target: &Target, ip: IpAddr, own: &[IpAddr]) -> Result<(), Reason> {
        let ip = ip.to_canonical();
        let by_address = self.permits(&Named::Address(ip), target.port);
        if by_address {
            return Ok(());
        }
        let by_name = self.permits(&target.host, target.port);
        let verdict = match judge(ip) {
            Verdict::Public if own.contains(&ip) => Verdict::Special(Special::OwnAddress),
            verdict @ (Verdict::Public | Verdict::Special(_)) => verdict,
        };
        match verdict {
            Verdict::Public if by_name || WEB_PORTS.contains(&target.port) => Ok(()),
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
