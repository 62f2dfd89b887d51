//! The rules as tables, recorded texts and laws.
//!
//! What is recorded lies in `tests/golden` and in `docs`; a test fails when the code no longer says the same. To take
//! the code's word for it: `ERRAND_BLESS=1 cargo nextest run -p agent-core`, and then read the difference.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conversations;
mod event_document;
mod event_examples;
mod events;
mod explaining;
mod fixture;
mod merging;
mod plans;
mod recorded;
mod render;
mod setting_aside;
mod state_document;
mod state_machine;
