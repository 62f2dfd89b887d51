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
    each.map(|(stream, output)| Kept {
        stream,
        told: match put(place, options, &format!("{call}.{stream}"), output) {
            Ok(told) => told,
            Err(error) => format!("they could not be kept: {error}"),
        },
    })
    .collect()
}

fn put(
    place: &Entered,
    options: &Options,
    name: &str,
    output: &Captured,
) -> Result<String, AccessError> {
    let Some(mut bytes) = output.whole()? else {
        return Ok("they were not kept".to_owned());
    };
    let most = (options.workspace_bytes_max / PART).min(options.output_stored_bytes_max);
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let path = format!("{OWN_FOLDER}/output/{name}");
    let directory = place.directory();
    make_room(directory, options, length)?;
    let coming = Amount {
        bytes: length,
        files: FILES_EACH,
    };
    if let Err(why) = DiskLimits::of(options).admit(place, coming)? {
        return Ok(format!("they were not kept: {why}"));
    }
    directory.write(&path, &bytes, Some(false))?;
    let total = output.total();
    Ok(if length < total {
        format!("the first {length} of all {total} are in {path}")
    } else {
        format!("all {total} are in {path}")
    })
}

/// Removes the oldest outputs until one of so many bytes fits to the others.
fn make_room(directory: &Directory, options: &Options, coming: u64) -> Result<(), AccessError> {
    let room = options.workspace_bytes_max / PART;
    let own = format!("{OWN_FOLDER}/output/");
    let mut outputs = Vec::new();
    directory.walk::<()>("", &mut |walk| {
        let found = &walk.found;
        let path = found.path.as_deref().unwrap_or_default();
        if path.starts_with(&own) && found.kind == Kind::File {
            outputs.push((path.to_owned(), found.bytes));
        }
        Ok::<_, ControlFlow<()>>(Next::Enter)
    })?;
    // Names begin with the call's id, and those of later calls come later.
    outputs.sort();
    let mut kept: u64 = outputs.iter().map(|(_, bytes)| bytes).sum();
    let mut count = outputs.len();
    for (path, bytes) in &outputs {
        if kept.saturating_add(coming) <= room && count < FILES_MAX {
            break;
        }
        directory.delete(path, false)?;
        kept = kept.saturating_sub(*bytes);
        count -= 1;
    }
    Ok(())
}
