//! What tests of several crates share: the store conformance suite, its backends, samples, a throwaway PostgreSQL.
//!
//! A leaf: every crate may be tested from here, and none depends on this one. It holds no product code. Servers and
//! folders that it starts end with the test run, whether the run ends well, fails or is killed.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so does what only tests use"
)]
#![expect(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in a test's own machinery is a failed test"
)]

pub mod backends;
pub mod bucket;
pub mod conformance;
pub mod harness;
pub mod pooler;
pub mod postgres;
pub mod samples;
pub mod sqlite_log;
pub mod worker;
pub mod workspace;
