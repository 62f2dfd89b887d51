//! `archive_unpack`: the files of an archive of the workspace into a directory of it, inside the sandbox.

use ::documents::archive::UNFINISHED;
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, file_path, object, spec};
use crate::directory::{DEPTH_MAX, normalize};
use crate::documents;
use crate::inside::unpack::Ask;
use crate::options::Options;
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;

/// The longest path that a workspace keeps.
const PATH_BYTES_MAX: usize = 1024;

pub(super) struct ArchiveUnpack;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    to: String,
    #[serde(default)]
    replace: bool,
}

#[async_trait]
impl Tool for ArchiveUnpack {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The archive, relative to /workspace."},
                "to": {"type": "string", "description": "The directory to unpack into, relative to /workspace; it is made. \".\" is the workspace itself."},
                "replace": {"type": "boolean", "description": "Replace files that are there. Without it nothing is overwritten."}
            }),
            &["path", "to"],
        );
        let description = "Unpacks a ZIP, tar or tar.gz archive of the workspace into a directory of it: all of it or, if a name in it \
            leads elsewhere or it is too large, nothing. Links and devices are left out and named. To look into an archive first \
            use document_read.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "archive_unpack",
                description,
                parameters,
                EffectClass::Repeatable,
            )
        }
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let path = super::text(arguments, "path")?;
        Some(format!("{path} into {}", super::text(arguments, "to")?))
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let options = context.shared.options.clone();
        let planned = context.with_files(move |place| plan(place, &options, &arguments));
        let ask = match planned.await? {
            Ok(ask) => ask,
            Err(outcome) => return Ok(outcome),
        };
        let to = ask.to.clone();
        let sandbox = context.shared.sandbox.as_ref();
        let unpacked = documents::unpack(sandbox, context.place()?, &ask).await?;
        if !unpacked.ok {
            // One that was ended could not remove it itself.
            let above = if to.is_empty() { to } else { to + "/" };
            let removed = context.with_files(move |place| {
                let aside = format!("{above}{UNFINISHED}");
                // There may be none.
                Ok(place.directory().delete(&aside, true).is_ok())
            });
            drop(removed.await?);
        }
        // One that was deceived could print more than it should.
        let told = context.say(unpacked.ok, &unpacked.content);
        Ok(ToolOutcome {
            content: told.content,
            ..unpacked
        })
    }
}

/// What is asked of the inside, with the room that there is.
fn plan(place: &Entered, options: &Options, asked: &Arguments) -> Result<Ask, Complaint> {
    let path = file_path(&asked.path)?;
    let there = place.directory().stat(&path);
    let there = there.map_err(|error| Complaint::about(&asked.path, error))?;
    if FileType::from_raw_mode(there.st_mode) != FileType::RegularFile {
        return Err(Complaint::Model(format!("{path:?} is not a file")));
    }
    let to = normalize(&asked.to).map_err(|error| Complaint::about(&asked.to, error))?;
    let room = DiskLimits::of(options).room(place);
    let room = room.map_err(Complaint::Machine)?;
    let above = to.split('/').filter(|part| !part.is_empty()).count();
    let as_limit = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    Ok(Ask {
        bytes_max: room.amount().bytes,
        bytes_of: room.of_bytes(),
        file_bytes_max: options.file_bytes_max,
        files_max: room.amount().files,
        files_of: room.of_files(),
        depth_max: as_limit(DEPTH_MAX.saturating_sub(above)),
        name_bytes_max: as_limit(PATH_BYTES_MAX.saturating_sub(to.len() + 1)),
        replace: asked.replace,
        path,
        to,
    })
}
