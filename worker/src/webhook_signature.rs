//! Standard Webhooks signatures. (being written)
use agent_core::secret::Secret;
pub fn sign(_s: &Secret, _id: &str, _t: i64, _b: &str) -> Result<String, std::fmt::Error> {
    Err(std::fmt::Error)
}
