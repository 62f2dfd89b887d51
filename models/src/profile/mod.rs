//! The profile of a model: what was configured, overlaid with what its endpoint's complaints have taught.
//!
//! Lessons live in memory. After a restart each costs one refused request again, and nothing else.

mod images;
mod learn;

use std::collections::BTreeSet;

use crate::options::{
    MaxTokensField, ReasoningReplay, RoleOptions, Structured, SystemRole, ToolMode,
};

pub(crate) use learn::lesson;

/// Something an endpoint has taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// The name of the output limit.
    MaxTokensField(MaxTokensField),
    /// Parameters that it does not take.
    Drop(Vec<String>),
    /// The only effort that it takes.
    Effort(String),
    /// Whether it streams: only, or not at all.
    Streaming(bool),
    /// Whether it wants the thought back, and in which field.
    Replay(ReasoningReplay, Option<String>),
    /// It takes no tools.
    PromptedTools,
    /// The best form of structured answers that it takes.
    Structured(Structured),
    /// It takes schemas, but not in strict mode.
    LaxSchema,
    /// The role of the standing rules.
    SystemRole(SystemRole),
    /// The prompt must contain the word JSON.
    SayJson,
    /// The largest output that it takes.
    OutputMax(u64),
    /// A message of the model must have a text, if only an empty one.
    EmptyText,
    /// It takes no images.
    NoImages,
}

impl Lesson {
    /// The name of its cause. One question adapts at most once to each.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::MaxTokensField(_) => "max_tokens_field".to_owned(),
            // Every parameter is a cause of its own.
            Self::Drop(names) => format!("drop {}", names.join(",")),
            Self::Effort(_) => "effort".to_owned(),
            Self::Streaming(_) => "streaming".to_owned(),
            Self::Replay(..) => "reasoning_replay".to_owned(),
            Self::PromptedTools => "tool_mode".to_owned(),
            // Each step down is a cause of its own: there are two.
            Self::Structured(form) => format!("structured {form:?}"),
            Self::LaxSchema => "strict".to_owned(),
            Self::SystemRole(role) => format!("system_role {role:?}"),
            Self::SayJson => "say_json".to_owned(),
            Self::OutputMax(_) => "output_max".to_owned(),
            Self::EmptyText => "empty_text".to_owned(),
            Self::NoImages => "images".to_owned(),
        }
    }

    /// What was learned, in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::MaxTokensField(field) => format!("the output limit is called {}", field.label()),
            Self::Drop(names) => format!("it does not take {}", names.join(", ")),
            Self::Effort(effort) => format!("with tools it takes reasoning_effort {effort} only"),
            Self::Streaming(true) => "it answers streams only".to_owned(),
            Self::Streaming(false) => "it does not stream".to_owned(),
            Self::Replay(ReasoningReplay::Never, _) => {
                "it refuses to get its thought back".to_owned()
            }
            Self::Replay(..) => "it wants its thought back".to_owned(),
            Self::PromptedTools => "it takes no tools, so they are offered in words".to_owned(),
            Self::Structured(Structured::JsonObject) => "it takes no answer schema".to_owned(),
            Self::Structured(_) => "it takes no response format".to_owned(),
            Self::LaxSchema => "it takes answer schemas, but not in strict mode".to_owned(),
            Self::SystemRole(SystemRole::Developer) => {
                "standing rules go in as developer".to_owned()
            }
            Self::SystemRole(_) => "standing rules go in with the first user message".to_owned(),
            Self::SayJson => "its prompt must say JSON".to_owned(),
            Self::OutputMax(limit) => format!("its output is at most {limit} tokens"),
            Self::EmptyText => "every message must have a text".to_owned(),
            Self::NoImages => "it does not see images".to_owned(),
        }
    }
}

/// A model's profile as one request uses it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about an endpoint"
)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    pub(crate) options: RoleOptions,
    pub(crate) model: String,
    pub(crate) streaming: bool,
    pub(crate) replay: ReasoningReplay,
    pub(crate) replay_field: Option<String>,
    pub(crate) tool_mode: ToolMode,
    pub(crate) structured: Structured,
    pub(crate) lax_schema: bool,
    pub(crate) system_role: SystemRole,
    pub(crate) max_tokens_field: MaxTokensField,
    pub(crate) drop_params: BTreeSet<String>,
    pub(crate) effort: Option<String>,
    /// The one effort that goes together with tools.
    pub(crate) effort_with_tools: Option<String>,
    pub(crate) say_json: bool,
    pub(crate) output_max: Option<u64>,
    pub(crate) empty_text: bool,
    pub(crate) sees_images: bool,
}

impl Profile {
    /// The profile from configuration and lessons.
    pub(crate) fn new(options: &RoleOptions, lessons: &[Lesson]) -> Self {
        let mut profile = Self {
            model: options.model.clone().unwrap_or_default(),
            streaming: options.streaming || options.streaming_only,
            replay: options.reasoning_replay,
            replay_field: options.reasoning_field.clone(),
            tool_mode: options.tool_mode,
            structured: options.structured,
            lax_schema: false,
            system_role: options.system_role,
            max_tokens_field: options.max_tokens_field,
            drop_params: options.drop_params.iter().cloned().collect(),
            effort: options.reasoning_effort.clone(),
            effort_with_tools: None,
            say_json: false,
            output_max: options.output_limit_tokens,
            empty_text: false,
            sees_images: options.images != Some(false),
            options: options.clone(),
        };
        for lesson in lessons {
            profile.apply(lesson.clone());
        }
        profile
    }

    /// Applies one lesson.
    pub(crate) fn apply(&mut self, lesson: Lesson) {
        match lesson {
            Lesson::MaxTokensField(field) => self.max_tokens_field = field,
            Lesson::Drop(names) => self.drop_params.extend(names),
            Lesson::Effort(effort) => self.effort_with_tools = Some(effort),
            Lesson::Streaming(streaming) => self.streaming = streaming,
            Lesson::Replay(replay, field) => {
                self.replay = replay;
                self.replay_field = field.or(self.replay_field.take());
            }
            Lesson::PromptedTools => self.tool_mode = ToolMode::Prompted,
            Lesson::Structured(form) => self.structured = self.structured.max(form),
            Lesson::LaxSchema => self.lax_schema = true,
            Lesson::SystemRole(role) => self.system_role = role,
            Lesson::SayJson => self.say_json = true,
            Lesson::OutputMax(limit) => {
                self.output_max = Some(self.output_max.map_or(limit, |old| old.min(limit)));
            }
            Lesson::EmptyText => self.empty_text = true,
            // What the operator says of the model counts for more than one complaint.
            Lesson::NoImages => self.sees_images = self.options.images == Some(true),
        }
    }
}
