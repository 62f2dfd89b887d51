//! The pool: claims jobs, runs them, watches the lease, and drains at the end.
//!
//! One life of a worker is one epoch. When the lease is lost, all its jobs are stopped and a new life begins.
//!
//! Where several things are ready at once, their order is fixed, so that a simulation can repeat a run: what ends the work
//! first, then what comes by the clock, then the jobs.

mod held;
mod leaving;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agent_core::job::{Claim, Incarnation, WorkerName};
use agent_core::ports::store::{Release, Room, StoreError};
use agent_core::ports::tool::ToolSpec;
use agent_core::retry::full_jitter_ms;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::call_back::Caller;
use crate::context::{Context, with_end};
use crate::error_text::source_chain;
use crate::house::Housekeeper;
use crate::lease::{Heartbeat, Lease, Lost};
use crate::options::Options;
use crate::parts::Parts;
use crate::pulse::Pulse;
use crate::running::{Ended, Running};
use crate::tool_limits::ToolLimits;

/// How often running jobs are compared with the queue, to stop those that were cancelled.
const WATCH_MS: u64 = 1_000;

/// How long, at most, a job is left alone that panicked.
const PANICKED_PAUSE_MS: u64 = 2_000;
/// How a job is given back that was cut off by a shutdown.
const CUT_OFF: Release = Release {
    delay_ms: 0,
    charged: false,
};

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every job ended or was handed back.
    Clean,
    /// Some jobs were cut off; others will find them when the lease lapses.
    Cut,
}

/// A worker process.
pub struct Worker {
    parts: Parts,
    options: Arc<Options>,
    name: WorkerName,
    pulse: Arc<Pulse>,
    tool_limits: Arc<ToolLimits>,
    every_tool: Arc<[ToolSpec]>,
    draining: CancellationToken,
}

/// When to look for jobs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Now,
    /// As soon as a job ends: there may be more than there was room for.
    WithRoom,
    /// When somebody says that there may be some, and then at the latest: what is said can be lost.
    WhenHinted(Instant),
    /// Then: the store could not be asked.
    After(Instant),
}

/// Why a life ended.
enum LifeEnd {
    LeaseLost(Lost),
    Shutdown(Drained),
}

impl Worker {
    /// A worker with a stable name. Whoever wants to know whether it is alive keeps a copy of its pulse.
    pub fn new(parts: Parts, options: Options, name: WorkerName, pulse: Arc<Pulse>) -> Self {
        let every_tool = with_end(parts.tools.specs().to_vec());
        Self {
            parts,
            every_tool,
            tool_limits: Arc::new(ToolLimits::new(
                &options.tool_calls_at_once,
                Duration::from_millis(options.tool_patience_ms),
            )),
            options: Arc::new(options),
            name,
            pulse,
            draining: CancellationToken::new(),
        }
    }

    /// Works until `shutdown` is ready, then drains for at most the configured time, or until `at_once` is ready.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> Drained {
        let house = Housekeeper::new(
            Arc::clone(&self.parts.housekeeping),
            Arc::clone(&self.parts.shelves),
            self.options.housekeeping.clone(),
        );
        let caller = Caller {
            parts: self.parts.clone(),
            engine: self.options.engine,
        };
        let tool_limits = Arc::clone(&self.tool_limits);
        tokio::select! {
            biased;
            drained = self.work(shutdown, at_once) => drained,
            never = house.keep() => match never {},
            never = tool_limits.call_back(&caller) => match never {},
        }
    }

    async fn work(
        self,
        shutdown: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> Drained {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut at_once = std::pin::pin!(at_once);
        let mut outlived = None;
        loop {
            self.pulse.beat();
            let begun = Instant::now();
            if self.draining.is_cancelled() {
                return self.leave(outlived.as_ref(), &mut at_once).await;
            }
            let who = tokio::select! {
                biased;
                () = &mut shutdown => {
                    self.draining.cancel();
                    return self.leave(outlived.as_ref(), &mut at_once).await;
                }
                who = self.begin(outlived.as_ref()) => who,
            };
            let mut heartbeat = self.heartbeat(&who, begun).await;
            let mut running = Running::of(&heartbeat.lease);
            if outlived.is_some() {
                // Whoever was deaf cannot tell who else was, so the others get as long as a lease to come back.
                running.judges_from = begun + Duration::from_millis(self.options.lease_ms);
            }
            let end = tokio::select! {
                biased;
                why = heartbeat.lost() => LifeEnd::LeaseLost(why),
                end = self.live(&who, &mut running, &mut shutdown, &mut at_once) => end,
            };
            // Dropping a job's future ends what it started; nothing of an old life may act on.
            running.tasks.shutdown().await;
            match end {
                LifeEnd::Shutdown(drained) => return drained,
                LifeEnd::LeaseLost(lost) => {
                    let (worker, epoch) = (&who.worker.0, who.epoch);
                    warn!(worker, epoch, why = %lost, "this life ended; a new one begins");
                    outlived = lost.is_no_crash().then_some(who);
                }
            }
        }
    }

    /// Without a heartbeat there is no lease to work under, so it is tried until it starts.
    async fn heartbeat(&self, who: &Incarnation, begun: Instant) -> Heartbeat {
        let length = Duration::from_millis(self.options.lease_ms);
        let mut attempt = 0;
        loop {
            let (lifeline, pulse) = (&self.parts.lifeline, Arc::clone(&self.pulse));
            match Heartbeat::start(lifeline, pulse, who.clone(), Lease::new(length, begun)) {
                Ok(heartbeat) => return heartbeat,
                Err(error) => warn!(
                    error = source_chain(&error),
                    attempt, "the heartbeat's thread could not be started yet"
                ),
            }
            self.pause(attempt).await;
            attempt += 1;
        }
    }

    /// Begins a life. `outlived` is the one before, if its lease was lost and nothing had crashed.
    async fn begin(&self, outlived: Option<&Incarnation>) -> Incarnation {
        let mut attempt = 0;
        loop {
            self.pulse.beat();
            match self.try_to_begin(outlived).await {
                Ok(who) => {
                    info!(
                        worker = who.worker.0,
                        epoch = who.epoch,
                        "the worker begins"
                    );
                    return who;
                }
                Err(error) => warn!(
                    error = source_chain(&error),
                    attempt, "the worker could not begin yet"
                ),
            }
            self.pause(attempt).await;
            attempt += 1;
        }
    }

    /// What an outlived life held was stopped by nobody's crash, so it is given back uncharged before the new life would
    /// take it for the remains of one.
    async fn try_to_begin(
        &self,
        outlived: Option<&Incarnation>,
    ) -> Result<Incarnation, StoreError> {
        if let Some(life) = outlived {
            self.give_all_back(life).await?;
        }
        self.parts.store.begin(&self.name).await
    }

    async fn pause(&self, attempt: u32) {
        tokio::time::sleep(self.pause_after(attempt)).await;
    }

    fn pause_after(&self, attempt: u32) -> Duration {
        let pause_ms = full_jitter_ms(200, 5_000, attempt, self.parts.entropy.unit()).max(50);
        Duration::from_millis(pause_ms)
    }

    async fn live(
        &self,
        who: &Incarnation,
        running: &mut Running,
        shutdown: &mut (impl Future<Output = ()> + Unpin),
        at_once: &mut (impl Future<Output = ()> + Unpin),
    ) -> LifeEnd {
        let mut watch = tokio::time::interval(Duration::from_millis(WATCH_MS));
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failures = 0;
        let mut next = Look::Now;
        loop {
            self.pulse.beat();
            if next == Look::Now {
                next = match self.fill(who, running).await {
                    Ok(is_empty) => {
                        failures = 0;
                        self.next_look(is_empty)
                    }
                    Err(error @ StoreError::LeaseLost { .. }) => {
                        return LifeEnd::LeaseLost(Lost::Refused(error.to_string()));
                    }
                    Err(error) => {
                        warn!(error = source_chain(&error), "no jobs could be claimed");
                        running.unsure = true;
                        let pause = self.pause_after(failures);
                        failures += 1;
                        Look::After(Instant::now() + pause)
                    }
                };
            }
            tokio::select! {
                biased;
                () = &mut *shutdown => break,
                _ = watch.tick() => self.watch(who, running).await,
                ended = running.ended() => {
                    if self.has_room_again(&next, failures) {
                        next = Look::Now;
                    }
                    match ended {
                        Ended::Done(Some(claim)) => running.start(self.context(who, running, claim)),
                        // Somebody may wait to hear that it is gone.
                        Ended::Done(None) if running.taken => self.sort_out(who, running, false).await,
                        Ended::Done(None) => {}
                        Ended::Panicked(claim) => self.put_back(running, claim).await,
                    }
                }
                () = self.until(&next) => next = Look::Now,
            }
        }
        LifeEnd::Shutdown(self.drain(who, running, at_once).await)
    }

    /// When to look for jobs again after as many were claimed as there was room for, or as there were.
    fn next_look(&self, is_empty: bool) -> Look {
        if !is_empty {
            return Look::WithRoom;
        }
        let (min, max) = (
            self.options.poll_min_ms,
            self.options.poll_max_ms.max(self.options.poll_min_ms),
        );
        let at_most = min + full_jitter_ms(max - min, max - min, 0, self.parts.entropy.unit());
        Look::WhenHinted(Instant::now() + Duration::from_millis(at_most))
    }

    /// Whether the end of a job is a reason to look for another. It is none where the queue was seen empty, unless what has room
    /// now is a tenant that had none.
    fn has_room_again(&self, next: &Look, failures: u32) -> bool {
        failures == 0
            && match next {
                Look::Now | Look::WithRoom => true,
                Look::WhenHinted(_) => self.options.tenant_jobs_at_once > 0,
                Look::After(_) => false,
            }
    }

    async fn until(&self, next: &Look) {
        match next {
            Look::Now => {}
            Look::WithRoom => std::future::pending().await,
            Look::WhenHinted(at) => {
                let at_most = at.saturating_duration_since(Instant::now());
                self.parts.wake.jobs(at_most).await;
            }
            Look::After(at) => tokio::time::sleep_until(*at).await,
        }
    }

    /// Gives a job back that panicked. The charge bounds how often that may happen to one job.
    async fn put_back(&self, running: &mut Running, claim: Claim) {
        error!(task.id = %claim.task, job.id = %claim.job, "the job panicked; this is a fault of the program");
        let unit = self.parts.entropy.unit();
        let panicked = Release {
            delay_ms: full_jitter_ms(PANICKED_PAUSE_MS, PANICKED_PAUSE_MS, 0, unit).max(100),
            charged: true,
        };
        if let Err(error) = self.parts.store.release(&claim.guard(), panicked).await {
            warn!(error = source_chain(&error), job.id = %claim.job, "the job could not be given back yet");
            running.unsure = true;
        }
    }

    /// Claims as many jobs as there is room for. Says whether the queue has no more for this worker: where as many came as
    /// there was room for, there may be more as soon as one ends.
    async fn fill(&self, who: &Incarnation, running: &mut Running) -> Result<bool, StoreError> {
        // The store goes by the whole lease, and this life by a part of it: what it claimed now it would have to give back.
        if !running.lease.holds() {
            return Ok(true);
        }
        loop {
            let room = running.room(&self.options);
            if room.jobs == 0 {
                return Ok(false);
            }
            let found = self.claim(who, running, &room).await?;
            if found == room.jobs as usize {
                return Ok(false);
            }
            // A tenant that has no more room since then stood before others that have.
            if running.room(&self.options).full() == room.full() {
                return Ok(true);
            }
        }
    }

    async fn claim(
        &self,
        who: &Incarnation,
        running: &mut Running,
        room: &Room,
    ) -> Result<usize, StoreError> {
        let lease_ms = self.options.lease_ms;
        let claims = self.parts.store.claim(who, lease_ms, room).await?;
        let found = claims.len();
        for claim in claims {
            running.start(self.context(who, running, claim));
        }
        Ok(found)
    }

    fn context(&self, who: &Incarnation, running: &Running, claim: Claim) -> Context {
        Context {
            parts: self.parts.clone(),
            options: Arc::clone(&self.options),
            claim,
            who: who.clone(),
            handed_over: OnceLock::new(),
            is_leaving: Arc::default(),
            lease: Arc::clone(&running.lease),
            every_tool: Arc::clone(&self.every_tool),
            tool_limits: Arc::clone(&self.tool_limits),
            draining: self.draining.clone(),
        }
    }

    /// Stops jobs that were taken away, gives back those that run nowhere, and takes over jobs of workers that fell silent.
    async fn watch(&self, who: &Incarnation, running: &mut Running) {
        let held = running.pairs();
        if !held.is_empty() {
            match self.parts.store.lost(&held).await {
                Ok(lost) => running.stop(&lost, &held),
                Err(error) => warn!(
                    error = source_chain(&error),
                    "running jobs could not be compared with the queue"
                ),
            }
        }
        // Each question may wait as long for a silent store as the store allows; that is no reason to look deaf.
        self.pulse.beat();
        if running.unsure || running.taken {
            let gives_back = running.unsure;
            self.sort_out(who, running, gives_back).await;
        }
        self.pulse.beat();
        if Instant::now() < running.judges_from {
            return;
        }
        match self.parts.store.reap(self.options.lease_ms).await {
            Ok(0) => {}
            Ok(jobs) => info!(jobs, "jobs of silent workers are ready again"),
            Err(error) => warn!(
                error = source_chain(&error),
                "silent workers could not be looked for"
            ),
        }
    }
}
