//! Retry delays: exponential with full jitter, so that callers who failed together do not return together.

/// A delay in `[0, min(cap, base * 2^attempt))`, in milliseconds; `unit` is a random number in `[0, 1)`.
pub fn full_jitter_ms(base_ms: u64, cap_ms: u64, attempt: u32, unit: f64) -> u64 {
    let ceiling = base_ms
        .saturating_mul(2_u64.saturating_pow(attempt))
        .min(cap_ms);
    scale(ceiling, unit)
}

/// When to ask again whoever said after how long: never earlier, and by full jitter later, since others were told the same.
/// Without such a word it is full jitter alone, at least `floor_ms`, so that nobody is asked again in the same moment.
pub fn after_ms(asked_ms: Option<u64>, floor_ms: u64, jitter_ms: u64) -> u64 {
    asked_ms.map_or_else(
        || jitter_ms.max(floor_ms),
        |asked_ms| asked_ms.saturating_add(jitter_ms),
    )
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a jittered delay needs no exactness, and the product lies between 0 and the ceiling"
)]
fn scale(ceiling: u64, unit: f64) -> u64 {
    (ceiling as f64 * unit.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_stay_below_it() {
        assert_eq!(full_jitter_ms(500, 60_000, 0, 0.5), 250);
        assert_eq!(full_jitter_ms(500, 60_000, 3, 0.5), 2000);
        assert_eq!(full_jitter_ms(500, 60_000, 63, 1.0), 60_000);
    }

    #[test]
    fn delays_are_spread_over_all_that_is_below_the_ceiling() {
        assert_eq!(full_jitter_ms(500, 60_000, 3, 0.0), 0);
        assert_eq!(full_jitter_ms(500, 60_000, 3, 0.999_9), 3_999);
    }

    #[test]
    fn nobody_is_asked_earlier_than_they_said_nor_at_the_same_moment() {
        assert_eq!(after_ms(Some(30_000), 1_000, 0), 30_000);
        assert_eq!(after_ms(Some(30_000), 1_000, 4_000), 34_000);
        assert_eq!(after_ms(None, 1_000, 4_000), 4_000);
        assert_eq!(after_ms(None, 1_000, 3), 1_000);
        assert_eq!(after_ms(Some(u64::MAX), 0, 4_000), u64::MAX);
    }
}
