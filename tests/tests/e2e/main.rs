//! The real program, as an operator runs it: real processes, sockets, databases, sandbox, and a recorded model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod browser;
mod by_hand;
mod cancel;
mod command_line;
mod downloads;
mod ending;
mod fail_points;
mod first_run;
mod full_disk;
mod installation;
mod kill;
mod machines;
mod model_trouble;
mod network;
mod outside;
mod person;
mod power;
mod processes;
mod retention;
mod scripts;
mod secrets;
mod sessions;
mod shop;
mod sites;
mod tool_tree;
mod upgrade;
mod web;
