//! Patches as models write them: what they say, where they fit, and what files hold afterwards. Pure; nothing here touches a
//! file.
//!
//! Two forms are read: unified diffs, and the envelope that begins with `*** Begin Patch`. Models count lines badly, so the
//! numbers and counts of a hunk only choose between several places that fit; the place itself is found by its lines.

mod apply;
mod envelope;
mod hunk;
mod locate;
mod plan;
mod unified;

pub(crate) use plan::{File, Files, plan};

use hunk::Hunk;

/// What a patch does to one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The file.
    pub path: String,
    /// What becomes of it.
    pub action: Action,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is made, with this text.
    Add {
        /// The text.
        text: String,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// It is removed.
    Delete,
    /// Its text is changed.
    Update {
        /// Where and how.
        hunks: Vec<Hunk>,
        /// Its new path, if it is moved.
        to: Option<String>,
        /// Whether its owner may execute it from now on, if that changes.
        executable: Option<bool>,
    },
}

impl Change {
    /// The paths that it reads or writes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let to = match &self.action {
            Action::Update { to, .. } => to.as_deref(),
            Action::Add { .. } | Action::Delete => None,
        };
        std::iter::once(self.path.as_str()).chain(to)
    }

    /// The same with other spellings of its paths.
    pub(crate) fn with_paths<E>(
        mut self,
        spell: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Self, E> {
        self.path = spell(&self.path)?;
        if let Action::Update { to: Some(to), .. } = &mut self.action {
            *to = spell(to)?;
        }
        Ok(self)
    }
}

/// Reads a patch, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Change>, String> {
    let mut lines: Vec<&str> = text.lines().collect();
    unfence(&mut lines);
    let changes = if lines.iter().any(|line| envelope::is_header(line)) {
        envelope::parse(&lines)?
    } else {
        unified::parse(&lines)?
    };
    if changes.is_empty() {
        return Err("no change is in it; write a unified diff with ---, +++ and @@ lines, or the form that begins with *** Begin Patch".to_owned());
    }
    Ok(changes)
}

/// Takes off the fence of a Markdown code block, and what stands around it.
fn unfence(lines: &mut Vec<&str>) {
    let is_fence = |line: &&str| line.starts_with("```");
    let is_name = |line: &&str| {
        envelope::is_header(line) || line.starts_with("--- ") || line.starts_with("diff --git ")
    };
    let (fence, name) = (
        lines.iter().position(is_fence),
        lines.iter().position(is_name),
    );
    if let (Some(fence), Some(name)) = (fence, name)
        && fence < name
    {
        lines.drain(..=fence);
        if let Some(last) = lines.iter().rposition(is_fence) {
            lines.truncate(last);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn both_forms_are_told_apart_and_a_fence_around_them_is_taken_off() {
        let added = vec![Change {
            path: "a.txt".to_owned(),
            action: Action::Add {
                text: "x\n".to_owned(),
                executable: false,
            },
        }];
        for text in [
            "*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n",
            "```diff\n*** Add File: a.txt\n+x\n```\n",
            "--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n+x\n",
            "Here it is:\n\n```\n--- /dev/null\n+++ a.txt\n@@\n+x\n```\nDone.",
        ] {
            assert_eq!(parse(text), Ok(added.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_patch_is_answered_with_the_two_forms() {
        for text in ["", "please change a to b", "*** Begin Patch\n*** End Patch"] {
            let said = parse(text).unwrap_err();
            assert!(said.contains("*** Begin Patch"), "{text:?}: {said}");
        }
    }
}
