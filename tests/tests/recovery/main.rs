//! Short forms of the trials of `script/chaos`: the real program is killed, paused, silenced and drained while it
//! works, and clients hang up on it.
//!
//! What is judged, and how, stands in the crate `chaos`; larger numbers are run by the command.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod standing;

use std::path::{Path, PathBuf};

use chaos::{Counts, Database, Options, Report};

/// The program under trial. It is built by the same command that builds the tests, because the package `errand` has
/// tests of its own.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("errand");
    assert!(
        program.is_file(),
        "{} is not built; run the tests of the whole workspace",
        program.display()
    );
    program
}

/// Runs a trial. Its folder is kept where something was found.
fn trial(database: Database, tasks: usize, counts: Counts) -> Report {
    run(chaos::run, database, tasks, counts)
}

fn run(kind: fn(Options) -> Report, database: Database, tasks: usize, counts: Counts) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let report = kind(Options {
        database,
        tasks,
        counts,
        seed: 1,
        workers: if database == Database::Sqlite { 1 } else { 2 },
        concurrency: 4,
        // Short only where it has to lapse: elsewhere a slow machine would let it lapse by itself.
        lease_ms: if counts.pauses > 0 { 2_000 } else { 15_000 },
        silence_ms: 4_000,
        errand: program(),
        folder: folder.path().to_owned(),
        tells: true,
    });
    println!("{report}");
    assert!(
        report.violations.is_empty(),
        "logs and journals are in {}\n{report}",
        folder.keep().display()
    );
    report
}

/// The same on both databases at one time: most of a trial is waiting.
fn on_both(tasks: usize, counts: Counts) {
    std::thread::scope(|scope| {
        for database in [Database::Sqlite, Database::Postgres] {
            scope.spawn(move || trial(database, tasks, counts));
        }
    });
}

fn kills() -> Counts {
    Counts {
        kills: 20,
        ..Counts::default()
    }
}

#[test]
fn twenty_kills_on_sqlite_lose_nothing_and_repeat_only_what_was_in_flight() {
    assert_eq!(trial(Database::Sqlite, 10, kills()).rounds(), 20);
}

#[test]
fn twenty_kills_of_api_and_workers_on_postgresql_lose_nothing_and_repeat_only_what_was_in_flight() {
    assert_eq!(trial(Database::Postgres, 10, kills()).rounds(), 20);
}

#[test]
fn a_server_that_slept_for_two_leases_gets_nothing_in_that_is_no_longer_its_own() {
    let counts = Counts {
        pauses: 2,
        ..Counts::default()
    };
    on_both(6, counts);
}

#[test]
fn a_database_that_crashes_twice_and_falls_silent_once_costs_no_task() {
    let counts = Counts {
        restarts: 2,
        silences: 1,
        ..Counts::default()
    };
    trial(Database::Postgres, 6, counts);
}

#[test]
fn drains_and_clients_that_hang_up_repeat_nothing_that_was_asked_or_done_or_submitted() {
    let counts = Counts {
        drains: 3,
        hang_ups: 4,
        ..Counts::default()
    };
    on_both(6, counts);
}

#[test]
fn two_releases_side_by_side_finish_the_tasks_of_both_and_each_task_keeps_its_rules() {
    let report = run(
        chaos::upgrade::run,
        Database::Postgres,
        8,
        Counts::default(),
    );
    assert!(report.tasks >= 12 && report.succeeded == report.tasks);
}
