//! Writing the files of an archive into a folder: new files and folders, never a link, and back again after an error.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

const PIECE_BYTES: usize = 64 << 10;
/// What a file is called while it is written beside the one that it replaces.
const UNFINISHED: &str = ".errand-unfinished";

/// Writes below one folder.
pub(super) struct Writer<'f> {
    folder: &'f Path,
    replace: bool,
    /// Files and folders that were not there before, in the order in which they were made.
    made: Vec<PathBuf>,
}

/// What stands where a file is to be.
enum There {
    Nothing,
    File,
    Other,
}

fn look_at(place: &Path) -> io::Result<There> {
    match fs::symlink_metadata(place) {
        Ok(there) if there.is_file() => Ok(There::File),
        Ok(_) => Ok(There::Other),
        // A file where a folder has to be is found by who makes the folder.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(There::Nothing)
        }
        Err(error) => Err(error),
    }
}

fn taken(name: &str) -> Error {
    Error::UnsafeName {
        name: name.to_owned(),
        why: "something that is no file is there already",
    }
}

impl<'f> Writer<'f> {
    pub fn new(folder: &'f Path, replace: bool) -> Self {
        Self {
            folder,
            replace,
            made: Vec::new(),
        }
    }

    /// Looks for what is in the way before anything is written.
    pub fn look<'n>(&self, names: impl Iterator<Item = &'n String>) -> Result<(), Error> {
        let (mut first, mut others) = (None, 0);
        for name in names {
            match look_at(&self.folder.join(name))? {
                There::Nothing => {}
                There::File if self.replace => {}
                There::File if first.is_none() => first = Some(name.clone()),
                There::File => others += 1,
                There::Other => return Err(taken(name)),
            }
        }
        first.map_or(Ok(()), |name| Err(Error::Taken { name, others }))
    }

    /// Writes one file, with the folders above it, and gives its bytes.
    pub fn write(
        &mut self,
        name: &str,
        is_executable: bool,
        source: &mut dyn Read,
    ) -> Result<u64, Error> {
        let place = self.folder_of(name)?;
        let is_there = self.replace && matches!(look_at(&place)?, There::File);
        // What is replaced stays until all of the new file is there.
        let begun = if is_there {
            place.with_file_name(UNFINISHED)
        } else {
            place.clone()
        };
        let mode = if is_executable { 0o700 } else { 0o600 };
        let mut options = OpenOptions::new();
        // `create_new` fails on anything that is there, also on a link that leads nowhere.
        let file = options.write(true).create_new(true).mode(mode).open(&begun);
        let mut file = file.map_err(|error| not_written(name, error))?;
        self.made.push(begun.clone());
        let bytes = copy(source, &mut file, name)?;
        if is_there {
            fs::rename(&begun, &place).map_err(|error| not_written(name, error))?;
            self.made.pop();
        }
        Ok(bytes)
    }

    /// Makes the folders above a file, and gives the file's place.
    fn folder_of(&mut self, name: &str) -> Result<PathBuf, Error> {
        let mut place = self.folder.to_owned();
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            if parts.peek().is_none() {
                break;
            }
            match fs::create_dir(&place) {
                Ok(()) => self.made.push(place.clone()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    // Not through a link, wherever it leads.
                    if !fs::symlink_metadata(&place)?.is_dir() {
                        return Err(taken(name));
                    }
                }
                Err(error) => return Err(not_written(name, error)),
            }
        }
        Ok(place)
    }

    /// Removes what was made, as far as it can be.
    pub fn undo(&mut self) {
        for place in self.made.drain(..).rev() {
            let removed = fs::remove_file(&place).or_else(|_| fs::remove_dir(&place));
            // A folder that holds something of others stays.
            drop(removed);
        }
    }
}

fn not_written(name: &str, source: io::Error) -> Error {
    Error::NotWritten {
        name: name.to_owned(),
        source,
    }
}

/// Copies, and tells a source that cannot be read from a file that cannot be written.
fn copy(source: &mut dyn Read, file: &mut File, name: &str) -> Result<u64, Error> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let count = source.read(&mut piece)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(bytes);
        };
        file.write_all(read)
            .map_err(|error| not_written(name, error))?;
        bytes += count as u64;
    }
}
