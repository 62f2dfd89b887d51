//! Keeping the thought apart when it comes between tags in the text.
//!
//! The whole text is there when this runs, so a tag that was split over stream chunks needs no hold-back.

use crate::options::Reasoning;

const TAGS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
];

/// A text without its thought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// What is visible.
    pub(crate) text: String,
    /// The thought, if there was one.
    pub(crate) thought: Option<String>,
}

/// Takes the thought out of a text. `opens_in_prompt`: the template already wrote the opening tag.
pub(crate) fn split(text: &str, mode: Reasoning, opens_in_prompt: bool) -> Split {
    let untouched = Split {
        text: text.to_owned(),
        thought: None,
    };
    match mode {
        Reasoning::Field | Reasoning::None => untouched,
        Reasoning::ThinkTags => split_tags(text, opens_in_prompt).unwrap_or(untouched),
        Reasoning::Auto => {
            let found = split_tags(text, opens_in_prompt);
            found.or_else(|| split_unopened(text)).unwrap_or(untouched)
        }
    }
}

fn split_tags(text: &str, opens_in_prompt: bool) -> Option<Split> {
    let mut rest = text.trim_start();
    let mut thoughts: Vec<&str> = Vec::new();
    if opens_in_prompt && !TAGS.iter().any(|(open, _)| rest.starts_with(open)) {
        // The text begins inside the thought; without a closing tag it never left it.
        let (thought, after) = close(rest, None);
        thoughts.push(thought);
        rest = after;
    }
    while let Some(tags) = TAGS.iter().find(|(open, _)| rest.starts_with(open)) {
        let (thought, after) = close(&rest[tags.0.len()..], Some(tags.1));
        thoughts.push(thought);
        rest = after.trim_start();
    }
    if thoughts.is_empty() {
        return None;
    }
    // A model may think again later; then the tags stand on lines of their own.
    let rest = rest.trim_start();
    let mut visible = String::new();
    let mut from = 0;
    while let Some((start, end, thought)) = later_block(rest, from) {
        visible.push_str(&rest[from..start]);
        thoughts.push(thought);
        from = end;
    }
    visible.push_str(&rest[from..]);
    Some(joined(&thoughts, &visible))
}

fn joined(thoughts: &[&str], visible: &str) -> Split {
    let thought: Vec<&str> = thoughts
        .iter()
        .map(|thought| thought.trim())
        .filter(|thought| !thought.is_empty())
        .collect();
    Split {
        text: visible.to_owned(),
        thought: (!thought.is_empty()).then(|| thought.join("\n\n")),
    }
}

/// The thought up to its closing tag, and what follows. Without a closing tag all of it is thought.
fn close<'a>(text: &'a str, tag: Option<&str>) -> (&'a str, &'a str) {
    let found = match tag {
        Some(tag) => text.find(tag).map(|at| (at, tag.len())),
        None => TAGS
            .iter()
            .filter_map(|(_, close)| text.find(close).map(|at| (at, close.len())))
            .min(),
    };
    match found {
        Some((at, length)) => (&text[..at], &text[at + length..]),
        None => (text, ""),
    }
}

/// The first whole block after `from` whose opening tag begins a line.
fn later_block(text: &str, from: usize) -> Option<(usize, usize, &str)> {
    let blocks = TAGS.iter().filter_map(|(open, close)| {
        let start = from + text[from..].find(&format!("\n{open}"))? + 1;
        let inside = start + open.len();
        let length = text[inside..].find(close)?;
        Some((
            start,
            inside + length + close.len(),
            &text[inside..inside + length],
        ))
    });
    blocks.min_by_key(|(start, _, _)| *start)
}

/// A closing tag that nothing opened, in a text of a model about which nothing is known: a thought before it if it
/// ends a line, unless the tag is only mentioned.
fn split_unopened(text: &str) -> Option<Split> {
    let (_, close) = TAGS[0];
    let at = text.find(close)?;
    let (before, after) = (&text[..at], &text[at + close.len()..]);
    let mentioned = before.contains(TAGS[0].0)
        || before.ends_with('`')
        || after.contains(close)
        || !(after.is_empty() || after.starts_with(['\n', '\r']));
    (!mentioned).then(|| joined(&[before], after.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, mode: Reasoning, opens: bool) -> (String, Option<String>) {
        let split = split(text, mode, opens);
        (split.text, split.thought)
    }

    #[test]
    fn thoughts_are_taken_out_by_tags() {
        use Reasoning::{Auto, ThinkTags};
        let thought = Some("a b".to_owned());
        for (text, mode, opens) in [
            ("<think>a b</think>\n\nParis.", ThinkTags, true),
            ("<think>a b</think>\n\nParis.", Auto, false),
            ("a b\n</think>\n\nParis.", ThinkTags, true),
            ("a b\n</think>\n\nParis.", Auto, false),
            ("<thinking>\na b</thinking>Paris.", Auto, false),
        ] {
            assert_eq!(
                parts(text, mode, opens),
                ("Paris.".to_owned(), thought.clone()),
                "{text}"
            );
        }
    }

    #[test]
    fn an_empty_thought_is_none() {
        let got = parts("<think>\n\n</think>\n\nParis.", Reasoning::ThinkTags, false);
        assert_eq!(got, ("Paris.".to_owned(), None));
    }

    #[test]
    fn a_thought_that_never_closes_is_no_answer() {
        let got = parts("<think>still at it", Reasoning::Auto, false);
        assert_eq!(got, (String::new(), Some("still at it".to_owned())));
    }

    #[test]
    fn a_tag_that_is_only_mentioned_stays() {
        let text = "Use `<think>` and `</think>` markers.";
        assert_eq!(parts(text, Reasoning::Auto, false), (text.to_owned(), None));
        assert_eq!(
            parts(text, Reasoning::Field, false),
            (text.to_owned(), None)
        );
        let text = "The tag </think> ends it.";
        assert_eq!(parts(text, Reasoning::Auto, false), (text.to_owned(), None));
    }

    #[test]
    fn a_second_thought_on_its_own_line_is_taken_out_too() {
        let got = parts(
            "<think>a</think>One.\n<think>b</think>\nTwo.",
            Reasoning::ThinkTags,
            false,
        );
        assert_eq!(got, ("One.\n\nTwo.".to_owned(), Some("a\n\nb".to_owned())));
    }
}
