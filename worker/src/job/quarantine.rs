//! Setting a job aside on which workers die, or of which something stored is damaged, so that it stops nobody.
//!
//! Deaths count only while nothing was achieved in between: a long step may outlive many workers, as long as each of them
//! brings it forward. The job's last log is noted with it; what wrote it is dead, so the log is all there is to see.

use agent_core::budget::Spend;
use agent_core::deaths::Deaths;
use agent_core::decide::{Input, SetAside};
use agent_core::event::{Event, EventKind};
use agent_core::job::JobKind;
use agent_core::queue::Quarantine;
use tracing::error;

use super::deliver;
use crate::context::Context;
use crate::stop::Stop;

/// How many events at the end of the log are noted.
const EVENTS_NOTED: usize = 10;
const EVENTS_PER_PAGE: u32 = 500;

/// Sets the job aside if workers died on it too often. `true`: it is aside, and nothing is left to do.
pub async fn set_aside(context: &Context) -> Result<bool, Stop> {
    let (died, most) = (context.claim.deaths(), context.options.crashes_max);
    if died < most {
        return Ok(false);
    }
    if context.claim.kind == JobKind::Deliver {
        return deliver::give_up_if_deadly(context).await;
    }
    let (deaths, last) = read(context, Deaths::push).await?;
    let died = deaths.since_progress(died);
    if died < most {
        return Ok(false);
    }
    let reason = reason(died, &last);
    error!(reason, "the job is set aside; see `errand dead list`");
    let found = Quarantine {
        reason,
        events: last.iter().map(|event| event.seq).collect(),
    };
    note_aside(context, died, found).await?;
    Ok(true)
}

/// Sets a job aside that needs something stored which cannot be read, and says so in the log of its task, if that can be read. What is
/// damaged may be the record of an effect, so nothing is decided without it; mended and requeued, the job goes on.
pub async fn set_unreadable_aside(context: &Context, reason: String) -> Result<(), Stop> {
    if context.claim.kind == JobKind::Deliver {
        return set_damaged_aside(context, &reason).await;
    }
    let found = Quarantine {
        reason: reason.clone(),
        events: Vec::new(),
    };
    match note_aside(context, context.claim.deaths(), found).await {
        Err(Stop::Damaged(_)) => set_damaged_aside(context, &reason).await,
        Ok(()) => {
            error!(reason, "the job is set aside; see `errand dead list`");
            Ok(())
        }
        Err(stop) => Err(stop),
    }
}

/// Sets the job aside in the log of its task.
async fn note_aside(context: &Context, crashes: u32, found: Quarantine) -> Result<(), Stop> {
    let input = Input::Quarantined {
        step: context.claim.step.clone(),
        aside: SetAside {
            job: context.claim.job.clone(),
            kind: context.claim.kind,
            crashes,
            found,
        },
    };
    let mut seen = context.see().await?;
    let noted = context.transition(&mut seen, input, Spend::default());
    noted.await.map(|_| ())
}

/// Sets a job aside that cannot be worked on, since what is stored about it is damaged. Its task is not touched: it may be
/// what cannot be read.
pub async fn set_damaged_aside(context: &Context, reason: &str) -> Result<(), Stop> {
    error!(reason, "the job is set aside; see `errand dead list`");
    let store = &context.parts.store;
    Ok(store.set_aside(&context.claim.guard(), reason).await?)
}

fn reason(died: u32, last: &[Event]) -> String {
    // That it was taken up again says nothing about what it was doing.
    let takes_up = [EventKind::StepResumed, EventKind::JobRecovered].map(EventKind::label);
    let told = |event: &&Event| !takes_up.contains(&event.kind.as_str());
    let seen = last.iter().rfind(told).map_or_else(String::new, |event| {
        format!(
            "; the last thing in its log is {} (event {})",
            event.kind, event.seq
        )
    });
    format!("workers died on it {died} times without getting further{seen}")
}

/// What the job's log says about deaths, and the end of it. Bodies are not read: one of them may be what kills.
pub async fn read(
    context: &Context,
    mut push: impl FnMut(&mut Deaths, &Event),
) -> Result<(Deaths, Vec<Event>), Stop> {
    let (claim, store) = (&context.claim, &context.parts.store);
    let (mut deaths, mut last, mut after) = (Deaths::default(), Vec::new(), 0);
    loop {
        let step = claim.step.as_ref();
        let page = store
            .step_events_after(&claim.tenant, &claim.task, step, after, EVENTS_PER_PAGE)
            .await?;
        let is_last = page.len() < EVENTS_PER_PAGE as usize;
        after = page.last().map_or(after, |end| end.seq);
        for event in &page {
            push(&mut deaths, event);
        }
        last.extend(page);
        let surplus = last.len().saturating_sub(EVENTS_NOTED);
        last.drain(..surplus);
        if is_last {
            return Ok((deaths, last));
        }
    }
}
