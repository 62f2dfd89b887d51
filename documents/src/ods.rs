//! Workbooks of `OpenDocument`: one sheet at a time as a table with cell references.
//!
//! Cells and rows may say that they are repeated; what is repeated is counted, and only what is shown is written out.

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Seek};

use crate::cells::{COLUMN_MAX, Cell, CellRange, ROW_MAX};
use crate::clean::{cut, one_line};
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;
use crate::package::Package;
use crate::request::Request;
use crate::sheets::{self, Gatherer, Sheet};
use crate::xml::{Element, Reader};

const PART: &str = "content.xml";

/// Reads cells of one sheet.
pub(crate) fn read<R: Read + Seek>(
    mut package: Package<'_, '_, R>,
    request: &Request,
) -> Result<Document, Error> {
    let limits = package.meter().limits();
    let (name, range) = sheets::wanted(&request.part)?;
    let list = list(&mut package.must_part(PART)?)?;
    let index = sheets::find(&list, name.as_deref())?;
    let mut reader = package.must_part(PART)?;
    let mut gatherer = Gatherer::new(range, limits);
    let mut at = 0;
    while let Some(element) = reader.open_within(0)? {
        if element.name == "table" {
            if at == index {
                let mut table = Table {
                    gatherer: &mut gatherer,
                    limits,
                    formulas: request.formulas,
                    row: 0,
                };
                table.rows(&mut reader)?;
                break;
            }
            at += 1;
            reader.skip()?;
        }
    }
    sheets::document(Format::Ods, &list, index, &gatherer.end(), range)
}

/// The sheets in their order.
fn list<B: BufRead>(reader: &mut Reader<B>) -> Result<Vec<Sheet>, Error> {
    let (mut sheets, mut style, mut hidden) = (Vec::new(), String::new(), BTreeSet::new());
    while let Some(element) = reader.open_within(0)? {
        match element.name.as_str() {
            "style" => element
                .attribute("name")
                .unwrap_or_default()
                .clone_into(&mut style),
            "table-properties" if element.attribute("display") == Some("false") => {
                hidden.insert(style.clone());
            }
            "table" => {
                let own = element.attribute("style-name").unwrap_or_default();
                sheets.push(Sheet {
                    name: one_line(element.attribute("name").unwrap_or_default()),
                    is_hidden: hidden.contains(own),
                });
                reader.skip()?;
            }
            _ => {}
        }
    }
    if sheets.is_empty() {
        return Err(Error::malformed(Format::Ods, "it has no sheet with cells"));
    }
    Ok(sheets)
}

/// The sheet that is being read.
struct Table<'t, 'l> {
    gatherer: &'t mut Gatherer<'l>,
    limits: &'l Limits,
    formulas: bool,
    /// The last row that was read.
    row: u32,
}

/// Cells beside each other that say the same.
struct Run {
    first: u32,
    last: u32,
    text: String,
}

fn number(element: &Element, name: &str) -> u32 {
    let number = element.attribute(name).and_then(|text| text.parse().ok());
    number.unwrap_or(1).max(1)
}

fn is_hidden(element: &Element) -> bool {
    matches!(element.attribute("visibility"), Some("collapse" | "filter"))
}

impl Table<'_, '_> {
    /// Reads the sheet that was just opened.
    fn rows<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<(), Error> {
        let depth = reader.depth();
        let mut column = 0u32;
        while let Some(element) = reader.open_within(depth)? {
            match element.name.as_str() {
                "table-column" => {
                    let last = column.saturating_add(number(&element, "number-columns-repeated"));
                    if is_hidden(&element) {
                        self.gatherer.hidden_columns(column + 1, last);
                    }
                    column = last.min(COLUMN_MAX);
                }
                "table-row" => {
                    let (is_hidden, repeated) = (
                        is_hidden(&element),
                        number(&element, "number-rows-repeated"),
                    );
                    let runs = self.cells(reader)?;
                    self.repeat(&runs, repeated, is_hidden);
                }
                // Sheets of other files, pictures and remarks.
                "shapes" | "annotation" | "table-source" => reader.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The filled cells of the row that was just opened.
    fn cells<B: BufRead>(&mut self, reader: &mut Reader<B>) -> Result<Vec<Run>, Error> {
        let depth = reader.depth();
        let (mut runs, mut column) = (Vec::new(), 0u32);
        while let Some(element) = reader.open_within(depth)? {
            let is_covered = element.name == "covered-table-cell";
            if element.name != "table-cell" && !is_covered {
                reader.skip()?;
                continue;
            }
            let first = (column + 1).min(COLUMN_MAX);
            column = column
                .saturating_add(number(&element, "number-columns-repeated"))
                .min(COLUMN_MAX);
            self.note_merged(&element, first);
            let text = value(reader, &element, self.formulas)?;
            if !text.is_empty() && !is_covered {
                let last = column;
                let text = cut(&text, self.limits.value_chars);
                runs.push(Run { first, last, text });
            }
        }
        Ok(runs)
    }

    fn note_merged(&mut self, cell: &Element, column: u32) {
        let (columns, rows) = (
            number(cell, "number-columns-spanned"),
            number(cell, "number-rows-spanned"),
        );
        if (columns, rows) == (1, 1) {
            return;
        }
        let first = Cell {
            row: self.row.saturating_add(1).min(ROW_MAX),
            column,
        };
        let last = Cell {
            row: self.row.saturating_add(rows).min(ROW_MAX),
            column: (column - 1).saturating_add(columns).min(COLUMN_MAX),
        };
        let last = Some(last);
        self.gatherer.merged(Some(CellRange { first, last }));
    }

    fn repeat(&mut self, runs: &[Run], repeated: u32, is_hidden: bool) {
        let first = self.row.saturating_add(1);
        self.row = self.row.saturating_add(repeated).min(ROW_MAX);
        if runs.is_empty() || first > ROW_MAX {
            return;
        }
        let last = self.row;
        for row in self.gatherer.wanted_rows(first, last) {
            self.put(runs, row);
            self.gatherer.end_row(row, is_hidden);
            if self.gatherer.is_full() {
                break;
            }
        }
        // For how far the sheet reaches, also where nothing of it was wanted.
        self.gatherer.measure(last, runs.iter().map(|run| run.last));
    }

    fn put(&mut self, runs: &[Run], row: u32) {
        for run in runs {
            let column = run.first;
            self.gatherer
                .cells(Cell { row, column }, run.last, &run.text);
        }
    }
}

/// The text of the cell that was just opened; empty if it has none.
fn value<B: BufRead>(
    reader: &mut Reader<B>,
    cell: &Element,
    formulas: bool,
) -> Result<String, Error> {
    let shown = text(reader)?;
    let said = |name| cell.attribute(name).unwrap_or_default();
    let value = match said("value-type") {
        "float" | "currency" => said("value").to_owned(),
        "date" => said("date-value").to_owned(),
        "boolean" => said("boolean-value").to_uppercase(),
        // A percentage and a time are written in a way that only their shown text makes readable.
        _ => String::new(),
    };
    let value = if value.is_empty() { shown } else { value };
    let formula = cell.attribute("formula").unwrap_or_default();
    let formula = formula
        .split_once('=')
        .map_or(formula, |(_, formula)| formula);
    Ok(match (formula.is_empty(), value.is_empty()) {
        (false, true) => format!("={formula}"),
        (false, false) if formulas => format!("{value} (={formula})"),
        _ => value,
    })
}

/// The paragraphs of the cell that was just opened, without remarks on it.
fn text<B: BufRead>(reader: &mut Reader<B>) -> Result<String, Error> {
    let depth = reader.depth();
    let mut all = String::new();
    while let Some(element) = reader.open_within(depth)? {
        match element.name.as_str() {
            "p" => {
                all.push_str(if all.is_empty() { "" } else { " " });
                all.push_str(&crate::odt::words(reader)?);
            }
            "annotation" => reader.skip()?,
            _ => {}
        }
    }
    Ok(all)
}
