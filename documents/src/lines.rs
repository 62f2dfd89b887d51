//! A long text by lines: shows those that are wanted and fit, and says how to go on.

use crate::clean::start;
use crate::document::{Document, units};
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;
use crate::request::{Part, Span};

/// Longer lines count as several, so that a file of one line can be read in parts too.
const LINE_BYTES: usize = 4000;

/// The wanted lines of a text.
pub(crate) fn page(
    format: Format,
    text: &str,
    part: &Part,
    limits: &Limits,
) -> Result<Document, Error> {
    let span = span(part, "lines, for example `1-200`")?;
    let mut all = 0u64;
    let mut last = 0u64;
    let mut is_full = false;
    let mut shown = String::new();
    for line in text.lines().flat_map(pieces) {
        all += 1;
        is_full = is_full || !shown.is_empty() && over(&shown, line, limits);
        let is_wanted = all >= span.first && span.last.is_none_or(|end| all <= end);
        if is_wanted && !is_full {
            shown.push_str(line);
            shown.push('\n');
            last = all;
        }
    }
    if span.first > all.max(1) {
        return Err(Error::NoSuchPart {
            asked: format!("line {}", span.first),
            available: format!("there are {all} lines"),
        });
    }
    Ok(Document {
        format,
        shown: units("line", span.first, last, all),
        notes: Vec::new(),
        text: shown,
        next: (last < all).then(|| format!("{}-", last + 1)),
    })
}

fn over(shown: &str, line: &str, limits: &Limits) -> bool {
    (shown.len() + line.len()) as u64 >= limits.output_bytes
}

/// The span that a part names, if it can name one in this kind of document.
pub(crate) fn span(part: &Part, fitting: &str) -> Result<Span, Error> {
    match part {
        Part::Start => Ok(Span::ALL),
        Part::Units(span) => Ok(*span),
        Part::Cells { .. } | Part::Member { .. } | Part::Path(_) => Err(Error::BadPart {
            asked: match part {
                Part::Member { name, .. } => name.clone(),
                Part::Path(path) => path.clone(),
                Part::Cells { range, .. } => {
                    range.map_or_else(|| "a sheet".to_owned(), |range| range.to_string())
                }
                Part::Start | Part::Units(_) => String::new(),
            },
            cure: format!("ask for {fitting}"),
        }),
    }
}

fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let piece = start(line, LINE_BYTES);
        rest = (piece.len() < line.len()).then(|| &line[piece.len()..]);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(text: &str, part: &str, output_bytes: u64) -> Document {
        let limits = Limits {
            output_bytes,
            ..Limits::default()
        };
        let part = Part::parse(part).unwrap();
        page(Format::Text, text, &part, &limits).unwrap()
    }

    #[test]
    fn an_answer_says_what_it_shows_and_how_to_go_on() {
        let first = read("one\ntwo\nthree\nfour\n", "", 10);
        assert_eq!(
            first.to_string(),
            "text, lines 1 to 2 of 4\n\none\ntwo\n\n(lines 1 to 2 of 4; go on with part `3-`)\n"
        );
        let second = read("one\ntwo\nthree\nfour\n", "3-", 20);
        assert_eq!(
            second.to_string(),
            "text, lines 3 to 4 of 4\n\nthree\nfour\n"
        );
    }

    #[test]
    fn every_part_of_one_long_line_can_be_reached() {
        let text = "é".repeat(10_000);
        let (mut next, mut whole) = (Some(String::new()), String::new());
        while let Some(part) = next {
            let document = read(&text, &part, 4_000);
            whole.extend(document.text.lines());
            next = document.next;
        }
        assert_eq!(whole, text);
    }

    #[test]
    fn an_empty_text_is_shown_as_such() {
        assert_eq!(read("", "", 10).shown, "no lines");
        let part = Part::parse("5").unwrap();
        let error = page(Format::Text, "a\nb", &part, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "there is no line 5; there are 2 lines");
    }
}
