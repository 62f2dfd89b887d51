//! Removing the workspaces that a dead process left.

use std::io;
use std::path::Path;

use super::place::Home;

/// Removes every workspace that no process holds.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for task in folders(folder)? {
        for step in folders(&task)? {
            match Home::try_lock(&step).and_then(|home| home.map(|home| home.remove()).transpose())
            {
                Ok(_) => {}
                // Another process may sweep the same folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %step.display(), %error, "a left-over workspace could not be removed");
                }
            }
        }
        let _ = std::fs::remove_dir(&task);
    }
    Ok(())
}

/// The folders in a folder, but for those of our own book-keeping.
fn folders(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
