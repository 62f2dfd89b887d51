//! Asking one frame: the question is evaluated in our isolated world, where the scripts are installed if they are not there yet.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallError, Frame, Frames};

use super::error::Error;
use super::script::{INSTALL, Question};

/// The answer of a frame.
pub(super) async fn ask<T: DeserializeOwned>(
    frames: &dyn Frames,
    frame: &Frame,
    question: &Question,
) -> Result<T, Error> {
    let expression = question.expression()?;
    let mut answer = frames.evaluate(frame, &expression).await?;
    if answer.is_null() {
        frames.evaluate(frame, INSTALL).await?;
        answer = frames.evaluate(frame, &expression).await?;
    }
    match answer {
        Value::String(json) => Ok(serde_json::from_str(&json)?),
        Value::Null => Err(CallError::Gone("the document").into()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Error::Unreadable("it is not a text".to_owned()))
        }
    }
}
