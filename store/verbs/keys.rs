//! Tenants and API keys. Only hashes of keys are stored.

use agent_core::id::{KeyId, TenantId};
use agent_core::key::ApiKey;
use agent_core::ports::store::{Keys, NewKey, StoreError};
use async_trait::async_trait;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{KeyRecord, parsed};

use crate::Store;

#[async_trait]
impl Keys for Store {
    async fn ensure_tenant(&self, id: &TenantId, name: &str) -> Result<TenantId, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            query_file!("../queries/key/insert_tenant.sql", id.as_str(), name)
                .execute(&mut *tx)
                .await?;
            let found = query_file_scalar!("../queries/key/find_tenant.sql", name)
                .fetch_one(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(parsed(&found, "tenant", "id", name)?)
        })
        .await
    }

    async fn create_key(&self, key: NewKey) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            query_file!(
                "../queries/key/insert.sql",
                key.id.as_str(),
                key.tenant.as_str(),
                key.name.as_str(),
                key.shown.as_str(),
                key.hash.as_str()
            )
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let core = &self.core;
        core.within(async {
            let rows = query_file_as!(KeyRecord, "../queries/key/list.sql", tenant.as_str())
                .fetch_all(&mut *core.reader().await?)
                .await?;
            let keys: Result<Vec<ApiKey>, StoreError> =
                rows.into_iter().map(ApiKey::try_from).collect();
            Ok(keys?)
        })
        .await
    }

    async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let revoked = query_file!("../queries/key/revoke.sql", tenant.as_str(), key.as_str())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            if revoked.rows_affected() == 1 {
                Ok(())
            } else {
                Err(StoreError::NotFound.into())
            }
        })
        .await
    }

    async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let core = &self.core;
        core.within(async {
            let row = query_file_as!(KeyRecord, "../queries/key/find.sql", hash)
                .fetch_optional(&mut *core.reader().await?)
                .await?;
            Ok(row.map(ApiKey::try_from).transpose()?)
        })
        .await
    }
}
