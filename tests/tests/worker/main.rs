//! The worker over a store in memory, with models and tools that do as they are told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
mod consent;
mod crash;
mod deliver;
mod fakes;
mod faults;
mod flow;
mod help;
mod images;
mod lease;
mod limits;
mod quarantine;
mod trouble;
mod unknown;
mod world;
