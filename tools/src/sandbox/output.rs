//! Keeping the start and the end of what a program prints in memory, counting the rest, and storing the whole on disk once it is
//! more than that.
//!
//! What is stored has no name and lies outside of the workspace, so the program itself cannot find it. It is gone with whoever holds it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was kept of one output stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// Its start; all of it if nothing was left out.
    pub head: Vec<u8>,
    /// How many bytes were left out after the start.
    pub left_out: u64,
    /// Its end, if something was left out.
    pub tail: Vec<u8>,
    /// All of it, or its first part, if something was left out and could be stored.
    pub stored: Option<Stored>,
}

/// Output on disk.
#[derive(Debug, Clone)]
pub struct Stored(Arc<File>);

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Stored {}

impl Captured {
    /// How much was printed.
    pub fn total(&self) -> u64 {
        let kept = u64::try_from(self.head.len() + self.tail.len()).unwrap_or(u64::MAX);
        kept.saturating_add(self.left_out)
    }

    /// All of it, or its first part where not all was stored; nothing where too little was stored to be of use.
    pub fn whole(&self) -> io::Result<Option<Vec<u8>>> {
        if self.left_out == 0 {
            return Ok(Some([self.head.as_slice(), &self.tail].concat()));
        }
        let Some(Stored(file)) = &self.stored else {
            return Ok(None);
        };
        stored_at(file, 0, usize::MAX).map(Some)
    }

    /// The text, with a notice where something was left out. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if self.left_out == 0 {
            // Cutting where nothing was left out could split a letter.
            let mut whole = self.head.clone();
            whole.extend_from_slice(&self.tail);
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let tail = String::from_utf8_lossy(&self.tail);
        format!("{head}\n[... {} bytes left out ...]\n{tail}", self.left_out)
    }
}

/// What is stored from a place on, at most so many bytes. Where the file is written on, that is not disturbed.
fn stored_at(file: &File, from: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let there = file.metadata()?.len().saturating_sub(from);
    let most = usize::try_from(there).unwrap_or(usize::MAX).min(bytes_max);
    let mut bytes = vec![0; most];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// How much of a stream is kept, and where.
#[derive(Debug, Clone)]
pub(super) struct Keeping {
    /// In memory.
    pub kept_bytes: u64,
    /// On disk, where it is more than that; none if 0.
    pub stored_bytes_max: u64,
    /// The folder in which it is stored.
    pub folder: PathBuf,
}

impl Keeping {
    /// Beside a workspace, where nothing that runs in it can reach.
    pub fn beside(workspace: &Path, kept_bytes: u64, stored_bytes_max: u64) -> Self {
        Self {
            kept_bytes,
            stored_bytes_max,
            folder: workspace.parent().unwrap_or(workspace).to_owned(),
        }
    }
}

/// A stream that is being read.
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
    keeping: Keeping,
    storing: Storing,
}

#[derive(Debug, Default)]
pub(super) enum Storing {
    /// All of it is in memory.
    #[default]
    NotYet,
    /// With how many bytes may still be written.
    To(File, u64),
    /// The disk said no, or nothing is to be stored.
    Never,
}

impl Storing {
    pub fn begin(keeping: &Keeping) -> Self {
        if keeping.stored_bytes_max == 0 {
            return Self::Never;
        }
        match tempfile::tempfile_in(&keeping.folder) {
            Ok(file) => Self::To(file, keeping.stored_bytes_max),
            Err(error) => {
                tracing::warn!(%error, "the output of a command cannot be stored");
                Self::Never
            }
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let Self::To(file, left) = self else {
            return;
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        let bytes = bytes.get(..most.min(bytes.len())).unwrap_or_default();
        *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Err(error) = file.write_all(bytes) {
            tracing::warn!(%error, "the output of a command cannot be stored");
            *self = Self::Never;
        }
    }

    /// What is stored from a place on, at most so many bytes; nothing where nothing is stored.
    pub fn read_at(&self, from: u64, bytes_max: usize) -> Vec<u8> {
        match self {
            Self::To(file, _) => stored_at(file, from, bytes_max).unwrap_or_default(),
            Self::NotYet | Self::Never => Vec::new(),
        }
    }

    /// What is stored by now, to be read while more is written.
    pub fn so_far(&self) -> Option<Stored> {
        match self {
            Self::To(file, _) => file.try_clone().ok().map(|file| Stored(Arc::new(file))),
            Self::NotYet | Self::Never => None,
        }
    }
}

impl Capture {
    pub fn new(keeping: Keeping) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            half: usize::try_from(keeping.kept_bytes / 2).unwrap_or(usize::MAX),
            total: 0,
            keeping,
            storing: Storing::NotYet,
        }
    }

    /// How much was printed so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes what is there now. `false` at the stream's end.
    pub fn fill(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0_u8; 16 * 1024];
        match stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.push(buffer.get(..read).unwrap_or_default());
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total = self
            .total
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        match self.storing {
            Storing::NotYet if over > 0 => {
                self.storing = Storing::begin(&self.keeping);
                self.storing.write(&self.head);
                let (first, second) = self.tail.as_slices();
                self.storing.write(first);
                self.storing.write(second);
            }
            Storing::NotYet | Storing::Never => {}
            // What went to the head before is stored, too: it was full then.
            Storing::To(..) => self.storing.write(rest),
        }
        self.tail.drain(..over);
    }

    /// What was kept; from here on nothing more is.
    pub fn finish(&mut self) -> Captured {
        let kept = u64::try_from(self.head.len() + self.tail.len()).unwrap_or(u64::MAX);
        Captured {
            head: std::mem::take(&mut self.head),
            left_out: self.total.saturating_sub(kept),
            tail: std::mem::take(&mut self.tail).into(),
            stored: match std::mem::take(&mut self.storing) {
                Storing::To(file, _) => Some(Stored(Arc::new(file))),
                Storing::NotYet | Storing::Never => None,
            },
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn captured(kept_bytes: u64, parts: &[&str]) -> Captured {
        storing(kept_bytes, 0, parts)
    }

    fn storing(kept_bytes: u64, stored_bytes_max: u64, parts: &[&str]) -> Captured {
        let mut capture = Capture::new(Keeping {
            kept_bytes,
            stored_bytes_max,
            folder: std::env::temp_dir(),
        });
        for part in parts {
            capture.push(part.as_bytes());
        }
        capture.finish()
    }

    #[test]
    fn short_output_is_kept_whole_across_both_halves() {
        assert_eq!(captured(10, &["abcdef", "ghi"]).text(), "abcdefghi");
    }

    #[test]
    fn of_long_output_the_start_and_the_end_are_kept_and_the_rest_is_counted() {
        let got = captured(6, &["abc", "defg", "hij"]);
        assert_eq!(
            got,
            Captured {
                head: b"abc".to_vec(),
                left_out: 4,
                tail: b"hij".to_vec(),
                stored: None,
            }
        );
        assert_eq!(got.text(), "abc\n[... 4 bytes left out ...]\nhij");
        assert_eq!((got.total(), got.whole().unwrap()), (10, None));
    }

    #[test]
    fn the_whole_is_had_from_memory_or_from_disk_and_its_start_where_it_is_too_much() {
        let whole = |got: &Captured| String::from_utf8(got.whole().unwrap().unwrap()).unwrap();
        assert_eq!(whole(&captured(10, &["abcdef", "ghi"])), "abcdefghi");
        let parts = ["abc", "defg", "hij", "klmnopq"];
        let got = storing(6, 100, &parts);
        assert_eq!((got.left_out, whole(&got)), (11, parts.concat()));
        // Had again, it is the same.
        assert_eq!(whole(&got), parts.concat());
        let got = storing(6, 8, &parts);
        assert_eq!((got.total(), whole(&got).as_str()), (17, "abcdefgh"));
    }
}
