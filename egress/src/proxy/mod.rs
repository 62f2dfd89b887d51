//! A filtering forward proxy: the only way out for programs that are not ours, such as a sandboxed shell.
//!
//! It takes plain `http://` requests and CONNECT, and judges their destinations as the [`Guard`] judges our own: one
//! reading of the host, one lookup, every answer checked, and connections to nothing else. The caller owns listening, and
//! gives each run a proxy and a way to it of its own, so that whoever comes through it is known without a password.

mod allowance;
mod answer;
mod asked;
mod body;
mod client;
mod client_hello;
mod forward;
mod head;
mod hop;
mod injection;
mod limits;
mod meter;
mod observer;
mod stop;
mod tunnel;

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::allowance::{Allowance, AllowanceLimits, Connection, Exhausted};
use self::asked::Asked;
use self::body::Framing;
use self::client::Client;
use self::forward::Forward;
pub use self::injection::Injection;
pub use self::limits::Limits;
use self::meter::{Meter, Totals};
use self::observer::Record;
pub use self::observer::{Decision, Destination, Observer, Outcome};
use self::stop::{Listed, Stop};
use crate::guard::Guard;
use crate::hosts::Hosts;
use crate::target::Target;

/// Which hosts may be reached. In both modes the guard's own rules hold: addresses have to be public, or permitted by the
/// operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Those on a list, at 80, 443 and the ports that the list names. What the operator permits has to be on the list
    /// too.
    AllowList(Hosts),
    /// Every public host at 80 and 443, and what the operator permits.
    Open,
}

/// A proxy for one run. Clones share its limits.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>, Option<Arc<Allowance>>);

struct Inner {
    guard: Guard,
    mode: Mode,
    limits: Limits,
    injections: Vec<Injection>,
    totals: Totals,
}

impl Guard {
    /// A proxy with this guard's rules. `injections` are secrets for plain requests; where two set the same header for a
    /// host, the later one counts.
    pub fn proxy(&self, mode: Mode, limits: Limits, injections: Vec<Injection>) -> Proxy {
        let guard = match &mode {
            Mode::AllowList(hosts) => self.with_ports_of(hosts),
            Mode::Open => self.clone(),
        };
        let inner = Arc::new(Inner {
            guard,
            mode,
            limits,
            injections,
            totals: Totals::default(),
        });
        Proxy(inner, None)
    }
}

impl Proxy {
    /// Held to what it may use together with others, beside its own limits.
    #[must_use]
    pub fn within(self, allowance: Arc<Allowance>) -> Self {
        Self(self.0, Some(allowance))
    }

    /// Serves one connection of a client to its end. A connection is for one request; after its answer it is closed.
    /// Dropping the future closes both sides, and is observed.
    ///
    /// Less than a megabyte is held for a connection, whatever its two sides send: a head of at most 16 KiB, buffers of
    /// 16 KiB for each direction, and what the HTTP client reads ahead.
    pub async fn serve<S>(&self, mut stream: S, observer: &dyn Observer)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let shared = self.1.as_ref().map(Allowance::enter).transpose();
        let mut meter = Meter::new(&self.0.limits, &self.0.totals);
        if let Ok(shared) = &shared {
            meter.shared = shared.as_ref();
        }
        let mut record = Record::new(observer, &meter);
        let place = self.0.totals.enter(self.0.limits.connections_max);
        let mut client = Client::new(&mut stream, &meter);
        let result = match (&place, &shared) {
            (Ok(_), Ok(_)) => tokio::select! {
                biased;
                result = self.converse(&mut client, &mut record) => result,
                stop = meter.watch() => Err(stop),
            },
            (Err(max), _) => Err(Stop::Connections(*max)),
            (Ok(_), Err(exhausted)) => {
                Err(self.told_where(&mut client, &mut record, exhausted).await)
            }
        };
        if result.as_ref().is_err_and(Stop::is_refusal) {
            meter.nothing_went_up();
        }
        let is_answered = client.is_answered;
        record.end(&result);
        // What follows is for the client's eyes only.
        drop(record);
        if let (Err(stop), false) = (&result, is_answered) {
            answer::answer(&mut stream, stop).await;
        }
    }

    /// Reads where the client wants to go, so that the record of the refusal says so.
    async fn told_where<S>(
        &self,
        client: &mut Client<'_, S>,
        record: &mut Record<'_>,
        exhausted: &Exhausted,
    ) -> Stop
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let head = match client.head().await {
            Ok((head, _)) => head,
            Err(stop) => return stop,
        };
        head.method.as_str().clone_into(&mut record.method);
        match Asked::of(&head) {
            Ok(Asked::Tunnel(target) | Asked::Forward(_, target)) => record.target = Some(target),
            Err(stop) => return stop,
        }
        Stop::NoShare(exhausted.clone())
    }

    async fn converse<S>(
        &self,
        client: &mut Client<'_, S>,
        record: &mut Record<'_>,
    ) -> Result<(), Stop>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let (head, head_bytes) = client.head().await?;
        head.method.as_str().clone_into(&mut record.method);
        let guard = &self.0.guard;
        match Asked::of(&head)? {
            Asked::Tunnel(target) => {
                record.target = Some(target.clone());
                self.admit(&target)?;
                tunnel::tunnel(guard, &target, client).await
            }
            Asked::Forward(mut url, target) => {
                let injections = &self.0.injections;
                let target = injection::upgrade(injections, target, &mut url);
                record.target = Some(target.clone());
                self.admit(&target)?;
                // Headers carry data out too.
                client.meter.up(head_bytes)?;
                let has_body = head.framing != Framing::None;
                let request = Forward { head, url, target };
                forward::forward(guard, injections, request, client).await?;
                if has_body {
                    // It may still be sending to a destination that has answered already.
                    answer::drain(client.stream).await;
                }
                Ok(())
            }
        }
    }

    fn admit(&self, target: &Target) -> Result<(), Stop> {
        match &self.0.mode {
            Mode::AllowList(hosts) if !hosts.admits_named(&target.host, target.port) => {
                Err(Stop::NotListed(stop::name(target), Listed::of(hosts)))
            }
            Mode::AllowList(_) | Mode::Open => Ok(()),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("mode", &self.0.mode)
            .field("limits", &self.0.limits)
            .field("injections", &self.0.injections)
            .finish_non_exhaustive()
    }
}
