//! How far a call may go that its owner, or the submitter, consented to: to the host that the consent was for.

use crate::network::{Network, NetworkMode};

use super::{Approvals, Consent, Outward, TaskPolicy};

/// What is known of a call that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Consented<'a> {
    /// What can leave through it.
    pub outward: &'a Outward,
    /// How it came to be made.
    pub consent: Consent,
    /// What the submit said.
    pub policy: &'a TaskPolicy,
    /// What of the network the submit named.
    pub network: Option<&'a Network>,
    /// What is done where the submit did not say.
    pub approvals: Approvals,
}

/// The only hosts that redirects may take a call to, as `host:port`, beside what its task may reach at all. Absent where
/// nothing was asked about, or where the consent was for more than one place.
pub fn redirects_within(call: &Consented<'_>) -> Option<Vec<String>> {
    let Outward::Fetch { host, port, .. } = call.outward else {
        return None;
    };
    let is_listed = match call.network.map(|network| network.mode) {
        // Every host of the list was named, and a redirect goes to none beside them.
        Some(NetworkMode::None | NetworkMode::AllowList) => true,
        Some(NetworkMode::Open) | None => false,
    };
    let is_free = call.consent == Consent::NotNeeded
        || call.policy.approvals.unwrap_or(call.approvals) == Approvals::Grant;
    if is_free || is_listed {
        return None;
    }
    let mut hosts = vec![format!("{host}:{port}")];
    if *port == 80 {
        // Where plain servers send their readers.
        hosts.push(format!("{host}:443"));
    }
    Some(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(
        port: u16,
        consent: Consent,
        network: Option<NetworkMode>,
        approvals: Approvals,
    ) -> Option<Vec<String>> {
        let network = network.map(|mode| Network {
            mode,
            hosts: Vec::new(),
        });
        redirects_within(&Consented {
            outward: &Outward::Fetch {
                address: "http://a.example/x".to_owned(),
                host: "a.example".to_owned(),
                port,
            },
            consent,
            policy: &TaskPolicy::default(),
            network: network.as_ref(),
            approvals,
        })
    }

    #[test]
    fn consent_for_one_address_does_not_lead_to_another_host() {
        let only = Some(vec!["a.example:8443".to_owned()]);
        for consent in [Consent::Granted, Consent::Approved] {
            for network in [None, Some(NetworkMode::Open)] {
                assert_eq!(within(8443, consent, network, Approvals::Ask), only);
            }
        }
        let with_tls = Some(vec!["a.example:80".to_owned(), "a.example:443".to_owned()]);
        assert_eq!(
            within(80, Consent::Approved, None, Approvals::Deny),
            with_tls
        );
    }

    #[test]
    fn what_was_granted_as_a_whole_is_not_narrowed() {
        let free = within(443, Consent::NotNeeded, None, Approvals::Ask);
        let granted = within(443, Consent::Granted, None, Approvals::Grant);
        let mode = Some(NetworkMode::AllowList);
        let listed = within(443, Consent::Granted, mode, Approvals::Ask);
        assert_eq!([free, granted, listed], [None, None, None]);
    }
}
