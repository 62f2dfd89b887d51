//! From a column's value to its meaning, with the place in hand for the error.

use std::str::FromStr;

use agent_core::ports::store::StoreError;

/// The error that says which value means nothing.
pub fn corrupt(table: &'static str, column: &'static str, row: &str) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        row: row.to_owned(),
    }
}

/// Reads a text that has a form of its own: an id, a hash.
pub fn parsed<T: FromStr>(
    text: &str,
    table: &'static str,
    column: &'static str,
    row: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(table, column, row))
}

/// Reads such a text where there may be none.
pub(crate) fn parsed_if_any<T: FromStr>(
    text: Option<&str>,
    table: &'static str,
    column: &'static str,
    row: &str,
) -> Result<Option<T>, StoreError> {
    text.map(|text| parsed(text, table, column, row))
        .transpose()
}

/// Reads a count that is small and not negative.
pub(crate) fn count(
    number: i64,
    table: &'static str,
    column: &'static str,
    row: &str,
) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| corrupt(table, column, row))
}
