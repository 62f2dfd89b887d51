//! Ordinary sites: forms, tables, menus, frames, files, tabs, logins.

use serde_json::json;

use super::script::{Visit, act, call, click, find, open, the};
use super::server::Sites;

#[tokio::test(flavor = "multi_thread")]
async fn forms_tables_menus_and_dates_are_done_by_what_the_pages_show() {
    let sites = Sites::open();
    let here = &sites.here;
    let visits = [
        Visit {
            goal: "Fill in the form.",
            calls: vec![
                open(here, "/form"),
                act(&json!([
                    {"action": "type", "ref": the("textbox \"Name\""), "text": "Ann"},
                    {"action": "select", "ref": the("select \"Country\""), "values": ["Peru"]},
                    {"action": "click", "ref": the("button \"Next\"")}
                ])),
                act(&json!([
                    {"action": "check", "ref": the("checkbox \"I agree\"")},
                    {"action": "click", "ref": the("button \"Order\"")}
                ])),
            ],
            answer: "Order 4711 is on its way.",
        },
        Visit {
            goal: "Find item 13 in the table.",
            calls: vec![
                open(here, "/table"),
                click("button \"Next page\""),
                // Only what changed is shown, and the button did not.
                call("browser_look", &json!({})),
                click("button \"Next page\""),
                find("Item 13"),
            ],
            answer: "22.10",
        },
        Visit {
            goal: "Get past the modal.",
            calls: vec![
                open(here, "/modal"),
                click("button \"Show code\""),
                click("button \"Reject all\""),
                call("browser_look", &json!({})),
                click("button \"Show code\""),
            ],
            answer: "The code is M-204.",
        },
        Visit {
            goal: "Use the shadow menu.",
            calls: vec![
                open(here, "/shadow"),
                click("button \"Menu\""),
                click("button \"Settings\""),
            ],
            answer: "Settings have number 318.",
        },
        Visit {
            goal: "Use the hover menu.",
            calls: vec![
                open(here, "/hover"),
                act(&json!([{"action": "hover", "ref": the("link \"Products\"")}])),
                click("link \"Lamps\""),
            ],
            answer: "Lamps are on shelf 44.",
        },
        Visit {
            goal: "Pick a date.",
            calls: vec![
                open(here, "/dates"),
                click("textbox \"Arrival\""),
                click("button \"February 14\""),
            ],
            answer: "A room on 2027-02-14 costs 114.",
        },
    ];
    super::all_are_done(&sites, &visits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_files_tabs_logins_and_drawings_are_done() {
    let sites = Sites::open();
    let here = &sites.here;
    let visits = [
        Visit {
            goal: "Use the frame of another site.",
            calls: vec![
                open(here, "/frame"),
                act(&json!([
                    {"action": "type", "ref": the("textbox \"Card\""), "text": "C-7"},
                    {"action": "click", "ref": the("button \"Check\"")}
                ])),
                find("is good for"),
            ],
            answer: "Card C-7 is good for 53.",
        },
        Visit {
            goal: "Upload the file.",
            calls: vec![
                call(
                    "file_write",
                    &json!({"path": "rows.txt", "content": "rows of 3"}),
                ),
                open(here, "/upload"),
                call(
                    "browser_file",
                    &json!({"do": "upload", "ref": the("[^\\n]*\"File\""), "paths": ["rows.txt"]}),
                ),
                call("browser_look", &json!({})),
                click("button \"Send\""),
            ],
            answer: "The file has number 205.",
        },
        Visit {
            goal: "Download the prices.",
            calls: vec![
                open(here, "/download"),
                click("link \"Prices\""),
                call("file_read", &json!({"path": "downloads/data.csv"})),
            ],
            answer: "lamp,17",
        },
        Visit {
            goal: "Scroll down the feed.",
            calls: vec![
                open(here, "/scroll"),
                act(&json!(vec![
                    json!({"action": "scroll", "direction": "down"});
                    8
                ])),
                find("heron"),
            ],
            answer: "Post 35 has the word heron.",
        },
        Visit {
            goal: "Read the page in the new tab.",
            calls: vec![
                open(here, "/tab"),
                click("link \"Second page\""),
                call("browser_tab", &json!({"do": "switch", "tab": "t2"})),
                call("browser_read", &json!({})),
            ],
            answer: "The second has number 62.",
        },
        Visit {
            goal: "Work in the tab that is hidden.",
            calls: vec![
                open(here, "/dates"),
                super::script::open_beside(here, "/second"),
                call("browser_tab", &json!({"do": "switch", "tab": "t1"})),
                click("textbox \"Arrival\""),
                click("button \"February 20\""),
            ],
            answer: "A room on 2027-02-20 costs 120.",
        },
        Visit {
            goal: "Log in.",
            calls: vec![
                open(here, "/login"),
                act(&json!([
                    {"action": "type", "ref": the("textbox \"Name\""), "text": "ann"},
                    {"action": "type", "ref": the("password \"Word\""), "text": "sesame", "enter": true}
                ])),
                click("link \"My account\""),
            ],
            answer: "The balance is 92.",
        },
        Visit {
            goal: "Hit the drawing.",
            calls: vec![
                open(here, "/canvas"),
                act(&json!([{"action": "click", "x": 260, "y": 180}])),
                call("browser_look", &json!({})),
            ],
            answer: "Hit 77",
        },
    ];
    super::all_are_done(&sites, &visits).await;
}
