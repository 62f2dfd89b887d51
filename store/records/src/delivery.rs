//! Rows of `delivery`, joined with their webhook.

use agent_core::delivery::Delivery;
use agent_core::ports::store::StoreError;
use agent_core::secret::Sealed;

use crate::read::{count, parsed};

/// A row of `delivery` with its webhook's target and sealed secret.
#[derive(Debug)]
pub struct DeliveryRecord {
    pub id: String,
    pub url: String,
    pub secret: Vec<u8>,
    pub webhook_id: String,
    pub kind: String,
    pub body: String,
    pub attempts: i64,
}

impl TryFrom<DeliveryRecord> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "delivery";
        Ok(Self {
            id: parsed(&row.id, TABLE, "id", &row.id)?,
            webhook: parsed(&row.webhook_id, TABLE, "webhook_id", &row.id)?,
            attempts: count(row.attempts, TABLE, "attempts", &row.id)?,
            url: row.url,
            secret: Sealed(row.secret),
            kind: row.kind,
            body: row.body,
        })
    }
}
