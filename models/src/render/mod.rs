//! Writing the request: a pure function of the question and the profile.
//!
//! Every message depends on itself and the profile alone, never on what comes after it, so that an equal history
//! prefix gives an equal byte prefix and providers' caches hit. What belongs to one question only (a nudge, the
//! schema in words) is at the end. Images are the exception: an old one becomes words when newer ones have come, since
//! to send them all in every turn would cost more than the cache saves.

mod messages;
pub(crate) mod offers;
pub(crate) mod words;

pub(crate) use messages::images_sent;

use agent_core::image::ImageBytes;
use agent_core::ports::model::{AnswerSchema, Message};
use agent_core::ports::tool::ToolSpec;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::options::{Structured, ToolMode};
use crate::profile::Profile;
use messages::Rendered;

/// What is to be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The history.
    pub(crate) messages: &'a [Message],
    /// The bytes of those of its images that go with it.
    pub(crate) images: &'a ImageBytes,
    /// The tools.
    pub(crate) tools: &'a [ToolSpec],
    /// The tools as they are offered natively.
    pub(crate) offer: Option<&'a RawValue>,
    /// The form of the answer.
    pub(crate) answer: Option<&'a AnswerSchema>,
    /// Messages that this layer adds after the history: corrections of an earlier answer.
    pub(crate) corrections: &'a [Message],
    /// The output limit, where an earlier one was too small.
    pub(crate) output_tokens: Option<u64>,
}

/// The request's body: its fields in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Body<'a>(Vec<(&'a str, Field<'a>)>);

/// What grows with the task is written straight from where it is; the rest is small.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Value(Value),
    Borrowed(&'a Value),
    Written(&'a RawValue),
    Messages(Vec<Rendered<'a>>),
}

impl<'a> Body<'a> {
    /// Sets a field. One that was set before keeps its place.
    fn set(&mut self, name: &'a str, field: Field<'a>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = field,
            None => self.0.push((name, field)),
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

/// A tool as it is offered.
#[derive(Debug, Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

/// The request's body.
pub(crate) fn body<'a>(question: &Question<'a>, profile: &'a Profile) -> Body<'a> {
    let options = &profile.options;
    let native = !question.tools.is_empty() && profile.tool_mode == ToolMode::Native;
    let mut body = Body::default();
    let mut set = |name: &'a str, value: Value| body.set(name, Field::Value(value));
    set("model", json!(profile.model));
    set("messages", Value::Null);
    set("stream", json!(profile.streaming));
    if profile.streaming {
        set("stream_options", json!({"include_usage": true}));
    }
    if native {
        set("tools", Value::Null);
        if let Some(parallel) = options.parallel_tool_calls {
            set("parallel_tool_calls", json!(parallel));
        }
    }
    if let Some(format) = question
        .answer
        .and_then(|answer| response_format(answer, profile))
    {
        set("response_format", format);
    }
    if let Some(temperature) = options.temperature {
        set("temperature", json!(temperature));
    }
    if let Some(top_p) = options.top_p {
        set("top_p", json!(top_p));
    }
    let effort = match &profile.effort_with_tools {
        Some(effort) if native => Some(effort),
        _ => profile.effort.as_ref(),
    };
    if let Some(effort) = effort {
        set("reasoning_effort", json!(effort));
    }
    if let Some(limit) = output_limit(question, profile) {
        set(profile.max_tokens_field.label(), json!(limit));
    }
    if !options.stop.is_empty() {
        set("stop", json!(options.stop));
    }
    body.set(
        "messages",
        Field::Messages(messages::render(question, profile)),
    );
    if let Some(offer) = question.offer.filter(|_| native) {
        body.set("tools", Field::Written(offer));
    }
    for (name, value) in &options.extra_body {
        body.set(name, Field::Borrowed(value));
    }
    body.0
        .retain(|(name, _)| !profile.drop_params.contains(*name));
    body
}

/// The output limit that a request carries.
pub(crate) fn output_limit(question: &Question<'_>, profile: &Profile) -> Option<u64> {
    let wanted = question
        .output_tokens
        .or(profile.options.max_output_tokens)?;
    Some(profile.output_max.map_or(wanted, |max| wanted.min(max)))
}

fn written_tools(tools: &[ToolSpec]) -> Result<Box<RawValue>, serde_json::Error> {
    let tools: Vec<Tool<'_>> = tools.iter().map(tool).collect();
    to_raw_value(&tools)
}

fn tool(spec: &ToolSpec) -> Tool<'_> {
    Tool {
        r#type: "function",
        function: Function {
            name: &spec.name,
            description: &spec.description,
            parameters: &spec.parameters,
        },
    }
}

fn response_format(answer: &AnswerSchema, profile: &Profile) -> Option<Value> {
    match profile.structured {
        Structured::JsonSchema => Some(json!({
            "type": "json_schema",
            "json_schema": {
                "name": answer.name,
                "strict": !profile.lax_schema && is_strict(&answer.schema),
                "schema": answer.schema,
            }
        })),
        Structured::JsonObject => Some(json!({"type": "json_object"})),
        Structured::Prompted => None,
    }
}

/// Whether a schema keeps the rules of strict mode: every object is closed and requires all its members.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => {
            let own = match object.get("properties") {
                Some(Value::Object(properties)) => {
                    let required = object.get("required").and_then(Value::as_array);
                    object.get("additionalProperties") == Some(&Value::Bool(false))
                        && required.is_some_and(|required| {
                            properties
                                .keys()
                                .all(|name| required.iter().any(|wanted| wanted == name))
                        })
                }
                _ => object.get("type") != Some(&json!("object")),
            };
            own && object.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use agent_core::blob::{BlobHash, BlobRef};
    use agent_core::image::ImageRef;
    use agent_core::ports::model::{HistoryCall, Thought};

    use super::*;
    use crate::options::{ReasoningReplay, RoleOptions, SystemRole};
    use crate::profile::Lesson;

    fn history() -> Vec<Message> {
        vec![
            Message::System {
                text: "Rules.".to_owned(),
            },
            Message::User {
                text: "Go.".to_owned(),
            },
            Message::Assistant {
                text: None,
                thought: Some(Thought {
                    text: "Hm.".to_owned(),
                    origin: "reasoning_content".to_owned(),
                }),
                calls: vec![HistoryCall {
                    id: "call_1".to_owned(),
                    tool: "now".to_owned(),
                    arguments: json!({}),
                }],
            },
            Message::Tool {
                call_id: "call_1".to_owned(),
                tool: "now".to_owned(),
                text: "noon".to_owned(),
                images: vec![],
            },
            Message::Assistant {
                text: Some("It is noon.".to_owned()),
                thought: None,
                calls: vec![],
            },
            Message::User {
                text: "And now?".to_owned(),
            },
        ]
    }

    fn rendered(messages: &[Message], options: &RoleOptions, lessons: &[Lesson]) -> Value {
        rendered_with(messages, &ImageBytes::new(), options, lessons)
    }

    fn rendered_with(
        messages: &[Message],
        images: &ImageBytes,
        options: &RoleOptions,
        lessons: &[Lesson],
    ) -> Value {
        let question = Question {
            messages,
            images,
            tools: &[],
            offer: None,
            answer: None,
            corrections: &[],
            output_tokens: None,
        };
        serde_json::to_value(body(&question, &Profile::new(options, lessons))).unwrap()
    }

    #[test]
    fn an_equal_history_prefix_gives_an_equal_byte_prefix() {
        let history = history();
        for system_role in [
            SystemRole::System,
            SystemRole::Developer,
            SystemRole::UserFold,
        ] {
            for tool_mode in [ToolMode::Native, ToolMode::Prompted] {
                for replay in [
                    ReasoningReplay::Never,
                    ReasoningReplay::Always,
                    ReasoningReplay::Learn,
                ] {
                    let options = RoleOptions {
                        system_role,
                        tool_mode,
                        reasoning_replay: replay,
                        ..RoleOptions::default()
                    };
                    let whole = rendered(&history, &options, &[])["messages"].to_string();
                    // A system message alone has nothing to fold into.
                    for length in 2..history.len() {
                        let part =
                            rendered(&history[..length], &options, &[])["messages"].to_string();
                        let prefix = part.strip_suffix(']').unwrap();
                        assert!(whole.starts_with(prefix), "{prefix}\n{whole}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_thought_goes_back_as_the_profile_says() {
        let field = |replay, lessons: &[Lesson]| {
            let options = RoleOptions {
                reasoning_replay: replay,
                ..RoleOptions::default()
            };
            let body = rendered(&history(), &options, lessons);
            [2, 4].map(|at| body["messages"][at].get("reasoning_content").cloned())
        };
        let thought = Some(json!("Hm."));
        assert_eq!(field(ReasoningReplay::Never, &[]), [None, None]);
        assert_eq!(field(ReasoningReplay::Learn, &[]), [thought.clone(), None]);
        assert_eq!(
            field(ReasoningReplay::ToolTurns, &[]),
            [thought.clone(), None]
        );
        assert_eq!(
            field(ReasoningReplay::Always, &[]),
            [thought, Some(json!(""))]
        );
        let never = Lesson::Replay(ReasoningReplay::Never, None);
        assert_eq!(field(ReasoningReplay::Learn, &[never]), [None, None]);
    }

    /// An answer with two images, of which the bytes of the second are there.
    fn seen() -> (Vec<Message>, ImageBytes) {
        let image = |bytes: &[u8]| ImageRef {
            blob: BlobRef {
                hash: BlobHash::of(bytes),
                bytes: 5,
            },
            media_type: "image/png".to_owned(),
            width: 30,
            height: 20,
        };
        let mut messages = history();
        if let Message::Tool { images, .. } = &mut messages[3] {
            images.extend([image(b"first"), image(b"other")]);
        }
        let bytes = ImageBytes::from([(BlobHash::of(b"other"), b"other".as_slice().into())]);
        (messages, bytes)
    }

    #[test]
    fn images_go_in_a_user_message_right_after_the_tool_answers() {
        let (messages, images) = seen();
        let body = rendered_with(&messages, &images, &RoleOptions::default(), &[]);
        let said = body["messages"].as_array().unwrap();
        let text = "noon\n\n[An image (image/png, 30 × 20 pixels, 5 bytes) is not sent again; read the file again to see it.]";
        assert_eq!(
            said[3],
            json!({"role": "tool", "tool_call_id": "call_1", "content": text})
        );
        let parts = json!([
            {"type": "text", "text": words::IMAGES},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,b3RoZXI="}},
        ]);
        assert_eq!(said[4], json!({"role": "user", "content": parts}));
        assert_eq!(said[5]["role"], "assistant");
    }

    #[test]
    fn a_model_that_does_not_see_is_told_what_it_does_not_see() {
        let (messages, images) = seen();
        let blind = RoleOptions {
            images: Some(false),
            ..RoleOptions::default()
        };
        let learned = rendered_with(
            &messages,
            &images,
            &RoleOptions::default(),
            &[Lesson::NoImages],
        );
        let told = rendered_with(&messages, &images, &blind, &[]);
        assert_eq!(learned, told);
        assert_eq!(told["messages"].as_array().unwrap().len(), messages.len());
        let text = told["messages"][3]["content"].as_str().unwrap();
        let each = "[An image (image/png, 30 × 20 pixels, 5 bytes) cannot be shown to you";
        assert_eq!(text.matches(each).count(), 2, "{text}");
        let sure = RoleOptions {
            images: Some(true),
            ..RoleOptions::default()
        };
        let shown = rendered_with(&messages, &images, &sure, &[Lesson::NoImages]);
        assert_eq!(
            shown["messages"].as_array().unwrap().len(),
            messages.len() + 1
        );
    }

    #[test]
    fn an_image_counts_by_its_pixels_where_tokens_have_to_be_guessed() {
        let (messages, images) = seen();
        let question = Question {
            messages: &messages,
            images: &images,
            tools: &[],
            offer: None,
            answer: None,
            corrections: &[],
            output_tokens: None,
        };
        let profile = Profile::new(&RoleOptions::default(), &[]);
        let sent = images_sent(&question, &profile);
        assert_eq!((sent.count, sent.written_bytes, sent.tokens), (1, 8, 1));
    }

    #[test]
    fn strict_mode_is_asked_for_only_where_the_schema_keeps_its_rules() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}},
            "required": ["a"], "additionalProperties": false});
        assert!(is_strict(&closed));
        let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert!(!is_strict(&open));
        assert!(!is_strict(&json!({"type": "array", "items": open})));
    }
}
