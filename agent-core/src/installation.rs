//! Which blob store and which sealing key a database belongs to.
//!
//! The database keeps an id, the same id sealed, and the id of its blob store. The blob store carries a mark: its own id, and
//! whose it is. Each is drawn by whoever needs it first and never changes by itself, so processes that start together agree, and
//! one with another key or another blob store is found out before it does any work.

use serde::{Deserialize, Serialize};

use crate::id::{BlobStoreId, InstallationId};
use crate::ports::entropy::Entropy;
use crate::ports::sealer::Sealer;
use crate::secret::{Sealed, Secret};

/// What a database knows of what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Identity of the database.
    pub id: InstallationId,
    /// The id, sealed: only the right key opens it.
    pub sealed: Sealed,
    /// Its blob store; absent until one was marked as its own.
    pub blob_store: Option<BlobStoreId>,
}

impl Installation {
    /// One whose blob store is still to be marked.
    pub fn new(entropy: &dyn Entropy, sealer: &dyn Sealer) -> Self {
        let id = InstallationId::new(entropy);
        Self {
            sealed: sealer.seal(&Secret::new(id.as_str()), id.as_str()),
            id,
            blob_store: None,
        }
    }

    /// Whether this sealer has the key that the database belongs to.
    pub fn is_opened_by(&self, sealer: &dyn Sealer) -> bool {
        let opened = sealer.unseal(&self.sealed, self.id.as_str());
        opened.is_ok_and(|secret| secret.expose() == self.id.as_str())
    }
}

/// What is written into a blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Identity of the blob store.
    pub blob_store: BlobStoreId,
    /// The database that it belongs to.
    pub installation: InstallationId,
}

/// A mark means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the blob store's mark cannot be read")]
pub struct UnreadableMark;

impl Mark {
    /// The mark of a blob store that has none.
    pub fn new(entropy: &dyn Entropy, installation: &InstallationId) -> Self {
        Self {
            blob_store: BlobStoreId::new(entropy),
            installation: installation.clone(),
        }
    }

    /// As it is written.
    pub fn to_text(&self) -> String {
        // Two texts always serialise.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// What [`Mark::to_text`] wrote.
    pub fn parse(text: &[u8]) -> Result<Self, UnreadableMark> {
        serde_json::from_slice(text).map_err(|_| UnreadableMark)
    }
}

/// How far a database and a blob store have come in knowing each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bond {
    /// They belong together.
    Complete,
    /// Neither knows of the other: the blob store is to be marked.
    Unmarked,
    /// The blob store is marked as this database's, which is to be told.
    Untold(BlobStoreId),
}

/// Why a database and a blob store do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The blob store was never marked, and the database has another one: an empty folder, or a copy without the mark.
    #[error("the database belongs to the blob store {expected}, and this one carries no mark")]
    NoMark {
        /// The database's.
        expected: BlobStoreId,
    },
    /// It is another one.
    #[error("the database belongs to the blob store {expected}, and this one is {found}")]
    OtherBlobStore {
        /// The database's.
        expected: BlobStoreId,
        /// The blob store's own.
        found: BlobStoreId,
    },
    /// It is another database's. A sweep of one would remove the other's blobs.
    #[error(
        "the database is {database}, and the blob store {found} belongs to another one, {owner}"
    )]
    OthersBlobStore {
        /// This database.
        database: InstallationId,
        /// The blob store.
        found: BlobStoreId,
        /// The database that it belongs to.
        owner: InstallationId,
    },
}

/// Compares what a database knows with the mark of a blob store.
pub fn compare(known: &Installation, mark: Option<&Mark>) -> Result<Bond, Mismatch> {
    match (&known.blob_store, mark) {
        (None, None) => Ok(Bond::Unmarked),
        (Some(expected), None) => Err(Mismatch::NoMark {
            expected: expected.clone(),
        }),
        (Some(expected), Some(mark)) if mark.blob_store != *expected => {
            Err(Mismatch::OtherBlobStore {
                expected: expected.clone(),
                found: mark.blob_store.clone(),
            })
        }
        (_, Some(mark)) if mark.installation != known.id => Err(Mismatch::OthersBlobStore {
            database: known.id.clone(),
            found: mark.blob_store.clone(),
            owner: mark.installation.clone(),
        }),
        (None, Some(mark)) => Ok(Bond::Untold(mark.blob_store.clone())),
        (Some(_), Some(_)) => Ok(Bond::Complete),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::ports::entropy::Seeded;
    use crate::ports::sealer::UnsealError;

    /// Seals with a name instead of a key.
    struct Named(&'static str);

    impl Sealer for Named {
        fn seal(&self, secret: &Secret, bound_to: &str) -> Sealed {
            Sealed(format!("{} {bound_to} {}", self.0, secret.expose()).into_bytes())
        }

        fn unseal(&self, sealed: &Sealed, bound_to: &str) -> Result<Secret, UnsealError> {
            let text = String::from_utf8(sealed.0.clone()).unwrap();
            let secret = text.strip_prefix(&format!("{} {bound_to} ", self.0));
            secret.map(Secret::new).ok_or(UnsealError)
        }
    }

    #[test]
    fn only_the_key_that_sealed_the_id_opens_the_installation() {
        let known = Installation::new(&Seeded::new(1), &Named("a"));
        assert!(known.is_opened_by(&Named("a")));
        assert!(!known.is_opened_by(&Named("b")));
    }

    #[test]
    fn a_mark_reads_back_from_its_own_text_and_rubbish_does_not() {
        let entropy = Seeded::new(1);
        let mark = Mark::new(&entropy, &InstallationId::new(&entropy));
        assert_eq!(Mark::parse(mark.to_text().as_bytes()), Ok(mark));
        for rubbish in ["", "{}", "Errand keeps blobs here.\n"] {
            assert_eq!(Mark::parse(rubbish.as_bytes()), Err(UnreadableMark));
        }
    }

    #[test]
    fn a_database_and_a_blob_store_are_compared_in_every_case() {
        let entropy = Seeded::new(1);
        let known = Installation::new(&entropy, &Named("a"));
        let own = Mark::new(&entropy, &known.id);
        let other = Mark::new(&entropy, &known.id);
        let foreign = Mark::new(&entropy, &InstallationId::new(&entropy));
        let told = |mark: &Mark| Installation {
            blob_store: Some(mark.blob_store.clone()),
            ..known.clone()
        };
        let expected = own.blob_store.clone();
        let others = || Mismatch::OthersBlobStore {
            database: known.id.clone(),
            found: foreign.blob_store.clone(),
            owner: foreign.installation.clone(),
        };
        let different = |found: &Mark| Mismatch::OtherBlobStore {
            expected: expected.clone(),
            found: found.blob_store.clone(),
        };
        for (database, mark, answer) in [
            (known.clone(), None, Ok(Bond::Unmarked)),
            (
                known.clone(),
                Some(&own),
                Ok(Bond::Untold(expected.clone())),
            ),
            (known.clone(), Some(&foreign), Err(others())),
            (
                told(&own),
                None,
                Err(Mismatch::NoMark {
                    expected: expected.clone(),
                }),
            ),
            (told(&own), Some(&own), Ok(Bond::Complete)),
            (told(&own), Some(&other), Err(different(&other))),
            (told(&own), Some(&foreign), Err(different(&foreign))),
            (told(&foreign), Some(&foreign), Err(others())),
        ] {
            assert_eq!(compare(&database, mark), answer);
        }
    }
}
