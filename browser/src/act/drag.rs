//! Dragging: by the mouse alone, or as a drag of the browser where the page says that an element is draggable.

use std::time::Duration;

use serde_json::{Value, json};

use super::aim::Disabled;
use super::mouse::{Button, Move};
use super::{ActError, Acted, Place};
use crate::driver::{Frames, NodeHandle};
use crate::tab::Tab;

/// How long a drag of the browser may take to begin.
const BEGIN: Duration = Duration::from_millis(500);

/// In how many steps the mouse goes from one place to the other. Pages look at where it comes along.
const STEPS: u32 = 5;

const DRAGGABLE: &str = "function () {
    return Boolean((this.nodeType === Node.ELEMENT_NODE ? this : this.parentElement)?.closest('[draggable=true], a[href], img'));
}";

impl Tab {
    /// Drags one element onto another.
    pub async fn drag(&self, from: &NodeHandle, to: &NodeHandle) -> Result<Acted, ActError> {
        // The second may scroll the first away, so it is looked for last and the other one again.
        self.aim(to, Disabled::Allowed).await?;
        let start = self.aim(from, Disabled::Refused).await?;
        let end = self.aim(to, Disabled::Allowed).await?;
        if self.aim(from, Disabled::Refused).await? != start {
            return Err(ActError::Outside);
        }
        let element = self.resolve(from).await?;
        let draggable = self.call_function(&element, DRAGGABLE, Vec::new()).await?;
        self.let_go(from, &element).await;
        self.drag_between(start, end, draggable == Value::Bool(true))
            .await
    }

    /// Drags from one place in the view to another.
    pub async fn drag_at(&self, from: (f64, f64), to: (f64, f64)) -> Result<Acted, ActError> {
        self.check_place(from.0, from.1).await?;
        self.check_place(to.0, to.1).await?;
        self.drag_between(Place::point(from.0, from.1), Place::point(to.0, to.1), true)
            .await
    }

    async fn drag_between(
        &self,
        from: Place,
        to: Place,
        may_be_draggable: bool,
    ) -> Result<Acted, ActError> {
        self.known(|tab| tab.drag = None)?;
        self.call("Input.setInterceptDrags", json!({ "enabled": true }))
            .await?;
        let dragged = self.dragged(from, to, may_be_draggable).await;
        if self.dialog()?.is_none() {
            self.call("Input.setInterceptDrags", json!({ "enabled": false }))
                .await?;
        }
        dragged.map(|dialog| Acted {
            place: Some(from),
            dialog,
        })
    }

    async fn dragged(
        &self,
        from: Place,
        to: Place,
        may_be_draggable: bool,
    ) -> Result<bool, ActError> {
        let button = Button::Left;
        let held = Move::To { held: Some(button) };
        if self
            .mouse(
                from,
                &[Move::To { held: None }, Move::Press { button, count: 1 }],
            )
            .await?
        {
            return Ok(true);
        }
        for step in 1..=STEPS {
            let part = f64::from(step) / f64::from(STEPS);
            let place = Place::point(
                from.x + (to.x - from.x) * part,
                from.y + (to.y - from.y) * part,
            );
            if self.mouse(place, &[held]).await? {
                return Ok(true);
            }
            if step == 1 && may_be_draggable {
                let begun = |tab: Result<&mut crate::browser::TabState, _>| {
                    tab.ok().and_then(|tab| tab.drag.take())
                };
                if let Some(data) = self.until(BEGIN, begun).await {
                    return self.drop_at(to, &data).await;
                }
            }
        }
        self.mouse(to, &[held, Move::Release { button, count: 1 }])
            .await
    }

    /// Carries on a drag that the browser began.
    async fn drop_at(&self, to: Place, data: &Value) -> Result<bool, ActError> {
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": to.x, "y": to.y, "data": data });
            if self.input("Input.dispatchDragEvent", event).await? {
                return Ok(true);
            }
        }
        self.mouse(
            to,
            &[Move::Release {
                button: Button::Left,
                count: 1,
            }],
        )
        .await
    }
}
