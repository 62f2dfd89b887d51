//! Output that a model was not shown whole, as files of the workspace.
//!
//! They lie in a folder of our own there, so that a model can look at them with its tools, that they are restored after a crash, and
//! that an owner finds them. They take a small part of the room of a workspace: the oldest go first.

use std::ops::ControlFlow;

use agent_core::id::CallId;
use agent_core::workspace::OWN_FOLDER;

use crate::directory::{AccessError, Directory, Kind, Next};
use crate::options::Options;
use crate::sandbox::Captured;
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;
use crate::workspace::ledger::Amount;

/// The part of what a workspace may hold that outputs may take.
const PART: u64 = 8;
/// The most that are kept in one workspace.
const FILES_MAX: usize = 32;
/// The file, and the folders that it lies in.
const FILES_EACH: u64 = 3;

/// A stream's file, in words for a model.
pub(crate) struct Kept {
    /// The stream's name.
    pub stream: &'static str,
    /// Where all of it is, or why it is nowhere, after words on how many bytes are not shown.
    pub told: String,
}

/// Puts outputs into the workspace. Blocks on the file system.
pub(crate) fn keep(
    place: &Entered,
    options: &Options,
    call: &CallId,
    outputs: &[(&'static str, &Captured)],
) -> Vec<Kept> {
    let each = outputs.iter();
    each.map(|(stream, output)| {
        let kept = keep_one(place, options, (call, stream), output);
        Kept {
            stream,
            told: kept.unwrap_or_else(|why| why),
        }
    })
    .collect()
}

/// Puts one output into the workspace, in place of what there was of the same stream. Says where it is, or why it is not.
pub(crate) fn keep_one(
    place: &Entered,
    options: &Options,
    (call, stream): (&CallId, &str),
    output: &Captured,
) -> Result<String, String> {
    let put = put(place, options, &format!("{call}.{stream}"), output);
    put.unwrap_or_else(|error| Err(format!("they could not be kept: {error}")))
}

fn put(
    place: &Entered,
    options: &Options,
    name: &str,
    output: &Captured,
) -> Result<Result<String, String>, AccessError> {
    let Some(mut bytes) = output.whole()? else {
        return Ok(Err("they were not kept".to_owned()));
    };
    // Of one that goes on, more may be there than was known of.
    let total = output.total();
    let most = (options.workspace_bytes_max / PART).min(options.output_stored_bytes_max);
    let most = most.min(total);
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let path = format!("{OWN_FOLDER}/output/{name}");
    let directory = place.directory();
    let removed = make_room(directory, options, (&path, length))?;
    let was = directory.stat(&path).ok().map(|there| there.st_size);
    let was = was.and_then(|bytes| u64::try_from(bytes).ok());
    let coming = Amount {
        bytes: length.saturating_sub(was.unwrap_or(0)),
        files: if was.is_some() { 0 } else { FILES_EACH },
    };
    if let Err(why) = DiskLimits::of(options).admit(place, coming) {
        return Ok(Err(format!(
            "they were not kept: {why}{}",
            told_of(&removed)
        )));
    }
    directory.write(&path, &bytes, Some(false))?;
    let removed = told_of(&removed);
    Ok(Ok(if length < total {
        format!("the first {length} of all {total} are in {path}{removed}")
    } else {
        format!("all {total} are in {path}{removed}")
    }))
}

/// What is said of older outputs that had to go.
fn told_of(removed: &[String]) -> String {
    match removed {
        [] => String::new(),
        [only] => format!("; for want of room {only} was removed, which was older"),
        [first, more @ ..] => format!(
            "; for want of room {first} and {} more were removed, which were older",
            more.len()
        ),
    }
}

/// Removes the oldest outputs until one of so many bytes fits to the others, and says which. One of the same path is replaced anyway.
fn make_room(
    directory: &Directory,
    options: &Options,
    (coming_to, coming): (&str, u64),
) -> Result<Vec<String>, AccessError> {
    let room = options.workspace_bytes_max / PART;
    let own = format!("{OWN_FOLDER}/output");
    let mut outputs = Vec::new();
    let walked = directory.walk::<()>(&own, &mut |walk| {
        let found = &walk.found;
        let path = found.path.as_deref().unwrap_or_default();
        if found.kind == Kind::File && path != coming_to {
            outputs.push((path.to_owned(), found.bytes));
        }
        Ok::<_, ControlFlow<()>>(Next::Enter)
    });
    match walked {
        Ok(_) => {}
        Err(AccessError::Missing) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    // Names begin with the call's id, and those of later calls come later.
    outputs.sort();
    let mut kept: u64 = outputs.iter().map(|(_, bytes)| bytes).sum();
    let mut count = outputs.len();
    let mut removed = Vec::new();
    for (path, bytes) in &outputs {
        if kept.saturating_add(coming) <= room && count < FILES_MAX {
            break;
        }
        directory.delete(path, false)?;
        kept = kept.saturating_sub(*bytes);
        count -= 1;
        removed.push(path.clone());
    }
    Ok(removed)
}
