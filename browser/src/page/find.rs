//! Finding a text on the whole page: the lines with a hit and those around them, and how often there are more.

use crate::{Frame, Frames};

use super::ask::ask;
use super::error::Error;
use super::known::Known;
use super::numbering::Numbering;
use super::reference::Reference;
use super::render::line_text;
use super::said::Said;
use super::script::Question;
use super::snapshot::{Shown, Writer};
use super::text::quoted;

const MILLISECONDS: u64 = 2_500;
const BYTES: usize = 48 * 1024;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// Compared without regard to case and to runs of blanks; at most 400 letters of it.
    pub text: String,
    /// Lines to show before and after each line with a hit.
    pub around: u64,
    /// The most lines with a hit to show, of each frame.
    pub lines: u64,
    /// The most letters of the answer.
    pub letters: usize,
}

impl Find {
    /// A search with the usual bounds: one line around each of at most 20 lines.
    pub fn text(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            around: 1,
            lines: 20,
            letters: 6_000,
        }
    }
}

/// What a search gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Ready to be shown. Lines with a hit begin with `>`.
    pub text: String,
    /// Hits on the whole page, all frames.
    pub hits: u64,
    /// Lines with a hit.
    pub lines: u64,
    /// Whether the pages of all frames were gone through to their ends.
    pub complete: bool,
    /// How long the scripts in the page took, in ms.
    pub milliseconds: u64,
}

/// Searches these frames.
pub(super) async fn find(
    frames: &dyn Frames,
    of: &[Frame],
    numbering: &mut Numbering,
    known: &mut Known,
    wanted: &Find,
) -> Result<Found, Error> {
    let mut answers: Vec<(u32, Said)> = Vec::new();
    for frame in of {
        let at_top = frame.parent.is_none();
        let prefix = numbering.prefix(&frame.id, at_top);
        let question = Question::Find {
            first: numbering.first(&frame.id),
            milliseconds: if at_top {
                MILLISECONDS
            } else {
                MILLISECONDS / 5
            },
            bytes: BYTES,
            text: wanted.text.clone(),
            around: wanted.around,
            hits: wanted.lines,
        };
        match ask::<Said>(frames, frame, &question).await {
            Ok(said) => {
                numbering.counted(&frame.id, said.next);
                answers.push((prefix, said));
            }
            Err(error) if at_top => return Err(error),
            // A frame that does not answer is one that was not gone through.
            Err(_) => answers.push((prefix, Said::default())),
        }
    }
    Ok(told(&answers, known, wanted))
}

fn told(answers: &[(u32, Said)], known: &mut Known, wanted: &Find) -> Found {
    let sum = |of: fn(&Said) -> u64| answers.iter().map(|(_, said)| of(said)).sum::<u64>();
    let (hits, lines, all) = (
        sum(|said| said.hits),
        sum(|said| said.hit_lines),
        sum(|said| said.line_count),
    );
    let complete = answers.iter().all(|(_, said)| said.complete);
    let partly = if complete {
        ""
    } else {
        " (the page is too large, or a frame too slow, to be searched to the end)"
    };
    // A very large page is searched text by text, and its lines are not counted.
    let of = if all > 0 {
        format!(" of {all}")
    } else {
        String::new()
    };
    let header = format!(
        "{} is found {hits} times, in {lines}{of} lines{partly}\n",
        quoted(&wanted.text)
    );
    let mut page = Writer::new(header, wanted.letters);
    for (prefix, said) in answers {
        let mut last = None;
        for (line, number) in said.lines.iter().zip(&said.numbers) {
            if last.is_some_and(|last| last + 1 != *number) {
                page.note("...");
            }
            last = Some(*number);
            let mut references = Vec::new();
            for thing in line.things() {
                if let Some(number) = thing.number {
                    let reference = Reference {
                        frame: *prefix,
                        number,
                    };
                    known.note(reference, &thing.role, &thing.name);
                    references.push(reference);
                }
            }
            let shown = Shown {
                depth: 0,
                text: line_text(line, *prefix),
                references,
                behind: false,
            };
            page.line(
                &shown,
                if said.matching.contains(number) {
                    ">"
                } else {
                    " "
                },
            );
        }
    }
    let shown: u64 = answers
        .iter()
        .map(|(_, said)| said.matching.len() as u64)
        .sum();
    if shown < lines {
        page.note(&format!(
            "{} more lines with a hit are not shown",
            lines - shown
        ));
    }
    Found {
        text: page.end(true, [0, 0]),
        hits,
        lines,
        complete,
        milliseconds: sum(|said| said.milliseconds),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn hits_are_pointed_at_gaps_are_shown_and_the_rest_is_counted() {
        let said: Said = serde_json::from_str(
            r#"{"hits":5,"hitLines":3,"lineCount":40,"complete":true,"numbers":[3,4,9],"matching":[4,9],"lines":[
                {"kind":"run","items":[{"text":"before"}]},
                {"kind":"run","items":[{"ref":7,"role":"link","name":"Ship it"}]},
                {"kind":"run","items":[{"text":"shipping"}]}]}"#,
        )
        .unwrap();
        let mut known = Known::default();
        let found = told(&[(2, said)], &mut known, &Find::text("ship"));
        assert_eq!(
            found.text,
            "\"ship\" is found 5 times, in 3 of 40 lines\n \"before\"\n>[f2e7] link \"Ship it\"\n...\n>\"shipping\"\n\
             1 more lines with a hit are not shown\n"
        );
        assert_eq!((found.hits, found.lines, found.complete), (5, 3, true));
    }

    #[test]
    fn a_search_that_did_not_reach_the_end_says_so() {
        let found = told(
            &[(0, Said::default())],
            &mut Known::default(),
            &Find::text("x"),
        );
        assert!(
            found.text.contains("to be searched to the end"),
            "{}",
            found.text
        );
    }
}
