//! Models as the worker sees them: a neutral history in, an answer or a classified failure out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::image::{ImageBytes, ImageRef};
use crate::ports::tool::ToolSpec;

/// Which of the configured models is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// Makes plans and writes reports.
    Planner,
    /// Runs steps.
    Executor,
}

/// A thought, kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thought {
    /// The text.
    pub text: String,
    /// Where it was found: `reasoning_content`, `reasoning`, `think_tags`.
    pub origin: String,
}

/// A call in the history: always with well-formed arguments and an id that is unique in the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryCall {
    /// Id that ties the answer to the call.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
}

/// One message of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Standing rules. At most one, and first.
    System {
        /// The text.
        text: String,
    },
    /// What is asked.
    User {
        /// The text.
        text: String,
    },
    /// What the model said before.
    Assistant {
        /// The visible text.
        text: Option<String>,
        /// The thought, which the profile may or may not send back.
        thought: Option<Thought>,
        /// The calls it asked for.
        calls: Vec<HistoryCall>,
    },
    /// What a tool answered.
    Tool {
        /// Id of the call.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// The answer.
        text: String,
        /// Images that belong to it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<ImageRef>,
    },
}

/// A JSON answer that must satisfy a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSchema {
    /// A short name: lower-case letters and underscores.
    pub name: String,
    /// The JSON Schema.
    pub schema: Value,
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// Who is asked.
    pub role: ModelRole,
    /// The history, which ends with a user or tool message.
    pub messages: Vec<Message>,
    /// The bytes of those images in the history that go with the question. The others are named in words.
    pub images: ImageBytes,
    /// The tools that may be called; empty for a plain answer.
    pub tools: Arc<[ToolSpec]>,
    /// The form of the answer, for structured answers. Not combined with tools.
    pub answer: Option<AnswerSchema>,
    /// How long the whole question may take, retries included.
    pub deadline: Duration,
}

/// What the model used. Absent counts are unknown, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached ones included.
    pub input: Option<u64>,
    /// Output tokens, thought included.
    pub output: Option<u64>,
    /// Input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Output tokens spent on thought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Whether the counts are a local estimate, because the endpoint reported none.
    #[serde(default)]
    pub estimated: bool,
}

impl Usage {
    /// Input and output together, unknown parts counted as nothing.
    pub fn total(&self) -> u64 {
        self.input
            .unwrap_or(0)
            .saturating_add(self.output.unwrap_or(0))
    }
}

/// Why a call cannot be run. The class is one of `unparsable_call`, `invalid_arguments`, `schema_violation`,
/// `unknown_tool`, `unsupported_call_type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallProblem {
    /// The class.
    pub class: String,
    /// What was wrong, in words that the model can act on.
    pub message: String,
}

/// A call that the model asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedCall {
    /// Id, unique within the reply: the server's, or a new one if the server's was missing or used twice.
    pub id: String,
    /// The tool's name, normalised.
    pub tool: String,
    /// The arguments, normalised; the raw text when they could not be read.
    pub arguments: Value,
    /// Whether the arguments had to be mended without loss.
    pub repaired: bool,
    /// Why it cannot be run; such a call is answered and not executed.
    pub problem: Option<CallProblem>,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It asks for tools.
    ToolCalls,
    /// The output limit was reached.
    Length,
    /// Some other reason.
    Other,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    /// The visible text.
    pub text: Option<String>,
    /// The parsed and validated answer, if a schema was given.
    pub json: Option<Value>,
    /// The thought.
    pub thought: Option<Thought>,
    /// Calls, in order.
    pub calls: Vec<ProposedCall>,
    /// Why it stopped.
    pub finish: Finish,
    /// What was used by the attempt that answered.
    pub usage: Option<Usage>,
    /// What was used by all attempts together, where it was said.
    pub tokens_all_attempts: u64,
    /// The model that answered, as it names itself.
    pub model: String,
    /// Requests that were made.
    pub attempts: u32,
}

/// What kind of failure it is. The names are those of the quirk records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The key is missing or wrong.
    Auth,
    /// Paid quota is used up; waiting does not help.
    QuotaExhausted,
    /// Too many requests; waiting helps.
    RateLimited,
    /// The server broke.
    ServerError,
    /// No answer in time.
    Timeout,
    /// The endpoint could not be reached at all.
    Unreachable,
    /// What came back is not the protocol: HTML, rubbish.
    InvalidResponse,
    /// The stream ended before the answer did.
    StreamTruncated,
    /// The input is too long for the model.
    ContextOverflow,
    /// The wanted output is too long for the model.
    OutputBudgetTooLarge,
    /// The output limit cut the answer.
    OutputTruncated,
    /// Nothing usable in the answer.
    EmptyAnswer,
    /// A filter stopped the answer.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// The answer does not satisfy the schema.
    SchemaViolation,
    /// The server did not like the request.
    BadRequest,
    /// The server does not support something that the request needs.
    UnsupportedRequest,
    /// There is no such model.
    ModelNotFound,
}

impl FailureClass {
    /// The class's name, as events and logs spell it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::QuotaExhausted => "quota_exhausted",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::InvalidResponse => "invalid_response",
            Self::StreamTruncated => "stream_truncated",
            Self::ContextOverflow => "context_overflow",
            Self::OutputBudgetTooLarge => "output_budget_too_large",
            Self::OutputTruncated => "output_truncated",
            Self::EmptyAnswer => "empty_answer",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::SchemaViolation => "schema_violation",
            Self::BadRequest => "bad_request",
            Self::UnsupportedRequest => "unsupported_request",
            Self::ModelNotFound => "model_not_found",
        }
    }

    /// Whether the provider, not the request, is at fault, so that the task should wait and try again later.
    pub fn is_provider_trouble(self) -> bool {
        match self {
            Self::Auth
            | Self::QuotaExhausted
            | Self::RateLimited
            | Self::ServerError
            | Self::Timeout
            | Self::Unreachable
            | Self::InvalidResponse
            | Self::StreamTruncated
            | Self::ModelNotFound => true,
            Self::ContextOverflow
            | Self::OutputBudgetTooLarge
            | Self::OutputTruncated
            | Self::EmptyAnswer
            | Self::ContentFilter
            | Self::Refusal
            | Self::SchemaViolation
            | Self::BadRequest
            | Self::UnsupportedRequest => false,
        }
    }
}

/// No usable answer, after the model layer's own retries.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {message}", class.label())]
pub struct ModelFailure {
    /// What kind of failure.
    pub class: FailureClass,
    /// HTTP status of the last attempt.
    pub status: Option<u16>,
    /// What was wrong, without secrets and without bodies.
    pub message: String,
    /// Whether the same question may work later.
    pub retryable: bool,
    /// When the provider asked to be left alone until.
    pub retry_after_ms: Option<u64>,
    /// Requests that were made.
    pub attempts: u32,
    /// What was used by all attempts together, where it was said.
    pub tokens_all_attempts: u64,
}

/// The configured models.
#[async_trait]
pub trait Models: Send + Sync {
    /// Asks one question. Dropping the future gives the request up.
    async fn ask(&self, request: ModelRequest) -> Result<ModelReply, ModelFailure>;
    /// Whether images are of any use to this model, as far as is known: without, their bytes need not be fetched.
    fn sees_images(&self, _role: ModelRole) -> bool {
        true
    }
}
