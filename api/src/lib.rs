//! The HTTP API: requests in, the log out.
//!
//! This crate turns HTTP into calls of the core's ports and answers with views of what the store holds. It decides
//! nothing by itself, runs no task, and keeps no state that matters: whatever it has accepted was committed before
//! the answer was written, so a crash loses at most answers, never tasks.

mod app;
mod caller;
mod cursor;
mod ending;
mod key_cache;
mod observe;
mod openapi;
mod options;
mod owner;
mod problem;
mod request;
mod routes;
mod server;
mod slots;
mod submit;
pub mod view;
pub mod wire;

pub use app::{Beside, Info, Parts};
pub use ending::Ending;
pub use openapi::document as openapi_document;
pub use options::Options;
pub use problem::{Code, Fault, ProblemBody};
pub use server::Server;
