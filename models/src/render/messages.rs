//! The history as the endpoint's messages. Texts are borrowed from the history, since a long one is written anew in
//! every turn.

use std::borrow::Cow;

use agent_core::image::ImageRef;
use agent_core::ports::model::{HistoryCall, Message, Thought};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Question, words};
use crate::options::{ReasoningReplay, Structured, SystemRole, ToolMode};
use crate::profile::Profile;

/// One message as it is sent.
#[derive(Debug)]
pub(super) struct Rendered<'a> {
    role: &'static str,
    /// The call that a tool's answer belongs to.
    answers: Option<&'a str>,
    content: Option<Cow<'a, str>>,
    /// The field of a thought that goes back, and its value.
    thought: Option<(Cow<'a, str>, Value)>,
    calls: &'a [HistoryCall],
    /// Images that stand after the text.
    images: Vec<Picture<'a>>,
}

/// An image as it is sent.
#[derive(Debug)]
struct Picture<'a> {
    media_type: &'a str,
    bytes: &'a [u8],
}

impl Picture<'_> {
    fn part(&self) -> Value {
        let data = STANDARD.encode(self.bytes);
        let url = format!("data:{};base64,{data}", self.media_type);
        json!({"type": "image_url", "image_url": {"url": url}})
    }
}

/// What the images of a question come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ImagesSent {
    /// How many there are.
    pub(crate) count: usize,
    /// How much of the request's body they are.
    pub(crate) written_bytes: usize,
    /// What models charge for them, roughly: one token for 750 pixels, as Anthropic publishes for its own.
    pub(crate) tokens: usize,
}

/// The images that go with a question to a model of this profile.
pub(crate) fn images_sent(question: &Question<'_>, profile: &Profile) -> ImagesSent {
    let mut sent = ImagesSent::default();
    for message in question.messages {
        let Message::Tool { images, .. } = message else {
            continue;
        };
        for (image, picture) in images.iter().zip(pictures(images, question, profile)) {
            if let Some(picture) = picture {
                let pixels = u64::from(image.width) * u64::from(image.height);
                sent.count += 1;
                sent.written_bytes += picture.bytes.len().div_ceil(3) * 4;
                sent.tokens += usize::try_from(pixels.div_ceil(750)).unwrap_or(usize::MAX);
            }
        }
    }
    sent
}

/// Each of the images as it is sent; `None` where it is not.
fn pictures<'a>(
    images: &'a [ImageRef],
    question: &Question<'a>,
    profile: &Profile,
) -> impl Iterator<Item = Option<Picture<'a>>> {
    let bytes = profile.sees_images.then_some(question.images);
    images.iter().map(move |image| {
        Some(Picture {
            media_type: &image.media_type,
            bytes: bytes?.get(&image.blob.hash)?,
        })
    })
}

impl<'a> Rendered<'a> {
    fn said(role: &'static str, content: impl Into<Cow<'a, str>>) -> Self {
        Self {
            role,
            answers: None,
            content: Some(content.into()),
            thought: None,
            calls: &[],
            images: Vec::new(),
        }
    }

    /// The message in which images go: servers refuse them in a tool's answer.
    fn showing(images: Vec<Picture<'a>>) -> Self {
        Self {
            images,
            ..Self::said("user", words::IMAGES)
        }
    }

    fn append(&mut self, text: &str) {
        let content = self.content.get_or_insert_default().to_mut();
        content.push_str("\n\n");
        content.push_str(text);
    }
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role)?;
        if let Some(call) = self.answers {
            map.serialize_entry("tool_call_id", call)?;
        }
        if self.images.is_empty() {
            map.serialize_entry("content", &self.content)?;
        } else {
            let mut parts = vec![json!({"type": "text", "text": self.content})];
            parts.extend(self.images.iter().map(Picture::part));
            map.serialize_entry("content", &parts)?;
        }
        if let Some((field, thought)) = &self.thought {
            map.serialize_entry(field, thought)?;
        }
        // An empty list is refused by some servers, so there is none.
        if !self.calls.is_empty() {
            map.serialize_entry("tool_calls", &Calls(self.calls))?;
        }
        map.end()
    }
}

struct Calls<'a>(&'a [HistoryCall]);

impl Serialize for Calls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Call<'a> {
            id: &'a str,
            r#type: &'static str,
            function: Function<'a>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            arguments: String,
        }
        let mut calls = serializer.serialize_seq(Some(self.0.len()))?;
        for call in self.0 {
            calls.serialize_element(&Call {
                id: &call.id,
                r#type: "function",
                function: Function {
                    name: &call.tool,
                    arguments: call.arguments.to_string(),
                },
            })?;
        }
        calls.end()
    }
}

/// The messages of a question.
pub(super) fn render<'a>(question: &Question<'a>, profile: &Profile) -> Vec<Rendered<'a>> {
    let prompted = !question.tools.is_empty() && profile.tool_mode == ToolMode::Prompted;
    let mut rendered: Vec<Rendered<'a>> = Vec::with_capacity(question.messages.len() + 2);
    let mut folded: Option<Cow<'a, str>> = None;
    // The words that offer the tools stand with the standing rules, where they are the same in every turn.
    let offer = prompted.then(|| words::offer(question.tools));
    let rules: Option<Cow<'a, str>> = match (question.messages.first(), offer) {
        (Some(Message::System { text }), Some(offer)) => Some(format!("{text}\n\n{offer}").into()),
        (Some(Message::System { text }), None) => Some(text.into()),
        (_, offer) => offer.map(Cow::from),
    };
    match (rules, profile.system_role) {
        (Some(rules), SystemRole::System) => rendered.push(Rendered::said("system", rules)),
        (Some(rules), SystemRole::Developer) => rendered.push(Rendered::said("developer", rules)),
        (Some(rules), SystemRole::UserFold) => folded = Some(rules),
        (None, _) => {}
    }
    let mut shown: Vec<Picture<'a>> = Vec::new();
    for entry in question.messages.iter().chain(question.corrections) {
        if !shown.is_empty() && !matches!(entry, Message::Tool { .. }) {
            rendered.push(Rendered::showing(std::mem::take(&mut shown)));
        }
        match entry {
            Message::System { .. } => {}
            Message::User { text } => {
                let text: Cow<'a, str> = match folded.take() {
                    Some(rules) => format!("{rules}\n\n{text}").into(),
                    None => text.into(),
                };
                rendered.push(Rendered::said("user", text));
            }
            Message::Assistant {
                text,
                thought,
                calls,
            } => rendered.push(assistant(text.as_deref(), thought.as_ref(), calls, profile)),
            Message::Tool {
                call_id,
                tool,
                text,
                images,
            } => {
                let mut text = Cow::from(text);
                for (image, picture) in images.iter().zip(pictures(images, question, profile)) {
                    if let Some(picture) = picture {
                        shown.push(picture);
                    } else {
                        let remark = words::unsent(image, profile.sees_images);
                        text = format!("{text}\n\n{remark}").into();
                    }
                }
                rendered.push(tool_answer(call_id, tool, text, profile));
            }
        }
    }
    if !shown.is_empty() {
        rendered.push(Rendered::showing(shown));
    }
    if let Some(rules) = folded {
        rendered.insert(0, Rendered::said("user", rules));
    }
    say_form(&mut rendered, question, profile);
    rendered
}

fn assistant<'a>(
    text: Option<&'a str>,
    thought: Option<&'a Thought>,
    calls: &'a [HistoryCall],
    profile: &Profile,
) -> Rendered<'a> {
    let is_native = profile.tool_mode == ToolMode::Native;
    let content = if is_native {
        let absent = (profile.empty_text || calls.is_empty()).then_some("");
        text.or(absent).map(Cow::from)
    } else {
        Some(words::calls(text.unwrap_or_default(), calls).into())
    };
    Rendered {
        role: "assistant",
        answers: None,
        content,
        thought: replayed(thought, !calls.is_empty(), profile),
        calls: if is_native { calls } else { &[] },
        images: Vec::new(),
    }
}

/// The thought as it goes back: its field and its value.
fn replayed<'a>(
    thought: Option<&'a Thought>,
    asked_for_tools: bool,
    profile: &Profile,
) -> Option<(Cow<'a, str>, Value)> {
    let origin = thought.map(|thought| thought.origin.as_str());
    let is_field = origin.is_some_and(|origin| origin.starts_with("reasoning"));
    let configured = profile.replay_field.as_deref();
    let field = configured
        .or(origin.filter(|_| is_field))
        .unwrap_or("reasoning_content");
    let text = thought.map_or("", |thought| thought.text.as_str());
    let wanted = match profile.replay {
        ReasoningReplay::Never => false,
        ReasoningReplay::Always => true,
        ReasoningReplay::ToolTurns => asked_for_tools,
        ReasoningReplay::Details => asked_for_tools && !text.is_empty(),
        // Tags are the template's business; a field that came from the server may go back to it.
        ReasoningReplay::Learn => asked_for_tools && is_field && !text.is_empty(),
    };
    if !wanted {
        return None;
    }
    if profile.replay == ReasoningReplay::Details || field == "reasoning_details" {
        let blocks = json!([{ "type": "reasoning.text", "text": text }]);
        return Some(("reasoning_details".into(), blocks));
    }
    Some((field.to_owned().into(), json!(text)))
}

fn tool_answer<'a>(
    call_id: &'a str,
    tool: &str,
    text: Cow<'a, str>,
    profile: &Profile,
) -> Rendered<'a> {
    if profile.tool_mode == ToolMode::Prompted {
        return Rendered::said("user", words::result(call_id, tool, &text));
    }
    Rendered {
        answers: Some(call_id),
        ..Rendered::said("tool", text)
    }
}

/// Says the form of the answer in words where the request's fields do not say all of it.
fn say_form(rendered: &mut [Rendered<'_>], question: &Question<'_>, profile: &Profile) {
    let Some(answer) = question.answer else {
        return;
    };
    if profile.structured != Structured::JsonSchema
        && let Some(last) = rendered.last_mut()
    {
        last.append(&words::form(&answer.schema));
    }
    if profile.say_json
        && let Some(first) = rendered.first_mut()
    {
        first.append(words::SAY_JSON);
    }
}
