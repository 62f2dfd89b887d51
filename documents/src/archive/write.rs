//! Writing the files of an archive into a folder: all of them aside first, then each to its place, and back again after an error.
//!
//! What takes room, and so can fail for want of it, is done before anything that is there is touched. What is left to do then gives names
//! to files, and each such step is undone if a later one fails. New files and folders only, never a link.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

const PIECE_BYTES: usize = 64 << 10;
/// Where files lie below the folder until they get their places. One that was ended in the middle leaves it behind.
pub const UNFINISHED: &str = ".errand-unfinished";

/// Writes below one folder.
pub(super) struct Writer<'f> {
    folder: &'f Path,
    replace: bool,
    /// The names of the files that were written aside. Their numbers there are their places in this list.
    aside: Vec<String>,
    /// Files and folders that were not there before, in the order in which they were made.
    made: Vec<PathBuf>,
    /// The numbers of the files that were replaced, in that order.
    replaced: Vec<usize>,
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

fn unsafe_name(name: &str, why: &'static str) -> Error {
    Error::UnsafeName {
        name: name.to_owned(),
        why,
    }
}

fn taken(name: &str) -> Error {
    unsafe_name(name, "something that is no file is there already")
}

impl<'f> Writer<'f> {
    pub fn new(folder: &'f Path, replace: bool) -> Self {
        Self {
            folder,
            replace,
            aside: Vec::new(),
            made: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// Looks for what is in the way before anything is written.
    pub fn look<'n>(&self, names: impl Iterator<Item = &'n String>) -> Result<(), Error> {
        let (mut first, mut others) = (None, 0);
        for name in names {
            if name.split('/').next() == Some(UNFINISHED) {
                return Err(unsafe_name(name, "unpacking needs this name for itself"));
            }
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

    /// Makes the place aside, anew.
    pub fn begin(&self) -> Result<(), Error> {
        self.clear();
        fs::create_dir(self.folder.join(UNFINISHED)).map_err(|error| not_written(UNFINISHED, error))
    }

    /// Writes one file aside, and gives its bytes.
    pub fn write(
        &mut self,
        name: &str,
        is_executable: bool,
        source: &mut dyn Read,
    ) -> Result<u64, Error> {
        let number = self.aside.len();
        self.aside.push(name.to_owned());
        let mode = if is_executable { 0o700 } else { 0o600 };
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(mode);
        let file = options.open(self.new_file(number));
        let mut file = file.map_err(|error| not_written(name, error))?;
        copy(source, &mut file, name)
    }

    /// Gives all files their places.
    pub fn finish(&mut self) -> Result<(), Error> {
        for (number, name) in self.aside.clone().iter().enumerate() {
            self.give_place(number, name)?;
        }
        self.clear();
        Ok(())
    }

    fn give_place(&mut self, number: usize, name: &str) -> Result<(), Error> {
        let place = self.folder_of(name)?;
        let failed = |error| not_written(name, error);
        let new = self.new_file(number);
        match look_at(&place)? {
            There::Nothing => {
                fs::rename(new, &place).map_err(failed)?;
                self.made.push(place);
            }
            There::File if self.replace => {
                // A second name, so that the place is at no moment without a file.
                fs::hard_link(&place, self.old_file(number)).map_err(failed)?;
                self.replaced.push(number);
                fs::rename(new, &place).map_err(failed)?;
            }
            There::File => {
                let name = name.to_owned();
                return Err(Error::Taken { name, others: 0 });
            }
            There::Other => return Err(taken(name)),
        }
        Ok(())
    }

    fn new_file(&self, number: usize) -> PathBuf {
        self.folder.join(UNFINISHED).join(format!("{number}.new"))
    }

    fn old_file(&self, number: usize) -> PathBuf {
        self.folder.join(UNFINISHED).join(format!("{number}.old"))
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

    /// Puts all back as it was, and gives the names of the files for which that could not be done: they are new.
    pub fn undo(&mut self) -> Vec<String> {
        let mut stuck = Vec::new();
        for number in std::mem::take(&mut self.replaced).into_iter().rev() {
            let Some(name) = self.aside.get(number).cloned() else {
                continue;
            };
            if fs::rename(self.old_file(number), self.folder.join(&name)).is_err() {
                stuck.push(name);
            }
        }
        for place in self.made.drain(..).rev() {
            let removed = fs::remove_file(&place).or_else(|_| fs::remove_dir(&place));
            // A folder that holds something of others stays.
            drop(removed);
        }
        // The old content of those lies there.
        if stuck.is_empty() {
            self.clear();
        }
        stuck
    }

    /// Removes what lies aside, as far as it can be.
    fn clear(&self) {
        let place = self.folder.join(UNFINISHED);
        let removed = fs::remove_dir_all(&place).or_else(|_| fs::remove_file(&place));
        drop(removed);
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn written<'f>(folder: &'f Path, files: &[(&str, &str)]) -> Writer<'f> {
        let mut writer = Writer::new(folder, true);
        writer.begin().unwrap();
        for (name, text) in files {
            writer.write(name, false, &mut text.as_bytes()).unwrap();
        }
        writer
    }

    fn all_of(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(&path).unwrap_or_default())
            })
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn what_was_replaced_is_put_back_when_a_later_file_gets_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a"), "old").unwrap();
        // A folder comes to be where the last file is to be.
        let mut writer = written(path, &[("a", "new"), ("b/c", "new"), ("d", "new")]);
        fs::create_dir(path.join("d")).unwrap();
        let before = all_of(path);
        let error = writer.finish().unwrap_err();
        assert!(matches!(error, Error::UnsafeName { .. }), "{error}");
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "new");
        assert_eq!(writer.undo(), Vec::<String>::new());
        let before: Vec<_> = before
            .into_iter()
            .filter(|(name, _)| name != UNFINISHED)
            .collect();
        assert_eq!(all_of(path), before);
    }

    #[test]
    fn a_file_that_cannot_be_put_back_is_named_and_its_old_content_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["a", "b"] {
            fs::write(path.join(name), "old").unwrap();
        }
        let mut writer = written(path, &[("a", "new"), ("b", "new"), ("c", "new")]);
        fs::create_dir(path.join("c")).unwrap();
        writer.finish().unwrap_err();
        // Something takes the place of one of them.
        fs::remove_file(path.join("b")).unwrap();
        fs::create_dir_all(path.join("b/full")).unwrap();
        assert_eq!(writer.undo(), ["b"]);
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "old");
        let kept = fs::read_to_string(path.join(UNFINISHED).join("1.old"));
        assert_eq!(kept.unwrap(), "old");
    }

    #[test]
    fn what_another_left_aside_is_removed_at_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(UNFINISHED)).unwrap();
        fs::write(folder.path().join(UNFINISHED).join("0.new"), "left").unwrap();
        let mut writer = written(folder.path(), &[("a", "1")]);
        writer.finish().unwrap();
        let a = ("a".to_owned(), "1".to_owned());
        assert_eq!(all_of(folder.path()), [a]);
    }
}
