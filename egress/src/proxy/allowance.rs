//! What several proxies, and requests beside them, may use together: connections at the same time, and bytes within an hour.
//!
//! It is kept in memory and begins anew with the process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Limits of an [`Allowance`]; 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllowanceLimits {
    /// Connections that may be open at the same time.
    pub connections_max: usize,
    /// Bytes that may be moved within an hour, those of both directions together.
    pub bytes_per_hour_max: u64,
}

impl Default for AllowanceLimits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            bytes_per_hour_max: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// Why nothing more may be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Of connections.
    #[error("{0} has {1} connections open at the same time already; wait until one has ended")]
    Connections(&'static str, usize),
    /// Of bytes.
    #[error("{0} has moved {1} bytes within an hour, which is as much as it may; try again later")]
    Bytes(&'static str, u64),
}

/// What may be used together.
#[derive(Debug)]
pub struct Allowance {
    whose: &'static str,
    limits: AllowanceLimits,
    open: AtomicUsize,
    moved: Mutex<Hour>,
}

impl Allowance {
    /// Whole. `whose` it is, is said where it is used up.
    pub fn new(whose: &'static str, limits: AllowanceLimits) -> Self {
        Self {
            whose,
            limits,
            open: AtomicUsize::new(0),
            moved: Mutex::new(Hour::new(Instant::now())),
        }
    }

    /// Opens a connection, if there is something left for it.
    pub fn enter(self: &Arc<Self>) -> Result<Connection, Exhausted> {
        let connection = Connection(Arc::clone(self));
        let open_before = self.open.fetch_add(1, Ordering::Relaxed);
        let most = self.limits.connections_max;
        if most > 0 && open_before >= most {
            return Err(Exhausted::Connections(self.whose, most));
        }
        let most = self.limits.bytes_per_hour_max;
        if most > 0 && self.hour().sum >= most {
            return Err(Exhausted::Bytes(self.whose, most));
        }
        Ok(connection)
    }

    /// Whether nothing of it is in use, so that forgetting it changes nothing.
    pub fn is_whole(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && self.hour().sum == 0
    }

    fn hour(&self) -> MutexGuard<'_, Hour> {
        let mut hour = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        hour.advance(Instant::now());
        hour
    }
}

/// An open connection's part of an allowance; its place is given back when it is dropped.
#[derive(Debug)]
pub struct Connection(Arc<Allowance>);

impl Connection {
    /// Counts bytes that are about to move; an error where they may not.
    pub fn take(&self, bytes: u64) -> Result<(), Exhausted> {
        let most = self.0.limits.bytes_per_hour_max;
        let mut hour = self.0.hour();
        if most > 0 && hour.sum.saturating_add(bytes) > most {
            // What is left is too little for whatever it was, and would stay so for others.
            let left = most.saturating_sub(hour.sum);
            hour.add(left);
            return Err(Exhausted::Bytes(self.0.whose, most));
        }
        hour.add(bytes);
        Ok(())
    }

    /// Counts bytes that have moved.
    pub fn note(&self, bytes: u64) {
        self.0.hour().add(bytes);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

const MINUTES: usize = 60;

/// The bytes of each of the last sixty minutes.
#[derive(Debug)]
struct Hour {
    started: Instant,
    /// The current minute, from the start.
    minute: u64,
    minutes: [u64; MINUTES],
    sum: u64,
}

impl Hour {
    fn new(started: Instant) -> Self {
        Self {
            started,
            minute: 0,
            minutes: [0; MINUTES],
            sum: 0,
        }
    }

    fn advance(&mut self, now: Instant) {
        let minute = (now - self.started).as_secs() / 60;
        let passed = usize::try_from(minute - self.minute).unwrap_or(usize::MAX);
        for _ in 0..passed.min(MINUTES) {
            self.minute += 1;
            let old = std::mem::take(self.current());
            self.sum = self.sum.saturating_sub(old);
        }
        self.minute = minute;
    }

    fn add(&mut self, bytes: u64) {
        let current = self.current();
        *current = current.saturating_add(bytes);
        self.sum = self.sum.saturating_add(bytes);
    }

    fn current(&mut self) -> &mut u64 {
        let at = usize::try_from(self.minute % 60).unwrap_or(0);
        &mut self.minutes[at]
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn allowance(connections_max: usize, bytes_per_hour_max: u64) -> Arc<Allowance> {
        let limits = AllowanceLimits {
            connections_max,
            bytes_per_hour_max,
        };
        Arc::new(Allowance::new("this tenant", limits))
    }

    #[test]
    fn a_place_is_given_back_also_by_who_got_none() {
        let allowance = allowance(1, 0);
        let first = allowance.enter().unwrap();
        let refused = allowance.enter().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this tenant has 1 connections open at the same time already; wait until one has ended"
        );
        drop(first);
        let _second = allowance.enter().unwrap();
        assert!(!allowance.is_whole());
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_count_for_an_hour() {
        let allowance = allowance(0, 100);
        let refused = Exhausted::Bytes("this tenant", 100);
        let connection = allowance.enter().unwrap();
        connection.take(60).unwrap();
        tokio::time::advance(Duration::from_mins(30)).await;
        connection.take(30).unwrap();
        assert_eq!(connection.take(11), Err(refused.clone()));
        drop(connection);
        assert_eq!(allowance.enter().unwrap_err(), refused);
        tokio::time::advance(Duration::from_mins(30)).await;
        let connection = allowance.enter().unwrap();
        connection.take(60).unwrap();
        connection.note(1);
        assert_eq!(allowance.enter().unwrap_err(), refused);
        drop(connection);
        tokio::time::advance(Duration::from_hours(2)).await;
        assert!(allowance.is_whole());
    }
}
