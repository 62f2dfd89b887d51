//! What the layer does with answers that are none, that are late, or that are rubbish, by script and without a
//! network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mangled;
mod policy;
mod scripted;
