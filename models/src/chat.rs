//! The configured models over chat completions: the port of `agent-core`, implemented.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use agent_core::image::ImageBytes;
use agent_core::ports::entropy::Entropy;
use agent_core::ports::model::{
    Message, ModelFailure, ModelReply, ModelRequest, ModelRole, Models, Usage,
};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::ask;
use crate::assemble::schema::Schemas;
use crate::assemble::usage::UsageSource;
use crate::endpoint::Endpoint;
use crate::exchange::HttpExchange;
use crate::options::{ConfigError, Options, RetryOptions, RoleOptions};
use crate::render::offers::Offers;
use crate::state::ModelState;
use crate::trouble::Failed;
use crate::wire::Wire;

/// How long a probe may take, retries included.
const PROBE_DEADLINE: Duration = Duration::from_mins(1);

/// The configured models.
pub struct ChatModels {
    pub(crate) endpoint: Endpoint,
    pub(crate) wire: Wire,
    pub(crate) retry: RetryOptions,
    pub(crate) permits: Semaphore,
    pub(crate) schemas: Schemas,
    pub(crate) offers: Offers,
    pub(crate) entropy: Arc<dyn Entropy>,
    planner: Role,
    executor: Role,
}

/// One role's model.
pub(crate) struct Role {
    pub(crate) options: RoleOptions,
    pub(crate) state: Arc<ModelState>,
}

/// An answer with what the port has no place for.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What the caller of the port gets. Its usage is an estimate where the endpoint reported none.
    pub reply: ModelReply,
    /// The usage that the endpoint reported.
    pub reported: Option<Usage>,
    /// How well the usage is known.
    pub usage_source: UsageSource,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Host and path that were asked.
    pub endpoint: String,
    /// The model that was asked for.
    pub model: String,
    /// The model that answered, as it names itself.
    pub answered_by: String,
    /// Requests that it took.
    pub attempts: u32,
    /// Tokens that it cost.
    pub tokens: u64,
    /// What has been learned about the model so far, in words.
    pub learned: Vec<String>,
}

impl ChatModels {
    /// Models over any exchange.
    pub fn new(
        options: Options,
        exchange: Arc<dyn HttpExchange>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ConfigError> {
        let (planner, executor) = options.roles()?;
        let Options {
            base_url,
            api_key,
            timeouts,
            retry,
            limits,
            concurrency_max,
            ..
        } = options;
        let endpoint = Endpoint::new(&base_url, api_key.as_ref())?;
        if concurrency_max == 0 {
            let name = "concurrency_max";
            return Err(ConfigError::Zero { name });
        }
        if retry.requests_max == 0 {
            let name = "retry.requests_max";
            return Err(ConfigError::Zero { name });
        }
        let state = Arc::new(ModelState::default());
        // Two roles with one model share what is learned about it.
        let other = if planner.model == executor.model {
            Arc::clone(&state)
        } else {
            Arc::new(ModelState::default())
        };
        Ok(Self {
            wire: Wire::new(endpoint.clone(), exchange, limits, timeouts)?,
            endpoint,
            retry,
            permits: Semaphore::new(concurrency_max.min(Semaphore::MAX_PERMITS)),
            schemas: Schemas::default(),
            offers: Offers::default(),
            entropy,
            planner: Role {
                options: planner,
                state,
            },
            executor: Role {
                options: executor,
                state: other,
            },
        })
    }

    /// Models through the guard, which lets them reach the configured endpoint wherever it is.
    pub fn through_guard(
        options: Options,
        guard: &egress::Guard,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::new(&options.base_url, options.api_key.as_ref())?;
        let guard = guard
            .with_operator_targets(std::slice::from_ref(endpoint.url()))
            .map_err(|error| ConfigError::Guard(error.to_string()))?;
        Self::new(options, Arc::new(guard), entropy)
    }

    /// Asks one question and tells everything that is known about the outcome.
    pub async fn ask_in_detail(&self, request: &ModelRequest) -> Result<Answered, Box<Failed>> {
        ask::ask(self, self.role(request.role), request).await
    }

    /// Asks a role's model something tiny, to see whether it answers.
    pub async fn probe(&self, role: ModelRole) -> Result<Probe, ModelFailure> {
        let request = ModelRequest {
            role,
            messages: vec![Message::User {
                text: "Reply with the word: ok".to_owned(),
            }],
            images: ImageBytes::new(),
            tools: Arc::default(),
            answer: None,
            deadline: PROBE_DEADLINE,
        };
        let answered = self.ask_in_detail(&request).await;
        let reply = answered.map_err(|failed| failed.failure)?.reply;
        let role = self.role(role);
        Ok(Probe {
            endpoint: self.endpoint.label().to_owned(),
            model: role.options.model.clone().unwrap_or_default(),
            answered_by: reply.model,
            attempts: reply.attempts,
            tokens: reply.tokens_all_attempts,
            learned: role.state.learned(),
        })
    }

    fn role(&self, role: ModelRole) -> &Role {
        match role {
            ModelRole::Planner => &self.planner,
            ModelRole::Executor => &self.executor,
        }
    }
}

impl fmt::Debug for ChatModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatModels")
            .field("endpoint", &self.endpoint.label())
            .field("planner", &self.planner.options.model)
            .field("executor", &self.executor.options.model)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Models for ChatModels {
    async fn ask(&self, request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        match self.ask_in_detail(&request).await {
            Ok(answered) => Ok(answered.reply),
            Err(failed) => Err(failed.failure),
        }
    }

    fn sees_images(&self, role: ModelRole) -> bool {
        let role = self.role(role);
        role.state.profile(&role.options).sees_images
    }
}
