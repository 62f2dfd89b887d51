//! Which part of a page is its text, and which are menus, margins and advertisements.
//!
//! A page that marks its text (`main`, `article`) is believed if there is enough in it. Otherwise paragraphs give points to the
//! elements around them, as readers' modes of browsers do, and what is mostly links loses them.

use super::tree::Tree;

/// A marked part with fewer characters than this is not believed.
const MARKED_CHARS_MIN: usize = 200;
/// A paragraph with fewer characters gives no points.
const PARAGRAPH_CHARS_MIN: usize = 25;
/// Words in classes and ids that speak against a part.
const AGAINST: [&str; 20] = [
    "advert",
    "banner",
    "breadcrumb",
    "comment",
    "consent",
    "cookie",
    "footer",
    "masthead",
    "menu",
    "modal",
    "nav",
    "newsletter",
    "pagination",
    "promo",
    "related",
    "share",
    "sidebar",
    "social",
    "sponsor",
    "subscribe",
];
/// Words in classes and ids that speak for a part.
const FOR: [&str; 8] = [
    "article", "body", "content", "entry", "main", "post", "story", "text",
];

/// How much text lies below each node, and how much of it in links.
pub(crate) struct Weights {
    chars: Vec<usize>,
    link_chars: Vec<usize>,
    commas: Vec<usize>,
}

impl Weights {
    pub fn of(tree: &Tree) -> Self {
        let count = tree.nodes.len();
        let mut weights = Self {
            chars: vec![0; count],
            link_chars: vec![0; count],
            commas: vec![0; count],
        };
        // Children stand behind their parents, so going backwards sums up. What was taken out of the tree is not reached.
        let mut is_reached = vec![false; count];
        for node in tree.below(Tree::ROOT) {
            is_reached[node] = true;
        }
        for at in (1..count).rev().filter(|&at| is_reached[at]) {
            let node = &tree.nodes[at];
            if node.is_text() {
                weights.chars[at] = node
                    .text
                    .split_whitespace()
                    .map(|word| word.chars().count() + 1)
                    .sum();
                weights.commas[at] = node.text.matches([',', '，', '、', ';']).count();
            }
            if &*node.name == "a" {
                weights.link_chars[at] = weights.chars[at];
            }
            weights.chars[node.parent] += weights.chars[at];
            weights.link_chars[node.parent] += weights.link_chars[at];
            weights.commas[node.parent] += weights.commas[at];
        }
        weights
    }

    /// Whether a node holds so much of the page that it cannot be beside its text, whatever it is called.
    pub fn is_most(&self, node: usize) -> bool {
        self.chars[node] * 2 > self.chars[Tree::ROOT]
    }

    /// The part of the text that is not in links.
    fn plain_share(&self, node: usize) -> f64 {
        let chars = self.chars[node].max(1);
        1.0 - ratio(self.link_chars[node].min(chars), chars)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let small = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    small(part) / small(whole).max(1.0)
}

/// The nodes that hold the main text, in their order; `None` if the page has no part that stands out.
pub(crate) fn find(tree: &Tree, weights: &Weights) -> Option<Vec<usize>> {
    if let Some(marked) = marked(tree, weights) {
        return Some(vec![marked]);
    }
    let points = points(tree, weights);
    let best = (1..tree.nodes.len()).max_by(|&a, &b| points[a].total_cmp(&points[b]))?;
    let is_enough = points[best] >= 5.0 && weights.chars[best] >= MARKED_CHARS_MIN;
    if !is_enough || &*tree.nodes[best].name == "body" {
        return None;
    }
    // The text may be cut into several parts beside each other.
    let least = (points[best] * 0.2).max(5.0);
    let siblings = tree.nodes[tree.nodes[best].parent].children.iter().copied();
    let belongs = |&node: &usize| {
        let name = &*tree.nodes[node].name;
        let is_paragraph = matches!(
            name,
            "p" | "h1" | "h2" | "pre" | "table" | "ul" | "ol" | "blockquote"
        );
        let is_text = is_paragraph && weights.chars[node] > 0 && weights.plain_share(node) > 0.7;
        node == best || points[node] >= least || is_text
    };
    Some(siblings.filter(belongs).collect())
}

/// The part that the page itself calls its text.
fn marked(tree: &Tree, weights: &Weights) -> Option<usize> {
    let is_main = |node: &usize| {
        let node = &tree.nodes[*node];
        &*node.name == "main" || node.attribute("role").is_some_and(|role| role == "main")
    };
    let is_article = |node: &usize| {
        let node = &tree.nodes[*node];
        &*node.name == "article" || node.attribute("role").is_some_and(|role| role == "article")
    };
    let has_enough = |node: &usize| weights.chars[*node] >= MARKED_CHARS_MIN;
    let main = tree
        .below(Tree::ROOT)
        .find(|node| is_main(node) && has_enough(node));
    let root = main.unwrap_or(Tree::ROOT);
    let articles: Vec<usize> = tree
        .below(root)
        .filter(|node| is_article(node) && has_enough(node))
        .collect();
    // One article that holds most of the text is the text; several are a list of them.
    let largest = articles
        .iter()
        .copied()
        .max_by_key(|&node| weights.chars[node]);
    let rest: usize = articles.iter().map(|&node| weights.chars[node]).sum();
    let alone =
        largest.filter(|&node| weights.chars[node] * 2 > rest && weights.plain_share(node) > 0.4);
    alone.or(main)
}

fn points(tree: &Tree, weights: &Weights) -> Vec<f64> {
    let mut points = vec![0.0; tree.nodes.len()];
    for node in tree.below(Tree::ROOT) {
        let name = &*tree.nodes[node].name;
        let is_paragraph =
            matches!(name, "p" | "pre" | "td" | "blockquote" | "dd") || has_own_text(tree, node);
        if !is_paragraph || weights.chars[node] < PARAGRAPH_CHARS_MIN {
            continue;
        }
        let commas = weights.commas[node].min(10);
        let own = (1.0 + ratio(commas, 1) + ratio(weights.chars[node], 100).min(3.0))
            * weights.plain_share(node);
        let parent = tree.nodes[node].parent;
        points[parent] += own;
        points[tree.nodes[parent].parent] += own / 2.0;
    }
    for (node, points) in points.iter_mut().enumerate() {
        *points = (*points + bias(tree, node, *points)) * weights.plain_share(node);
    }
    points[Tree::ROOT] = 0.0;
    points
}

/// Whether a box holds text itself, as pages without paragraphs have it.
fn has_own_text(tree: &Tree, node: usize) -> bool {
    let own = &tree.nodes[node];
    let texts = own
        .children
        .iter()
        .filter(|&&child| tree.nodes[child].is_text());
    let chars: usize = texts
        .map(|&child| tree.nodes[child].text.trim().len())
        .sum();
    matches!(&*own.name, "div" | "section") && chars >= PARAGRAPH_CHARS_MIN
}

fn bias(tree: &Tree, node: usize, points: f64) -> f64 {
    if is_aside(tree, node) {
        return -points / 2.0;
    }
    let named = named(tree, node);
    if points > 0.0 && FOR.iter().any(|word| named.contains(word)) {
        5.0
    } else {
        0.0
    }
}

fn named(tree: &Tree, node: usize) -> String {
    let node = &tree.nodes[node];
    let [class, id] = ["class", "id"].map(|name| node.attribute(name).unwrap_or_default());
    format!("{class} {id}").to_ascii_lowercase()
}

/// Whether an element is beside the text: a menu, a margin, a form.
pub(crate) fn is_aside(tree: &Tree, node: usize) -> bool {
    let own = &tree.nodes[node];
    let by_name = matches!(
        &*own.name,
        "nav" | "aside" | "footer" | "form" | "button" | "select"
    );
    let role = own.attribute("role").unwrap_or_default();
    let by_role = matches!(
        role,
        "navigation" | "complementary" | "contentinfo" | "search" | "banner" | "dialog"
    );
    if by_name || by_role {
        return true;
    }
    let is_box = matches!(&*own.name, "div" | "section" | "ul" | "ol" | "header");
    let named = if is_box {
        named(tree, node)
    } else {
        String::new()
    };
    let words = named.split(|char: char| !char.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .any(|word| AGAINST.iter().any(|against| word.starts_with(against)))
}
