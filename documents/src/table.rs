//! Rows and columns as a Markdown table with row numbers and column letters.

use std::collections::BTreeMap;

use crate::cells::column_name;
use crate::clean::{cut, one_line};

/// Columns that one table shows; a model cannot read wider ones.
const COLUMNS_MAX: usize = 60;

/// The text of a cell inside a table.
pub(crate) fn escape(text: &str, chars_max: u64) -> String {
    cut(&one_line(text), chars_max).replace('|', "\\|")
}

/// A table that is filled row by row. Empty rows and columns are left out, and the gap shows in numbers and letters.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(u64, BTreeMap<u32, String>)>,
    bytes: u64,
}

impl Table {
    /// Adds a row by its number; cells are escaped already, and none of them is empty.
    pub fn push(&mut self, number: u64, cells: BTreeMap<u32, String>) {
        self.bytes += row_bytes(&cells);
        self.rows.push((number, cells));
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how long the table gets with this row.
    pub fn bytes_with(&self, cells: &BTreeMap<u32, String>) -> u64 {
        self.bytes + row_bytes(cells)
    }

    /// The number of the last row.
    pub fn last(&self) -> Option<u64> {
        self.rows.last().map(|(number, _)| *number)
    }

    /// The table, and the columns that it leaves out because there are too many.
    pub fn render(&self) -> (String, usize) {
        let mut columns: Vec<u32> = self
            .rows
            .iter()
            .flat_map(|(_, cells)| cells.keys().copied())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let left_out = columns.len().saturating_sub(COLUMNS_MAX);
        columns.truncate(COLUMNS_MAX);
        let mut text = String::from("| |");
        for column in &columns {
            text.push(' ');
            text.push_str(&column_name(*column));
            text.push_str(" |");
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(columns.len()));
        text.push('\n');
        for (number, cells) in &self.rows {
            text.push_str("| ");
            text.push_str(&number.to_string());
            text.push_str(" |");
            for column in &columns {
                let cell = cells.get(column).map_or("", String::as_str);
                text.push(' ');
                text.push_str(cell);
                text.push_str(if cell.is_empty() { "|" } else { " |" });
            }
            text.push('\n');
        }
        (text, left_out)
    }
}

fn row_bytes(cells: &BTreeMap<u32, String>) -> u64 {
    let texts: usize = cells.values().map(|text| text.len() + 3).sum();
    texts as u64 + 10
}

/// A table with a head and no numbers, for the tables inside of documents. Absent cells are empty.
pub(crate) fn plain(rows: &[Vec<String>]) -> String {
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    if width == 0 {
        return String::new();
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push('|');
        for column in 0..width {
            let cell = row.get(column).map_or("", String::as_str);
            text.push(' ');
            text.push_str(cell);
            text.push_str(if cell.is_empty() { "|" } else { " |" });
        }
        text.push('\n');
        if index == 0 {
            text.push('|');
            text.push_str(&"---|".repeat(width));
            text.push('\n');
        }
    }
    text
}
