//! The browser by hand: a site that the same computer serves, seen and acted on by the tools, over the real program and Chromium.

use std::path::Path;

use serde_json::{Value, json};

use crate::by_hand::{here, said};
use crate::installation::Installation;

/// Makes the calls in one computer, after those that serve `site`, and gives the results that came after.
fn calls(here: &Installation, site: &[(&str, &str)], calls: &[(&str, Value)]) -> Vec<Value> {
    let call =
        |tool: &str, arguments: &Value| json!({"tool": tool, "arguments": arguments}).to_string();
    let mut lines: Vec<String> = Vec::new();
    for (path, content) in site {
        let arguments = json!({"path": format!("site/{path}"), "content": content});
        lines.push(call("file_write", &arguments));
    }
    let serve = "exec python3 -u -m http.server 8123 --directory site";
    let serve = json!({"command": serve, "until": "Serving HTTP", "wait_s": 60});
    lines.push(call("shell_start", &serve));
    let before = lines.len();
    lines.extend(calls.iter().map(|(tool, arguments)| call(tool, arguments)));
    let file = here.folder.path().join("calls.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = here.run(&["tools", "call", "--file", file.to_str().unwrap()]);
    let (out, err) = said(&output);
    let results = out.lines().map(|line| serde_json::from_str(line).unwrap());
    let results: Vec<Value> = results.collect();
    assert_eq!(results.len(), lines.len(), "{out}{err}");
    results[before..].to_vec()
}

fn content(result: &Value) -> &str {
    result["content"].as_str().unwrap_or_default()
}

#[track_caller]
fn tells(result: &Value, ok: bool, texts: &[&str]) {
    assert_eq!(result["ok"], ok, "{result:#}");
    for text in texts {
        assert!(
            content(result).contains(text),
            "{text:?} is not in\n{}",
            content(result)
        );
    }
}

fn open(page: &str) -> (&'static str, Value) {
    let url = format!("http://localhost:8123/{page}");
    ("browser_open", json!({ "url": url }))
}

fn act(steps: &Value) -> (&'static str, Value) {
    ("browser_act", json!({ "steps": steps }))
}

const FORM: &str = "<!doctype html><title>Order</title><h1>Order form</h1><form onsubmit=\"event.preventDefault(); \
    out.textContent = 'Thank you, ' + n.value + ' from ' + c.value + (ok.checked ? ' (agreed)' : '')\">\
    <label>Name <input id=n></label> <label>Country <select id=c><option>Chad<option>Peru</select></label> \
    <label><input type=checkbox id=ok> I agree</label> <label>Password <input type=password value=hunter2></label> \
    <button>Send</button></form><p id=out></p>";

#[test]
fn a_form_is_filled_and_sent_and_each_action_is_kept_with_a_picture() {
    let results = calls(
        &here(),
        &[("index.html", FORM)],
        &[
            open(""),
            act(&json!([
                {"action": "type", "ref": "e1", "text": "Ann Onymous"},
                {"action": "select", "ref": "e2", "values": ["Peru"]},
                {"action": "check", "ref": "e3"},
                {"action": "click", "ref": "e5"}
            ])),
            ("browser_look", json!({"find": "thank you"})),
            act(&json!([{"action": "click", "ref": "e99"}])),
        ],
    );
    tells(
        &results[0],
        true,
        &[
            "[e1] textbox \"Name\"",
            "[e4] password \"Password\"",
            "[e5] button \"Send\"",
        ],
    );
    tells(
        &results[1],
        true,
        &["\"Thank you, Ann Onymous from Peru (agreed)\""],
    );
    let actions = results[1]["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 4, "{actions:#?}");
    assert_eq!(actions[3]["action"], "click [e5] button \"Send\"");
    assert!(
        actions[3]["target"]["width"].as_i64().unwrap() > 10,
        "{actions:#?}"
    );
    assert_eq!(actions[3]["image"]["media_type"], "image/jpeg");
    assert!(actions[3]["image"]["blob"]["bytes"].as_i64().unwrap() > 1_000);
    // Neither what was typed nor a password is in what the log has.
    assert!(!results[1]["actions"].to_string().contains("Onymous"));
    let all = json!(results).to_string();
    assert!(!all.contains("hunter2"), "{all}");
    tells(&results[2], true, &["is found 1 times", "Thank you, Ann"]);
    tells(&results[3], false, &["[e99] is not on the page"]);
    assert_eq!(
        results[0]["enforced"]["holds"]
            .to_string()
            .matches("browser_sandbox")
            .count(),
        1
    );
}

#[test]
fn dialogs_popups_downloads_and_files_are_told_with_what_to_do() {
    let page = "<title>Things</title><button onclick=\"out.textContent = confirm('Really?') ? 'did it' : 'left it'\">Do</button> \
        <a href=two.html target=_blank>Other</a> <a href=data.csv download>Data</a> \
        <input type=file id=f onchange=\"out.textContent = 'got ' + f.files[0].name\"> <p id=out></p>";
    let results = calls(
        &here(),
        &[
            ("index.html", page),
            (
                "two.html",
                "<title>Two</title><h1>Second</h1><p>words <a href=index.html>back</a></p>",
            ),
            ("data.csv", "a,b\n1,2\n"),
        ],
        &[
            open(""),
            act(&json!([{"action": "click", "ref": "e1"}, {"action": "click", "ref": "e2"}])),
            ("browser_look", json!({})),
            ("browser_dialog", json!({"accept": false})),
            act(&json!([{"action": "click", "ref": "e2"}])),
            ("browser_tab", json!({"do": "switch", "tab": "t2"})),
            ("browser_read", json!({})),
            ("browser_tab", json!({"do": "close"})),
            act(&json!([{"action": "click", "ref": "e3"}])),
            (
                "browser_file",
                json!({"do": "upload", "ref": "e4", "paths": ["site/data.csv"]}),
            ),
            ("browser_file", json!({"do": "picture", "path": "page.jpg"})),
            ("file_read", json!({"path": "downloads/data.csv"})),
        ],
    );
    tells(
        &results[1],
        false,
        &[
            "done: click [e1]",
            "(confirm): \"Really?\"",
            "1 steps after it were not tried",
        ],
    );
    tells(&results[2], false, &["browser_dialog answers it"]);
    tells(&results[3], true, &["\"left it\""]);
    tells(&results[4], true, &["the page of t1 opened t2"]);
    tells(&results[5], true, &["# \"Second\""]);
    tells(&results[6], true, &["# Second", "words [back]"]);
    tells(&results[7], true, &["*t1 \"Things\""]);
    tells(&results[8], true, &["downloads/data.csv (8 bytes)"]);
    assert_eq!(results[8]["changed_files"], json!(["downloads/data.csv"]));
    tells(&results[9], true, &["\"got data.csv\""]);
    tells(&results[10], true, &["saved as page.jpg"]);
    tells(&results[11], true, &["1,2"]);
}

#[test]
fn a_page_that_hangs_or_crashes_is_mended_and_the_next_call_goes_on() {
    let page = "<title>Trouble</title><button onclick=\"setTimeout(() => { for (;;); }, 0)\">Hang</button><p>calm</p>";
    let results = calls(
        &here(),
        &[
            ("index.html", page),
            ("two.html", "<title>Two</title><p>well</p>"),
        ],
        &[
            open(""),
            act(&json!([{"action": "click", "ref": "e1"}])),
            open("two.html"),
            ("browser_look", json!({})),
        ],
    );
    tells(&results[0], true, &["calm"]);
    assert!(
        content(&results[1]).contains("the page did not answer"),
        "{}",
        content(&results[1])
    );
    tells(&results[2], true, &["well"]);
    tells(&results[3], true, &["well"]);
}

#[test]
fn a_login_outlives_the_last_tab() {
    let results = calls(
        &here(),
        &[
            (
                "index.html",
                "<title>In</title><script>document.cookie = 'session=17'</script>signed in",
            ),
            (
                "two.html",
                "<title>Two</title><p id=out></p><script>out.textContent = 'I know ' + document.cookie</script>",
            ),
        ],
        &[
            open(""),
            ("browser_tab", json!({"do": "close"})),
            open("two.html"),
        ],
    );
    tells(&results[0], true, &["signed in"]);
    tells(&results[1], true, &["no tab is open"]);
    tells(&results[2], true, &["I know session=17"]);
}

#[test]
fn a_browser_reaches_its_own_tasks_servers_and_nothing_else_without_a_network() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let beyond = listener.local_addr().unwrap();
    let page = format!(
        "<title>Sly</title><img src=http://{beyond}/img><script>fetch('http://{beyond}/f', {{mode: 'no-cors'}})</script>here"
    );
    let results = calls(
        &here(),
        &[("index.html", &page)],
        &[
            open(""),
            ("browser_open", json!({"url": format!("http://{beyond}/")})),
            ("browser_open", json!({"url": "https://example.com/"})),
            ("browser_open", json!({"url": "file:///etc/passwd"})),
        ],
    );
    tells(&results[0], true, &["here"]);
    assert!(content(&results[1]).contains(&format!(
        "no program of this task listens on port {}",
        beyond.port()
    )));
    tells(&results[2], false, &["may not reach that host"]);
    tells(&results[3], false, &["are not opened"]);
    let reached = listener.accept();
    assert!(reached.is_err(), "{reached:?}");
    assert!(Path::new("/etc/passwd").exists());
}
