//! The mark of a blob folder: a file beside the tenants' folders, which no sweep looks at and which goes along when the folder is
//! copied, also into a bucket.
//!
//! It appears whole or not at all, and of processes that write it together one does. It is durable before anyone hears of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use agent_core::installation::Mark;

/// The mark's name, in a folder and below a bucket's prefix.
pub(crate) const NAME: &str = ".errand-installation";

pub(crate) fn find(folder: &Path) -> io::Result<Option<Mark>> {
    match fs::read(folder.join(NAME)) {
        Ok(text) => Mark::parse(&text).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fails unless the mark is there.
pub(crate) fn is_there(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder.join(NAME)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(
            "the blob folder no longer carries its mark; if it is a mount, mount it again",
        )),
        Err(error) => Err(error),
    }
}

/// Writes the mark, unless there is one, and gives the one that is there.
pub(crate) fn ensure(folder: &Path, new: &Mark) -> io::Result<Mark> {
    let draft = draft(folder, new)?;
    // A link, unlike a rename, fails when the name is taken.
    let linked = fs::hard_link(&draft, folder.join(NAME));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    removed?;
    File::open(folder)?.sync_all()?;
    find(folder)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Writes the mark in place of whatever is there.
pub(crate) fn replace(folder: &Path, new: &Mark) -> io::Result<()> {
    fs::rename(draft(folder, new)?, folder.join(NAME))?;
    File::open(folder)?.sync_all()
}

/// A whole mark under another name, which is nobody else's: a blob store's id is drawn once.
fn draft(folder: &Path, new: &Mark) -> io::Result<std::path::PathBuf> {
    let path = folder.join(format!("{NAME}.{}", new.blob_store));
    let mut file = File::create(&path)?;
    file.write_all(new.to_text().as_bytes())?;
    file.sync_all()?;
    Ok(path)
}
