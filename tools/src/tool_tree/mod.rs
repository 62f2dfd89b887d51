//! The tool tree: a folder of the host with further programs, such as a Python environment, that commands can use.
//!
//! Commands find it under the host's path, since what is in such an environment names that path. It is named by the operator and
//! refused where commands could change it or could not use it; nothing of it is ever run outside a sandbox by us.

mod contents;
mod fitness;
mod packages;
mod whole;

pub use contents::{Contents, Unlisted, program};
pub use fitness::{Unfit, check};
pub(crate) use packages::in_words;
pub use whole::{Looked, look_through};
