//! The work that is disturbed: one task for each class of tool, whose effect can be counted from outside.

use std::path::Path;

use serde_json::{Value, json};

use crate::installation::Installation;
use crate::scripts::calls_in_turn;

/// What repeating the call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// `http_request` with GET.
    Read,
    /// `shell`; this task publishes a file and has a webhook too, so it reaches the most points.
    Repeatable,
    /// `shell`, which the test build takes for `once`.
    OnceInside,
    /// `http_request` with POST.
    OnceOutside,
}

impl Class {
    pub const ALL: [Self; 4] = [
        Self::Read,
        Self::Repeatable,
        Self::OnceInside,
        Self::OnceOutside,
    ];

    /// The tool whose call is counted.
    pub fn tool(self) -> &'static str {
        match self {
            Self::Read | Self::OnceOutside => "http_request",
            Self::Repeatable | Self::OnceInside => "shell",
        }
    }

    /// Whether the call is counted by the marks that a command leaves.
    pub fn leaves_marks(self) -> bool {
        self.tool() == "shell"
    }

    /// The model's words.
    pub fn script(self, shop: &str, outside: &Path) -> Value {
        let request = |method: &str| json!({"name": "http_request", "arguments": {"method": method, "url": format!("http://{shop}/orders")}});
        let pipe = outside.join("effects");
        let mark = format!(
            "echo \"$ERRAND_IDEMPOTENCY_KEY $ERRAND_FENCE t a 0 begin\" > '{}'; echo line >> all.txt",
            pipe.display()
        );
        let shell = json!({"name": "shell", "arguments": {"command": mark}});
        let publish = json!({"name": "publish", "arguments": {"path": "all.txt"}});
        match self {
            Self::Read => calls_in_turn(&[request("GET")]),
            Self::Repeatable => calls_in_turn(&[shell, publish]),
            Self::OnceInside => calls_in_turn(&[shell]),
            Self::OnceOutside => calls_in_turn(&[request("POST")]),
        }
    }

    /// What is submitted.
    pub fn body(self, shop: &str) -> Value {
        if self == Self::Repeatable {
            let url = format!("http://{shop}/hook");
            return json!({"goal": "Make the calls.", "webhook": {"url": url}});
        }
        json!({"goal": "Make the calls."})
    }

    /// How the installation has to be set.
    pub fn set_up(self, here: &mut Installation, shop: &str, outside: &Path) {
        let list = |entry: &str| json!([entry]).to_string();
        here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &list(shop));
        match self {
            Self::Read | Self::OnceOutside => {
                here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
            }
            Self::Repeatable | Self::OnceInside => {
                let folder = outside.display().to_string();
                here.set("ERRAND_TOOLS__READ_ONLY_BINDS", &list(&folder));
            }
        }
        if self == Self::OnceInside {
            here.set("ERRAND_TEST_ONCE", "shell");
        }
    }
}
