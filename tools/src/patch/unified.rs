//! Reading unified diffs, those of git included.

use super::hunk::{Hunk, Mark};
use super::{Action, Change};

const NOTHING: &str = "/dev/null";

/// Reads one. Lines that belong to no file are passed over.
pub(super) fn parse(lines: &[&str]) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut open: Option<Section> = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if let Some(names) = line.strip_prefix("diff --git ") {
            changes.extend(
                open.replace(Section::of_git(names))
                    .and_then(Section::change),
            );
        } else if is_names(lines, at) {
            let names_known = open.as_ref().is_some_and(|section| section.names.is_some());
            if names_known {
                changes.extend(open.take().and_then(Section::change));
            }
            let section = open.get_or_insert_default();
            section.names = Some((name(&line[4..]), name(&lines[at + 1][4..])));
            at += 1;
        } else if line.starts_with("@@") {
            let Some(section) = &mut open else {
                return Err(format!(
                    "line {} of the patch begins a hunk, and no file was named before it; write --- a/PATH and +++ b/PATH first",
                    at + 1
                ));
            };
            let body = body(&lines[at + 1..], counts(line));
            let mut hunk = Hunk::titled(line);
            if hunk.line.is_some() {
                // What follows the numbers is where git thinks that it is, which is no part of the file to be found.
                hunk.anchors.clear();
            }
            for line in body {
                hunk.take(line);
            }
            section.hunks.push(hunk.finished());
            at += body.len();
        } else if line.starts_with("Binary files ") || *line == "GIT binary patch" {
            return Err(
                "it changes a binary file, which a patch in text cannot do here; use the shell"
                    .to_owned(),
            );
        } else if let Some(section) = &mut open {
            section.note(line);
        }
        at += 1;
    }
    changes.extend(open.and_then(Section::change));
    Ok(changes)
}

/// What is said of one file.
#[derive(Default)]
struct Section {
    /// The old and the new name.
    names: Option<(String, String)>,
    /// The name in git's own line, where both are the same.
    git_name: Option<String>,
    from: Option<String>,
    to: Option<String>,
    is_new: bool,
    is_deleted: bool,
    executable: Option<bool>,
    hunks: Vec<Hunk>,
}

impl Section {
    fn of_git(names: &str) -> Self {
        let half = names.len().saturating_sub(1) / 2;
        let halves = names.split_at_checked(half);
        let same = halves.and_then(|(old, new)| {
            let (old, new) = (old.strip_prefix("a/")?, new.strip_prefix(" b/")?);
            (old == new).then(|| old.to_owned())
        });
        Self {
            git_name: same,
            ..Self::default()
        }
    }

    /// Takes in one of the lines that git writes between the names.
    fn note(&mut self, line: &str) {
        let owned = |text: &str| Some(text.trim_end().to_owned());
        if let Some(path) = line.strip_prefix("rename from ") {
            self.from = owned(path);
        } else if let Some(path) = line.strip_prefix("rename to ") {
            self.to = owned(path);
        } else if let Some(mode) = line.strip_prefix("new file mode ") {
            self.is_new = true;
            self.executable = Some(mode.trim_end().ends_with("755"));
        } else if let Some(mode) = line.strip_prefix("new mode ") {
            self.executable = Some(mode.trim_end().ends_with("755"));
        } else if line.starts_with("deleted file mode ") {
            self.is_deleted = true;
        }
    }

    fn change(self) -> Option<Change> {
        let (old, new) = if let Some((old, new)) = self.names {
            without_prefixes(old, new)
        } else {
            let name = self.git_name.or(self.to.clone())?;
            (name.clone(), name)
        };
        let update = |hunks, to| Action::Update {
            hunks,
            to,
            executable: self.executable,
        };
        let (path, action) = match (self.from, self.to) {
            (Some(from), Some(to)) => (from, update(self.hunks, Some(to))),
            _ if self.is_deleted || new == NOTHING => (old, Action::Delete),
            _ if self.is_new || old == NOTHING => {
                let action = Action::Add {
                    text: text(&self.hunks),
                    executable: self.executable.unwrap_or(false),
                };
                (new, action)
            }
            _ => (new, update(self.hunks, None)),
        };
        Some(Change { path, action })
    }
}

/// Whether two lines name the old and the new file. A line that is removed can begin with three dashes too, so both count.
fn is_names(lines: &[&str], at: usize) -> bool {
    let next = lines.get(at + 1);
    lines[at].starts_with("--- ") && next.is_some_and(|next| next.starts_with("+++ "))
}

/// A name without the time that may stand behind it.
fn name(written: &str) -> String {
    let name = written.split('\t').next().unwrap_or_default().trim();
    name.trim_matches('"').to_owned()
}

/// Git writes `a/` before old names and `b/` before new ones; others do not.
fn without_prefixes(old: String, new: String) -> (String, String) {
    let (plain_old, plain_new) = (old.strip_prefix("a/"), new.strip_prefix("b/"));
    match (plain_old, plain_new) {
        (Some(plain_old), Some(plain_new)) => (plain_old.to_owned(), plain_new.to_owned()),
        (Some(plain_old), None) if new == NOTHING => (plain_old.to_owned(), new),
        (None, Some(plain_new)) if old == NOTHING => (old, plain_new.to_owned()),
        _ => (old, new),
    }
}

/// How many old and new lines `@@ -3,4 +3,5 @@` announces.
fn counts(title: &str) -> Option<(usize, usize)> {
    let mut words = title.split_whitespace().skip(1);
    let mut count = |sign| {
        let range = words.next()?.strip_prefix(sign)?;
        match range.split_once(',') {
            Some((_, count)) => count.parse().ok(),
            None => Some(1),
        }
    };
    Some((count('-')?, count('+')?))
}

/// The lines of a hunk. Its counts are often wrong, so they only tell whether a line without a mark belongs to it.
fn body<'a, 'b>(lines: &'a [&'b str], counts: Option<(usize, usize)>) -> &'a [&'b str] {
    let (mut old, mut new) = counts.unwrap_or((usize::MAX, usize::MAX));
    let mut end = 0;
    while let Some(line) = lines.get(end) {
        let is_next = line.starts_with("@@") || line.starts_with("diff --git ");
        // A mail ends with two dashes and a version.
        let is_over =
            (old, new) == (0, 0) && (!line.starts_with([' ', '+', '-', '\\']) || *line == "-- ");
        if is_next || is_over || is_names(lines, end) {
            break;
        }
        let mark = line.as_bytes().first();
        if mark != Some(&b'\\') {
            old = old.saturating_sub(usize::from(mark != Some(&b'+')));
            new = new.saturating_sub(usize::from(mark != Some(&b'-')));
        }
        end += 1;
    }
    &lines[..end]
}

/// The text of a file that is new.
fn text(hunks: &[Hunk]) -> String {
    let mut text = String::new();
    for hunk in hunks {
        for (mark, line) in &hunk.lines {
            if *mark != Mark::Remove {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if hunks.last().is_some_and(|hunk| hunk.bare_end) {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let changes = parse(&text.lines().collect::<Vec<_>>()).unwrap();
        changes
            .into_iter()
            .map(|change| {
                let what = match change.action {
                    Action::Add { text, executable } => format!("add {text:?} {executable}"),
                    Action::Delete => "delete".to_owned(),
                    Action::Update {
                        hunks,
                        to,
                        executable,
                    } => {
                        let hunks: Vec<_> = hunks
                            .iter()
                            .map(|hunk| {
                                (
                                    hunk.line,
                                    hunk.old_lines().join("|"),
                                    hunk.new_lines().join("|"),
                                )
                            })
                            .collect();
                        format!("{hunks:?} {to:?} {executable:?}")
                    }
                };
                (change.path, what)
            })
            .collect()
    }

    fn seen(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = changes
            .iter()
            .map(|(path, what)| ((*path).to_owned(), (*what).to_owned()));
        owned.collect()
    }

    #[test]
    fn a_diff_of_several_files_is_read_with_its_prefixes_and_times_taken_off() {
        let text = "Here it is:\n\n--- a/src/x.rs\t2026-01-01 10:00:00\n+++ b/src/x.rs\n@@ -1,3 +1,3 @@ mod x\n a\n-b\n+B\n c\n\
            @@ -9 +9,2 @@\n i\n+j\n--- old.txt\n+++ old.txt\n@@\n-x\n+y\n";
        assert_eq!(
            read(text),
            seen(&[
                (
                    "src/x.rs",
                    "[(Some(1), \"a|b|c\", \"a|B|c\"), (Some(9), \"i\", \"i|j\")] None None"
                ),
                ("old.txt", "[(None, \"x\", \"y\")] None None"),
            ])
        );
    }

    #[test]
    fn what_git_says_of_files_is_understood() {
        let text = "diff --git a/run.sh b/run.sh\nnew file mode 100755\nindex 000..111\n--- /dev/null\n+++ b/run.sh\n@@ -0,0 +1 @@\n\
            +echo\n\\ No newline at end of file\ndiff --git a/gone b/gone\ndeleted file mode 100644\ndiff --git a/a b/c/a\n\
            similarity index 100%\nrename from a\nrename to c/a\ndiff --git a/tool b/tool\nold mode 100644\nnew mode 100755\n\
            --- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
        assert_eq!(
            read(text),
            seen(&[
                ("run.sh", "add \"echo\" true"),
                ("gone", "delete"),
                ("a", "[] Some(\"c/a\") None"),
                ("x", "delete"),
            ])
        );
    }

    #[test]
    fn wrong_counts_and_lines_around_a_hunk_do_no_harm() {
        for text in [
            "--- a/f\n+++ b/f\n@@ -1,9 +1,9 @@\n a\n-b\n+c\n\n",
            "--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n a\n-b\n+c\nThat is all.\n",
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n-- \n2.39.0\n",
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\na\n-b\n+c\n",
        ] {
            let wanted = seen(&[("f", "[(Some(1), \"a|b\", \"a|c\")] None None")]);
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn removed_lines_that_look_like_names_are_lines() {
        let text = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,1 @@\n--- old remark\n select 1\n";
        let wanted = seen(&[(
            "q.sql",
            "[(Some(1), \"-- old remark|select 1\", \"select 1\")] None None",
        )]);
        assert_eq!(read(text), wanted);
    }

    #[test]
    fn a_hunk_without_a_file_and_a_binary_file_are_refused() {
        let refused = |text: &str| parse(&text.lines().collect::<Vec<_>>()).unwrap_err();
        assert!(refused("@@ -1 +1 @@\n-a\n+b\n").starts_with("line 1 of the patch begins a hunk"));
        assert!(
            refused("diff --git a/x b/x\nBinary files a/x and b/x differ\n").contains("binary")
        );
    }
}
