//! What a sealed secret and its key file promise.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Barrier;

use agent_core::ports::sealer::{Sealer, UnsealError};
use agent_core::secret::{Sealed, Secret};
use store_seal::{KeyFile, KeyFileError, XChaChaSealer};

const ROW: &str = "webhook/whk_1/secret";

fn with_key_at(path: &Path) -> XChaChaSealer {
    XChaChaSealer::new(&KeyFile::load_or_create(path).unwrap())
}

#[test]
fn a_secret_opens_with_the_same_key_file_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let secret = Secret::new("whsec_ünïcode");
    let sealed = with_key_at(&path).seal(&secret, ROW);
    assert_eq!(with_key_at(&path).unseal(&sealed, ROW), Ok(secret));
    let empty = Secret::new("");
    assert_eq!(
        with_key_at(&path).unseal(&with_key_at(&path).seal(&empty, ROW), ROW),
        Ok(empty)
    );
}

#[test]
fn a_sealed_secret_moved_to_another_row_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = with_key_at(&folder.path().join("key"));
    let sealed = keeper.seal(&Secret::new("x"), ROW);
    assert_eq!(
        keeper.unseal(&sealed, "webhook/whk_2/secret"),
        Err(UnsealError)
    );
    assert_eq!(keeper.unseal(&sealed, ""), Err(UnsealError));
}

#[test]
fn a_sealed_secret_does_not_open_with_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = with_key_at(&folder.path().join("one")).seal(&Secret::new("x"), ROW);
    let other = with_key_at(&folder.path().join("two"));
    assert_eq!(other.unseal(&sealed, ROW), Err(UnsealError));
}

#[test]
fn a_sealed_secret_with_any_byte_changed_or_missing_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = with_key_at(&folder.path().join("key"));
    let sealed = keeper.seal(&Secret::new("secret"), ROW);
    for at in 0..sealed.0.len() {
        let mut changed = sealed.clone();
        changed.0[at] ^= 1;
        assert_eq!(keeper.unseal(&changed, ROW), Err(UnsealError), "byte {at}");
        let cut = Sealed(sealed.0[..at].to_vec());
        assert_eq!(keeper.unseal(&cut, ROW), Err(UnsealError), "cut at {at}");
    }
}

#[test]
fn sealing_twice_gives_different_bytes_that_do_not_hold_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = with_key_at(&folder.path().join("key"));
    let secret = Secret::new("a long and telling secret");
    let (first, second) = (keeper.seal(&secret, ROW), keeper.seal(&secret, ROW));
    assert_ne!(first, second);
    let telling = |window: &[u8]| window == b"telling";
    assert!(!first.0.windows(7).any(telling));
}

#[test]
fn debug_shows_nothing_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let key_file = KeyFile::load_or_create(&path).unwrap();
    let sealer = XChaChaSealer::new(&key_file);
    assert_eq!(
        format!("{key_file:?} {sealer:?}"),
        "KeyFile(***) XChaChaSealer(***)"
    );
}

#[test]
fn a_new_key_file_is_for_its_owner_alone_and_nothing_else_is_left_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    KeyFile::load_or_create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap().len(), 45);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn processes_that_start_together_use_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let together = Barrier::new(8);
    let sealed: Vec<Sealed> = std::thread::scope(|scope| {
        let start = || {
            together.wait();
            with_key_at(&path).seal(&Secret::new("x"), ROW)
        };
        let running: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let later = with_key_at(&path);
    for sealed in sealed {
        assert_eq!(later.unseal(&sealed, ROW), Ok(Secret::new("x")));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    KeyFile::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = KeyFile::load_or_create(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "key file {path} can be used by others than its owner (mode {mode:04o}); run: chmod 600 {path}",
                path = path.display()
            )
        );
    }
}

#[test]
fn a_key_file_that_holds_no_key_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for text in ["", "rubbish\n", "c2hvcnQ=\n", &"A".repeat(3000)] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = KeyFile::load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Malformed { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_missing_folder_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere/key");
    let error = KeyFile::load_or_create(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("nowhere/key"), "{error}");
}
