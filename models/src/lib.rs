//! Models: OpenAI-compatible chat completions behind the port `Models` of `agent-core`.
//!
//! A question goes down through these layers, and its answer comes up through them:
//!
//! - `ask` (policy): retries, adaptations, corrections, deadline, circuit;
//! - `profile`: what the model and its endpoint are like, configured and learned;
//! - `render`: the request, a pure function of question and profile;
//! - `wire`: the OpenAI library with untyped values;
//! - `transport`: decoding by what came back, time and size limits;
//! - [`HttpExchange`]: the guard of `egress`, a cassette, or a replayed record;
//! - `assemble`, `salvage`: from what was said to text, thought, calls or a structured answer.
//!
//! This crate executes nothing, stores nothing but cassettes, and sends no task's identity to a provider. What it
//! has learned about a model is lost in a crash and learned again.

mod ask;
mod assemble;
pub mod cassette;
mod chat;
mod classify;
mod endpoint;
mod exchange;
pub mod options;
mod profile;
mod rejection;
mod render;
mod report;
mod salvage;
mod sizes;
mod state;
mod transport;
mod trouble;
mod wire;

pub use assemble::usage::UsageSource;
pub use chat::{Answered, ChatModels, Probe};
pub use exchange::{ExchangeError, HttpExchange};
pub use options::{ConfigError, Options};
pub use trouble::{Failed, Partial, Sizes};
