//! The queue: lives of workers, claims, leases.
//!
//! A lease is a heartbeat that is fresh by the database's clock. Fences rise at claims only; a job that is taken back
//! keeps its fence and loses its holder, so a late write under the old fence is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use agent_core::id::{JobId, TenantId};
use agent_core::job::{Claim, Fence, Guard, Incarnation, WorkerName};
use agent_core::ports::store::{Jobs, Release, Room, StoreError};
use async_trait::async_trait;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{ClaimRecord, LookRecord, UnfreedRecord};
use tokio::sync::oneshot;

use super::append::stale;
use super::failure::Failure;
use super::group::{Done, Work, closed};
use super::{Core, queue, span_ms};
use crate::{Connection, Store, dialect};

#[async_trait]
impl Jobs for Store {
    async fn begin(&self, worker: &WorkerName) -> Result<Incarnation, StoreError> {
        let core = &self.core;
        let life = core.within(begin(core, worker)).await?;
        core.hints.jobs();
        Ok(life)
    }

    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let kept = query_file!(
                "../queries/worker/heartbeat.sql",
                who.worker.0.as_str(),
                who.epoch,
                span_ms(lease_ms)
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            if kept.rows_affected() == 1 {
                Ok(())
            } else {
                Err(lease_lost(who).into())
            }
        })
        .await
    }

    /// Claims on a task of its own. A caller that is dropped in the middle must not leave jobs held by a worker that
    /// does not know of them, so what nobody receives is given back.
    async fn claim(
        &self,
        who: &Incarnation,
        lease_ms: u64,
        room: &Room,
    ) -> Result<Vec<Claim>, StoreError> {
        let (give, receive) = oneshot::channel();
        let core = Arc::clone(&self.core);
        let (who, room) = (who.clone(), room.clone());
        self.core.running.spawn(async move {
            let claimed = core.within(claim(&core, &who, lease_ms, &room)).await;
            if let Err(Ok(unclaimed)) = give.send(claimed) {
                core.give_back(unclaimed).await;
            }
        });
        receive.await.map_err(|_| closed())?
    }

    fn weigh(&self, tenant: &TenantId, weight: u32) {
        queue::locked(&self.core.turns).weigh(tenant, weight);
    }

    async fn release(&self, guard: &Guard, how: Release) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            let held = queue::release(&mut tx, guard, how, &core.turns).await?;
            tx.commit().await?;
            if held {
                Ok(())
            } else {
                Err(stale(guard).into())
            }
        })
        .await?;
        core.hints.jobs();
        Ok(())
    }

    async fn reap(&self, lease_ms: u64) -> Result<u64, StoreError> {
        let core = &self.core;
        let freed = core.within(reap(core, lease_ms)).await?;
        if freed > 0 {
            core.hints.jobs();
        }
        Ok(freed)
    }

    async fn held(&self, who: &Incarnation) -> Result<Vec<Claim>, StoreError> {
        let core = &self.core;
        let (name, epoch) = (who.worker.0.as_str(), who.epoch);
        core.within(async {
            let mut reader = core.reader().await?;
            let rows = query_file_as!(ClaimRecord, "../queries/job/held_by.sql", name, epoch)
                .fetch_all(&mut *reader)
                .await?;
            let claims: Result<Vec<Claim>, StoreError> = rows.iter().map(Claim::try_from).collect();
            Ok(claims?)
        })
        .await
    }

    async fn lost(&self, held: &[(JobId, Fence)]) -> Result<Vec<JobId>, StoreError> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let core = &self.core;
        core.within(async {
            let ids: Vec<&str> = held.iter().map(|(job, _)| job.as_str()).collect();
            let rows = dialect::held(&mut *core.reader().await?, &ids).await?;
            let kept: BTreeSet<(&str, i64)> = rows
                .iter()
                .map(|row| (row.id.as_str(), row.fence))
                .collect();
            let lost = held
                .iter()
                .filter(|(job, fence)| !kept.contains(&(job.as_str(), fence.0)));
            Ok(lost.map(|(job, _)| job.clone()).collect())
        })
        .await
    }
}

async fn begin(core: &Core, worker: &WorkerName) -> Result<Incarnation, Failure> {
    let mut tx = core.writer().await?;
    let name = worker.0.as_str();
    let epoch = query_file_scalar!("../queries/worker/begin.sql", name)
        .fetch_one(&mut *tx)
        .await?;
    // Whatever an earlier life still holds, it held when it died: a clean end gives everything back.
    free(&mut tx, name, epoch - 1).await?;
    tx.commit().await?;
    Ok(Incarnation {
        worker: worker.clone(),
        epoch,
    })
}

async fn reap(core: &Core, lease_ms: u64) -> Result<u64, Failure> {
    let mut tx = core.writer().await?;
    query_file!("queries/worker/lapse.sql", span_ms(lease_ms))
        .execute(&mut *tx)
        .await?;
    let ended = query_file_as!(UnfreedRecord, "../queries/worker/unfreed.sql")
        .fetch_all(&mut *tx)
        .await?;
    let mut freed = 0;
    for worker in ended {
        freed += free(&mut tx, &worker.name, worker.through).await?;
    }
    tx.commit().await?;
    Ok(freed)
}

/// Makes the jobs of a worker's lives up to `through` ready, and notes when none is left.
async fn free(connection: &mut Connection, name: &str, through: i64) -> Result<u64, sqlx::Error> {
    let freed = dialect::free(connection, name, through).await?;
    query_file!("../queries/worker/freed.sql", name, through)
        .execute(connection)
        .await?;
    Ok(freed)
}

async fn claim(
    core: &Core,
    who: &Incarnation,
    lease_ms: u64,
    room: &Room,
) -> Result<Vec<Claim>, Failure> {
    let claimed = if dialect::ONE_WRITER {
        claim_with_others(core, who, lease_ms, room).await?
    } else {
        let mut connection = core.write.acquire().await?;
        dialect::claim(&mut connection, (who, lease_ms), room).await?
    };
    let mut rows = claimed.ok_or_else(|| lease_lost(who))?;
    ClaimRecord::sort(&mut rows);
    let (mut claims, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        match Claim::try_from(row) {
            Ok(claim) => claims.push(claim),
            Err(error) => unreadable.push((row, error)),
        }
    }
    if !unreadable.is_empty() {
        set_aside(core, &unreadable).await?;
    }
    Ok(claims)
}

/// Claims in a transaction with whatever else is to be committed.
async fn claim_with_others(
    core: &Core,
    who: &Incarnation,
    lease_ms: u64,
    room: &Room,
) -> Result<Option<Vec<ClaimRecord>>, StoreError> {
    let work = Work::Claim(who.clone(), lease_ms, room.clone());
    match core.commit(work).await? {
        Done::Claimed(rows) => Ok(rows),
        Done::Committed(_) | Done::Submitted(_) | Done::Finished => {
            unreachable!("a claim is answered as a claim")
        }
    }
}

/// Jobs that cannot be read would stand at the head of the queue for ever. Parked, they wait for a person and stop nobody. After
/// a crash before this is committed they are taken from the worker like all that it held, and are set aside by the next claim.
async fn set_aside(core: &Core, jobs: &[(&ClaimRecord, StoreError)]) -> Result<(), Failure> {
    let mut tx = core.writer().await?;
    for (row, error) in jobs {
        tracing::error!(job.id = row.id, error = %error, "job {} cannot be read and is set aside", row.id);
        queue::set_aside(&mut tx, row, error).await?;
    }
    Ok(tx.commit().await?)
}

/// What a life of a worker finds in the queue; nothing when that life is over.
pub(crate) async fn look(
    connection: &mut Connection,
    (who, lease_ms): (&Incarnation, u64),
) -> Result<Option<LookRecord>, sqlx::Error> {
    query_file_as!(
        LookRecord,
        "../queries/job/look.sql",
        who.worker.0.as_str(),
        who.epoch,
        span_ms(lease_ms)
    )
    .fetch_optional(connection)
    .await
}

impl Core {
    async fn give_back(&self, claims: Vec<Claim>) {
        let at_once = Release {
            delay_ms: 0,
            charged: false,
        };
        for claim in claims {
            let guard = claim.guard();
            let given = self.within(async {
                let mut tx = self.writer().await?;
                queue::release(&mut tx, &guard, at_once, &self.turns).await?;
                Ok(tx.commit().await?)
            });
            if let Err(error) = given.await {
                tracing::warn!(job.id = %claim.job, error = %error, "job {} was claimed for nobody and could not be given back", claim.job);
            }
        }
        self.hints.jobs();
    }
}

fn lease_lost(who: &Incarnation) -> StoreError {
    StoreError::LeaseLost {
        worker: who.worker.0.clone(),
        epoch: who.epoch,
    }
}
