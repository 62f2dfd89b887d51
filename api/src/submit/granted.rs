//! The secrets that a task is granted: by name, each once, and only those that its tenant has.

use std::collections::BTreeSet;

use agent_core::credential::SecretName;
use agent_core::id::TenantId;
use serde_json::Value;

use crate::app::App;
use crate::problem::Problem;
use crate::request::fields::Faults;

/// The names that the tenant has stored, if the body of a submit asks for any.
pub async fn known(
    app: &App,
    tenant: &TenantId,
    body: &Value,
) -> Result<BTreeSet<SecretName>, Problem> {
    let asked = body.get("secrets").and_then(Value::as_array);
    if asked.is_none_or(Vec::is_empty) {
        return Ok(BTreeSet::new());
    }
    let stored = app.parts.credentials.list_credentials(tenant).await?;
    Ok(stored.into_iter().map(|one| one.name).collect())
}

/// Checks the names that were asked for. The answer is of use only when no fault was noted.
pub fn check(
    asked: &[String],
    known: &BTreeSet<SecretName>,
    faults: &mut Faults,
) -> Vec<SecretName> {
    let mut granted: Vec<SecretName> = Vec::with_capacity(asked.len().min(known.len()));
    for (index, text) in asked.iter().enumerate() {
        let at = format!("/secrets/{index}");
        if faults.has(&at) {
            continue;
        }
        match text.parse::<SecretName>() {
            Ok(name) if granted.contains(&name) => faults.add(at, "is named twice"),
            Ok(name) if known.contains(&name) => granted.push(name),
            Ok(_) => faults.add(
                at,
                "there is no secret of this name; GET /v1/secrets lists yours",
            ),
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    granted
}
