//! A person at a task's browser: the task waits, they see its page and use it, and the agent goes on with what they left.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::installation::{Installation, wait_for};
use crate::processes::chromium_below;
use crate::scripts::calls_and_last_answer;

const CODE: &str = "845120";

/// A site whose orders are shown to whoever enters the code.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let (mut first, mut line) = (String::new(), String::new());
            let _ = reader.read_line(&mut first);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let is_in = first.contains(&format!("code={CODE}"));
            let page = if is_in {
                "<title>Orders</title><h1>Orders</h1><p>order 17</p>"
            } else {
                "<title>Door</title><form action=/in style='margin:0'><input name=code autofocus aria-label=Code style='position:fixed;left:100px;top:100px;width:300px;height:40px'>\
                 <button style='position:fixed;left:100px;top:200px;width:300px;height:40px'>Enter</button></form>"
            };
            let _ = write!(
                &stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    address
}

/// A server whose tasks open the door and ask for a person.
async fn asking(here_too: impl FnOnce(&mut Installation)) -> Installation {
    let address = site();
    let open = json!({"name": "browser_open", "arguments": {"url": format!("http://{address}/")}});
    let note = "Enter the code that was sent to you.";
    let ask = json!({"name": "browser_ask_human", "arguments": {"why": "code", "note": note}});
    let mut here = Installation::new(calls_and_last_answer(&[open, ask])).await;
    here.set("ERRAND_TOOLS__NETWORK__MODE", "allow_list");
    for name in [
        "ERRAND_TOOLS__NETWORK__HOSTS",
        "ERRAND_EGRESS__ALLOW_PRIVATE",
    ] {
        here.set(name, &json!([address]).to_string());
    }
    here_too(&mut here);
    here
}

/// Status, headers and body of a request with the installation's key.
fn request(here: &Installation, method: &str, path: &str, body: &Value) -> (u16, String, Vec<u8>) {
    let key = std::fs::read_to_string(here.data().join("first-key")).unwrap();
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = TcpStream::connect(&here.listen).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: errand\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        key.trim(),
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap(), head, answer[end + 4..].to_vec())
}

fn browser(here: &Installation, task: &str) -> Value {
    let (status, _, body) = request(
        here,
        "GET",
        &format!("/v1/tasks/{task}/browser"),
        &Value::Null,
    );
    let view: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{view:#}");
    view
}

/// The next picture's number.
fn picture(here: &Installation, task: &str, after: u64) -> u64 {
    let path = format!("/v1/tasks/{task}/browser/frame?after={after}");
    let mut number = None;
    wait_for(|| {
        let (status, head, body) = request(here, "GET", &path, &Value::Null);
        assert!(
            status == 200 || status == 204,
            "{head} {}",
            String::from_utf8_lossy(&body)
        );
        if status == 200 {
            assert!(head.contains("content-type: image/jpeg"), "{head}");
            assert!(body.starts_with(&[0xFF, 0xD8, 0xFF]));
            let (_, rest) = head.split_once("errand-frame: ").unwrap();
            number = rest.lines().next().unwrap().trim().parse::<u64>().ok();
        }
        number.is_some()
    })
    .unwrap();
    let number = number.unwrap();
    assert!(number > after);
    number
}

fn act(here: &Installation, task: &str, act: &Value) -> (u16, String) {
    let path = format!("/v1/tasks/{task}/browser/input");
    let (status, _, body) = request(here, "POST", &path, act);
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[track_caller]
fn done((status, said): (u16, String)) {
    assert!(status == 204 && said.is_empty(), "{status} {said}");
}

/// Waits until the task waits for a person, and gives the call.
fn asked(here: &Installation, task: &str) -> String {
    let view = here.until(task, |view| {
        view["state"] == "waiting" || view["state"] == "failed"
    });
    assert_eq!(
        view["waiting"]["kind"],
        "approval",
        "{view:#}\n{}",
        here.log()
    );
    let reason = view["waiting"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("Enter the code that was sent to you."),
        "{reason}"
    );
    let call = reason.split(' ').find(|word| word.starts_with("call_"));
    call.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_the_page_enters_a_code_that_nobody_else_learns_and_the_agent_goes_on() {
    let here = asking(|here| here.set("ERRAND_LOG__FILTER", "trace")).await;
    let server = here.serve();
    let task = here.submit("Make the calls.");
    let call = asked(&here, &task);
    let view = browser(&here, &task);
    assert_eq!(view["running"], true, "{view:#}");
    assert_eq!(view["tabs"][0]["title"], "Door", "{view:#}");
    assert_eq!(view["tabs"][0]["current"], true, "{view:#}");
    assert_eq!(view["help"]["call"], call, "{view:#}");
    assert_eq!(view["help"]["why"], "code", "{view:#}");
    let first = picture(&here, &task, 0);
    done(act(
        &here,
        &task,
        &json!({"action": "click", "x": 250, "y": 120}),
    ));
    done(act(&here, &task, &json!({"action": "type", "text": CODE})));
    picture(&here, &task, first);
    done(act(
        &here,
        &task,
        &json!({"action": "click", "x": 250, "y": 220}),
    ));
    wait_for(|| browser(&here, &task)["tabs"][0]["title"] == "Orders").unwrap();
    let decided = here.json(&[
        "decide", &task, &call, "done", "--note", "I am in.", "--json",
    ]);
    assert_eq!(decided["id"], task.as_str(), "{decided:#}");
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    let log = String::from_utf8_lossy(&here.run(&["logs", &task, "--json"]).stdout).into_owned();
    assert!(
        log.contains("\"help\":{\"why\":\"code\",\"note\":\"Enter the code"),
        "{log}"
    );
    // The agent may be over before its browser is.
    let (status, said) = act(&here, &task, &json!({"action": "key", "keys": "a"}));
    assert_eq!(status, 409, "{said}");
    assert!(server.stop().success());
    let answer = view["result"]["answer"].as_str().unwrap();
    assert!(answer.contains("The person says: I am in."), "{answer}");
    assert!(answer.contains("order 17"), "what they left: {answer}");
    // The page itself put it into its address.
    assert!(
        answer.contains("/in?code=[what the person typed]"),
        "{answer}"
    );
    assert!(
        !here.log().contains(CODE),
        "what they typed is in the log of the program"
    );
}

/// The process of Chromium that a server started.
fn chromium_of(server: u32) -> i32 {
    let found = chromium_below(server);
    *found
        .iter()
        .max()
        .unwrap_or_else(|| panic!("no Chromium below {server}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_comes_after_the_browser_ended_finds_its_page_again_and_one_who_cannot_help_says_so()
 {
    let here = asking(|_| ()).await;
    let server = here.serve();
    let task = here.submit("Make the calls.");
    let call = asked(&here, &task);
    let chromium = chromium_of(server.pid());
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(chromium),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    wait_for(|| !std::path::Path::new(&format!("/proc/{chromium}")).exists()).unwrap();
    wait_for(|| browser(&here, &task)["tabs"][0]["title"] == "Door").unwrap();
    assert_ne!(chromium_of(server.pid()), chromium);
    picture(&here, &task, 0);
    let (status, said) = act(&here, &task, &json!({"action": "click", "x": 1}));
    assert_eq!(status, 422, "{said}");
    assert!(said.contains("/y"), "{said}");
    let (status, said) = act(&here, &task, &json!({"action": "key", "keys": "Nokey+q"}));
    assert_eq!(status, 409, "{said}");
    let (status, said) = act(
        &here,
        &task,
        &json!({"tab": "t9", "action": "key", "keys": "a"}),
    );
    assert_eq!(status, 404, "{said}");
    here.json(&["decide", &task, &call, "not_done", "--json"]);
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    let answer = view["result"]["answer"].as_str().unwrap();
    assert!(answer.contains("No person helped"), "{answer}");
    assert!(server.stop().success());
}
