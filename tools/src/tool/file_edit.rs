//! `file_edit`: replaces an exact text in a file.

use std::borrow::Cow;

use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::growth::admit;
use super::{Complaint, Context, FILE_BYTES_MAX, Tool, file_path, object, spec};
use crate::nearest;
use crate::sandbox::disk::DiskLimits;
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
            true, unique: add lines around it until it is. Read the file first. For several changes at once use file_patch.";
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
        let limits = DiskLimits::of(&context.shared.options);
        context
            .on_files(move |place| edit(place, &limits, &arguments))
            .await
    }
}

fn edit(place: &Entered, limits: &DiskLimits, arguments: &Arguments) -> Result<String, Complaint> {
    let path = file_path(&arguments.path)?;
    let about = |error| Complaint::about(&arguments.path, error);
    let content = place
        .directory()
        .read(&path, FILE_BYTES_MAX)
        .map_err(about)?;
    let text = String::from_utf8(content.bytes).map_err(|_| {
        Complaint::Model(format!("{path:?} is not text; use the shell to change it"))
    })?;
    let (changed, lines) = replaced(&text, &arguments.find, &arguments.replace, arguments.all)
        .map_err(|complaint| Complaint::Model(format!("{path:?} was not changed: {complaint}")))?;
    admit(place, limits, [(&*path, Some(changed.len()))])?;
    place
        .directory()
        .write(&path, changed.as_bytes(), None)
        .map_err(about)?;
    Ok(match lines.as_slice() {
        [line] => format!("changed {path} once, at line {line}"),
        lines => format!(
            "changed {path} {} times, at lines {}",
            lines.len(),
            numbers(lines)
        ),
    })
}

/// The text after the edit, and the numbers of the lines at which it was changed.
fn replaced(
    text: &str,
    find: &str,
    replace: &str,
    all: bool,
) -> Result<(String, Vec<usize>), String> {
    if find.is_empty() {
        return Err("the text to find is empty; use file_write to write a whole file".to_owned());
    }
    if find == replace {
        return Err("the text to find and its replacement are the same".to_owned());
    }
    let (find, replace) = fitted(text, find, replace);
    let lines: Vec<usize> = text
        .match_indices(find.as_ref())
        .map(|(at, _)| text[..at].matches('\n').count() + 1)
        .collect();
    match lines.len() {
        0 => Err(absent(text, &find)),
        1 => Ok((text.replacen(find.as_ref(), &replace, 1), lines)),
        _ if all => Ok((text.replace(find.as_ref(), &replace), lines)),
        count => Err(format!(
            "the text to find occurs {count} times, at lines {}; add lines around it to make it unique, or set all to true",
            numbers(&lines)
        )),
    }
}

/// What to find and to put, with the line breaks that the file has: models write them all alike, and end a text with one
/// where the file ends without.
fn fitted<'a>(text: &str, find: &'a str, replace: &'a str) -> (Cow<'a, str>, Cow<'a, str>) {
    let with_returns = text.matches("\r\n").count();
    let is_windows = with_returns > 0 && with_returns == text.matches('\n').count();
    let returned = |part: &'a str| -> Cow<'a, str> {
        if is_windows && !part.contains('\r') {
            part.replace('\n', "\r\n").into()
        } else {
            part.into()
        }
    };
    if let Some(shorter) = find.strip_suffix('\n')
        && !shorter.is_empty()
        && !text.contains(returned(find).as_ref())
        && text.ends_with(returned(shorter).as_ref())
    {
        let replace = replace.strip_suffix('\n').unwrap_or(replace);
        return (returned(shorter), returned(replace));
    }
    (returned(find), returned(replace))
}

fn absent(text: &str, find: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let wanted: Vec<&str> = find.lines().collect();
    match nearest::describe(&lines, &wanted) {
        near if near.is_empty() => {
            "the text to find is not in it; read the file to see what it holds".to_owned()
        }
        near => format!("the text to find is not in it. {near}"),
    }
}

/// Some numbers, and how many there are more.
fn numbers(lines: &[usize]) -> String {
    let shown: Vec<String> = lines.iter().take(10).map(usize::to_string).collect();
    let more = match lines.len() - shown.len() {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{numbers, replaced};

    const TEXT: &str = "fn main() {\n    let x = 1;\n    let y = 1;\n}\n";

    #[test]
    fn an_exact_unique_text_is_replaced() {
        let got = replaced(TEXT, "let x = 1;", "let x = 2;", false);
        assert_eq!(got, Ok((TEXT.replace("x = 1", "x = 2"), vec![2])));
    }

    #[test]
    fn a_text_that_occurs_more_often_is_named_with_its_lines() {
        let got = replaced(TEXT, "= 1;", "= 2;", false);
        assert_eq!(
            got,
            Err("the text to find occurs 2 times, at lines 2, 3; add lines around it to make it unique, or set all to true".to_owned())
        );
        let got = replaced(TEXT, "= 1;", "= 2;", true);
        assert_eq!(got, Ok((TEXT.replace("= 1", "= 2"), vec![2, 3])));
        assert_eq!(
            numbers(&(1..=12).collect::<Vec<_>>()),
            "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
        );
    }

    #[test]
    fn a_text_that_is_not_there_leads_to_the_nearest_lines() {
        for (find, says) in [
            (
                "let y  = 1;",
                "the text to find is not in it. The nearest text is at line 3, where only spaces or tabs differ:\n    3 |     let y = 1;",
            ),
            (
                "let x = 1;\nlet y = 1;\n",
                "the text to find is not in it. The nearest text is at lines 2 to 3, where only spaces or tabs differ:\n    2 |     let x = 1;\n    3 |     let y = 1;",
            ),
            (
                "zzz",
                "the text to find is not in it; read the file to see what it holds",
            ),
        ] {
            assert_eq!(
                replaced(TEXT, find, "", false),
                Err(says.to_owned()),
                "{find:?}"
            );
        }
    }

    #[test]
    fn line_breaks_are_those_of_the_file() {
        for (text, find, replace, wanted) in [
            ("a\r\nb\r\nc\r\n", "a\nb", "x\ny", "x\r\ny\r\nc\r\n"),
            ("a\r\nb\r\n", "b", "x\ny", "a\r\nx\r\ny\r\n"),
            ("a\r\nb\n", "b", "x\ny", "a\r\nx\ny\n"),
            ("a\nlast", "last\n", "end\n", "a\nend"),
            ("a\r\nlast", "a\nlast\n", "end\n", "end"),
        ] {
            let got = replaced(text, find, replace, false).map(|(text, _)| text);
            assert_eq!(got.as_deref(), Ok(wanted), "{text:?} {find:?}");
        }
    }

    #[test]
    fn an_edit_that_changes_nothing_is_refused() {
        assert!(replaced(TEXT, "fn", "fn", false).is_err());
        assert!(replaced(TEXT, "", "fn", false).is_err());
    }
}
