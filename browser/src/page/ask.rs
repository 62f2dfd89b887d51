//! Asking one frame: the question is evaluated in our isolated world, where the scripts are installed if they are not there yet.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallError, Frame, Frames};

use super::error::Error;
use super::script::{INSTALL, Question};
use super::shadows::adopt;

/// Closed roots may lie in closed roots; so deep is looked.
const ROOTS_NESTED_MAX: usize = 3;

/// The answer of a frame, after the closed roots in it were made known.
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
    for _ in 0..ROOTS_NESTED_MAX {
        let (hosts, _) = parts(&answer);
        // Without what is in a root that cannot be had the page is still of use.
        if hosts == 0 || !adopt(frames, frame, hosts).await.unwrap_or(false) {
            break;
        }
        answer = frames.evaluate(frame, &expression).await?;
    }
    match &answer {
        Value::String(_) => Ok(serde_json::from_str(parts(&answer).1)?),
        Value::Null => Err(CallError::Gone("the document").into()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Error::Unreadable("it is not a text".to_owned()))
        }
    }
}

/// How many elements are to be asked about, and the answer itself.
fn parts(answer: &Value) -> (u64, &str) {
    let text = answer.as_str().unwrap_or_default();
    let counted = text.split_once(' ');
    let counted = counted.and_then(|(count, rest)| Some((count.parse().ok()?, rest)));
    counted.unwrap_or((0, text))
}
