//! Lists of tasks: newest first, in pages, of one tenant, without steps.

use agent_core::id::TaskId;
use agent_core::ports::store::{NewTask, TaskQuery};
use agent_core::task::TaskState;

use crate::harness::Harness;
use crate::samples;

async fn listed(h: &Harness, query: TaskQuery) -> Vec<TaskId> {
    let tasks = h.store.list_tasks(&h.tenant, &query).await.unwrap();
    tasks.into_iter().map(|task| task.id).collect()
}

async fn several(h: &Harness, count: usize) -> Vec<TaskId> {
    let mut newest_first = Vec::new();
    for _ in 0..count {
        newest_first.insert(0, h.submitted().await);
    }
    newest_first
}

fn page(before: Option<TaskId>, limit: u32) -> TaskQuery {
    TaskQuery {
        before,
        limit,
        ..TaskQuery::default()
    }
}

pub async fn tasks_are_listed_newest_first_in_pages_without_gap_or_repeat(h: &mut Harness) {
    let expected = several(h, 7).await;
    let mut pages: Vec<Vec<TaskId>> = Vec::new();
    for _ in 0..3 {
        let before = pages.last().and_then(|page| page.last()).cloned();
        pages.push(listed(h, page(before, 3)).await);
    }
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 3, 1]);
    let end = listed(h, page(expected.last().cloned(), 3)).await;
    assert_eq!(end, vec![]);
    assert_eq!(pages.concat(), expected);
}

pub async fn a_new_task_does_not_disturb_the_pages_after_it(h: &mut Harness) {
    let expected = several(h, 4).await;
    let first = listed(h, page(None, 2)).await;
    h.submitted().await;
    let second = listed(h, page(first.last().cloned(), 2)).await;
    assert_eq!([first, second].concat(), expected);
}

pub async fn a_cursor_need_not_be_a_task_that_exists(h: &mut Harness) {
    let older = h.submitted().await;
    let absent = TaskId::new(&*h.entropy);
    h.submitted().await;
    assert_eq!(listed(h, page(Some(absent), 5)).await, vec![older]);
}

pub async fn a_list_can_be_of_one_state(h: &mut Harness) {
    let ids = several(h, 3).await;
    let mut cancel = samples::owners(&h.task(&ids[1]).await);
    cancel.task.state = TaskState::Cancelled;
    h.store.transition(cancel).await.unwrap();
    let of = |state| TaskQuery {
        state: Some(state),
        ..page(None, 10)
    };
    let cancelled = listed(h, of(TaskState::Cancelled)).await;
    assert_eq!(cancelled, vec![ids[1].clone()]);
    let queued = listed(h, of(TaskState::Queued)).await;
    assert_eq!(queued, vec![ids[0].clone(), ids[2].clone()]);
    let older = TaskQuery {
        before: Some(ids[0].clone()),
        ..of(TaskState::Queued)
    };
    assert_eq!(listed(h, older).await, vec![ids[2].clone()]);
}

pub async fn a_list_has_no_steps_and_no_tasks_of_others(h: &mut Harness) {
    let theirs = NewTask {
        tenant: h.stranger().await,
        ..h.new_task()
    };
    h.submit(theirs).await;
    let own = h.submitted().await;
    let worker = h.worker("w").await;
    let claims = worker.claim(10).await;
    let claim = claims.iter().find(|claim| claim.task == own).unwrap();
    worker.plan(claim, 2, &*h.entropy).await;
    let tasks = h
        .store
        .list_tasks(&h.tenant, &page(None, 10))
        .await
        .unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].steps, vec![]);
    let mut whole = h.task(&own).await;
    assert_eq!(whole.steps.len(), 2);
    whole.steps.clear();
    whole.read_at_ms = tasks[0].read_at_ms;
    assert_eq!(tasks[0], whole);
}
