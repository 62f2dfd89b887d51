//! Stored credentials. What is sealed is written and handed out as it is; nothing here can open it.

use agent_core::credential::{SealedCredential, SecretName, StoredCredential};
use agent_core::id::TenantId;
use agent_core::ports::credentials::{Credentials, Put};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;
use sqlx::{query_file, query_file_as};
use store_records::{CredentialRecord, SealedCredentialRecord, corrupt, hosts_column};

use super::Core;
use super::failure::Failure;
use crate::{Connection, Store};

#[async_trait]
impl Credentials for Store {
    async fn put_credential(
        &self,
        new: SealedCredential,
        per_tenant_max: u32,
    ) -> Result<Put, StoreError> {
        let core = &self.core;
        core.within(put(core, &new, per_tenant_max)).await
    }

    async fn list_credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<StoredCredential>, StoreError> {
        let core = &self.core;
        core.within(async {
            let rows = query_file_as!(
                CredentialRecord,
                "../queries/credential/list.sql",
                tenant.as_str()
            )
            .fetch_all(&mut *core.reader().await?)
            .await?;
            let all: Result<_, StoreError> = rows.into_iter().map(TryInto::try_into).collect();
            Ok(all?)
        })
        .await
    }

    async fn find_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let core = &self.core;
        core.within(async { find(&mut *core.reader().await?, tenant, name).await })
            .await
    }

    async fn find_sealed(
        &self,
        tenant: &TenantId,
        names: &[SecretName],
    ) -> Result<Vec<SealedCredential>, StoreError> {
        let core = &self.core;
        core.within(find_sealed(core, tenant, names)).await
    }

    async fn delete_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let deleted = query_file!(
                "../queries/credential/delete.sql",
                tenant.as_str(),
                name.as_str()
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            if deleted.rows_affected() == 1 {
                Ok(())
            } else {
                Err(StoreError::NotFound.into())
            }
        })
        .await
    }
}

async fn put(core: &Core, new: &SealedCredential, per_tenant_max: u32) -> Result<Put, Failure> {
    let (tenant, name) = (new.tenant.as_str(), new.name.as_str());
    let mut tx = core.writer().await?;
    let locked = query_file!("../queries/credential/lock.sql", tenant)
        .execute(&mut *tx)
        .await?;
    if locked.rows_affected() == 0 {
        tx.rollback().await?;
        return Err(StoreError::NotFound.into());
    }
    // Counted and not read: a damaged one is there to be replaced.
    let there = query_file!("../queries/credential/count.sql", tenant, name)
        .fetch_one(&mut *tx)
        .await?;
    if there.same == 0 && there.others >= i64::from(per_tenant_max) {
        tx.rollback().await?;
        return Ok(Put::Full);
    }
    query_file!(
        "../queries/credential/put.sql",
        tenant,
        name,
        hosts_column(&new.terms.hosts),
        new.terms.header.as_str(),
        new.terms.format.as_str(),
        new.sealed.0.as_slice()
    )
    .execute(&mut *tx)
    .await?;
    let stored = find(&mut tx, &new.tenant, &new.name).await?;
    let stored = stored.ok_or_else(|| corrupt("credential", "name", name))?;
    tx.commit().await?;
    Ok(if there.same == 0 {
        Put::Created(stored)
    } else {
        Put::Replaced(stored)
    })
}

async fn find(
    connection: &mut Connection,
    tenant: &TenantId,
    name: &SecretName,
) -> Result<Option<StoredCredential>, Failure> {
    let row = query_file_as!(
        CredentialRecord,
        "../queries/credential/find.sql",
        tenant.as_str(),
        name.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(StoredCredential::try_from).transpose()?)
}

/// A task is granted a few, so one statement for each is as good as two texts that read a list.
async fn find_sealed(
    core: &Core,
    tenant: &TenantId,
    names: &[SecretName],
) -> Result<Vec<SealedCredential>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::with_capacity(names.len());
    let mut tx = core.snapshot().await?;
    for name in names {
        let row = query_file_as!(
            SealedCredentialRecord,
            "../queries/credential/find_sealed.sql",
            tenant.as_str(),
            name.as_str()
        )
        .fetch_optional(&mut *tx)
        .await?;
        found.extend(row.map(SealedCredential::try_from).transpose()?);
    }
    tx.rollback().await?;
    Ok(found)
}
