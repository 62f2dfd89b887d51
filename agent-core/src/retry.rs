//! Retry delays: exponential with full jitter, so that callers who failed together do not return together.

/// A delay in `[0, min(cap, base * 2^attempt))`, in milliseconds; `unit` is a random number in `[0, 1)`.
pub fn full_jitter_ms(base_ms: u64, cap_ms: u64, attempt: u32, unit: f64) -> u64 {
    let ceiling = base_ms
        .saturating_mul(2_u64.saturating_pow(attempt))
        .min(cap_ms);
    scale(ceiling, unit)
}

/// `nominal_ms` moved by up to a fifth either way.
pub fn around_ms(nominal_ms: u64, unit: f64) -> u64 {
    let fifth = nominal_ms / 5;
    nominal_ms - fifth + scale(fifth.saturating_mul(2), unit)
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
        assert_eq!(around_ms(1000, 0.0), 800);
        assert_eq!(around_ms(1000, 1.0), 1200);
    }
}
