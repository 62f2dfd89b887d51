//! What an earlier release left behind, opened by today's program: databases with finished, waiting and half-done tasks,
//! frozen under `tests/frozen`.
//!
//! What the API says of a finished task must stay what it said then; fields may be added. What a step's log means to a worker
//! must stay the same to the letter. What was half done must come to its end. Frozen files are never changed: a new format
//! gets a folder of its own, written by `recording`.

mod frozen;
mod newer;
mod recording;
mod replay;
mod words;
