//! One hunk: lines that stay, lines that go and lines that come, and what was said of their place.

/// What a line of a hunk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is there and stays.
    Keep,
    /// It is there and goes.
    Remove,
    /// It comes.
    Add,
}

/// One hunk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hunk {
    /// Its first line as it was written, for complaints.
    pub title: String,
    /// The line at which its text was said to begin, from 1; 0 is before the first.
    pub line: Option<usize>,
    /// Lines that stand somewhere above it, in order.
    pub anchors: Vec<String>,
    /// Its lines without their marks and line breaks.
    pub lines: Vec<(Mark, String)>,
    /// Whether it was said to end where the file does.
    pub at_end: bool,
    /// Whether the last line is to have no line break.
    pub bare_end: bool,
    /// Lines at its end that were written with nothing at all in them.
    pub(super) empty: usize,
}

impl Hunk {
    /// An empty one, under its first line: `@@ -3,4 +3,5 @@ …`, `@@ fn main()` or `@@`.
    pub(super) fn titled(title: &str) -> Self {
        let mut hunk = Self {
            title: title.trim_end().to_owned(),
            ..Self::default()
        };
        match range(title) {
            Some(line) => hunk.line = Some(line),
            None => hunk.anchor(title),
        }
        hunk
    }

    /// Takes in a further line that begins with `@@`, before any other line.
    pub(super) fn anchor(&mut self, title: &str) {
        let anchor = title.trim().trim_start_matches("@@");
        let anchor = anchor.strip_suffix("@@").unwrap_or(anchor).trim();
        if !anchor.is_empty() {
            self.anchors.push(anchor.to_owned());
        }
    }

    /// Takes in one line of its body.
    pub(super) fn take(&mut self, line: &str) {
        if line.starts_with("\\ ") {
            self.bare_end = self
                .lines
                .last()
                .is_some_and(|(mark, _)| *mark != Mark::Remove);
            return;
        }
        self.empty = if line.is_empty() { self.empty + 1 } else { 0 };
        let marked = |mark, text: &str| (mark, text.to_owned());
        self.lines.push(match line.as_bytes().first() {
            Some(b'+') => marked(Mark::Add, &line[1..]),
            Some(b'-') => marked(Mark::Remove, &line[1..]),
            Some(b' ') => marked(Mark::Keep, &line[1..]),
            // Models leave out the space before a line that stays. It has to be in the file, so taking it for one is safe.
            Some(_) | None => marked(Mark::Keep, line),
        });
    }

    /// What is there once every line was taken in: an empty line at the end only parted it from what follows.
    pub(super) fn finished(mut self) -> Self {
        self.lines.truncate(self.lines.len() - self.empty);
        self.empty = 0;
        self
    }

    /// The lines that have to be there.
    pub(super) fn old_lines(&self) -> Vec<&str> {
        self.without(Mark::Add)
    }

    /// The lines that are there afterwards.
    pub(super) fn new_lines(&self) -> Vec<&str> {
        self.without(Mark::Remove)
    }

    fn without(&self, mark: Mark) -> Vec<&str> {
        let others = self.lines.iter().filter(|(one, _)| *one != mark);
        others.map(|(_, text)| text.as_str()).collect()
    }

    /// How many lines it adds and removes.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |mark| self.lines.iter().filter(|(one, _)| *one == mark).count();
        (count(Mark::Add), count(Mark::Remove))
    }

    /// The same without empty lines that stay at its start and end, which models make up.
    pub(super) fn without_margins(&self) -> Self {
        let is_margin =
            |(mark, text): &&(Mark, String)| *mark == Mark::Keep && text.trim().is_empty();
        let first = self.lines.iter().take_while(is_margin).count();
        let last = self.lines.iter().rev().take_while(is_margin).count();
        let end = self.lines.len().saturating_sub(last).max(first);
        Self {
            lines: self.lines[first..end].to_vec(),
            line: self.line.map(|line| line + first),
            ..self.clone()
        }
    }
}

/// The old line of `@@ -3,4 +3,5 @@`.
fn range(title: &str) -> Option<usize> {
    let rest = title
        .trim_start_matches('@')
        .trim_start()
        .strip_prefix('-')?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_a_number_or_what_stands_above() {
        for (title, line, anchors) in [
            ("@@ -3,4 +3,5 @@ fn main() {", Some(3), vec![]),
            ("@@ -0,0 +1 @@", Some(0), vec![]),
            ("@@ fn main() {", None, vec!["fn main() {"]),
            ("@@ class A @@", None, vec!["class A"]),
            ("@@", None, vec![]),
            ("@@ ... @@", None, vec!["..."]),
        ] {
            let hunk = Hunk::titled(title);
            assert_eq!(
                (hunk.line, hunk.anchors),
                (line, anchors.iter().map(ToString::to_string).collect()),
                "{title}"
            );
        }
    }

    #[test]
    fn lines_without_a_mark_stay_and_empty_ones_at_the_end_do_not_count() {
        let mut hunk = Hunk::titled("@@");
        for line in [
            " a",
            "",
            "b",
            "+c",
            "-d",
            "\\ No newline at end of file",
            "",
            "",
        ] {
            hunk.take(line);
        }
        let hunk = hunk.finished();
        assert_eq!(hunk.old_lines(), ["a", "", "b", "d"]);
        assert_eq!(hunk.new_lines(), ["a", "", "b", "c"]);
        assert_eq!((hunk.counts(), hunk.bare_end), ((1, 1), false));
    }
}
