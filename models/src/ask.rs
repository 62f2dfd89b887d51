//! The policy: asking until there is an answer, nothing more can be changed, or time is up.
//!
//! Retries, adaptations and corrections share one count, so that no endpoint can keep a question busy. A pause is
//! only slept if it fits the deadline and the operator's bound; a longer one is reported, and the task waits.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::model::{FailureClass, Message, ModelFailure, ModelReply, ModelRequest};
use agent_core::retry::{after_ms, full_jitter_ms};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, sleep, timeout_at};

use crate::assemble::draft::Draft;
use crate::assemble::usage;
use crate::assemble::{self, Complete, Context};
use crate::chat::{Answered, ChatModels, Role};
use crate::classify::classify;
use crate::options::{Structured, ToolMode};
use crate::profile::{Profile, lesson};
use crate::render::{self, Question, words};
use crate::report;
use crate::transport::error::TransportError;
use crate::trouble::{Failed, Trouble};

/// How much larger an output limit is made that cut an answer.
const OUTPUT_GROWTH: u64 = 4;
/// Stands in for deadlines that the clock cannot express.
const DEADLINE_MAX: Duration = Duration::from_hours(24);
/// How often a question is put again because the answer was empty.
const EMPTY_RETRIES_MAX: u32 = 2;

/// One question on its way.
struct Asking<'a> {
    models: &'a ChatModels,
    role: &'a Role,
    request: &'a ModelRequest,
    /// Its tools as they are offered.
    offer: Option<Arc<RawValue>>,
    end: Instant,
    attempts: u32,
    tokens: u64,
    pauses: u32,
    empties: u32,
    causes: HashSet<String>,
    corrections: Vec<Message>,
    output_tokens: Option<u64>,
    lower_tools: bool,
    lower_form: bool,
    without_images: bool,
}

/// What to do after a trouble.
enum Next {
    /// Ask again after a pause.
    Again(Duration),
    /// There is nothing more to try.
    GiveUp,
}

/// Asks one question.
pub(crate) async fn ask(
    models: &ChatModels,
    role: &Role,
    request: &ModelRequest,
) -> Result<Answered, Box<Failed>> {
    let now = Instant::now();
    let mut asking = Asking {
        models,
        role,
        request,
        offer: None,
        end: now
            .checked_add(request.deadline)
            .unwrap_or(now + DEADLINE_MAX),
        attempts: 0,
        tokens: 0,
        pauses: 0,
        empties: 0,
        causes: HashSet::new(),
        corrections: Vec::new(),
        output_tokens: None,
        lower_tools: false,
        lower_form: false,
        without_images: false,
    };
    asking.run().await
}

impl Asking<'_> {
    async fn run(&mut self) -> Result<Answered, Box<Failed>> {
        if let Err(open) = self.role.state.admit(self.circuit_pause()) {
            let mut trouble = Trouble::new(FailureClass::QuotaExhausted, open.message);
            trouble.status = open.status;
            trouble.retry_after = Some(open.remaining);
            return Err(self.failed(trouble));
        }
        loop {
            let profile = self.profile();
            let mut trouble = match self.attempt(&profile).await {
                Ok(complete) => {
                    self.role.state.close();
                    return Ok(self.answered(complete));
                }
                Err(trouble) => *trouble,
            };
            self.tokens += trouble.usage.map_or(0, |usage| usage.total());
            trouble.message = report::words(&self.models.endpoint, &profile.model, &trouble);
            tracing::debug!(
                model.name = profile.model,
                attempt = self.attempts,
                class = trouble.class.label(),
                status = trouble.status,
                "a model attempt failed"
            );
            match self.next(&trouble, &profile) {
                Next::Again(pause) if pause.is_zero() => {}
                Next::Again(pause) => sleep(pause).await,
                Next::GiveUp => return Err(self.failed(trouble)),
            }
        }
    }

    fn profile(&self) -> Profile {
        let mut profile = self.role.state.profile(&self.role.options);
        if self.lower_tools {
            profile.tool_mode = ToolMode::Prompted;
        }
        if self.without_images {
            profile.sees_images = false;
        }
        if self.lower_form {
            profile.structured = match profile.structured {
                Structured::JsonSchema => Structured::JsonObject,
                Structured::JsonObject | Structured::Prompted => Structured::Prompted,
            };
        }
        profile
    }

    fn question(&self) -> Question<'_> {
        Question {
            messages: &self.request.messages,
            images: &self.request.images,
            tools: &self.request.tools,
            offer: self.offer.as_deref(),
            answer: self.request.answer.as_ref(),
            corrections: &self.corrections,
            output_tokens: self.output_tokens,
        }
    }

    async fn attempt(&mut self, profile: &Profile) -> Result<Complete, Box<Trouble>> {
        let models = self.models;
        let permit = timeout_at(self.end, models.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Box::new(Trouble::new(
                FailureClass::Timeout,
                "no request could be sent before the deadline: too many others are in flight",
            )));
        };
        self.offer = models
            .offers
            .written(&self.request.tools)
            .map_err(|error| unwritten(&error))?;
        let body = render::body(&self.question(), profile);
        let body = to_raw_value(&body).map_err(|error| unwritten(&error))?;
        self.attempts += 1;
        let heard = models.wire.send(&body, profile.streaming, self.end).await;
        if let Some(error) = heard.error {
            return Err(Box::new(broken(error, &heard.draft, profile)));
        }
        let context = Context {
            profile,
            tools: &self.request.tools,
            answer: self.request.answer.as_ref(),
            schemas: &models.schemas,
            taken_ids: taken_ids(&self.request.messages),
            entropy: models.entropy.as_ref(),
            was_events: heard.capture.was_events(),
            is_done: heard.capture.is_done(),
            request_bytes: self.bytes_to_count(body.get().len(), profile),
        };
        assemble::complete(&heard.draft, &context).map_err(|mut trouble| {
            if trouble.rejection.is_some() {
                trouble.retry_after = heard.capture.retry_after();
            }
            trouble
        })
    }

    /// The bytes that tokens are guessed from: images are no text.
    fn bytes_to_count(&self, written: usize, profile: &Profile) -> usize {
        let images = render::images_sent(&self.question(), profile);
        let text = written.saturating_sub(images.written_bytes);
        text.saturating_add(images.tokens.saturating_mul(usage::TOKEN_BYTES))
    }

    /// What can be tried next. Lessons are kept even when this question may not use them any more.
    fn next(&mut self, trouble: &Trouble, profile: &Profile) -> Next {
        let question = self.question();
        let lesson = trouble.rejection.as_deref().and_then(|rejection| {
            let sent = serde_json::to_value(render::body(&question, profile)).ok()?;
            lesson(rejection, trouble.sizes, profile, sent.as_object()?)
        });
        let limit = render::output_limit(&question, profile);
        let has_images = render::images_sent(&question, profile).count > 0;
        let is_last = self.attempts >= self.models.retry.requests_max || Instant::now() >= self.end;
        if let Some(lesson) = lesson {
            tracing::info!(
                model.name = profile.model,
                "learned about the model: {}",
                lesson.describe()
            );
            let is_new = self.causes.insert(lesson.cause());
            self.role.state.learn(lesson);
            if is_new && !is_last {
                return Next::Again(Duration::ZERO);
            }
        }
        if trouble.opens_circuit() {
            let pause = self.circuit_pause();
            self.role
                .state
                .open(pause, trouble.status, &trouble.message);
        } else if trouble.status.is_some() {
            self.role.state.close();
        }
        if is_last {
            return Next::GiveUp;
        }
        if has_images && may_be_the_images(trouble.class) {
            self.without_images = true;
            return Next::Again(Duration::ZERO);
        }
        if trouble.wants_pause() {
            return self.pause(trouble);
        }
        let can_correct = if trouble.class == FailureClass::EmptyAnswer {
            self.after_empty(trouble, profile)
        } else if trouble.class == FailureClass::SchemaViolation {
            self.correct(trouble)
        } else {
            trouble.class == FailureClass::OutputTruncated && self.grow(limit, profile)
        };
        if can_correct {
            Next::Again(Duration::ZERO)
        } else {
            Next::GiveUp
        }
    }

    fn pause(&mut self, trouble: &Trouble) -> Next {
        let retry = &self.models.retry;
        let unit = self.models.entropy.unit();
        let asked_ms = trouble
            .retry_after
            .map(|asked| u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
        if asked_ms.is_some_and(|asked_ms| asked_ms > retry.retry_after_max_ms) {
            return Next::GiveUp;
        }
        let jitter_ms = match asked_ms {
            // Somebody waits for this answer: what was asked for is kept to, and only not by all in the same moment.
            Some(asked_ms) => full_jitter_ms(asked_ms / 20, 1_000, 0, unit),
            None => full_jitter_ms(retry.base_ms, retry.cap_ms, self.pauses, unit),
        };
        let pause_ms = after_ms(asked_ms, retry.base_ms / 10, jitter_ms);
        self.pauses += 1;
        let pause = Duration::from_millis(pause_ms);
        match Instant::now().checked_add(pause) {
            Some(at) if at < self.end => Next::Again(pause),
            _ => Next::GiveUp,
        }
    }

    /// The first time the question is put again with what was missing said; the second time one mode lower.
    fn after_empty(&mut self, trouble: &Trouble, profile: &Profile) -> bool {
        self.empties += 1;
        if self.empties > EMPTY_RETRIES_MAX {
            return false;
        }
        if trouble.lost_calls
            && profile.tool_mode == ToolMode::Native
            && !self.request.tools.is_empty()
        {
            self.lower_tools = true;
        } else if let (Some(answer), 1) = (&self.request.answer, self.empties) {
            let text = words::form(&answer.schema);
            self.corrections.push(Message::User { text });
        } else if self.request.answer.is_some() {
            self.lower_form = true;
        } else if trouble.partial.thought.is_some() {
            let text = words::ANSWER_NOW.to_owned();
            self.corrections = vec![Message::User { text }];
        }
        true
    }

    /// One round in which the model sees what is wrong with its answer.
    fn correct(&mut self, trouble: &Trouble) -> bool {
        let Some(violation) = &trouble.violation else {
            return false;
        };
        if !self.causes.insert("schema_violation".to_owned()) {
            return false;
        }
        self.corrections.push(Message::Assistant {
            text: Some(trouble.partial.text.clone()),
            thought: None,
            calls: Vec::new(),
        });
        let text = words::correction(violation);
        self.corrections.push(Message::User { text });
        true
    }

    /// A larger output limit, if there is one that can be made larger.
    fn grow(&mut self, limit: Option<u64>, profile: &Profile) -> bool {
        let Some(limit) = limit else {
            return false;
        };
        let grown = limit.saturating_mul(OUTPUT_GROWTH);
        let grown = profile.output_max.map_or(grown, |max| grown.min(max));
        if grown <= limit || !self.causes.insert("output_truncated".to_owned()) {
            return false;
        }
        self.output_tokens = Some(grown);
        true
    }

    fn circuit_pause(&self) -> Duration {
        Duration::from_millis(self.models.retry.circuit_open_ms)
    }

    fn answered(&self, complete: Complete) -> Answered {
        let configured = self.role.options.model.clone().unwrap_or_default();
        Answered {
            reported: (!complete.usage.estimated).then_some(complete.usage),
            usage_source: complete.source,
            reply: ModelReply {
                text: complete.text,
                json: complete.json,
                thought: complete.thought,
                calls: complete.calls,
                finish: complete.finish,
                tokens_all_attempts: self.tokens.saturating_add(complete.usage.total()),
                usage: Some(complete.usage),
                model: complete.model.unwrap_or(configured),
                attempts: self.attempts,
            },
        }
    }

    fn failed(&self, trouble: Trouble) -> Box<Failed> {
        let opens_circuit = trouble.opens_circuit();
        let retry_after_ms = trouble
            .retry_after
            .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        Box::new(Failed {
            failure: ModelFailure {
                class: trouble.class,
                status: trouble.status,
                message: trouble.message,
                retryable: trouble.retryable,
                retry_after_ms,
                attempts: self.attempts,
                tokens_all_attempts: self.tokens,
            },
            partial: trouble.partial,
            sizes: trouble.sizes,
            opens_circuit,
        })
    }
}

/// Whether a request that was refused may be taken without its images: one of them may be too large or broken for the
/// endpoint, which the words of its complaint rarely tell.
fn may_be_the_images(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::BadRequest | FailureClass::UnsupportedRequest | FailureClass::ContextOverflow
    )
}

fn unwritten(error: &serde_json::Error) -> Box<Trouble> {
    let mut trouble = Trouble::new(
        FailureClass::BadRequest,
        format!("the request cannot be written as JSON: {error}"),
    );
    trouble.retryable = false;
    Box::new(trouble)
}

fn taken_ids(messages: &[Message]) -> HashSet<String> {
    let mut ids = HashSet::new();
    for message in messages {
        if let Message::Assistant { calls, .. } = message {
            ids.extend(calls.iter().map(|call| call.id.clone()));
        }
    }
    ids
}

/// A trouble from the transport.
fn broken(error: TransportError, draft: &Draft, profile: &Profile) -> Trouble {
    let mut trouble = match error {
        TransportError::Refused(text) => {
            let mut trouble = Trouble::new(FailureClass::Unreachable, text);
            trouble.retryable = false;
            trouble
        }
        TransportError::Unreachable(text) => Trouble::new(FailureClass::Unreachable, text),
        TransportError::Timeout(text) => Trouble::new(FailureClass::Timeout, text),
        TransportError::NotProtocol(text) => Trouble::new(FailureClass::InvalidResponse, text),
        TransportError::Truncated(text) => Trouble::new(FailureClass::StreamTruncated, text),
        TransportError::Empty => Trouble::new(FailureClass::EmptyAnswer, error.to_string()),
        TransportError::Rejected(rejection) => {
            let classified = classify(&rejection, profile.options.insufficient_quota);
            let mut trouble = Trouble::new(classified.class, rejection.message.clone());
            trouble.status = Some(rejection.status);
            trouble.sizes = classified.sizes;
            trouble.retry_after = rejection.retry_after;
            trouble.rejection = Some(rejection);
            trouble
        }
    };
    trouble.partial = assemble::partial_of(draft, profile);
    trouble
}
