//! New webhook signing secrets, drawn from the injected source.

use agent_core::delivery::new_webhook_secret;
use agent_core::ports::entropy::Entropy;
use agent_core::secret::Secret;
use sha2::{Digest, Sha256};

/// Draws for one secret. Each gives at least 32 fresh bits, so these are twice what 256 bits need.
const DRAWS: usize = 16;

/// A new secret.
pub fn new(entropy: &dyn Entropy) -> Secret {
    let mut hasher = Sha256::new();
    for _ in 0..DRAWS {
        hasher.update(entropy.uuid_v7().as_bytes());
        hasher.update(entropy.unit().to_bits().to_be_bytes());
    }
    new_webhook_secret(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use agent_core::delivery::parse_webhook_secret;
    use agent_core::ports::entropy::Seeded;

    use super::*;

    #[test]
    fn two_new_secrets_are_well_formed_and_differ() {
        let entropy = Seeded::new(1);
        let (one, other) = (new(&entropy), new(&entropy));
        assert_eq!(parse_webhook_secret(one.expose()).map(|b| b.len()), Ok(32));
        assert_ne!(one.expose(), other.expose());
    }
}
