//! What a person sees of a task's browser, and what they do in it while the agent waits for them.
//!
//! Watching takes nothing from the agent: pictures come from the browser beside its calls, and no longer than somebody asks for them.
//! What a person does takes turns with those calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use agent_core::ports::live::{
    History, LiveAsked, LiveBrowser, LiveDialog, LiveFrame, LiveTab, LiveView, MouseButton,
    NotShown, PersonAct, Whose,
};
use agent_core::ports::tool::{ToolBox, ToolCall};
use agent_core::ports::workspaces::Place;
use async_trait::async_trait;
use browser::{ActError, Browser, Button, CallError, Click, Tab, TargetId};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::desk::Desk;
use super::seat::Seat;
use super::{events, shown};
use crate::tool::browser_wanted;
use crate::toolbox::Toolbox;

/// Pictures are asked for so long after the last watcher did.
const WATCHED_FOR: Duration = Duration::from_secs(15);
/// How long a person waits for a call of the agent to end.
const TURN_WITHIN: Duration = Duration::from_secs(20);
/// A tab that sent no picture by then is not in front, or does not change.
const FIRST_WITHIN: Duration = Duration::from_millis(1_500);

/// The part of a seat that can be seen while a call of the agent has its desk.
#[derive(Default)]
pub(super) struct Stage {
    shown: Mutex<Shown>,
    pictures: Mutex<HashMap<TargetId, Arc<tokio::sync::Mutex<Pictures>>>>,
    last_number: AtomicU64,
    watched: Mutex<Watched>,
}

/// The browser and its tabs as the last call left them.
#[derive(Default, Clone)]
struct Shown {
    browser: Weak<Browser>,
    tabs: Vec<(String, TargetId)>,
    current: Option<TargetId>,
}

/// The pictures of a tab.
#[derive(Default)]
struct Pictures {
    /// The number of the last one in its browser.
    source: u64,
    last: Option<LiveFrame>,
}

#[derive(Default)]
struct Watched {
    until: Option<Instant>,
    /// Whether somebody waits to stop the pictures.
    is_tended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// Lets it show what is on the desk.
    pub fn set(&self, desk: &Desk, place: &Place) {
        let browser = desk.live.as_ref().map(|live| Arc::downgrade(&live.browser));
        *lock(&self.shown) = Shown {
            browser: browser.unwrap_or_default(),
            tabs: desk.tabs.all(),
            current: desk.tabs.current(&place.step).cloned(),
        };
    }

    /// The browser, if it runs and can be spoken to.
    fn browser(&self) -> Option<Arc<Browser>> {
        let browser = lock(&self.shown).browser.upgrade()?;
        browser.closed().now_or_never().is_none().then_some(browser)
    }

    /// The tab of this name, or the current one.
    fn target(&self, name: Option<&str>) -> Result<TargetId, NotShown> {
        let shown = lock(&self.shown);
        let Some(name) = name else {
            let last = || shown.tabs.last().map(|(_, target)| target.clone());
            let current = shown.current.clone().or_else(last);
            return current.ok_or_else(|| NotShown::Refused("no page is open".to_owned()));
        };
        let found = shown.tabs.iter().find(|(known, _)| known == name);
        let target = found.map(|(_, target)| target.clone());
        target.ok_or_else(|| NotShown::Tab(name.to_owned()))
    }

    fn pictures(&self, target: &TargetId) -> Arc<tokio::sync::Mutex<Pictures>> {
        Arc::clone(lock(&self.pictures).entry(target.clone()).or_default())
    }

    fn keep(&self, pictures: &mut Pictures, source: u64, jpeg: Vec<u8>) -> LiveFrame {
        let frame = LiveFrame {
            number: self.last_number.fetch_add(1, Ordering::Relaxed) + 1,
            jpeg: jpeg.into(),
        };
        *pictures = Pictures {
            source,
            last: Some(frame.clone()),
        };
        frame
    }

    /// Notes that somebody watches.
    fn watch(seat: &Arc<Seat>) {
        let mut watched = lock(&seat.stage.watched);
        watched.until = Some(Instant::now() + WATCHED_FOR);
        if !watched.is_tended {
            watched.is_tended = true;
            tokio::spawn(tend(Arc::downgrade(seat)));
        }
    }

    /// When the pictures may stop; nothing if they may now.
    fn until(&self) -> Option<Instant> {
        let mut watched = lock(&self.watched);
        let until = watched.until.filter(|until| *until > Instant::now());
        watched.is_tended = until.is_some();
        until
    }
}

/// Stops the pictures when nobody has asked for one for a while.
async fn tend(seat: Weak<Seat>) {
    while let Some(until) = seat.upgrade().and_then(|seat| seat.stage.until()) {
        sleep_until(until).await;
    }
    let Some(seat) = seat.upgrade() else {
        return;
    };
    lock(&seat.stage.pictures).clear();
    if let Some(browser) = seat.stage.browser() {
        for tab in browser.tabs() {
            // One that is gone sends none.
            let _ = tab.stop_cast().await;
        }
    }
}

impl Toolbox {
    /// Keeps a task's browser for a person who was asked to help with this call.
    pub(crate) fn keep_for_person(&self, call: ToolCall) {
        if let Some(browsers) = &self.context().browsers {
            browsers.keep_for_person(call);
        }
    }

    /// The seat of the task, and its browser, which is started again where the task waits for a person.
    async fn stage(&self, whose: &Whose) -> Result<(Arc<Seat>, Arc<Browser>), NotShown> {
        let browsers = self.context().browsers.as_ref().ok_or(NotShown::None)?;
        let seat = browsers.find(whose).ok_or(NotShown::None)?;
        seat.touch_for_person(&whose.waiting);
        if let Some(browser) = seat.stage.browser() {
            return Ok((seat, browser));
        }
        let call = seat.asked().ok_or(NotShown::None)?;
        let full = |full: agent_core::ports::tool::NoneFree| {
            let limit = full.limit;
            NotShown::Refused(format!("all {limit} browsers are in use; try again soon"))
        };
        browsers.reserve(&call.place).map_err(full)?;
        let wanted = browser_wanted(self.context(), browsers, &call);
        let wanted = wanted.map_err(NotShown::Failed)?;
        let mut sitting = seat.sit().await;
        let started = sitting.desk.ready(wanted).await;
        started.map_err(|error| NotShown::Failed(error.to_string()))?;
        sitting.desk.take_in(&call.place.step);
        seat.stage.set(&sitting.desk, &call.place);
        drop(sitting);
        let browser = seat.stage.browser().ok_or(NotShown::None)?;
        Ok((seat, browser))
    }
}

#[async_trait]
impl LiveView for Toolbox {
    async fn browser(&self, whose: &Whose) -> Result<LiveBrowser, NotShown> {
        let (seat, browser) = self.stage(whose).await?;
        if let (Some(call), Ok(mut desk)) = (seat.asked(), seat.try_desk()) {
            // Tabs that pages opened since the agent looked last.
            desk.take_in(&call.place.step);
            seat.stage.set(&desk, &call.place);
        }
        let shown = lock(&seat.stage.shown).clone();
        let mut tabs = Vec::new();
        for (name, target) in shown.tabs {
            let Ok(tab) = browser.tab(&target) else {
                continue;
            };
            tabs.push(LiveTab {
                name,
                url: tab.url().unwrap_or_default(),
                title: tab.title().await.unwrap_or_default(),
                is_current: shown.current.as_ref() == Some(&target),
                dialog: tab.dialog().ok().flatten().map(|dialog| LiveDialog {
                    kind: dialog.kind,
                    message: dialog.message,
                    proposed: dialog.proposed,
                }),
            });
        }
        let asked = seat.asked().and_then(|asked| {
            let help = self.help(&asked.tool, &asked.arguments)?;
            Some(LiveAsked {
                call: asked.call,
                step: asked.place.step,
                help,
            })
        });
        Ok(LiveBrowser { tabs, asked })
    }

    async fn frame(
        &self,
        whose: &Whose,
        tab: Option<&str>,
        after: u64,
        within: Duration,
    ) -> Result<Option<LiveFrame>, NotShown> {
        let (seat, browser) = self.stage(whose).await?;
        let target = seat.stage.target(tab)?;
        let tab = browser.tab(&target).map_err(|error| failed(&error))?;
        Stage::watch(&seat);
        let pictures = seat.stage.pictures(&target);
        let watching = async {
            let mut pictures = pictures.lock().await;
            let newer = pictures.last.clone().filter(|last| last.number > after);
            if newer.is_some() {
                return Ok(newer);
            }
            tab.start_cast().await?;
            let is_first = pictures.last.is_none();
            let wait = if is_first { FIRST_WITHIN } else { within };
            if let Some((source, jpeg)) = tab.cast(pictures.source, wait).await? {
                return Ok(Some(seat.stage.keep(&mut pictures, source, jpeg)));
            }
            // To bring it to front would disturb a call of the agent.
            let Some(_desk) = seat.try_desk().ok().filter(|_| is_first) else {
                return Ok(None);
            };
            let source = pictures.source;
            let jpeg = tab.screenshot().await?;
            Ok(Some(seat.stage.keep(&mut pictures, source, jpeg)))
        };
        let frame = timeout(within.max(FIRST_WITHIN) * 2, watching).await;
        frame.unwrap_or(Ok(None)).map_err(|error| failed(&error))
    }

    async fn act(&self, whose: &Whose, tab: Option<&str>, act: PersonAct) -> Result<(), NotShown> {
        let (seat, _) = self.stage(whose).await?;
        let busy = |_| NotShown::Refused("the agent is at work in this browser".to_owned());
        let mut sitting = timeout(TURN_WITHIN, seat.sit()).await.map_err(busy)?;
        let call = seat.asked().ok_or(NotShown::NotAsked)?;
        let desk = &mut *sitting.desk;
        desk.take_in(&call.place.step);
        seat.stage.set(desk, &call.place);
        let target = seat.stage.target(tab)?;
        let live = desk.live.as_mut().ok_or(NotShown::None)?;
        let tab = live.browser.tab(&target).map_err(|error| failed(&error))?;
        let is_typed = matches!(act, PersonAct::Type(_)) || is_letter(&act);
        if is_typed {
            // What they type is for the page alone.
            tab.hide_focused().await.map_err(|error| failed(&error))?;
            live.hidden.extend(shown(&tab));
        }
        let done = perform(&tab, act).await;
        if is_typed {
            // A page that cannot say keeps them to itself.
            let values = tab.hidden_values().await.unwrap_or_default();
            desk.note_typed(values);
        }
        desk.tabs.switch(&call.place.step, &target);
        seat.stage.set(desk, &call.place);
        done.map_err(|why| NotShown::Failed(events::one_line(&why)))
    }
}

fn failed(error: &CallError) -> NotShown {
    NotShown::Failed(error.to_string())
}

/// Whether it is a key that enters a letter.
fn is_letter(act: &PersonAct) -> bool {
    matches!(act, PersonAct::Key(key) if key.chars().count() == 1)
}

async fn perform(tab: &Tab, act: PersonAct) -> Result<(), String> {
    let acted = match act {
        PersonAct::Click { at, button, count } => {
            let button = match button {
                MouseButton::Left => Button::Left,
                MouseButton::Middle => Button::Middle,
                MouseButton::Right => Button::Right,
            };
            let click = Click { button, count };
            tab.click_at(at.0, at.1, click).await.map(|_| ())
        }
        PersonAct::Move { to } => tab.hover_at(to.0, to.1).await.map(|_| ()),
        PersonAct::Scroll { at, by } => tab.wheel_at(at, by).await,
        PersonAct::Type(text) => tab.insert_text(&text).await,
        PersonAct::Key(keys) => tab.key(&keys).await.map(|_| ()),
        PersonAct::Dialog { accept, text } => {
            let answered = tab.answer_dialog(accept, text.as_deref()).await;
            answered.map_err(ActError::Call)
        }
        PersonAct::Go(way) => {
            let went = match way {
                History::Back => tab.back().await,
                History::Forward => tab.forward().await,
                History::Reload => tab.reload().await,
            };
            return went.map(|_| ()).map_err(|error| error.to_string());
        }
    };
    acted.map_err(|error| error.to_string())
}
