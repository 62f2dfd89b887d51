//! The tree as Markdown: text inside of lines.

use super::markdown::Writer;
use crate::clean::one_line;

impl Writer<'_> {
    /// Adds text; every run of white space is one space.
    pub(super) fn inline_text(&mut self, text: &str) {
        let mut is_space_wanted = text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if is_space_wanted {
                self.space();
            }
            self.line.push_str(word);
            is_space_wanted = true;
        }
        if text.ends_with(char::is_whitespace) {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.line.is_empty() && !self.line.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
    }

    /// Writes an element that stands in a line.
    pub(super) fn inline(&mut self, node: usize, name: &str) {
        match name {
            "br" => self.line.push('\n'),
            "img" | "input" | "area" => self.image(node),
            "a" => self.link(node),
            "b" | "strong" => self.marked(node, "**", "**"),
            "i" | "em" | "cite" => self.marked(node, "*", "*"),
            "s" | "del" | "strike" => self.marked(node, "~~", "~~"),
            "code" | "kbd" | "samp" | "tt" => self.marked(node, "`", "`"),
            "q" => self.marked(node, "\"", "\""),
            "sup" => self.marked(node, "^", ""),
            "rt" => self.marked(node, "(", ")"),
            "math" => self.formula(node),
            "td" | "th" => {
                self.children(node);
                self.space();
            }
            _ => self.children(node),
        }
    }

    /// An image is what it is described as.
    fn image(&mut self, node: usize) {
        let own = &self.tree.nodes[node];
        let told = own.attribute("alt").map(one_line).unwrap_or_default();
        if !told.is_empty() {
            self.space();
            self.line.push_str(&["[image: ", &told, "] "].concat());
        }
    }

    /// Puts marks around what an element says, if it says anything on this line.
    fn marked(&mut self, node: usize, before: &str, after: &str) {
        let Some(label) = self.label(node) else {
            return;
        };
        let text = label.trim();
        if text.is_empty() {
            self.inline_text(&label);
            return;
        }
        if label.starts_with(' ') {
            self.space();
        }
        self.line.push_str(&[before, text, after].concat());
        if label.ends_with(' ') {
            self.space();
        }
    }

    fn link(&mut self, node: usize) {
        let href = self.tree.nodes[node]
            .attribute("href")
            .unwrap_or_default()
            .to_owned();
        let Some(label) = self.label(node) else {
            // The link went around blocks, which are written already.
            let text = self.links.write("link", &href);
            if text != "link" {
                self.line.push_str(&text);
                self.end_line();
            }
            return;
        };
        let mut text = one_line(&label);
        if text.is_empty() {
            let told = self.tree.nodes[node].attribute("aria-label");
            text = told.map(one_line).unwrap_or_default();
        }
        let text = self.links.write(&text, &href);
        if label.starts_with(' ') {
            self.space();
        }
        self.line.push_str(&text);
        if label.ends_with(' ') {
            self.space();
        }
    }

    /// What an element says on the line that it stands in; `None` if it ended that line.
    fn label(&mut self, node: usize) -> Option<String> {
        let (start, flushes) = (self.line.len(), self.flushes);
        self.children(node);
        let is_whole = self.flushes == flushes && start <= self.line.len();
        is_whole.then(|| self.line.split_off(start))
    }

    /// A formula as its author wrote it, if that is there.
    fn formula(&mut self, node: usize) {
        let own = self.tree.nodes[node]
            .attribute("alttext")
            .map(str::to_owned);
        let mut below = self.tree.below(node);
        let source = below.find(|&below| &*self.tree.nodes[below].name == "annotation");
        let source = own.or_else(|| source.map(|source| self.tree.text(source)));
        match source.map(|source| one_line(&source)) {
            Some(source) if !source.is_empty() => self.line.push_str(&["$", &source, "$"].concat()),
            _ => self.children(node),
        }
    }
}
