//! One question to a model, and its place in the log.

use std::time::Duration;

use agent_core::budget::Spend;
use agent_core::event::{ModelReplied, RecordedCall};
use agent_core::id::CallId;
use agent_core::ports::model::{Finish, ModelFailure, ModelReply, ModelRequest};
use agent_core::task::WaitKind;
use tracing::{info, instrument};

use super::{Patience, Trouble, wait_for_trouble};
use crate::context::Context;
use crate::stop::Stop;

/// What came of a question.
pub enum Asked {
    /// An answer, not yet in the log.
    Replied(Box<ModelReplied>, Spend),
    /// The provider is in trouble. The job already waits, and the log says so.
    Waits,
    /// The model cannot answer this question.
    Failed(ModelFailure),
}

/// What is asked, as part of which turn.
pub struct Question {
    pub job: &'static str,
    pub turn: u32,
    pub request: ModelRequest,
}

/// Asks one question.
#[instrument(name = "model.ask", skip_all, fields(turn = question.turn))]
pub async fn ask(context: &Context, mut question: Question) -> Result<Asked, Stop> {
    question.request.deadline = Duration::from_millis(context.options.model_deadline_ms);
    context.may_act()?;
    match context.parts.models.ask(question.request).await {
        Ok(reply) => {
            let spend = Spend::tokens(reply.tokens_all_attempts);
            info!(
                model.name = reply.model,
                tokens = spend.tokens,
                attempts = reply.attempts,
                "the model answered"
            );
            Ok(Asked::Replied(
                Box::new(recorded(context, question.job, question.turn, reply)),
                spend,
            ))
        }
        Err(failure) if failure.class.is_provider_trouble() => {
            let reason = format!("the model could not be asked: {failure}");
            let retry_after_ms = failure.retry_after_ms;
            let mut charge = Spend::tokens(failure.tokens_all_attempts);
            if failure.attempts == 0 {
                // A question that was not even sent costs nothing.
                charge = charge.plus(Spend::MODEL_CALL.refund());
            }
            wait_for_trouble(
                context,
                Trouble {
                    kind: WaitKind::Provider,
                    reason,
                    retry_after_ms,
                    charge,
                    patience: Patience::Ends,
                },
            )
            .await?;
            Ok(Asked::Waits)
        }
        Err(failure) => Ok(Asked::Failed(failure)),
    }
}

fn recorded(context: &Context, job: &str, turn: u32, reply: ModelReply) -> ModelReplied {
    let entropy = context.parts.entropy.as_ref();
    let calls: Vec<RecordedCall> = reply
        .calls
        .into_iter()
        .map(|call| RecordedCall {
            call: CallId::new(entropy),
            tool: call.tool,
            arguments: call.arguments,
            problem: call.problem,
        })
        .collect();
    ModelReplied {
        job: job.to_owned(),
        turn,
        model: reply.model,
        usage: reply.usage,
        finish: finish_label(reply.finish).to_owned(),
        tool_names: calls.iter().map(|call| call.tool.clone()).collect(),
        text: reply.json.map(|json| json.to_string()).or(reply.text),
        thought: reply.thought,
        calls,
    }
}

fn finish_label(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::Length => "length",
        Finish::Other => "other",
    }
}
