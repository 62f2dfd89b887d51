//! From the draft of an answer to an answer, or to the reason why it is none.
//!
//! Calls decide the turn, not the finish reason. What was cut off is never run. A thought is never an answer.

pub(crate) mod answer;
pub(crate) mod calls;
pub(crate) mod draft;
pub(crate) mod judge;
pub(crate) mod mend;
pub(crate) mod schema;
pub(crate) mod think;
pub(crate) mod usage;

use std::collections::HashSet;

use agent_core::ports::entropy::Entropy;
use agent_core::ports::model::{AnswerSchema, FailureClass, Finish, ProposedCall, Thought, Usage};
use agent_core::ports::tool::ToolSpec;
use serde_json::Value;

use crate::classify::classify;
use crate::options::{Reasoning, Salvage, ToolMode};
use crate::profile::Profile;
use crate::salvage;
use crate::trouble::{Partial, Trouble};
use calls::{CallDraft, RawArguments};
use draft::Draft;
use judge::Judge;
use schema::Schemas;
use usage::UsageSource;

/// What an answer is judged by.
pub(crate) struct Context<'a> {
    /// The profile that the request used.
    pub(crate) profile: &'a Profile,
    /// The tools that were offered.
    pub(crate) tools: &'a [ToolSpec],
    /// The form of the answer.
    pub(crate) answer: Option<&'a AnswerSchema>,
    /// Compiled schemas.
    pub(crate) schemas: &'a Schemas,
    /// Ids of calls in the history.
    pub(crate) taken_ids: HashSet<String>,
    /// Where new ids come from.
    pub(crate) entropy: &'a dyn Entropy,
    /// Whether the answer was a stream, and whether that said that it was over.
    pub(crate) was_events: bool,
    pub(crate) is_done: bool,
    /// Size of the request, for an estimate of what was used where the endpoint does not say.
    pub(crate) request_bytes: usize,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Complete {
    pub(crate) text: Option<String>,
    pub(crate) json: Option<Value>,
    pub(crate) thought: Option<Thought>,
    pub(crate) calls: Vec<ProposedCall>,
    pub(crate) finish: Finish,
    pub(crate) usage: Usage,
    pub(crate) source: UsageSource,
    pub(crate) model: Option<String>,
}

/// The text and the thought of a draft, kept apart.
struct Spoken {
    text: String,
    thought: Option<Thought>,
}

/// How the model stopped, sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Done,
    Calls,
    Length,
    Filtered,
    Broken,
    Other,
}

/// Judges a draft.
pub(crate) fn complete(draft: &Draft, context: &Context<'_>) -> Result<Complete, Box<Trouble>> {
    let mut spoken = speak(draft, context.profile);
    let stopped = stopped(draft.finish.as_deref());
    let fail = |class: FailureClass, message: &str, spoken: &Spoken| {
        let mut trouble = Trouble::new(class, message);
        trouble.partial = partial(draft, spoken);
        trouble.usage = draft.usage.map(|reported| reported.usage);
        Box::new(trouble)
    };
    if let Some(error) = &draft.error {
        let classified = classify(error, context.profile.options.insufficient_quota);
        let mut trouble = fail(classified.class, &error.message, &spoken);
        trouble.status = Some(error.status);
        trouble.sizes = classified.sizes;
        trouble.rejection = Some(Box::new(error.clone()));
        return Err(trouble);
    }
    if let Some((class, message)) = unusable(draft, stopped, context) {
        return Err(fail(class, message, &spoken));
    }
    let (calls, whole) = find_calls(draft, &mut spoken, context);
    let is_cut = stopped == Stopped::Length;
    if is_cut && (!whole || !calls.is_empty()) {
        let message = "the output limit cut a tool call";
        return Err(fail(FailureClass::OutputTruncated, message, &spoken));
    }
    if calls.is_empty() {
        if spoken.text.trim().is_empty() {
            return Err(nothing_said(draft, stopped, &spoken, fail));
        }
        if let Some(wanted) = context.answer {
            return structured(draft, wanted, stopped, spoken, context, fail);
        }
    }
    let finish = match stopped {
        _ if !calls.is_empty() => Finish::ToolCalls,
        Stopped::Done | Stopped::Calls => Finish::Stop,
        Stopped::Length => Finish::Length,
        Stopped::Filtered | Stopped::Broken | Stopped::Other => Finish::Other,
    };
    Ok(finished(draft, spoken, calls, finish, context))
}

/// Why nothing in a draft can be used, whatever it says.
fn unusable(
    draft: &Draft,
    stopped: Stopped,
    context: &Context<'_>,
) -> Option<(FailureClass, &'static str)> {
    // The mark at the end of a stream stands in for a finish reason, but not for the rest of a call.
    let is_over = draft.is_finished() || (context.is_done && draft.calls.are_whole());
    if context.was_events && !is_over {
        let message = "the stream ended before the answer did";
        return Some((FailureClass::StreamTruncated, message));
    }
    if !draft.is_completion && context.is_done {
        return Some((FailureClass::EmptyAnswer, "the stream is empty"));
    }
    if !draft.is_completion {
        let message = "answered JSON that is not a chat completion: is base_url right?";
        return Some((FailureClass::InvalidResponse, message));
    }
    match stopped {
        Stopped::Filtered => Some((FailureClass::ContentFilter, "a filter stopped the answer")),
        Stopped::Broken => Some((FailureClass::ServerError, "the server broke off the answer")),
        Stopped::Done | Stopped::Calls | Stopped::Length | Stopped::Other => None,
    }
}

fn finished(
    draft: &Draft,
    spoken: Spoken,
    calls: Vec<ProposedCall>,
    finish: Finish,
    context: &Context<'_>,
) -> Complete {
    let (usage, source) = if let Some(reported) = draft.usage {
        (reported.usage, reported.source)
    } else {
        let thought = spoken
            .thought
            .as_ref()
            .map_or(0, |thought| thought.text.len());
        let called: usize = calls
            .iter()
            .map(|call| call.arguments.to_string().len())
            .sum();
        let estimate = usage::estimate(context.request_bytes, spoken.text.len() + thought + called);
        (estimate, UsageSource::Estimated)
    };
    Complete {
        text: (!spoken.text.trim().is_empty()).then_some(spoken.text),
        json: None,
        thought: spoken.thought,
        calls,
        finish,
        usage,
        source,
        model: draft.model.clone(),
    }
}

fn partial(draft: &Draft, spoken: &Spoken) -> Partial {
    Partial {
        text: spoken.text.clone(),
        thought: spoken.thought.as_ref().map(|thought| thought.text.clone()),
        refusal: (!draft.refusal.is_empty()).then(|| draft.refusal.clone()),
    }
}

/// Keeps thought and text apart. A thought in a field settles the matter: tags in the text are text then.
fn speak(draft: &Draft, profile: &Profile) -> Spoken {
    let options = &profile.options;
    let field = (options.reasoning != Reasoning::None)
        .then(|| draft.thought())
        .flatten();
    if let Some((origin, text)) = field {
        return Spoken {
            text: draft.text.clone(),
            thought: Some(Thought {
                text: text.to_owned(),
                origin: origin.to_owned(),
            }),
        };
    }
    let split = think::split(
        &draft.text,
        options.reasoning,
        options.think_opens_in_prompt,
    );
    Spoken {
        text: split.text,
        thought: split.thought.map(|text| Thought {
            text,
            origin: "think_tags".to_owned(),
        }),
    }
}

/// What a draft holds so far, when nothing more will come.
pub(crate) fn partial_of(draft: &Draft, profile: &Profile) -> Partial {
    partial(draft, &speak(draft, profile))
}

/// The calls, and whether all markup of calls was written to its end.
fn find_calls(
    draft: &Draft,
    spoken: &mut Spoken,
    context: &Context<'_>,
) -> (Vec<ProposedCall>, bool) {
    let mut judge = Judge::new(
        context.tools,
        context.schemas,
        context.taken_ids.clone(),
        context.entropy,
    );
    if context.answer.is_some() && context.tools.is_empty() {
        // Some servers make structured answers through a call of their own invention.
        if let (true, Some(call)) = (spoken.text.trim().is_empty(), draft.calls.all().first()) {
            spoken.text = match call.arguments() {
                RawArguments::Text(text) => text,
                RawArguments::Value(value) => value.to_string(),
            };
        }
        return (Vec::new(), true);
    }
    if !draft.calls.is_empty() {
        let calls = draft.calls.all().iter();
        return (calls.map(|call| judge.judge(Some(call))).collect(), true);
    }
    if context.tools.is_empty() {
        return (Vec::new(), true);
    }
    let options = &context.profile.options;
    let mut formats = options.salvage.clone();
    if context.profile.tool_mode == ToolMode::Prompted {
        formats.push(Salvage::PromptedJson);
    }
    if let Some(found) = salvage::find(&spoken.text, &formats, context.tools) {
        spoken.text = found.text;
        let calls = found.calls.iter().map(|call| judge.judge(call.as_ref()));
        return (calls.collect(), found.complete);
    }
    let mut calls = Vec::new();
    if options.salvage_from_reasoning
        && spoken.text.trim().is_empty()
        && let Some(thought) = &mut spoken.thought
        && let Some(found) = salvage::find(&thought.text, &formats, context.tools)
        && found.complete
        && found.at_end
    {
        let offered = |call: &Option<CallDraft>| {
            let known = |name: &str| context.tools.iter().any(|tool| tool.name == name);
            call.as_ref().is_some_and(|call| known(&call.name(known)))
        };
        if found.calls.iter().all(offered) {
            thought.text = found.text;
            calls.extend(found.calls.iter().map(|call| judge.judge(call.as_ref())));
        }
    }
    (calls, true)
}

/// No text and no call: declined, cut off in the thought, or simply nothing.
fn nothing_said(
    draft: &Draft,
    stopped: Stopped,
    spoken: &Spoken,
    fail: impl Fn(FailureClass, &str, &Spoken) -> Box<Trouble>,
) -> Box<Trouble> {
    if !draft.refusal.trim().is_empty() {
        return fail(FailureClass::Refusal, "the model declined", spoken);
    }
    if stopped == Stopped::Length {
        let message = "the output limit was used up before the answer began";
        return fail(FailureClass::OutputTruncated, message, spoken);
    }
    let message = if spoken.thought.is_some() {
        "the answer holds a thought and nothing else"
    } else {
        "the answer is empty"
    };
    let mut trouble = fail(FailureClass::EmptyAnswer, message, spoken);
    trouble.lost_calls = stopped == Stopped::Calls;
    trouble
}

fn structured(
    draft: &Draft,
    wanted: &AnswerSchema,
    stopped: Stopped,
    mut spoken: Spoken,
    context: &Context<'_>,
    fail: impl Fn(FailureClass, &str, &Spoken) -> Box<Trouble>,
) -> Result<Complete, Box<Trouble>> {
    let is_cut = stopped == Stopped::Length;
    let why = match answer::find(&spoken.text, &wanted.schema, context.schemas) {
        answer::Found::Valid(value) => {
            spoken.text = value.to_string();
            let mut complete = finished(draft, spoken, Vec::new(), Finish::Stop, context);
            complete.json = Some(value);
            return Ok(complete);
        }
        answer::Found::Violates(_) | answer::Found::Nothing if is_cut => {
            let message = "the output limit cut the answer";
            return Err(fail(FailureClass::OutputTruncated, message, &spoken));
        }
        answer::Found::Violates(why) => why,
        answer::Found::Nothing => "the answer is not JSON".to_owned(),
    };
    let message = "the answer does not satisfy its schema";
    let mut trouble = fail(FailureClass::SchemaViolation, message, &spoken);
    trouble.violation = Some(why);
    Err(trouble)
}

fn stopped(reason: Option<&str>) -> Stopped {
    let Some(reason) = reason else {
        return Stopped::Done;
    };
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "stop_sequence" | "eos" | "eos_token" | "end" | "complete"
        | "completed" | "done" | "finished" | "normal" => Stopped::Done,
        "tool_calls" | "tool_call" | "tool_use" | "function_call" | "function_calls" => {
            Stopped::Calls
        }
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "max_completion_tokens"
        | "model_length"
        | "token_limit"
        | "model_context_window_exceeded" => Stopped::Length,
        "content_filter"
        | "content_filtered"
        | "safety"
        | "sensitive"
        | "blocklist"
        | "prohibited_content"
        | "recitation"
        | "guardrail_intervened" => Stopped::Filtered,
        "error"
        | "abort"
        | "aborted"
        | "cancelled"
        | "insufficient_system_resource"
        | "network_error"
        | "internal_error" => Stopped::Broken,
        _ => Stopped::Other,
    }
}
