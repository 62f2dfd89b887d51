//! What a person does who sees the page: the wheel, and text wherever the cursor is.

use serde_json::{Value, json};

use super::ActError;
use crate::driver::{CallError, Frames};
use crate::page;
use crate::tab::Tab;

impl Tab {
    /// Turns the wheel at a place in the view, by so many pixels to the right and down.
    pub async fn wheel_at(&self, at: (f64, f64), by: (f64, f64)) -> Result<(), ActError> {
        self.check_place(at.0, at.1).await?;
        let event = json!({
            "type": "mouseWheel", "x": at.0, "y": at.1, "deltaX": by.0, "deltaY": by.1,
        });
        self.input("Input.dispatchMouseEvent", event)
            .await
            .map(|_| ())
    }

    /// Enters a text where the cursor is.
    pub async fn insert_text(&self, text: &str) -> Result<(), ActError> {
        self.bring_to_front().await?;
        self.input("Input.insertText", json!({ "text": text }))
            .await
            .map(|_| ())
    }

    /// From now on the value of the field that has the cursor is as secret as a password: it is not in what is read of the page.
    pub async fn hide_focused(&self) -> Result<(), CallError> {
        self.in_frames(page::HIDE_FOCUSED).await.map(|_| ())
    }

    /// What is now in the fields that were hidden so.
    pub async fn hidden_values(&self) -> Result<Vec<String>, CallError> {
        let values = self.in_frames(page::PERSON_VALUES).await?;
        let texts = values.iter().filter_map(Value::as_array).flatten();
        Ok(texts.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    async fn in_frames(&self, script: &str) -> Result<Vec<Value>, CallError> {
        let mut values = Vec::new();
        for frame in self.frames() {
            match self.evaluate(&frame, script).await {
                Ok(value) => values.push(value),
                // A frame that went meanwhile has nothing any more.
                Err(CallError::Gone(_) | CallError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }
}
