//! The key file: 32 random bytes in base64, readable by its owner alone.
//!
//! A key file appears whole or not at all, whoever is killed while making it, and two processes that start
//! together end up with the same one. It is never overwritten and never removed: secrets sealed with a lost key
//! are lost.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Generate;
use chacha20poly1305::{Key, XChaCha20Poly1305};

/// More than any well-formed key file holds.
const FILE_BYTES_MAX: u64 = 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("key file {} does not exist", path.display())]
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// Others than its owner can read or change the file.
    #[error(
        "key file {path} can be used by others than its owner (mode {mode:04o}); run: chmod 600 {path}",
        path = path.display()
    )]
    TooOpen {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a key. It is left as it is.
    #[error("key file {} does not hold 32 bytes in base64; restore it from a backup", path.display())]
    Malformed {
        /// Its path.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("key file {} is unavailable", path.display())]
    Unavailable {
        /// Its path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// A key that was read from its file.
#[derive(Clone)]
pub struct KeyFile {
    key: Key,
}

impl KeyFile {
    /// Reads the key, and makes the file first if there is none. The folder must exist.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        match Self::load(path) {
            Err(KeyFileError::Missing { .. }) => {
                create(path).map_err(|source| unavailable(path, source))?;
                // Read back even if this process made it: then what is used is what the file holds.
                Self::load(path)
            }
            loaded => loaded,
        }
    }

    /// Reads the key.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                KeyFileError::Missing {
                    path: path.to_owned(),
                }
            } else {
                unavailable(path, source)
            }
        })?;
        let failed = |source| unavailable(path, source);
        // Asked of the open file, so that it is the file that is read.
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::TooOpen {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Vec::new();
        let mut limited = file.take(FILE_BYTES_MAX);
        limited.read_to_end(&mut text).map_err(failed)?;
        let key = STANDARD.decode(text.trim_ascii()).ok();
        let key = key.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        key.map(|key| Self { key: key.into() })
            .ok_or_else(|| KeyFileError::Malformed {
                path: path.to_owned(),
            })
    }

    /// The key itself, for the sealer.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile(***)")
    }
}

fn unavailable(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Unavailable {
        path: path.to_owned(),
        source,
    }
}

/// Writes a new key beside `path` and gives it that name, unless another process was faster.
fn create(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut draft = name.to_owned();
    // A random name, so that two processes do not write one draft. One that is left by a kill is a key that was
    // never used.
    draft.push(format!(".{:016x}.new", u64::generate()));
    let draft = folder.join(draft);

    let written = write_draft(&draft);
    // A link, unlike a rename, fails when the name is taken, so a key that exists is never replaced.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    removed?;
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path) -> io::Result<()> {
    let key = chacha20poly1305::aead::Key::<XChaCha20Poly1305>::generate();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()
}
