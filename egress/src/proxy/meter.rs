//! What a connection has used, and the limits that end it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::allowance::Connection;
use super::limits::Limits;
use super::stop::Stop;

/// What all connections of one proxy have used.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    up: AtomicU64,
    down: AtomicU64,
    open: AtomicUsize,
}

impl Totals {
    /// A place for one more connection, given back when it is dropped; or how many are open.
    pub(crate) fn enter(&self, connections_max: usize) -> Result<Place<'_>, usize> {
        let place = Place(&self.open);
        let open_before = self.open.fetch_add(1, Ordering::Relaxed);
        if open_before < connections_max {
            Ok(place)
        } else {
            Err(connections_max)
        }
    }
}

/// A connection's place among those that may be open at the same time.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts what one connection uses.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    limits: &'a Limits,
    totals: &'a Totals,
    /// Its part of what others use too.
    pub(crate) shared: Option<&'a Connection>,
    started: Instant,
    /// Milliseconds after `started` at which the last byte moved.
    moved_ms: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(limits: &'a Limits, totals: &'a Totals) -> Self {
        Self {
            limits,
            totals,
            shared: None,
            started: Instant::now(),
            moved_ms: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        }
    }

    /// Counts bytes that are about to go to the destination; an error where they may not.
    pub(crate) fn up(&self, bytes: usize) -> Result<(), Stop> {
        let max = self.limits.bytes_up_max;
        self.count(bytes, max, &self.totals.up, &self.up)
            .ok_or(Stop::BytesUp(max))?;
        self.share(bytes)
    }

    /// Counts bytes that are about to go to the client; an error where they may not.
    pub(crate) fn down(&self, bytes: usize) -> Result<(), Stop> {
        let max = self.limits.bytes_down_max;
        self.count(bytes, max, &self.totals.down, &self.down)
            .ok_or(Stop::BytesDown(max))?;
        self.share(bytes)
    }

    fn share(&self, bytes: usize) -> Result<(), Stop> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let taken = self.shared.map_or(Ok(()), |shared| shared.take(bytes));
        taken.map_err(Stop::ShareUsedUp)
    }

    fn count(&self, bytes: usize, max: u64, total: &AtomicU64, own: &AtomicU64) -> Option<()> {
        self.touch();
        let bytes = u64::try_from(bytes).ok()?;
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        // Connections count at the same time, so looking and adding are one step.
        total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .ok()?;
        own.fetch_add(bytes, Ordering::Relaxed);
        Some(())
    }

    /// Gives back what was counted on its way to a destination that then turned out to be forbidden.
    pub(crate) fn nothing_went_up(&self) {
        let counted = self.up.swap(0, Ordering::Relaxed);
        self.totals.up.fetch_sub(counted, Ordering::Relaxed);
    }

    /// Notes that bytes moved.
    pub(crate) fn touch(&self) {
        self.moved_ms.store(self.took_ms(), Ordering::Relaxed);
    }

    /// Ends when the connection has to, by what time it is.
    pub(crate) async fn watch(&self) -> Stop {
        let last = self.started + Duration::from_millis(self.limits.total_ms);
        loop {
            let now = Instant::now();
            let moved_ms = self.moved_ms.load(Ordering::Relaxed);
            let idle = Duration::from_millis(moved_ms.saturating_add(self.limits.idle_ms));
            let idle = self.started + idle;
            if now >= last {
                return Stop::Total(self.limits.total_ms);
            }
            if now >= idle {
                return Stop::Idle(self.limits.idle_ms);
            }
            sleep_until(idle.min(last)).await;
        }
    }

    /// How long a client may take for a head.
    pub(crate) fn head_ms(&self) -> u64 {
        self.limits.head_ms
    }

    pub(crate) fn took_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn bytes_up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn bytes_are_counted_over_all_connections_and_never_beyond_the_limit() {
        let limits = Limits {
            bytes_up_max: 10,
            ..Limits::default()
        };
        let totals = Totals::default();
        let (first, second) = (Meter::new(&limits, &totals), Meter::new(&limits, &totals));
        first.up(6).unwrap();
        assert!(matches!(second.up(5), Err(Stop::BytesUp(10))));
        second.up(4).unwrap();
        assert!(first.up(1).is_err());
        assert_eq!((first.bytes_up(), second.bytes_up()), (6, 4));
        second.nothing_went_up();
        first.up(4).unwrap();
        assert_eq!((first.bytes_up(), second.bytes_up()), (10, 0));
        first.down(11).unwrap();
        assert_eq!((first.bytes_down(), second.bytes_down()), (11, 0));
    }

    #[test]
    fn a_place_is_given_back_also_by_who_got_none() {
        let totals = Totals::default();
        let first = totals.enter(1).unwrap();
        assert!(totals.enter(1).is_err());
        drop(first);
        let _second = totals.enter(1).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_moves_or_when_its_time_is_over() {
        let limits = Limits {
            idle_ms: 100,
            total_ms: 250,
            ..Limits::default()
        };
        let totals = Totals::default();
        let meter = Meter::new(&limits, &totals);
        assert!(matches!(meter.watch().await, Stop::Idle(100)));
        assert_eq!(meter.took_ms(), 100);
        meter.touch();
        assert!(matches!(meter.watch().await, Stop::Idle(100)));
        meter.touch();
        assert!(matches!(meter.watch().await, Stop::Total(250)));
        assert_eq!(meter.took_ms(), 250);
    }
}
