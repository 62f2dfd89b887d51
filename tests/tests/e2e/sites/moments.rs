//! `kill -9` of Chromium at each moment of a click that posts something: what is told of the click is true, and nothing is posted twice.

use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::script::{Visit, click, open};
use super::server::Sites;
use crate::processes::chromium_below;

/// What the page or its server tells of, and whether the post can have arrived by then. All but the last two stop the page while they tell.
const MOMENTS: [(&str, bool); 6] = [
    ("mousemove", false),
    ("mousedown", false),
    ("mouseup", false),
    ("submit", false),
    ("posted", true),
    ("shown", true),
];

fn visit(sites: &Sites, goal: &'static str, moment: &str) -> Visit {
    Visit {
        goal,
        calls: vec![
            open(&sites.here, &format!("/press-at?{moment}")),
            click("button \"Press\""),
        ],
        answer: "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_browser_is_killed_during_a_click_what_is_told_of_it_is_true() {
    let server_pid: Arc<Mutex<Option<u32>>> = Arc::default();
    let known = Arc::clone(&server_pid);
    let sites = Sites::with(move |asked| {
        let is_moment = asked.path == "/moment" || asked.path == "/pressed?posted";
        let pid = known.lock().unwrap().filter(|_| is_moment);
        for chromium in pid.into_iter().flat_map(chromium_below) {
            kill(Pid::from_raw(chromium), Signal::SIGKILL).unwrap();
        }
    });
    let goals = MOMENTS.map(|(moment, _)| {
        let goal: &'static str = format!("Press it, {moment}.").leak();
        goal
    });
    let visits: Vec<Visit> = MOMENTS
        .iter()
        .zip(goals)
        .map(|((moment, _), goal)| visit(&sites, goal, moment))
        .collect();
    let mut here = super::installation(&sites, &visits).await;
    // One after the other, so that it is known whose browser asks.
    here.set("ERRAND_WORKER__CONCURRENCY", "1");
    here.set("ERRAND_TOOLS__BROWSER__AT_ONCE_MAX", "1");
    let server = here.serve();
    *server_pid.lock().unwrap() = Some(server.pid());
    let mut wrong = Vec::new();
    for ((moment, may_arrive), goal) in MOMENTS.iter().zip(goals) {
        let task = here.submit(goal);
        let view = here.until_final(&task);
        assert_eq!(view["state"], "succeeded", "{view:#}");
        // The last thing that the model was told is what it answers with.
        let told = view["result"]["answer"].as_str().unwrap();
        let arrived = sites.asked(&format!("/pressed?{moment}")).len();
        let is_open = told.contains("not known");
        let is_true = match arrived {
            0 => is_open || !told.contains("done: click") || told.contains("not done: click"),
            1 => *may_arrive && (is_open || told.contains("done: click")),
            _ => false,
        };
        if !is_true || !(is_open || told.contains("browser has ended")) {
            wrong.push(format!("{moment}: {arrived} arrived, told {told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(server.stop().success());
}
