//! Removing finished tasks, and dooming blobs that nothing names. Bounded transactions, in the order in which commits lock:
//! tasks first.

use agent_core::ports::housekeeping::{
    Chore, ChoreLease, Housekeeping, IDEMPOTENCY_KEPT_MS, OwnedHash,
};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{ChoreRecord, OwnedRecord, parsed};

use super::failure::Failure;
use super::span_ms;
use crate::{Connection, Store};

#[async_trait]
impl Housekeeping for Store {
    async fn take_chore(
        &self,
        which: Chore,
        lease_ms: u64,
    ) -> Result<Option<ChoreLease>, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let name = which.label();
            let row = query_file_as!(
                ChoreRecord,
                "../queries/chore/take.sql",
                name,
                span_ms(lease_ms)
            );
            let row = row.fetch_optional(&mut *tx).await?;
            tx.commit().await?;
            Ok(row.map(|row| ChoreLease {
                chore: which,
                fence: row.fence,
                cursor: row.cursor,
            }))
        })
        .await
    }

    async fn keep_chore(&self, held: &ChoreLease, lease_ms: u64) -> Result<bool, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let kept = query_file!(
                "../queries/chore/keep.sql",
                held.chore.label(),
                held.fence,
                held.cursor.as_deref(),
                span_ms(lease_ms)
            );
            let kept = kept.execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(kept.rows_affected() == 1)
        })
        .await
    }

    async fn end_chore(&self, held: &ChoreLease, next_in_ms: u64) -> Result<bool, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let ended = query_file!(
                "../queries/chore/finish.sql",
                held.chore.label(),
                held.fence,
                span_ms(next_in_ms)
            );
            let ended = ended.execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(ended.rows_affected() == 1)
        })
        .await
    }

    async fn retire(&self, retention_ms: u64, at_most: u32) -> Result<u64, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let picked = query_file_as!(
                OwnedRecord,
                "queries/retire/pick.sql",
                span_ms(retention_ms),
                span_ms(IDEMPOTENCY_KEPT_MS),
                i64::from(at_most)
            )
            .fetch_all(&mut *tx)
            .await?;
            for task in &picked {
                retire(&mut tx, &task.tenant_id, &task.name).await?;
            }
            tx.commit().await?;
            Ok(picked.len() as u64)
        })
        .await
    }

    async fn purge(&self, rows_max: u32) -> Result<u64, StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let mut removed = 0;
            while removed < u64::from(rows_max) {
                let next = query_file_as!(OwnedRecord, "../queries/retire/leftover.sql");
                let Some(task) = next.fetch_optional(&mut *tx).await? else {
                    break;
                };
                let left = i64::from(rows_max) - i64::try_from(removed).unwrap_or(i64::MAX);
                removed += purge(&mut tx, &task, left).await?;
            }
            tx.commit().await?;
            Ok(removed)
        })
        .await
    }

    async fn doom(&self, blobs: &[OwnedHash]) -> Result<Vec<OwnedHash>, StoreError> {
        let core = &self.core;
        core.within(async {
            let unnamed = unnamed(&mut *core.reader().await?, blobs).await?;
            if unnamed.is_empty() {
                return Ok(Vec::new());
            }
            let mut tx = core.writer().await?;
            let mut doomed = Vec::new();
            for blob in unnamed {
                let (tenant, hash) = (blob.0.as_str(), blob.1.as_str());
                let done = query_file!("../queries/sweep/doom.sql", tenant, hash);
                if done.execute(&mut *tx).await?.rows_affected() == 1 {
                    doomed.push(blob);
                }
            }
            tx.commit().await?;
            Ok(doomed)
        })
        .await
    }

    async fn doomed_before(&self, age_ms: u64, at_most: u32) -> Result<Vec<OwnedHash>, StoreError> {
        let core = &self.core;
        core.within(async {
            let found = query_file_as!(
                OwnedRecord,
                "../queries/sweep/doomed.sql",
                span_ms(age_ms),
                i64::from(at_most)
            );
            let rows = found.fetch_all(&mut *core.reader().await?).await?;
            let blobs: Result<Vec<OwnedHash>, StoreError> = rows.iter().map(owned).collect();
            Ok(blobs?)
        })
        .await
    }

    async fn swept(&self, blobs: &[OwnedHash]) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            for (tenant, hash) in blobs {
                query_file!("../queries/sweep/swept.sql", tenant.as_str(), hash.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }
}

pub(crate) fn owned(row: &OwnedRecord) -> Result<OwnedHash, StoreError> {
    let tenant = parsed(&row.tenant_id, "blob_doomed", "tenant_id", &row.name)?;
    Ok((
        tenant,
        parsed(&row.name, "blob_doomed", "hash", &row.tenant_id)?,
    ))
}

/// Removes a task and what refers to it, each after what refers to that. Its log is left over.
async fn retire(connection: &mut Connection, tenant: &str, task: &str) -> Result<(), sqlx::Error> {
    query_file!("../queries/retire/leave.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/dead.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/deliveries.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/webhooks.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/artifacts.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/steps.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/key.sql", tenant, task)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/retire/task.sql", tenant, task)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes some of what is left over of a task. Says how many rows, its own included when it was the last.
async fn purge(
    connection: &mut Connection,
    task: &OwnedRecord,
    rows_max: i64,
) -> Result<u64, sqlx::Error> {
    let (tenant, id) = (task.tenant_id.as_str(), task.name.as_str());
    let events = query_file!("../queries/retire/events.sql", tenant, id, rows_max)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let calls = query_file!("../queries/retire/calls.sql", tenant, id, rows_max)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let blobs = query_file!("../queries/retire/blobs.sql", tenant, id, rows_max)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let removed = events + calls + blobs;
    if removed > 0 {
        return Ok(removed);
    }
    let done = query_file!("../queries/retire/done.sql", tenant, id)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Those of these blobs that no task names. Most are named, so this reads before anything is locked.
async fn unnamed(
    connection: &mut Connection,
    blobs: &[OwnedHash],
) -> Result<Vec<OwnedHash>, Failure> {
    let mut unnamed = Vec::new();
    for blob in blobs {
        let (tenant, hash) = (blob.0.as_str(), blob.1.as_str());
        let named = query_file_scalar!("../queries/sweep/is_named.sql", tenant, hash)
            .fetch_one(&mut *connection)
            .await?;
        if named == 0 {
            unnamed.push(blob.clone());
        }
    }
    Ok(unnamed)
}
