//! Identifiers: a type prefix and the 32 hex digits of a version 7 UUID.
//!
//! Ids sort by creation time, so cursors and logs can order by them. They are made from an injected
//! [`Entropy`](crate::ports::entropy::Entropy), never from a clock in here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ports::entropy::Entropy;

/// Why a text is not an id of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix}_ and 32 lower-case hex digits, found {found:?}")]
pub struct InvalidId {
    /// The prefix that was wanted.
    pub prefix: &'static str,
    /// What was given, cut to 64 characters.
    pub found: String,
}

fn parse(prefix: &'static str, text: &str) -> Result<String, InvalidId> {
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'));
    let valid = digits.is_some_and(|d| {
        d.len() == 32
            && d.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if valid {
        return Ok(text.to_owned());
    }
    Err(InvalidId {
        prefix,
        found: text.chars().take(64).collect(),
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The type prefix, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id.
            pub fn new(entropy: &dyn Entropy) -> Self {
                Self(format!(concat!($prefix, "_{}"), entropy.uuid_v7().simple()))
            }

            /// The id as text, as it is stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse($prefix, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A task.
    TaskId = "task";
    /// A step of a task's plan.
    StepId = "step";
    /// A job in the queue.
    JobId = "job";
    /// A tool call.
    CallId = "call";
    /// An artifact.
    ArtifactId = "art";
    /// A webhook registered with a task.
    WebhookId = "whk";
    /// A webhook message.
    DeliveryId = "dlv";
    /// An API key.
    KeyId = "key";
    /// A tenant.
    TenantId = "ten";
    /// A message id as webhook receivers see it.
    EventId = "evt";
    /// A database with the blob store and the key that belong to it.
    InstallationId = "inst";
    /// A blob store.
    BlobStoreId = "blobs";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::entropy::Seeded;

    #[test]
    fn an_id_reads_back_from_its_own_text() {
        let id = TaskId::new(&Seeded::new(1));
        assert_eq!(id.as_str().parse::<TaskId>(), Ok(id.clone()));
        assert!(id.as_str().starts_with("task_"));
    }

    #[test]
    fn another_types_id_and_rubbish_are_refused() {
        for text in [
            "step_00000000000070008000000000000000",
            "task_",
            "task_XYZ",
            "",
            "task_0000000000007000800000000000000G",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text}");
        }
    }
}
