//! What clients send, as types: the source of the OpenAPI document, and usable by a client written in Rust.
//!
//! The server reads bodies field by field (see the `request` module), so that it can name every fault at once; a
//! test holds the two together.

use std::collections::BTreeMap;
use std::fmt;

use agent_core::budget::Budget;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::view::{NetworkView, PolicyView, PriorityName};

/// A task to be accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// What is to be done, in plain words.
    #[schema(example = "Count the words in each attached file.")]
    pub goal: String,
    /// Files for the workspace, at most 8 MiB in all unless the server says otherwise. Use multipart for more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRequest>,
    /// Labels of your own, given back with the task and its webhook messages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Which tasks come first: `high`, `normal` (the default) or `low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityName>,
    /// Limits; those that are absent take the server's defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetRequest>,
    /// Where to send a message when the task ends or needs a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookRequest>,
    /// Names of the tools that may be used; absent means all that the server offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Names of stored secrets that the task may use; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["github"]))]
    pub secrets: Vec<String>,
    /// JSON Schema that the result's `data` must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result_schema: Option<Value>,
    /// What of the network the task may reach, within what the server allows; commands reach none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkView>,
    /// What needs the owner's consent, and what is granted beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyView>,
}

/// A file of a JSON submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRequest {
    /// Its path in the workspace: relative, with `/` between folders.
    #[schema(example = "cv/ann.txt")]
    pub name: String,
    /// Its bytes in standard base64, with padding.
    #[schema(example = "aGVsbG8K")]
    pub content_base64: String,
}

/// Some of the four limits. At a submit the others take their defaults; at a raise they stay as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetRequest {
    /// Model calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_calls: Option<u64>,
    /// Tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Tokens, input and output together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Running time in milliseconds. Time spent queued or waiting is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

impl BudgetRequest {
    /// `base`, with the limits that are named here.
    #[must_use]
    pub fn over(&self, base: Budget) -> Budget {
        Budget {
            model_calls: self.model_calls.unwrap_or(base.model_calls),
            tool_calls: self.tool_calls.unwrap_or(base.tool_calls),
            tokens: self.tokens.unwrap_or(base.tokens),
            wall_ms: self.wall_ms.unwrap_or(base.wall_ms),
        }
    }
}

/// A webhook to be registered with a task.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// An `http` or `https` URL without user name or password.
    #[schema(example = "https://example.com/hooks/errand")]
    pub url: String,
    /// The signing secret: `whsec_` and 24 to 64 bytes in base64. Made for you and shown once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

// Written by hand, so that the secret reaches no log.
impl fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("url", &self.url)
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .finish()
    }
}

/// What a person does to a page of a browser that waits for them. Which fields count depends on the action. Places are in pixels of
/// the picture, from its upper left corner.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InputRequest {
    /// `click`, `move`, `scroll`, `type`, `key`, `dialog` or `go`.
    #[schema(required, example = "click")]
    pub action: String,
    /// The tab, such as `t1`; the one that the agent works in if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// click, move, scroll: the place, from the left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// click, move, scroll: the place, from the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
    /// scroll: how far to the right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dx: Option<f64>,
    /// scroll: how far down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dy: Option<f64>,
    /// click: `left` (if absent), `middle` or `right`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button: Option<String>,
    /// click: how often, 1 to 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// type: what is entered where the cursor is; it is in no log and on no disk. dialog: what a prompt is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// key: a key or a chord, such as `Enter` or `Control+a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// dialog: whether it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<bool>,
    /// go: `back`, `forward` or `reload`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

// Written by hand, so that what a person types reaches no log.
impl fmt::Debug for InputRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputRequest")
            .field("action", &self.action)
            .field("tab", &self.tab)
            .finish_non_exhaustive()
    }
}

/// A secret to be stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// The value, at most 8 KiB. It is never shown again.
    pub value: String,
    /// The hosts that may see it: `api.example.com`, or `*.example.com` for all below; with a port where it is not 443.
    #[schema(example = json!(["api.github.com"]))]
    pub hosts: Vec<String>,
    /// The header that carries it; `Authorization` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What the header says, with `{secret}` in it once; `Bearer {secret}` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

// Written by hand, so that the value reaches no log.
impl fmt::Debug for SecretRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRequest")
            .field("value", &"***")
            .field("hosts", &self.hosts)
            .field("header", &self.header)
            .field("format", &self.format)
            .finish()
    }
}

/// The body of a cancel; may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which dead letters to requeue; may be left out, which means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequeueRequest {
    /// Only those of this kind: `job`, `unreadable` or `delivery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only those set aside before this time, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ms: Option<u64>,
}

/// What became of a call whose outcome is unknown, or whether one that was held is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// `done`: it had its effect. `not_done`: it had none. `repeat`: make it again, with the same key. Of a call that
    /// was held, `approve`: make it. `deny`: do not.
    #[schema(example = "done")]
    pub decision: String,
    /// What the model is told besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The multipart form of a submit.
#[derive(Debug, Clone, ToSchema)]
pub struct SubmitForm {
    /// The same object as the JSON body.
    pub task: SubmitRequest,
    /// Any number of files; the file name of each part is its path in the workspace.
    #[schema(value_type = Vec<String>, format = Binary)]
    pub files: Vec<Vec<u8>>,
}
