//! The proxy over loopback, spoken to in bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod limits;
mod requests;
mod secrets;
mod support;
mod tunnels;
