//! A page as a tree of bounded depth and size.
//!
//! The tokens are those of the HTML standard; the tree is simpler than the standard's. It closes what the standard
//! closes by itself, and at a depth of 512, where browsers stop too, elements become siblings. So no page can make the walks
//! below run deep or long.

use html5gum::{DefaultEmitter, HtmlString, Spanned, Token, Tokenizer};
use std::collections::BTreeMap;
use url::Url;

use crate::clean::{clean, one_line};

/// How deep elements may lie in each other.
const DEPTH_MAX: usize = 512;
/// Elements and texts of one page.
const NODES_MAX: usize = 1_000_000;
/// Longer values of attributes are no addresses or descriptions.
const ATTRIBUTE_BYTES_MAX: usize = 4096;
/// The attributes that mean something here.
const ATTRIBUTES: [&str; 17] = [
    "alt",
    "alttext",
    "aria-hidden",
    "aria-label",
    "class",
    "colspan",
    "content",
    "hidden",
    "href",
    "id",
    "open",
    "role",
    "rowspan",
    "start",
    "style",
    "title",
    "type",
];
/// Elements that never have content.
const VOID: [&str; 15] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track", "wbr",
];
/// Elements before which an open paragraph ends.
const CLOSES_P: [&str; 30] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "dialog",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
];
/// Elements whose early end is ignored when blocks are open inside of them.
const FORMATTING: [&str; 13] = [
    "b", "big", "code", "em", "font", "i", "s", "small", "span", "strong", "sub", "sup", "u",
];
/// What may stand in the head of a page.
const HEAD: [&str; 8] = [
    "base", "link", "meta", "noscript", "script", "style", "template", "title",
];

/// An element or a text.
#[derive(Debug)]
pub(crate) struct Node {
    /// The element's name; empty for text.
    pub name: Box<str>,
    pub attributes: Vec<(&'static str, String)>,
    pub text: String,
    pub children: Vec<usize>,
    pub parent: usize,
}

impl Node {
    pub fn is_text(&self) -> bool {
        self.name.is_empty()
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let own = self.attributes.iter().find(|(own, _)| *own == name);
        own.map(|(_, value)| value.as_str())
    }
}

/// A page.
#[derive(Debug)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
}

/// A tree in the making.
struct Builder {
    tree: Tree,
    open: Vec<usize>,
    /// How many elements of each name are open, so that none is looked for in vain.
    open_names: BTreeMap<Box<str>, usize>,
    /// Elements that were too deep to be opened and have not ended yet.
    too_deep: usize,
}

impl Tree {
    /// The node that all others lie in.
    pub const ROOT: usize = 0;

    /// Builds the tree of a page, or of a piece of one.
    pub fn parse(html: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let root = node("html-page", Self::ROOT);
        let mut builder = Builder {
            tree: Self { nodes: vec![root] },
            open: vec![Self::ROOT],
            open_names: BTreeMap::new(),
            too_deep: 0,
        };
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => {
                    builder.start(&name(&tag.name), tag.self_closing, &tag.attributes);
                }
                Token::EndTag(tag) => builder.end(&name(&tag.name)),
                Token::String(text) => builder.text(&text.value),
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
            if builder.tree.nodes.len() >= NODES_MAX {
                break;
            }
        }
        builder.tree
    }

    /// All nodes below one, in their order, itself first.
    pub fn below(&self, node: usize) -> impl Iterator<Item = usize> {
        let mut waiting = vec![node];
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(self.nodes[next].children.iter().rev());
            Some(next)
        })
    }

    /// The text below a node as it stands.
    pub fn text(&self, node: usize) -> String {
        self.below(node)
            .map(|below| self.nodes[below].text.as_str())
            .collect()
    }

    /// The first element of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.below(Self::ROOT)
            .find(|&below| &*self.nodes[below].name == name)
    }

    /// What the page calls itself.
    pub fn title(&self) -> String {
        let title = self.find("title").map(|title| self.text(title));
        one_line(&title.unwrap_or_default())
    }

    /// The address that links start from.
    pub fn base(&self, page: Option<&Url>) -> Option<Url> {
        let own = self
            .find("base")
            .and_then(|base| self.nodes[base].attribute("href"));
        match (own, page) {
            (Some(own), Some(page)) => page.join(own).ok().or_else(|| Some(page.clone())),
            (Some(own), None) => Url::parse(own).ok(),
            (None, page) => page.cloned(),
        }
    }
}

fn name(name: &HtmlString) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn node(name: &str, parent: usize) -> Node {
    Node {
        name: name.into(),
        attributes: Vec::new(),
        text: String::new(),
        children: Vec::new(),
        parent,
    }
}

impl Builder {
    fn top(&self) -> usize {
        self.open.last().copied().unwrap_or(Tree::ROOT)
    }

    fn name(&self, open: usize) -> &str {
        &self.tree.nodes[open].name
    }

    fn add(&mut self, node: Node) -> usize {
        let (own, parent) = (self.tree.nodes.len(), node.parent);
        self.tree.nodes.push(node);
        self.tree.nodes[parent].children.push(own);
        own
    }

    fn text(&mut self, bytes: &[u8]) {
        let top = self.top();
        let text = clean(&String::from_utf8_lossy(bytes));
        let last = self.tree.nodes[top].children.last().copied();
        if let Some(last) = last.filter(|&last| self.tree.nodes[last].is_text()) {
            self.tree.nodes[last].text.push_str(&text);
            return;
        }
        let mut own = node("", top);
        own.text = text;
        self.add(own);
    }

    fn start(
        &mut self,
        name: &str,
        is_closed: bool,
        attributes: &BTreeMap<HtmlString, Spanned<HtmlString, ()>>,
    ) {
        self.close_for(name);
        let mut own = node(name, self.top());
        let known = ATTRIBUTES.iter().filter(|_| !attributes.is_empty());
        for &known in known {
            let value = attributes.get(known.as_bytes());
            let value = value.filter(|value| value.value.len() <= ATTRIBUTE_BYTES_MAX);
            let value = value.map(|value| clean(&String::from_utf8_lossy(&value.value)));
            own.attributes.extend(value.map(|value| (known, value)));
        }
        let own = self.add(own);
        let is_void = VOID.contains(&name) || is_closed && self.is_foreign();
        if is_void {
            return;
        }
        if self.open.len() >= DEPTH_MAX {
            self.too_deep += 1;
            return;
        }
        self.open.push(own);
        *self.open_names.entry(name.into()).or_default() += 1;
    }

    fn is_open(&self, name: &str) -> bool {
        self.open_names.get(name).is_some_and(|&count| count > 0)
    }

    /// Closes the open element at this place, and all that are open inside of it.
    fn close_at(&mut self, at: usize) {
        for closed in self.open.drain(at..) {
            let name = &self.tree.nodes[closed].name;
            if let Some(count) = self.open_names.get_mut(name) {
                *count -= 1;
            }
        }
    }

    /// Only drawings and formulas may be closed by a slash.
    fn is_foreign(&self) -> bool {
        self.is_open("svg") || self.is_open("math")
    }

    fn end(&mut self, name: &str) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        if name == "br" {
            let own = node("br", self.top());
            self.add(own);
            return;
        }
        if !self.is_open(name) {
            return;
        }
        let is_formatting = FORMATTING.contains(&name);
        for at in (1..self.open.len()).rev() {
            let open = self.name(self.open[at]);
            if open == name {
                self.close_at(at);
                return;
            }
            let is_wall = matches!(open, "table" | "template")
                || matches!(open, "td" | "th" | "caption") && !is_of_table(name);
            if is_wall || is_formatting && CLOSES_P.contains(&open) {
                return;
            }
        }
    }

    /// Closes what ends by itself before an element of this name.
    fn close_for(&mut self, name: &str) {
        if !HEAD.contains(&name) {
            self.close(&["head"], &["body"]);
        }
        match name {
            "li" => self.close(&["li"], &["ul", "ol", "menu", "td", "th"]),
            "dt" | "dd" => self.close(&["dt", "dd"], &["dl", "td", "th"]),
            "td" | "th" => self.close(&["td", "th"], &["table"]),
            "tr" => self.close(&["tr"], &["table"]),
            "thead" | "tbody" | "tfoot" => {
                self.close(&["thead", "tbody", "tfoot", "caption"], &["table"]);
            }
            "option" => self.close(&["option"], &["select", "datalist"]),
            "a" => self.close(&["a"], &["td", "th"]),
            _ => {}
        }
        if CLOSES_P.contains(&name) {
            self.close(
                &["p"],
                &["td", "th", "button", "object", "li", "div", "blockquote"],
            );
        }
    }

    /// Closes the innermost open element of these names, if no element of `walls` is inside of it.
    fn close(&mut self, names: &[&str], walls: &[&str]) {
        if !names.iter().any(|name| self.is_open(name)) {
            return;
        }
        for at in (1..self.open.len()).rev() {
            let open = self.name(self.open[at]);
            if names.contains(&open) {
                self.close_at(at);
                return;
            }
            if walls.contains(&open) {
                return;
            }
        }
    }
}

fn is_of_table(name: &str) -> bool {
    matches!(
        name,
        "table" | "tr" | "td" | "th" | "tbody" | "thead" | "tfoot" | "caption"
    )
}
