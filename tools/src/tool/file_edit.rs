//! `file_edit`: replaces an exact text in a file.

use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, FILE_BYTES_MAX, Tool, cut, file_path, object, spec};
use crate::workspace::Entered;

pub(super) struct FileEdit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    find: String,
    replace: String,
    #[serde(default)]
    all: bool,
}

#[async_trait]
impl Tool for FileEdit {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file, relative to /workspace."},
                "find": {"type": "string", "minLength": 1, "description": "The text to replace, exactly as it is in the file, with its spaces and line breaks."},
                "replace": {"type": "string", "description": "What to put in its place; empty to delete it."},
                "all": {"type": "boolean", "description": "Replace every match. Without it the text has to occur exactly once."}
            }),
            &["path", "find", "replace"],
        );
        let description = "Replaces a text in a file of the workspace. The text to find has to be exact and, unless all is \
            true, unique: add lines around it until it is. Read the file first.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "file_edit",
                description,
                parameters,
                EffectClass::Repeatable,
            )
        }
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        context.on_files(move |place| edit(place, &arguments)).await
    }
}

fn edit(place: &Entered, arguments: &Arguments) -> Result<String, Complaint> {
    let path = file_path(&arguments.path)?;
    let about = |error| Complaint::about(&arguments.path, error);
    let content = place
        .directory()
        .read(&path, FILE_BYTES_MAX)
        .map_err(about)?;
    let text = String::from_utf8(content.bytes).map_err(|_| {
        Complaint::Model(format!("{path:?} is not text; use the shell to change it"))
    })?;
    let (changed, matches) = replaced(&text, &arguments.find, &arguments.replace, arguments.all)
        .map_err(|complaint| Complaint::Model(format!("{path:?} was not changed: {complaint}")))?;
    place
        .directory()
        .write(&path, changed.as_bytes(), None)
        .map_err(about)?;
    let times = if matches == 1 { "once" } else { "times" };
    Ok(match matches {
        1 => format!("changed {path} {times}"),
        _ => format!("changed {path} {matches} {times}"),
    })
}

fn replaced(text: &str, find: &str, replace: &str, all: bool) -> Result<(String, usize), String> {
    if find.is_empty() {
        return Err("the text to find is empty; use file_write to write a whole file".to_owned());
    }
    let matches = text.matches(find).count();
    match matches {
        0 => Err(format!(
            "the text to find is not in it{}",
            nearest(text, find)
        )),
        1 => Ok((text.replacen(find, replace, 1), 1)),
        _ if all => Ok((text.replace(find, replace), matches)),
        _ => {
            let lines: Vec<String> = text
                .match_indices(find)
                .take(10)
                .map(|(at, _)| (text[..at].matches('\n').count() + 1).to_string())
                .collect();
            Err(format!(
                "the text to find occurs {matches} times, at lines {}; add lines around it to make it unique, or set all to true",
                lines.join(", ")
            ))
        }
    }
}

/// The line most like the first line to find: usually only spaces or a word differ.
fn nearest(text: &str, find: &str) -> String {
    let wanted = find.lines().map(str::trim).find(|line| !line.is_empty());
    let Some(wanted) = wanted else {
        return String::new();
    };
    let best = text
        .lines()
        .take(20_000)
        .enumerate()
        .map(|(index, line)| (likeness(line.trim(), wanted), index, line))
        .filter(|(likeness, _, _)| *likeness * 2 > wanted.chars().count())
        .max_by_key(|(likeness, index, _)| (*likeness, std::cmp::Reverse(*index)));
    match best {
        Some((_, index, line)) => {
            let (line, _) = cut::start(line, 300);
            format!("; the nearest line is {}: {line:?}", index + 1)
        }
        None => "; read the file to see what it holds".to_owned(),
    }
}

/// How many letters two lines share at their starts and ends.
fn likeness(a: &str, b: &str) -> usize {
    let shorter = a.chars().count().min(b.chars().count());
    let same = |(x, y): &(char, char)| x == y;
    let start = a.chars().zip(b.chars()).take_while(same).count();
    let end = a
        .chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(same)
        .count();
    (start + end).min(shorter)
}

#[cfg(test)]
mod tests {
    use super::replaced;

    const TEXT: &str = "fn main() {\n    let x = 1;\n    let y = 1;\n}\n";

    #[test]
    fn an_exact_unique_text_is_replaced() {
        let got = replaced(TEXT, "let x = 1;", "let x = 2;", false);
        assert_eq!(got, Ok((TEXT.replace("x = 1", "x = 2"), 1)));
    }

    #[test]
    fn a_text_that_occurs_more_often_is_named_with_its_lines() {
        let got = replaced(TEXT, "= 1;", "= 2;", false);
        assert_eq!(
            got,
            Err("the text to find occurs 2 times, at lines 2, 3; add lines around it to make it unique, or set all to true".to_owned())
        );
        let got = replaced(TEXT, "= 1;", "= 2;", true);
        assert_eq!(got, Ok((TEXT.replace("= 1", "= 2"), 2)));
    }

    #[test]
    fn a_text_that_is_not_there_leads_to_the_nearest_line() {
        let got = replaced(TEXT, "let y  = 1;", "", false);
        assert_eq!(
            got,
            Err(
                "the text to find is not in it; the nearest line is 3: \"    let y = 1;\""
                    .to_owned()
            )
        );
    }
}
