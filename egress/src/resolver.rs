//! Name lookup: the port to a resolver, and the adapter that lets only checked answers through.
//!
//! The HTTP client has no other way to learn an address, and it connects to nothing but what this adapter
//! returns; so a second answer, different from the one that was checked, can never be used.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve};

use crate::error::LookupError;
use crate::permit::Named;
use crate::rules::{Rules, own_addresses};
use crate::target::Target;

/// The future of a lookup.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of `host`, in the order in which they are to be tried.
    fn resolve(&self, host: String) -> Resolving;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: String) -> Resolving {
        Box::pin(async move {
            let answers = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(answers.map(|answer| answer.ip()).collect())
        })
    }
}

/// A resolver whose answers have all been checked for connections to one port.
///
/// The client tells a resolver the host only, and permits are for one port; therefore each port has its own
/// client with its own instance of this.
pub(crate) struct Checked {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) port: u16,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        let lookup = self.resolver.resolve(host.clone());
        let rules = Arc::clone(&self.rules);
        let target = Target {
            host: Named::Name(host),
            port: self.port,
        };
        Box::pin(async move {
            let addresses = check_answers(lookup, &rules, &target).await?;
            Ok::<Addrs, _>(Box::new(addresses.into_iter()))
        })
    }
}

/// Waits for a lookup and checks all that it found.
pub(crate) async fn check_answers(
    lookup: Resolving,
    rules: &Rules,
    target: &Target,
) -> Result<Vec<SocketAddr>, LookupError> {
    let answers = lookup.await.map_err(LookupError::Unresolved)?;
    if answers.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(LookupError::Unresolved(none));
    }
    for ip in &answers {
        // One bad answer among good ones is an attack or a mistake; either way the name is not trusted.
        if let Err(reason) = rules.check(target, *ip, own_addresses) {
            tracing::debug!(net.peer = %ip, "refused an address of the requested host: {reason}");
            return Err(LookupError::Refused(reason));
        }
    }
    let addresses = answers.into_iter();
    Ok(addresses
        .map(|ip| SocketAddr::new(ip, target.port))
        .collect())
}
