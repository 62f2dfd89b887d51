//! The stores that the conformance suite runs over: how each is made, opened again, moved in time and removed.

pub mod memory;
pub mod postgres;
pub mod postgres_quiet;
pub mod sqlite;
