//! `file_read`: shows lines of a text file, or an image.

use std::borrow::Cow;
use std::fmt::Write;

use agent_core::image::ImageRef;
use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::image::{self, Image};
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
            lines are shown and how many the file has. Shows PNG, JPEG, WebP and GIF images too, if you can see. Documents \
            are read with document_read; of other binary files it only says what they are.";
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
        let bytes_max = context.shared.options.shown_bytes_max.saturating_sub(200);
        let read = context.with_files(move |place| read(place, &arguments, bytes_max));
        match read.await? {
            Ok(Seen::Text(text)) => Ok(context.say(true, &text)),
            Ok(Seen::Image { path, image, bytes }) => show(&context, &path, image, bytes).await,
            Err(outcome) => Ok(outcome),
        }
    }
}

/// What is in a file.
enum Seen {
    /// A text, or the part of it that was asked for.
    Text(String),
    /// An image, whole.
    Image {
        path: String,
        image: Image,
        bytes: Vec<u8>,
    },
}

/// Puts an image where it is found again for each question that it goes with.
async fn show(
    context: &Context<'_>,
    path: &str,
    image: Image,
    bytes: Vec<u8>,
) -> Result<ToolOutcome, ToolError> {
    let tenant = &context.call.place.tenant;
    let blob = context.shared.blobs.put(tenant, bytes).await?;
    let Image {
        media_type,
        name,
        width,
        height,
    } = image;
    let text = format!(
        "{path}: a {name} image, {width} × {height} pixels, {} bytes",
        blob.bytes
    );
    let image = ImageRef {
        blob,
        media_type: media_type.to_owned(),
        width,
        height,
    };
    Ok(ToolOutcome {
        images: vec![image],
        ..ToolOutcome::say(true, text)
    })
}

fn read(place: &Entered, arguments: &Arguments, bytes_max: usize) -> Result<Seen, Complaint> {
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
            return binary(path, bytes);
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
    let text = window(&path, start, total, &lines, bytes_max);
    Ok(Seen::Text(text))
}

fn binary(path: String, bytes: Vec<u8>) -> Result<Seen, Complaint> {
    let what = match image::read(&bytes) {
        Some(image) => match image.too_large(bytes.len()) {
            None => return Ok(Seen::Image { path, image, bytes }),
            Some(what) => what,
        },
        None => kind::describe(&bytes),
    };
    Err(Complaint::Model(format!("{path:?} is {what}")))
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
