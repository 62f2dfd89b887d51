//! The log: numbered without gaps, in order, in pages, of one tenant, and complete for whoever follows it.

use agent_core::blob::Stored;
use agent_core::event::Event;
use agent_core::id::StepId;
use agent_core::job::JobAfter;
use agent_core::ports::store::StoreError;
use tokio::task::JoinSet;

use crate::harness::Harness;
use crate::samples;

fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

pub async fn events_come_in_order_in_pages_after_a_number(h: &mut Harness) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let mut commit = samples::append(&claim);
    commit.events = (2..=8).map(|n| samples::note(&n.to_string())).collect();
    assert_eq!(h.store.append(commit).await.unwrap().seq, 8);
    let mut pages = Vec::new();
    for after in [0, 3, 6, 8, 100] {
        let page = h.store.events_after(&h.tenant, &task, after, 3).await;
        pages.push(numbers(&page.unwrap()));
    }
    let expected = [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8], vec![], vec![]];
    assert_eq!(pages, expected);
    let log = h.log(&task).await;
    for event in &log[1..] {
        let text = serde_json::json!({ "text": event.seq.to_string() });
        assert_eq!(event.public, samples::inline(&text.to_string()));
    }
}

pub async fn events_of_a_step_and_of_no_step_are_told_apart(h: &mut Harness) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let (a, b) = (StepId::new(&*h.entropy), StepId::new(&*h.entropy));
    let mut commit = samples::append(&claim);
    commit.events = vec![
        samples::step_note(&a, "2"),
        samples::step_note(&b, "3"),
        samples::note("4"),
        samples::step_note(&a, "5"),
        samples::step_note(&a, "6"),
    ];
    h.store.append(commit).await.unwrap();
    let of = async |step, after, limit| {
        let events = h
            .store
            .step_events_after(&h.tenant, &task, step, after, limit);
        let events = events.await.unwrap();
        assert!(events.iter().all(|event| event.step.as_ref() == step));
        numbers(&events)
    };
    assert_eq!(of(Some(&a), 0, 10).await, vec![2, 5, 6]);
    assert_eq!(of(Some(&a), 0, 2).await, vec![2, 5]);
    assert_eq!(of(Some(&a), 5, 10).await, vec![6]);
    assert_eq!(of(Some(&b), 0, 10).await, vec![3]);
    assert_eq!(of(None, 0, 10).await, vec![1, 4]);
    assert_eq!(of(None, 1, 10).await, vec![4]);
}

pub async fn another_tenant_sees_no_task_and_no_event(h: &mut Harness) {
    let task = h.submitted().await;
    let stranger = h.stranger().await;
    let store = &h.store;
    assert_eq!(store.find_task(&stranger, &task).await.unwrap(), None);
    let events = store.events_after(&stranger, &task, 0, 10).await;
    assert_eq!(events.unwrap(), vec![]);
    let events = store.step_events_after(&stranger, &task, None, 0, 10).await;
    assert_eq!(events.unwrap(), vec![]);
}

pub async fn bodies_in_and_out_of_line_come_back_as_they_were_written(h: &mut Harness) {
    let task = h.submitted().await;
    let claim = h.worker("w").await.claim_one().await;
    let (private, public) = (samples::blob("long"), samples::blob("longer"));
    let mut short_and_long = samples::note("short");
    short_and_long.private = Stored::Blob(private.clone());
    let mut long_and_short = samples::note("");
    long_and_short.public = Stored::Blob(public.clone());
    let mut filled = samples::note("");
    let limit = "x".repeat(agent_core::blob::INLINE_BYTES_MAX);
    filled.public = Stored::Inline(limit);
    let mut commit = samples::append(&claim);
    commit.events = vec![short_and_long, long_and_short, filled];
    commit.blobs = vec![private, public];
    let expected = commit.events.clone();
    h.store.append(commit).await.unwrap();
    let log = h.log(&task).await;
    for (event, written) in log[1..].iter().zip(&expected) {
        assert_eq!(event.public, written.public);
        assert_eq!(event.private, written.private);
        assert_eq!(event.kind, written.kind.label());
    }
}

pub async fn the_times_of_a_log_never_go_back(h: &mut Harness) {
    let task = h.submitted().await;
    let claim = h.worker("w").await.claim_one().await;
    for shift_ms in [5000, 0, 7000] {
        h.shift_clock(shift_ms).await;
        let committed = h.store.append(samples::append_note(&claim, "n")).await;
        let at_ms = committed.unwrap().at_ms;
        let log = h.log(&task).await;
        assert_eq!(log.last().unwrap().at_ms, at_ms);
    }
    let times: Vec<i64> = h.log(&task).await.iter().map(|event| event.at_ms).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times[3] - times[0] >= 12_000, "{times:?}");
}

pub async fn fifty_concurrent_appends_are_numbered_without_a_gap(h: &mut Harness) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 50, &*h.entropy).await;
    let claims = worker.claim(50).await;
    assert_eq!(claims.len(), 50);
    let start = h.task(&task).await.seq;
    let handles = [h.store.clone(), h.another_handle().await];
    let mut appends = JoinSet::new();
    for (index, claim) in claims.into_iter().enumerate() {
        let store = handles[index % 2].clone();
        let mut commit = samples::append(&claim);
        let step = claim.step.unwrap();
        commit.events = vec![
            samples::step_note(&step, "first"),
            samples::step_note(&step, "second"),
        ];
        commit.charge.tool_calls = 1;
        appends.spawn(async move { store.append(commit).await.unwrap().seq });
    }
    let mut answered = appends.join_all().await;
    answered.sort_unstable();
    let every_second: Vec<i64> = (1..=50).map(|n| start + 2 * n).collect();
    assert_eq!(answered, every_second);
    let log = h.log(&task).await;
    let expected: Vec<i64> = (1..=start + 100).collect();
    assert_eq!(numbers(&log), expected);
    let own = &log[usize::try_from(start).unwrap()..];
    for pair in own.chunks(2) {
        // The events of one commit stand side by side.
        assert_eq!(pair[0].step, pair[1].step);
    }
    let after = h.task(&task).await;
    assert_eq!((after.seq, after.spent.tool_calls), (start + 100, 50));
}

pub async fn a_reader_that_follows_the_log_misses_nothing(h: &mut Harness) {
    const WRITERS: u32 = 4;
    const EACH: i64 = 25;
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, WRITERS, &*h.entropy).await;
    let claims = worker.claim(WRITERS).await;
    let start = h.task(&task).await.seq;
    let last = start + i64::from(WRITERS) * EACH;
    let mut writers = JoinSet::new();
    for claim in claims {
        let store = h.another_handle().await;
        writers.spawn(async move {
            for turn in 0..EACH {
                let commit = samples::append_note(&claim, &turn.to_string());
                store.append(commit).await.unwrap();
            }
        });
    }
    let (reader, tenant) = (h.another_handle().await, h.tenant.clone());
    let follow = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&last) {
            let after = seen.last().copied().unwrap_or(start);
            let page = reader.events_after(&tenant, &task, after, 7).await;
            seen.extend(numbers(&page.unwrap()));
            tokio::task::yield_now().await;
        }
        seen
    };
    let (seen, _) = tokio::join!(follow, writers.join_all());
    let expected: Vec<i64> = (start + 1..=last).collect();
    assert_eq!(seen, expected);
}

pub async fn a_log_stays_readable_when_its_job_is_gone(h: &mut Harness) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    worker.leave(&claim, JobAfter::Delete).await;
    let refused = h.store.append(samples::append_note(&claim, "late")).await;
    assert!(matches!(refused, Err(StoreError::Stale { .. })));
    assert_eq!(numbers(&h.log(&task).await), vec![1]);
}
