//! Tool calls by their task's log: what came back, and where one stands about which its owner may decide, because nobody
//! knows its outcome or because it was held.
//!
//! Nothing is kept here: what a call's standing is, is read off the log each time, so it is the same before and after a
//! crash.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blob::BlobHash;
use crate::enforcement::Enforcement;
use crate::event::EventKind;
use crate::id::{CallId, StepId};
use crate::image::ImageRef;
use crate::policy::Label;

/// How to go on about a call: one with an unknown outcome, or one that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallDecision {
    /// Its owner found that it was done, or did what was asked of a person.
    Done,
    /// Its owner found that it was not done, or does not do what was asked of a person.
    NotDone,
    /// Its owner wants it made again, with the same key.
    Repeat,
    /// Its owner lets a call be made that was held.
    Approve,
    /// Its owner does not.
    Deny,
    /// Nobody decided in time, so the model was told that the outcome is unknown, or that the call was not made.
    Undecided,
}

impl CallDecision {
    /// What an owner can decide.
    pub const OF_OWNER: [Self; 5] = [
        Self::Done,
        Self::NotDone,
        Self::Repeat,
        Self::Approve,
        Self::Deny,
    ];

    /// The decision's name in the API and the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotDone => "not_done",
            Self::Repeat => "repeat",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Undecided => "undecided",
        }
    }

    /// The decision of an owner with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::OF_OWNER
            .into_iter()
            .find(|decision| decision.label() == label)
    }

    /// Whether this answers the question that was asked about a call.
    fn answers(self, standing: Standing) -> bool {
        match self {
            Self::Done | Self::NotDone => matches!(standing, Standing::Asked | Standing::Wanted),
            Self::Repeat => standing == Standing::Asked,
            Self::Approve | Self::Deny => standing == Standing::Held,
            Self::Undecided => matches!(
                standing,
                Standing::Asked | Standing::Held | Standing::Wanted
            ),
        }
    }
}

/// See [`EventKind::CallDecided`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDecided {
    /// The call.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// What was decided.
    pub decision: CallDecision,
    /// What its owner said about it.
    pub note: Option<String>,
}

/// See [`EventKind::ToolReturned`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolReturned {
    /// Identity.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// Whether the tool did what was asked.
    pub ok: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// How it was isolated; absent for tools that run no foreign code.
    pub isolation: Option<String>,
    /// What the foreign code that it ran was held to; absent for tools that run none, and in logs of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<Box<Enforcement>>,
    /// How many files of the workspace it changed.
    pub changed_files: u32,
    /// Whose words the content can hold; absent where nobody labelled it.
    #[serde(default)]
    pub label: Label,
    /// What the model is told.
    pub content: String,
    /// Manifest of the workspace afterwards, if it changed.
    pub snapshot: Option<BlobHash>,
    /// Images that it showed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef>,
    /// Names of the background programs of the step that run now; absent where the call had nothing to do with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<Vec<String>>,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is being made, or was cut off and no worker has looked at it yet.
    Intended,
    /// It came back.
    Returned,
    /// Its outcome is unknown, and the model was told so.
    Told,
    /// Its outcome is unknown, and the step waits for a decision.
    Asked,
    /// It was not made, and the step waits for its owner's consent.
    Held,
    /// It was not made, and the step waits for a person who does something first.
    Wanted,
    /// It was not made, and the model was told so.
    Refused,
    /// It was decided.
    Decided(CallDecision),
}

/// One call of a task, as its log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallHistory {
    /// The call.
    pub call: CallId,
    /// The step that it was made for.
    pub step: Option<StepId>,
    /// The tool's name.
    pub tool: String,
    /// Where it stands; absent as long as the log has not told of it.
    pub standing: Option<Standing>,
}

impl CallHistory {
    /// A call that the log has not told of.
    pub fn of(call: CallId) -> Self {
        Self {
            call,
            step: None,
            tool: String::new(),
            standing: None,
        }
    }

    /// Whether events of this kind tell something about calls.
    pub fn hears(kind: &str) -> bool {
        matches!(
            EventKind::from_label(kind),
            Some(
                EventKind::ToolIntended
                    | EventKind::CallHeld
                    | EventKind::ToolReturned
                    | EventKind::ToolUnknown
                    | EventKind::CallDecided
            )
        )
    }

    /// Takes in the public part of the next event of the log; one about another call changes nothing.
    pub fn push(&mut self, kind: &str, step: Option<&StepId>, public: &Value) {
        let text = |name: &str| public.get(name).and_then(Value::as_str);
        if !Self::hears(kind) || text("call") != Some(self.call.as_str()) {
            return;
        }
        let is_asked = public.get("asked") == Some(&Value::Bool(true));
        let standing = if kind == EventKind::ToolIntended.label() {
            Standing::Intended
        } else if kind == EventKind::CallHeld.label() {
            if is_asked && public.get("help").is_some_and(|help| !help.is_null()) {
                Standing::Wanted
            } else if is_asked {
                Standing::Held
            } else {
                Standing::Refused
            }
        } else if kind == EventKind::ToolReturned.label() {
            Standing::Returned
        } else if kind == EventKind::ToolUnknown.label() {
            if is_asked {
                Standing::Asked
            } else {
                Standing::Told
            }
        } else {
            let decision = text("decision").and_then(CallDecision::from_label);
            Standing::Decided(decision.unwrap_or(CallDecision::Undecided))
        };
        self.step = step.cloned();
        text("tool").unwrap_or_default().clone_into(&mut self.tool);
        self.standing = Some(standing);
    }

    /// Why the call is not for its owner to decide so now, if it is not.
    pub fn closed(&self, decision: CallDecision) -> Option<String> {
        let standing = self.standing?;
        let reason = match standing {
            Standing::Asked | Standing::Held | Standing::Wanted if decision.answers(standing) => {
                return None;
            }
            Standing::Asked => "has an unknown outcome: say done, not_done or repeat".to_owned(),
            Standing::Held => "was not made and waits for consent: say approve or deny".to_owned(),
            Standing::Wanted => "waits for a person: say done, when what it asks for is done, or not_done".to_owned(),
            Standing::Refused => "was not made, and the model was told so at once".to_owned(),
            Standing::Intended => "is being made, or no worker has looked at it since it was cut off; nothing is to be decided yet".to_owned(),
            Standing::Returned => "came back; its outcome is known".to_owned(),
            Standing::Told => "has an unknown outcome, of which the model was told at once".to_owned(),
            Standing::Decided(CallDecision::Undecided) => "was not decided in time; the model was told so".to_owned(),
            Standing::Decided(decision) => format!("was decided before: {}", decision.label()),
        };
        Some(format!("the call {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::entropy::Seeded;

    #[test]
    fn only_a_call_that_its_owner_was_asked_about_can_be_decided_and_only_once() {
        let entropy = Seeded::new(1);
        let (call, step) = (CallId::new(&entropy), StepId::new(&entropy));
        let mut history = CallHistory::of(call.clone());
        let say = |history: &mut CallHistory, kind: &str, more: Value| {
            let mut public = json!({"call": call.as_str(), "tool": "send"});
            if let (Some(public), Value::Object(more)) = (public.as_object_mut(), more) {
                public.extend(more);
            }
            history.push(kind, Some(&step), &public);
            history.closed(CallDecision::Done)
        };
        assert_eq!(history.standing, None);
        let intended = say(&mut history, "tool.intended", json!({}));
        assert!(intended.is_some_and(|why| why.contains("is being made")));
        let told = say(&mut history, "tool.unknown", json!({}));
        assert!(told.is_some_and(|why| why.contains("told at once")));
        assert_eq!(
            say(&mut history, "tool.unknown", json!({"asked": true})),
            None
        );
        assert_eq!(history.step.as_ref(), Some(&step));
        let decided = say(&mut history, "call.decided", json!({"decision": "done"}));
        assert!(decided.is_some_and(|why| why.ends_with("decided before: done")));
        let returned = say(&mut history, "tool.returned", json!({}));
        assert!(returned.is_some_and(|why| why.contains("its outcome is known")));
    }

    #[test]
    fn a_person_who_was_asked_to_do_something_says_whether_it_is_done() {
        let entropy = Seeded::new(1);
        let call = CallId::new(&entropy);
        let mut history = CallHistory::of(call.clone());
        let help = json!({"why": "login", "note": "log in"});
        let event = json!({"call": call.as_str(), "tool": "ask", "asked": true, "help": help});
        history.push("call.held", None, &event);
        for decision in [CallDecision::Done, CallDecision::NotDone] {
            assert_eq!(history.closed(decision), None);
        }
        for decision in [
            CallDecision::Approve,
            CallDecision::Deny,
            CallDecision::Repeat,
        ] {
            let why = history.closed(decision);
            assert!(why.is_some_and(|why| why.contains("done, when what it asks for is done")));
        }
    }

    #[test]
    fn what_is_said_of_other_calls_changes_nothing() {
        let entropy = Seeded::new(1);
        let mut history = CallHistory::of(CallId::new(&entropy));
        let other = CallId::new(&entropy);
        history.push(
            "tool.returned",
            None,
            &json!({"call": other.as_str(), "tool": "send"}),
        );
        history.push("note.added", None, &json!({"text": "x"}));
        assert_eq!(history.standing, None);
    }

    #[test]
    fn an_owner_cannot_leave_a_call_undecided_by_name() {
        assert_eq!(CallDecision::from_label("undecided"), None);
        assert_eq!(
            CallDecision::from_label("not_done"),
            Some(CallDecision::NotDone)
        );
    }
}
