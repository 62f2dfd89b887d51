//! Reading the form that begins with `*** Begin Patch`.

use super::hunk::Hunk;
use super::{Action, Change};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const DELETE: &str = "*** Delete File:";
const UPDATE: &str = "*** Update File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

/// Whether a line belongs to this form alone.
pub(super) fn is_header(line: &str) -> bool {
    [BEGIN, ADD, DELETE, UPDATE]
        .iter()
        .any(|header| line.trim_start().starts_with(header))
}

/// Reads it. What stands before the first header is passed over.
pub(super) fn parse(lines: &[&str]) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut at = lines
        .iter()
        .position(|line| is_header(line))
        .unwrap_or(lines.len());
    while let Some(line) = lines.get(at) {
        let header = line.trim();
        at += 1;
        if header == END {
            break;
        }
        if header.is_empty() || header == BEGIN {
            continue;
        }
        let body = body(&lines[at..]);
        if let Some(path) = header.strip_prefix(ADD) {
            changes.push(change(path, added(body, at)?));
        } else if let Some(path) = header.strip_prefix(DELETE) {
            changes.push(change(path, Action::Delete));
        } else if let Some(path) = header.strip_prefix(UPDATE) {
            changes.push(change(path, updated(body)));
        } else {
            return Err(format!(
                "line {at} of the patch is {header:?}; a change begins with {ADD}, {UPDATE} or {DELETE} and the path"
            ));
        }
        at += body.len();
    }
    Ok(changes)
}

fn change(path: &str, action: Action) -> Change {
    Change {
        path: path.trim().to_owned(),
        action,
    }
}

/// The lines up to the next header. Every line of a text has a mark before it, so none of them looks like one.
fn body<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    let is_body = |line: &&&str| {
        !line.starts_with("*** ") || line.starts_with(MOVE) || line.starts_with(END_OF_FILE)
    };
    &lines[..lines.iter().take_while(is_body).count()]
}

fn added(body: &[&str], before: usize) -> Result<Action, String> {
    let mut text = String::new();
    let filled = body
        .iter()
        .rposition(|line| !line.is_empty())
        .map_or(0, |last| last + 1);
    for (index, line) in body[..filled].iter().enumerate() {
        let written = match line.strip_prefix('+') {
            Some(written) => written,
            None if line.is_empty() => "",
            None => {
                return Err(format!(
                    "line {} of the patch is {line:?}; every line of a new file begins with +",
                    before + index + 1
                ));
            }
        };
        text.push_str(written);
        text.push('\n');
    }
    Ok(Action::Add {
        text,
        executable: false,
    })
}

fn updated(body: &[&str]) -> Action {
    let (mut to, mut hunks) = (None, Vec::new());
    let mut open: Option<Hunk> = None;
    for line in body {
        if let Some(path) = line.strip_prefix(MOVE) {
            to = Some(path.trim().to_owned());
        } else if line.starts_with(END_OF_FILE) {
            if let Some(hunk) = &mut open {
                hunk.at_end = true;
            }
        } else if line.starts_with("@@") {
            match &mut open {
                Some(hunk) if hunk.lines.is_empty() => hunk.anchor(line),
                Some(_) | None => hunks.extend(open.replace(Hunk::titled(line))),
            }
        } else if open.is_some() || !line.is_empty() {
            open.get_or_insert_default().take(line);
        }
    }
    hunks.extend(open);
    let hunks = hunks.into_iter().map(Hunk::finished);
    Action::Update {
        hunks: hunks.filter(|hunk| !hunk.lines.is_empty()).collect(),
        to,
        executable: None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::patch::hunk::Mark;

    fn read(text: &str) -> Result<Vec<Change>, String> {
        parse(&text.lines().collect::<Vec<_>>())
    }

    #[test]
    fn files_are_added_deleted_moved_and_changed() {
        let text = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: docs/new.md\n+# New\n+\n+text\n*** Delete File: old.md\n\
            *** Update File: src/a.py\n*** Move to: src/b.py\n@@ class A\n@@     def f(self):\n         x = 1\n-        y = 2\n\
            +        y = 3\n*** End of File\n*** End Patch\nEOF";
        let hunk = Hunk {
            title: "@@ class A".to_owned(),
            anchors: vec!["class A".to_owned(), "def f(self):".to_owned()],
            lines: vec![
                (Mark::Keep, "        x = 1".to_owned()),
                (Mark::Remove, "        y = 2".to_owned()),
                (Mark::Add, "        y = 3".to_owned()),
            ],
            at_end: true,
            ..Hunk::default()
        };
        let wanted = vec![
            change(
                "docs/new.md",
                Action::Add {
                    text: "# New\n\ntext\n".to_owned(),
                    executable: false,
                },
            ),
            change("old.md", Action::Delete),
            change(
                "src/a.py",
                Action::Update {
                    hunks: vec![hunk],
                    to: Some("src/b.py".to_owned()),
                    executable: None,
                },
            ),
        ];
        assert_eq!(read(text), Ok(wanted));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (text, says) in [
            (
                "*** Begin Patch\n*** Add File: a\n+x\ny\n",
                "line 4 of the patch is \"y\"; every line of a new file begins with +",
            ),
            (
                "*** Begin Patch\n*** Rename File: a\n",
                "line 2 of the patch is \"*** Rename File: a\"; a change begins with",
            ),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
    }
}
