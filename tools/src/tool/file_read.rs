//! `file_read`: shows lines of a text file.

use std::borrow::Cow;
use std::fmt::Write;

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, FILE_BYTES_MAX, Tool, cut, file_path, kind, object, spec};
use crate::directory::AccessError;
use crate::workspace::Entered;

const LINES: usize = 2000;

pub(super) struct FileRead;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    start_line: Option<usize>,
    line_count: Option<usize>,
    #[serde(default)]
    line_numbers: bool,
}

#[async_trait]
impl Tool for FileRead {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file, relative to /workspace, such as \"notes/a.md\"."},
                "start_line": {"type": "integer", "minimum": 1, "description": "The first line to show; 1 if absent."},
                "line_count": {"type": "integer", "minimum": 1, "description": "How many lines to show; 2000 if absent."},
                "line_numbers": {"type": "boolean", "description": "Show the number of each line before it. It is not part of the file."}
            }),
            &["path"],
        );
        let description = "Shows a text file of the workspace, or some of its lines. The first line of the answer says which \
            lines are shown and how many the file has. Of a PDF, DOCX, image or other binary file it only says what it is; \
            use the shell for those.";
        spec("file_read", description, parameters, EffectClass::Read)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let shown = context.shared.options.shown_bytes_max;
        context
            .on_files(move |place| read(place, &arguments, shown.saturating_sub(200)))
            .await
    }
}

fn read(place: &Entered, arguments: &Arguments, bytes_max: usize) -> Result<String, Complaint> {
    let path = file_path(&arguments.path)?;
    let content = place
        .directory()
        .read(&path, FILE_BYTES_MAX)
        .map_err(|error| unreadable(&arguments.path, error))?;
    let text = String::from_utf8(content.bytes).map_err(std::string::FromUtf8Error::into_bytes);
    let text = match text {
        Ok(text) if !text.contains('\0') => text,
        other => {
            let bytes = other.map_or_else(|bytes| bytes, String::into_bytes);
            let what = kind::describe(&bytes);
            return Err(Complaint::Model(format!("{path:?} is {what}")));
        }
    };
    let total = text.lines().count();
    let start = arguments.start_line.unwrap_or(1).max(1);
    if start > total.max(1) {
        return Err(Complaint::Model(format!(
            "{path:?} has {total} lines, so there is no line {start}"
        )));
    }
    let count = arguments.line_count.unwrap_or(LINES).max(1);
    let lines = text.lines().skip(start - 1).take(count);
    let lines: Vec<Cow<'_, str>> = lines
        .enumerate()
        .map(|(index, line)| {
            if arguments.line_numbers {
                format!("{:>5} | {line}", start + index).into()
            } else {
                line.into()
            }
        })
        .collect();
    Ok(window(&path, start, total, &lines, bytes_max))
}

fn unreadable(path: &str, error: AccessError) -> Complaint {
    if matches!(error, AccessError::TooLarge { .. }) {
        return Complaint::Model(format!(
            "{path:?}: {error}; look at parts of it in the shell, for example with sed -n '1,100p', grep or tail"
        ));
    }
    Complaint::about(path, error)
}

/// Whole lines as far as they fit, so that a model can go on with the next one.
fn window(
    path: &str,
    start: usize,
    total: usize,
    lines: &[Cow<'_, str>],
    bytes_max: usize,
) -> String {
    let mut shown = 0;
    let mut body = String::new();
    for line in lines {
        if shown > 0 && body.len() + line.len() > bytes_max {
            break;
        }
        let (line, cut_off) = cut::start(line, bytes_max);
        body.push('\n');
        body.push_str(line);
        if cut_off > 0 {
            // Writing to a string cannot fail.
            let _ = write!(body, "[... {cut_off} bytes of this line left out ...]");
        }
        shown += 1;
    }
    let last = (start + shown).saturating_sub(1);
    let more = if last < total {
        format!("; go on with start_line {}", last + 1)
    } else {
        String::new()
    };
    match total {
        0 => format!("{path}: empty, 0 lines"),
        _ => format!("{path}: lines {start} to {last} of {total}{more}{body}"),
    }
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn a_window_tells_where_it_is_and_how_to_go_on() {
        assert_eq!(
            window("a", 1, 3, &["x".into(), "y".into(), "z".into()], 100),
            "a: lines 1 to 3 of 3\nx\ny\nz"
        );
        assert_eq!(
            window(
                "a",
                2,
                9,
                &["xxxx".into(), "yyyy".into(), "zzzz".into()],
                10
            ),
            "a: lines 2 to 3 of 9; go on with start_line 4\nxxxx\nyyyy"
        );
        assert_eq!(window("a", 1, 0, &[], 10), "a: empty, 0 lines");
    }
}
