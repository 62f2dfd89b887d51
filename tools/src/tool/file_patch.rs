//! `file_patch`: applies a patch to files, all of it or nothing.

use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::growth::admit;
use super::{Complaint, Context, FILE_BYTES_MAX, Tool, file_path, object, spec};
use crate::directory::{AccessError, Directory};
use crate::patch::{Change, File, Files, parse, plan};
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;

pub(super) struct FilePatch;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    patch: String,
}

#[async_trait]
impl Tool for FilePatch {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "patch": {"type": "string", "minLength": 1, "description": "The patch. Either a unified diff: \"--- a/PATH\", \"+++ b/PATH\", then hunks that begin with \"@@\". Or \"*** Begin Patch\", then \"*** Update File: PATH\" with hunks, \"*** Add File: PATH\" with + before every line, \"*** Delete File: PATH\", then \"*** End Patch\". In a hunk, lines begin with a space (stays), - (goes) or + (comes)."}
            }),
            &["patch"],
        );
        let description = "Applies a patch to one or many files of the workspace: all of it, or nothing if a part does not fit. \
            The place is found by the lines of the hunk, not by line numbers, so give about three unchanged lines before and \
            after each change.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "file_patch",
                description,
                parameters,
                EffectClass::Repeatable,
            )
        }
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let changes = parse(&super::text(arguments, "patch")?).ok()?;
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        Some(paths.join(", "))
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let limits = DiskLimits::of(&context.shared.options);
        context
            .on_files(move |place| patch(place, &limits, &arguments.patch))
            .await
    }
}

fn patch(place: &Entered, limits: &DiskLimits, text: &str) -> Result<String, Complaint> {
    let refused = |what: String| Complaint::Model(format!("nothing was changed. {what}"));
    let changes =
        parse(text).map_err(|what| refused(format!("The patch cannot be read: {what}")))?;
    let changes: Vec<Change> = changes
        .into_iter()
        .map(|change| change.with_paths(file_path))
        .collect::<Result<_, _>>()?;
    let before = read_all(place.directory(), &changes)?;
    let (after, told) = plan(&changes, &before).map_err(refused)?;
    let lengths = after.iter().map(|(path, file)| {
        let bytes = file.as_ref().map(|file| file.bytes.len());
        (path.as_str(), bytes)
    });
    admit(place, limits, lengths)?;
    write_all(place.directory(), &before, &after)?;
    Ok(told.join("\n"))
}

/// The files that the changes name, as they are.
fn read_all(directory: &Directory, changes: &[Change]) -> Result<Files, Complaint> {
    let mut files = Files::new();
    for path in changes.iter().flat_map(Change::paths) {
        let file = match directory.read(path, FILE_BYTES_MAX) {
            Ok(content) => Some(File {
                bytes: content.bytes,
                executable: content.executable,
            }),
            Err(AccessError::Missing) => None,
            Err(error) => return Err(Complaint::about(path, error)),
        };
        files.insert(path.to_owned(), file);
    }
    Ok(files)
}

/// Makes the files be as planned. If one cannot be written, those before it are put back.
fn write_all(directory: &Directory, before: &Files, after: &Files) -> Result<(), Complaint> {
    let changed = || {
        let changed = after
            .iter()
            .filter(|(path, file)| before.get(*path) != Some(file));
        changed.map(|(path, file)| (path.as_str(), file.as_ref()))
    };
    // What goes makes room first: a directory can come where a file was.
    let mut steps: Vec<(&str, Option<&File>)> =
        changed().filter(|(_, file)| file.is_none()).collect();
    steps.extend(changed().filter(|(_, file)| file.is_some()));
    for (index, (path, file)) in steps.iter().enumerate() {
        let Err(error) = put(directory, path, *file) else {
            continue;
        };
        for (path, _) in steps[..index].iter().rev() {
            let was = before.get(*path).and_then(Option::as_ref);
            if let Err(again) = put(directory, path, was) {
                return Err(Complaint::about(path, again));
            }
        }
        return Err(match Complaint::about(path, error) {
            Complaint::Model(text) => Complaint::Model(format!("nothing was changed. {text}")),
            machine @ Complaint::Machine(_) => machine,
        });
    }
    Ok(())
}

fn put(directory: &Directory, path: &str, file: Option<&File>) -> Result<(), AccessError> {
    match file {
        Some(file) => directory.write(path, &file.bytes, Some(file.executable)),
        None => match directory.delete(path, false) {
            Ok(_) | Err(AccessError::Missing) => Ok(()),
            Err(error) => Err(error),
        },
    }
}
