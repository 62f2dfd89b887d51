//! What the blob store promises when it is a bucket that speaks S3.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use agent_core::blob::BlobHash;
use agent_core::id::{InstallationId, TenantId};
use agent_core::installation::Mark;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Seeded;
use agent_core::secret::Secret;
use errand_tests::bucket::{ACCESS_KEY_ID, BucketServer, SECRET_ACCESS_KEY};
use store_blobs::{OpenError, Opened, Options};
use tempfile::TempDir;

fn tenant(number: u64) -> TenantId {
    TenantId::new(&Seeded::new(number))
}

/// A folder with one empty bucket.
fn buckets() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("blobs")).unwrap();
    root
}

fn options(server: &BucketServer) -> Options {
    Options {
        url: "s3://blobs/errand/one".to_owned(),
        endpoint: server.endpoint(),
        access_key_id: Some(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Some(Secret::new(SECRET_ACCESS_KEY)),
        allow_http: true,
        request_timeout_ms: 10_000,
        retry_ms: 500,
        ..Options::default()
    }
}

async fn open(options: &Options) -> Result<Arc<dyn Blobs>, OpenError> {
    Ok(open_both(options).await?.blobs)
}

async fn open_both(options: &Options) -> Result<Opened, OpenError> {
    let guard = egress::Guard::new(egress::Options::default()).unwrap();
    let unused = std::path::Path::new("/nonexistent");
    store_blobs::open(options, unused, &guard).await
}

/// All that an error says, down to its root.
fn whole_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[tokio::test]
async fn what_one_process_puts_another_reads_and_tenants_are_apart() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let (first, second) = (
        open(&options(&server)).await.unwrap(),
        open(&options(&server)).await.unwrap(),
    );
    for content in [Vec::new(), b"hello".to_vec(), vec![7; 3_000_000]] {
        let blob = first.put(&tenant(1), content.clone()).await.unwrap();
        assert_eq!(blob.hash, BlobHash::of(&content));
        assert_eq!(blob.bytes, content.len() as u64);
        assert_eq!(second.get(&tenant(1), &blob.hash).await.unwrap(), content);
        let error = second.get(&tenant(2), &blob.hash).await.unwrap_err();
        assert!(matches!(error, BlobError::Missing { hash } if hash == blob.hash));
    }
    // The same blob again, as a worker does that begins a step anew.
    let again = second.put(&tenant(1), b"hello".to_vec()).await.unwrap();
    assert_eq!(first.get(&tenant(1), &again.hash).await.unwrap(), b"hello");
}

#[tokio::test]
async fn prefixes_of_one_bucket_are_apart() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let other = Options {
        url: "s3://blobs/errand/two".to_owned(),
        ..options(&server)
    };
    let blob = open(&options(&server))
        .await
        .unwrap()
        .put(&tenant(1), b"mine".to_vec())
        .await
        .unwrap();
    let elsewhere = open(&other).await.unwrap();
    let error = elsewhere.get(&tenant(1), &blob.hash).await.unwrap_err();
    assert!(matches!(error, BlobError::Missing { .. }));
}

#[tokio::test]
async fn a_damaged_object_is_reported_and_a_put_mends_it() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let store = open(&options(&server)).await.unwrap();
    let blob = store.put(&tenant(1), b"content".to_vec()).await.unwrap();
    let hash = blob.hash.as_str();
    let file = root.path().join("blobs/errand/one");
    let file = file.join(tenant(1).as_str()).join(&hash[..2]).join(hash);
    std::fs::write(&file, "Content").unwrap();
    let error = store.get(&tenant(1), &blob.hash).await.unwrap_err();
    assert!(matches!(error, BlobError::Corrupt { .. }), "{error:?}");
    store.put(&tenant(1), b"content".to_vec()).await.unwrap();
    let read = store.get(&tenant(1), &blob.hash).await.unwrap();
    assert_eq!(read, b"content");
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_said_at_the_start_with_what_to_do() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let good = options(&server);
    let cases = [
        (
            Options {
                url: "s3://nosuchbucket".to_owned(),
                ..good.clone()
            },
            "does not exist; create it, or correct blobs.url",
        ),
        (
            Options {
                secret_access_key: Some(Secret::new("wrong")),
                ..good.clone()
            },
            "the credentials were refused; correct blobs.access_key_id",
        ),
        (
            Options {
                access_key_id: Some("nobody".to_owned()),
                ..good.clone()
            },
            "the credentials were refused; correct blobs.access_key_id",
        ),
        (
            Options {
                access_key_id: None,
                ..good.clone()
            },
            "set blobs.access_key_id and blobs.secret_access_key",
        ),
        (
            Options {
                allow_http: false,
                ..good.clone()
            },
            "use https://, or set blobs.allow_http = true",
        ),
        (
            Options {
                endpoint: "http://127.0.0.1:9".to_owned(),
                ..good
            },
            "cannot be reached; start it, or correct blobs.endpoint",
        ),
    ];
    for (options, wanted) in cases {
        let Err(error) = open(&options).await else {
            panic!("{options:?} should not do");
        };
        let text = whole_text(&error);
        assert!(text.contains(wanted), "{text}");
        assert!(!text.contains(SECRET_ACCESS_KEY), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_goes_away_is_unavailable_and_serves_again_when_it_is_back() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let address = server.address;
    let store = open(&options(&server)).await.unwrap();
    let blob = store.put(&tenant(1), b"kept".to_vec()).await.unwrap();
    store.check().await.unwrap();
    server.stop().await;
    let attempts = [
        store.put(&tenant(1), b"new".to_vec()).await.err().unwrap(),
        store.get(&tenant(1), &blob.hash).await.err().unwrap(),
        store.check().await.err().unwrap(),
    ];
    for error in attempts {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
        let text = whole_text(&error);
        assert!(text.contains("cannot be reached"), "{text}");
    }
    let server = BucketServer::start_at(root.path(), address).await;
    store.check().await.unwrap();
    assert_eq!(store.get(&tenant(1), &blob.hash).await.unwrap(), b"kept");
    server.stop().await;
}

#[tokio::test]
async fn blobs_of_a_bucket_that_is_gone_are_unavailable_and_not_missing() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let store = open(&options(&server)).await.unwrap();
    let blob = store.put(&tenant(1), b"kept".to_vec()).await.unwrap();
    let (there, away) = (root.path().join("blobs"), root.path().join("away"));
    std::fs::rename(&there, &away).unwrap();
    let error = store.get(&tenant(1), &blob.hash).await.unwrap_err();
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    std::fs::rename(&away, &there).unwrap();
    assert_eq!(store.get(&tenant(1), &blob.hash).await.unwrap(), b"kept");
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_in_bounded_time() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let options = Options {
        request_timeout_ms: 200,
        ..options(&server)
    };
    server.stop().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        endpoint: format!("http://{}", silent.local_addr().unwrap()),
        ..options
    };
    let asked = tokio::time::timeout(Duration::from_secs(30), open(&options));
    let error = asked.await.unwrap().err().unwrap();
    let text = whole_text(&error);
    assert!(text.contains("did not answer in time"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_marked_once_for_each_prefix_and_no_sweep_sees_the_mark() {
    let root = buckets();
    let server = BucketServer::start(root.path()).await;
    let store = open_both(&options(&server)).await.unwrap();
    assert_eq!(store.marks.find_mark().await.unwrap(), None);
    let entropy = Seeded::new(1);
    let new = || Mark::new(&entropy, &InstallationId::new(&entropy));
    let (first, second) = (new(), new());
    assert_eq!(store.marks.ensure_mark(&first).await.unwrap(), first);
    let again = open_both(&options(&server)).await.unwrap();
    assert_eq!(again.marks.ensure_mark(&second).await.unwrap(), first);
    assert_eq!(again.shelves.shard_after(None).await.unwrap(), None);
    again.marks.replace_mark(&second).await.unwrap();
    assert_eq!(store.marks.find_mark().await.unwrap(), Some(second));
    let other = Options {
        url: "s3://blobs/errand/two".to_owned(),
        ..options(&server)
    };
    let other = open_both(&other).await.unwrap();
    assert_eq!(other.marks.find_mark().await.unwrap(), None);
}
