//! CSV and its relatives: finds the delimiter, and shows rows as a table.

use std::collections::BTreeMap;

use crate::document::{Document, units};
use crate::error::Error;
use crate::format::{Format, extension};
use crate::limits::Limits;
use crate::lines::span;
use crate::request::{Part, Span};
use crate::table::{Table, escape};

/// How many rows the delimiter is found by.
const SNIFFED_ROWS: usize = 20;
/// What may part the values, and what it is called, the likelier first.
const DELIMITERS: [(u8, &str); 4] = [
    (b',', "comma"),
    (b'\t', "tab"),
    (b';', "semicolon"),
    (b'|', "bar"),
];

/// Reads values parted by a delimiter.
pub(crate) fn read(
    text: &str,
    name: &str,
    part: &Part,
    limits: &Limits,
) -> Result<Document, Error> {
    let (span, columns) = wanted(part)?;
    let delimiter = match extension(name).as_str() {
        "tsv" | "tab" => b'\t',
        _ => sniff(text),
    };
    let mut table = Table::default();
    let (mut all, mut is_full) = (0u64, false);
    let mut rows = reader(text, delimiter);
    let mut row = csv::ByteRecord::new();
    while rows
        .read_byte_record(&mut row)
        .map_err(|error| malformed(&error))?
    {
        all += 1;
        if is_full || all < span.first || span.last.is_some_and(|last| all > last) {
            continue;
        }
        let cells = cells(&row, columns, limits);
        is_full = !table.is_empty() && table.bytes_with(&cells) > limits.output_bytes;
        if !is_full {
            table.push(all, cells);
        }
    }
    if span.first > all.max(1) {
        return Err(Error::NoSuchPart {
            asked: format!("row {}", span.first),
            available: format!("there are {all} rows"),
        });
    }
    let last = table.last().unwrap_or_default();
    let (text, left_out) = table.render();
    let called = DELIMITERS.iter().find(|(byte, _)| *byte == delimiter);
    let called = called.map_or("comma", |(_, called)| called);
    let mut notes = vec![format!("values are parted by a {called}")];
    if left_out > 0 {
        notes.push(format!(
            "{left_out} columns further right are not shown; ask for them by cells"
        ));
    }
    Ok(Document {
        format: Format::Delimited,
        shown: units("row", span.first, last, all),
        notes,
        text,
        next: (last < all).then(|| format!("{}-", last + 1)),
    })
}

/// The first and the last column that are wanted.
type Columns = (u32, Option<u32>);

/// The rows, and the first and last column where cells were asked for.
fn wanted(part: &Part) -> Result<(Span, Columns), Error> {
    if let Part::Cells { sheet: None, range } = part {
        let Some(range) = range else {
            return Ok((Span::ALL, (1, None)));
        };
        let rows = Span {
            first: range.first.row.into(),
            last: range.last.map(|last| last.row.into()),
        };
        let columns = (range.first.column, range.last.map(|last| last.column));
        return Ok((rows, columns));
    }
    Ok((
        span(part, "rows, for example `1-200`, or cells, `A1:F200`")?,
        (1, None),
    ))
}

fn cells(row: &csv::ByteRecord, columns: Columns, limits: &Limits) -> BTreeMap<u32, String> {
    let (first, last) = columns;
    let numbered = (1u32..).zip(row.iter());
    let wanted = numbered.filter(|(column, value)| {
        *column >= first && last.is_none_or(|last| *column <= last) && !value.is_empty()
    });
    wanted
        .map(|(column, value)| {
            (
                column,
                escape(&String::from_utf8_lossy(value), limits.value_chars),
            )
        })
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    let mut rows = csv::ReaderBuilder::new();
    rows.has_headers(false).flexible(true).delimiter(delimiter);
    rows.from_reader(text.as_bytes())
}

fn malformed(error: &csv::Error) -> Error {
    Error::malformed(Format::Delimited, error.to_string())
}

/// The delimiter that gives the first rows the most columns, the same number in each.
fn sniff(text: &str) -> u8 {
    let score = |delimiter: u8| {
        let rows = reader(text, delimiter).into_byte_records();
        let widths: Vec<usize> = rows
            .take(SNIFFED_ROWS)
            .flatten()
            .map(|row| row.len())
            .collect();
        let width = widths.first().copied().unwrap_or_default();
        let same = widths.iter().filter(|&&own| own == width).count();
        let is_even = same * 10 >= widths.len() * 8;
        if width > 1 {
            (is_even, same * width)
        } else {
            (false, 0)
        }
    };
    // The last of equals wins in `max_by_key`, so the likelier come last.
    let best = DELIMITERS.iter().rev().max_by_key(|(byte, _)| score(*byte));
    best.map_or(b',', |(byte, _)| *byte)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shown(text: &str, part: &str) -> String {
        let part = Part::parse(part).unwrap();
        let document = read(text, "x.csv", &part, &Limits::default()).unwrap();
        document.to_string()
    }

    #[test]
    fn quoted_values_with_line_ends_stay_in_one_cell() {
        let text = "name;note\nAnn;\"likes; a|b\nand \"\"c\"\"\"\nBob;\n";
        let table = "CSV, rows 1 to 3 of 3\nnote: values are parted by a semicolon\n\n\
            | | A | B |\n|---|---|---|\n| 1 | name | note |\n| 2 | Ann | likes; a\\|b and \"c\" |\n| 3 | Bob | |\n";
        assert_eq!(shown(text, ""), table);
    }

    #[test]
    fn rows_and_columns_are_shown_by_the_names_of_their_cells() {
        let text = "a,b,c\nd,e,f\ng,h,i\n";
        let table = "CSV, rows 2 to 3 of 3\nnote: values are parted by a comma\n\n\
            | | B | C |\n|---|---|---|\n| 2 | e | f |\n| 3 | h | i |\n";
        assert_eq!(shown(text, "B2:C3"), table);
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_even_rows() {
        assert_eq!(sniff("a\tb, c\nd\te\n"), b'\t');
        assert_eq!(sniff("1,5;2,5\n3,5;4\n2;3\n"), b';');
        assert_eq!(sniff("one column\n"), b',');
    }
}
