//! Patterns for paths, such as `src/**/*.rs`, as models write them.

use globset::{GlobBuilder, GlobMatcher};

use super::Complaint;

/// A pattern for paths in the workspace.
pub(super) struct Glob(GlobMatcher);

impl Glob {
    /// Reads a pattern. One without a slash means that name anywhere, as people expect; one that ends with a slash means all
    /// below.
    pub fn new(text: &str) -> Result<Self, Complaint> {
        let written = text.strip_prefix("/workspace/").unwrap_or(text);
        let written = written.strip_prefix("./").unwrap_or(written);
        let pattern = match written.strip_suffix('/') {
            Some(folder) => format!("{folder}/**"),
            None if written.contains('/') => written.to_owned(),
            None => format!("**/{written}"),
        };
        let built = GlobBuilder::new(&pattern).literal_separator(true).build();
        built.map(|glob| Self(glob.compile_matcher())).map_err(|error| {
            Complaint::Model(format!(
                "the pattern {text:?} cannot be used: {error}; * stands for any part of a name, ** for any directories, {{a,b}} for either"
            ))
        })
    }

    /// Whether a path fits, written from the workspace or from the directory that is looked through: models mean both.
    pub fn fits(&self, path: &str, from: &str) -> bool {
        let below = path
            .strip_prefix(from)
            .and_then(|below| below.strip_prefix('/'));
        self.0.is_match(path) || below.is_some_and(|below| self.0.is_match(below))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::Glob;

    #[test]
    fn patterns_fit_as_people_expect() {
        for (pattern, path, from, fits) in [
            ("*.rs", "src/a/b.rs", "", true),
            ("src/*.rs", "src/a/b.rs", "", false),
            ("src/**/*.rs", "src/a/b.rs", "", true),
            ("src/**/*.rs", "src/b.rs", "", true),
            ("/workspace/src/**", "src/b.rs", "", true),
            ("./src/", "src/a/b.rs", "", true),
            ("a/*.rs", "src/a/b.rs", "src", true),
            ("a/*.rs", "src/a/b.rs", "", false),
            ("*.{js,ts}", "web/x.ts", "", true),
            ("Makefile", "sub/Makefile", "", true),
        ] {
            assert_eq!(
                Glob::new(pattern).ok().unwrap().fits(path, from),
                fits,
                "{pattern} {path} {from:?}"
            );
        }
        assert!(Glob::new("a[").is_err());
    }
}
