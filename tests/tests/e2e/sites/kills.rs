//! `kill -9` of Chromium in the midst of an action: the task goes on, and the action is neither made again nor told as done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::script::{Visit, click, open};
use super::server::Sites;
use crate::processes::{below, chromium_below};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How many tasks each of these tests has, each with a browser that is killed. There are five of them, for fifty kills.
const KILLS: usize = 10;

/// The tests are alike, and run beside each other where there are processors for it.
macro_rules! ten_kills {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                ten_browsers_are_killed_in_the_midst_of_an_action().await;
            }
        )*
    };
}

ten_kills! {
    ten_kills_in_the_midst_of_an_action_cost_no_task_and_repeat_nothing
    ten_more_kills_cost_no_task_and_repeat_nothing
    a_third_ten_kills_cost_no_task_and_repeat_nothing
    a_fourth_ten_kills_cost_no_task_and_repeat_nothing
    a_fifth_ten_kills_cost_no_task_and_repeat_nothing
}

async fn ten_browsers_are_killed_in_the_midst_of_an_action() {
    // The server of the site ends the browser that asks it, before it answers.
    let server_pid: Arc<Mutex<Option<u32>>> = Arc::default();
    let known = Arc::clone(&server_pid);
    let sites = Sites::with(move |asked| {
        let pid = *known.lock().unwrap();
        if let Some(pid) = pid.filter(|_| asked.method == "POST") {
            for chromium in chromium_below(pid) {
                kill(Pid::from_raw(chromium), Signal::SIGKILL).unwrap();
            }
        }
    });
    let visit = Visit {
        goal: "Press the button.",
        calls: vec![
            open(&sites.here, "/count"),
            click("button \"Press\""),
            open(&sites.here, "/second"),
        ],
        answer: "The second has number 62.",
    };
    let mut here = super::installation(&sites, &[visit]).await;
    // One after the other, so that it is known whose browser asks.
    here.set("ERRAND_WORKER__CONCURRENCY", "1");
    here.set("ERRAND_TOOLS__BROWSER__AT_ONCE_MAX", "1");
    let server = here.serve();
    *server_pid.lock().unwrap() = Some(server.pid());
    let tasks: Vec<String> = (0..KILLS)
        .map(|_| here.submit("Press the button."))
        .collect();
    let mut states = BTreeMap::<String, usize>::new();
    for task in &tasks {
        let view = here.until_final(task);
        let answer = view["result"]["answer"].as_str().unwrap_or_default();
        for words in [
            "The second has number 62.",
            "the pages of the tabs are back",
        ] {
            assert!(answer.contains(words), "{view:#}");
        }
        *states
            .entry(view["state"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(states, BTreeMap::from([("succeeded".to_owned(), KILLS)]));
    let sent = sites.asked("/press");
    let sent = sent.iter().filter(|asked| asked.method == "POST").count();
    assert_eq!(sent, KILLS, "each was sent once");
    // What is there between tasks is the server's own: no browser, and nothing that was started for one.
    crate::installation::wait_for(|| below(server.pid()).is_empty()).unwrap();
    assert!(server.stop().success());
}
