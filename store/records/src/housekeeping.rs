//! Rows of the work on the store itself.

/// A chore as it is taken.
#[derive(Debug, Clone)]
pub struct ChoreRecord {
    /// `fence`.
    pub fence: i64,
    /// `cursor`.
    pub cursor: Option<String>,
}

/// Something of a tenant's, by name.
#[derive(Debug, Clone)]
pub struct OwnedRecord {
    /// `tenant_id`.
    pub tenant_id: String,
    /// The task's id, or the blob's hash.
    pub name: String,
}
