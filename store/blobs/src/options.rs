//! What an operator can set about where blobs are kept.

use agent_core::secret::Secret;
use serde::{Deserialize, Serialize};

/// Settings of the blob store. Every process of an installation needs the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// `s3://bucket` or `s3://bucket/prefix`. Empty: a local folder.
    pub url: String,
    /// URL of a service that speaks S3. Empty: Amazon's, for the region.
    pub endpoint: String,
    /// Region of the bucket.
    pub region: String,
    /// Name of the access key.
    pub access_key_id: Option<String>,
    /// The access key itself.
    pub secret_access_key: Option<Secret>,
    /// Third part of credentials that are lent for a time.
    pub session_token: Option<Secret>,
    /// Whether the endpoint may be `http://`, over which blobs can be read and changed on their way.
    pub allow_http: bool,
    /// Whether the bucket's name stands before the endpoint's host instead of in the path.
    pub virtual_hosted: bool,
    /// How long one request may take, its body included.
    pub request_timeout_ms: u64,
    /// How long a request that failed is tried again before the caller is told.
    pub retry_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: String::new(),
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            allow_http: false,
            virtual_hosted: false,
            request_timeout_ms: 120_000,
            // Short: whoever waits for a blob is retried by the queue, or told to come again.
            retry_ms: 5_000,
        }
    }
}
