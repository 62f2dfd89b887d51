//! A folder of whoever runs a command by hand: its files are taken into a workspace, and what the command changed is given back.
//!
//! The command never has the folder itself. What is given back is written without following a link, with owners and modes
//! kept, and never over what somebody else changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use agent_core::id::TenantId;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::workspace::{Entry, Manifest};
use futures_util::{StreamExt, TryStreamExt};
use rustix::fs::{Mode, OFlags};

use crate::directory::{AccessError, DEPTH_MAX, Directory, Kind, Next, StatKey, open_beneath};
use crate::options::Options;

/// Files that are read and put at the same time.
const PUTS_AT_ONCE: usize = 8;

/// Why a folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is more than a workspace can hold.
    #[error("{0}")]
    TooLarge(String),
    /// A file of it cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// Its path in the folder.
        path: String,
        /// Why.
        source: AccessError,
    },
    /// The folder itself cannot be read.
    #[error("the folder cannot be read")]
    Folder(#[from] io::Error),
    /// What was read could not be kept.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// A folder, and the state of its files when they were taken.
pub struct Folder {
    directory: Arc<Directory>,
    taken: BTreeMap<String, StatKey>,
    /// What stayed behind, each with what it is: links, pipes, sockets, devices, and what cannot be read.
    pub left_out: Vec<String>,
}

/// What became of the changes, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Written.
    pub written: Vec<String>,
    /// Deleted.
    pub deleted: Vec<String>,
    /// Not given back, and why.
    pub kept: Vec<(String, String)>,
}

/// What a command did to the files of a folder.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// The files that were taken.
    pub before: &'a Manifest,
    /// The files that there are now.
    pub after: &'a Manifest,
    /// What else there is now, by path.
    pub others: &'a [(String, &'static str)],
}

impl Changes<'_> {
    /// What lies now where a file was, or where a directory above it was; no file was deleted there.
    fn replaced(&self, path: &str) -> Option<&'static str> {
        let is_above = |other: &str| {
            let below = path.strip_prefix(other);
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        let mut others = self.others.iter();
        others
            .find(|(other, _)| is_above(other))
            .map(|(_, kind)| *kind)
    }
}

/// What a workspace holds beside the files and directories that can be given back, by path, or by name where it can have no path: links,
/// pipes, sockets and devices, each with what it is.
pub async fn others(
    directory: &Arc<Directory>,
) -> Result<Vec<(String, &'static str)>, FolderError> {
    let directory = Arc::clone(directory);
    blocking(move || {
        let mut others = Vec::new();
        let walked = directory.walk::<()>("", &mut |walk| {
            match (&walk.found.path, walk.found.kind) {
                (Some(_), Kind::File | Kind::Folder) => {}
                (Some(path), Kind::Other(kind)) => others.push((path.clone(), kind)),
                (None, _) => {
                    let name = walk.name.to_string_lossy().into_owned();
                    others.push((name, "its name is none that a workspace can have"));
                }
            }
            Ok(Next::Enter)
        });
        walked.map_err(|error| FolderError::Folder(io::Error::other(error)))?;
        Ok(others)
    })
    .await
}

/// A file as it was found.
struct Seen {
    path: String,
    bytes: u64,
}

impl Folder {
    /// Opens a folder. Links on the way to it are the caller's own and are followed, once.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let path = path.canonicalize()?;
        if path.parent().is_none() {
            return Err(FolderError::TooLarge(
                "it is the root of the file system; name a folder below it".to_owned(),
            ));
        }
        Ok(Self {
            directory: Arc::new(Directory::of_somebody(&path)?),
            taken: BTreeMap::new(),
            left_out: Vec::new(),
        })
    }

    /// Its path, without links.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts the content of all files and says what there is. Nothing is read of a folder that is too large for a workspace.
    pub async fn take(
        &mut self,
        blobs: &dyn Blobs,
        tenant: &TenantId,
        options: &Options,
    ) -> Result<Manifest, FolderError> {
        let (directory, bounds) = (
            Arc::clone(&self.directory),
            (options.workspace_files_max, options.workspace_bytes_max),
        );
        let (seen, left_out) = blocking(move || survey(&directory, bounds)).await?;
        self.left_out = left_out;
        let directory = &self.directory;
        let stored = seen.into_iter().map(|file| {
            let directory = Arc::clone(directory);
            async move { store(directory, blobs, tenant, file).await }
        });
        let stored: Vec<(String, StatKey, Entry)> = futures_util::stream::iter(stored)
            .buffer_unordered(PUTS_AT_ONCE)
            .try_collect()
            .await?;
        let mut manifest = Manifest::default();
        for (path, key, entry) in stored {
            self.taken.insert(path.clone(), key);
            manifest.0.insert(path, entry);
        }
        Ok(manifest)
    }

    /// Makes the folder's files those of `after` where they differ from `before`.
    pub async fn give_back(
        &self,
        blobs: &dyn Blobs,
        tenant: &TenantId,
        work: Changes<'_>,
    ) -> Result<GivenBack, BlobError> {
        let Changes { before, after, .. } = work;
        let mut given = GivenBack::default();
        let changed = after.changed_since(before);
        let (written, deleted): (Vec<String>, Vec<String>) = changed
            .into_iter()
            .partition(|path| after.0.contains_key(path));
        let folders: Arc<BTreeSet<String>> = Arc::new(folders_of(after));
        // First, for a file may have come to be where a directory was.
        for path in deleted {
            if let Some(kind) = work.replaced(&path) {
                let why = format!("a {kind} is in its place, and only files are brought back");
                given.kept.push((path, why));
                continue;
            }
            let folders = Arc::clone(&folders);
            let done = self.change(&path, move |directory, path| {
                directory.take_away(path, |folder| !folders.contains(folder))
            });
            match done.await {
                Ok(()) => given.deleted.push(path),
                Err(why) => given.kept.push((path, why)),
            }
        }
        for path in written {
            let Some(entry) = after.0.get(&path) else {
                continue;
            };
            let bytes = blobs.get(tenant, &entry.blob.hash).await?;
            let executable = entry.executable;
            let done = self.change(&path, move |directory, path| {
                directory.hand_over(path, &bytes, executable)
            });
            match done.await {
                Ok(()) => given.written.push(path),
                Err(why) => given.kept.push((path, why)),
            }
        }
        Ok(given)
    }

    /// Makes one change, unless somebody else made one there; says why not.
    async fn change(
        &self,
        path: &str,
        work: impl FnOnce(&Directory, &str) -> Result<(), AccessError> + Send + 'static,
    ) -> Result<(), String> {
        let (directory, taken) = (Arc::clone(&self.directory), self.taken.get(path).copied());
        let path = path.to_owned();
        let done = tokio::task::spawn_blocking(move || {
            require_same(&directory, &path, taken)?;
            work(&directory, &path).map_err(|error| error.to_string())
        });
        done.await.map_err(|error| error.to_string())?
    }
}

/// Refuses what is not as it was taken.
fn require_same(directory: &Directory, path: &str, taken: Option<StatKey>) -> Result<(), String> {
    let there = match directory.stat(path) {
        Ok(stat) => Some(StatKey::of(&stat)),
        // A file lies where a directory has to be: the write says so.
        Err(AccessError::Missing | AccessError::Kind { .. }) => None,
        Err(error) => return Err(error.to_string()),
    };
    match (taken, there) {
        (Some(_), None) => Err("it was deleted meanwhile".to_owned()),
        (None, Some(_)) => Err("something of that name is there".to_owned()),
        (Some(taken), Some(there)) if taken != there => Err("it was changed meanwhile".to_owned()),
        (Some(_), Some(_)) | (None, None) => Ok(()),
    }
}

fn folders_of(manifest: &Manifest) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for path in manifest.0.keys() {
        let mut rest = path.as_str();
        while let Some((folder, _)) = rest.rsplit_once('/') {
            folders.insert(folder.to_owned());
            rest = folder;
        }
    }
    folders
}

type Survey = (Vec<Seen>, Vec<String>);

/// The regular files, and what else there is.
fn survey(
    directory: &Directory,
    (files_max, bytes_max): (u64, u64),
) -> Result<Survey, FolderError> {
    let (mut seen, mut left_out) = (Vec::new(), Vec::new());
    let (mut files, mut bytes) = (0_u64, 0_u64);
    let over = directory.walk("", &mut |walk| {
        let found = &walk.found;
        files += 1;
        if found.kind == Kind::File {
            bytes = bytes.saturating_add(found.bytes);
        }
        if files > files_max {
            return Err(ControlFlow::Break(format!(
                "it holds more than {files_max} files and directories (tools.workspace_files_max)"
            )));
        }
        if bytes > bytes_max {
            return Err(ControlFlow::Break(format!(
                "its files have more than {bytes_max} bytes together (tools.workspace_bytes_max)"
            )));
        }
        if found.kind == Kind::Folder && found.depth >= DEPTH_MAX {
            let over = format!("its directories nest deeper than {DEPTH_MAX}");
            return Err(ControlFlow::Break(over));
        }
        match (&found.path, found.kind) {
            (Some(path), Kind::File) => seen.push(Seen {
                path: path.clone(),
                bytes: found.bytes,
            }),
            (Some(path), Kind::Folder) if is_closed(directory, path) => {
                left_out.push(format!("{path} (a directory that cannot be read)"));
            }
            (Some(_), Kind::Folder) => {}
            (Some(path), Kind::Other(kind)) => left_out.push(format!("{path} (a {kind})")),
            (None, _) => {
                let name = walk.name.to_string_lossy();
                left_out.push(format!("{name} (a name that no workspace can have)"));
            }
        }
        Ok(Next::Enter)
    });
    let over = over.map_err(|error| FolderError::Folder(io::Error::other(error)))?;
    match over {
        Some(over) => Err(FolderError::TooLarge(format!(
            "it is more than a workspace can hold: {over}"
        ))),
        None => Ok((seen, left_out)),
    }
}

/// Whether a directory keeps us out. A walk would pass over it in silence.
fn is_closed(directory: &Directory, path: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    open_beneath(directory, path, flags, Mode::empty()).is_err()
}

async fn store(
    directory: Arc<Directory>,
    blobs: &dyn Blobs,
    tenant: &TenantId,
    file: Seen,
) -> Result<(String, StatKey, Entry), FolderError> {
    // One that grows while it is read is not read for ever.
    let (path, bytes_max) = (file.path.clone(), file.bytes);
    let content = blocking(move || {
        directory
            .read(&path, bytes_max)
            .map_err(|source| FolderError::File { path, source })
    });
    let content = content.await?;
    let entry = Entry {
        blob: blobs.put(tenant, content.bytes).await?,
        executable: content.executable,
    };
    Ok((file.path, content.key, entry))
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FolderError> + Send + 'static,
) -> Result<T, FolderError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| FolderError::Folder(io::Error::other(error)))?
}
