//! Groups of columns that several tables share: a body, a wait, limits.

use std::borrow::Cow;

use agent_core::blob::{BlobRef, Stored};
use agent_core::budget::Budget;
use agent_core::ports::store::StoreError;
use agent_core::task::{WaitKind, Waiting};

use crate::read::{corrupt, parsed};

/// A number as a column holds it. What does not fit becomes the largest that does, which as a limit means the same.
pub fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A free text as a column holds it. PostgreSQL cannot hold NUL, and a model or a tool may well say one; a commit that
/// could never succeed would stop its task for good.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A body as it is written: a text, or the name and size of a blob.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyColumns<'a> {
    /// The text itself.
    pub text: Option<&'a str>,
    /// The name of the blob that holds the text.
    pub blob: Option<&'a str>,
    /// The blob's size.
    pub bytes: Option<i64>,
}

impl<'a> From<&'a Stored> for BodyColumns<'a> {
    fn from(body: &'a Stored) -> Self {
        match body {
            Stored::Inline(text) => Self {
                text: Some(text),
                ..Self::default()
            },
            Stored::Blob(blob) => Self {
                text: None,
                blob: Some(blob.hash.as_str()),
                bytes: Some(saturated(blob.bytes)),
            },
        }
    }
}

impl<'a> From<Option<&'a Stored>> for BodyColumns<'a> {
    fn from(body: Option<&'a Stored>) -> Self {
        body.map(Self::from).unwrap_or_default()
    }
}

/// A body as it was read.
pub(crate) struct BodyRead {
    pub text: Option<String>,
    pub blob: Option<String>,
    pub bytes: Option<i64>,
}

impl BodyRead {
    /// The body, if there is one.
    pub(crate) fn into_stored(
        self,
        table: &'static str,
        column: &'static str,
        row: &str,
    ) -> Result<Option<Stored>, StoreError> {
        match (self.text, self.blob) {
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(Stored::Inline(text))),
            (None, Some(hash)) => {
                let bytes = self.bytes.and_then(|bytes| u64::try_from(bytes).ok());
                Ok(Some(Stored::Blob(BlobRef {
                    hash: parsed(&hash, table, column, row)?,
                    bytes: bytes.ok_or_else(|| corrupt(table, column, row))?,
                })))
            }
            (Some(_), Some(_)) => Err(corrupt(table, column, row)),
        }
    }

    /// The body of a column that always has one.
    pub(crate) fn into_required(
        self,
        table: &'static str,
        column: &'static str,
        row: &str,
    ) -> Result<Stored, StoreError> {
        self.into_stored(table, column, row)?
            .ok_or_else(|| corrupt(table, column, row))
    }
}

/// A wait as it is written.
#[derive(Debug, Clone, Default)]
pub struct WaitColumns<'a> {
    /// Its kind.
    pub kind: Option<&'a str>,
    /// When it ends by itself.
    pub until_ms: Option<i64>,
    /// A sentence for people.
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> From<Option<&'a Waiting>> for WaitColumns<'a> {
    fn from(waiting: Option<&'a Waiting>) -> Self {
        waiting.map_or_else(Self::default, |waiting| Self {
            kind: Some(waiting.kind.label()),
            until_ms: waiting.until_ms,
            reason: Some(plain(&waiting.reason)),
        })
    }
}

/// A wait as it was read.
pub(crate) fn waiting(
    kind: Option<&str>,
    until_ms: Option<i64>,
    reason: Option<String>,
) -> Option<Result<Waiting, ()>> {
    kind.map(|kind| {
        Ok(Waiting {
            kind: WaitKind::from_label(kind).ok_or(())?,
            until_ms,
            reason: reason.unwrap_or_default(),
        })
    })
}

/// Limits as they are written.
#[derive(Debug, Clone, Copy)]
pub struct BudgetColumns {
    /// Model calls.
    pub model_calls: i64,
    /// Tool calls.
    pub tool_calls: i64,
    /// Tokens.
    pub tokens: i64,
    /// Milliseconds in state `running`.
    pub wall_ms: i64,
}

impl From<&Budget> for BudgetColumns {
    fn from(budget: &Budget) -> Self {
        Self {
            model_calls: saturated(budget.model_calls),
            tool_calls: saturated(budget.tool_calls),
            tokens: saturated(budget.tokens),
            wall_ms: saturated(budget.wall_ms),
        }
    }
}

impl From<BudgetColumns> for Budget {
    fn from(columns: BudgetColumns) -> Self {
        let limit = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            model_calls: limit(columns.model_calls),
            tool_calls: limit(columns.tool_calls),
            tokens: limit(columns.tokens),
            wall_ms: limit(columns.wall_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::blob::BlobHash;

    fn read_back(body: &Stored) -> Option<Stored> {
        let columns = BodyColumns::from(body);
        let read = BodyRead {
            text: columns.text.map(str::to_owned),
            blob: columns.blob.map(str::to_owned),
            bytes: columns.bytes,
        };
        read.into_stored("task", "spec", "task_1").ok().flatten()
    }

    #[test]
    fn a_body_reads_back_from_its_columns() {
        let inline = Stored::Inline("{}".to_owned());
        let blob = Stored::Blob(BlobRef {
            hash: BlobHash::of(b"long"),
            bytes: 4,
        });
        assert_eq!(read_back(&inline), Some(inline.clone()));
        assert_eq!(read_back(&blob), Some(blob.clone()));
    }

    #[test]
    fn a_body_that_is_both_or_has_no_size_is_corrupt() {
        let both = BodyRead {
            text: Some("{}".to_owned()),
            blob: Some(BlobHash::of(b"x").to_string()),
            bytes: Some(1),
        };
        assert!(both.into_stored("task", "spec", "task_1").is_err());
        let unsized_blob = BodyRead {
            text: None,
            blob: Some(BlobHash::of(b"x").to_string()),
            bytes: None,
        };
        assert!(unsized_blob.into_stored("task", "spec", "task_1").is_err());
    }

    #[test]
    fn a_text_with_nul_becomes_one_that_both_databases_hold() {
        assert_eq!(plain("a\0b"), "a\u{FFFD}b");
        assert!(matches!(plain("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn a_limit_beyond_the_column_stays_a_limit_nobody_reaches() {
        let budget = Budget {
            tokens: u64::MAX,
            ..Budget::default()
        };
        let read = Budget::from(BudgetColumns::from(&budget));
        assert_eq!(read.tokens, u64::try_from(i64::MAX).unwrap_or(0));
    }
}
