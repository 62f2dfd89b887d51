//! Reading requests: bodies within bounds, JSON and query strings with every fault named.

pub mod body;
pub mod fields;
pub mod json;
pub mod query;
