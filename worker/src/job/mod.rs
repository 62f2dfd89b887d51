//! Jobs: one file for each kind, and what is done when one stops early.

mod ask;
mod beginning;
mod call;
mod consent;
mod deliver;
mod help;
mod images;
mod last_files;
mod owner;
mod plan;
mod quarantine;
mod report;
mod step;
mod stopped;
mod unknown;

use agent_core::budget::Spend;
use agent_core::decide::{Input, Wait};
use agent_core::event::EventKind;
use agent_core::job::JobKind;
use agent_core::place;
use agent_core::policy::Label;
use agent_core::ports::store::Release;
use agent_core::retry::{after_ms, full_jitter_ms};
use agent_core::step::StepState;
use agent_core::task::{TaskState, WaitKind};
use tracing::{info, instrument, warn};

use crate::context::{Context, HandedOver, Seen};
use crate::error_text::{source_chain, without_paths};
use crate::fold::Waits;
use crate::options::Options;
use crate::stop::Stop;
use crate::tool_limits::Absent;

/// How long, at most, a job is left alone after the store could not be used.
const STORE_PAUSE_MS: u64 = 2_000;

/// How long, at most, a job is left alone that only a newer release can run.
const NEWER_PAUSE_MS: u64 = 1_000;

/// How long, at most, a step waits in the queue for a place of a tool before it looks for one by itself, maybe on another
/// worker. This worker calls it back when it has one.
const PLACE_PAUSE_MS: u64 = 60_000;

/// The shortest such wait.
const PLACE_PAUSE_MIN_MS: u64 = 1_000;

/// Runs one job to its end, whatever that is. Never fails: what goes wrong is in the log, or the job is given back. Returns
/// what is held from then on in its place.
#[instrument(name = "job", skip_all, fields(task.id = %context.claim.task, job.id = %context.claim.job, job.kind = context.claim.kind.label(), fence = %context.claim.fence))]
pub async fn run(context: Context) -> Option<HandedOver> {
    if let Err(stopped) = work(&context).await
        && let Err(second) = {
            context.leave();
            settle(&context, stopped).await
        }
    {
        // Whoever claims it next would find the same.
        let left = if let Stop::Damaged(reason) = &second {
            quarantine::set_damaged_aside(&context, reason).await
        } else {
            Err(second)
        };
        if let Err(stop) = left {
            give_back(&context, &stop).await;
        }
    }
    context.handed_over.into_inner()
}

async fn work(context: &Context) -> Result<(), Stop> {
    let is_work = context.claim.kind != JobKind::Stop;
    if is_work && quarantine::set_aside(context).await? {
        return Ok(());
    }
    match context.claim.kind {
        JobKind::Plan => plan::run(context).await,
        JobKind::Step => step::run(context).await,
        JobKind::Report => report::run(context).await,
        JobKind::Deliver => deliver::run(context).await,
        JobKind::Stop => {
            stopped::run(context).await;
            Ok(())
        }
        // Nothing makes such jobs yet; one that a later version left behind is not ours to run.
        JobKind::Housekeeping => Err(Stop::Machine(
            "this version has no housekeeping jobs".to_owned(),
        )),
    }
}

/// Turns the reason why a job stopped into its next state.
async fn settle(context: &Context, stopped: Stop) -> Result<(), Stop> {
    match stopped {
        Stop::Lost => {
            info!("the job is no longer ours");
            context.was_taken();
            Ok(())
        }
        Stop::OutOfDate(refused) => {
            info!(%refused, "the job is out of date and is dropped");
            Ok(context.parts.store.finish(context.claim.guard()).await?)
        }
        Stop::Wait(wait) => wait_in_log(context, *wait).await,
        Stop::NoPlace {
            tool,
            limit,
            refund,
        } => wait_for_place(context, (&tool, limit), refund).await,
        Stop::Machine(_) | Stop::Blobs(_) if context.claim.kind == JobKind::Deliver => Err(stopped),
        Stop::Blobs(reason) => {
            warn!(%reason, "the job waits for the blob store");
            wait_for_trouble(
                context,
                Trouble::of_installation(&reason, Patience::Endless),
            )
            .await
        }
        Stop::Machine(reason) => {
            warn!(%reason, "the job waits, because this machine cannot go on");
            wait_for_trouble(context, Trouble::of_installation(&reason, Patience::Ends)).await
        }
        Stop::Damaged(reason) => quarantine::set_unreadable_aside(context, reason).await,
        Stop::TooLarge(reason) => {
            warn!(%reason, "the job is given up");
            give_up(context, reason).await
        }
        Stop::Draining | Stop::Lapsed | Stop::Store(_) | Stop::NewerRules(_) => Err(stopped),
    }
}

/// Trouble that may pass.
pub struct Trouble {
    pub kind: WaitKind,
    pub reason: String,
    pub retry_after_ms: Option<u64>,
    /// What was used although nothing came of it, less what was charged and not used.
    pub charge: Spend,
    pub patience: Patience,
}

/// Whether a job that waits in vain is given up at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// After the configured number of waits: the trouble may be the task's own.
    Ends,
    /// Never: the trouble is the whole installation's, and failing every task would not mend it.
    Endless,
}

impl Trouble {
    /// The submitter reads the reason in the log of the task; where things lie on the machine is for its operator alone.
    fn of_installation(reason: &str, patience: Patience) -> Self {
        Self {
            kind: WaitKind::Capacity,
            reason: without_paths(reason),
            retry_after_ms: None,
            charge: Spend::default(),
            patience,
        }
    }
}

/// Waits for trouble to pass, or gives the job up when it has waited too often without progress.
pub async fn wait_for_trouble(context: &Context, trouble: Trouble) -> Result<(), Stop> {
    let waits = waits(context).await?;
    if trouble.patience == Patience::Ends && waits >= context.options.trouble_waits_max {
        return give_up(context, format!("{} (after {waits} waits)", trouble.reason)).await;
    }
    let unit = context.parts.entropy.unit();
    let delay_ms = trouble_pause_ms(&context.options, waits, trouble.retry_after_ms, unit);
    let wait = Wait {
        kind: trouble.kind,
        reason: trouble.reason,
        delay_ms: Some(delay_ms),
        limit: None,
        refund: trouble.charge,
    };
    wait_in_log(context, wait).await
}

/// How often the job waited for trouble to pass without getting further. For a plan or report job a step that got further is
/// progress, too.
async fn waits(context: &Context) -> Result<u32, Stop> {
    let mut waits = Waits::default();
    let counted = if context.claim.step.is_some() {
        EventKind::StepWaiting
    } else {
        EventKind::TaskWaiting
    };
    let mut after = 0;
    loop {
        let page = context.page(context.claim.step.as_ref(), after).await?;
        for event in &page {
            waits.push(event, counted);
        }
        match page.last() {
            Some(last) => after = last.seq,
            None => return Ok(waits.count()),
        }
    }
}

/// How long a job waits after trouble: full jitter below a ceiling that doubles with each wait, on top of what was asked for.
fn trouble_pause_ms(options: &Options, waits: u32, asked_ms: Option<u64>, unit: f64) -> u64 {
    let (base, cap) = (options.trouble_pause_min_ms, options.trouble_pause_max_ms);
    let jitter_ms = full_jitter_ms(base, cap, waits, unit);
    after_ms(asked_ms.map(|ms| ms.min(cap)), base / 10, jitter_ms)
}

/// Gives the step back until a place of a tool is free. Only the first time is news for the log.
async fn wait_for_place(
    context: &Context,
    (tool, limit): (&str, u32),
    refund: Option<Spend>,
) -> Result<(), Stop> {
    let unit = context.parts.entropy.unit();
    let delay_ms = full_jitter_ms(PLACE_PAUSE_MS, PLACE_PAUSE_MS, 0, unit).max(PLACE_PAUSE_MIN_MS);
    if let Some(refund) = refund {
        let wait = Wait {
            kind: WaitKind::Capacity,
            reason: place::reason(tool, limit),
            delay_ms: Some(delay_ms),
            limit: None,
            refund,
        };
        wait_in_log(context, wait).await?;
    } else {
        let uncharged = Release {
            delay_ms,
            charged: false,
        };
        let guard = context.claim.guard();
        context.parts.store.release(&guard, uncharged).await?;
    }
    // After that commit, because nobody is called back who does not wait yet.
    if let Some(step) = context.claim.step.clone() {
        let (tenant, task) = (context.claim.tenant.clone(), context.claim.task.clone());
        context
            .tool_limits
            .line_up(tool, Absent { tenant, task, step });
    }
    Ok(())
}

async fn wait_in_log(context: &Context, wait: Wait) -> Result<(), Stop> {
    info!(reason = %wait.reason, delay_ms = wait.delay_ms, "the job waits");
    let input = Input::Waited {
        step: context.claim.step.clone(),
        wait,
    };
    let mut seen = context.see().await?;
    take_up(context, &mut seen).await?;
    context
        .transition(&mut seen, input, Spend::default())
        .await
        .map(|_| ())
}

/// Takes the job up, if it stopped before it was: only who works can wait. What it reads first may have been away.
async fn take_up(context: &Context, seen: &mut Seen) -> Result<(), Stop> {
    let (is_at_work, begun) = match &context.claim.step {
        None => (seen.task.state == TaskState::Running, false),
        Some(id) => {
            let state = seen.task.step(id).map(|step| step.state);
            (
                state == Some(StepState::Running),
                state != Some(StepState::Ready),
            )
        }
    };
    if is_at_work {
        return Ok(());
    }
    let claimed = Input::Claimed {
        step: context.claim.step.clone(),
        begun,
        crashes: context.claim.deaths(),
    };
    context
        .transition(seen, claimed, Spend::default())
        .await
        .map(|_| ())
}

/// Ends the job's part of the task as failed, with the reason.
pub async fn give_up(context: &Context, reason: String) -> Result<(), Stop> {
    let claimed = Input::Claimed {
        step: context.claim.step.clone(),
        begun: true,
        crashes: 0,
    };
    let input = match (context.claim.kind, &context.claim.step) {
        (JobKind::Plan, _) => Some(Input::PlanFailed {
            reason: reason.clone(),
        }),
        (JobKind::Step, Some(step)) => Some(Input::StepFailed {
            step: step.clone(),
            reason: reason.clone(),
            label: Label::Trusted,
        }),
        (JobKind::Report, _) => None,
        (JobKind::Step, None) | (JobKind::Deliver | JobKind::Housekeeping | JobKind::Stop, _) => {
            return Err(Stop::Damaged(reason));
        }
    };
    let mut seen = context.see().await?;
    context
        .transition(&mut seen, claimed, Spend::default())
        .await?;
    match input {
        Some(input) => context
            .transition(&mut seen, input, Spend::default())
            .await
            .map(|_| ()),
        None => report::without_model(context, &mut seen, Default::default(), reason).await,
    }
}

/// Gives the job back, so that it is claimed again when the store works. It is tried for as long as the store is away:
/// a job that stays claimed by a living worker would be stuck.
async fn give_back(context: &Context, stopped: &Stop) {
    let delay_ms = match stopped {
        Stop::Draining | Stop::Lapsed => 0,
        Stop::Lost => return context.was_taken(),
        // Long enough that a worker of the newer release comes first.
        Stop::NewerRules(_) => full_jitter_ms(
            NEWER_PAUSE_MS,
            NEWER_PAUSE_MS,
            0,
            context.parts.entropy.unit(),
        ),
        Stop::Store(_)
        | Stop::OutOfDate(_)
        | Stop::Wait(_)
        | Stop::NoPlace { .. }
        | Stop::Damaged(_)
        | Stop::TooLarge(_)
        | Stop::Machine(_)
        | Stop::Blobs(_) => {
            let unit = context.parts.entropy.unit();
            full_jitter_ms(STORE_PAUSE_MS, STORE_PAUSE_MS, 0, unit).max(100)
        }
    };
    if !matches!(stopped, Stop::Draining) {
        warn!(error = %source_chain(stopped), "the job is given back");
    }
    let mut attempt = 0;
    loop {
        match context
            .parts
            .store
            .release(
                &context.claim.guard(),
                Release {
                    delay_ms,
                    charged: false,
                },
            )
            .await
            .map_err(Stop::from)
        {
            Ok(()) => return,
            Err(Stop::Lost) => return context.was_taken(),
            Err(error) => {
                warn!(error = %source_chain(&error), attempt, "the job could not be given back yet");
            }
        }
        let pause_ms = full_jitter_ms(200, 5_000, attempt, context.parts.entropy.unit()).max(50);
        tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_ms(waits: u32, asked_ms: Option<u64>, unit: f64) -> u64 {
        trouble_pause_ms(&Options::default(), waits, asked_ms, unit)
    }

    #[test]
    fn jobs_that_failed_together_are_spread_over_the_whole_pause() {
        assert_eq!(pause_ms(0, None, 0.0), 500);
        assert_eq!(pause_ms(0, None, 0.5), 2_500);
        assert_eq!(pause_ms(3, None, 0.25), 10_000);
        assert_eq!(pause_ms(31, None, 0.0), 500);
        assert_eq!(pause_ms(31, None, 1.0), 15 * 60_000);
    }

    #[test]
    fn what_a_provider_asks_for_is_the_least_within_reason() {
        assert_eq!(pause_ms(0, Some(60_000), 0.0), 60_000);
        assert_eq!(pause_ms(0, Some(60_000), 0.5), 62_500);
        assert_eq!(pause_ms(0, Some(u64::MAX), 0.0), 15 * 60_000);
    }
}
