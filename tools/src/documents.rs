//! Having our own program work on a file inside a step's sandbox: on documents and archives, whose parsers are what a hostile
//! file aims at.

use std::time::Duration;

use agent_core::ports::tool::{ToolError, ToolOutcome};
use serde::Serialize;

use crate::inside::document::{self, Ask};
use crate::inside::{NOT_HAD, unpack};
use crate::sandbox::{Ended, Program, Run, Sandbox, Scope};
use crate::tool::not_started;
use crate::workspace::Entered;

/// One kind of work, and how to speak of it.
struct Work {
    program: &'static str,
    /// The longest time that it may take.
    within: Duration,
    /// What it is, such as `reading the document`.
    name: &'static str,
    /// What to do when it needs too much.
    cure: &'static str,
}

const READING: Work = Work {
    program: document::PROGRAM,
    within: Duration::from_mins(1),
    name: "reading the document",
    cure: "ask for a smaller part of it",
};

const UNPACKING: Work = Work {
    program: unpack::PROGRAM,
    within: Duration::from_mins(2),
    name: "unpacking the archive",
    cure: "files get their places at the very end, so most likely none has; look with file_list, or unpack single members in the shell",
};

/// Has the document read. `input` is its content, where it is not a file of the workspace.
pub(crate) async fn read(
    sandbox: &dyn Sandbox,
    place: Entered,
    ask: &Ask,
    input: Option<Vec<u8>>,
) -> Result<ToolOutcome, ToolError> {
    READING.run(sandbox, place, ask, input).await
}

/// Has the archive unpacked.
pub(crate) async fn unpack(
    sandbox: &dyn Sandbox,
    place: Entered,
    ask: &unpack::Ask,
) -> Result<ToolOutcome, ToolError> {
    UNPACKING.run(sandbox, place, ask, None).await
}

impl Work {
    async fn run(
        &self,
        sandbox: &dyn Sandbox,
        place: Entered,
        ask: &(impl Serialize + Sync),
        input: Option<Vec<u8>>,
    ) -> Result<ToolOutcome, ToolError> {
        let ask = serde_json::to_string(ask)
            .map_err(|error| ToolError::Unavailable(error.to_string()))?;
        let program = Program {
            argv: vec![self.program.to_owned(), ask],
            environment: Vec::new(),
            place,
            wall_time: self.within,
            ports: Vec::new(),
            input,
        };
        let run = match sandbox.run(program).await {
            Ok(run) => run,
            Err(error) => return not_started(error),
        };
        let (ok, content) = self.told(&run);
        Ok(ToolOutcome {
            enforced: Some(Box::new(run.enforced)),
            ..ToolOutcome::say(ok, content)
        })
    }

    fn told(&self, run: &Run) -> (bool, String) {
        let complaint = run.stderr.text();
        let (name, cure) = (self.name, self.cure);
        let failed = match &run.ended {
            Ended::Exited { status: 0 } => return (true, run.stdout.text()),
            Ended::Exited { status } if *status == i32::from(NOT_HAD) => {
                complaint.trim().to_owned()
            }
            Ended::Killed { reason } => format!("{name} was ended: {reason}; {cure}"),
            Ended::Exited { .. } if run.out_of_memory.is_some() => {
                let whose = run.out_of_memory.unwrap_or(Scope::Command);
                format!("{name} needs more memory than there is for {whose}; {cure}")
            }
            Ended::Exited { status } => format!(
                "{name} failed with exit status {status}, so it is damaged or hostile: {}",
                complaint.trim()
            ),
        };
        (false, failed)
    }
}
