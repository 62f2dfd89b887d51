//! Paths as models write them, brought to the form that a workspace has.

use agent_core::workspace::check_path;

use super::AccessError;

/// The path relative to the workspace: `.` and an absolute path below `/workspace` are understood, since models write
/// both; the workspace itself is the empty path.
pub fn normalize(path: &str) -> Result<String, AccessError> {
    let mut rest = path.trim_end_matches('/');
    if let Some(below) = rest.strip_prefix("/workspace") {
        if below.is_empty() {
            return Ok(String::new());
        }
        if let Some(below) = below.strip_prefix('/') {
            rest = below;
        }
    }
    while let Some(below) = rest.strip_prefix("./") {
        rest = below;
    }
    if rest == "." || (rest.is_empty() && !path.starts_with('/')) {
        return Ok(String::new());
    }
    check_path(rest).map_err(AccessError::Path)?;
    Ok(rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn what_models_write_for_a_path_in_the_workspace_is_understood() {
        for (written, meant) in [
            ("a/b.txt", "a/b.txt"),
            ("./a", "a"),
            ("/workspace/a/b", "a/b"),
            ("/workspace", ""),
            ("/workspace/", ""),
            (".", ""),
            ("./", ""),
            ("", ""),
            ("cv/ann lee.pdf", "cv/ann lee.pdf"),
            ("Straße/日本.md", "Straße/日本.md"),
        ] {
            assert_eq!(
                normalize(written).ok().as_deref(),
                Some(meant),
                "{written:?}"
            );
        }
    }

    #[test]
    fn a_path_that_leaves_the_workspace_is_refused() {
        for path in [
            "/",
            "/etc/passwd",
            "/workspaces/a",
            "/workspace/../etc",
            "..",
            "../x",
            "a/../b",
            "a\0b",
            "a//b",
        ] {
            assert!(normalize(path).is_err(), "{path:?}");
        }
    }
}
