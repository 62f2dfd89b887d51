//! Opening the blob store that the settings name, and saying what is wrong with them if it cannot be opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::blobs::Blobs;
use agent_core::ports::housekeeping::Shelves;
use agent_core::ports::installation::Marks;
use egress::{Guard, Url};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, RetryConfig};

use crate::bucket::BucketBlobs;
use crate::connector::Guarded;
use crate::local::{FolderError, LocalBlobs};
use crate::options::Options;
use crate::trouble::Trouble;

/// Most attempts at one request; the time for them is bounded too.
const RETRIES_MAX: usize = 5;

/// Why the blob store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The settings contradict each other or are incomplete.
    #[error("{0}")]
    Settings(String),
    /// The bucket cannot be used.
    #[error("{place} cannot be used")]
    Bucket {
        /// Bucket and endpoint.
        place: String,
        /// What is wrong, what to do, and what was answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An open blob store, for those who use blobs, for the one who sweeps them, and for the start.
#[derive(Clone)]
pub struct Opened {
    /// Puts and gets.
    pub blobs: Arc<dyn Blobs>,
    /// Ages and removal.
    pub shelves: Arc<dyn Shelves>,
    /// Whose it is.
    pub marks: Arc<dyn Marks>,
}

impl Opened {
    fn of<S: Blobs + Shelves + Marks + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self {
            blobs: store.clone(),
            shelves: store.clone(),
            marks: store,
        }
    }
}

/// Finds what is wrong with the settings by themselves. Sends nothing, and looks at no folder.
pub fn check(options: &Options, guard: &Guard) -> Result<(), OpenError> {
    if options.url.is_empty() {
        return Ok(());
    }
    bucket(options, guard).map(|_| ())
}

/// Opens the blob store: the bucket if a URL is set, otherwise the folder. A bucket is tried by writing to it.
pub async fn open(options: &Options, folder: &Path, guard: &Guard) -> Result<Opened, OpenError> {
    if options.url.is_empty() {
        return Ok(Opened::of(LocalBlobs::open(folder)?));
    }
    let blobs = bucket(options, guard)?;
    blobs
        .mark()
        .await
        .map_err(|trouble| refused(options, trouble))?;
    Ok(Opened::of(blobs))
}

fn refused(options: &Options, trouble: Trouble) -> OpenError {
    let at = if options.endpoint.is_empty() {
        format!("Amazon S3 in {}", options.region)
    } else {
        options.endpoint.clone()
    };
    OpenError::Bucket {
        place: format!("{} at {at}", options.url),
        source: Box::new(trouble),
    }
}

/// The bucket that the settings name. Sends nothing.
fn bucket(options: &Options, guard: &Guard) -> Result<BucketBlobs, OpenError> {
    let (name, prefix) = place(&options.url)?;
    let (id, secret) = credentials(options)?;
    let endpoint = endpoint(options, &name)?;
    // The operator wrote the address down, which is consent to reach it.
    let guard = guard
        .with_operator_targets(std::slice::from_ref(&endpoint))
        .map_err(|error| OpenError::Settings(format!("blobs.endpoint: {error}")))?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(options.region.as_str())
        .with_endpoint(endpoint.as_str().trim_end_matches('/'))
        .with_virtual_hosted_style_request(options.virtual_hosted)
        .with_allow_http(options.allow_http)
        .with_access_key_id(id)
        .with_secret_access_key(secret)
        .with_retry(retries(options))
        .with_http_connector(Guarded {
            guard,
            timeout: Duration::from_millis(options.request_timeout_ms),
        });
    if let Some(token) = &options.session_token {
        builder = builder.with_token(token.expose());
    }
    let store = builder
        .build()
        .map_err(|error| OpenError::Settings(format!("the blob store's settings: {error}")))?;
    Ok(BucketBlobs::new(Arc::new(store), prefix))
}

fn retries(options: &Options) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: RETRIES_MAX,
        retry_timeout: Duration::from_millis(options.retry_ms),
    }
}

/// Bucket and prefix of an `s3://` URL.
fn place(url: &str) -> Result<(String, Key), OpenError> {
    let wrong = |what: &str| OpenError::Settings(format!("blobs.url {what}"));
    let Some(rest) = url.strip_prefix("s3://") else {
        return Err(wrong(
            "must begin with s3://; for a folder, set blobs_dir instead",
        ));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let well_formed = !bucket.is_empty()
        && bucket
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !well_formed {
        return Err(wrong("must name a bucket: s3://bucket/prefix"));
    }
    let prefix = Key::parse(prefix).map_err(|_| wrong("has a prefix that cannot be used"))?;
    Ok((bucket.to_owned(), prefix))
}

fn credentials(options: &Options) -> Result<(&str, &str), OpenError> {
    let id = options.access_key_id.as_deref().filter(|id| !id.is_empty());
    let secret = options.secret_access_key.as_ref();
    let secret = secret
        .map(agent_core::secret::Secret::expose)
        .filter(|secret| !secret.is_empty());
    id.zip(secret).ok_or_else(|| {
        OpenError::Settings(
            "blobs.url names a bucket, but there are no credentials for it; set blobs.access_key_id and blobs.secret_access_key (ERRAND_BLOBS__ACCESS_KEY_ID, ERRAND_BLOBS__SECRET_ACCESS_KEY)"
                .to_owned(),
        )
    })
}

/// Where requests go.
fn endpoint(options: &Options, bucket: &str) -> Result<Url, OpenError> {
    let wrong = |what: &str| OpenError::Settings(format!("blobs.endpoint {what}"));
    let mut url = if options.endpoint.is_empty() {
        Url::parse(&format!("https://s3.{}.amazonaws.com", options.region))
            .map_err(|_| OpenError::Settings("blobs.region is not a region's name".to_owned()))?
    } else {
        Url::parse(&options.endpoint).map_err(|_| wrong("is not a URL"))?
    };
    match url.scheme() {
        "https" => {}
        "http" if options.allow_http => {}
        "http" => {
            return Err(wrong(
                "is http://, over which blobs can be read and changed on their way; use https://, or set blobs.allow_http = true",
            ));
        }
        _ => return Err(wrong("must begin with https:// or http://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "must not carry credentials; set blobs.access_key_id and blobs.secret_access_key",
        ));
    }
    if options.virtual_hosted {
        let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
        url.set_host(Some(&host))
            .map_err(|_| wrong("has a host that no bucket's name can stand before"))?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use agent_core::secret::Secret;

    use super::*;

    fn good() -> Options {
        Options {
            url: "s3://bucket/some/prefix".to_owned(),
            endpoint: "https://objects.example:9000".to_owned(),
            access_key_id: Some("id".to_owned()),
            secret_access_key: Some(Secret::new("secret")),
            ..Options::default()
        }
    }

    fn complaint(change: impl FnOnce(&mut Options)) -> String {
        let mut options = good();
        change(&mut options);
        let guard = Guard::new(egress::Options::default()).unwrap();
        bucket(&options, &guard).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_what_to_do() {
        for (said, wanted) in [
            (complaint(|o| o.url = "gs://bucket".to_owned()), "blobs_dir"),
            (complaint(|o| o.url = "s3:///x".to_owned()), "name a bucket"),
            (
                complaint(|o| o.access_key_id = None),
                "ERRAND_BLOBS__ACCESS_KEY_ID",
            ),
            (
                complaint(|o| o.secret_access_key = Some(Secret::new(""))),
                "ERRAND_BLOBS__SECRET_ACCESS_KEY",
            ),
            (
                complaint(|o| o.endpoint = "http://127.0.0.1:9".to_owned()),
                "blobs.allow_http",
            ),
            (
                complaint(|o| o.endpoint = "ftp://host".to_owned()),
                "https://",
            ),
            (
                complaint(|o| o.endpoint = "https://a:b@host".to_owned()),
                "credentials",
            ),
        ] {
            assert!(said.contains(wanted), "{said}");
            assert!(!said.contains("secret\""), "{said}");
        }
    }

    #[test]
    fn the_endpoint_is_amazons_for_the_region_unless_one_is_named() {
        let mut options = good();
        let at = |options: &Options| endpoint(options, "bucket").unwrap().to_string();
        assert_eq!(at(&options), "https://objects.example:9000/");
        options.virtual_hosted = true;
        assert_eq!(at(&options), "https://bucket.objects.example:9000/");
        options.endpoint = String::new();
        options.virtual_hosted = false;
        options.region = "eu-west-3".to_owned();
        assert_eq!(at(&options), "https://s3.eu-west-3.amazonaws.com/");
    }
}
