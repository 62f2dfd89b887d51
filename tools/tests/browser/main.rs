//! What users and operators rely on of browsers: each in its cage, reaching what was granted and nothing else, and gone at its end.
//!
//! What runs inside a sandbox is a copy of the program that starts it, so this program has a `main` of its own that knows the words for
//! that. For the rest it takes the arguments that test programs take. The tests need Chromium, and fail where it is not installed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cage;
mod harness;
mod reach;
mod remains;
#[path = "../sandboxed/room.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod room;
mod stage;

use std::process::ExitCode;

use harness::{Test, tests};

const TESTS: &[Test] = &tests![
    cage::a_browser_shows_a_page_and_says_what_holds_it,
    cage::pages_run_in_the_browsers_own_sandbox_within_ours,
    cage::files_of_the_machine_and_inner_pages_are_not_shown,
    cage::a_program_that_is_no_browser_is_told_at_once_with_what_it_said,
    cage::a_browser_that_does_not_come_up_is_ended_and_what_it_said_is_told,
    cage::a_browser_that_is_missing_comes_with_the_line_that_installs_it,
    reach::a_page_is_fetched_only_where_the_task_was_granted_its_host,
    reach::what_a_page_does_beside_the_proxy_arrives_nowhere,
    reach::commands_of_the_same_task_do_not_reach_the_browser,
    reach::a_server_that_the_task_started_is_shown_under_its_own_name,
    reach::a_browser_that_must_not_join_both_shows_one_side_only,
    remains::a_browser_that_is_killed_is_noticed_at_once,
    remains::nothing_is_left_of_browsers_that_were_ended_or_let_go_of,
    remains::no_browser_outlives_the_process_that_started_it,
    remains::what_holds_for_root_holds_for_an_ordinary_user,
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == tools::inside::ARGUMENT => tools::inside::main(arguments),
        Some(first) if first == remains::HOLD => remains::hold(),
        _ => harness::run(TESTS),
    }
}
