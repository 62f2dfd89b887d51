//! Finds where an element is seen, so that a click there hits it.
//!
//! A frame knows only its own view. The place is led outwards frame by frame, whatever processes they are in, and in each must hit the
//! frame below.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{ActError, Place};
use crate::driver::{Argument, CallError, FrameId, Frames, Node, NodeHandle};
use crate::tab::Tab;

const AIM: &str = include_str!("aim.js");
const THROUGH: &str = include_str!("through.js");

/// What the script found.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Found {
    Ok {
        place: Place,
    },
    Disabled,
    Covered {
        by: String,
    },
    Invisible,
    Moving,
    /// The tab is not in front, and nothing in it is painted.
    Away,
    Gone,
}

/// What the script in an outer frame found.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Outside {
    Ok { left: f64, top: f64 },
    Covered { by: String },
    Invisible,
    Gone,
}

fn unreadable(error: &serde_json::Error) -> CallError {
    CallError::Unreadable {
        method: "Runtime.callFunctionOn",
        detail: error.to_string(),
    }
}

/// Reads what a script of ours gave back.
pub(super) fn read<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|error| unreadable(&error))
}

/// Whether an element that is switched off is a place to aim at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disabled {
    Refused,
    Allowed,
}

impl Tab {
    /// Brings an element into view, waits until it stands still, and says where a click hits it.
    pub(super) async fn aim(
        &self,
        node: &NodeHandle,
        disabled: Disabled,
    ) -> Result<Place, ActError> {
        let element = self.resolve(node).await?;
        let patience =
            u64::try_from(self.inner.options.limits.still.as_millis()).unwrap_or(u64::MAX);
        let mut came_to_front = false;
        let place = loop {
            let arguments =
                [json!(patience), json!(disabled == Disabled::Allowed)].map(Argument::Value);
            let found = self.call_function(&element, AIM, arguments.into()).await?;
            match read(found)? {
                Found::Ok { place } => break place,
                Found::Disabled => return Err(ActError::Disabled),
                Found::Covered { by } => return Err(ActError::Covered(by)),
                Found::Invisible => return Err(ActError::Invisible),
                Found::Moving => return Err(ActError::Moving),
                Found::Gone => return Err(CallError::Gone("the element").into()),
                Found::Away if came_to_front => return Err(ActError::Invisible),
                Found::Away => {
                    self.bring_to_front().await?;
                    came_to_front = true;
                }
            }
        };
        self.let_go(node, &element).await;
        self.led_out(&node.frame, place).await
    }

    /// A place in a frame, as a place in the tab's view.
    async fn led_out(&self, frame: &FrameId, mut place: Place) -> Result<Place, ActError> {
        let mut frame = self.frame(frame)?;
        while let Some(parent) = frame.parent.clone() {
            let parent = self.frame(&parent)?;
            let wanted = json!({ "frameId": frame.id.as_str() });
            let owner = self
                .inner
                .call_session(&parent.session, "DOM.getFrameOwner", wanted)
                .await?;
            let number = owner["backendNodeId"]
                .as_i64()
                .ok_or(CallError::Gone("the frame"))?;
            let session = parent.session.clone();
            let owner = NodeHandle {
                frame: parent.id.clone(),
                session,
                node: Node::Backend(number),
            };
            let owner = self.resolve(&owner).await?;
            let point = [place.x, place.y].map(|at| Argument::Value(json!(at)));
            let found = self.call_function(&owner, THROUGH, point.into()).await?;
            self.release(&owner).await;
            place = match read(found)? {
                Outside::Ok { left, top } => place.moved(left, top),
                Outside::Covered { by } => return Err(ActError::Covered(by)),
                Outside::Invisible => return Err(ActError::Invisible),
                Outside::Gone => return Err(CallError::Gone("the frame").into()),
            };
            frame = parent;
        }
        Ok(place)
    }
}
