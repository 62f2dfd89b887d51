//! Cells of a sheet by their names: `A1`, `AB12`, `A1:F200`.

use std::fmt;

/// The last column that a sheet has.
pub(crate) const COLUMN_MAX: u32 = 16_384;
/// The last row that a sheet has.
pub(crate) const ROW_MAX: u32 = 1_048_576;

/// One cell, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The row.
    pub row: u32,
    /// The column; 1 is `A`.
    pub column: u32,
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellRange {
    /// The upper left cell.
    pub first: Cell,
    /// The lower right cell; absent for all that follow.
    pub last: Option<Cell>,
}

impl Cell {
    /// Reads `F200`, also with dollar signs.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace('$', "");
        let digits = text.find(|char: char| char.is_ascii_digit())?;
        let (letters, digits) = text.split_at(digits);
        let mut column = 0u32;
        for letter in letters.bytes() {
            let value = letter.to_ascii_uppercase().wrapping_sub(b'A');
            if value >= 26 || column > COLUMN_MAX {
                return None;
            }
            column = column * 26 + u32::from(value) + 1;
        }
        let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let row: u32 = digits.parse().ok().filter(|_| is_digits)?;
        let fits = (1..=COLUMN_MAX).contains(&column) && (1..=ROW_MAX).contains(&row);
        fits.then_some(Self { row, column })
    }
}

/// The letters of a column.
pub(crate) fn column_name(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column;
    while rest > 0 {
        let digit = (rest - 1) % 26;
        letters.push(char::from_u32(u32::from(b'A') + digit).unwrap_or('?'));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

impl CellRange {
    /// Reads `A1:F200`, `A5:` or `B2`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((first, last)) = text.split_once(':') else {
            let first = Cell::parse(text)?;
            let last = Some(first);
            return Some(Self { first, last });
        };
        let first = Cell::parse(first)?;
        let last = match last.trim() {
            "" => None,
            last => Some(Cell::parse(last)?),
        };
        let fits = last.is_none_or(|last| last.row >= first.row && last.column >= first.column);
        fits.then_some(Self { first, last })
    }

    pub(crate) fn contains(&self, cell: Cell) -> bool {
        let last = self.last.unwrap_or(Cell {
            row: ROW_MAX,
            column: COLUMN_MAX,
        });
        (self.first.row..=last.row).contains(&cell.row)
            && (self.first.column..=last.column).contains(&cell.column)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}{}", column_name(self.column), self.row)
    }
}

impl fmt::Display for CellRange {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(to, "{last}"),
            Some(last) => write!(to, "{}:{last}", self.first),
            None => write!(to, "{}:", self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_letters_without_a_zero() {
        let names = [1, 26, 27, 52, 702, 703, 16_384].map(column_name);
        assert_eq!(names, ["A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn a_cell_outside_any_sheet_is_no_cell() {
        let texts = [
            "A0",
            "XFE1",
            "A1048577",
            "1A",
            "A",
            "7",
            "A1B",
            "AAAAAAAAAAAAA1",
        ];
        assert_eq!(texts.map(Cell::parse), [None; 8]);
        let last = Some(Cell {
            row: ROW_MAX,
            column: COLUMN_MAX,
        });
        assert_eq!(Cell::parse("$XFD$1048576"), last);
    }
}
