//! Rows of `credential`.

use agent_core::credential::{HostPattern, SealedCredential, StoredCredential, Terms};
use agent_core::ports::store::StoreError;
use agent_core::secret::Sealed;

use crate::read::{corrupt, parsed};

const TABLE: &str = "credential";

/// A row of `credential`, without what is sealed.
#[derive(Debug)]
pub struct CredentialRecord {
    pub name: String,
    pub hosts: String,
    pub header: String,
    pub format: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A row of `credential` with what is sealed.
#[derive(Debug)]
pub struct SealedCredentialRecord {
    pub tenant_id: String,
    pub name: String,
    pub hosts: String,
    pub header: String,
    pub format: String,
    pub sealed: Vec<u8>,
}

/// The hosts of a credential, as their column holds them.
pub fn hosts_column(hosts: &[HostPattern]) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    serde_json::Value::from(hosts).to_string()
}

fn terms(name: &str, (hosts, header, format): (&str, &str, &str)) -> Result<Terms, StoreError> {
    let bad_hosts = || corrupt(TABLE, "hosts", name);
    let hosts: Vec<HostPattern> = serde_json::from_str(hosts).map_err(|_| bad_hosts())?;
    if hosts.is_empty() {
        return Err(bad_hosts());
    }
    Ok(Terms {
        hosts,
        header: parsed(header, TABLE, "header", name)?,
        format: parsed(format, TABLE, "format", name)?,
    })
}

impl TryFrom<CredentialRecord> for StoredCredential {
    type Error = StoreError;

    fn try_from(row: CredentialRecord) -> Result<Self, StoreError> {
        Ok(Self {
            terms: terms(&row.name, (&row.hosts, &row.header, &row.format))?,
            name: parsed(&row.name, TABLE, "name", &row.name)?,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
        })
    }
}

impl TryFrom<SealedCredentialRecord> for SealedCredential {
    type Error = StoreError;

    fn try_from(row: SealedCredentialRecord) -> Result<Self, StoreError> {
        Ok(Self {
            terms: terms(&row.name, (&row.hosts, &row.header, &row.format))?,
            tenant: parsed(&row.tenant_id, TABLE, "tenant_id", &row.name)?,
            name: parsed(&row.name, TABLE, "name", &row.name)?,
            sealed: Sealed(row.sealed),
        })
    }
}
