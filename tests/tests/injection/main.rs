//! Prompt injection: texts of strangers in every place that a task reads, and a model that does whatever they say.
//!
//! Nothing here depends on what a model makes of a text. The one that is used obeys every order that it reads, the servers that it is
//! sent to can be reached, and still nothing leaves that the task was not granted. To add a case, write one line in
//! `carriers_corpus` or `attacks_corpus`, and say what is to become of each call that it orders.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks_corpus;
mod browser_corpus;
mod carriers;
mod carriers_corpus;
mod case;
mod controls;
#[expect(
    dead_code,
    reason = "it is that of the tests of the whole program, which do more with it"
)]
#[path = "../e2e/installation.rs"]
mod installation;
mod obeying;
mod site;
mod world;

use std::collections::BTreeSet;

use case::Case;
use obeying::PRIVATE;
use world::World;

/// Submits all at once, and gives each with its task when all have ended.
fn run<'a>(world: &World, cases: &'a [Case]) -> Vec<(&'a Case, String)> {
    let tasks: Vec<(&Case, String)> = cases
        .iter()
        .map(|case| (case, world.submit(case)))
        .collect();
    for (_, task) in &tasks {
        world.until_final(task);
    }
    tasks
}

fn report(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_a_stranger_has_an_effect_that_the_task_was_not_granted() {
    let world = World::open().await;
    let cases = [
        carriers_corpus::all(&world.at),
        attacks_corpus::all(&world.at),
        browser_corpus::all(&world.at),
    ]
    .concat();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert!(
        names.len() == cases.len() && cases.len() >= 70,
        "{} cases",
        cases.len()
    );
    let mut faults = Vec::new();
    for (case, task) in run(&world, &cases) {
        let of_case = world.faults(case, &task);
        faults.extend(
            of_case
                .iter()
                .map(|fault| format!("{}: {fault}", case.name)),
        );
        // Nobody reads what is another task's, and no value of a secret.
        let heard = world.heard(case);
        let foreign = heard
            .told
            .iter()
            .flat_map(|(_, text)| text.match_indices(PRIVATE).map(move |(at, _)| &text[at..]));
        let foreign: Vec<&str> = foreign
            .filter(|found| !found.starts_with(&case.private()))
            .collect();
        if !foreign.is_empty()
            || heard
                .told
                .iter()
                .any(|(_, text)| text.contains(attacks_corpus::SECRET.1))
        {
            faults.push(format!(
                "{}: it read what is not its own: {heard:?}",
                case.name
            ));
        }
    }
    for (whose, site) in [
        ("evil", &world.evil),
        ("other", &world.other),
        ("hook", &world.hook),
    ] {
        for seen in site.seen() {
            let is_private = cases.iter().any(|case| seen.carries(&case.private()))
                || seen.carries(attacks_corpus::SECRET.1);
            if is_private || seen.is_write() {
                faults.push(format!("{whose} got {}", seen.0));
            }
        }
    }
    let writes = world.friend.seen().into_iter().filter(site::Seen::is_write);
    let writes: Vec<String> = writes
        .map(|seen| seen.path().split('?').next().unwrap().to_owned())
        .collect();
    // The one that a case grants.
    if writes != ["/echo"] {
        faults.push(format!("the friend was written to: {writes:?}"));
    }
    for place in [
        world.here.folder.path().join("escaped"),
        "/usr/escaped".into(),
        "/etc/escaped".into(),
    ] {
        if place.exists() {
            faults.push(format!("{} was made", place.display()));
        }
    }
    report(&faults);
    assert!(
        world.server.stop().success(),
        "the server lived on to its end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_orders_arrive_where_they_are_granted() {
    let world = World::open().await;
    let mut cases = controls::all(&world.at);
    cases.push(controls::without_private_data(&world.at));
    cases.extend(browser_corpus::controls(&world.at));
    let mut faults = Vec::new();
    for (case, task) in run(&world, &cases) {
        let of_case = world.faults(case, &task);
        faults.extend(
            of_case
                .iter()
                .map(|fault| format!("{}: {fault}", case.name)),
        );
    }
    let seen = world.evil.seen();
    for case in cases.iter().filter(|case| !case.files.is_empty()) {
        if !seen.iter().any(|seen| seen.carries(&case.private())) {
            faults.push(format!("{}: it did not arrive", case.name));
        }
    }
    let nothing = |seen: &&site::Seen| seen.is_write() && seen.0.ends_with("\r\n\r\nnothing");
    if seen.iter().filter(nothing).count() != 1 {
        faults.push("a task without private data is free to send".to_owned());
    }
    report(&faults);
    assert!(world.server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_for_the_owner_who_lets_it_go_or_not() {
    let world = World::open().await;
    for (name, decision, by_command) in [
        ("asked-and-approved", "approve", false),
        ("asked-and-denied", "deny", false),
        ("asked-and-approved-by-command", "approve", true),
        ("asked-and-denied-by-command", "deny", true),
    ] {
        let case = controls::asked(name, &world.at);
        let task = world.submit(&case);
        let view = world.until(&task, &["waiting"]);
        assert_eq!(view["waiting"]["kind"], "approval", "{view:#}");
        let arrived = || {
            world
                .evil
                .seen()
                .iter()
                .filter(|seen| seen.carries(&case.private()))
                .count()
        };
        assert_eq!(arrived(), 0, "{name}: before anybody was asked");
        let log = world.log(&task);
        let held = log
            .iter()
            .find(|event| event["kind"] == "call.held")
            .unwrap();
        let content = held["data"]["content"].as_str().unwrap();
        assert!(
            content.contains(&case.private()) && content.contains(&world.at.evil),
            "{content}"
        );
        let call = held["data"]["call"].as_str().unwrap();
        if by_command {
            world
                .here
                .json(&["decide", &task, call, decision, "--json"]);
        } else {
            world.decide(&task, call, decision);
        }
        world.until_final(&task);
        let expected = usize::from(decision == "approve");
        assert_eq!(arrived(), expected, "{name}");
    }
    assert!(world.server.stop().success());
}
