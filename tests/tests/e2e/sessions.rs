//! Programs in the background, in the real program's throwaway computer.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::{Value, json};

use crate::by_hand::{here, said};
use crate::installation::{Installation, wait_for};
use crate::scripts::program_left_behind;
use crate::shop::Shop;

fn results(here: &Installation, calls: &[Value]) -> Vec<Value> {
    let file = here.folder.path().join("calls.jsonl");
    let lines: Vec<String> = calls.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = here.run(&["tools", "call", "--file", file.to_str().unwrap()]);
    let (out, err) = said(&output);
    let results: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(results.len(), calls.len(), "{out}{err}");
    results
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"tool": tool, "arguments": arguments})
}

fn content(result: &Value) -> &str {
    result["content"].as_str().unwrap()
}

/// Whether a host process has this in its command line.
fn runs(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(text))
}

#[test]
fn a_server_in_the_background_is_reached_by_commands_and_by_other_programs() {
    let here = here();
    let got = results(
        &here,
        &[
            call(
                "shell_start",
                &json!({"command": "echo served > page; exec python3 -u -m http.server 8123", "until": "Serving"}),
            ),
            call(
                "shell",
                &json!({"command": "curl -sS http://localhost:8123/page && curl -sS http://127.0.0.1:8123/page"}),
            ),
            call("shell_start", &json!({"command": "python3 -q"})),
            call(
                "shell_write",
                &json!({"session": "s2", "text": "import urllib.request as u; print(u.urlopen('http://localhost:8123/page').read(), 6 * 7)"}),
            ),
            call(
                "shell_read",
                &json!({"session": "s1", "until": "GET /page", "wait_s": 10}),
            ),
            call("shell_stop", &json!({"session": "s1"})),
            call(
                "shell",
                &json!({"command": "curl -sS http://localhost:8123/page"}),
            ),
            call(
                "shell_write",
                &json!({"session": "s2", "text": "\u{4}", "enter": false, "wait_s": 20}),
            ),
            call("shell_write", &json!({"session": "s2", "text": "print(1)"})),
            call("shell_read", &json!({"session": "s9"})),
        ],
    );
    assert_eq!(got[0]["isolation"], got[1]["isolation"]);
    assert!(content(&got[0]).starts_with("s1 is running"), "{}", got[0]);
    assert_eq!(got[0]["changed_files"], json!(["page"]));
    assert!(content(&got[1]).ends_with("served\nserved"), "{}", got[1]);
    assert!(content(&got[3]).contains("b'served\\n' 42"), "{}", got[3]);
    assert!(content(&got[4]).contains("GET /page"), "{}", got[4]);
    assert!(content(&got[5]).starts_with("s1 ended"), "{}", got[5]);
    assert_eq!(got[6]["ok"], false, "the server is gone: {}", got[6]);
    assert!(
        content(&got[7]).starts_with("s2 ended with exit status 0"),
        "{}",
        got[7]
    );
    assert_eq!(got[8]["ok"], false);
    assert!(
        content(&got[9]).contains("no background program \"s9\"; there are: s1, s2"),
        "{}",
        got[9]
    );
}

#[test]
fn all_output_of_a_background_program_is_a_file_where_the_model_is_not_shown_all_of_it() {
    let mut here = here();
    here.set("ERRAND_TOOLS__OUTPUT_KEPT_BYTES", "100000");
    let command = "seq -f 'line %.0f' 100000; echo finished; read more; echo and $more";
    let look =
        "cd .errand/output && ls && wc -c < *.terminal && sed -n 50000p *.terminal | tr -d '\\r'";
    let got = results(
        &here,
        &[
            call(
                "shell_start",
                &json!({"command": command, "until": "finished", "wait_s": 60}),
            ),
            call("shell", &json!({"command": look})),
            call(
                "shell_write",
                &json!({"session": "s1", "text": "more", "until": "and more", "wait_s": 60}),
            ),
        ],
    );
    let shown = content(&got[0]);
    let begins = "s1 is running\n--- output\nline 1\nline 2\n";
    assert!(shown.starts_with(begins), "{shown:.100}");
    let told = " bytes left out here; all 1088904 are in .errand/output/";
    assert!(shown.contains(told), "{shown}");
    assert!(shown.ends_with("\nline 100000\nfinished"), "{shown}");
    assert!(
        content(&got[1]).ends_with(".terminal\n1088904\nline 50000"),
        "{}",
        got[1]
    );
    assert!(
        content(&got[2]).ends_with("\n--- output\nand more"),
        "{}",
        got[2]
    );
}

#[test]
fn a_background_program_whose_output_cannot_be_a_file_is_read_part_by_part() {
    let mut here = here();
    here.set("ERRAND_TOOLS__OUTPUT_STORED_BYTES_MAX", "0");
    let command = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo finished";
    let read = call("shell_read", &json!({"session": "s1"}));
    let got = results(
        &here,
        &[
            call(
                "shell_start",
                &json!({"command": command, "until": "finished", "wait_s": 60}),
            ),
            read.clone(),
            read,
        ],
    );
    for (part, told) in got.iter().zip([
        "xx\n[23926 bytes more: call shell_read again]",
        "xx\n[7842 bytes more: call shell_read again]",
        "xx\nfinished",
    ]) {
        let end = content(part).len().saturating_sub(99);
        assert!(content(part).ends_with(told), "{}", &content(part)[end..]);
    }
}

#[test]
fn what_a_background_program_leaves_behind_ends_with_its_computer() {
    let here = here();
    let mark = format!("88{}", std::process::id());
    let command = format!("(setsid nohup sleep {mark} &) ; sleep {mark}");
    let got = results(
        &here,
        &[
            call("shell_start", &json!({"command": command, "wait_s": 0})),
            call("shell", &json!({"command": "true"})),
        ],
    );
    assert!(content(&got[0]).starts_with("s1 is running"), "{}", got[0]);
    assert!(!runs(&mark), "something still runs");
}

#[test]
fn a_program_that_was_stopped_is_gone_with_all_that_it_started_when_that_is_said() {
    let here = here();
    let mark = format!("89{}", std::process::id());
    // It ignores what a terminal sends, so it has to be ended with force.
    let command = format!(
        "trap '' INT HUP; (setsid nohup sleep {mark} &) ; echo ready; sleep {mark}; sleep {mark}"
    );
    let calls = [
        call(
            "shell_start",
            &json!({"command": command, "until": "ready", "wait_s": 60}),
        ),
        call("shell_stop", &json!({"session": "s1"})),
        call("shell", &json!({"command": "sleep 1000"})),
    ];
    let file = here.folder.path().join("calls.jsonl");
    std::fs::write(&file, calls.map(|one| one.to_string()).join("\n")).unwrap();
    let mut errand = here.errand(&["tools", "call", "--file", file.to_str().unwrap()]);
    let mut child = errand.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.next().unwrap().unwrap();
    assert!(started.contains("ready"), "{started}");
    let stopped = lines.next().unwrap().unwrap();
    // Not a moment later.
    assert!(!runs(&mark), "something still runs");
    assert!(
        stopped.contains("all of its processes are gone"),
        "{stopped}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_background_program_that_prints_without_end_or_ignores_its_input_holds_nobody_up() {
    let mut here = here();
    here.set("ERRAND_TOOLS__OUTPUT_BYTES_MAX", "2000000");
    let began = std::time::Instant::now();
    let got = results(
        &here,
        &[
            call(
                "shell_start",
                &json!({"command": "yes", "until": "never printed", "wait_s": 60}),
            ),
            call("shell_start", &json!({"command": "stty raw; sleep 1000"})),
            call(
                "shell_write",
                &json!({"session": "s2", "text": "xxxxxxxxx\n".repeat(20_000)}),
            ),
            call("shell_stop", &json!({"session": "s2"})),
        ],
    );
    assert!(
        content(&got[0]).contains("killed: more than 2000000 bytes of output"),
        "{}",
        got[0]
    );
    assert!(
        content(&got[2]).contains("does not read its input"),
        "{}",
        got[2]
    );
    assert_eq!(got[3]["ok"], true);
    assert!(
        began.elapsed() < Duration::from_secs(50),
        "nobody waited out a limit"
    );
}

#[test]
fn more_programs_than_may_run_at_once_are_refused() {
    let here = here();
    let start = || {
        call(
            "shell_start",
            &json!({"command": "sleep 1000", "wait_s": 0}),
        )
    };
    let mut calls: Vec<Value> = (0..9).map(|_| start()).collect();
    calls.push(call("shell_stop", &json!({"session": "s3"})));
    calls.push(start());
    let got = results(&here, &calls);
    assert_eq!(got[7]["ok"], true);
    assert!(
        content(&got[8]).contains("8 programs run in the background already"),
        "{}",
        got[8]
    );
    assert!(
        content(&got[10]).starts_with("s9 is running"),
        "{}",
        got[10]
    );
}

#[test]
fn a_program_that_makes_and_removes_files_disturbs_no_other_call() {
    let here = here();
    let churn = "while :; do for n in $(seq 60); do echo $n > f$n; done; rm -f f*; done";
    let mut calls = vec![call("shell_start", &json!({"command": churn, "wait_s": 0}))];
    let quick = || {
        call(
            "shell",
            &json!({"command": "echo kept > kept.txt; sleep 0.05"}),
        )
    };
    calls.extend((0..12).map(|_| quick()));
    let got = results(&here, &calls);
    assert!(got[1..].iter().all(|one| one["ok"] == true), "{got:?}");
}

#[test]
fn a_server_is_started_again_on_its_port_while_others_run() {
    let here = here();
    let serve = || {
        let command = "exec python3 -u -m http.server 8124";
        call(
            "shell_start",
            &json!({"command": command, "until": "Serving"}),
        )
    };
    let got = results(
        &here,
        &[
            serve(),
            call(
                "shell_start",
                &json!({"command": "sleep 1000", "wait_s": 0}),
            ),
            call("shell_stop", &json!({"session": "s1"})),
            serve(),
            call(
                "shell",
                &json!({"command": "curl -sS -o /dev/null http://localhost:8124/"}),
            ),
        ],
    );
    assert!(content(&got[3]).starts_with("s3 is running"), "{}", got[3]);
    assert_eq!(got[4]["ok"], true, "{}", got[4]);
}

#[test]
fn a_line_that_a_terminal_would_cut_is_refused() {
    let here = here();
    let got = results(
        &here,
        &[
            call(
                "shell_start",
                &json!({"command": "read -r x; echo got ${#x}"}),
            ),
            call(
                "shell_write",
                &json!({"session": "s1", "text": "x".repeat(4001)}),
            ),
            call(
                "shell_write",
                &json!({"session": "s1", "text": "y".repeat(4000), "until": "got"}),
            ),
        ],
    );
    assert_eq!(got[1]["ok"], false);
    assert!(
        content(&got[1]).contains("at most 4000 bytes"),
        "{}",
        got[1]
    );
    assert!(content(&got[2]).contains("got 4000"), "{}", got[2]);
}

/// The folder of the only workspace of a step that this installation has now.
fn workspace(here: &Installation) -> std::path::PathBuf {
    let mut folders = vec![here.data()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.path().is_dir()) {
            if entry.file_name() == "files" {
                return entry.path();
            }
            folders.push(entry.path());
        }
    }
    panic!("there is no workspace");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_background_program_writes_after_the_last_call_is_kept_when_the_step_ends() {
    let (shop, address) = Shop::silent().await;
    let program = "until [ -e go ]; do sleep 0.05; done; echo late > late.txt; mv late.txt kept.txt; exec sleep 1000";
    let url = format!("http://{address}/");
    let mut here = Installation::new(program_left_behind(program, &url, "ls; cat kept.txt")).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    let allowed = json!([address]).to_string();
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &allowed);
    let server = here.serve();
    let task = here.submit("Leave it behind.");
    // The last call that looks at files is over, and another is under way.
    wait_for(|| shop.seen().len() == 1).unwrap();
    let files = workspace(&here);
    std::fs::write(files.join("go"), "").unwrap();
    wait_for(|| files.join("kept.txt").exists()).unwrap();
    shop.answer_late();
    let view = here.until_final(&task);
    let answer = view["result"]["answer"].as_str().unwrap();
    assert!(
        answer.contains("\ngo\nkept.txt\nlate\n[end of material "),
        "{view:#}"
    );
    assert!(server.stop().success());
}
