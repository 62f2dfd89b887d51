//! What users and operators rely on of the tools: isolation, limits, files and workspaces, with the real sandbox.
//!
//! The tests pass as root and as an ordinary user. Where namespaces cannot be had they fail and say so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod bombs;
mod cgroups;
mod changes;
mod everyday;
mod files;
mod folders;
mod isolation;
mod limits;
mod ordinary_user;
mod room;
mod shares;
mod tool_tree;
mod unsandboxed;
mod workspaces;
