//! `file_search`: finds lines by a regular expression.

use std::fmt::Write;
use std::ops::{ControlFlow, Range};

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use agent_core::workspace::OWN_FOLDER;
use async_trait::async_trait;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::glob::Glob;
use super::{Complaint, Context, Tool, cut, object, spec};
use crate::directory::{Directory, Kind, Next, normalize};
use crate::workspace::Entered;

const MATCHES: usize = 100;
/// Lines of one file, when many are searched: a log must not crowd out all others.
const FILE_MATCHES_MAX: usize = 30;
const CONTEXT_MAX: usize = 20;
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
    context: Option<usize>,
    max_matches: Option<usize>,
}

#[async_trait]
impl Tool for FileSearch {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "pattern": {"type": "string", "minLength": 1, "description": "A regular expression, matched line by line. Start it with (?i) to ignore case."},
                "path": {"type": "string", "description": "The file or directory to search, relative to /workspace; all of it if absent."},
                "glob": {"type": "string", "description": "Only files whose path fits, such as \"*.csv\" or \"src/**/*.py\"."},
                "context": {"type": "integer", "minimum": 0, "maximum": CONTEXT_MAX, "description": "How many lines to show before and after each match; 0 if absent."},
                "max_matches": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "How many matches to show at most; 100 if absent."}
            }),
            &["pattern"],
        );
        let description = "Finds the lines of text files in the workspace that match a regular expression. Each line of the \
            answer is path:number:line, or path-number-line for lines around a match. Binary files and files above 4 MiB are \
            passed over. To find files by name use file_list with a pattern.";
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
        let bytes_max = context.shared.options.shown_bytes_max.saturating_sub(300);
        context
            .on_files(move |place| search(place, &arguments, bytes_max))
            .await
    }
}

/// What is looked for, and what was found so far.
struct Search {
    pattern: Regex,
    context: usize,
    matches_max: usize,
    file_matches_max: usize,
    bytes_max: usize,
    matches: usize,
    files: usize,
    passed_over: usize,
    /// Whether something was found that has no room.
    is_full: bool,
    text: String,
}

fn search(place: &Entered, arguments: &Arguments, bytes_max: usize) -> Result<String, Complaint> {
    let written = arguments.path.as_deref().unwrap_or(".");
    let about = |error| Complaint::about(written, error);
    let start = normalize(written).map_err(about)?;
    let directory = place.directory();
    let glob = arguments.glob.as_deref().filter(|text| !text.is_empty());
    let glob = glob.map(Glob::new).transpose()?;
    let matches_max = arguments.max_matches.unwrap_or(MATCHES).clamp(1, 1000);
    let is_file = !start.is_empty()
        && rustix::fs::FileType::from_raw_mode(directory.stat(&start).map_err(about)?.st_mode)
            == rustix::fs::FileType::RegularFile;
    let mut search = Search {
        pattern: pattern(&arguments.pattern)?,
        context: arguments.context.unwrap_or(0).min(CONTEXT_MAX),
        matches_max,
        file_matches_max: if is_file {
            matches_max
        } else {
            FILE_MATCHES_MAX
        },
        bytes_max,
        matches: 0,
        files: 0,
        passed_over: 0,
        is_full: false,
        text: String::new(),
    };
    if is_file {
        search.file(directory, &start);
        return Ok(search.answer());
    }
    let walked = directory.walk::<()>(&start, &mut |walk| {
        // It repeats what is elsewhere.
        if start.is_empty() && walk.found.path.as_deref() == Some(OWN_FOLDER) {
            return Ok(Next::Pass);
        }
        if let (Some(path), Kind::File) = (&walk.found.path, walk.found.kind)
            && glob.as_ref().is_none_or(|glob| glob.fits(path, &start))
        {
            search.file(directory, path);
        }
        if search.is_full || search.files >= FILES_MAX {
            return Err(ControlFlow::Break(()));
        }
        Ok(Next::Enter)
    });
    walked.map_err(about)?;
    Ok(search.answer())
}

impl Search {
    fn file(&mut self, directory: &Directory, path: &str) {
        self.files += 1;
        // What cannot be read is passed over: it may be large, or gone by now.
        let read = directory.read(path, FILE_BYTES_MAX).ok();
        let text = read
            .and_then(|content| String::from_utf8(content.bytes).ok())
            .filter(|text| !text.contains('\0'));
        match text {
            Some(text) => self.lines(path, &text),
            None => self.passed_over += 1,
        }
    }

    /// Takes in the lines of one file.
    fn lines(&mut self, path: &str, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let found: Vec<(usize, Range<usize>)> = lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((index, self.pattern.find(line)?.range())))
            .collect();
        let (mut shown, mut next) = (0, 0);
        for (at, (index, place)) in found.iter().enumerate() {
            if shown == self.file_matches_max {
                break;
            }
            // Lines after a match end where the next match begins.
            let last = found.get(at + 1).map_or(lines.len(), |(next, _)| *next);
            let around = (
                index.saturating_sub(self.context).max(next),
                (index + 1 + self.context).min(last),
            );
            let mut block = String::new();
            if self.context > 0 && around.0 > next && next > 0 {
                block.push_str("--\n");
            }
            for (line_index, line) in lines.iter().enumerate().take(around.1).skip(around.0) {
                let (sign, line) = if line_index == *index {
                    (':', cut::around(line, place.clone(), LINE_BYTES_MAX))
                } else {
                    ('-', cut::around(line, 0..0, LINE_BYTES_MAX))
                };
                // Writing to a string cannot fail.
                let _ = writeln!(block, "{path}{sign}{}{sign}{line}", line_index + 1);
            }
            if self.matches >= self.matches_max || self.text.len() + block.len() > self.bytes_max {
                self.is_full = true;
                return;
            }
            self.text.push_str(&block);
            (self.matches, shown, next) = (self.matches + 1, shown + 1, around.1);
        }
        if found.len() > shown {
            let _ = writeln!(
                self.text,
                "[{} lines more match in {path}; search it alone to see them]",
                found.len() - shown
            );
        }
    }

    fn answer(mut self) -> String {
        let (files, passed_over) = (self.files, self.passed_over);
        let passed = match passed_over {
            0 => String::new(),
            _ => format!(", {passed_over} of them binary, too large or unreadable"),
        };
        if self.is_full {
            let _ = writeln!(
                self.text,
                "[stopped at {} matches; narrow the pattern, the path or the glob]",
                self.matches
            );
        } else if self.matches == 0 {
            return format!("no line matches ({files} files searched{passed})");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, context: usize, file_matches_max: usize, text: &str) -> String {
        let pattern = Regex::new(pattern).ok();
        let Some(pattern) = pattern else {
            return String::new();
        };
        let mut search = Search {
            pattern,
            context,
            matches_max: 4,
            file_matches_max,
            bytes_max: 1000,
            matches: 0,
            files: 1,
            passed_over: 0,
            is_full: false,
            text: String::new(),
        };
        search.lines("f", text);
        search.answer()
    }

    #[test]
    fn matches_are_shown_with_the_lines_around_them_and_no_line_twice() {
        let text = "a\nb\nX1\nc\nX2\nd\ne\nf\ng\nX3\n";
        assert_eq!(
            found("X", 1, 9, text),
            "f-2-b\nf:3:X1\nf-4-c\nf:5:X2\nf-6-d\n--\nf-9-g\nf:10:X3\n[3 matches; 1 files searched]\n"
        );
        assert_eq!(
            found("X", 0, 9, text),
            "f:3:X1\nf:5:X2\nf:10:X3\n[3 matches; 1 files searched]\n"
        );
    }

    #[test]
    fn one_file_shows_so_many_lines_and_counts_the_rest() {
        assert_eq!(
            found("x", 0, 2, "x\nx\nx\nx\nx"),
            "f:1:x\nf:2:x\n[3 lines more match in f; search it alone to see them]\n[2 matches; 1 files searched]\n"
        );
        assert_eq!(
            found("x", 0, 9, "x\nx\nx\nx\nx"),
            "f:1:x\nf:2:x\nf:3:x\nf:4:x\n[stopped at 4 matches; narrow the pattern, the path or the glob]\n"
        );
    }

    #[test]
    fn a_match_far_in_a_long_line_is_shown() {
        let text = format!("{}needle{}", "x".repeat(900), "y".repeat(900));
        let shown = found("needle", 0, 9, &text);
        assert!(shown.contains("needle") && shown.len() < 450, "{shown}");
    }
}
