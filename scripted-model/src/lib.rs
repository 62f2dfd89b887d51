//! A model endpoint whose words were recorded.
//!
//! It speaks OpenAI's chat completions, unary and streaming, and finds each answer by script, job and turn, never by
//! the bytes of the request. So a demonstration or a test runs over real HTTP with no key and no network, survives a
//! killed server and steps that run in parallel, and still answers when the inputs were changed.
//!
//! It holds nothing between requests: all it needs to know is in the request, so a restart changes nothing.

pub mod address;
pub mod answer;
pub mod journal;
pub mod request;
pub mod script;
pub mod server;
pub mod words;

pub use script::{Script, ScriptError, Scripts};
pub use server::{Options, Running, start};
