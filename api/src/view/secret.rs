//! Stored secrets as callers see them: everything but the value, which nothing gives back.

use agent_core::credential::{HostPattern, StoredCredential};
use agent_core::delivery::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stored secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Its name; a task is granted it by this.
    #[schema(example = "github")]
    pub name: String,
    /// The hosts that may see it.
    #[schema(example = json!(["api.github.com"]))]
    pub hosts: Vec<String>,
    /// The header that carries it.
    #[schema(example = "Authorization")]
    pub header: String,
    /// What the header says; `{secret}` stands for the value.
    #[schema(example = "Bearer {secret}")]
    pub format: String,
    /// When a secret of this name was first stored, as RFC 3339.
    pub created_at: String,
    /// The same in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was last replaced, as RFC 3339.
    pub updated_at: String,
    /// The same in milliseconds since the epoch.
    pub updated_at_ms: i64,
}

impl From<StoredCredential> for SecretView {
    fn from(stored: StoredCredential) -> Self {
        let terms = stored.terms;
        Self {
            name: stored.name.into(),
            hosts: terms.hosts.iter().map(HostPattern::to_string).collect(),
            header: terms.header.to_string(),
            format: terms.format.to_string(),
            created_at: rfc3339(stored.created_at_ms),
            created_at_ms: stored.created_at_ms,
            updated_at: rfc3339(stored.updated_at_ms),
            updated_at_ms: stored.updated_at_ms,
        }
    }
}
