//! The sealer: XChaCha20-Poly1305 under the key of the key file.
//!
//! A sealed value is one version byte, 24 random bytes of nonce, and the ciphertext with its tag. The row that
//! it belongs to is associated data. The nonce is long enough to be drawn at random without a counter, so that
//! nothing need be remembered across a crash.

use std::fmt;

use agent_core::ports::sealer::{Sealer, UnsealError};
use agent_core::secret::{Sealed, Secret};
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::key_file::KeyFile;

/// The form of sealed values that this code writes.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals with the key of a key file.
#[derive(Clone)]
pub struct XChaChaSealer {
    cipher: XChaCha20Poly1305,
}

impl XChaChaSealer {
    /// A sealer with this key.
    pub fn new(key_file: &KeyFile) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(key_file.key()),
        }
    }
}

impl fmt::Debug for XChaChaSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("XChaChaSealer(***)")
    }
}

impl Sealer for XChaChaSealer {
    #[expect(clippy::expect_used, reason = "only texts above 256 GiB are refused")]
    fn seal(&self, secret: &Secret, bound_to: &str) -> Sealed {
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: bound_to.as_bytes(),
        };
        let ciphertext = self
            .cipher
            .encrypt(&nonce, payload)
            .expect("a secret is far shorter than the cipher's limit");
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Sealed(sealed)
    }

    fn unseal(&self, sealed: &Sealed, bound_to: &str) -> Result<Secret, UnsealError> {
        let (version, rest) = sealed.0.split_first().ok_or(UnsealError)?;
        if *version != VERSION {
            return Err(UnsealError);
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(UnsealError)?;
        let payload = Payload {
            msg: ciphertext,
            aad: bound_to.as_bytes(),
        };
        let text = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        let text = text.map_err(|_| UnsealError)?;
        String::from_utf8(text)
            .map(Secret::new)
            .map_err(|_| UnsealError)
    }
}
