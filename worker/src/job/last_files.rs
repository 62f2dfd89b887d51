//! The files that a step leaves: what its background programs wrote after its last call.

use agent_core::event::{NewEvent, NoteAdded};
use agent_core::ports::workspaces::{Remains, WorkspaceError};
use tracing::warn;

use super::step::StepRun;
use crate::context::LastFiles;
use crate::stop::Stop;

/// Ends the background programs of a step that is about to end, and takes what they left behind; nothing where no call has
/// started one, or nothing changed. What is too large to be kept is told to the user, in an event that goes with the step's end.
pub async fn take(
    step: &StepRun<'_>,
    events: &mut Vec<NewEvent>,
) -> Result<Option<LastFiles>, Stop> {
    if !step.had_programs {
        return Ok(None);
    }
    let workspaces = &step.context.parts.workspaces;
    if workspaces.calm(&step.place).await == Remains::Processes {
        warn!("some background programs could not be ended; the files are taken as they are");
    }
    let snapshot = match workspaces.snapshot(&step.place).await {
        Ok(snapshot) => snapshot,
        Err(WorkspaceError::TooLarge(what)) => {
            let text = format!(
                "What background programs wrote after the last call of the step is not kept: {what}."
            );
            events.push(NewEvent::of_step(&step.id, NoteAdded { text }));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if snapshot.manifest.changed_since(&step.manifest).is_empty() {
        return Ok(None);
    }
    let mut blobs = snapshot.put;
    blobs.push(snapshot.manifest_blob.clone());
    Ok(Some(LastFiles {
        step: step.id.clone(),
        snapshot: snapshot.manifest_blob.hash,
        blobs,
    }))
}
