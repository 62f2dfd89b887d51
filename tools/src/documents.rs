//! Having a document read inside a step's sandbox.

use std::time::Duration;

use agent_core::ports::tool::{ToolError, ToolOutcome};

use crate::inside::document::{Ask, NOT_READ, PROGRAM};
use crate::sandbox::{Ended, Program, Run, Sandbox};
use crate::tool::refused;
use crate::workspace::Entered;

/// The longest time that one document may take.
const WITHIN: Duration = Duration::from_mins(1);

/// Has the document read. `input` is its content, where it is not a file of the workspace.
pub(crate) async fn read(
    sandbox: &dyn Sandbox,
    place: Entered,
    ask: &Ask,
    input: Option<Vec<u8>>,
) -> Result<ToolOutcome, ToolError> {
    let ask =
        serde_json::to_string(ask).map_err(|error| ToolError::Unavailable(error.to_string()))?;
    let program = Program {
        argv: vec![PROGRAM.to_owned(), ask],
        environment: Vec::new(),
        place,
        wall_time: WITHIN,
        ports: Vec::new(),
        input,
    };
    let run = sandbox.run(program).await.map_err(refused)?;
    let (ok, content) = told(&run);
    Ok(ToolOutcome {
        enforced: Some(Box::new(run.enforced)),
        ..ToolOutcome::say(ok, content)
    })
}

fn told(run: &Run) -> (bool, String) {
    let complaint = run.stderr.text();
    match &run.ended {
        Ended::Exited { status: 0 } => (true, run.stdout.text()),
        Ended::Exited { status } if *status == i32::from(NOT_READ) => {
            (false, complaint.trim().to_owned())
        }
        Ended::Killed { reason } => (
            false,
            format!("reading the document was ended: {reason}; ask for a smaller part of it"),
        ),
        Ended::Exited { .. } if run.out_of_memory => (
            false,
            "the document needs more memory to be read than there is for one command; ask for a smaller part of it"
                .to_owned(),
        ),
        Ended::Exited { status } => (
            false,
            format!(
                "the reader of documents failed with exit status {status}, so the document is damaged or hostile: {}",
                complaint.trim()
            ),
        ),
    }
}
