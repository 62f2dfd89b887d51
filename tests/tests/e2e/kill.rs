//! `kill -9` in the middle of the work.

use std::collections::BTreeMap;

use crate::installation::{Installation, wait_for};
use crate::scripts::two_writers;

/// Work in flight on each kill: two steps run side by side.
const IN_FLIGHT: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_three_times_finishes_the_task_and_repeats_only_what_was_in_flight() {
    let mut here = Installation::new(two_writers()).await;
    // On a slow machine all three servers may die before either step has got further, which by default sets both aside.
    here.set("ERRAND_WORKER__CRASHES_MAX", "4");
    let mut server = here.serve();
    let task = here.submit("Write the lines.");
    let kills = [2, 4, 7];
    for answers in kills {
        wait_for(|| here.answered().len() >= answers).unwrap();
        server.kill();
        server = here.serve();
    }
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(
        here.artifact(&task, "all.txt"),
        "left1\nleft2\nleft3\nright1\nright2\nright3\n"
    );
    assert_log_is_whole(&here, &task);
    assert!(server.stop().success());

    let mut asked: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for question in here.answered() {
        *asked.entry(question).or_default() += 1;
    }
    let repeats: usize = asked.values().map(|times| times - 1).sum();
    assert!(repeats <= kills.len() * IN_FLIGHT, "{asked:?}");
}

/// Numbers without gaps, one final event, and no answer or result twice.
fn assert_log_is_whole(here: &Installation, task: &str) {
    let text = String::from_utf8(here.run(&["logs", task, "--json"]).stdout).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<i64> = events
        .iter()
        .filter_map(|event| event["seq"].as_i64())
        .collect();
    assert_eq!(
        numbers,
        (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<i64>>()
    );
    let mut seen = BTreeMap::new();
    for event in &events {
        let name = match event["kind"].as_str().unwrap() {
            "tool.returned" => event["data"]["call"].to_string(),
            "model.replied" => format!(
                "{} {} {}",
                event["step"], event["data"]["job"], event["data"]["turn"]
            ),
            "task.finished" => "end".to_owned(),
            _ => continue,
        };
        *seen.entry(name).or_insert(0) += 1;
    }
    assert!(
        seen.contains_key("end") && seen.values().all(|times| *times == 1),
        "{seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_hands_its_work_back_and_the_next_one_goes_on_at_once() {
    let here = Installation::new(two_writers()).await;
    let first = here.serve();
    let task = here.submit("Write the lines.");
    wait_for(|| here.answered().len() >= 3).unwrap();
    assert!(first.stop().success());
    let second = here.serve();
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(second.stop().success());
    let asked = here.answered();
    let distinct: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(
        asked.len(),
        distinct.len(),
        "nothing that was answered is asked again after a drain"
    );
}
