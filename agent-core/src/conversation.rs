//! Conversations: what a step's log means for its next turn.
//!
//! A worker that takes a step up, for the first time or after a crash, reads the step's events into a
//! [`Conversation`] and asks it what comes next. Nothing else decides; so an answer that was recorded is never asked
//! for again, and a call that returned is never made again.

mod answer;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::blob::BlobHash;
use crate::call::{CallDecided, CallDecision, ToolReturned};
use crate::event::{EventBody, ModelReplied, RecordedCall, ToolIntended, ToolUnknown};
use crate::id::CallId;
use crate::image::ImageRef;
use crate::mark;
use crate::policy::{CallHeld, Label};
use crate::ports::model::{HistoryCall, Message};
use crate::ports::tool::{EffectClass, FileUse, ToolSpec};

use answer::Answer;

/// Most turns that one step may take.
pub const TURNS_MAX: usize = 80;
/// How often in a row a model may answer without a call before the step fails.
pub const IDLE_TURNS_MAX: usize = 3;
/// How often in a row the same calls may have the same answers before the step fails.
pub const REPEATED_TURNS_MAX: usize = 5;
/// Name of the tool that ends a step.
pub const FINISH: &str = "finish";

const NUDGE: &str = "You called no tool, so nothing happened. Call a tool to go on, or call `finish` with the result if \
the step is done. If it cannot be done, call `finish` and say so in the result.";

/// The tool that ends a step. It is not in any tool box: the worker understands it itself.
pub fn finish_spec() -> ToolSpec {
    ToolSpec {
        name: FINISH.to_owned(),
        description: "End this step. Give the result in words: what was found or made, the paths of files that matter, \
and anything that could not be done. Set `failed` to true if the step's purpose was not reached."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "result": {"type": "string", "minLength": 1, "description": "The result, for the steps that come after and for the report."},
                "failed": {"type": "boolean", "description": "True if the step's purpose was not reached."}
            },
            "required": ["result"],
            "additionalProperties": false
        }),
        effect: EffectClass::Read,
        files: FileUse::None,
        outside: false,
    }
}

/// What a step must do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Ask the model for this turn, from 1.
    AskModel {
        /// Its number.
        turn: u32,
    },
    /// Run a call that was not intended before.
    Call(RecordedCall),
    /// A call was intended and has no result: a worker died in between. Its effect class decides.
    Settle(ToolIntended),
    /// The outcome of a call is unknown, and a person was asked about it, who has not answered.
    AwaitDecision {
        /// The call.
        intended: ToolIntended,
        /// What was asked, and until when.
        unknown: ToolUnknown,
    },
    /// A call was held, and a person was asked about it, who has not answered.
    AwaitConsent {
        /// What was asked, and until when.
        held: CallHeld,
    },
    /// The step is done.
    Finish {
        /// What it reports.
        result: String,
        /// Whether the model says that the purpose was not reached.
        failed: bool,
    },
    /// The step cannot be finished.
    GiveUp {
        /// Why, in one sentence.
        reason: String,
    },
}

/// A step's turns so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversation {
    label: Label,
    replies: Vec<ModelReplied>,
    intended: BTreeMap<CallId, ToolIntended>,
    asked: BTreeMap<CallId, ToolUnknown>,
    held: BTreeMap<CallId, CallHeld>,
    approved: BTreeSet<CallId>,
    helped: BTreeMap<CallId, CallDecided>,
    answers: BTreeMap<CallId, Answer>,
    snapshot: Option<BlobHash>,
    begun: bool,
}

impl Conversation {
    /// One whose opening holds words of these.
    pub fn new(label: Label) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }

    /// Whose words the model has read so far. What it writes, and the files that its calls change, can hold them too.
    pub fn label(&self) -> Label {
        self.label
    }

    /// Whether the owner approved a call that was held.
    pub fn is_approved(&self, call: &CallId) -> bool {
        self.approved.contains(call)
    }

    /// What a person said who did what they were asked for before this call.
    pub fn helped(&self, call: &CallId) -> Option<&CallDecided> {
        self.helped.get(call)
    }

    /// The call of this id, as the model asked for it.
    pub fn call(&self, call: &CallId) -> Option<&RecordedCall> {
        let mut calls = self.replies.iter().flat_map(|reply| &reply.calls);
        calls.find(|asked| asked.call == *call)
    }

    /// The calls that the owner did not allow.
    pub fn denied(&self) -> impl Iterator<Item = &RecordedCall> {
        let calls = self.replies.iter().flat_map(|reply| &reply.calls);
        calls.filter(|call| self.answers.get(&call.call).is_some_and(Answer::is_denied))
    }

    /// The calls that were made, in order, each with what was known before it and with what came of it.
    pub fn made(
        &self,
    ) -> impl Iterator<Item = (&RecordedCall, &ToolIntended, Option<&ToolReturned>)> {
        let calls = self.replies.iter().flat_map(|reply| &reply.calls);
        calls.filter_map(|call| {
            let intended = self.intended.get(&call.call)?;
            let returned = match self.answers.get(&call.call) {
                Some(Answer::Returned(returned)) => Some(returned),
                Some(Answer::Unknown(_) | Answer::Decided(_) | Answer::NotMade(_, _)) | None => {
                    None
                }
            };
            Some((call, intended, returned))
        })
    }

    /// Takes in the next event of the step.
    pub fn push(&mut self, body: EventBody) {
        self.begun = true;
        if let EventBody::ModelReplied(reply) = body {
            self.replies.push(reply);
        } else if let EventBody::ToolIntended(intended) = body {
            self.asked.remove(&intended.call);
            self.intended.insert(intended.call.clone(), intended);
        } else if let EventBody::ToolReturned(returned) = body {
            if returned.snapshot.is_some() {
                self.snapshot.clone_from(&returned.snapshot);
            }
            self.label = self.label.max(returned.label);
            self.answers
                .insert(returned.call.clone(), Answer::Returned(returned));
        } else if let EventBody::CallHeld(held) = body {
            if held.asked {
                self.held.insert(held.call.clone(), held);
            } else {
                self.answers
                    .insert(held.call.clone(), Answer::NotMade(held, None));
            }
        } else if let EventBody::ToolUnknown(unknown) = body {
            if unknown.asked {
                self.asked.insert(unknown.call.clone(), unknown);
            } else {
                self.answers
                    .insert(unknown.call.clone(), Answer::Unknown(unknown));
            }
        } else if let EventBody::CallDecided(decided) = body {
            self.decide(decided);
        }
    }

    fn decide(&mut self, decided: CallDecided) {
        let call = decided.call.clone();
        let asked = self.asked.remove(&call);
        let held = self.held.remove(&call);
        match decided.decision {
            CallDecision::Approve => {
                self.approved.insert(call);
            }
            CallDecision::Deny => {
                if let Some(held) = held {
                    self.answers
                        .insert(call, Answer::NotMade(held, Some(decided)));
                }
            }
            CallDecision::Done | CallDecision::NotDone => match held {
                // A person did what they were asked for, so the call can be made.
                Some(_) if decided.decision == CallDecision::Done => {
                    self.helped.insert(call, decided);
                }
                Some(held) => {
                    self.answers
                        .insert(call, Answer::NotMade(held, Some(decided)));
                }
                None => {
                    self.answers.insert(call, Answer::Decided(decided));
                }
            },
            // As if it had never been intended: it gets a new intent, with the same key, before it is made.
            CallDecision::Repeat => {
                self.intended.remove(&call);
            }
            CallDecision::Undecided => {
                if let Some(unknown) = asked {
                    self.answers.insert(call, Answer::Unknown(unknown));
                } else if let Some(held) = held {
                    self.answers
                        .insert(call, Answer::NotMade(held, Some(decided)));
                }
            }
        }
    }

    /// Whether the step was begun before.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// The workspace after the last call that changed it.
    pub fn snapshot(&self) -> Option<&BlobHash> {
        self.snapshot.as_ref()
    }

    /// What must be done next.
    pub fn next(&self) -> Next {
        let Some(last) = self.replies.last() else {
            return Next::AskModel { turn: 1 };
        };
        let open = |call: &&RecordedCall| {
            call.problem.is_none() && call.tool != FINISH && !self.answers.contains_key(&call.call)
        };
        if let Some(call) = last.calls.iter().find(open) {
            if let Some(held) = self.held.get(&call.call) {
                return Next::AwaitConsent { held: held.clone() };
            }
            return match (self.intended.get(&call.call), self.asked.get(&call.call)) {
                (Some(intended), Some(unknown)) => Next::AwaitDecision {
                    intended: intended.clone(),
                    unknown: unknown.clone(),
                },
                (Some(intended), None) => Next::Settle(intended.clone()),
                (None, _) => Next::Call(call.clone()),
            };
        }
        if let Some(call) = last
            .calls
            .iter()
            .find(|call| call.tool == FINISH && call.problem.is_none())
            .filter(|_| last.calls.iter().all(|call| self.went_well(call)))
        {
            let text = |name: &str| {
                call.arguments
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let failed = call
                .arguments
                .get("failed")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            return Next::Finish {
                result: text("result"),
                failed,
            };
        }
        self.give_up().unwrap_or(Next::AskModel {
            turn: u32::try_from(self.replies.len() + 1).unwrap_or(u32::MAX),
        })
    }

    /// Whether nothing about a call speaks against ending the step in the same turn. A model that finishes together with
    /// a call that failed has not seen the failure yet.
    fn went_well(&self, call: &RecordedCall) -> bool {
        if call.tool == FINISH {
            return call.problem.is_none();
        }
        matches!(self.answers.get(&call.call), Some(Answer::Returned(returned)) if returned.ok)
    }

    fn give_up(&self) -> Option<Next> {
        let idle = self
            .replies
            .iter()
            .rev()
            .take_while(|reply| reply.calls.is_empty())
            .count();
        let reason = if self.replies.len() >= TURNS_MAX {
            format!("the step was not finished within {TURNS_MAX} turns")
        } else if idle >= IDLE_TURNS_MAX {
            format!("the model answered {idle} times in a row without calling a tool")
        } else if self.repeated() >= REPEATED_TURNS_MAX {
            format!(
                "the model made the same call {} times in a row with the same answer",
                self.repeated()
            )
        } else {
            return None;
        };
        Some(Next::GiveUp { reason })
    }

    /// How many of the last turns asked for the same and were answered the same.
    fn repeated(&self) -> usize {
        let shape = |reply: &ModelReplied| -> Vec<(String, String, String)> {
            reply
                .calls
                .iter()
                .map(|call| {
                    (
                        call.tool.clone(),
                        call.arguments.to_string(),
                        self.answer_to(call),
                    )
                })
                .collect()
        };
        let Some(last) = self
            .replies
            .last()
            .map(shape)
            .filter(|calls| !calls.is_empty())
        else {
            return 0;
        };
        self.replies
            .iter()
            .rev()
            .take_while(|reply| shape(reply) == last)
            .count()
    }

    /// The answer as the model is shown it: whatever is not Errand's own stands between marks.
    fn shown_answer_to(&self, call: &RecordedCall) -> String {
        let text = self.answer_to(call);
        let label = self.answers.get(&call.call).map(Answer::label);
        let label = label.unwrap_or(Label::Trusted);
        mark::material(call.call.as_str(), &call.tool, label, &text)
    }

    fn answer_to(&self, call: &RecordedCall) -> String {
        if let Some(problem) = &call.problem {
            return format!(
                "This call was not run ({}): {}",
                problem.class, problem.message
            );
        }
        if call.tool == FINISH {
            return "The step is not finished, because another call of this turn failed or was not run. Look at its answer first.".to_owned();
        }
        self.answers
            .get(&call.call)
            .map(Answer::text)
            .unwrap_or_default()
    }

    fn images_of(&self, call: &RecordedCall) -> Vec<ImageRef> {
        match self.answers.get(&call.call) {
            Some(Answer::Returned(returned)) => returned.images.clone(),
            Some(Answer::Unknown(_) | Answer::Decided(_) | Answer::NotMade(_, _)) | None => {
                Vec::new()
            }
        }
    }

    /// The history for the model: the opening, then every turn with its answers. An equal log gives equal messages.
    pub fn messages(&self, opening: Vec<Message>) -> Vec<Message> {
        let mut messages = opening;
        for reply in &self.replies {
            let calls: Vec<HistoryCall> = reply.calls.iter().map(history_call).collect();
            let is_idle = calls.is_empty();
            messages.push(Message::Assistant {
                text: reply.text.clone(),
                thought: reply.thought.clone(),
                calls,
            });
            if is_idle {
                messages.push(Message::User {
                    text: NUDGE.to_owned(),
                });
            }
            for call in &reply.calls {
                let (call_id, tool) = (call.call.to_string(), call.tool.clone());
                messages.push(Message::Tool {
                    call_id,
                    tool,
                    text: self.shown_answer_to(call),
                    images: self.images_of(call),
                });
            }
        }
        messages
    }
}

/// Servers parse replayed arguments, so unreadable ones are replaced by an empty object.
fn history_call(call: &RecordedCall) -> HistoryCall {
    let arguments = if call.arguments.is_object() {
        call.arguments.clone()
    } else {
        json!({})
    };
    HistoryCall {
        id: call.call.to_string(),
        tool: call.tool.clone(),
        arguments,
    }
}

#[cfg(test)]
#[path = "conversation/tests.rs"]
mod tests;
