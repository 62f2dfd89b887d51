//! One task's place among the browsers: whether it counts, who uses it, and when it is closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::id::StepId;
use agent_core::ports::tool::ToolCall;
use agent_core::ports::workspaces::Place;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::live::Stage;

/// How long a browser is kept after the last step that used it ended, or began to wait. The next step of the task is likely to want
/// it, and so is one whose owner decides soon. One that is wanted elsewhere goes sooner.
const LINGER: Duration = Duration::from_mins(2);

/// How long a browser is kept for a person who was asked and has not come, and for one who comes now and then.
const KEPT_FOR_PERSON: Duration = Duration::from_mins(15);
/// When it may be closed before that, if another task wants one.
const SPARE_FROM_PERSON: Duration = Duration::from_mins(5);

/// How long the end of a download is waited for before a browser is closed that nobody else wants.
const DOWNLOAD_WITHIN: Duration = Duration::from_mins(10);

/// See the module's description.
pub(crate) struct Seat {
    /// What is seen of it from outside.
    pub(super) stage: Stage,
    /// For one call at a time.
    desk: tokio::sync::Mutex<Desk>,
    held: Mutex<Held>,
    /// Told when it is to be closed at once.
    wanted: Notify,
}

struct Held {
    /// Whether it is one of the few.
    is_taken: bool,
    /// Whether somebody waits for a moment to close it.
    is_kept: bool,
    /// Whether it is being closed: it counts until nothing of its browser is left.
    closing: Closing,
    /// Whether its task has ended.
    is_over: bool,
    /// The calls before which a person was asked to help, one for each step that waits for one.
    asked: Vec<ToolCall>,
    /// When a person last had to do with it, or was asked to.
    person: Option<Instant>,
    /// The steps that used it and are not known to have ended.
    steps: Vec<(StepId, CancellationToken)>,
    busy: u32,
    last: Instant,
}

/// How far the closing of a browser has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It is not being closed.
    No,
    /// It is.
    Yes,
    /// It is, and somebody wants it again.
    WantedAgain,
}

impl Held {
    /// Notes that somebody wants the place.
    fn want(&mut self) {
        if self.closing == Closing::Yes {
            self.closing = Closing::WantedAgain;
        }
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            desk: tokio::sync::Mutex::default(),
            held: Mutex::new(Held {
                is_taken: false,
                is_kept: false,
                closing: Closing::No,
                is_over: false,
                asked: Vec::new(),
                person: None,
                steps: Vec::new(),
                busy: 0,
                last: Instant::now(),
            }),
            wanted: Notify::new(),
        }
    }
}

/// A call that uses the browser. It ends when this is dropped.
pub(crate) struct Sitting<'a> {
    pub desk: tokio::sync::MutexGuard<'a, Desk>,
    counted: Counted<'a>,
}

impl Sitting<'_> {
    /// The steps that use the browser and have not ended.
    pub fn working_steps(&self) -> Vec<StepId> {
        let held = self.counted.0.held();
        let working = held.steps.iter().filter(|(_, ended)| !ended.is_cancelled());
        let working = working.map(|(step, _)| step.clone());
        let asked = held.asked.iter().map(|call| call.place.step.clone());
        working.chain(asked).collect()
    }

    /// Lets whoever watches see what the call does.
    pub fn show(&self, place: &Place) {
        self.counted.0.stage.set(&self.desk, place);
    }
}

/// Counts a call for as long as it lives.
struct Counted<'a>(&'a Seat);

impl<'a> Counted<'a> {
    fn new(seat: &'a Seat) -> Self {
        seat.held().busy += 1;
        Self(seat)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.busy -= 1;
        held.last = Instant::now();
    }
}

impl Seat {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its task has ended.
    pub fn is_over(&self) -> bool {
        self.held().is_over
    }

    /// Whether it is one of the few that may be.
    pub fn is_taken(&self) -> bool {
        self.held().is_taken
    }

    /// When it was used last.
    pub fn last_use(&self) -> Instant {
        self.held().last
    }

    /// Notes that somebody is about to use it.
    pub fn touch(&self) {
        let mut held = self.held();
        held.last = Instant::now();
        held.want();
    }

    /// Whether nobody has used it for so long.
    pub fn is_spare(&self, after: Duration) -> bool {
        let held = self.held();
        let for_person = held.person.filter(|_| !held.asked.is_empty());
        held.is_taken
            && held.busy == 0
            && held.last.elapsed() >= after
            && for_person.is_none_or(|last| last.elapsed() >= SPARE_FROM_PERSON)
    }

    /// Lets it count, from now until it was idle for so long or its steps have ended.
    pub fn take(seat: &Arc<Self>, idle: Duration) {
        let mut held = seat.held();
        held.is_taken = true;
        held.last = Instant::now();
        held.want();
        if !held.is_kept {
            held.is_kept = true;
            tokio::spawn(keep(Arc::clone(seat), idle));
        }
    }

    /// Notes a step that uses it.
    pub fn used_by(&self, step: &StepId, ended: CancellationToken) {
        let mut held = self.held();
        held.steps
            .retain(|(one, ended)| one != step && !ended.is_cancelled());
        held.steps.push((step.clone(), ended));
        held.asked.retain(|call| call.place.step != *step);
    }

    /// Notes that a person was asked to help before this call.
    pub fn keep_for_person(&self, call: ToolCall) {
        let mut held = self.held();
        held.asked
            .retain(|asked| asked.place.step != call.place.step);
        held.asked.push(call);
        held.person = Some(Instant::now());
    }

    /// Notes that a person looks at it, and which steps still wait for one.
    pub fn touch_for_person(&self, waiting: &[StepId]) {
        let mut held = self.held();
        held.asked.retain(|call| waiting.contains(&call.place.step));
        held.person = Some(Instant::now());
    }

    /// The call before which a person was asked to help last.
    pub fn asked(&self) -> Option<ToolCall> {
        self.held().asked.last().cloned()
    }

    /// The desk, if no call has it.
    pub fn try_desk(&self) -> Result<tokio::sync::MutexGuard<'_, Desk>, tokio::sync::TryLockError> {
        self.desk.try_lock()
    }

    /// Begins a call, when the calls before it are over. It is counted before that, so that the browser is not closed meanwhile.
    pub async fn sit(&self) -> Sitting<'_> {
        let counted = Counted::new(self);
        Sitting {
            desk: self.desk.lock().await,
            counted,
        }
    }

    /// Closes it and forgets what was kept: nobody will want it any more.
    pub fn task_ended(&self) {
        let mut held = self.held();
        held.asked.clear();
        held.is_over = true;
        drop(held);
        self.wanted.notify_one();
    }

    /// Closes it at the next moment at which nobody uses it.
    pub fn close_soon(seat: &Arc<Self>) {
        seat.wanted.notify_one();
    }

    /// When it may be closed, and the steps that have not ended.
    fn due(&self, idle: Duration) -> (Instant, Vec<CancellationToken>) {
        let mut held = self.held();
        held.steps.retain(|(_, ended)| !ended.is_cancelled());
        let after = if held.steps.is_empty() { LINGER } else { idle };
        let for_person = held.person.filter(|_| !held.asked.is_empty());
        let due = for_person.map_or(held.last, |last| last + KEPT_FOR_PERSON);
        let steps = held.steps.iter().map(|(_, ended)| ended.clone());
        (due.max(held.last + after), steps.collect())
    }

    /// Begins to close it, unless somebody uses it. The browser itself is closed by whoever gets `true`.
    fn begin_closing(&self) -> bool {
        let mut held = self.held();
        let is_free = held.busy == 0;
        if is_free {
            held.closing = Closing::Yes;
        }
        is_free
    }

    /// Gives it up when its browser is gone, unless somebody wants it again. `true`: it counts no more.
    fn end_closing(&self) -> bool {
        let mut held = self.held();
        let was = std::mem::replace(&mut held.closing, Closing::No);
        held.is_taken = was == Closing::WantedAgain;
        held.is_kept = held.is_taken;
        !held.is_taken
    }
}

/// Closes a browser when its time has come.
async fn keep(seat: Arc<Seat>, idle: Duration) {
    let mut downloads_until = None;
    loop {
        let (due, steps) = seat.due(idle);
        let ended = async {
            if steps.is_empty() {
                std::future::pending::<()>().await;
            }
            join_all(steps.iter().map(CancellationToken::cancelled)).await;
        };
        let at_once = tokio::select! {
            () = seat.wanted.notified() => true,
            () = sleep_until(due) => false,
            () = ended => false,
        };
        let is_due = at_once || seat.due(idle).0 <= Instant::now();
        // A call that waits for the desk has been counted, so it does not find a browser that goes away under it.
        let mut desk = seat.desk.lock().await;
        if is_due && !at_once && desk.is_downloading() {
            let until = *downloads_until.get_or_insert_with(|| Instant::now() + DOWNLOAD_WITHIN);
            if Instant::now() < until {
                drop(desk);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        }
        if is_due && seat.begin_closing() {
            desk.put_away().await;
            drop(desk);
            if seat.end_closing() {
                return;
            }
            continue;
        }
        drop(desk);
        if is_due {
            // It is in use: to be looked at again when that is over.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than this test.
    const IDLE: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_place_counts_until_its_browser_is_gone_and_stays_whose_it_is_if_it_is_wanted_again()
    {
        let seat = Arc::new(Seat::default());
        Seat::take(&seat, IDLE);
        let sitting = seat.sit().await;
        assert!(!seat.begin_closing(), "it is in use");
        drop(sitting);
        assert!(seat.begin_closing());
        assert!(seat.is_taken(), "its browser is there still");
        seat.touch();
        assert!(!seat.end_closing(), "somebody was promised a browser");
        assert!(seat.is_taken());
        assert!(seat.begin_closing() && seat.end_closing());
        assert!(!seat.is_taken());
    }
}
