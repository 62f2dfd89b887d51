//! `file_search`: finds lines by a regular expression.

use std::fmt::Write;
use std::ops::ControlFlow;

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, cut, object, spec};
use crate::directory::{Directory, Kind, Next, normalize};
use crate::workspace::Entered;

const MATCHES: usize = 100;
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 300;

pub(super) struct FileSearch;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
    max_matches: Option<usize>,
}

#[async_trait]
impl Tool for FileSearch {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "pattern": {"type": "string", "minLength": 1, "description": "A regular expression, matched line by line. Start it with (?i) to ignore case."},
                "path": {"type": "string", "description": "The file or directory to search, relative to /workspace; all of it if absent."},
                "glob": {"type": "string", "description": "Only files whose path matches, such as \"*.csv\" or \"src/**/*.py\"."},
                "max_matches": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "How many lines to show at most; 100 if absent."}
            }),
            &["pattern"],
        );
        let description = "Finds the lines of text files in the workspace that match a regular expression. Each line of the \
            answer is path:line number:line. Binary files and files above 4 MiB are passed over.";
        spec("file_search", description, parameters, EffectClass::Read)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        context
            .on_files(move |place| search(place, &arguments))
            .await
    }
}

/// What was found so far.
struct Search<'a> {
    directory: &'a Directory,
    pattern: Regex,
    glob: Option<GlobMatcher>,
    matches_max: usize,
    matches: usize,
    files: usize,
    passed_over: usize,
    text: String,
}

fn search(place: &Entered, arguments: &Arguments) -> Result<String, Complaint> {
    let written = arguments.path.as_deref().unwrap_or(".");
    let about = |error| Complaint::about(written, error);
    let start = normalize(written).map_err(about)?;
    let mut search = Search {
        directory: place.directory(),
        pattern: pattern(&arguments.pattern)?,
        glob: arguments.glob.as_deref().map(glob).transpose()?,
        matches_max: arguments.max_matches.unwrap_or(MATCHES).clamp(1, 1000),
        matches: 0,
        files: 0,
        passed_over: 0,
        text: String::new(),
    };
    let is_file = !start.is_empty()
        && rustix::fs::FileType::from_raw_mode(
            search.directory.stat(&start).map_err(about)?.st_mode,
        ) == rustix::fs::FileType::RegularFile;
    if is_file {
        search.file(&start);
    } else {
        search
            .directory
            .walk::<()>(&start, &mut |walk| {
                if let (Some(path), Kind::File) = (&walk.found.path, walk.found.kind)
                    && search.glob.as_ref().is_none_or(|glob| glob.is_match(path))
                {
                    search.file(path);
                }
                if search.matches >= search.matches_max || search.files >= FILES_MAX {
                    return Err(ControlFlow::Break(()));
                }
                Ok(Next::Enter)
            })
            .map_err(about)?;
    }
    Ok(search.answer())
}

impl Search<'_> {
    fn file(&mut self, path: &str) {
        self.files += 1;
        // What cannot be read is passed over: it may be large, or gone by now.
        let read = self.directory.read(path, FILE_BYTES_MAX).ok();
        let text = read
            .and_then(|content| String::from_utf8(content.bytes).ok())
            .filter(|text| !text.contains('\0'));
        let Some(text) = text else {
            self.passed_over += 1;
            return;
        };
        for (index, line) in text.lines().enumerate() {
            if self.matches >= self.matches_max {
                return;
            }
            if self.pattern.is_match(line) {
                self.matches += 1;
                let (line, cut_off) = cut::start(line, LINE_BYTES_MAX);
                let more = if cut_off > 0 { " [...]" } else { "" };
                // Writing to a string cannot fail.
                let _ = writeln!(self.text, "{path}:{}:{line}{more}", index + 1);
            }
        }
    }

    fn answer(mut self) -> String {
        let (files, passed_over) = (self.files, self.passed_over);
        let passed = match passed_over {
            0 => String::new(),
            _ => format!(", {passed_over} of them binary, too large or unreadable"),
        };
        if self.matches == 0 {
            return format!("no line matches ({files} files searched{passed})");
        }
        if self.matches >= self.matches_max {
            let _ = writeln!(
                self.text,
                "[stopped at {} matches; narrow the pattern, the path or the glob]",
                self.matches
            );
        } else {
            let _ = writeln!(
                self.text,
                "[{} matches; {files} files searched{passed}]",
                self.matches
            );
        }
        self.text
    }
}

fn pattern(text: &str) -> Result<Regex, Complaint> {
    RegexBuilder::new(text)
        .size_limit(1024 * 1024)
        .build()
        .map_err(|error| {
            Complaint::Model(format!(
                "the pattern is not a regular expression that can be used: {error}; escape ( ) [ ] {{ }} . * + ? | ^ $ and \\ with a backslash to find them as they are"
            ))
        })
}

fn glob(text: &str) -> Result<GlobMatcher, Complaint> {
    // A pattern without a slash means files of that name anywhere, as people expect.
    let anywhere = !text.contains('/');
    let written = text.strip_prefix("./").unwrap_or(text);
    let pattern = if anywhere {
        format!("**/{written}")
    } else {
        written.to_owned()
    };
    GlobBuilder::new(&pattern)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Complaint::Model(format!("the glob cannot be used: {error}")))
}
