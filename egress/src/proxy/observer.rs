//! What is told about each request: where it went, what was decided, how much it moved.

use std::fmt;

use super::meter::Meter;
use super::stop::Stop;
use crate::target::Target;

/// Is told of every request.
pub trait Observer: Send + Sync {
    /// A request is over. It is told once for each, at its end, whatever ends it, so that a record of a run is one line for each
    /// request and its counts are final. A client can make as many requests as it likes: who keeps these, bounds them.
    fn decided(&self, decision: &Decision);
}

/// One request through the proxy. No text in it holds more of a URL than host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Where it was meant to go; absent if that could not be understood.
    pub destination: Option<Destination>,
    /// The HTTP method, or `CONNECT`; empty if the request could not be read.
    pub method: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Bytes that went to the destination.
    pub bytes_up: u64,
    /// Bytes that came back from it.
    pub bytes_down: u64,
    /// From the client's connecting to the end, in milliseconds.
    pub took_ms: u64,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// A name in lower case, or an address, as in a URL.
    pub host: String,
    /// The port that was or would have been connected to.
    pub port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Destination {
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            host: target.host.to_string(),
            port: target.port,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was let through and went to its end.
    Allowed,
    /// It was not let through, with the reason. Nothing of it was sent to its destination.
    Refused(String),
    /// It was let through, but failed or was cut off, with the reason.
    Broken(String),
}

/// Makes the decision about one connection known when it is dropped, also where the caller gives the connection up.
pub(crate) struct Record<'a> {
    observer: &'a dyn Observer,
    meter: &'a Meter<'a>,
    pub(crate) target: Option<Target>,
    pub(crate) method: String,
    outcome: Option<Outcome>,
    is_silent: bool,
}

impl<'a> Record<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, meter: &'a Meter<'a>) -> Self {
        Self {
            observer,
            meter,
            target: None,
            method: String::new(),
            outcome: None,
            is_silent: false,
        }
    }

    pub(crate) fn end(&mut self, result: &Result<(), Stop>) {
        self.outcome = Some(match result {
            Ok(()) => Outcome::Allowed,
            Err(stop) if stop.is_refusal() => Outcome::Refused(stop.to_string()),
            Err(stop) => Outcome::Broken(stop.to_string()),
        });
        // Whoever only connected has not asked for anything.
        self.is_silent = matches!(result, Err(Stop::Nothing));
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if self.is_silent {
            return;
        }
        let given_up = || Outcome::Broken("the run ended first".to_owned());
        self.observer.decided(&Decision {
            destination: self.target.as_ref().map(Destination::of),
            method: std::mem::take(&mut self.method),
            outcome: self.outcome.take().unwrap_or_else(given_up),
            bytes_up: self.meter.bytes_up(),
            bytes_down: self.meter.bytes_down(),
            took_ms: self.meter.took_ms(),
        });
    }
}
