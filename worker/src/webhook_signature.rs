//! Signatures of webhook messages, as Standard Webhooks defines them.
//!
//! Pure: what is signed is the id, the time of the attempt and the exact bytes of the body, and nothing is sent
//! from here.

use agent_core::delivery::{InvalidWebhookSecret, parse_webhook_secret};
use agent_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The stored secret cannot sign. It was valid when it was accepted, so this means damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's signing secret is invalid")]
pub struct InvalidSecret(#[from] InvalidWebhookSecret);

/// The value of the `webhook-signature` header: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
pub fn sign(
    secret: &Secret,
    id: &str,
    timestamp_s: i64,
    body: &str,
) -> Result<String, InvalidSecret> {
    // A dot in the id would let one message be read as another.
    debug_assert!(!id.contains('.'), "message ids are made by us");
    let key = parse_webhook_secret(secret.expose())?;
    let mut mac = keyed(&key);
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{signature}"))
}

#[expect(clippy::expect_used, reason = "HMAC hashes keys that are too long")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use agent_core::delivery::new_webhook_secret;

    use super::*;

    #[test]
    fn the_published_example_of_standard_webhooks_is_signed_as_published() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = sign(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(
            signature.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn another_implementation_gives_the_same_signature() {
        // python3: base64.b64encode(hmac.new(bytes(range(32)),
        //     'dlv_1.1700000000.{"a":"\u00e9"}'.encode(), hashlib.sha256).digest())
        let secret = new_webhook_secret(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let signature = sign(&secret, "dlv_1", 1_700_000_000, "{\"a\":\"\u{e9}\"}");
        assert_eq!(
            signature.unwrap(),
            "v1,BZnbMNN3Jm4M9du4m7n18otxvCrqyQuyyjGsRCd/MQM="
        );
    }

    #[test]
    fn a_damaged_secret_signs_nothing_and_is_not_shown() {
        let error = sign(&Secret::new("whsec_c2hvcnQ="), "dlv_1", 0, "").unwrap_err();
        assert_eq!(
            error,
            InvalidSecret(InvalidWebhookSecret::Length { bytes: 5 })
        );
        assert_eq!(error.to_string(), "the webhook's signing secret is invalid");
    }
}
