//! Hints: they shorten a wait inside a process, and a wait without one ends by itself.

use std::time::Duration;

use agent_core::id::TaskId;
use tokio::time::Instant;

use crate::harness::Harness;
use crate::samples;

/// Far longer than a hint takes, and short enough to see a missing one fail.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(20);

pub async fn whoever_waits_for_jobs_hears_of_a_submit(h: &mut Harness) {
    let (store, began) = (h.store.clone(), Instant::now());
    let waiter = tokio::spawn(async move { store.jobs(LONG).await });
    // A hint may come before the waiter listens, so more follow until it is heard.
    while !waiter.is_finished() {
        h.submitted().await;
        tokio::task::yield_now().await;
    }
    waiter.await.unwrap();
    assert!(began.elapsed() < LONG);
}

pub async fn whoever_waits_for_a_task_hears_of_its_events(h: &mut Harness) {
    let id = h.submitted().await;
    let claim = h.worker("w").await.claim_one().await;
    let (store, task, began) = (h.store.clone(), id.clone(), Instant::now());
    let waiter = tokio::spawn(async move { store.task(&task, LONG).await });
    while !waiter.is_finished() {
        let commit = samples::append_note(&claim, "news");
        h.store.append(commit).await.unwrap();
        tokio::task::yield_now().await;
    }
    waiter.await.unwrap();
    assert!(began.elapsed() < LONG);
}

pub async fn a_wait_without_news_ends_in_time(h: &mut Harness) {
    let id = h.submitted().await;
    h.worker("w").await.claim_one().await;
    let began = Instant::now();
    h.store.task(&id, SHORT).await;
    h.store.task(&TaskId::new(&*h.entropy), SHORT).await;
    assert!(began.elapsed() < LONG);
    // A hint of the submit may still be kept; the second wait has none.
    h.store.jobs(SHORT).await;
    h.store.jobs(SHORT).await;
    assert!(began.elapsed() < LONG);
}
