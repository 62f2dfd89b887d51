//! The worker: leases jobs, turns decisions into model and tool calls, delivers webhooks.
//!
//! Everything that matters is in the store before it counts. A worker that dies leaves its jobs to be claimed again,
//! and whoever claims one goes on from the log; a worker that lost a job writes nothing more to it, because every
//! write carries the fence of its claim.

mod call_back;
mod context;
mod error_text;
mod files;
mod fold;
mod house;
mod job;
mod lease;
mod options;
mod parts;
mod pool;
mod pulse;
mod running;
mod stop;
mod tool_limits;
mod webhook_signature;

pub use house::{Done, HouseError, HouseOptions, Housekeeper};
pub use lease::{Beating, Lifeline, OpenLifeline, SharedStore};
pub use options::{Options, Unapproved, Undecided, UnknownCall};
pub use parts::Parts;
pub use pool::{Drained, Worker};
pub use pulse::Pulse;
