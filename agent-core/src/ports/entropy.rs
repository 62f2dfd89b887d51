//! Where ids and jitter come from, so that a simulation can repeat them.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A source of ids and randomness.
pub trait Entropy: Send + Sync {
    /// A new version 7 UUID; later ones sort after earlier ones.
    fn uuid_v7(&self) -> Uuid;
    /// A number in `[0, 1)`.
    fn unit(&self) -> f64;
}

/// A repeatable source for tests and simulations.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    count: AtomicU64,
}

impl Seeded {
    /// A source whose answers depend on the seed alone.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            count: AtomicU64::new(0),
        }
    }

    fn next(&self) -> (u64, u64) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // The finalizer of splitmix64: neighbouring counts give unrelated numbers.
        let mut mixed = self
            .seed
            .wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (count, mixed ^ (mixed >> 31))
    }
}

impl Entropy for Seeded {
    fn uuid_v7(&self) -> Uuid {
        let (count, mixed) = self.next();
        let mut tail = [0_u8; 10];
        tail[..8].copy_from_slice(&mixed.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000 + count, &tail).into_uuid()
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    fn unit(&self) -> f64 {
        (self.next().1 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
