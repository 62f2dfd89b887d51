//! What is hard to see, and what is easily lost: closed shadow roots, a button in five megabytes, a login after the last tab, a page that
//! crashes beside another, a download whose browser ends.

use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::script::{Visit, act, call, click, find, open, open_beside, the};
use super::server::Sites;
use crate::processes::{chromium_below, heaviest_below};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_closed_roots_or_far_down_is_used_and_a_login_outlives_the_last_tab() {
    let sites = Sites::open();
    let here = &sites.here;
    let visits = [
        Visit {
            goal: "Use the closed shadow menu.",
            calls: vec![
                open(here, "/closed"),
                click("button \"Menu\""),
                click("button \"Settings\""),
            ],
            answer: "Settings have number 318.",
        },
        Visit {
            goal: "Press the button in the large page.",
            calls: vec![
                open(here, "/large"),
                find("The needle"),
                click("button \"The needle\""),
                find("The needle has"),
            ],
            answer: "The needle has number 61.",
        },
        Visit {
            goal: "Log in and close the page.",
            calls: vec![
                open(here, "/login"),
                act(&json!([
                    {"action": "type", "ref": the("textbox \"Name\""), "text": "ann"},
                    {"action": "type", "ref": the("password \"Word\""), "text": "sesame", "enter": true}
                ])),
                call("browser_tab", &json!({"do": "close"})),
                open(here, "/account"),
            ],
            answer: "The balance is 92.",
        },
    ];
    super::all_are_done(&sites, &visits).await;
}

/// Sites that end processes below a server, which is noted once it runs, when they are asked for a path.
fn ending(path: &'static str, which: fn(u32) -> Vec<i32>) -> (Sites, Arc<Mutex<Option<u32>>>) {
    let server: Arc<Mutex<Option<u32>>> = Arc::default();
    let known = Arc::clone(&server);
    let sites = Sites::with(move |asked| {
        let pid = *known.lock().unwrap();
        if asked.path == path {
            for pid in which(pid.unwrap()) {
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            }
        }
    });
    (sites, server)
}

/// Makes the visits, one after the other.
async fn are_done(sites: &Sites, visits: &[Visit], server_pid: &Mutex<Option<u32>>) {
    let here = super::installation(sites, visits).await;
    let server = here.serve();
    *server_pid.lock().unwrap() = Some(server.pid());
    for visit in visits {
        let view = here.until_final(&here.submit(visit.goal));
        assert_eq!(view["state"], "succeeded", "{view:#}");
        let answer = view["result"]["answer"].as_str().unwrap();
        assert!(answer.contains(visit.answer), "{answer}");
    }
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_crashes_is_told_and_the_tab_beside_it_goes_on() {
    // Chromium lets no page crash itself any more, so the one that takes by far the most memory is ended from outside.
    let (sites, server) = ending("/taken", |server| {
        heaviest_below(server).into_iter().collect()
    });
    let mut calls = vec![
        open(&sites.here, "/count"),
        open_beside(&sites.elsewhere, "/heavy"),
        click("button \"Take much memory\""),
    ];
    let told = Visit {
        goal: "Visit the page that crashes.",
        calls: calls.clone(),
        answer: "the page had crashed and was opened again",
    };
    calls.extend([
        call("browser_tab", &json!({"do": "switch", "tab": "t1"})),
        click("button \"Press\""),
    ]);
    let goes_on = Visit {
        goal: "Go on beside the page that crashes.",
        calls,
        answer: "It was pressed.",
    };
    are_done(&sites, &[told, goes_on], &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_ends_with_its_browser_is_told() {
    let (sites, server) = ending("/gate", chromium_below);
    let visit = Visit {
        goal: "Begin the slow download.",
        calls: vec![
            open(&sites.here, "/drip"),
            click("link \"Drip\""),
            open_beside(&sites.here, "/gate"),
            call("browser_look", &json!({})),
        ],
        answer: "begin them again: \"drip.csv\"",
    };
    are_done(&sites, &[visit], &server).await;
}
