//! What a submit says about consent, and the task shows.

use agent_core::policy::{Approvals, FilesFrom, TaskPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::names;

names! {
    /// Whose words the attached files are.
    FilesFromName of FilesFrom {
        /// Of people whom the submitter need not trust.
        Outside,
        /// The submitter's own.
        User,
    }
}

names! {
    /// What is done about a call that would join text from outside, private data and a way to send.
    ApprovalsName of Approvals {
        /// The owner is asked.
        Ask,
        /// It is not made.
        Deny,
        /// It is made.
        Grant,
    }
}

impl From<FilesFromName> for FilesFrom {
    fn from(name: FilesFromName) -> Self {
        match name {
            FilesFromName::Outside => Self::Outside,
            FilesFromName::User => Self::User,
        }
    }
}

impl From<ApprovalsName> for Approvals {
    fn from(name: ApprovalsName) -> Self {
        match name {
            ApprovalsName::Ask => Self::Ask,
            ApprovalsName::Deny => Self::Deny,
            ApprovalsName::Grant => Self::Grant,
        }
    }
}

/// What a submit says about consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyView {
    /// Whose words the attached files are: `outside` if absent, since files are often other people's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<FilesFromName>,
    /// What is done about a call that would join text from outside, private data (attached files, secrets) and a way to send; the
    /// server's setting if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalsName>,
    /// Hosts that may be sent to without asking: a name or `*.name`, each with `:port` where that is neither 80 nor 443.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["api.example.com"]))]
    pub send_to: Vec<String>,
}

impl From<TaskPolicy> for PolicyView {
    fn from(policy: TaskPolicy) -> Self {
        Self {
            files: Some(policy.files.into()),
            approvals: policy.approvals.map(ApprovalsName::from),
            send_to: policy.send_to.into_iter().map(String::from).collect(),
        }
    }
}
