//! One sheet of an old workbook: keeps the cells that are wanted and fit, and measures the rest.

use std::collections::BTreeSet;

use super::{BEGIN, Book, END, Record, Records};
use crate::cells::{Cell, CellRange};
use crate::compound::{u16_at, u32_at};
use crate::limits::Limits;
use crate::sheets::{Gatherer, Shown};
use crate::xlsx::number;

/// What stands in a cell for an error, by its number.
const ERRORS: [(u8, &str); 7] = [
    (0x00, "#NULL!"),
    (0x07, "#DIV/0!"),
    (0x0F, "#VALUE!"),
    (0x17, "#REF!"),
    (0x1D, "#NAME?"),
    (0x24, "#NUM!"),
    (0x2A, "#N/A"),
];

/// The sheet that is being read.
struct Reading<'b, 'l> {
    book: &'b Book,
    gatherer: Gatherer<'l>,
    row: u32,
    /// Rows that are hidden, of those whose cells are still to come.
    hidden: BTreeSet<u32>,
    /// The cell whose text comes in a record of its own.
    awaited: Option<Cell>,
}

/// Reads the records of a sheet.
pub(super) fn read(
    book: &Book,
    records: Records<'_>,
    range: Option<CellRange>,
    limits: &Limits,
) -> Shown {
    let mut reading = Reading {
        book,
        gatherer: Gatherer::new(range, limits),
        row: 0,
        hidden: BTreeSet::new(),
        awaited: None,
    };
    // A chart in the sheet has a beginning and an end of its own.
    let mut depth = 0u32;
    for record in records {
        match record.kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            _ if depth == 1 => reading.take(record),
            _ => {}
        }
    }
    reading.end_row();
    reading.gatherer.end()
}

impl Reading<'_, '_> {
    fn take(&mut self, record: Record<'_>) {
        let data = record.data;
        match record.kind {
            0x0208 => self.note_row(data),
            0x007D => self.note_columns(data),
            0x00E5 => self.note_merged(data),
            0x00BD => self.many(data),
            0x0207 => {
                if let Some(cell) = self.awaited.take() {
                    let text = self.book.letters.long(data);
                    self.put(cell, &text);
                }
            }
            kind => {
                let (Some(cell), Some(style)) = (place(data), u16_at(data, 4)) else {
                    return;
                };
                let rest = data.get(6..).unwrap_or_default();
                if let Some(text) = self.value(kind, cell, style, rest) {
                    self.put(cell, &text);
                }
            }
        }
    }

    /// What a record of one cell says, if it is one.
    fn value(&mut self, kind: u16, cell: Cell, style: u16, data: &[u8]) -> Option<String> {
        match kind {
            0x00FD => {
                let index = usize::try_from(u32_at(data, 0)?).ok()?;
                self.book.texts.get(index).map(str::to_owned)
            }
            0x0204 | 0x00D6 => Some(self.book.letters.long(data)),
            0x0203 => Some(self.number(f64_at(data)?, style)),
            0x027E => Some(self.number(short_number(u32_at(data, 0)?), style)),
            0x0205 => {
                let (value, is_error) = (*data.first()?, *data.get(1)? != 0);
                Some(if is_error {
                    error(value)
                } else {
                    boolean(value)
                })
            }
            0x0006 => {
                let marks = u16_at(data, 6)?;
                if marks != u16::MAX {
                    return Some(self.number(f64_at(data)?, style));
                }
                match data.first()? {
                    0 => {
                        self.awaited = Some(cell);
                        None
                    }
                    1 => Some(boolean(*data.get(2)?)),
                    2 => Some(error(*data.get(2)?)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Numbers beside each other in one record.
    fn many(&mut self, data: &[u8]) {
        let Some(first) = place(data) else {
            return;
        };
        let cells = data
            .get(4..data.len().saturating_sub(2))
            .unwrap_or_default();
        for (column, cell) in (first.column..).zip(cells.chunks_exact(6)) {
            if let (Some(style), Some(packed)) = (u16_at(cell, 0), u32_at(cell, 2)) {
                let text = self.number(short_number(packed), style);
                self.put(Cell { column, ..first }, &text);
            }
        }
    }

    fn number(&self, value: f64, style: u16) -> String {
        number(&value.to_string(), self.book.kind(style), self.book.is_1904)
    }

    fn put(&mut self, cell: Cell, text: &str) {
        if cell.row != self.row {
            self.end_row();
            self.row = cell.row;
        }
        self.gatherer.cell(cell, text);
    }

    fn end_row(&mut self) {
        let row = self.row;
        self.gatherer.end_row(row, self.hidden.contains(&row));
        self.hidden = self.hidden.split_off(&(row + 1));
    }

    fn note_row(&mut self, data: &[u8]) {
        let marks = u32_at(data, 12).unwrap_or_default();
        if let Some(row) = u16_at(data, 0).filter(|_| marks & 0x20 != 0) {
            self.hidden.insert(u32::from(row) + 1);
        }
    }

    fn note_columns(&mut self, data: &[u8]) {
        let (first, last, marks) = (u16_at(data, 0), u16_at(data, 2), u16_at(data, 8));
        if let (Some(first), Some(last), Some(marks)) = (first, last, marks)
            && marks & 1 != 0
        {
            self.gatherer
                .hidden_columns(u32::from(first) + 1, u32::from(last) + 1);
        }
    }

    fn note_merged(&mut self, data: &[u8]) {
        for range in data.get(2..).unwrap_or_default().chunks_exact(8) {
            let at = |index| u16_at(range, index).map(|number| u32::from(number) + 1);
            if let (Some(top), Some(bottom), Some(left), Some(right)) = (at(0), at(2), at(4), at(6))
            {
                let cell = |row, column| Cell { row, column };
                self.gatherer.merged(Some(CellRange {
                    first: cell(top, left),
                    last: Some(cell(bottom, right)),
                }));
            }
        }
    }
}

fn place(data: &[u8]) -> Option<Cell> {
    Some(Cell {
        row: u32::from(u16_at(data, 0)?) + 1,
        column: u32::from(u16_at(data, 2)?) + 1,
    })
}

fn f64_at(data: &[u8]) -> Option<f64> {
    Some(f64::from_le_bytes(data.get(..8)?.try_into().ok()?))
}

/// A number in four bytes: the upper half of a long one or a whole number, perhaps in hundredths.
fn short_number(packed: u32) -> f64 {
    let value = if packed & 2 != 0 {
        f64::from(packed.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(packed & !3) << 32)
    };
    if packed & 1 != 0 {
        value / 100.0
    } else {
        value
    }
}

fn boolean(value: u8) -> String {
    (if value == 0 { "FALSE" } else { "TRUE" }).to_owned()
}

fn error(value: u8) -> String {
    let known = ERRORS.iter().find(|(number, _)| *number == value);
    known.map_or("#ERROR", |(_, text)| text).to_owned()
}
