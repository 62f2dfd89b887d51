//! Conversations: what a step's log means for its next turn.
//!
//! A worker that takes a step up, for the first time or after a crash, reads the step's events into a
//! [`Conversation`] and asks it what comes next. Nothing else decides; so an answer that was recorded is never asked
//! for again, and a call that returned is never made again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::blob::BlobHash;
use crate::event::{
    EventBody, ModelReplied, RecordedCall, ToolIntended, ToolReturned, ToolUnknown,
};
use crate::id::CallId;
use crate::ports::model::{HistoryCall, Message};
use crate::ports::tool::{EffectClass, ToolSpec};

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
        changes_files: false,
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Returned(ToolReturned),
    Unknown(ToolUnknown),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Returned(returned) => returned.content.clone(),
            Self::Unknown(unknown) => {
                format!(
                    "The outcome of this call is unknown: {}. Look at what is there before you repeat it.",
                    unknown.reason
                )
            }
        }
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
    replies: Vec<ModelReplied>,
    intended: BTreeMap<CallId, ToolIntended>,
    answers: BTreeMap<CallId, Answer>,
    snapshot: Option<BlobHash>,
    begun: bool,
}

impl Conversation {
    /// Takes in the next event of the step.
    pub fn push(&mut self, body: EventBody) {
        self.begun = true;
        if let EventBody::ModelReplied(reply) = body {
            self.replies.push(reply);
        } else if let EventBody::ToolIntended(intended) = body {
            self.intended.insert(intended.call.clone(), intended);
        } else if let EventBody::ToolReturned(returned) = body {
            if returned.snapshot.is_some() {
                self.snapshot.clone_from(&returned.snapshot);
            }
            self.answers
                .insert(returned.call.clone(), Answer::Returned(returned));
        } else if let EventBody::ToolUnknown(unknown) = body {
            self.answers
                .insert(unknown.call.clone(), Answer::Unknown(unknown));
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
            return match self.intended.get(&call.call) {
                Some(intended) => Next::Settle(intended.clone()),
                None => Next::Call(call.clone()),
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
                    text: self.answer_to(call),
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
mod tests {
    use super::*;
    use crate::ports::entropy::Seeded;
    use crate::ports::model::CallProblem;

    fn call(entropy: &Seeded, tool: &str, arguments: Value) -> RecordedCall {
        RecordedCall {
            call: CallId::new(entropy),
            tool: tool.to_owned(),
            arguments,
            problem: None,
        }
    }

    fn reply(calls: Vec<RecordedCall>) -> EventBody {
        EventBody::ModelReplied(ModelReplied {
            job: "step".to_owned(),
            turn: 1,
            model: "m".to_owned(),
            usage: None,
            finish: "stop".to_owned(),
            tool_names: Vec::new(),
            text: Some("text".to_owned()),
            thought: None,
            calls,
        })
    }

    fn returned(call: &RecordedCall, content: &str) -> EventBody {
        EventBody::ToolReturned(ToolReturned {
            call: call.call.clone(),
            tool: call.tool.clone(),
            ok: true,
            duration_ms: 1,
            isolation: None,
            changed_files: 0,
            content: content.to_owned(),
            snapshot: None,
        })
    }

    #[test]
    fn a_recorded_reply_leads_to_its_calls_and_not_to_another_question() {
        let entropy = Seeded::new(1);
        let (first, second) = (
            call(&entropy, "shell", json!({})),
            call(&entropy, "shell", json!({})),
        );
        let mut conversation = Conversation::default();
        assert_eq!(conversation.next(), Next::AskModel { turn: 1 });
        conversation.push(reply(vec![first.clone(), second.clone()]));
        assert_eq!(conversation.next(), Next::Call(first.clone()));
        conversation.push(returned(&first, "ok"));
        assert_eq!(conversation.next(), Next::Call(second.clone()));
        conversation.push(returned(&second, "ok"));
        assert_eq!(conversation.next(), Next::AskModel { turn: 2 });
    }

    #[test]
    fn a_call_without_a_result_is_settled_and_not_made_again() {
        let entropy = Seeded::new(1);
        let cut_off = call(&entropy, "shell", json!({"command": "ls"}));
        let intended = ToolIntended {
            call: cut_off.call.clone(),
            tool: "shell".to_owned(),
            effect: EffectClass::Once,
            summary: String::new(),
            key: "k".to_owned(),
            fence: 1,
            arguments: cut_off.arguments.clone(),
        };
        let mut conversation = Conversation::default();
        conversation.push(reply(vec![cut_off]));
        conversation.push(EventBody::ToolIntended(intended.clone()));
        assert_eq!(conversation.next(), Next::Settle(intended));
    }

    #[test]
    fn finish_comes_after_the_other_calls_of_its_turn() {
        let entropy = Seeded::new(1);
        let (done, work) = (
            call(&entropy, FINISH, json!({"result": "all done"})),
            call(&entropy, "shell", json!({})),
        );
        let mut conversation = Conversation::default();
        conversation.push(reply(vec![done, work.clone()]));
        assert_eq!(conversation.next(), Next::Call(work.clone()));
        conversation.push(returned(&work, "ok"));
        assert_eq!(
            conversation.next(),
            Next::Finish {
                result: "all done".to_owned(),
                failed: false
            }
        );
    }

    #[test]
    fn finish_does_not_count_beside_a_call_that_failed() {
        let entropy = Seeded::new(1);
        let (done, work) = (
            call(&entropy, FINISH, json!({"result": "tests pass"})),
            call(&entropy, "shell", json!({})),
        );
        let EventBody::ToolReturned(mut failed) = returned(&work, "exit status: 1") else {
            panic!("a result is a result");
        };
        failed.ok = false;
        let mut conversation = Conversation::default();
        conversation.push(reply(vec![work, done]));
        conversation.push(EventBody::ToolReturned(failed));
        assert_eq!(conversation.next(), Next::AskModel { turn: 2 });
        let told = conversation.messages(Vec::new());
        assert!(format!("{told:?}").contains("The step is not finished"));
    }

    #[test]
    fn every_call_of_the_history_has_exactly_one_answer() {
        let entropy = Seeded::new(1);
        let mut bad = call(&entropy, "shell", json!("{rubbish"));
        bad.problem = Some(CallProblem {
            class: "unparsable_call".to_owned(),
            message: "not JSON".to_owned(),
        });
        let good = call(&entropy, "shell", json!({}));
        let mut conversation = Conversation::default();
        conversation.push(reply(vec![bad, good.clone()]));
        conversation.push(returned(&good, "ok"));
        let messages = conversation.messages(Vec::new());
        let answers = messages
            .iter()
            .filter(|message| matches!(message, Message::Tool { .. }))
            .count();
        assert_eq!((messages.len(), answers), (3, 2));
    }

    #[test]
    fn a_model_that_only_talks_or_only_repeats_itself_is_stopped() {
        let entropy = Seeded::new(1);
        let mut talker = Conversation::default();
        let mut repeater = Conversation::default();
        for _ in 0..IDLE_TURNS_MAX {
            talker.push(reply(Vec::new()));
        }
        for _ in 0..REPEATED_TURNS_MAX {
            let same = call(&entropy, "shell", json!({"command": "ls"}));
            repeater.push(reply(vec![same.clone()]));
            repeater.push(returned(&same, "ok"));
        }
        assert!(matches!(talker.next(), Next::GiveUp { .. }));
        assert!(matches!(repeater.next(), Next::GiveUp { .. }));
    }
}
