//! A plain connection to a checked destination, for the proxy's tunnels.
//!
//! As with the HTTP client, the name is looked up once, every answer is checked, and only those very addresses are
//! connected to.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{LookupError, Reason};
use crate::guard::Guard;
use crate::permit::Named;
use crate::resolver::check_answers;
use crate::target::Target;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The destination is not allowed.
    Refused(Reason),
    /// The name leads nowhere.
    Unresolved,
    /// No address could be connected to; the kind of error is the last one's.
    Unreachable(io::ErrorKind),
    /// Resolving and connecting took too long.
    Timeout,
}

impl Guard {
    /// Connects to a destination, within the time that connecting may take in all.
    pub(crate) async fn dial(&self, target: &Target) -> Result<TcpStream, DialError> {
        let connect_timeout = Duration::from_millis(self.options().connect_timeout_ms);
        let deadline = Instant::now() + connect_timeout;
        let addresses = timeout_at(deadline, self.addresses(target)).await;
        let addresses = addresses.map_err(|_| DialError::Timeout)??;
        connect(&addresses, deadline).await
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, DialError> {
        // Before the name is looked up: what is refused anyway tells no server of names anything.
        self.check_target(target).map_err(DialError::Refused)?;
        match &target.host {
            Named::Address(ip) => Ok(vec![SocketAddr::new(*ip, target.port)]),
            Named::Name(name) => {
                let lookup = self.resolver().resolve(name.clone());
                let answers = check_answers(lookup, self.rules(), target).await;
                answers.map_err(|error| match error {
                    LookupError::Refused(reason) => DialError::Refused(reason),
                    LookupError::Unresolved(_) => DialError::Unresolved,
                })
            }
        }
    }
}

/// Tries addresses in their order. Each gets its share of the time that is left, so that one that never answers leaves
/// some to the next.
async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, DialError> {
    let mut last = DialError::Timeout;
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Whoever tunnels through us decides when to send.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = DialError::Unreachable(error.kind()),
            Err(_) => last = DialError::Timeout,
        }
    }
    Err(last)
}
