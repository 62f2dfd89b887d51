//! The blob store over a local folder.
//!
//! A blob lies at `tenant/first two digits of its hash/hash`. What is visible under that name is whole and on
//! the disk before a put answers; a put that is killed leaves at most a draft beside it, which no read looks at.
//! Nothing here removes a blob, and nothing here knows which blobs are still named.

mod local;
mod touch;

pub use local::{LocalBlobs, OpenError};
