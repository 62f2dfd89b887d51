//! The store's time: a source, an offset that tests move, and a floor that keeps it from going back.
//!
//! It reads no clock of the machine; whoever makes the store passes one in, or moves time by hand.

use std::sync::atomic::{AtomicI64, Ordering};

/// Where a clock that is moved by hand begins.
const MANUAL_START_MS: i64 = 1_700_000_000_000;

pub(crate) struct Clock {
    source: Box<dyn Fn() -> i64 + Send + Sync>,
    offset_ms: AtomicI64,
    floor_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn manual() -> Self {
        Self::following(|| MANUAL_START_MS)
    }

    pub(crate) fn following(source: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            source: Box::new(source),
            offset_ms: AtomicI64::new(0),
            floor_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub(crate) fn shift(&self, ms: i64) {
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let read = (self.source)().saturating_add(self.offset_ms.load(Ordering::SeqCst));
        self.floor_ms.fetch_max(read, Ordering::SeqCst).max(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn time_stands_still_until_it_is_moved() {
        let clock = Clock::manual();
        let before = clock.now_ms();
        assert_eq!(clock.now_ms(), before);
        clock.shift(1500);
        assert_eq!(clock.now_ms(), before + 1500);
    }

    #[test]
    fn a_source_that_steps_back_does_not_take_time_back() {
        let source = Arc::new(AtomicI64::new(1000));
        let read = source.clone();
        let clock = Clock::following(move || read.load(Ordering::SeqCst));
        assert_eq!(clock.now_ms(), 1000);
        source.store(400, Ordering::SeqCst);
        assert_eq!(clock.now_ms(), 1000);
        source.store(1001, Ordering::SeqCst);
        assert_eq!(clock.now_ms(), 1001);
    }
}
