//! Flags by which a submit says what needs consent.

use clap::Args;
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Args)]
pub struct PolicyFlags {
    /// What is done about a call that would send something outside after text of strangers was read, in a task with attached files
    /// or secrets [default: the server's setting, which asks]
    #[arg(long, value_name = "WHAT", value_parser = ["ask", "deny", "grant"])]
    pub approvals: Option<String>,
    /// A host that may be sent to without asking, such as api.example.com
    #[arg(long = "send-to", value_name = "HOST")]
    pub send_to: Vec<String>,
    /// Vouch for what is in the attached files: they count as your own words, not as a stranger's
    #[arg(long)]
    pub trust_files: bool,
}

impl PolicyFlags {
    /// What was said, as the API takes it; nothing where nothing was.
    pub fn wanted(&self) -> Option<Value> {
        let mut policy = Map::new();
        if let Some(approvals) = &self.approvals {
            policy.insert("approvals".to_owned(), json!(approvals));
        }
        if !self.send_to.is_empty() {
            policy.insert("send_to".to_owned(), json!(self.send_to));
        }
        if self.trust_files {
            policy.insert("files".to_owned(), json!("user"));
        }
        (!policy.is_empty()).then_some(Value::Object(policy))
    }
}
