//! Stored credentials: a named value, sealed, with the hosts that it is for and the header that it goes into.
//!
//! A value is never shown again once it is stored. It is sealed together with its terms, so that a host or a header that somebody
//! writes into the row does not open it.

mod header;
mod host;
mod name;

use std::fmt;

use crate::hidden::hide;
use crate::id::TenantId;
use crate::ports::sealer::{Sealer, UnsealError};
use crate::secret::{Sealed, Secret};

pub use header::{HeaderFormat, HeaderName, InvalidFormat, InvalidHeader};
pub use host::{HostPattern, InvalidHost};
pub use name::{InvalidName, SecretName};

/// Most secrets of one tenant.
pub const PER_TENANT_MAX: u32 = 100;
/// Most hosts of one secret.
pub const HOSTS_MAX: usize = 32;
/// Shortest value that is taken out of answers, in bytes.
const HIDDEN_BYTES_MIN: usize = 8;
/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;

/// On what terms a value is sent: to whom, in which header, and how it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The hosts that may see it; at least one.
    pub hosts: Vec<HostPattern>,
    /// The header that carries it.
    pub header: HeaderName,
    /// What the header says.
    pub format: HeaderFormat,
}

/// A credential without its value: all that is ever shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// Its name, unique within the tenant.
    pub name: SecretName,
    /// Its terms.
    pub terms: Terms,
    /// When a credential of this name was first stored, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was last replaced.
    pub updated_at_ms: i64,
}

/// A credential to be stored, or as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCredential {
    /// Owner.
    pub tenant: TenantId,
    /// Its name, unique within the tenant.
    pub name: SecretName,
    /// Its terms.
    pub terms: Terms,
    /// Its value, sealed.
    pub sealed: Sealed,
}

impl SealedCredential {
    /// Seals a value that [`check_value`] took.
    pub fn seal(
        (tenant, name): (TenantId, SecretName),
        terms: Terms,
        value: &Secret,
        sealer: &dyn Sealer,
    ) -> Self {
        let bound_to = bound_to(&tenant, &name, &terms);
        Self {
            tenant,
            name,
            terms,
            sealed: sealer.seal(value, &bound_to),
        }
    }

    /// Opens it, ready to be sent.
    ///
    /// # Errors
    /// When it was sealed with another key, for another tenant, name or terms, or is damaged.
    pub fn open(&self, sealer: &dyn Sealer) -> Result<Credential, UnsealError> {
        let bound_to = bound_to(&self.tenant, &self.name, &self.terms);
        let value = sealer.unseal(&self.sealed, &bound_to)?;
        Ok(Credential {
            name: self.name.clone(),
            hosts: self.terms.hosts.clone(),
            header: self.terms.header.clone(),
            value: self.terms.format.fill(&value),
            secret: value,
        })
    }
}

/// What a value is sealed with: its place and its terms, in a form that no two different ones share.
fn bound_to(tenant: &TenantId, name: &SecretName, terms: &Terms) -> String {
    let (header, format) = (terms.header.as_str(), terms.format.as_str());
    serde_json::json!(["secret", tenant, name, terms.hosts, header, format]).to_string()
}

/// An opened credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its name.
    pub name: SecretName,
    /// The hosts that may see it.
    pub hosts: Vec<HostPattern>,
    /// The header that carries it.
    pub header: HeaderName,
    /// What the header says, the secret in it.
    pub value: Secret,
    /// The secret alone.
    pub secret: Secret,
}

impl Credential {
    /// Whether it may be sent to this host and port. The host is spelled as in a URL: lower case, IPv6 in brackets.
    pub fn is_for(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| pattern.covers(host, port))
    }

    /// A text without the secret: a host can repeat what it was sent. One that is too short to be told from other words stays.
    pub fn hidden_in(&self, text: String) -> String {
        let secret = self.secret.expose();
        if secret.len() < HIDDEN_BYTES_MIN {
            return text;
        }
        hide(text, secret, &format!("[the secret {}]", self.name))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .field("hosts", &self.hosts)
            .field("header", &self.header)
            .field("value", &self.value)
            .field("secret", &self.secret)
            .finish()
    }
}

/// Why a text cannot be a secret's value. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// There is nothing.
    #[error("must not be empty")]
    Empty,
    /// It is above the limit.
    #[error("has {bytes} bytes; at most {VALUE_BYTES_MAX} are allowed")]
    TooLong {
        /// How many bytes there are.
        bytes: usize,
    },
    /// No header can carry it.
    #[error("must not contain line breaks or other control characters")]
    Control,
    /// Receivers take that away, so it was hardly meant.
    #[error("must not begin or end with white space")]
    Space,
}

/// Whether a text can be a secret's value.
///
/// # Errors
/// What is wrong with it.
pub fn check_value(value: &Secret) -> Result<(), InvalidValue> {
    let text = value.expose();
    let bytes = text.len();
    if text.is_empty() {
        Err(InvalidValue::Empty)
    } else if bytes > VALUE_BYTES_MAX {
        Err(InvalidValue::TooLong { bytes })
    } else if text.contains(char::is_control) {
        Err(InvalidValue::Control)
    } else if text.trim().len() < bytes {
        Err(InvalidValue::Space)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
