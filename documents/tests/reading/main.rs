//! Documents as people and attackers make them, read through the public interface alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod fixtures;
mod hostile;
mod mutations;
mod office;
mod old_workbooks;
mod open_document;
mod pages;
mod pdf;
mod pdf_fixtures;
