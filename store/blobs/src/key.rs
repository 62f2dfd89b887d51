//! Where a blob lies: `tenant/first two digits of its hash/hash`, in a folder and in a bucket alike, so that one can be
//! copied to the other.

use agent_core::blob::BlobHash;
use agent_core::id::TenantId;
use object_store::path::Path as Key;

/// The digits of a hash that name its shard. They keep folders short and let a listing go on from where it stopped.
const SHARD_DIGITS: usize = 2;

/// A blob's place below a prefix.
pub(crate) fn key(prefix: &Key, tenant: &TenantId, hash: &BlobHash) -> Key {
    let shard = &hash.as_str()[..SHARD_DIGITS];
    prefix
        .clone()
        .join(tenant.as_str())
        .join(shard)
        .join(hash.as_str())
}
