//! What the operator may set about models.
//!
//! Only `cli` reads files and environment; this module only says what the values mean and what they default to.
//! No model name is compiled in: an installation that names none is told what to set.

use agent_core::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Configuration of the model layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where the OpenAI-compatible endpoint is, up to and without `/chat/completions`.
    pub base_url: String,
    /// The key, if the endpoint wants one.
    pub api_key: Option<Secret>,
    /// The model that plans and reports. Without a model name it uses the executor's.
    pub planner: RoleOptions,
    /// The model that runs steps. Without a model name it uses the planner's.
    pub executor: RoleOptions,
    /// How long things may take.
    pub timeouts: TimeoutOptions,
    /// How often things are tried again.
    pub retry: RetryOptions,
    /// How large answers may be.
    pub limits: LimitOptions,
    /// Requests in flight at one time, all roles together.
    pub concurrency_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            planner: RoleOptions::default(),
            executor: RoleOptions::default(),
            timeouts: TimeoutOptions::default(),
            retry: RetryOptions::default(),
            limits: LimitOptions::default(),
            concurrency_max: 16,
        }
    }
}

/// How long one attempt may take. The question's own deadline holds above all of these; connecting is limited by
/// the guard of `egress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutOptions {
    /// Until the first byte of the answer. Unary answers come whole, so this spans the model's whole work.
    pub first_byte_ms: u64,
    /// Between two reads. Keep-alive comments count as reads.
    pub idle_ms: u64,
    /// For the whole attempt.
    pub total_ms: u64,
    /// How long a stream that has finished may dawdle over its usage report.
    pub after_finish_ms: u64,
}

impl Default for TimeoutOptions {
    fn default() -> Self {
        Self {
            first_byte_ms: 300_000,
            idle_ms: 120_000,
            // Some providers close a connection after ten minutes without a start.
            total_ms: 900_000,
            after_finish_ms: 5_000,
        }
    }
}

/// How often a question is put again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryOptions {
    /// Requests for one question at most: retries, adaptations and corrections together.
    pub requests_max: u32,
    /// The first backoff's ceiling.
    pub base_ms: u64,
    /// No backoff is longer.
    pub cap_ms: u64,
    /// A provider that asks for a longer pause gets a failed question instead of a sleeping worker.
    pub retry_after_max_ms: u64,
    /// How long nothing is sent after the provider said that paid quota is used up.
    pub circuit_open_ms: u64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            requests_max: 6,
            base_ms: 500,
            cap_ms: 20_000,
            retry_after_max_ms: 60_000,
            circuit_open_ms: 60_000,
        }
    }
}

/// How large answers may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOptions {
    /// One answer, streamed or not.
    pub body_bytes_max: usize,
    /// One event of a stream.
    pub event_bytes_max: usize,
    /// What is read of an error's body.
    pub error_bytes_max: usize,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 << 20,
            event_bytes_max: 8 << 20,
            error_bytes_max: 256 << 10,
        }
    }
}

/// One role's model and what is known about it. Everything but the name may be left to be learned.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with a key of its own in the configuration"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleOptions {
    /// The model's name, as the endpoint knows it.
    pub model: Option<String>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Limit of the output, thought included.
    pub max_output_tokens: Option<u64>,
    /// How hard to think, in the endpoint's own words.
    pub reasoning_effort: Option<String>,
    /// Whether to ask for a stream. A stream shows early that a connection is dead.
    pub streaming: bool,
    /// Whether the model answers streams only.
    pub streaming_only: bool,
    /// Where the thought is found.
    pub reasoning: Reasoning,
    /// Whether the prompt template already wrote the opening think tag.
    pub think_opens_in_prompt: bool,
    /// Whether the thought is sent back.
    pub reasoning_replay: ReasoningReplay,
    /// The field in which the thought is sent back; by default the one it came in.
    pub reasoning_field: Option<String>,
    /// How tools are offered.
    pub tool_mode: ToolMode,
    /// Which markups of calls are understood when they are left in the text.
    pub salvage: Vec<Salvage>,
    /// Whether a call at the very end of the thought counts when there is no text.
    pub salvage_from_reasoning: bool,
    /// Whether to allow or forbid several calls in one turn; by default the endpoint decides.
    pub parallel_tool_calls: Option<bool>,
    /// Whether images are sent to the model. When absent they are, until its endpoint refuses them.
    pub images: Option<bool>,
    /// How structured answers are asked for.
    pub structured: Structured,
    /// In which role the standing rules are sent.
    pub system_role: SystemRole,
    /// The name of the output limit.
    pub max_tokens_field: MaxTokensField,
    /// Parameters never to send.
    pub drop_params: Vec<String>,
    /// Texts that end the output.
    pub stop: Vec<String>,
    /// What `insufficient_quota` means at this endpoint.
    pub insufficient_quota: QuotaMeaning,
    /// The largest output that the model can make, where it is known.
    pub output_limit_tokens: Option<u64>,
    /// Further top-level fields of the request.
    pub extra_body: Map<String, Value>,
}

impl Default for RoleOptions {
    fn default() -> Self {
        Self {
            model: None,
            temperature: None,
            top_p: None,
            max_output_tokens: None,
            reasoning_effort: None,
            streaming: true,
            streaming_only: false,
            reasoning: Reasoning::default(),
            think_opens_in_prompt: false,
            reasoning_replay: ReasoningReplay::default(),
            reasoning_field: None,
            tool_mode: ToolMode::default(),
            salvage: vec![
                Salvage::Hermes,
                Salvage::DeepseekV3,
                Salvage::Dsml,
                Salvage::QwenXml,
            ],
            salvage_from_reasoning: false,
            parallel_tool_calls: None,
            images: None,
            structured: Structured::default(),
            system_role: SystemRole::default(),
            max_tokens_field: MaxTokensField::default(),
            drop_params: Vec::new(),
            stop: Vec::new(),
            insufficient_quota: QuotaMeaning::default(),
            output_limit_tokens: None,
            extra_body: Map::new(),
        }
    }
}

/// Where the thought is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    /// In a field if there is one, else between tags at the start of the text.
    #[default]
    Auto,
    /// In a field of its own; tags in the text are text.
    Field,
    /// Between tags in the text.
    ThinkTags,
    /// The model has no thoughts; tags in the text are text.
    None,
}

/// Whether the thought is sent back with the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningReplay {
    /// Never.
    Never,
    /// With every message that asked for tools, as an empty text if there was none.
    ToolTurns,
    /// With every message of the model.
    Always,
    /// As a list of typed blocks, with every message that asked for tools.
    Details,
    /// With messages that asked for tools, where there is one; the endpoint's complaints decide further.
    #[default]
    Learn,
}

/// How tools are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolMode {
    /// In the request's `tools`.
    #[default]
    Native,
    /// In words, with calls as JSON in the text.
    Prompted,
}

/// A markup of calls that servers leave in the text when they lack the right parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Salvage {
    /// JSON between `<tool_call>` tags.
    Hermes,
    /// Call tokens of `DeepSeek` V3 and R1.
    DeepseekV3,
    /// The markup of `DeepSeek` V3.2 and V4.
    Dsml,
    /// Function tags of Qwen3.
    QwenXml,
    /// One JSON object, as in prompted mode.
    PromptedJson,
}

/// How structured answers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// `response_format` with the schema.
    #[default]
    JsonSchema,
    /// `response_format` for any object, the schema in words.
    JsonObject,
    /// In words only.
    Prompted,
}

/// In which role the standing rules are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemRole {
    /// As `system`.
    #[default]
    System,
    /// As `developer`.
    Developer,
    /// At the head of the first user message.
    UserFold,
}

/// The name of the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

impl MaxTokensField {
    /// The field's name in the request.
    pub fn label(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// What `insufficient_quota` means at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaMeaning {
    /// Money is used up; waiting does not help.
    #[default]
    Permanent,
    /// A limit per minute; waiting helps.
    #[serde(alias = "temporary", alias = "rate_limit", alias = "per_minute")]
    Transient,
}

/// The configuration does not make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Neither role names a model.
    #[error(
        "no model is named: set planner.model or executor.model (one is enough, and ERRAND_MODEL sets it) to a name that the endpoint knows"
    )]
    NoModel,
    /// The base URL cannot be used.
    #[error("base_url {url:?} cannot be used: {reason}")]
    BaseUrl {
        /// What was written, without user name, password and query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key cannot be sent.
    #[error("api_key cannot be sent in a header: {0}")]
    ApiKey(&'static str),
    /// A number is out of its range.
    #[error("{name} must be at least 1")]
    Zero {
        /// The option.
        name: &'static str,
    },
    /// The OpenAI library cannot be set up on this machine.
    #[error("the OpenAI library cannot be set up: {0}")]
    Library(String),
    /// The guard will not have the endpoint.
    #[error("the endpoint cannot be reached: {0}")]
    Guard(String),
}

impl Options {
    /// The options of both roles with the gaps filled from each other: planner first, then executor.
    pub(crate) fn roles(&self) -> Result<(RoleOptions, RoleOptions), ConfigError> {
        let planner = self.planner.filled_from(&self.executor);
        let executor = self.executor.filled_from(&self.planner);
        match (planner, executor) {
            (Some(planner), Some(executor)) => Ok((planner, executor)),
            _ => Err(ConfigError::NoModel),
        }
    }
}

impl RoleOptions {
    /// A role that says nothing takes all of the other's options; one that lacks a name takes only the name.
    fn filled_from(&self, other: &Self) -> Option<Self> {
        let name = |options: &Self| {
            let name = options.model.as_deref().unwrap_or_default().trim();
            (!name.is_empty()).then(|| name.to_owned())
        };
        let mut filled = if *self == Self::default() {
            other.clone()
        } else {
            self.clone()
        };
        filled.model = Some(name(self).or_else(|| name(other))?);
        Some(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(model: &str) -> RoleOptions {
        RoleOptions {
            model: Some(model.to_owned()),
            temperature: Some(0.2),
            ..RoleOptions::default()
        }
    }

    #[test]
    fn a_role_without_options_takes_the_others() {
        let options = Options {
            executor: named("m-exec"),
            ..Options::default()
        };
        assert_eq!(options.roles(), Ok((named("m-exec"), named("m-exec"))));
    }

    #[test]
    fn a_role_without_a_name_keeps_its_own_options() {
        let mut own = named("");
        own.temperature = Some(0.9);
        let options = Options {
            planner: named("m-plan"),
            executor: own.clone(),
            ..Options::default()
        };
        own.model = Some("m-plan".to_owned());
        assert_eq!(options.roles(), Ok((named("m-plan"), own)));
    }

    #[test]
    fn without_any_name_the_operator_is_told_what_to_set() {
        assert_eq!(Options::default().roles(), Err(ConfigError::NoModel));
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        let wrong = serde_json::json!({"planner": {"modell": "x"}});
        assert!(serde_json::from_value::<Options>(wrong).is_err());
    }
}
