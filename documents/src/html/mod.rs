//! Pages of the web as Markdown: their main text or all of it, without what a reader could not see.
//!
//! Hidden text is how a page speaks to a model past the person who looks at it, so it is left out and counted:
//! elements hidden by attribute or style, comments, scripts, templates, and characters that show nothing.

mod hidden;
mod inline;
mod links;
mod main_text;
mod markdown;
mod table;
mod tree;

use url::Url;

use links::Links;
pub use links::{Link, LinkStyle};
use main_text::Weights;
use markdown::Writer;
use tree::Tree;

/// How a page is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The whole page, with menus and margins, instead of its main text.
    pub full: bool,
    /// How links are written.
    pub links: LinkStyle,
}

/// A page as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The title of the page; may be empty.
    pub title: String,
    /// Its text as Markdown.
    pub markdown: String,
    /// Where its links lead, each address once, in the order of the text; numbered links count from 1.
    pub links: Vec<Link>,
    /// Whether visible text outside of the main text was left out.
    pub is_shortened: bool,
    /// How many elements were left out because they are hidden.
    pub hidden: u64,
}

impl Page {
    /// Title and text together.
    pub fn whole(&self) -> String {
        let begins_with_title = self
            .markdown
            .trim_start_matches(['#', ' '])
            .starts_with(&self.title);
        if self.title.is_empty() || begins_with_title {
            return self.markdown.clone();
        }
        format!("# {}\n\n{}", self.title, self.markdown)
    }
}

/// Writes a page as Markdown. `page` is its address, by which its links become absolute.
pub fn to_markdown(html: &str, page: Option<&Url>, options: &Options) -> Page {
    let mut tree = Tree::parse(html);
    let hidden = hidden::remove(&mut tree);
    let title = tree.title();
    let base = tree.base(page);
    let weights = (!options.full).then(|| Weights::of(&tree));
    let found = weights
        .as_ref()
        .and_then(|weights| main_text::find(&tree, weights));
    let is_main = found.is_some();
    let roots = found.unwrap_or_else(|| vec![Tree::ROOT]);
    let links = Links::new(base, options.links);
    let mut writer = Writer::new(&tree, links, weights.as_ref());
    for root in roots {
        writer.block(root);
    }
    let left_out = writer.left_out;
    let (markdown, links) = writer.finish();
    if markdown.is_empty() && left_out > 0 {
        // A page of menus alone is better than nothing.
        let options = Options {
            full: true,
            links: options.links,
        };
        return to_markdown(html, page, &options);
    }
    Page {
        title,
        markdown,
        links,
        is_shortened: is_main || left_out > 0,
        hidden,
    }
}
