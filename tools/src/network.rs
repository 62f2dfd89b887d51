//! How far tasks reach: the operator's limits, and the way out that a step's computer gets within them.
//!
//! A computer has no network of its own. Where its task was granted some, a port of its loopback leads to a proxy of
//! `egress`, which judges every request; what it decided is part of the call's record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::credential::Credential;
use agent_core::enforcement::NetworkReach;
use agent_core::id::TenantId;
use agent_core::network::{Network, NetworkDecision, NetworkDecisions, NetworkMode};
use agent_core::ports::network::{Networks, NotGranted};
use agent_core::ports::tool::Grants;
use async_trait::async_trait;
use egress::header::{HeaderName, HeaderValue};
use egress::proxy::{Allowance, Decision, Injection, Mode, Observer, Outcome, Proxy};
use egress::{ConfigError, Guard, Hosts, Url};
use tokio::net::TcpStream;

use crate::options::NetworkOptions;
use crate::sandbox::{Outlet, Port};

/// The port of the sandbox's loopback where the proxy listens, as many proxies do.
pub(crate) const PROXY_PORT: u16 = 3128;
/// Whose an allowance is, in words for a model.
const TENANT: &str = "this tenant, over all its tasks on this machine,";
/// The variables by which programs learn of a proxy; some read only the one or the other spelling.
const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

const NO_NETWORK: &str = "this task was given no network";

/// The most that a task may reach here.
#[derive(Debug, Clone)]
pub struct Reach {
    mode: NetworkMode,
    hosts: Hosts,
}

impl Reach {
    /// Reads the operator's settings.
    pub fn of(options: &NetworkOptions) -> Result<Self, ConfigError> {
        Ok(Self {
            mode: options.mode,
            hosts: Hosts::parse(&options.hosts)?,
        })
    }

    fn admits(&self, at: usize, entry: &str) -> Result<(), NotGranted> {
        let refused = |reason: String| NotGranted {
            host: Some(at),
            reason,
        };
        let named = Hosts::parse(std::slice::from_ref(&entry.to_owned()))
            .map_err(|error| refused(error.to_string()))?;
        if self.mode == NetworkMode::AllowList && !named.is_within(&self.hosts) {
            return Err(refused(format!(
                "is not among the hosts that the operator allows (tools.network.hosts): {}",
                self.hosts
            )));
        }
        Ok(())
    }
}

impl Networks for Reach {
    fn check(&self, wanted: &Network) -> Result<(), NotGranted> {
        if wanted.mode > self.mode {
            return Err(NotGranted {
                host: None,
                reason: format!(
                    "this installation grants tasks `{}` at most (tools.network.mode)",
                    self.mode.label()
                ),
            });
        }
        let mut hosts = wanted.hosts.iter().enumerate();
        hosts.try_for_each(|(at, entry)| self.admits(at, entry))
    }
}

/// What stands between a task's computer and the world.
pub struct Gate {
    reach: Reach,
    options: NetworkOptions,
    guard: Guard,
    /// What each tenant has in use, or used within the last hour.
    allowances: Mutex<HashMap<TenantId, Arc<Allowance>>>,
}

impl Gate {
    /// Held to the operator's settings; requests go through `guard`.
    pub fn new(options: &NetworkOptions, guard: &Guard) -> Result<Self, ConfigError> {
        Ok(Self {
            reach: Reach::of(options)?,
            options: options.clone(),
            guard: guard.clone(),
            allowances: Mutex::default(),
        })
    }

    /// What all calls of a tenant may use together.
    pub(crate) fn allowance(&self, tenant: &TenantId) -> Arc<Allowance> {
        let mut known = self
            .allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, one| Arc::strong_count(one) > 1 || !one.is_whole());
        let whole = || Arc::new(Allowance::new(TENANT, self.options.per_tenant.clone()));
        Arc::clone(known.entry(tenant.clone()).or_insert_with(whole))
    }

    /// The way out that a grant opens, or why there is none, in words for a model. The operator's limits are those of
    /// today, not of when the task was submitted.
    pub fn open(&self, tenant: &TenantId, grants: &Grants) -> Result<Arc<Exit>, String> {
        let granted = grants.network.as_ref().ok_or(NO_NETWORK)?;
        let mode = match self.hosts(granted)? {
            None => Mode::Open,
            Some(hosts) => Mode::AllowList(hosts),
        };
        let limits = self.options.limits.clone();
        let proxy = self
            .guard
            .proxy(mode, limits, injections(&grants.credentials)?);
        Ok(Arc::new(Exit {
            proxy: proxy.within(self.allowance(tenant)),
            reach: NetworkReach::of(granted),
            decisions: Mutex::default(),
        }))
    }

    /// The way out of a task's browser, or none where it has no network. It adds no stored secrets: any page can make a browser
    /// ask any host. A task that said nothing reaches as far as the operator lets any.
    pub(crate) fn browser(
        &self,
        tenant: &TenantId,
        grants: &Grants,
    ) -> Result<Option<Arc<Exit>>, String> {
        let unasked = Network {
            mode: self.options.mode,
            hosts: self.options.hosts.clone(),
        };
        let network = grants.network.clone().unwrap_or(unasked);
        if network.mode == NetworkMode::None {
            return Ok(None);
        }
        let grants = Grants {
            network: Some(network),
            ..Grants::default()
        };
        self.open(tenant, &grants).map(Some)
    }

    /// The hosts that pages of the web may be fetched from, redirects included: all public ones if none are named. A task
    /// that said nothing reaches as far as the operator lets any.
    pub(crate) fn web(&self, grants: &Grants) -> Result<Option<Hosts>, String> {
        let unasked = Network {
            mode: self.options.mode,
            hosts: self.options.hosts.clone(),
        };
        let granted = self.hosts(grants.network.as_ref().unwrap_or(&unasked))?;
        let Some(only) = &grants.redirects_within else {
            return Ok(granted);
        };
        let only = only.iter().filter(|&entry| match &granted {
            None => true,
            Some(granted) => Hosts::parse(std::slice::from_ref(entry))
                .is_ok_and(|entry| entry.is_within(granted)),
        });
        let only: Vec<String> = only.cloned().collect();
        if only.is_empty() {
            // The very host is refused, with those that it is not among.
            return Ok(granted);
        }
        Hosts::parse(&only)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    /// The hosts that a grant leads to, all public ones if none are named; or why it leads nowhere, in words for a model.
    pub(crate) fn hosts(&self, granted: &Network) -> Result<Option<Hosts>, String> {
        self.reach.check(granted).map_err(|refused| {
            format!("the network of this task is not granted any more: {refused}")
        })?;
        match granted.mode {
            NetworkMode::None => Err(NO_NETWORK.to_owned()),
            NetworkMode::Open => Ok(None),
            NetworkMode::AllowList => Hosts::parse(&granted.hosts)
                .map(Some)
                .map_err(|error| error.to_string()),
        }
    }
}

/// The header that carries a stored secret.
pub(crate) fn header(credential: &Credential) -> Result<(HeaderName, HeaderValue), String> {
    // Never what the parsers say: nothing may repeat the value.
    let unusable = || format!("the stored secret {} cannot be sent", credential.name);
    let name = HeaderName::from_bytes(credential.header.as_str().as_bytes());
    let name = name.map_err(|_| unusable())?;
    let mut value = HeaderValue::from_str(credential.value.expose()).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The port of TLS: a secret is never sent to it in the clear, whatever a URL says.
const TLS_PORT: u16 = 443;

/// The headers with those stored secrets of a task that are for a URL.
pub(crate) fn secrets(
    grants: &Grants,
    url: &Url,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if port == TLS_PORT && url.scheme() != "https" {
        return Ok(Vec::new());
    }
    let credentials = grants.credentials.iter();
    let own = credentials.filter(|credential| credential.is_for(host, port));
    own.map(header).collect()
}

/// Stored secrets as the proxy adds them. A request of a command can be given one only while it is plain, so a command asks
/// for http:// and the proxy makes TLS of it, except where the port of a plain server was written down.
fn injections(credentials: &[Credential]) -> Result<Vec<Injection>, String> {
    let mut injections = Vec::new();
    for credential in credentials {
        let unusable = |error: ConfigError| {
            let name = &credential.name;
            format!("the stored secret {name} cannot be used: {error}")
        };
        let (over_tls, as_asked): (Vec<_>, Vec<_>) =
            credential.hosts.iter().partition(|host| !host.has_port());
        let over_tls: Vec<_> = over_tls.iter().map(|host| format!("{host}:443")).collect();
        let as_asked: Vec<_> = as_asked.iter().map(ToString::to_string).collect();
        for (hosts, upgrade) in [(over_tls, true), (as_asked, false)] {
            let hosts = Hosts::parse(&hosts).map_err(unusable)?;
            let injection = Injection::new(hosts, header(credential)?, upgrade);
            injections.push(injection.map_err(unusable)?);
        }
    }
    Ok(injections)
}

/// The way out of one run.
pub struct Exit {
    proxy: Proxy,
    reach: NetworkReach,
    decisions: Mutex<NetworkDecisions>,
}

impl Exit {
    /// The port of the computer's loopback that leads here.
    pub fn port(self: &Arc<Self>) -> Port {
        Port {
            number: PROXY_PORT,
            outlet: Arc::clone(self) as Arc<dyn Outlet>,
        }
    }

    /// What was decided since the last time.
    pub fn take_decisions(&self) -> NetworkDecisions {
        let mut decisions = self
            .decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut decisions)
    }
}

#[async_trait]
impl Outlet for Exit {
    async fn serve(&self, connection: TcpStream) {
        self.proxy.serve(connection, self).await;
    }

    fn reach(&self) -> NetworkReach {
        self.reach.clone()
    }
}

impl Observer for Exit {
    fn decided(&self, decision: &Decision) {
        let (host, port) = match &decision.destination {
            Some(destination) => (destination.host.clone(), destination.port),
            None => (String::new(), 0),
        };
        let refused = match &decision.outcome {
            Outcome::Allowed | Outcome::Broken(_) => None,
            Outcome::Refused(reason) => Some(reason.clone()),
        };
        let mut decisions = self
            .decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        decisions.add(NetworkDecision {
            host,
            port,
            refused,
            times: 1,
            bytes_up: decision.bytes_up,
            bytes_down: decision.bytes_down,
        });
    }
}

/// Refused destinations that a model is told of in one answer.
const REFUSALS_TOLD_MAX: usize = 5;

/// What was refused, in words for a model: programs hardly ever print what a proxy says.
pub(crate) fn refusals(decisions: &NetworkDecisions) -> String {
    let refused = decisions
        .named
        .iter()
        .filter_map(|one| one.refused.as_ref());
    let told = refused.take(REFUSALS_TOLD_MAX);
    let lines: Vec<String> = told
        .map(|reason| format!("\n[network: {reason}]"))
        .collect();
    lines.concat()
}

/// What tells programs of the proxy. The computer's own loopback is reached without it.
pub fn environment() -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let own = "localhost,127.0.0.1,::1";
    let set = VARIABLES.map(|name| (name.to_owned(), proxy.clone()));
    let unset = ["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), own.to_owned()));
    set.into_iter().chain(unset).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn network(mode: NetworkMode, hosts: &[&str]) -> Network {
        Network {
            mode,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    fn reach(mode: NetworkMode, hosts: &[&str]) -> Reach {
        Reach::of(&NetworkOptions {
            mode,
            hosts: network(mode, hosts).hosts,
            ..NetworkOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn a_task_is_granted_no_more_than_the_operator_allows() {
        use NetworkMode::{AllowList, None as Nowhere, Open};
        let listed = network(AllowList, &["pypi.org", "a.example:8443"]);
        for (limit, wanted, granted) in [
            (reach(Nowhere, &[]), network(Nowhere, &[]), true),
            (reach(Nowhere, &[]), listed.clone(), false),
            (reach(AllowList, &["*.org"]), listed.clone(), false),
            (
                reach(AllowList, &["*.org", "a.example:8443"]),
                listed.clone(),
                true,
            ),
            (reach(AllowList, &["*.org"]), network(Open, &[]), false),
            (reach(Open, &[]), listed, true),
            (reach(Open, &[]), network(Open, &[]), true),
        ] {
            assert_eq!(
                limit.check(&wanted).is_ok(),
                granted,
                "{limit:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn redirects_lead_to_hosts_that_both_the_consent_and_the_network_name() {
        use NetworkMode::{AllowList, None as Nowhere, Open};
        let within = |mode, hosts: &[&str], granted: Option<Network>, only: &[&str]| {
            let options = NetworkOptions {
                mode,
                hosts: network(mode, hosts).hosts,
                ..NetworkOptions::default()
            };
            let gate = Gate::new(&options, &Guard::new(egress::Options::default()).unwrap());
            let grants = Grants {
                network: granted,
                redirects_within: Some(network(mode, only).hosts),
                apart: false,
                credentials: Vec::new(),
            };
            let web = gate.unwrap().web(&grants)?;
            Ok(web.map(|hosts| hosts.to_string()).unwrap_or_default())
        };
        let both = ["a.example:80", "a.example:443"];
        let open = Some(network(Open, &[]));
        let one_of_two = Ok("a.example:443".to_owned());
        assert_eq!(within(Open, &[], open, &both[1..]), one_of_two);
        let of_two = within(
            AllowList,
            &["a.example", "b.example"],
            None,
            &["a.example:443"],
        );
        assert_eq!(of_two, one_of_two);
        assert_eq!(
            within(AllowList, &["b.example"], None, &both),
            Ok("b.example".to_owned()),
            "a consent opens nothing that the operator does not"
        );
        assert_eq!(
            within(Nowhere, &[], None, &both),
            Err(NO_NETWORK.to_owned())
        );
    }

    #[test]
    fn a_model_is_told_what_was_refused_and_not_what_was_let_through() {
        let decision = |host: &str, refused: Option<&str>| NetworkDecision {
            host: host.to_owned(),
            port: 443,
            refused: refused.map(str::to_owned),
            times: 1,
            bytes_up: 0,
            bytes_down: 0,
        };
        let mut decisions = NetworkDecisions::default();
        decisions.add(decision("a.example", None));
        assert_eq!(refusals(&decisions), "");
        decisions.add(decision(
            "b.example",
            Some("b.example:443 is not on the list"),
        ));
        assert_eq!(
            refusals(&decisions),
            "\n[network: b.example:443 is not on the list]"
        );
    }

    #[test]
    fn all_calls_of_a_tenant_have_one_allowance_and_another_tenant_has_its_own() {
        let mut options = NetworkOptions::default();
        options.per_tenant.connections_max = 1;
        let guard = Guard::new(egress::Options::default()).unwrap();
        let gate = Gate::new(&options, &guard).unwrap();
        let tenant = |seed| TenantId::new(&agent_core::ports::entropy::Seeded::new(seed));
        let held = gate.allowance(&tenant(1)).enter().unwrap();
        let refused = gate.allowance(&tenant(1)).enter().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this tenant, over all its tasks on this machine, has 1 connections open at the same time already; wait until one has ended"
        );
        assert!(gate.allowance(&tenant(2)).enter().is_ok());
        drop(held);
        assert!(gate.allowance(&tenant(1)).enter().is_ok());
    }

    #[test]
    fn a_host_that_is_refused_is_named_by_its_place() {
        use NetworkMode::AllowList;
        let limit = reach(AllowList, &["pypi.org"]);
        let refused = limit.check(&network(AllowList, &["pypi.org", "b.example"]));
        let refused = refused.unwrap_err();
        assert_eq!(refused.host, Some(1));
        assert!(refused.reason.contains("pypi.org"), "{refused}");
        let malformed = limit.check(&network(AllowList, &["https://pypi.org/"]));
        assert_eq!(malformed.unwrap_err().host, Some(0));
    }
}
