//! Sheets of a workbook as tables with cell references, whatever kind of workbook it is.
//!
//! Sheets are read as streams and only what is shown is kept, so neither a sheet's claimed size nor a million rows cost memory.

use std::collections::BTreeMap;

use crate::cells::{COLUMN_MAX, Cell, CellRange, ROW_MAX, column_name};
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;
use crate::request::Part;
use crate::table::{Table, escape};

/// Merged rectangles that are remembered.
const MERGED_MAX: usize = 1000;

/// One sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub name: String,
    pub is_hidden: bool,
}

impl Sheet {
    fn label(&self) -> String {
        let hidden = if self.is_hidden { " (hidden)" } else { "" };
        format!("\"{}\"{hidden}", self.name)
    }
}

/// The number of a sheet by its name; the first one that is not hidden if no name is given.
pub(crate) fn find(sheets: &[Sheet], name: Option<&str>) -> Result<usize, Error> {
    let Some(name) = name else {
        let visible = sheets.iter().position(|sheet| !sheet.is_hidden);
        return Ok(visible.unwrap_or_default());
    };
    let exact = sheets.iter().position(|sheet| sheet.name == name);
    let alike = |sheet: &Sheet| sheet.name.to_lowercase() == name.to_lowercase();
    let found = exact.or_else(|| sheets.iter().position(alike));
    found.ok_or_else(|| Error::NoSuchPart {
        asked: format!("sheet \"{name}\""),
        available: listing(sheets),
    })
}

/// A sentence that names the sheets.
fn listing(sheets: &[Sheet]) -> String {
    let names: Vec<String> = sheets.iter().map(Sheet::label).collect();
    format!("sheets: {}", names.join(", "))
}

/// The sheet and the cells that a part names.
pub(crate) fn wanted(part: &Part) -> Result<(Option<String>, Option<CellRange>), Error> {
    match part {
        Part::Start => Ok((None, None)),
        Part::Cells { sheet, range } => Ok((sheet.clone(), *range)),
        Part::Units(span) => {
            // Rows of the first sheet.
            let row = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
            let first = Cell {
                row: row(span.first),
                column: 1,
            };
            let last = span.last.map(|last| Cell {
                row: row(last),
                column: COLUMN_MAX,
            });
            Ok((None, Some(CellRange { first, last })))
        }
        Part::Member { .. } | Part::Path(_) => Err(Error::BadPart {
            asked: "this part".to_owned(),
            cure: "ask for cells, for example `Costs!A1:F200`".to_owned(),
        }),
    }
}

/// Gathers the cells of one sheet that are wanted and fit, and measures the rest.
pub(crate) struct Gatherer<'l> {
    range: Option<CellRange>,
    limits: &'l Limits,
    row: BTreeMap<u32, String>,
    shown: Shown,
}

/// What was seen of a sheet.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    table: Table,
    merged: Vec<CellRange>,
    hidden_rows: u64,
    hidden_columns: Vec<String>,
    /// The first cell that did not fit.
    next: Option<Cell>,
    first: Option<Cell>,
    last: Option<Cell>,
    filled: Option<Cell>,
}

impl<'l> Gatherer<'l> {
    pub fn new(range: Option<CellRange>, limits: &'l Limits) -> Self {
        Self {
            range,
            limits,
            row: BTreeMap::new(),
            shown: Shown::default(),
        }
    }

    /// Whether nothing more fits, so that the rest need only be measured.
    pub fn is_full(&self) -> bool {
        self.shown.next.is_some()
    }

    /// Takes the text of a cell of the row that is being read.
    pub fn cell(&mut self, cell: Cell, text: &str) {
        self.cells(cell, cell.column, text);
    }

    /// Takes the text that stands in each cell up to a column.
    pub fn cells(&mut self, first: Cell, last: u32, text: &str) {
        let text = escape(text, self.limits.value_chars);
        if text.is_empty() || first.row == 0 {
            return;
        }
        self.shown.fill(Cell {
            column: last,
            ..first
        });
        if self.is_full() {
            return;
        }
        for column in first.column..=last {
            let cell = Cell { column, ..first };
            if self.range.is_none_or(|range| range.contains(cell)) {
                self.row.insert(column, text.clone());
            }
        }
    }

    /// Notes how far filled cells reach that are not wanted.
    pub fn measure(&mut self, row: u32, columns: impl Iterator<Item = u32>) {
        for column in columns {
            self.shown.fill(Cell { row, column });
        }
    }

    /// Ends the row that is being read.
    pub fn end_row(&mut self, number: u32, is_hidden: bool) {
        let cells = std::mem::take(&mut self.row);
        let shown = &mut self.shown;
        if cells.is_empty() || shown.next.is_some() {
            return;
        }
        if !shown.table.is_empty() && shown.table.bytes_with(&cells) > self.limits.output_bytes {
            let column = self.range.map_or(1, |range| range.first.column);
            shown.next = Some(Cell {
                row: number,
                column,
            });
            return;
        }
        for &column in cells.keys() {
            shown.see(Cell {
                row: number,
                column,
            });
        }
        shown.hidden_rows += u64::from(is_hidden);
        shown.table.push(number.into(), cells);
    }

    /// Notes cells that are one.
    pub fn merged(&mut self, range: Option<CellRange>) {
        let has_room = self.shown.merged.len() < MERGED_MAX;
        self.shown.merged.extend(range.filter(|_| has_room));
    }

    /// Notes columns that are hidden.
    pub fn hidden_columns(&mut self, first: u32, last: u32) {
        let (first, last) = (first.min(COLUMN_MAX), last.min(COLUMN_MAX));
        let (from, to) = (column_name(first), column_name(last));
        self.shown.hidden_columns.push(if first == last {
            from
        } else {
            format!("{from} to {to}")
        });
    }

    /// What was seen. Of the merged cells only those that are shown are told.
    pub fn end(mut self) -> Shown {
        let seen = self.shown.seen();
        self.shown
            .merged
            .retain(|merged| seen.is_some_and(|seen| seen.contains(merged.first)));
        self.shown
    }

    /// The rows of these that can be wanted.
    pub fn wanted_rows(&self, first: u32, last: u32) -> std::ops::RangeInclusive<u32> {
        let Some(range) = self.range else {
            return first..=last;
        };
        let end = range.last.map_or(ROW_MAX, |last| last.row);
        first.max(range.first.row)..=last.min(end)
    }
}

impl Shown {
    /// The cells that the table spans.
    fn seen(&self) -> Option<CellRange> {
        let first = self.first?;
        let last = self.last;
        Some(CellRange { first, last })
    }

    /// The last filled row and column of the sheet.
    fn extent(&self) -> String {
        let Some(last) = self.filled else {
            return "none".to_owned();
        };
        format!("A1:{last}")
    }

    fn see(&mut self, cell: Cell) {
        let first = self.first.get_or_insert(cell);
        first.row = first.row.min(cell.row);
        first.column = first.column.min(cell.column);
        let last = self.last.get_or_insert(cell);
        last.row = last.row.max(cell.row);
        last.column = last.column.max(cell.column);
    }

    fn fill(&mut self, cell: Cell) {
        let filled = self.filled.get_or_insert(cell);
        filled.row = filled.row.max(cell.row);
        filled.column = filled.column.max(cell.column);
    }

    /// What a reader should know of the sheet.
    fn notes(&self, sheets: &[Sheet], left_out: usize) -> Vec<String> {
        let mut notes = vec![listing(sheets)];
        if left_out > 0 {
            notes.push(format!(
                "{left_out} columns further right are not shown; ask for their cells"
            ));
        }
        if !self.merged.is_empty() {
            let list: Vec<String> = self
                .merged
                .iter()
                .take(20)
                .map(ToString::to_string)
                .collect();
            let more = self.merged.len().saturating_sub(20);
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
        if self.hidden_rows > 0 {
            notes.push(format!(
                "{} of the rows shown are hidden in the sheet",
                self.hidden_rows
            ));
        }
        if !self.hidden_columns.is_empty() {
            notes.push(format!(
                "hidden columns: {}",
                self.hidden_columns.join(", ")
            ));
        }
        notes
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

/// The answer for what was seen of one of the sheets.
pub(crate) fn document(
    format: Format,
    sheets: &[Sheet],
    index: usize,
    shown: &Shown,
    range: Option<CellRange>,
) -> Result<Document, Error> {
    let none = || Error::malformed(format, "it has no sheet with cells");
    let sheet = sheets.get(index).ok_or_else(none)?;
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
    let next_sheet = sheets.get(index + 1).filter(|_| range.is_none());
    let next = match shown.next {
        Some(first) => {
            let last = range.and_then(|range| range.last);
            let range = CellRange { first, last };
            Some(format!("{}!{range}", quoted(&sheet.name)))
        }
        None => next_sheet.map(|sheet| format!("{}!", quoted(&sheet.name))),
    };
    Ok(Document {
        format,
        shown: seen,
        notes: shown.notes(sheets, left_out),
        text,
        next,
    })
}
