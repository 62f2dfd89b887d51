//! The blob store: a local folder, or a bucket that speaks S3.
//!
//! What is visible under a blob's name is whole and durable before a put answers; a put that is killed leaves at most a
//! draft beside it, which no read looks at. Nothing here knows which blobs are still named.

mod bucket;
mod connector;
mod key;
mod local;
mod mark;
mod open;
mod options;
mod shelf;
mod touch;
mod trouble;

pub use bucket::BucketBlobs;
pub use local::{FolderError, LocalBlobs};
pub use open::{OpenError, Opened, check, open};
pub use options::Options;
