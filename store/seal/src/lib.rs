//! Sealing of secrets for the database, with a key that lies in a file beside it and never in it.
//!
//! Whoever has a copy of the database alone cannot read a secret; whoever loses the key file cannot either.

mod key_file;
mod sealer;

pub use key_file::{KeyFile, KeyFileError};
pub use sealer::XChaChaSealer;
