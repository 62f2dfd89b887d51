//! The guard: takes a request, and either sends it to where it may go or says why not.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use reqwest::header::{HOST, HeaderMap};
use reqwest::{Body, Client, Method, Request, Response, Url};

use crate::client::{self, Trust};
use crate::error::{ConfigError, Error, Reason};
use crate::hosts::Hosts;
use crate::options::Options;
use crate::permit::{self, Named, WEB_PORTS};
use crate::resolver::{Checked, Resolver, SystemResolver};
use crate::rules::{Rules, own_addresses};
use crate::target::{Origin, Target};

/// A checked HTTP client. Clones share connections.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    options: Options,
    resolver: Arc<dyn Resolver>,
    rules: Arc<Rules>,
    /// The clients for each port that can be reached at all; see [`Checked`].
    clients: HashMap<u16, Clients>,
}

/// The clients for one port. Each is made when it is first needed: one with TLS reads every certificate that this machine
/// trusts, which takes longer than the rest of a start.
#[derive(Default)]
struct Clients {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

impl Guard {
    /// A guard that resolves names as this machine does.
    pub fn new(options: Options) -> Result<Self, ConfigError> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// A guard that resolves names through `resolver`.
    pub fn with_resolver(
        options: Options,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, ConfigError> {
        let mut permits = Vec::new();
        for entry in &options.allow_private {
            permits.extend(permit::parse(entry)?);
        }
        Ok(Self::build(options, resolver, Rules::new(permits)))
    }

    /// A guard that also permits the host and port of each of these URLs, because the operator wrote them into
    /// the configuration. This guard stays as it is: what is permitted to models is not thereby permitted to
    /// webhooks.
    pub fn with_operator_targets(&self, urls: &[Url]) -> Result<Self, ConfigError> {
        let permits: Vec<_> = urls.iter().map(permit::of_url).collect::<Result<_, _>>()?;
        let rules = self.0.rules.with(permits);
        let resolver = Arc::clone(&self.0.resolver);
        Ok(Self::build(self.0.options.clone(), resolver, rules))
    }

    /// This guard, for which the ports that a list names for its hosts are open too.
    pub(crate) fn with_ports_of(&self, hosts: &Hosts) -> Self {
        if hosts.ports().all(|port| WEB_PORTS.contains(&port)) {
            // The same clients, so no certificates are read again.
            return self.clone();
        }
        let rules = self.0.rules.with_ports_of(hosts);
        let resolver = Arc::clone(&self.0.resolver);
        Self::build(self.0.options.clone(), resolver, rules)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    pub(crate) fn resolver(&self) -> &dyn Resolver {
        &*self.0.resolver
    }

    fn build(options: Options, resolver: Arc<dyn Resolver>, rules: Rules) -> Self {
        let clients = rules.ports().into_iter();
        Self(Arc::new(Inner {
            options,
            resolver,
            clients: clients.map(|port| (port, Clients::default())).collect(),
            rules: Arc::new(rules),
        }))
    }

    /// Judges a URL without resolving its name or sending anything: what can be refused now is refused now.
    pub fn check_url(&self, url: &Url) -> Result<(), Error> {
        let mut url = url.clone();
        self.admit(&mut url)
            .map(|_| ())
            .map_err(|reason| Error::Forbidden {
                target: Origin::of(&url),
                reason,
            })
    }

    /// Sends a request, if it may go where it is meant to go. Redirects are returned as they are. There is no
    /// time limit beyond connecting, unless the request carries one ([`Request::timeout_mut`]).
    pub async fn execute(&self, mut request: Request) -> Result<Response, Error> {
        let admitted = self.admit(request.url_mut());
        let origin = Origin::of(request.url());
        let forbidden = |reason| Error::Forbidden {
            target: origin.clone(),
            reason,
        };
        let (target, clients) = admitted.map_err(forbidden)?;
        let client = self.client(clients, target.port, &origin)?;
        // Another name in the header than in the URL would reach another site at a permitted address.
        request.headers_mut().remove(HOST);
        let answer = client.execute(request).await;
        let response = answer.map_err(|error| Error::from_client(origin.clone(), error))?;
        self.check_peer(&target, response.remote_addr())
            .map_err(forbidden)?;
        Ok(response)
    }

    /// The client for an admitted destination.
    fn client<'a>(&self, of: &'a Clients, port: u16, to: &Origin) -> Result<&'a Client, Error> {
        let trust = if to.is_tls() {
            Trust::Machine
        } else {
            Trust::Nobody
        };
        let place = if to.is_tls() { &of.tls } else { &of.plain };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let checked = Checked {
            resolver: Arc::clone(&self.0.resolver),
            rules: Arc::clone(&self.0.rules),
            port,
        };
        let client =
            client::build(&self.0.options, checked, trust).map_err(|source| Error::Client {
                target: to.clone(),
                source,
            })?;
        // If another request made one meanwhile, that one is used, and this one was never connected.
        Ok(place.get_or_init(|| client))
    }

    /// Everything about a URL's destination that can be judged before its name is resolved.
    fn admit(&self, url: &mut Url) -> Result<(Target, &Clients), Reason> {
        let target = Target::take(url)?;
        let clients = self.admit_target(&target)?;
        Ok((target, clients))
    }

    fn admit_target(&self, target: &Target) -> Result<&Clients, Reason> {
        if let Named::Address(ip) = target.host {
            // Nobody asks a resolver about an address, so this is its only check.
            self.0.rules.check(target, ip, own_addresses)?;
        }
        self.0
            .clients
            .get(&target.port)
            .ok_or_else(|| Reason::Port {
                port: target.port,
                entry: permit::entry(&target.host, target.port),
            })
    }

    /// The same for a destination alone.
    pub(crate) fn check_target(&self, target: &Target) -> Result<(), Reason> {
        self.admit_target(target).map(|_| ())
    }

    /// Judges the address that answered. It was checked before the connection was made; this finds a mistake in
    /// the layers between.
    fn check_peer(&self, target: &Target, peer: Option<SocketAddr>) -> Result<(), Reason> {
        let peer = peer.filter(|peer| peer.port() == target.port);
        let peer = peer.ok_or(Reason::Host)?;
        self.0.rules.check(target, peer.ip(), own_addresses)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

/// A request with headers and a body, so that callers need no client to make one.
pub fn request(method: Method, url: Url, headers: HeaderMap, body: impl Into<Body>) -> Request {
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    request
}
