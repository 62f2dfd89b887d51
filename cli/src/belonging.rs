//! Whether the blob store and the sealing key of these settings are those that the database belongs to.
//!
//! The first process on a database binds it: its key and blob store are written down, in the database and in the blob store. Whoever
//! comes later with others is refused, before it has done any work. A crash in between leaves what the next start goes on with.

use std::sync::Arc;

use agent_core::installation::{Bond, Installation, Mark, Mismatch, compare};
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Entropy;
use agent_core::ports::installation::{Installations, Marks};
use agent_core::ports::sealer::Sealer;
use agent_core::ports::store::StoreError;
use tracing::info;

/// Blobs that a database is tried by which knows no blob store yet. One of them is enough; a few may be lost.
const BLOBS_TRIED: u32 = 3;

/// Why this process must not work on this database.
#[derive(Debug, thiserror::Error)]
pub enum NotOurs {
    /// Another blob store.
    #[error(
        "wrong blob store: {0}; set blobs_dir (ERRAND_BLOBS_DIR) or blobs.url (ERRAND_BLOBS__URL) to the one that the other processes on this database use. After moving blobs, take the file .errand-installation along; if this is to be the blob store from now on, run `errand adopt`"
    )]
    Blobs(Mismatch),
    /// A blob store without the blobs of tasks that are there.
    #[error(
        "wrong blob store: it has none of the files that the newest tasks in the database need; set blobs_dir (ERRAND_BLOBS_DIR) or blobs.url (ERRAND_BLOBS__URL) to the one that they were put in. If they are lost for good, run `errand adopt`"
    )]
    NoBlobs,
    /// Another key.
    #[error(
        "wrong sealing key: the database belongs to another one, and what was sealed with that would stay closed; set seal_key (ERRAND_SEAL_KEY) to the key file that the other processes on this database use. If it is lost for good, run `errand adopt`"
    )]
    Key,
    /// The database gave no answer.
    #[error("could not ask the database which blob store and key belong to it")]
    Store(#[from] StoreError),
    /// The blob store gave no answer.
    #[error("could not ask the blob store whose it is")]
    BlobStore(#[from] BlobError),
}

/// Not as a source: the text says it already.
impl From<Mismatch> for NotOurs {
    fn from(mismatch: Mismatch) -> Self {
        Self::Blobs(mismatch)
    }
}

/// What is compared.
#[derive(Clone)]
pub struct Parts {
    pub installations: Arc<dyn Installations>,
    pub marks: Arc<dyn Marks>,
    pub blobs: Arc<dyn Blobs>,
    pub sealer: Arc<dyn Sealer>,
    pub entropy: Arc<dyn Entropy>,
}

impl Parts {
    /// Refuses what does not belong together. What was not bound yet is bound. `known` and `mark` are what was found.
    pub async fn confirm(
        &self,
        known: Option<Installation>,
        mark: Option<Mark>,
    ) -> Result<(), NotOurs> {
        let known = match known {
            Some(known) => known,
            None => self.begin().await?,
        };
        let bond = match self.look(&known, mark.as_ref()) {
            // Another process may have bound both since the mark was looked for; it puts the mark first.
            Err(NotOurs::Blobs(_)) if mark.is_none() => {
                let mark = self.marks.find_mark().await?;
                self.look(&known, mark.as_ref())?
            }
            looked => looked?,
        };
        if bond == Bond::Complete {
            return Ok(());
        }
        self.bind(&known).await
    }

    /// How far database, key and blob store belong together. Changes nothing.
    pub fn look(&self, known: &Installation, mark: Option<&Mark>) -> Result<Bond, NotOurs> {
        if !known.is_opened_by(self.sealer.as_ref()) {
            return Err(NotOurs::Key);
        }
        Ok(compare(known, mark)?)
    }

    /// Lets the database know its key, unless it holds a secret that this key does not open.
    async fn begin(&self) -> Result<Installation, NotOurs> {
        let sealer = self.sealer.as_ref();
        let secret = self.installations.keepsakes(0).await?.secret;
        if secret.is_some_and(|(id, sealed)| sealer.unseal(&sealed, id.as_str()).is_err()) {
            return Err(NotOurs::Key);
        }
        let new = Installation::new(self.entropy.as_ref(), sealer);
        Ok(self.installations.ensure_installation(&new).await?)
    }

    /// Marks the blob store and lets the database know it. Others may do so at the same time; the first counts.
    async fn bind(&self, known: &Installation) -> Result<(), NotOurs> {
        self.refuse_strange_blobs().await?;
        let new = Mark::new(self.entropy.as_ref(), &known.id);
        let mark = self.marks.ensure_mark(&new).await?;
        // Before the database hears of it: a mark of another database is not to be kept there.
        compare(known, Some(&mark))?;
        let known = self
            .installations
            .settle_blob_store(&mark.blob_store)
            .await?;
        compare(&known, Some(&mark))?;
        info!(
            installation = %known.id, blob_store = %mark.blob_store,
            "the database is bound to this blob store and this sealing key"
        );
        Ok(())
    }

    /// A database from before it knew its blob store is bound to one that has its blobs.
    async fn refuse_strange_blobs(&self) -> Result<(), NotOurs> {
        let blobs = self.installations.keepsakes(BLOBS_TRIED).await?.blobs;
        if blobs.is_empty() {
            return Ok(());
        }
        for (tenant, hash) in &blobs {
            match self.blobs.get(tenant, hash).await {
                Ok(_) | Err(BlobError::Corrupt { .. }) => return Ok(()),
                Err(BlobError::Missing { .. }) => {}
                Err(error @ BlobError::Unavailable(_)) => return Err(error.into()),
            }
        }
        Err(NotOurs::NoBlobs)
    }

    /// Binds the database to this blob store and this key, whatever it was bound to before.
    pub async fn adopt(&self) -> Result<Installation, NotOurs> {
        let mut new = Installation::new(self.entropy.as_ref(), self.sealer.as_ref());
        let mark = Mark::new(self.entropy.as_ref(), &new.id);
        // The blob store first: a crash in between leaves a start that is refused, and not two databases on one blob store.
        self.marks.replace_mark(&mark).await?;
        new.blob_store = Some(mark.blob_store);
        self.installations.replace_installation(&new).await?;
        Ok(new)
    }
}

#[cfg(test)]
mod tests;
