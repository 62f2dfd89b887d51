//! Removing finished tasks, and dooming blobs that nothing names.

use agent_core::id::TaskId;
use agent_core::ports::housekeeping::{
    Chore, ChoreLease, Housekeeping, IDEMPOTENCY_KEPT_MS, OwnedHash,
};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{ChoreRow, State};

#[async_trait]
impl Housekeeping for MemoryStore {
    async fn take_chore(
        &self,
        chore: Chore,
        lease_ms: u64,
    ) -> Result<Option<ChoreLease>, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let row = state.chores.entry(chore.label()).or_default();
        if row.due_at_ms > now || row.held_until_ms > now {
            return Ok(None);
        }
        row.fence += 1;
        row.held_until_ms = now.saturating_add_unsigned(lease_ms);
        Ok(Some(ChoreLease {
            chore,
            fence: row.fence,
            cursor: row.cursor.clone(),
        }))
    }

    async fn keep_chore(&self, held: &ChoreLease, lease_ms: u64) -> Result<bool, StoreError> {
        let until = self.now().saturating_add_unsigned(lease_ms);
        Ok(change(&mut self.lock(), held, |row| {
            row.cursor.clone_from(&held.cursor);
            row.held_until_ms = until;
        }))
    }

    async fn end_chore(&self, held: &ChoreLease, next_in_ms: u64) -> Result<bool, StoreError> {
        let due = self.now().saturating_add_unsigned(next_in_ms);
        Ok(change(&mut self.lock(), held, |row| {
            row.cursor = None;
            row.held_until_ms = 0;
            row.due_at_ms = due;
        }))
    }

    async fn retire(&self, retention_ms: u64, at_most: u32) -> Result<u64, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let picked = old_tasks(&state, now, retention_ms, at_most);
        for task in &picked {
            let row = state.tasks.remove(task);
            if let Some(webhook) = row.and_then(|row| row.task.webhook) {
                state.webhooks.remove(&webhook);
            }
            state.submits.retain(|_, (_, of)| of != task);
            state.deliveries.retain(|_, row| row.task != *task);
            state.dead.retain(|_, letter| letter.task != *task);
            state.leftover.insert(task.clone());
        }
        Ok(picked.len() as u64)
    }

    async fn purge(&self, rows_max: u32) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
        let mut removed = 0;
        while removed < rows_max {
            let Some(task) = state.leftover.first().cloned() else {
                break;
            };
            removed += purge(&mut state, &task, rows_max - removed);
        }
        Ok(removed as u64)
    }

    async fn doom(&self, blobs: &[OwnedHash]) -> Result<Vec<OwnedHash>, StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let mut doomed = Vec::new();
        for blob in blobs {
            let is_named = state
                .blobs
                .iter()
                .any(|(_, tenant, hash)| (tenant, hash) == (&blob.0, &blob.1));
            let is_ours = state.tenants.values().any(|tenant| *tenant == blob.0);
            if is_ours && !is_named && !state.doomed.contains_key(blob) {
                state.doomed.insert(blob.clone(), now);
                doomed.push(blob.clone());
            }
        }
        Ok(doomed)
    }

    async fn doomed_before(&self, age_ms: u64, at_most: u32) -> Result<Vec<OwnedHash>, StoreError> {
        let before = self.now().saturating_sub_unsigned(age_ms);
        let state = self.lock();
        let old = state.doomed.iter().filter(|(_, since)| **since < before);
        let at_most = usize::try_from(at_most).unwrap_or(usize::MAX);
        Ok(old.take(at_most).map(|(blob, _)| blob.clone()).collect())
    }

    async fn swept(&self, blobs: &[OwnedHash]) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.doomed.retain(|blob, _| !blobs.contains(blob));
        Ok(())
    }
}

fn change(state: &mut State, held: &ChoreLease, change: impl FnOnce(&mut ChoreRow)) -> bool {
    let row = state.chores.get_mut(held.chore.label());
    let ours = row.filter(|row| row.fence == held.fence);
    ours.map(change).is_some()
}

/// The tasks that finished first, of those that are old enough and have no job.
fn old_tasks(state: &State, now: i64, retention_ms: u64, at_most: u32) -> Vec<TaskId> {
    let finished_before = now.saturating_sub_unsigned(retention_ms);
    let made_before = now.saturating_sub_unsigned(IDEMPOTENCY_KEPT_MS);
    let mut old: Vec<(i64, TaskId)> = Vec::new();
    for row in state.tasks.values().map(|row| &row.task) {
        let has_job = state.jobs.values().any(|job| job.claim.task == row.id);
        if let Some(finished) = row.finished_at_ms
            && finished < finished_before
            && row.created_at_ms < made_before
            && !has_job
        {
            old.push((finished, row.id.clone()));
        }
    }
    old.sort();
    old.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
    old.into_iter().map(|(_, task)| task).collect()
}

/// Removes some records of a removed task; the last one is the note that there are some.
fn purge(state: &mut State, task: &TaskId, rows_max: usize) -> usize {
    let calls = state.calls.values().filter(|call| call.task == *task);
    let calls: Vec<_> = calls.take(rows_max).map(|call| call.call.clone()).collect();
    let blobs = state.blobs.iter().filter(|(of, _, _)| of == task);
    let blobs: Vec<_> = blobs.take(rows_max).cloned().collect();
    for call in &calls {
        state.calls.remove(call);
    }
    for blob in &blobs {
        state.blobs.remove(blob);
    }
    let removed = calls.len() + blobs.len();
    if removed > 0 {
        return removed;
    }
    usize::from(state.leftover.remove(task))
}
