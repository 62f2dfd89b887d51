//! Which part of a document is wanted, and how it is written down.

use url::Url;

use crate::cells::CellRange;
use crate::error::Error;

/// What a caller wants of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The part; the start if nothing is said.
    pub part: Part,
    /// Whether cells that have a formula show it beside their value.
    pub formulas: bool,
    /// Whether the whole of an HTML page is wanted instead of its main text.
    pub full: bool,
    /// The address of an HTML page, by which its links become absolute.
    pub page: Option<Url>,
}

/// The units from `first` to `last`, counted from 1: pages, slides, rows or lines, as the document has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first unit.
    pub first: u64,
    /// The last unit; absent for as many as fit.
    pub last: Option<u64>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    /// As much from the start as fits.
    #[default]
    Start,
    /// Pages, slides, rows or lines.
    Units(Span),
    /// Cells of a workbook.
    Cells {
        /// The sheet; absent for the first one.
        sheet: Option<String>,
        /// The cells; absent for as many as fit.
        range: Option<CellRange>,
    },
    /// One member of an archive, and the part of it that is wanted.
    Member {
        /// Its name, as the listing shows it.
        name: String,
        /// Which part of it.
        part: Box<Part>,
    },
    /// A value of a JSON document, as `$.orders[3].lines`.
    Path(String),
}

impl Span {
    /// Everything from the first unit on.
    pub const ALL: Self = Self {
        first: 1,
        last: None,
    };

    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse().ok().filter(|&number| number > 0);
        let Some((first, last)) = text.split_once('-') else {
            let first = number(text)?;
            let last = Some(first);
            return Some(Self { first, last });
        };
        let first = number(first)?;
        let last = match last.trim() {
            "" => None,
            last => Some(number(last)?),
        };
        (last.is_none_or(|last| last >= first)).then_some(Self { first, last })
    }
}

/// Words that may stand before the numbers of a span.
const UNITS: [&str; 8] = [
    "pages", "page", "slides", "slide", "rows", "row", "lines", "line",
];

impl Part {
    /// Reads a part as people write it: nothing for the start, `3-7`, `3-`, `pages 3-7`, `Costs!A1:F200`, `'My sheet'!A5:`,
    /// `Costs!`, `A1:F200`, `member: docs/report.pdf`, `member: docs/report.pdf # 3-7`, `$.orders[3]`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Start);
        }
        if text.starts_with('$') {
            return Ok(Self::Path(text.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("member:") {
            let (name, part) = rest.rsplit_once(" # ").unwrap_or((rest, ""));
            let part = Box::new(Self::parse(part)?);
            let name = name.trim().to_owned();
            return Ok(Self::Member { name, part });
        }
        let unit = UNITS.iter().find_map(|unit| text.strip_prefix(unit));
        if let Some(span) = Span::parse(unit.unwrap_or(text)) {
            return Ok(Self::Units(span));
        }
        cells(text).ok_or_else(|| Error::BadPart {
            asked: text.to_owned(),
            cure: "write for example `3-7`, `3-`, `Costs!A1:F200`, `member: docs/report.pdf # 3-7` or `$.orders[3]`"
                .to_owned(),
        })
    }
}

fn cells(text: &str) -> Option<Part> {
    let Some((sheet, range)) = text.rsplit_once('!') else {
        let range = Some(CellRange::parse(text)?);
        return Some(Part::Cells { sheet: None, range });
    };
    let sheet = sheet.trim();
    let quoted = sheet
        .strip_prefix('\'')
        .and_then(|sheet| sheet.strip_suffix('\''));
    let sheet = quoted.map_or_else(|| sheet.to_owned(), |quoted| quoted.replace("''", "'"));
    let range = match range.trim() {
        "" => None,
        range => Some(CellRange::parse(range)?),
    };
    let sheet = Some(sheet);
    Some(Part::Cells { sheet, range })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::cells::Cell;

    #[test]
    fn parts_are_read_as_people_write_them() {
        let span = |first, last| Part::Units(Span { first, last });
        let cells = |sheet: Option<&str>, range| Part::Cells {
            sheet: sheet.map(str::to_owned),
            range,
        };
        let range = |first, last| Some(CellRange { first, last });
        let cell = |row, column| Cell { row, column };
        let member = |name: &str, part| Part::Member {
            name: name.to_owned(),
            part: Box::new(part),
        };
        let wanted = [
            ("", Part::Start),
            ("3-7", span(3, Some(7))),
            ("3", span(3, Some(3))),
            ("5-", span(5, None)),
            ("pages 3 - 7", span(3, Some(7))),
            ("slide 2", span(2, Some(2))),
            (
                "A1:F200",
                cells(None, range(cell(1, 1), Some(cell(200, 6)))),
            ),
            ("Costs!", cells(Some("Costs"), None)),
            ("Costs!A5:", cells(Some("Costs"), range(cell(5, 1), None))),
            (
                "'Bob''s sheet!'!B2",
                cells(Some("Bob's sheet!"), range(cell(2, 2), Some(cell(2, 2)))),
            ),
            ("member: a/b.txt", member("a/b.txt", Part::Start)),
            ("member: a/b.pdf # 3-", member("a/b.pdf", span(3, None))),
            ("$.a[2]", Part::Path("$.a[2]".to_owned())),
        ];
        for (text, part) in wanted {
            assert_eq!(Part::parse(text).unwrap(), part, "{text}");
        }
    }

    #[test]
    fn what_is_no_part_is_answered_with_examples() {
        for text in ["7-3", "0-2", "page", "3-x", "Costs!A0", "-"] {
            let error = Part::parse(text).unwrap_err();
            assert!(error.to_string().contains("`3-7`"), "{text}: {error}");
        }
    }
}
