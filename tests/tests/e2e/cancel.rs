//! A cancel ends the processes, not only the row, and its receipt says only what is so.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use errand_tests::postgres::Cluster;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};

use crate::installation::{Installation, wait_for};
use crate::machines::share;
use crate::scripts::{calls_in_turn, one_command};
use crate::shop::Shop;

/// How long a process of a task may outlive its worker.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Whether a process with this text in its command line runs anywhere on the machine.
pub fn runs(marker: &str) -> bool {
    !processes(marker).is_empty()
}

fn processes(marker: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_marker = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .any(|word| word == marker.as_bytes())
    };
    pids.filter(has_marker).collect()
}

/// Every process that descends from this one.
fn descendants(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let children = tasks.into_iter().flatten().flatten().flat_map(|task| {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let pids = list.split_whitespace().map(|pid| pid.parse().unwrap());
        pids.collect::<Vec<u32>>()
    });
    let children: Vec<u32> = children.collect();
    let below = children.iter().flat_map(|child| descendants(*child));
    let below: Vec<u32> = below.collect();
    [children, below].concat()
}

/// Waits until a process has ended, until then.
fn has_ended(process: &OwnedFd, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap();
        let mut waited = [PollFd::new(process, PollFlags::IN)];
        match poll(&mut waited, Some(&timeout)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}

/// The receipt of a cancel, once all is known to be gone.
fn receipt(here: &Installation, task: &str) -> Value {
    let view = here.json(&["cancel", task, "--wait", "60", "--json"]);
    assert_eq!(view["state"], "cancelled");
    assert_eq!(view["cancel"]["complete"], true, "{view:#}\n{}", here.log());
    view["cancel"].clone()
}

/// What was stopped, in short: its kind, and the tool or program.
fn stopped(receipt: &Value) -> Vec<(String, String)> {
    let rows = receipt["stopped"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| {
        (
            text(&row["kind"]),
            text(&row["tool"]) + &text(&row["program"]),
        )
    })
    .collect()
}

fn pair(kind: &str, what: &str) -> (String, String) {
    (kind.to_owned(), what.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_leaves_no_process_behind_and_its_receipt_says_so() {
    let marker = format!("98{}", std::process::id());
    let here = Installation::new(one_command(&format!(
        "setsid sleep {marker} & sleep {marker}"
    )))
    .await;
    let server = here.serve();
    let task = here.submit("Run the command.");
    wait_for(|| runs(&marker)).unwrap();
    let view = here.json(&[
        "cancel",
        &task,
        "--reason",
        "not needed",
        "--wait",
        "60",
        "--json",
    ]);
    // Not a moment later: what is said to be gone is gone.
    assert_eq!(processes(&marker), [0_u32; 0]);
    assert_eq!(view["state"], "cancelled");
    assert!(view["error"].as_str().unwrap().contains("not needed"));
    let receipt = &view["cancel"];
    assert_eq!(receipt["complete"], true, "{receipt:#}");
    assert_eq!(stopped(receipt), [pair("step", ""), pair("call", "shell")]);
    let gone = &receipt["gone"][0];
    assert_eq!(
        (&gone["proof"], &gone["gone"]),
        (&json!("worker"), &json!(true))
    );
    assert_eq!(receipt["effects"], json!([]));
    let shown = String::from_utf8(here.run(&["cancel", &task]).stdout).unwrap();
    assert!(
        shown.contains("gone at") && shown.contains("nothing remains outside the sandbox"),
        "{shown}"
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_programs_in_the_background_and_names_them() {
    let marker = format!("96{}", std::process::id());
    let program = format!("(setsid nohup sleep {marker} &) ; exec sleep {marker}");
    let here = Installation::new(calls_in_turn(&[
        call("shell_start", &json!({"command": program, "wait_s": 0})),
        call(
            "shell",
            &json!({"command": format!("touch /tmp/x; exec sleep 1{marker}")}),
        ),
    ]))
    .await;
    let server = here.serve();
    let task = here.submit("Make the calls.");
    wait_for(|| processes(&marker).len() == 2 && runs(&format!("1{marker}"))).unwrap();
    let receipt = receipt(&here, &task);
    assert_eq!(processes(&marker), [0_u32; 0]);
    assert!(!runs(&format!("1{marker}")));
    let expected = [
        pair("step", ""),
        pair("call", "shell"),
        pair("program", "shell_starts1"),
    ];
    assert_eq!(stopped(&receipt), expected);
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receipt_names_what_remains_outside() {
    let (shop, address) = Shop::open(0).await;
    let url = format!("http://{address}/orders");
    let marker = format!("95{}", std::process::id());
    let mut here = Installation::new(calls_in_turn(&[
        call("http_request", &json!({"method": "POST", "url": url})),
        call(
            "file_write",
            &json!({"path": "a.txt", "content": "seven\n"}),
        ),
        call("publish", &json!({"path": "a.txt"})),
        call("shell", &json!({"command": format!("exec sleep {marker}")})),
    ]))
    .await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    let allowed = json!([address]).to_string();
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &allowed);
    let server = here.serve();
    let task = here.submit("Make the calls.");
    wait_for(|| runs(&marker)).unwrap();
    let receipt = receipt(&here, &task);
    let effects = receipt["effects"].as_array().unwrap().iter();
    let short = effects.map(|row| {
        assert!(
            row["call"].as_str().unwrap().starts_with("call_"),
            "{row:#}"
        );
        json!([row["kind"], row["tool"], row["outcome"], row["summary"]])
    });
    let summary = format!("POST {url}");
    let expected = [
        json!(["call", "http_request", "done", summary]),
        json!(["artifact", "publish", "done", "a.txt (6 bytes)"]),
    ];
    assert_eq!(short.collect::<Vec<_>>(), expected);
    assert_eq!(shop.seen().len(), 1);
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_at_a_cancel_has_an_unknown_outcome() {
    let (shop, address) = Shop::silent().await;
    let url = format!("http://{address}/orders");
    let post = call("http_request", &json!({"method": "POST", "url": url}));
    let mut here = Installation::new(calls_in_turn(&[post])).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    let allowed = json!([address]).to_string();
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &allowed);
    let server = here.serve();
    let task = here.submit("Make the calls.");
    wait_for(|| shop.seen().len() == 1).unwrap();
    let receipt = receipt(&here, &task);
    let effect = &receipt["effects"][0];
    assert_eq!(
        (&effect["tool"], &effect["outcome"]),
        (&json!("http_request"), &json!("unknown"))
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_worker_confirms_nothing_and_the_end_of_its_lease_does() {
    let database = Cluster::shared().await.empty_database().await;
    let marker = format!("94{}", std::process::id());
    let mut here = Installation::new(one_command(&format!("exec sleep {marker}"))).await;
    here.set("ERRAND_DATABASE_URL", &database.url());
    here.set("ERRAND_WORKER__LEASE_MS", "6000");
    here.set("ERRAND_API__WORKER_SILENT_MS", "6000");
    share(&mut here);
    let api = here.start("api");
    let worker = here.start_worker("first");
    let task = here.submit("Run the command.");
    wait_for(|| runs(&marker)).unwrap();
    worker.kill();
    let view = here.json(&["cancel", &task, "--wait", "0", "--json"]);
    let (receipt, gone) = (&view["cancel"], &view["cancel"]["gone"][0]);
    assert_eq!(receipt["complete"], false, "{receipt:#}");
    assert_eq!(
        (&gone["proof"], &gone["at"]),
        (&json!("awaited"), &Value::Null)
    );
    let by_ms = gone["by_ms"].as_i64().unwrap();
    assert!(
        by_ms > receipt["cancelled_at_ms"].as_i64().unwrap(),
        "{gone}"
    );
    // Without any worker it is the time that tells, and with one the log.
    let view = here.json(&["cancel", &task, "--wait", "60", "--json"]);
    let gone = &view["cancel"]["gone"][0];
    assert_eq!(
        (&gone["proof"], &gone["at_ms"]),
        (&json!("lease"), &json!(by_ms))
    );
    let worker = here.start_worker("second");
    wait_for(|| {
        let log = here.run(&["logs", &task, "--json"]).stdout;
        String::from_utf8_lossy(&log).contains("job.stopped")
    })
    .unwrap();
    let view = here.json(&["cancel", &task, "--json"]);
    let gone = &view["cancel"]["gone"][0];
    assert_eq!(
        (&gone["proof"], &gone["gone"]),
        (&json!("lease"), &json!(true))
    );
    assert!(worker.stop().success());
    assert!(api.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_seconds_after_kill_9_no_process_of_any_task_is_alive() {
    let marker = format!("97{}", std::process::id());
    let program = format!("(setsid nohup sleep {marker} &) ; exec sleep {marker}");
    let here = Installation::new(calls_in_turn(&[
        call("shell_start", &json!({"command": program, "wait_s": 0})),
        call(
            "shell",
            &json!({"command": format!("setsid sleep {marker} & exec sleep {marker}")}),
        ),
    ]))
    .await;
    let server = here.serve();
    here.submit("Make the calls.");
    wait_for(|| processes(&marker).len() == 4).unwrap();
    let all = descendants(server.pid());
    assert!(processes(&marker).iter().all(|pid| all.contains(pid)));
    // Held by descriptors, so that a number that is given anew is not mistaken for it. One that ended meanwhile has none.
    let held = all.into_iter().filter_map(|pid| {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?))
    });
    let held: Vec<(Pid, OwnedFd)> = held.collect();
    let until = Instant::now() + GONE_WITHIN;
    server.kill();
    for (pid, process) in &held {
        assert!(
            has_ended(process, until),
            "process {pid:?} of {} is alive",
            held.len()
        );
    }
    assert_eq!(processes(&marker), [0_u32; 0]);
}
