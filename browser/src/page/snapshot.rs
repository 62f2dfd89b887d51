//! One look at a tab: its lines over all frames, and how they are shown within a budget, with what is new since the last look marked.

use std::collections::{HashMap, HashSet};

use super::difference::Difference;
use super::reference::Reference;
use super::said::Facts;
use super::text::{address, quoted};

/// The deepest indent that is shown.
const INDENT_MAX: usize = 12;

/// A line of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub depth: usize,
    /// As it is written, without its indent.
    pub text: String,
    /// The things on it that can be acted on.
    pub references: Vec<Reference>,
    /// Whether a dialog keeps it from being used.
    pub behind: bool,
}

/// What was seen of a tab at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub facts: Facts,
    pub lines: Vec<Shown>,
    /// Actions above, below and beside the window.
    pub outside: [u64; 3],
    /// Lines and actions that the scripts had no room for.
    pub cut: [u64; 2],
    /// Whether the scripts came to the end of the page.
    pub complete: bool,
    /// How long the scripts took, in all frames together.
    pub milliseconds: u64,
}

/// What a look gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The lines, ready to be shown. Everything in quotation marks is the page's.
    pub text: String,
    /// Whether `text` only tells what changed since the look before.
    pub is_difference: bool,
    /// Title and address of the page, as the page gives them.
    pub title: String,
    /// The address, at most 400 letters of it.
    pub url: String,
    /// Lines that had no room.
    pub lines_cut: u64,
    /// How long the scripts in the page took, in ms.
    pub milliseconds: u64,
}

impl Snapshot {
    /// The first lines: what the page is, and where in it the window stands.
    pub(super) fn header(&self) -> String {
        let Facts {
            title,
            url,
            scroll,
            page,
            window,
            ..
        } = &self.facts;
        let [above, below, beside] = self.outside;
        let beside = if beside > 0 {
            format!(", {beside} beside")
        } else {
            String::new()
        };
        let least = if self.complete { "" } else { "at least " };
        let [_, down] = scroll;
        let [_, height] = page;
        let [wide, high] = window;
        format!(
            "page {} {}\nview y={down} of {height} px, window {wide}x{high}; actions outside view: {least}{above} above, {below} below{beside}\n",
            quoted(title),
            address(url),
        )
    }

    /// Whole, in at most about `letters` letters. Lines that `before` has not are marked.
    pub(super) fn whole(&self, before: Option<&Self>, letters: usize) -> View {
        let mut old = before.map(Self::counts);
        let mut page = Writer::new(self.header(), letters);
        let (front, behind): (Vec<_>, Vec<_>) = self.lines.iter().partition(|line| !line.behind);
        for line in front {
            page.line(line, mark(line, old.as_mut()));
        }
        if !behind.is_empty() {
            page.note("behind the dialog, out of reach until it is closed:");
        }
        for line in behind {
            page.line(line, mark(line, old.as_mut()));
        }
        self.view(page, false)
    }

    /// Only what changed since `before`, if that is the same document and little did.
    pub(super) fn difference(&self, before: &Self, letters: usize) -> Option<View> {
        if before.facts.document != self.facts.document || before.facts.scroll != self.facts.scroll
        {
            return None;
        }
        let difference = Difference::of(&before.lines, &self.lines)?;
        let mut page = Writer::new(self.header(), letters);
        let (fresh, gone) = (difference.fresh.len(), difference.gone.len());
        page.note(&format!(
            "{fresh} lines new or changed (*), {gone} gone (-), {} as before and not repeated",
            self.lines.len() - fresh,
        ));
        for line in difference.gone {
            page.line(line, "-");
        }
        let mut told = None;
        for at in difference.fresh {
            // The line before says where it is.
            if let Some(anchor) = at.checked_sub(1).filter(|anchor| told != Some(*anchor)) {
                page.line(&self.lines[anchor], "");
            }
            page.line(&self.lines[at], "*");
            told = Some(at);
        }
        Some(self.view(page, true))
    }

    fn view(&self, page: Writer, is_difference: bool) -> View {
        let [lines, actions] = self.cut;
        let lines_cut = lines + page.lines_cut;
        let text = page.end(self.complete, [lines, actions]);
        View {
            text,
            is_difference,
            title: self.facts.title.clone(),
            url: self.facts.url.clone(),
            lines_cut,
            milliseconds: self.milliseconds,
        }
    }

    /// All things that can be acted on.
    pub(super) fn references(&self) -> HashSet<Reference> {
        self.lines
            .iter()
            .flat_map(|line| line.references.iter().copied())
            .collect()
    }

    fn counts(&self) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for line in &self.lines {
            *counts.entry(line.text.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Takes a line off the old ones, and marks it if it is not among them.
fn mark<'a>(line: &Shown, old: Option<&mut HashMap<&str, usize>>) -> &'a str {
    match old.map(|old| old.get_mut(line.text.as_str())) {
        None => "",
        Some(Some(count)) if *count > 0 => {
            *count -= 1;
            ""
        }
        Some(_) => "*",
    }
}

/// Writes lines until the budget is spent, and counts the rest.
#[derive(Debug)]
pub(super) struct Writer {
    text: String,
    letters_left: usize,
    lines_cut: u64,
    actions_cut: u64,
}

impl Writer {
    pub(super) fn new(header: String, letters: usize) -> Self {
        let letters_left = letters.saturating_sub(header.chars().count());
        Self {
            text: header,
            letters_left,
            lines_cut: 0,
            actions_cut: 0,
        }
    }

    /// A line of the page. After the first that has no room none is written, so that no gap looks like the page.
    pub(super) fn line(&mut self, line: &Shown, mark: &str) {
        let indent = line.depth.min(INDENT_MAX);
        let cost = indent + mark.len() + line.text.chars().count() + 1;
        if cost > self.letters_left || self.lines_cut > 0 {
            self.lines_cut += 1;
            self.actions_cut += line.references.len() as u64;
            return;
        }
        self.letters_left -= cost;
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(mark);
        self.text.push_str(&line.text);
        self.text.push('\n');
    }

    /// A line of our own.
    pub(super) fn note(&mut self, note: &str) {
        self.letters_left = self.letters_left.saturating_sub(note.len() + 1);
        self.text.push_str(note);
        self.text.push('\n');
    }

    /// The text, with a last line about what is missing. `cut` is what had no room before.
    pub(super) fn end(mut self, complete: bool, [lines, actions]: [u64; 2]) -> String {
        let (lines, actions) = (lines + self.lines_cut, actions + self.actions_cut);
        if lines > 0 {
            self.note(&format!(
                "cut: {lines} more lines with {actions} actions; look at a part by its reference, scroll, or find a text"
            ));
        }
        if !complete {
            self.note("cut: the page is too large to be gone through in time; what comes later in it is missing and not counted");
        }
        self.text
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
