//! What the local blob store promises.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent_core::blob::BlobHash;
use agent_core::id::{InstallationId, TenantId};
use agent_core::installation::Mark;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::housekeeping::{Cutoff, Shelves};
use agent_core::ports::installation::Marks;
use store_blobs::LocalBlobs;

fn tenant(number: u64) -> TenantId {
    TenantId::new(&Seeded::new(number))
}

fn file_of(folder: &Path, tenant: &TenantId, hash: &BlobHash) -> PathBuf {
    let shard = &hash.as_str()[..2];
    folder.join(tenant.as_str()).join(shard).join(hash.as_str())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn what_was_put_is_read_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = tenant(1);
    for content in [Vec::new(), b"hello".to_vec(), vec![7; 1_000_000]] {
        let store = LocalBlobs::open(folder.path()).unwrap();
        let blob = store.put(&tenant, content.clone()).await.unwrap();
        assert_eq!(blob.hash, BlobHash::of(&content));
        assert_eq!(blob.bytes, content.len() as u64);
        let store = LocalBlobs::open(folder.path()).unwrap();
        assert_eq!(store.get(&tenant, &blob.hash).await.unwrap(), content);
    }
}

#[tokio::test]
async fn a_blob_of_one_tenant_is_missing_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    let blob = store.put(&tenant(1), b"mine".to_vec()).await.unwrap();
    let error = store.get(&tenant(2), &blob.hash).await.unwrap_err();
    assert!(matches!(error, BlobError::Missing { hash } if hash == blob.hash));
}

#[tokio::test]
async fn a_second_put_writes_nothing_but_makes_the_blob_young_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    let tenant = tenant(1);
    let blob = store.put(&tenant, b"same".to_vec()).await.unwrap();
    let path = file_of(folder.path(), &tenant, &blob.hash);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(long_ago).unwrap();
    let opened = file.metadata().unwrap();

    store.put(&tenant, b"same".to_vec()).await.unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(inode(&after), inode(&opened), "the same file");
    assert!(after.modified().unwrap() > long_ago + Duration::from_hours(24));
}

fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[tokio::test]
async fn a_damaged_blob_is_reported_and_a_put_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    let tenant = tenant(1);
    let blob = store.put(&tenant, b"content".to_vec()).await.unwrap();
    let path = file_of(folder.path(), &tenant, &blob.hash);
    for damaged in ["Content", "cont", ""] {
        fs::write(&path, damaged).unwrap();
        let error = store.get(&tenant, &blob.hash).await.unwrap_err();
        assert!(matches!(error, BlobError::Corrupt { hash } if hash == blob.hash));
        store.put(&tenant, b"content".to_vec()).await.unwrap();
        let read = store.get(&tenant, &blob.hash).await.unwrap();
        assert_eq!(read, b"content", "after it was {damaged:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_of_the_same_blob_at_once_all_succeed_and_leave_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalBlobs::open(folder.path()).unwrap());
    let content = vec![42; 200_000];
    let mut puts = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (store, content) = (Arc::clone(&store), content.clone());
        puts.spawn(async move { store.put(&tenant(1), content).await.unwrap() });
    }
    let blobs = puts.join_all().await;
    assert_eq!(files(folder.path()).len(), 1);
    let read = store.get(&tenant(1), &blobs[0].hash).await.unwrap();
    assert_eq!(read, content);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for impossible in [file.clone(), file.join("below")] {
        let error = LocalBlobs::open(&impossible).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_is_unavailable_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    fs::write(folder.path().join(tenant(1).as_str()), "in the way").unwrap();
    let error = store.put(&tenant(1), b"x".to_vec()).await.unwrap_err();
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_check_tells_whether_the_folder_takes_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    store.check().await.unwrap();
    assert_eq!(
        files(folder.path()),
        Vec::<PathBuf>::new(),
        "it leaves nothing"
    );
    fs::remove_dir(folder.path()).unwrap();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    fs::create_dir(folder.path()).unwrap();
    store.check().await.unwrap();
}

/// The contents that the process which is killed puts, one after another.
fn content(number: u64) -> Vec<u8> {
    let mut content = vec![b'.'; 1_000_000];
    content[..8].copy_from_slice(&number.to_le_bytes());
    content
}

#[test]
#[ignore = "the body of the process that the next test kills"]
fn puts_without_end() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    if folder.trim().is_empty() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = LocalBlobs::open(folder.trim()).unwrap();
        for number in 0..10_000 {
            store.put(&tenant(1), content(number)).await.unwrap();
        }
    });
}

#[tokio::test]
async fn a_put_that_is_killed_leaves_whole_blobs_and_at_most_a_draft() {
    let folder = tempfile::tempdir().unwrap();
    let is_draft = |path: &PathBuf| path.to_string_lossy().contains('#');
    let mut drafts_left = 0;
    for _ in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "puts_without_end", "--ignored"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{}", folder.path().display()).unwrap();
        // Kill it as soon as a new draft is seen; the child's own end bounds the wait.
        while files(folder.path())
            .iter()
            .filter(|path| is_draft(path))
            .count()
            <= drafts_left
        {
            assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut said = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        drafts_left = files(folder.path())
            .iter()
            .filter(|path| is_draft(path))
            .count();
    }
    let store = LocalBlobs::open(folder.path()).unwrap();
    let (_drafts, whole): (Vec<_>, Vec<_>) = files(folder.path()).into_iter().partition(is_draft);
    for path in whole {
        let hash = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        store.get(&tenant(1), &hash).await.unwrap();
    }
    // What was being put is either whole or missing, and can be put again.
    for number in 0..8 {
        let wanted = content(number);
        match store.get(&tenant(1), &BlobHash::of(&wanted)).await {
            Ok(read) => assert_eq!(read, wanted),
            Err(error) => assert!(matches!(error, BlobError::Missing { .. }), "{error}"),
        }
        let blob = store.put(&tenant(1), wanted.clone()).await.unwrap();
        assert_eq!(store.get(&tenant(1), &blob.hash).await.unwrap(), wanted);
    }
}

fn mark(number: u64) -> Mark {
    let entropy = Seeded::new(number);
    Mark::new(&entropy, &InstallationId::new(&entropy))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_marks_that_are_written_together_one_stays_and_all_are_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalBlobs::open(folder.path()).unwrap());
    assert_eq!(store.find_mark().await.unwrap(), None);
    let writing: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.ensure_mark(&mark(number)).await.unwrap() })
        })
        .collect();
    let again = LocalBlobs::open(folder.path()).unwrap();
    for told in writing {
        let told = Some(told.await.unwrap());
        assert_eq!(told, again.find_mark().await.unwrap());
    }
    // No draft is left.
    assert_eq!(files(folder.path()).len(), 1);
    store.replace_mark(&mark(9)).await.unwrap();
    assert_eq!(again.find_mark().await.unwrap(), Some(mark(9)));
}

#[tokio::test]
async fn no_sweep_sees_the_mark_and_one_that_means_nothing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(folder.path()).unwrap();
    store.ensure_mark(&mark(1)).await.unwrap();
    assert_eq!(store.shard_after(None).await.unwrap(), None);
    let all = store.old_in("", Cutoff(i64::MAX)).await.unwrap();
    assert_eq!(all, []);
    assert_eq!(store.find_mark().await.unwrap(), Some(mark(1)));
    fs::write(folder.path().join(".errand-installation"), "rubbish").unwrap();
    let error = store.find_mark().await.unwrap_err();
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_mount_point_without_its_mount_takes_nothing_and_misses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (folder, mounted) = (place.path().join("blobs"), place.path().join("elsewhere"));
    let store = LocalBlobs::open(&folder).unwrap();
    store.ensure_mark(&mark(1)).await.unwrap();
    let tenant = tenant(1);
    let blob = store.put(&tenant, b"before".to_vec()).await.unwrap();
    fs::rename(&folder, &mounted).unwrap();
    // Once with an empty mount point, and once with none at all.
    fs::create_dir(&folder).unwrap();
    for _ in 0..2 {
        let refused = [
            store.put(&tenant, b"meanwhile".to_vec()).await.unwrap_err(),
            store.get(&tenant, &blob.hash).await.unwrap_err(),
            store.check().await.unwrap_err(),
        ];
        for error in refused {
            assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
            let cause = error.source().unwrap().to_string();
            assert!(cause.contains("mount it again"), "{cause}");
        }
        assert_eq!(files(&folder), Vec::<PathBuf>::new());
        let _ = fs::remove_dir(&folder);
    }
    assert!(!folder.exists());
    fs::rename(&mounted, &folder).unwrap();
    store.check().await.unwrap();
    assert_eq!(store.get(&tenant, &blob.hash).await.unwrap(), b"before");
    store.put(&tenant, b"meanwhile".to_vec()).await.unwrap();
}
