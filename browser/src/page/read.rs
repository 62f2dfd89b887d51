//! Readable text of a page as Markdown, a page at a time.

use super::reference::Reference;
use super::said::SaidText;
use super::text::{address, quoted, word};

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Only what is inside this thing; else the page's own text, without navigation, headers and footers.
    pub reference: Option<Reference>,
    /// Also what lies around the page's own text.
    pub whole: bool,
    /// Where to begin, in letters: 0, or [`Reading::next`] of the reading before.
    pub from: u64,
    /// The most letters. The page ends at the end of a line unless that line alone is longer.
    pub letters: u64,
}

impl Default for Read {
    fn default() -> Self {
        Self {
            reference: None,
            whole: false,
            from: 0,
            letters: 12_000,
        }
    }
}

/// A page of readable text. All of `text` is the page's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Markdown.
    pub text: String,
    /// Where it begins, in letters as the page's scripts count them (a sign beyond the basic plane is two).
    pub from: u64,
    /// Where to go on; absent at the end.
    pub next: Option<u64>,
    /// How many letters there are, at least.
    pub total: u64,
    /// Whether the page was gone through to its end.
    pub complete: bool,
    /// What was left out and how often, and which frames have texts of their own. One line, without a line end.
    pub notes: String,
    /// Title of the document, as it gives it.
    pub title: String,
    /// Its address.
    pub url: String,
    /// How long the script took, in ms.
    pub milliseconds: u64,
}

impl Reading {
    pub(super) fn new(said: SaidText, frame: u32) -> Self {
        Self {
            notes: notes(&said, frame),
            next: (said.end < said.total).then_some(said.end),
            text: said.text,
            from: said.from,
            total: said.total,
            complete: said.complete,
            title: said.facts.title,
            url: said.facts.url,
            milliseconds: said.milliseconds,
        }
    }
}

fn notes(said: &SaidText, frame: u32) -> String {
    let most = if said.complete { "" } else { "at least " };
    let mut parts = vec![format!(
        "letters {} to {} of {most}{}",
        said.from, said.end, said.total
    )];
    if !said.left_out.is_empty() {
        let left_out = said.left_out.iter().map(|(what, count)| match count {
            1 => word(what),
            count => format!("{count} x {}", word(what)),
        });
        parts.push(format!(
            "left out: {}",
            left_out.collect::<Vec<_>>().join(", ")
        ));
    }
    if !said.frames.is_empty() {
        let frames = said.frames.iter().filter_map(|thing| {
            let reference = Reference {
                frame,
                number: thing.number?,
            };
            Some(format!(
                "[{reference}] {} {}",
                quoted(&thing.name),
                address(&thing.url)
            ))
        });
        parts.push(format!(
            "frames with texts of their own: {}",
            frames.collect::<Vec<_>>().join(", ")
        ));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_reading_says_where_it_stands_and_what_it_left_out() {
        let said: SaidText = serde_json::from_str(
            r##"{"text":"# A\n","from":0,"end":4,"total":90,"complete":false,"leftOut":[["nav",2],["footer",1]],
                "frames":[{"ref":7,"name":"Pay \"now\"","url":"https://p.example/"}]}"##,
        )
        .unwrap();
        let reading = Reading::new(said, 0);
        assert_eq!(
            reading.notes,
            "letters 0 to 4 of at least 90; left out: 2 x nav, footer; \
             frames with texts of their own: [e7] \"Pay \\\"now\\\"\" https://p.example/"
        );
        assert_eq!(reading.next, Some(4));
    }
}
