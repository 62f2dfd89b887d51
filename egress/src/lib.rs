//! The one way out: every HTTP request that Errand makes goes through a [`Guard`].
//!
//! The guard decides where a request may go, and does nothing else: what is sent, how often, and how long an
//! answer may take are the caller's. No other crate makes an HTTP client or a socket to the outside. Programs that are not
//! ours go out through a [`proxy::Proxy`], which is held to the same rules.
//!
//! Nothing is kept here that a crash could lose.

mod body;
mod client;
mod dial;
mod error;
mod follow;
mod guard;
mod hosts;
mod options;
mod permit;
mod policy;
pub mod proxy;
mod resolver;
mod rules;
mod target;

pub use body::{next_piece, read_capped};
pub use error::{ConfigError, Error, Reason};
pub use follow::{Follow, FollowError, Followed};
pub use guard::{Guard, request};
pub use hosts::Hosts;
pub use options::Options;
pub use policy::{Special, Verdict, judge};
pub use reqwest::{Body, Method, Request, Response, StatusCode, Url, header};
pub use resolver::{Resolver, Resolving, SystemResolver};
pub use target::Origin;
