//! What came of a call, and what a model is told of it.

use crate::call::{CallDecided, CallDecision, ToolReturned};
use crate::event::ToolUnknown;
use crate::policy::{CallHeld, Label};

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Returned(ToolReturned),
    Unknown(ToolUnknown),
    Decided(CallDecided),
    /// It was held, and not made: at once, or as was decided.
    NotMade(CallHeld, Option<CallDecided>),
}

impl Answer {
    /// What the model is told, without marks.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Returned(returned) => returned.content.clone(),
            Self::Unknown(unknown) => {
                format!(
                    "The outcome of this call is unknown: {}. Look at what is there before you repeat it.",
                    unknown.reason
                )
            }
            Self::Decided(decided) => decided_text(decided),
            Self::NotMade(held, decided) => not_made_text(held, decided.as_ref()),
        }
    }

    /// Whether the owner did not allow the call.
    pub(super) fn is_denied(&self) -> bool {
        let decided = match self {
            Self::NotMade(_, Some(decided)) => decided.decision,
            Self::NotMade(_, None) | Self::Returned(_) | Self::Unknown(_) | Self::Decided(_) => {
                return false;
            }
        };
        decided == CallDecision::Deny
    }

    /// Whose words the text can hold. What Errand says of a call is its own, with the note of an owner at most.
    pub(super) fn label(&self) -> Label {
        match self {
            Self::Returned(returned) => returned.label,
            Self::Unknown(_) | Self::Decided(_) | Self::NotMade(_, _) => Label::Trusted,
        }
    }
}

fn not_made_text(held: &CallHeld, decided: Option<&CallDecided>) -> String {
    let note = decided
        .and_then(|decided| decided.note.as_ref())
        .map(|note| format!("\nThe owner says: {note}"))
        .unwrap_or_default();
    if held.help.is_some() {
        let who = match decided.map(|decided| decided.decision) {
            None => "nobody is asked in this task",
            Some(CallDecision::NotDone | CallDecision::Deny) => {
                "a person was asked, and says that it was not done"
            }
            Some(_) => "a person was asked, and nobody answered in time",
        };
        return format!(
            "No person helped: {who}. Do not ask for the same again. Go on without it, or finish and say what is not done.{note}"
        );
    }
    let who = match decided.map(|decided| decided.decision) {
        None => "Nobody is asked about such calls of this task",
        Some(CallDecision::Deny) => "The owner of the task was asked and does not allow it",
        Some(_) => "The owner of the task was asked and did not answer in time",
    };
    format!(
        "This call was not made: {}. {who}. Do not try to get the same in another way. Go on without it, or finish and say what is \
         not done.{note}",
        held.reason,
    )
}

fn decided_text(decided: &CallDecided) -> String {
    let verdict = match decided.decision {
        CallDecision::Done => {
            "was done. What it answered is not known. Do not make it again; go on as if it had succeeded"
        }
        CallDecision::NotDone => {
            "was not done and had no effect. Make it again if it is still needed"
        }
        // These give no answer of their own: see `Conversation::push`.
        CallDecision::Repeat
        | CallDecision::Undecided
        | CallDecision::Approve
        | CallDecision::Deny => "has an unknown outcome",
    };
    let note = decided
        .note
        .as_ref()
        .map(|note| format!("\nThe owner says: {note}"));
    format!(
        "This call was cut off before its result was known. The owner of the task looked and says that it {verdict}.{}",
        note.unwrap_or_default()
    )
}
