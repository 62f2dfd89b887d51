//! Sites that fail: each leaves the task alive, and the other tabs of its step.

use serde_json::json;

use super::script::{Visit, call, click, find, open, open_beside};
use super::server::Sites;

/// Looks at the tab that was open before.
fn the_first_tab() -> serde_json::Value {
    call("browser_tab", &json!({"do": "switch", "tab": "t1"}))
}

const STILL_THERE: &str = "The first has number 31.";

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_never_come_never_end_never_rest_or_crash_leave_the_other_tabs_alone() {
    let sites = Sites::open();
    let (here, elsewhere) = (&sites.here, &sites.elsewhere);
    let visits = [
        Visit {
            goal: "Visit the page that sends nothing.",
            calls: vec![
                open(here, "/tab"),
                open_beside(elsewhere, "/slow"),
                the_first_tab(),
            ],
            answer: STILL_THERE,
        },
        Visit {
            goal: "Visit the page that does not end.",
            calls: vec![open(here, "/endless"), call("browser_look", &json!({}))],
            answer: "The first part has number 52.",
        },
        Visit {
            goal: "Visit the page with the loop.",
            calls: vec![
                open(here, "/tab"),
                open_beside(elsewhere, "/loop"),
                click("button \"Begin\""),
                the_first_tab(),
            ],
            answer: STILL_THERE,
        },
        Visit {
            goal: "Visit the page with the alert.",
            calls: vec![
                open(here, "/alert"),
                call("browser_dialog", &json!({"accept": true})),
                call("browser_look", &json!({})),
            ],
            answer: "The step has number 9.",
        },
        Visit {
            goal: "Leave the alert alone.",
            calls: vec![
                open(here, "/tab"),
                open_beside(elsewhere, "/alert"),
                the_first_tab(),
            ],
            answer: STILL_THERE,
        },
    ];
    super::all_are_done(&sites, &visits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_large_or_deep_are_seen_and_used() {
    let sites = Sites::open();
    let here = &sites.here;
    let visits = [
        Visit {
            goal: "Find the end of the large page.",
            calls: vec![open(here, "/large"), find("The last line has number")],
            answer: "The last line has number 88.",
        },
        Visit {
            goal: "Dig to the ground.",
            calls: vec![open(here, "/nested"), click("button \"Dig\"")],
            answer: "The depth is 200.",
        },
    ];
    super::all_are_done(&sites, &visits).await;
}
