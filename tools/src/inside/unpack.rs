//! Unpacking an archive inside the sandbox, where a parser that was deceived can do no more than a command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use documents::archive::{Extracted, extract_into};
use documents::{Error, Limits};
use serde::{Deserialize, Serialize};

/// The name by which this is asked for, in place of a program.
pub(crate) const PROGRAM: &str = "errand:unpack";

/// Files, and members that were left out, that are named in an answer.
const NAMED_MAX: usize = 40;

/// What to unpack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The archive, below the current folder.
    pub path: String,
    /// The folder to unpack into, below the current folder, which it is itself if this is empty.
    pub to: String,
    /// Whether files that are there are written over.
    pub replace: bool,
    /// Bytes of all files together.
    pub bytes_max: u64,
    /// Whose limit that is, and what to do, in words.
    pub bytes_of: String,
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Files and folders.
    pub files_max: u64,
    /// Whose limit that is, and what to do, in words.
    pub files_of: String,
    /// How deep folders may be below that folder.
    pub depth_max: u64,
    /// Bytes of a file's name below that folder.
    pub name_bytes_max: u64,
}

impl Ask {
    fn limits(&self) -> Limits {
        Limits {
            input_bytes: u64::MAX,
            unpacked_bytes: self.bytes_max,
            entry_bytes: self.file_bytes_max.min(self.bytes_max),
            entries: self.files_max,
            depth: self.depth_max,
            name_bytes: self.name_bytes_max,
            ..Limits::default()
        }
    }
}

/// Does what the argument says: what was written, or why nothing was.
pub(super) fn answer(ask: &str) -> io::Result<Result<String, String>> {
    let ask: Ask = serde_json::from_str(ask).map_err(io::Error::other)?;
    if !std::fs::symlink_metadata(&ask.path)?.is_file() {
        return Ok(Err(format!("{} is not a file", ask.path)));
    }
    let mut archive = File::open(&ask.path)?;
    let mut made = Vec::new();
    let unpacked = match folder(&ask.to, &mut made)? {
        Ok(folder) => extract_into(&mut archive, &folder, ask.replace, &ask.limits())
            .map_err(|error| complaint(&ask, &error)),
        Err(complaint) => Err(complaint),
    };
    if unpacked.is_err() {
        for folder in made.iter().rev() {
            // One that holds something by now stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
    Ok(unpacked.map(|unpacked| told(&ask, &unpacked)))
}

/// Makes the folder with those above it, and says which were not there. No link is followed on the way.
fn folder(path: &str, made: &mut Vec<PathBuf>) -> io::Result<Result<PathBuf, String>> {
    let mut place = PathBuf::from(".");
    for part in Path::new(path) {
        place.push(part);
        match std::fs::create_dir(&place) {
            Ok(()) => made.push(place.clone()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !std::fs::symlink_metadata(&place)?.is_dir() {
                    let said =
                        format!("{path:?} leads through something that is there and no directory");
                    return Ok(Err(said));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(place))
}

fn complaint(ask: &Ask, error: &Error) -> String {
    match error {
        Error::Taken { .. } => {
            format!(
                "{error}. Nothing was unpacked: set replace to true to overwrite files, or unpack into another directory."
            )
        }
        Error::Limit { limit: "ratio", .. } => format!(
            "{error}: this is how archives are built that fill a disk. Nothing was unpacked; if it is meant so, use the shell."
        ),
        Error::Limit { limit, .. } => {
            let why = match *limit {
                "entries" => ask.files_of.clone(),
                "entry_bytes" if ask.file_bytes_max <= ask.bytes_max => {
                    let most = ask.file_bytes_max;
                    format!("one file may have {most} bytes (tools.file_bytes_max)")
                }
                "unpacked_bytes" | "entry_bytes" => ask.bytes_of.clone(),
                _ => "more than a workspace keeps".to_owned(),
            };
            format!("{error}: {why}. Nothing was unpacked.")
        }
        Error::UnsafeName { .. }
        | Error::Malformed { .. }
        | Error::Encrypted(_)
        | Error::Unsupported { .. }
        | Error::NoSuchPart { .. }
        | Error::BadPart { .. }
        | Error::NotWritten { .. } => format!("{error}. Nothing was unpacked."),
        Error::Halfway { .. } => format!("{error}."),
        Error::Io(source) => format!("{error}: {source}. Nothing was unpacked."),
    }
}

fn told(ask: &Ask, unpacked: &Extracted) -> String {
    let to = if ask.to.is_empty() { "." } else { &ask.to };
    let (files, bytes) = (unpacked.files.len(), unpacked.files.values().sum::<u64>());
    let mut text = format!(
        "unpacked {} into {to}: {files} files, {bytes} bytes\n",
        ask.path
    );
    text.push_str(&listed(&unpacked.files));
    let left_out = &unpacked.left_out;
    if !left_out.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "left out:");
    }
    for (name, why) in left_out.iter().take(NAMED_MAX) {
        let _ = writeln!(text, "{name}: {why}");
    }
    text.push_str(&more(left_out.len()));
    text
}

fn listed(files: &BTreeMap<String, u64>) -> String {
    let lines = files.iter().take(NAMED_MAX);
    let mut text = String::new();
    for (name, bytes) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}\t{bytes}");
    }
    text.push_str(&more(files.len()));
    text
}

fn more(all: usize) -> String {
    match all.saturating_sub(NAMED_MAX) {
        0 => String::new(),
        rest => format!("[{rest} more]\n"),
    }
}
