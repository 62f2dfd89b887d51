//! The real process kills itself before and after every commit and every effect, for each class of tool, on both databases,
//! and is started again. What came of it is judged from outside: by the requests that a server saw, by the marks that
//! commands left in a pipe, by the questions that the model answered, and by the API.
//!
//! The points are those that an undisturbed run reaches, so a commit that is added to the product is tried at once, and its
//! line is then missing in `docs/crash-contract.md`, whose table this test checks (`ERRAND_BLESS=1` writes it anew).
//! `script/chaos fail-points` tries each point each time that it is reached instead of the first time alone.

mod case;
mod expect;
mod table;
mod work;

use std::collections::BTreeMap;
use std::sync::Mutex;

use errand_tests::postgres::{Cluster, Database};
use tokio::runtime::Handle;

use case::{Case, Outcome};
use work::Class;

/// Cases that run side by side: most of a case is waiting.
const SIDE_BY_SIDE: usize = 5;

/// Set by `script/chaos fail-points`.
const EVERY_TIME: &str = "ERRAND_EVERY_POINT";

/// Each point of each class, tried once.
fn cases(trace: &[String], class: Class) -> Vec<String> {
    let every_time = std::env::var_os(EVERY_TIME).is_some();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for point in expect::window(trace, class, every_time) {
        // Not always reached: a job whose last commit took it off the queue may be stopped while it clears up.
        if point == "workspace.discard.after" {
            continue;
        }
        let times = times.entry(point).or_default();
        *times += 1;
        if *times == 1 {
            cases.push(point.clone());
        } else if every_time && !expect::is_in_background(point) {
            cases.push(format!("{point}#{times}"));
        }
    }
    cases
}

/// Tries every point of every class, and gives what became of each, with what was wrong.
fn try_all(databases: Option<&[Database]>) -> BTreeMap<(Class, String), Outcome> {
    let handle = Handle::current();
    let traces: Vec<(Class, Vec<String>)> = std::thread::scope(|scope| {
        let runs = Class::ALL.iter().enumerate().map(|(lane, class)| {
            let (handle, database) = (&handle, lane_of(databases, lane));
            let run = move || (*class, case::trace(handle, *class, database));
            scope.spawn(run)
        });
        let runs: Vec<_> = runs.collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut todo: Vec<Case> = Vec::new();
    for (class, trace) in &traces {
        for point in cases(trace, *class) {
            let expected = expect::at(trace, &point, *class);
            todo.push(Case {
                class: *class,
                point,
                expected,
            });
        }
    }
    todo.reverse();
    let (todo, done) = (Mutex::new(todo), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for lane in 0..SIDE_BY_SIDE {
            let (todo, done, handle, database) = (&todo, &done, &handle, lane_of(databases, lane));
            scope.spawn(move || {
                loop {
                    let Some(case) = todo.lock().unwrap().pop() else {
                        return;
                    };
                    let outcome = case.run(handle, database);
                    done.lock()
                        .unwrap()
                        .insert((case.class, case.point), outcome);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

fn lane_of(databases: Option<&[Database]>, lane: usize) -> Option<&Database> {
    databases.map(|databases| &databases[lane])
}

fn judge(database: &str, outcomes: &BTreeMap<(Class, String), Outcome>) {
    let wrong: Vec<String> = outcomes
        .iter()
        .flat_map(|((class, point), outcome)| {
            let said = outcome.wrong.iter();
            said.map(move |said| format!("{database}, {class:?}, killed at {point}: {said}"))
        })
        .collect();
    println!("{} kills on {database}", outcomes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_on_sqlite_nothing_is_lost_and_nothing_is_repeated_blindly() {
    let outcomes = tokio::task::block_in_place(|| try_all(None));
    judge("SQLite", &outcomes);
    table::check(&outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_on_postgresql_nothing_is_lost_and_nothing_is_repeated_blindly() {
    let cluster = Cluster::shared().await;
    let mut databases = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        databases.push(cluster.database().await);
    }
    let outcomes = tokio::task::block_in_place(|| try_all(Some(&databases)));
    judge("PostgreSQL", &outcomes);
    table::check(&outcomes);
    for database in databases {
        database.remove().await;
    }
}
