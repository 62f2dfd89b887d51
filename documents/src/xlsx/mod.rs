//! Excel's workbooks: one sheet at a time as a table with cell references.
//!
//! Sheets are read as streams and only what is shown is kept, so neither a sheet's claimed size nor a million rows cost memory.

mod dates;
mod sheet;
mod strings;
mod styles;
mod workbook;

use std::io::{Read, Seek};

use crate::cells::{Cell, CellRange};
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::package::Package;
use crate::request::{Part, Request};
use sheet::{Look, Shown};
use strings::Strings;
use styles::Styles;
use workbook::{Sheet, Workbook};

/// Reads cells of one sheet.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let (name, range) = wanted(&request.part)?;
    let workbook = Workbook::read(&mut package)?;
    let index = workbook.find(name.as_deref())?;
    let sheet = &workbook.sheets[index];
    let strings = Strings::read(&mut package, workbook.strings.as_deref())?;
    let styles = Styles::read(&mut package, workbook.styles.as_deref())?;
    let look = Look {
        strings: &strings,
        styles: &styles,
        is_1904: workbook.is_1904,
        range,
        formulas: request.formulas,
    };
    let shown = sheet::read(&mut package, &sheet.part, &look)?;
    Ok(document(&workbook, index, &shown, range))
}

fn wanted(part: &Part) -> Result<(Option<String>, Option<CellRange>), Error> {
    match part {
        Part::Start => Ok((None, None)),
        Part::Cells { sheet, range } => Ok((sheet.clone(), *range)),
        Part::Units(span) => {
            // Rows of the first sheet.
            let row = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
            let column = crate::cells::COLUMN_MAX;
            let first = Cell {
                row: row(span.first),
                column: 1,
            };
            let last = span.last.map(|last| Cell {
                row: row(last),
                column,
            });
            Ok((None, Some(CellRange { first, last })))
        }
        Part::Member { .. } | Part::Path(_) => Err(Error::BadPart {
            asked: "this part".to_owned(),
            cure: "ask for cells, for example `Costs!A1:F200`".to_owned(),
        }),
    }
}

fn quoted(name: &str) -> String {
    let is_plain = name
        .chars()
        .all(|char| char.is_alphanumeric() || char == '_');
    if is_plain && !name.is_empty() {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "''"))
}

fn document(
    workbook: &Workbook,
    index: usize,
    shown: &Shown,
    range: Option<CellRange>,
) -> Document {
    let sheet = &workbook.sheets[index];
    let mut notes = vec![workbook.listing()];
    let hidden = if sheet.is_hidden { ", hidden" } else { "" };
    let all = shown.extent();
    let (table, left_out) = shown.table.render();
    let (text, seen) = match shown.seen() {
        Some(seen) => (
            format!("## sheet \"{}\" {seen}{hidden}\n\n{table}", sheet.name),
            format!("sheet \"{}\" {seen} of {all}", sheet.name),
        ),
        None => (
            format!(
                "## sheet \"{}\"{hidden}\n\n(no filled cells here)\n",
                sheet.name
            ),
            format!("sheet \"{}\", no cells of {all}", sheet.name),
        ),
    };
    if left_out > 0 {
        notes.push(format!(
            "{left_out} columns further right are not shown; ask for their cells"
        ));
    }
    if !shown.merged.is_empty() {
        let list: Vec<String> = shown
            .merged
            .iter()
            .take(20)
            .map(ToString::to_string)
            .collect();
        let more = shown.merged.len().saturating_sub(20);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        notes.push(format!(
            "merged cells, whose value stands in the first: {}{more}",
            list.join(", ")
        ));
    }
    if shown.hidden_rows > 0 {
        notes.push(format!(
            "{} of the rows shown are hidden in the sheet",
            shown.hidden_rows
        ));
    }
    if !shown.hidden_columns.is_empty() {
        notes.push(format!(
            "hidden columns: {}",
            shown.hidden_columns.join(", ")
        ));
    }
    let next_sheet = workbook.sheets.get(index + 1).filter(|_| range.is_none());
    let next = match shown.next {
        Some(first) => {
            let last = range.and_then(|range| range.last);
            let range = CellRange { first, last };
            Some(format!("{}!{range}", quoted(&sheet.name)))
        }
        None => next_sheet.map(|sheet| format!("{}!", quoted(&sheet.name))),
    };
    Document {
        format: Format::Xlsx,
        shown: seen,
        notes,
        text,
        next,
    }
}

impl Sheet {
    fn label(&self) -> String {
        let hidden = if self.is_hidden { " (hidden)" } else { "" };
        format!("\"{}\"{hidden}", self.name)
    }
}
