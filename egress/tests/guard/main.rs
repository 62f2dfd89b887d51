//! The guard over loopback, with resolvers whose answers are prepared.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod destinations;
mod errors;
mod following;
mod server;
