//! What an owner does to a task through the API: load it, let the core decide, commit, and again if it moved meanwhile.

use agent_core::decide::Input;
use agent_core::decide::for_owner::{self, Undecided};
use agent_core::event::Event;
use agent_core::id::{TaskId, TenantId};
use agent_core::journal;
use agent_core::task::Task;

use crate::app::App;
use crate::problem::Problem;

/// How often a decision is made again before the caller is told to come back. A task moves at most once for each
/// turn of its few steps, so losing this often in a row means trouble elsewhere.
pub const ATTEMPTS_MAX: u32 = 16;
const EVENTS_PER_PAGE: u32 = 500;

/// The task, or 404.
pub async fn load(app: &App, tenant: &TenantId, id: &str) -> Result<Task, Problem> {
    find(app, tenant, &id_of(id)?).await
}

/// The id of a task. What cannot be one is not found either.
pub fn id_of(id: &str) -> Result<TaskId, Problem> {
    id.parse().map_err(|_| Problem::not_found("task"))
}

/// The task of this id, or 404.
pub async fn find(app: &App, tenant: &TenantId, id: &TaskId) -> Result<Task, Problem> {
    let found = app.parts.store.find_task(tenant, id).await?;
    found.ok_or_else(|| Problem::not_found("task"))
}

/// The next events of a task's log after a number; none at its end.
pub async fn next_events(app: &App, task: &Task, after: i64) -> Result<Vec<Event>, Problem> {
    let (store, tenant) = (&app.parts.store, &task.tenant);
    let page = store.events_after(tenant, &task.id, after, EVENTS_PER_PAGE);
    Ok(page.await?)
}

/// What the caller is told of an event whose body cannot be read.
pub fn unreadable(error: journal::ReadError) -> Problem {
    match error {
        journal::ReadError::Blob(error) => error.into(),
        journal::ReadError::Undecodable(error) => {
            tracing::error!(%error, "an event cannot be read");
            Problem::internal()
        }
    }
}

/// Applies what `ask` wants of the task as it is now; `None` means that there is nothing to do. Gives back the task
/// as it is afterwards.
pub async fn apply(
    app: &App,
    tenant: &TenantId,
    id: &str,
    ask: impl Fn(&Task) -> Result<Option<Input>, Problem> + Send,
) -> Result<Task, Problem> {
    for _ in 0..ATTEMPTS_MAX {
        let task = load(app, tenant, id).await?;
        let Some(input) = ask(&task)? else {
            return Ok(task);
        };
        if commit_once(app, &task, input).await? {
            return load(app, tenant, id).await;
        }
    }
    Err(never_rests())
}

/// What the caller of a task that moves at every attempt is told.
pub fn never_rests() -> Problem {
    Problem::conflict("the task kept changing while the request was decided; try again")
}

/// Decides from the task as it was read, and commits. `false`: it moved meanwhile, and nothing was changed.
pub async fn commit_once(app: &App, task: &Task, input: Input) -> Result<bool, Problem> {
    let reached = (
        app.parts.store.as_ref(),
        app.parts.blobs.as_ref(),
        app.parts.entropy.as_ref(),
    );
    for_owner::apply(reached, task, input)
        .await
        .map_err(|undecided| match undecided {
            Undecided::Refused(refused) => Problem::conflict(refused.to_string()),
            Undecided::Blobs(error) => error.into(),
            Undecided::Store(error) => error.into(),
        })
}
