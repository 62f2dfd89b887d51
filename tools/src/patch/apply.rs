//! What a text is after its hunks.
//!
//! Lines that stay are kept byte for byte, also where the patch has them with other blanks at their ends. Lines that come
//! end as the file's first line does.

use super::hunk::{Hunk, Mark};
use super::locate::{Before, Misfit, locate};
use crate::nearest;

/// Applies all hunks, or says which does not fit, and why.
pub(super) fn apply(text: &str, hunks: &[Hunk]) -> Result<String, String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let line_break = match lines.first() {
        Some(first) if first.ends_with("\r\n") => "\r\n",
        Some(_) | None => "\n",
    };
    let mut before = Before::default();
    for (index, hunk) in hunks.iter().enumerate() {
        let bare: Vec<&str> = lines.iter().map(|line| without_break(line)).collect();
        let place = locate(&bare, hunk, before).map_err(|misfit| {
            let which = match hunks.len() {
                1 => "the hunk".to_owned(),
                count => format!("hunk {} of {count}", index + 1),
            };
            complaint(&which, hunk, &bare, &misfit)
        })?;
        let (start, hunk) = (place.start, place.hunk);
        replace(&mut lines, start, &hunk, line_break);
        let (added, removed) = hunk.counts();
        before = Before {
            end: start + hunk.new_lines().len(),
            added: before.added + added,
            removed: before.removed + removed,
        };
    }
    Ok(lines.concat())
}

fn without_break(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn replace(lines: &mut Vec<String>, start: usize, hunk: &Hunk, line_break: &str) {
    let (mut new, mut at) = (Vec::with_capacity(hunk.lines.len()), start);
    for (mark, text) in &hunk.lines {
        match mark {
            Mark::Keep => {
                new.extend(lines.get(at).cloned());
                at += 1;
            }
            Mark::Remove => at += 1,
            Mark::Add => new.push(format!("{text}{line_break}")),
        }
    }
    let end = start + new.len();
    lines.splice(start..at.min(lines.len()), new);
    let last = lines.len().saturating_sub(1);
    // The last line may have had no line break, and is not the last one any more.
    for line in lines.iter_mut().take(last) {
        if !line.ends_with('\n') {
            line.push_str(line_break);
        }
    }
    if let Some(line) = lines.last_mut().filter(|_| hunk.bare_end && end > last) {
        line.truncate(without_break(line).len());
    }
}

fn complaint(which: &str, hunk: &Hunk, lines: &[&str], misfit: &Misfit) -> String {
    let title = match hunk.title.as_str() {
        "" | "@@" => String::new(),
        title => format!(" ({title})"),
    };
    let old = hunk.old_lines();
    match misfit {
        Misfit::Several(starts) => {
            let places: Vec<String> = starts
                .iter()
                .take(10)
                .map(|start| (start + 1).to_string())
                .collect();
            format!(
                "{which}{title} fits {} times, at lines {}; add lines around the change until it fits once",
                starts.len(),
                places.join(", ")
            )
        }
        Misfit::NoAnchor(anchor) => format!(
            "{which}{title}: no line of the file is {anchor:?}; leave it out or write a line that is. {}",
            nearest::describe(lines, &[anchor.as_str()])
        )
        .trim_end()
        .to_owned(),
        Misfit::Absent => {
            let new = hunk.new_lines();
            if !new.is_empty() && lines.windows(new.len()).any(|window| window == new) {
                return format!(
                    "{which}{title} does not fit, and what it would make is there already"
                );
            }
            let wanted = old.join("\n");
            let near = match nearest::describe(lines, &old) {
                near if near.is_empty() => {
                    "Nothing in the file is like them; read the file first.".to_owned()
                }
                near => near,
            };
            format!(
                "{which}{title} does not fit: these lines are not in the file one after the other:\n{wanted}\n{near}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::patch::{Action, parse};

    fn applied(text: &str, body: &str) -> Result<String, String> {
        let changes = parse(&format!(
            "*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch"
        ));
        let change = changes.unwrap().remove(0);
        let Action::Update { hunks, .. } = change.action else {
            panic!("{change:?}");
        };
        apply(text, &hunks)
    }

    #[test]
    fn hunks_change_their_lines_and_keep_all_others_byte_for_byte() {
        for (text, body, wanted) in [
            ("a\nb\nc\n", "@@\n a\n-b\n+B\n c", "a\nB\nc\n"),
            ("a  \nb\nc", "@@\n a\n-b\n+B", "a  \nB\nc"),
            ("a\r\nb\r\n", "@@\n-a\n+A\n+AA\n b", "A\r\nAA\r\nb\r\n"),
            ("a\nb", "@@\n b\n+c", "a\nb\nc\n"),
            ("a\nb", "@@\n-b\n+c\n\\ No newline at end of file", "a\nc"),
            ("a\n", "@@\n-a", ""),
            ("", "@@\n+a", "a\n"),
            ("x\ny\nx\n", "@@\n-x\n+1\n y\n@@\n-x\n+2", "1\ny\n2\n"),
            (
                "a\nb\nc\nd\n",
                "@@\n c\n-d\n+D\n@@\n-a\n+A\n b",
                "A\nb\nc\nD\n",
            ),
            (
                "a\nb\n",
                "@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -2,1 +2,2 @@\n c\n+d",
                "a\nc\nd\n",
            ),
        ] {
            assert_eq!(
                applied(text, body).as_deref(),
                Ok(wanted),
                "{text:?} {body:?}"
            );
        }
    }

    #[test]
    fn a_hunk_that_does_not_fit_is_shown_with_the_nearest_text() {
        let text = "fn one() {\n    let x = 1;\n}\nfn two() {\n    let x = 1;\n}\n";
        for (body, wanted) in [
            (
                "@@ -4,2 +4,2 @@\n fn two() {\n-    let x = 2;\n+    let x = 3;",
                "the hunk (@@ -4,2 +4,2 @@) does not fit: these lines are not in the file one after the other:\nfn two() {\n    let x = 2;\n\
                The nearest text is at lines 4 to 5:\n    4 | fn two() {\n    5 |     let x = 1;",
            ),
            (
                "@@\n-    let x = 1;\n+    let x = 3;",
                "the hunk fits 2 times, at lines 2, 5; add lines around the change until it fits once",
            ),
            (
                "@@\n-fn one() {\n+fn first() {\n@@\n-fn 2() {\n+fn two() {\n     let x = 1;",
                "hunk 2 of 2 does not fit, and what it would make is there already",
            ),
            (
                "@@ fn tw0() {\n-    let x = 1;\n+    let x = 3;",
                "the hunk (@@ fn tw0() {): no line of the file is \"fn tw0() {\"; leave it out or write a line that is. The nearest text is at line 4:\n    4 | fn two() {",
            ),
            (
                "@@\n-something else\n+x",
                "the hunk does not fit: these lines are not in the file one after the other:\nsomething else\nNothing in the file is like them; read the file first.",
            ),
        ] {
            assert_eq!(applied(text, body), Err(wanted.to_owned()), "{body}");
        }
    }
}
