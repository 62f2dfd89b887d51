//! Commands, one file for each group.

pub mod adopt;
pub mod artifacts;
pub mod cage;
pub mod computer;
pub mod doctor;
pub mod key;
pub mod migrate;
pub mod secret;
pub mod serve;
pub mod submit;
pub mod tasks;
pub mod upkeep;
pub mod watch;
