//! Removing blobs that nothing names.
//!
//! What keeps a blob safe that somebody puts while it is swept: it is doomed in the database first, in a transaction that finds it
//! unnamed; then its age is looked at once more, and only if it is still old is it removed. A put before that look makes it young.
//! A put after it is named in a commit that sees the doom and is refused, so whoever put it puts it again.

use agent_core::ports::housekeeping::{Cutoff, OwnedHash};
use tracing::info;

use super::{Done, Held, HouseError, Housekeeper};

/// Blobs that are asked about in one transaction.
const BLOBS_AT_ONCE: usize = 100;
/// A doom as old as this was left by a sweep that was broken off. Younger ones may be another's who was only paused.
const LEFT_MS: u64 = 60 * 60_000;
/// Most of them that are taken up in one sweep.
const LEFT_MAX: u32 = 10_000;

pub(super) async fn run(house: &Housekeeper, held: &mut Held<'_>) -> Result<Done, HouseError> {
    let cutoff = house.shelves.cutoff(house.options.sweep_age_ms).await?;
    let mut done = Done::default();
    let left = house.store.doomed_before(LEFT_MS, LEFT_MAX).await?;
    for some in left.chunks(BLOBS_AT_ONCE) {
        done.blobs += remove(house, some, cutoff).await?;
    }
    let mut shard = held.lease.cursor.clone();
    while let Some(next) = house.shelves.shard_after(shard.as_deref()).await? {
        let old = house.shelves.old_in(&next, cutoff).await?;
        for some in old.chunks(BLOBS_AT_ONCE) {
            let doomed = house.store.doom(some).await?;
            done.blobs += remove(house, &doomed, cutoff).await?;
            // Not past this shard yet: whoever takes over begins it again.
            if !held.go_on(shard.as_deref()).await? {
                return Ok(done);
            }
        }
        if !held.go_on(Some(&next)).await? {
            return Ok(done);
        }
        shard = Some(next);
    }
    if done.blobs > 0 {
        info!(blobs = done.blobs, "blobs that nothing names were removed");
    }
    Ok(done)
}

/// Removes doomed blobs that are still old, and lifts the doom of each that was dealt with, also when the blob store fails in
/// the middle. Says how many are gone.
async fn remove(
    house: &Housekeeper,
    doomed: &[OwnedHash],
    cutoff: Cutoff,
) -> Result<u64, HouseError> {
    let (mut dealt_with, mut gone, mut failed) = (0, 0, None);
    for blob in doomed {
        match house.shelves.remove(blob, cutoff).await {
            Ok(removed) => gone += u64::from(removed),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        dealt_with += 1;
    }
    if dealt_with > 0 {
        house.store.swept(&doomed[..dealt_with]).await?;
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(gone),
    }
}
