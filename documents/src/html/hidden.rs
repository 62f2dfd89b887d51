//! Which elements a reader of the page cannot see.

use std::collections::BTreeSet;

use super::tree::{Node, Tree};

/// Elements whose content is never shown as text.
const NEVER_SHOWN: [&str; 18] = [
    "audio", "canvas", "datalist", "embed", "frame", "iframe", "link", "meta", "noembed",
    "noframes", "noscript", "object", "rp", "script", "style", "svg", "template", "video",
];
/// Style sheets are read up to this length; longer ones are those of frameworks.
const SHEET_BYTES_MAX: usize = 1 << 20;
/// Off the page by this many pixels is out of sight.
const FAR_PIXELS: f32 = 500.0;

/// Takes hidden elements out of the tree, and counts those that a visible page would have shown.
pub(crate) fn remove(tree: &mut Tree) -> u64 {
    let rules = Rules::read(tree);
    let mut hidden = 0;
    for parent in 0..tree.nodes.len() {
        let children = std::mem::take(&mut tree.nodes[parent].children);
        let kept = children.into_iter().filter(|&child| {
            let node = &tree.nodes[child];
            if NEVER_SHOWN.contains(&&*node.name) {
                return false;
            }
            let is_hidden = is_hidden(node) || rules.hide(node);
            hidden += u64::from(is_hidden);
            !is_hidden
        });
        tree.nodes[parent].children = kept.collect();
    }
    hidden
}

fn is_hidden(node: &Node) -> bool {
    let is = |name, value: &str| {
        node.attribute(name)
            .is_some_and(|own| own.trim().eq_ignore_ascii_case(value))
    };
    let is_closed = &*node.name == "dialog" && node.attribute("open").is_none();
    let is_marked = node.attribute("hidden").is_some() && !is("hidden", "until-found");
    let is_input = &*node.name == "input" && is("type", "hidden");
    let by_style = node.attribute("style").is_some_and(hides);
    is_closed || is_marked || is_input || is("aria-hidden", "true") || by_style
}

/// Whether declarations of a style make an element invisible.
fn hides(style: &str) -> bool {
    let mut style = style.replace("!important", "");
    style.make_ascii_lowercase();
    style.split(';').any(|declaration| {
        let Some((property, value)) = declaration.split_once(':') else {
            return false;
        };
        let value = value.trim();
        let number = value.trim_end_matches(|char: char| char.is_ascii_alphabetic() || char == '%');
        let number: Option<f32> = number.trim().parse().ok();
        let is_zero = number == Some(0.0);
        match property.trim() {
            "display" => value == "none",
            "visibility" => matches!(value, "hidden" | "collapse"),
            "opacity" | "font-size" => is_zero,
            "left" | "top" | "right" | "bottom" | "text-indent" | "margin-left" | "margin-top" => {
                number.is_some_and(|number| number <= -FAR_PIXELS)
            }
            "clip" => {
                value.replace([' ', ','], "").starts_with("rect(0") && !value.contains("auto")
            }
            "clip-path" => value.replace(' ', "").starts_with("inset(50%"),
            "color" => value == "transparent",
            _ => false,
        }
    })
}

/// Classes and ids that a page's own style sheets hide.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    classes: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Rules {
    fn read(tree: &Tree) -> Self {
        let mut rules = Self::default();
        let is_sheet = |node: &usize| &*tree.nodes[*node].name == "style";
        for sheet in (0..tree.nodes.len()).filter(is_sheet) {
            let text = tree.text(sheet);
            if text.len() <= SHEET_BYTES_MAX {
                rules.add(&text);
            }
        }
        rules
    }

    /// Reads rules outside of blocks such as `@media`, which hold only at times.
    fn add(&mut self, sheet: &str) {
        let mut rest = sheet;
        while let Some(open) = rest.find('{') {
            let (selectors, body) = (&rest[..open], &rest[open + 1..]);
            let selectors = selectors.rsplit(['}', ';']).next().unwrap_or_default();
            let end = end_of_block(body);
            if !selectors.trim_start().starts_with('@') && hides(&body[..end]) {
                self.hide_all(selectors);
            }
            rest = &body[end..];
        }
    }

    fn hide_all(&mut self, selectors: &str) {
        for selector in selectors.split(',') {
            let selector = selector.rsplit("*/").next().unwrap_or_default().trim();
            let is_plain = |name: &str| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|char| char.is_alphanumeric() || "-_".contains(char))
            };
            match selector.split_at_checked(1) {
                Some((".", class)) if is_plain(class) => {
                    self.classes.insert(class.to_owned());
                }
                Some(("#", id)) if is_plain(id) => {
                    self.ids.insert(id.to_owned());
                }
                _ => {}
            }
        }
    }

    fn hide(&self, node: &Node) -> bool {
        let by_id = node.attribute("id").is_some_and(|id| self.ids.contains(id));
        let mut classes = node
            .attribute("class")
            .unwrap_or_default()
            .split_whitespace();
        by_id || classes.any(|class| self.classes.contains(class))
    }
}

/// Where the block that has begun ends, with the blocks inside of it.
fn end_of_block(body: &str) -> usize {
    let mut depth = 1usize;
    for (at, char) in body.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_hide_in_more_ways_than_one() {
        let hiding = [
            "display: none",
            "DISPLAY:NONE !important",
            "color: red; visibility:hidden",
            "opacity:0",
            "font-size: 0px",
            "position:absolute; left:-9999px",
            "clip: rect(0, 0, 0, 0)",
            "clip-path: inset(50%)",
            "color: transparent",
        ];
        for style in hiding {
            assert!(hides(style), "{style}");
        }
        let showing = [
            "display:block",
            "opacity: 0.5",
            "font-size: 10px",
            "margin-left:-20px",
            "left",
            "",
        ];
        for style in showing {
            assert!(!hides(style), "{style}");
        }
    }

    #[test]
    fn only_rules_that_always_hold_hide_their_classes() {
        let mut rules = Rules::default();
        rules.add("@import 'x'; .a, /* and */ #b { display:none } @media print { .c { display: none } } .d:hover{display:none} .e .f{opacity:0} .g{color:red} .h{display:none");
        let classes = BTreeSet::from(["a".to_owned(), "h".to_owned()]);
        let ids = BTreeSet::from(["b".to_owned()]);
        assert_eq!(rules, Rules { classes, ids });
    }
}
