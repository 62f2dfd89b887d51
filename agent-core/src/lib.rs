//! The rules of Errand: states, events, decisions, budgets, prompts, and the ports to the world.
//!
//! Everything here is pure or an interface. There is no runtime, no database, no clock and no network in this
//! crate: time, ids and jitter are arguments, and effects are described in data that the worker carries out.

pub mod blob;
pub mod browser;
pub mod budget;
pub mod call;
pub mod conversation;
pub mod credential;
pub mod deaths;
pub mod decide;
pub mod delivery;
pub mod enforcement;
pub mod event;
pub mod explain;
pub mod help;
pub mod hidden;
pub mod id;
pub mod image;
pub mod installation;
pub mod job;
pub mod journal;
pub mod key;
pub mod mark;
pub mod network;
pub mod place;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod prompt;
pub mod queue;
pub mod receipt;
pub mod report;
pub mod retry;
pub mod room;
pub mod secret;
pub mod step;
pub mod task;
pub mod turns;
pub mod workspace;

/// The version of the rules in this crate. A task keeps the number it began with, so that a later release can
/// tell which rules its log was written under.
pub const ENGINE_VERSION: u32 = 1;
