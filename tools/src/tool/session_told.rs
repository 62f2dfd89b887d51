//! What a model is told of a program in the background: its state, then what it printed since the last time.
//!
//! Where that is more than is shown at once, all that was printed becomes a file of the workspace, as the output of a command does, and
//! the start and the end are shown. Where it cannot become one, the next part is shown, and the rest when the model asks again.

use std::fmt::Write;

use agent_core::ports::tool::{ToolError, ToolOutcome};

use super::Context;
use super::plain::plain;
use crate::network;
use crate::outputs;
use crate::sandbox::{Ended, Ends, Over};
use crate::sessions::Background;

/// What is left for words beside the output.
const WORDS_BYTES: usize = 300;
/// The stream's name in the name of its file.
const STREAM: &str = "terminal";

impl Context<'_> {
    /// See the module's description.
    pub(super) async fn told(
        &self,
        name: &str,
        background: &Background,
    ) -> Result<ToolOutcome, ToolError> {
        let session = &background.session;
        // Before the output is taken: what an ended program printed is complete.
        let over = session.over();
        let mut text = state(name, over.as_ref());
        text.push_str(&self.printed(background).await?);
        if over.is_some() && session.unread() == 0 {
            session.forget_stored();
        }
        let has_failed = over
            .is_some_and(|over| !matches!(over.ended, None | Some(Ended::Exited { status: 0 })));
        let network = Box::new(background.take_decisions());
        text.push_str(&network::refusals(&network));
        Ok(ToolOutcome {
            enforced: Some(Box::new(session.enforced().clone())),
            network,
            ..ToolOutcome::say(!has_failed, text)
        })
    }

    /// The output that was not read, or what of it is shown now.
    async fn printed(&self, background: &Background) -> Result<String, ToolError> {
        let session = &background.session;
        let shown = self.shared.options.shown_bytes_max;
        let bytes_max = shown.saturating_sub(WORDS_BYTES);
        let mut in_no_file = String::new();
        if session.unread() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
            match self.keep_whole(background).await? {
                Ok(whole) => return Ok(cut(&session.take_ends(bytes_max), &whole)),
                Err(why) => in_no_file = why,
            }
        }
        let unread = session.take_unread(bytes_max);
        let mut text = String::new();
        // Writing to a string cannot fail.
        if unread.lost > 0 {
            let _ = write!(
                text,
                "\n[... {} bytes of older output are gone ...]",
                unread.lost
            );
        }
        let printed = readable(&unread.bytes);
        if printed.trim().is_empty() {
            text.push_str("\n(no new output)");
        } else {
            let _ = write!(text, "\n--- output\n{printed}");
        }
        if unread.left > 0 {
            let _ = write!(
                text,
                "\n[{} bytes more: call shell_read again]",
                unread.left
            );
        }
        if !in_no_file.is_empty() {
            let _ = write!(text, "\n[no file has all of it: {in_no_file}]");
        }
        Ok(text)
    }

    /// Puts all that it printed so far into a file of the workspace, and says where that is, or why it is not.
    async fn keep_whole(
        &self,
        background: &Background,
    ) -> Result<Result<String, String>, ToolError> {
        let options = self.shared.options.clone();
        if options.output_stored_bytes_max == 0 {
            // By the operator's will, so there is nothing to say of it.
            return Ok(Err(String::new()));
        }
        let (call, output) = (background.call.clone(), background.session.so_far());
        let kept = self.with_files(move |place| {
            Ok(outputs::keep_one(place, &options, (&call, STREAM), &output))
        });
        Ok(kept.await?.unwrap_or_else(|outcome| Err(outcome.content)))
    }
}

fn cut(ends: &Ends, whole: &str) -> String {
    format!(
        "\n--- output\n{}\n[... {} bytes left out here; {whole} ...]\n{}",
        readable(&ends.head),
        ends.left_out,
        readable(&ends.tail)
    )
}

fn readable(bytes: &[u8]) -> String {
    let text = plain(&String::from_utf8_lossy(bytes));
    text.trim_end_matches('\n').to_owned()
}

fn state(name: &str, over: Option<&Over>) -> String {
    let Some(over) = over else {
        return format!("{name} is running");
    };
    let mut text = match &over.ended {
        Some(Ended::Exited { status }) => format!("{name} ended with exit status {status}"),
        Some(Ended::Killed { reason }) => format!("{name} was killed: {reason}"),
        None => format!("{name} was stopped"),
    };
    text.push_str(if over.is_gone {
        "; all of its processes are gone"
    } else {
        "; some of its processes could not be ended and hang in the kernel"
    });
    if let Some(scope) = over.out_of_memory {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\na process of it was killed because it needed more memory than there is for {scope}"
        );
    }
    text
}
