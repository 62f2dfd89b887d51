//! The queue: lives of workers, claims, leases.
//!
//! A lease is a heartbeat that is fresh by the store's clock. Fences rise at claims only; a job that is taken back
//! keeps its fence and loses its holder, so a late write under the old fence is refused.

use std::collections::BTreeMap;

use agent_core::id::{JobId, TenantId};
use agent_core::job::{Claim, Fence, Guard, Incarnation, WorkerName};
use agent_core::ports::store::{Jobs, Release, Room, StoreError};
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{JobState, State, WorkerRow};

#[async_trait]
impl Jobs for MemoryStore {
    async fn begin(&self, worker: &WorkerName) -> Result<Incarnation, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let row = state.workers.entry(worker.clone()).or_insert(WorkerRow {
            epoch: 0,
            heartbeat_at_ms: now,
            ended: false,
        });
        row.epoch += 1;
        row.heartbeat_at_ms = now;
        row.ended = false;
        let life = Incarnation {
            worker: worker.clone(),
            epoch: row.epoch,
        };
        let taken =
            state.take_back(|holder| holder.worker == life.worker && holder.epoch < life.epoch);
        drop(state);
        if taken > 0 {
            self.hint_jobs();
        }
        Ok(life)
    }

    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        let now = self.now();
        live(&mut self.lock(), who, lease_ms, now)?.heartbeat_at_ms = now;
        Ok(())
    }

    async fn claim(
        &self,
        who: &Incarnation,
        lease_ms: u64,
        room: &Room,
    ) -> Result<Vec<Claim>, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        live(&mut state, who, lease_ms, now)?;
        let State { jobs, order, .. } = &mut *state;
        for job in jobs.values_mut() {
            job.promote(order.latest, now);
        }
        let mut ready: Vec<_> = jobs.values_mut().filter(|job| job.is_ready()).collect();
        ready.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut claimed = Vec::new();
        let mut taken: BTreeMap<TenantId, u32> = BTreeMap::new();
        for job in ready {
            if claimed.len() >= usize::try_from(room.jobs).unwrap_or(usize::MAX) {
                break;
            }
            let of_tenant = taken.entry(job.claim.tenant.clone()).or_default();
            if *of_tenant >= room_of(room, &job.claim.tenant) {
                continue;
            }
            *of_tenant += 1;
            order.latest = order.latest.max(job.turn.tag);
            job.claim.fence = Fence(job.claim.fence.0 + 1);
            job.state = JobState::Held(who.clone());
            claimed.push(job.claim.clone());
        }
        Ok(claimed)
    }

    fn weigh(&self, tenant: &TenantId, weight: u32) {
        self.lock().order.turns.weigh(tenant, weight);
    }

    async fn release(&self, guard: &Guard, how: Release) -> Result<(), StoreError> {
        let now = self.now();
        let mut state = self.lock();
        state.check_guard(guard)?;
        let State { jobs, order, .. } = &mut *state;
        if let Some(job) = jobs.get_mut(&guard.job) {
            job.give_back(how.delay_ms, order, now);
            job.claim.attempts += u32::from(how.charged);
        }
        drop(state);
        self.hint_jobs();
        Ok(())
    }

    async fn reap(&self, lease_ms: u64) -> Result<u64, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        for worker in state.workers.values_mut() {
            worker.ended = worker.ended || worker.has_lapsed(lease_ms, now);
        }
        let ended: Vec<Incarnation> = state
            .workers
            .iter()
            .filter(|(_, row)| row.ended)
            .map(|(worker, row)| Incarnation {
                worker: worker.clone(),
                epoch: row.epoch,
            })
            .collect();
        let taken = state.take_back(|holder| ended.contains(holder));
        drop(state);
        if taken > 0 {
            self.hint_jobs();
        }
        Ok(taken)
    }

    async fn held(&self, who: &Incarnation) -> Result<Vec<Claim>, StoreError> {
        let state = self.lock();
        let rows = state.jobs.values();
        let claims = rows
            .filter(|row| matches!(&row.state, JobState::Held(holder) if holder == who))
            .map(|row| row.claim.clone());
        Ok(claims.collect())
    }

    async fn lost(&self, held: &[(JobId, Fence)]) -> Result<Vec<JobId>, StoreError> {
        let state = self.lock();
        let is_held = |job: &JobId, fence: Fence| {
            let row = state.jobs.get(job);
            row.is_some_and(|row| row.is_held_under(fence))
        };
        let lost = held.iter().filter(|(job, fence)| !is_held(job, *fence));
        Ok(lost.map(|(job, _)| job.clone()).collect())
    }
}

fn room_of(room: &Room, tenant: &TenantId) -> u32 {
    let named = room.of_tenants.iter().find(|(named, _)| named == tenant);
    named.map_or(room.of_others, |(_, jobs)| *jobs)
}

impl WorkerRow {
    fn has_lapsed(&self, lease_ms: u64, now: i64) -> bool {
        self.heartbeat_at_ms.saturating_add_unsigned(lease_ms) < now
    }
}

/// The worker's row, if this life is its present one and its lease still runs.
fn live<'a>(
    state: &'a mut State,
    who: &Incarnation,
    lease_ms: u64,
    now: i64,
) -> Result<&'a mut WorkerRow, StoreError> {
    let row = state.workers.get_mut(&who.worker);
    row.filter(|row| row.epoch == who.epoch && !row.ended && !row.has_lapsed(lease_ms, now))
        .ok_or_else(|| StoreError::LeaseLost {
            worker: who.worker.0.clone(),
            epoch: who.epoch,
        })
}
