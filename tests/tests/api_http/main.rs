//! The HTTP API over real sockets: every route, every error, and what happens to clients that are slow or rude.
//!
//! The store is the one in memory; troubles of a store are played by a wrapper round it. Time limits of the server
//! are set short by options, never by sleeping.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod artifacts;
mod auth;
mod client;
mod computer;
mod connections;
mod console;
mod decide;
mod events;
mod faults;
mod lists;
mod openapi;
mod owner;
mod secrets;
mod submit;
mod trouble;
mod upkeep;
mod wait;
mod work;
mod world;
