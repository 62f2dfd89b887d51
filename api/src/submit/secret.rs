//! Webhook signing secrets in the form of Standard Webhooks: `whsec_` and base64.

use agent_core::ports::entropy::Entropy;
use agent_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const PREFIX: &str = "whsec_";
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;

/// What is wrong with a secret that a caller gave. Says nothing of its content.
pub fn check(secret: &Secret) -> Result<(), String> {
    let bytes = secret
        .expose()
        .strip_prefix(PREFIX)
        .and_then(|text| STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) if (BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) => Ok(()),
        Some(_) | None => Err(format!(
            "must be {PREFIX} and {BYTES_MIN} to {BYTES_MAX} bytes in base64"
        )),
    }
}

/// A new secret of 32 bytes. Each draw gives at least 32 fresh bits, so sixteen are more than enough.
pub fn new(entropy: &dyn Entropy) -> Secret {
    let mut hasher = Sha256::new();
    for _ in 0..16 {
        hasher.update(entropy.uuid_v7().as_bytes());
        hasher.update(entropy.unit().to_bits().to_be_bytes());
    }
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(hasher.finalize())))
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;

    use super::*;

    #[test]
    fn a_new_secret_passes_its_own_check_and_others_do_not() {
        assert_eq!(check(&new(&Seeded::new(1))), Ok(()));
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(check(&Secret::new(text)).is_err(), "{text}");
        }
    }
}
