//! Ports: what the rules need from the world, as traits that other crates implement and `cli` wires together.

pub mod blobs;
pub mod credentials;
pub mod entropy;
pub mod housekeeping;
pub mod installation;
pub mod live;
pub mod model;
pub mod network;
pub mod sealer;
pub mod store;
pub mod tool;
pub mod upkeep;
pub mod wake;
pub mod workspaces;
