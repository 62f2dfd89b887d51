//! The mouse: click, hover, and the events that both are made of.

use std::time::Duration;

use serde_json::json;

use super::aim::Disabled;
use super::{ActError, Acted, Place};
use crate::browser::Notice;
use crate::driver::{CallError, Frames, NodeHandle, TargetId};
use crate::tab::Tab;

/// How long a page that has opened another tab may take to say that it took the event.
const COVERED: Duration = Duration::from_millis(300);

/// A button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Button {
    /// The ordinary one.
    #[default]
    Left,
    /// Opens links in new tabs.
    Middle,
    /// Opens menus.
    Right,
}

impl Button {
    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Middle => "middle",
            Self::Right => "right",
        }
    }

    /// The bit that says that it is held.
    fn bit(self) -> u8 {
        match self {
            Self::Left => 1,
            Self::Right => 2,
            Self::Middle => 4,
        }
    }
}

/// How to click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click {
    /// With which button.
    pub button: Button,
    /// How often: two is a double click.
    pub count: u8,
}

impl Default for Click {
    fn default() -> Self {
        Self {
            button: Button::Left,
            count: 1,
        }
    }
}

/// What the mouse does at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// It comes there with a button held or none.
    To {
        held: Option<Button>,
    },
    Press {
        button: Button,
        count: u8,
    },
    Release {
        button: Button,
        count: u8,
    },
}

impl Tab {
    /// Clicks an element.
    pub async fn click(&self, node: &NodeHandle, click: Click) -> Result<Acted, ActError> {
        let place = self.aim(node, Disabled::Refused).await?;
        self.click_place(place, click).await
    }

    /// Clicks whatever is at a place in the view.
    pub async fn click_at(&self, x: f64, y: f64, click: Click) -> Result<Acted, ActError> {
        self.check_place(x, y).await?;
        self.click_place(Place::point(x, y), click).await
    }

    pub(super) async fn click_place(&self, place: Place, click: Click) -> Result<Acted, ActError> {
        let button = click.button;
        let mut moves = vec![Move::To { held: None }];
        for count in 1..=click.count.max(1) {
            moves.extend([
                Move::Press { button, count },
                Move::Release { button, count },
            ]);
        }
        let dialog = self.mouse(place, &moves).await?;
        Ok(Acted {
            place: Some(place),
            dialog,
        })
    }

    /// Moves the mouse over an element.
    pub async fn hover(&self, node: &NodeHandle) -> Result<Acted, ActError> {
        let place = self.aim(node, Disabled::Allowed).await?;
        let dialog = self.mouse(place, &[Move::To { held: None }]).await?;
        Ok(Acted {
            place: Some(place),
            dialog,
        })
    }

    /// Moves the mouse to a place in the view.
    pub async fn hover_at(&self, x: f64, y: f64) -> Result<Acted, ActError> {
        self.check_place(x, y).await?;
        let place = Place::point(x, y);
        let dialog = self.mouse(place, &[Move::To { held: None }]).await?;
        Ok(Acted {
            place: Some(place),
            dialog,
        })
    }

    /// Brings the tab to the front and checks that the place is in its view.
    pub(super) async fn check_place(&self, x: f64, y: f64) -> Result<(), ActError> {
        self.bring_to_front().await?;
        let top = self
            .known(|tab| tab.frames.top().cloned())?
            .ok_or(CallError::Gone("the page"))?;
        let size = self.evaluate(&top, "[innerWidth, innerHeight]").await?;
        let size = |index: usize| size[index].as_f64().unwrap_or_default();
        let is_inside = (0.0..size(0)).contains(&x) && (0.0..size(1)).contains(&y);
        if is_inside {
            Ok(())
        } else {
            Err(ActError::Outside)
        }
    }

    /// Does these one after the other at a place. True if a dialog ended them.
    pub(super) async fn mouse(&self, place: Place, moves: &[Move]) -> Result<bool, ActError> {
        for step in moves {
            if self.mouse_event(place, *step).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn mouse_event(&self, place: Place, step: Move) -> Result<bool, ActError> {
        let (kind, button, count, held) = match step {
            Move::To { held } => ("mouseMoved", held, 0, held.map_or(0, Button::bit)),
            Move::Press { button, count } => ("mousePressed", Some(button), count, button.bit()),
            Move::Release { button, count } => ("mouseReleased", Some(button), count, 0),
        };
        let event = json!({
            "type": kind, "x": place.x, "y": place.y, "clickCount": count, "buttons": held,
            "button": button.map_or("none", Button::name),
        });
        self.input("Input.dispatchMouseEvent", event).await
    }

    /// Sends an event of the mouse or of the keys. True if it was taken and a dialog opened over it.
    pub(super) async fn input(
        &self,
        method: &'static str,
        event: serde_json::Value,
    ) -> Result<bool, ActError> {
        if self.dialog()?.is_some() {
            return Err(CallError::DialogOpen.into());
        }
        let mark = self.inner.state().notices.count();
        let taken = tokio::select! {
            taken = self.call(method, event) => taken,
            () = self.was_covered(mark) => return Ok(false),
        };
        match taken {
            Ok(_) => Ok(false),
            Err(CallError::DialogOpen) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a moment after the page has opened another tab. That tab hides this one, and a hidden page need not say any more that
    /// it took an event.
    async fn was_covered(&self, mark: u64) {
        let is_opener = |opener: &Option<TargetId>| opener.as_ref() == Some(self.id());
        let by_us = |notice: &Notice| matches!(notice, Notice::TabOpened { opener, .. } | Notice::TabRefused { opener } if is_opener(opener));
        let limit = self.inner.options.limits.call;
        let opened = self.inner.until(limit, |state| {
            let new = state.notices.after(mark);
            new.iter().any(by_us).then_some(())
        });
        if opened.await.is_none() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(COVERED).await;
    }
}
