//! Flags by which a task, a call or a command is given a network.

use agent_core::network::{Network, NetworkMode};
use anyhow::{Result, bail};
use clap::Args;

#[derive(Debug, Clone, Default, Args)]
pub struct NetworkFlags {
    /// How far it may reach [default: none, or allow-list where hosts are named]
    #[arg(long, value_name = "MODE", value_parser = ["none", "allow-list", "open"])]
    pub network: Option<String>,
    /// A host that it may reach, such as pypi.org or *.example.com
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
}

impl NetworkFlags {
    /// What was asked for; nothing where nothing was said.
    pub fn wanted(&self) -> Result<Option<Network>> {
        let named = self.network.as_deref().map(|mode| mode.replace('-', "_"));
        let listed = (!self.hosts.is_empty()).then_some(NetworkMode::AllowList);
        let mode = named.map_or(listed, |mode| NetworkMode::from_label(&mode));
        if let (Some(NetworkMode::None), Some(host)) = (mode, self.hosts.first()) {
            bail!(
                "--network none reaches no host, and --host {host} names one; leave one of the two out"
            );
        }
        Ok(mode.map(|mode| Network {
            mode,
            hosts: self.hosts.clone(),
        }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn flags(mode: Option<&str>, hosts: &[&str]) -> NetworkFlags {
        NetworkFlags {
            network: mode.map(str::to_owned),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    #[test]
    fn a_host_that_could_not_be_reached_is_no_slip_to_pass_over() {
        let error = flags(Some("none"), &["pypi.org"]).wanted().unwrap_err();
        assert_eq!(
            error.to_string(),
            "--network none reaches no host, and --host pypi.org names one; leave one of the two out"
        );
        let modes = [
            (None, &[][..], None),
            (Some("none"), &[], Some(NetworkMode::None)),
            (None, &["pypi.org"], Some(NetworkMode::AllowList)),
            (Some("open"), &[], Some(NetworkMode::Open)),
        ];
        for (mode, hosts, wanted) in modes {
            let found = flags(mode, hosts).wanted().unwrap();
            assert_eq!(found.map(|network| network.mode), wanted, "{mode:?}");
        }
    }
}
