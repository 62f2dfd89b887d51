//! What the database knows of the blob store and the sealing key that belong to it: one row.
//!
//! Of processes that start together the first to commit decides, and the others are told what it decided.

use agent_core::id::BlobStoreId;
use agent_core::installation::Installation;
use agent_core::ports::installation::{Installations, Keepsakes};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;
use sqlx::{query_file, query_file_as};
use store_records::{InstallationRecord, OwnedRecord, SealedRecord, corrupt};

use super::failure::Failure;
use super::housekeeping::owned;
use crate::{Connection, Store};

#[async_trait]
impl Installations for Store {
    async fn find_installation(&self) -> Result<Option<Installation>, StoreError> {
        let core = &self.core;
        core.within(async { find(&mut *core.reader().await?).await })
            .await
    }

    async fn ensure_installation(&self, new: &Installation) -> Result<Installation, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            query_file!(
                "../queries/installation/ensure.sql",
                new.id.as_str(),
                new.sealed.0.as_slice(),
                new.blob_store.as_ref().map(BlobStoreId::as_str)
            )
            .execute(&mut *tx)
            .await?;
            let stored = stored(&mut tx).await?;
            tx.commit().await?;
            Ok(stored)
        })
        .await
    }

    async fn settle_blob_store(&self, id: &BlobStoreId) -> Result<Installation, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            query_file!("../queries/installation/settle.sql", id.as_str())
                .execute(&mut *tx)
                .await?;
            let stored = stored(&mut tx).await?;
            tx.commit().await?;
            Ok(stored)
        })
        .await
    }

    async fn replace_installation(&self, new: &Installation) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            query_file!(
                "../queries/installation/replace.sql",
                new.id.as_str(),
                new.sealed.0.as_slice(),
                new.blob_store.as_ref().map(BlobStoreId::as_str)
            )
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn keepsakes(&self, blobs_max: u32) -> Result<Keepsakes, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut reader = core.reader().await?;
            let secret = query_file_as!(SealedRecord, "../queries/installation/secret.sql")
                .fetch_optional(&mut *reader)
                .await?;
            let rows = query_file_as!(
                OwnedRecord,
                "../queries/installation/blobs.sql",
                i64::from(blobs_max)
            )
            .fetch_all(&mut *reader)
            .await?;
            let blobs: Result<_, StoreError> = rows.iter().map(owned).collect();
            Ok(Keepsakes {
                secret: secret.map(TryInto::try_into).transpose()?,
                blobs: blobs?,
            })
        })
        .await
    }
}

async fn find(connection: &mut Connection) -> Result<Option<Installation>, Failure> {
    let row = query_file_as!(InstallationRecord, "../queries/installation/find.sql")
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Installation::try_from).transpose()?)
}

/// The row where there must be one.
async fn stored(connection: &mut Connection) -> Result<Installation, Failure> {
    let found = find(connection).await?;
    found.ok_or_else(|| corrupt("installation", "number", "1").into())
}
