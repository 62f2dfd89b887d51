//! Sealing of secrets for storage, with a key that is not in the database.

use crate::secret::{Sealed, Secret};

/// The sealed bytes cannot be opened: another key, other associated data, or damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not unseal a stored secret; was the key file replaced?")]
pub struct UnsealError;

/// Seals and opens secrets. `bound_to` names the row, so that a sealed value moved to another row does not open.
pub trait Sealer: Send + Sync {
    /// Seals a secret.
    fn seal(&self, secret: &Secret, bound_to: &str) -> Sealed;
    /// Opens what [`Sealer::seal`] made.
    fn unseal(&self, sealed: &Sealed, bound_to: &str) -> Result<Secret, UnsealError>;
}
