//! The tree as Markdown: blocks.

use super::links::{Link, Links};
use super::main_text::{Weights, is_aside};
use super::tree::Tree;
use crate::clean::one_line;

/// Writes blocks one after the other.
pub(crate) struct Writer<'t> {
    pub(super) tree: &'t Tree,
    pub(super) links: Links,
    /// The line in the making, of inline text.
    pub(super) line: String,
    text: String,
    /// What every line begins with, and what only the next one does.
    prefix: String,
    mark: Option<String>,
    is_gap_wanted: bool,
    /// Whether nothing was written yet of the quote or item that has begun.
    is_fresh: bool,
    /// How often a line was ended, for links that go over blocks.
    pub(super) flushes: u64,
    /// What is beside the text is left out if there are weights to judge it by.
    weights: Option<&'t Weights>,
    /// Elements beside the text that were left out.
    pub(super) left_out: u64,
}

impl<'t> Writer<'t> {
    pub fn new(tree: &'t Tree, links: Links, weights: Option<&'t Weights>) -> Self {
        Self {
            tree,
            links,
            line: String::new(),
            text: String::new(),
            prefix: String::new(),
            mark: None,
            is_gap_wanted: false,
            is_fresh: false,
            flushes: 0,
            weights,
            left_out: 0,
        }
    }

    /// The text and its links.
    pub fn finish(mut self) -> (String, Vec<Link>) {
        self.end_line();
        (self.text.trim().to_owned(), self.links.into_all())
    }

    /// Ends the line of inline text.
    pub(super) fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let lines: Vec<&str> = line
            .split('\n')
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        self.put(&lines);
    }

    /// A block of its own, set off by empty lines.
    fn gap(&mut self) {
        self.end_line();
        self.is_gap_wanted = true;
    }

    fn put(&mut self, lines: &[&str]) {
        if lines.is_empty() {
            return;
        }
        self.flushes += 1;
        if self.is_gap_wanted && !self.is_fresh && !self.text.is_empty() {
            self.text.push_str(self.prefix.trim_end());
            self.text.push('\n');
        }
        self.is_gap_wanted = false;
        self.is_fresh = false;
        for line in lines {
            match self.mark.take() {
                Some(mark) => self.text.push_str(&mark),
                None => self.text.push_str(&self.prefix),
            }
            self.text.push_str(line);
            while self.text.ends_with(' ') {
                self.text.pop();
            }
            self.text.push('\n');
        }
    }

    /// Writes a node whose text begins a line.
    pub fn block(&mut self, node: usize) {
        self.node(node);
        self.end_line();
    }

    pub(super) fn children(&mut self, node: usize) {
        let tree = self.tree;
        for &child in &tree.nodes[node].children {
            self.node(child);
        }
    }

    /// Writes a node of any kind.
    fn node(&mut self, node: usize) {
        let own = &self.tree.nodes[node];
        if own.is_text() {
            self.inline_text(&own.text);
            return;
        }
        let is_judged = self.weights.is_some_and(|weights| !weights.is_most(node));
        if is_judged && is_aside(self.tree, node) {
            self.left_out += 1;
            return;
        }
        match &*own.name {
            "head" | "title" => {}
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(node),
            "ul" | "ol" | "menu" => self.list(node),
            "li" => self.item(node, "- "),
            "blockquote" => self.inside(node, "> "),
            "dd" => self.inside(node, "  "),
            "pre" | "listing" | "xmp" => self.code_block(node),
            "table" => self.table(node),
            "hr" => {
                self.gap();
                self.put(&["---"]);
                self.is_gap_wanted = true;
            }
            "tr" | "dt" | "option" | "summary" | "legend" | "caption" => {
                self.end_line();
                self.children(node);
                self.end_line();
            }
            "p" | "div" | "section" | "article" | "main" | "header" | "footer" | "nav"
            | "aside" | "figure" | "figcaption" | "details" | "dl" | "form" | "fieldset"
            | "address" | "center" | "body" => {
                self.gap();
                self.children(node);
                self.gap();
            }
            name => self.inline(node, name),
        }
    }

    fn heading(&mut self, node: usize) {
        let level: usize = self.tree.nodes[node].name[1..].parse().unwrap_or(1);
        self.gap();
        let text = self.one_line_of(node);
        if !text.is_empty() {
            self.put(&[&format!("{} {text}", "#".repeat(level))]);
        }
        self.is_gap_wanted = true;
    }

    /// The content of a node on one line, as cells and headings need it.
    pub(super) fn one_line_of(&mut self, node: usize) -> String {
        let line = std::mem::take(&mut self.line);
        let text = std::mem::take(&mut self.text);
        let prefix = std::mem::take(&mut self.prefix);
        let (mark, is_gap_wanted) = (self.mark.take(), self.is_gap_wanted);
        self.children(node);
        self.end_line();
        let own = one_line(&self.text);
        (self.line, self.text, self.prefix) = (line, text, prefix);
        (self.mark, self.is_gap_wanted) = (mark, is_gap_wanted);
        own
    }

    /// Writes the content with something before each of its lines.
    fn inside(&mut self, node: usize, before: &str) {
        self.end_line();
        let is_quote = before.starts_with('>');
        self.is_gap_wanted = self.is_gap_wanted || is_quote;
        if is_quote {
            // The empty line before a quote is not part of it.
            self.start_quote();
        }
        let length = self.prefix.len();
        self.prefix.push_str(before);
        if let Some(mark) = &mut self.mark {
            mark.push_str(before);
        }
        self.is_fresh = true;
        self.children(node);
        self.end_line();
        self.is_fresh = false;
        self.prefix.truncate(length);
        self.is_gap_wanted = is_quote;
    }

    fn start_quote(&mut self) {
        if self.is_gap_wanted && !self.text.is_empty() && self.mark.is_none() {
            self.text.push_str(self.prefix.trim_end());
            self.text.push('\n');
        }
        self.is_gap_wanted = false;
    }

    fn list(&mut self, node: usize) {
        self.end_line();
        let is_nested = !self.prefix.is_empty();
        self.is_gap_wanted = !is_nested;
        let own = &self.tree.nodes[node];
        let is_numbered = &*own.name == "ol";
        let start = own
            .attribute("start")
            .and_then(|start| start.trim().parse().ok());
        let mut number: i64 = start.unwrap_or(1);
        for &child in &own.children {
            if &*self.tree.nodes[child].name == "li" {
                let mark = if is_numbered {
                    format!("{number}. ")
                } else {
                    "- ".to_owned()
                };
                self.item(child, &mark);
                number = number.saturating_add(1);
            } else {
                self.node(child);
            }
        }
        self.end_line();
        self.is_gap_wanted = !is_nested;
    }

    fn item(&mut self, node: usize, mark: &str) {
        self.end_line();
        let length = self.prefix.len();
        // An item that begins with another list keeps both marks.
        let before = self.mark.take().unwrap_or_else(|| self.prefix.clone());
        self.mark = Some(before + mark);
        self.prefix.push_str(&" ".repeat(mark.len()));
        let gap = std::mem::take(&mut self.is_gap_wanted);
        if gap && !self.text.is_empty() {
            self.text.push_str(self.prefix[..length].trim_end());
            self.text.push('\n');
        }
        self.is_fresh = true;
        let tree = self.tree;
        for &child in &tree.nodes[node].children {
            self.node(child);
            // Items stay together, whatever boxes they are made of.
            self.is_gap_wanted = false;
        }
        self.end_line();
        self.is_fresh = false;
        self.prefix.truncate(length);
        self.mark = None;
    }

    fn code_block(&mut self, node: usize) {
        self.gap();
        let text = self.tree.text(node);
        let text = text.trim_matches('\n').to_owned();
        if text.trim().is_empty() {
            return;
        }
        let longest = text
            .split(|char| char != '`')
            .map(str::len)
            .max()
            .unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let classes = self
            .tree
            .below(node)
            .filter_map(|below| self.tree.nodes[below].attribute("class"));
        let mut classes = classes.flat_map(str::split_whitespace);
        let language = classes.find_map(|class| {
            class
                .strip_prefix("language-")
                .or_else(|| class.strip_prefix("lang-"))
        });
        let first = [&fence, language.unwrap_or_default()].concat();
        let mut lines = vec![first.as_str()];
        lines.extend(text.lines());
        lines.push(&fence);
        self.put(&lines);
        self.is_gap_wanted = true;
    }

    /// Writes a table that is ready, as a block.
    pub(super) fn put_block(&mut self, text: &str) {
        self.gap();
        let lines: Vec<&str> = text.lines().collect();
        self.put(&lines);
        self.is_gap_wanted = true;
    }
}
