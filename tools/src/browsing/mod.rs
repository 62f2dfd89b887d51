//! The browsers of tasks: at most so many at a time, each for the steps of one task, closed when nobody uses it, and put back as it
//! was when somebody does again.
//!
//! They live in this process. What is kept of a browser that was closed is kept in memory: when the process ends, a step that goes on
//! elsewhere finds an empty browser, and is told so.

mod desk;
mod download;
mod events;
mod files;
mod live;
mod seat;
mod tabs;
mod visit;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::id::{TaskId, TenantId};
use agent_core::ports::live::Whose;
use agent_core::ports::tool::{NoneFree, ToolCall, ToolError, ToolOutcome};
use agent_core::ports::workspaces::Place;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::browser::{LaunchError, Launcher};
use crate::options::BrowserOptions;

pub(crate) use desk::Wanted;
pub(crate) use events::{one_line, state as download_state};
use seat::Seat;
pub(crate) use visit::{Stopped, Told, Visit, busy, shown};

/// A browser that nobody used for so long makes room for one that is wanted.
const SPARE_AFTER: Duration = Duration::from_secs(30);
/// What is kept of a closed browser is forgotten after so long.
const FORGET_AFTER: Duration = Duration::from_hours(1);
/// The same, where a person was asked to help.
const FORGET_ASKED_AFTER: Duration = Duration::from_hours(24);

/// Tasks are told apart by their tenants too.
type Key = (TenantId, TaskId);

/// All browsers of this process.
pub(crate) struct Browsers {
    launcher: Launcher,
    limit: u32,
    idle: Duration,
    seats: Mutex<HashMap<Key, Arc<Seat>>>,
}

impl Browsers {
    /// Started by this launcher, as many as the settings allow.
    pub fn new(launcher: Launcher, options: &BrowserOptions) -> Self {
        Self {
            launcher,
            limit: options.limit(),
            idle: Duration::from_millis(options.idle_ms),
            seats: Mutex::default(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<Key, Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a browser for the task of this place, or says that all are in use. One that nobody uses is closed for it, which the next
    /// to ask will find.
    pub fn reserve(&self, place: &Place) -> Result<(), NoneFree> {
        let key = (place.tenant.clone(), place.task.clone());
        let now = Instant::now();
        let mut seats = self.seats();
        seats.retain(|_, seat| {
            let asked = seat.asked().is_some();
            let forget = if asked {
                FORGET_ASKED_AFTER
            } else {
                FORGET_AFTER
            };
            seat.is_taken() || (!seat.is_over() && now - seat.last_use() < forget)
        });
        if let Some(seat) = seats.get(&key).filter(|seat| seat.is_taken()) {
            seat.touch();
            return Ok(());
        }
        let taken = seats.values().filter(|seat| seat.is_taken()).count();
        if u32::try_from(taken).unwrap_or(u32::MAX) >= self.limit {
            let idle = seats.values().filter(|seat| seat.is_spare(SPARE_AFTER));
            if let Some(longest) = idle.min_by_key(|seat| seat.last_use()) {
                Seat::close_soon(longest);
            }
            return Err(NoneFree { limit: self.limit });
        }
        let seat = seats.entry(key).or_default();
        Seat::take(seat, self.idle);
        Ok(())
    }

    /// The task's place, for one call of a step whose workspace ends with this token. A call that comes without having reserved
    /// one, such as one that is made again after a crash, takes it nevertheless.
    pub fn seat(&self, place: &Place, step: CancellationToken) -> Arc<Seat> {
        let key = (place.tenant.clone(), place.task.clone());
        let seat = Arc::clone(self.seats().entry(key).or_default());
        Seat::take(&seat, self.idle);
        seat.used_by(&place.step, step);
        seat
    }

    /// Keeps the task's browser for a person who was asked to help before this call.
    fn keep_for_person(&self, call: ToolCall) {
        let key = (call.place.tenant.clone(), call.place.task.clone());
        let seat = Arc::clone(self.seats().entry(key).or_default());
        seat.keep_for_person(call);
    }

    /// The task's place, if it has one.
    fn find(&self, whose: &Whose) -> Option<Arc<Seat>> {
        let key = (whose.tenant.clone(), whose.task.clone());
        self.seats().get(&key).cloned()
    }

    /// Closes the browser of a task that has ended, and forgets what was kept for it.
    pub fn task_ended(&self, tenant: &TenantId, task: &TaskId) {
        let key = (tenant.clone(), task.clone());
        if let Some(seat) = self.seats().get(&key) {
            seat.task_ended();
        }
    }

    /// Starts browsers.
    pub fn launcher(&self) -> &Launcher {
        &self.launcher
    }
}

/// What a browser that was not started means: where the machine is to be mended, the call is made again later.
fn refused(error: LaunchError) -> Result<ToolOutcome, ToolError> {
    match error {
        LaunchError::Sandbox(error) => crate::tool::not_started(error),
        LaunchError::Setup(error) => Err(crate::toolbox::machine_said_no(&error)),
        error @ (LaunchError::Missing | LaunchError::NotStarted(_)) => {
            Ok(ToolOutcome::say(false, error.to_string()))
        }
    }
}
