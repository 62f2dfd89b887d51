//! A chat completions request, read only as far as it is needed, and tolerantly.

use serde::Deserialize;
use serde_json::Value;

/// The parts of a request that decide the answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The model's name, echoed in the answer.
    #[serde(default)]
    pub model: Option<String>,
    /// The history.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// Whether the answer is wanted as a stream.
    #[serde(default)]
    pub stream: bool,
    /// Options of the stream.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
}

/// Options of a stream.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct StreamOptions {
    /// Whether a last chunk tells the use of tokens.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message of the history.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: String,
    /// What: text, or a list of parts.
    #[serde(default)]
    pub content: Value,
}

impl Message {
    /// The message's text, the text parts of a list joined by line breaks.
    pub fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> = parts
                    .iter()
                    .filter_map(|part| part["text"].as_str())
                    .collect();
                texts.join("\n")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        }
    }
}

impl Request {
    /// Text of the first user message, which holds the goal and, in its first line, the job.
    pub fn prompt(&self) -> Option<String> {
        let first = self.messages.iter().find(|message| message.role == "user");
        first.map(Message::text)
    }

    /// How many answers the history already holds.
    pub fn turn(&self) -> usize {
        let answers = self
            .messages
            .iter()
            .filter(|message| message.role == "assistant");
        answers.count()
    }

    /// Text of the newest tool message.
    pub fn last_tool(&self) -> Option<String> {
        let last = self
            .messages
            .iter()
            .rev()
            .find(|message| message.role == "tool");
        last.map(Message::text)
    }

    /// Bytes of all messages' texts, from which the use of tokens is estimated.
    pub fn text_bytes(&self) -> usize {
        self.messages
            .iter()
            .map(|message| message.text().len())
            .sum()
    }
}
