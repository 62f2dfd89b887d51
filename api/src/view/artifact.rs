//! Artifacts as callers see them.

use agent_core::delivery::rfc3339;
use agent_core::id::TaskId;
use agent_core::ports::store::Artifact;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::links::artifact_path;

/// A file that the task hands to its submitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    /// Identity of this content; another one appears when the name is published again.
    pub id: String,
    /// Its name, unique in the task; may contain slashes.
    #[schema(example = "report.md")]
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Media type.
    #[schema(example = "text/markdown")]
    pub media_type: String,
    /// SHA-256 of its content in hex.
    pub sha256: String,
    /// Id of the step that published it.
    pub step: Option<String>,
    /// When, as RFC 3339.
    pub created_at: String,
    /// When, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// Where its bytes are.
    pub url: String,
}

impl ArtifactView {
    pub(crate) fn of(task: &TaskId, artifact: &Artifact) -> Self {
        Self {
            id: artifact.id.to_string(),
            name: artifact.name.clone(),
            bytes: artifact.blob.bytes,
            media_type: artifact.media_type.clone(),
            sha256: artifact.blob.hash.to_string(),
            step: artifact.step.as_ref().map(ToString::to_string),
            created_at: rfc3339(artifact.created_at_ms),
            created_at_ms: artifact.created_at_ms,
            url: artifact_path(task, &artifact.name),
        }
    }
}
