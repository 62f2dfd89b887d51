//! Trials: the real program at work while its processes and its database are killed, paused, silenced and drained at
//! random, judged from outside by what the API says, what the model was asked, and what the commands did.
//!
//! It looks into no database and links no part of Errand, so it can judge any build of the program. Whatever it starts
//! ends with it, also when it is killed.
#![expect(
    clippy::unwrap_used,
    reason = "where the trial's own machinery fails there is no verdict, so it panics; what it finds out about Errand is reported"
)]
#![expect(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in the machinery of a trial ends the trial"
)]

pub mod client;
pub mod disturbance;
pub mod effects;
pub mod installation;
pub mod judge;
pub mod postgres;
pub mod programs;
pub mod random;
pub mod receiver;
pub mod report;
pub mod standing;
pub mod trial;
pub mod upgrade;
pub mod words;

pub use report::Report;
pub use trial::{Counts, Database, Options, run};
