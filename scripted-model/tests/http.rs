//! The recorded model over real HTTP, as Errand talks to it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use scripted_model::journal::Journal;
use scripted_model::{Options, Running, Script, Scripts, start};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn script() -> Script {
    let text = json!({"match": "count the words", "said": "recorded", "jobs": {
        "step:count": [
            {"reasoning": "wc will do, whatever the language of the text is in which the words are written",
             "tool_calls": [
                {"name": "shell", "arguments": {"command": "wc -w é.txt | sort -n | head -n 20 # a long enough command"}},
                {"name": "note", "arguments": {"text": "Counting."}}]},
            {"content": "There are {{last_tool/(\\d+)/}} words."},
        ],
        "report": [{"content": {"answer": "{{step:count}}", "not_done": []}}],
    }});
    Script::parse("words", &text.to_string(), Path::new(".")).unwrap()
}

async fn server(journal: Journal) -> Running {
    let options = Options {
        scripts: Scripts::new(vec![script()]),
        journal,
        delay: Duration::ZERO,
    };
    start("127.0.0.1:0".parse().unwrap(), options)
        .await
        .unwrap()
}

/// Sends one request and reads until the server closes; gives status line and body.
async fn exchange(running: &Running, method: &str, path: &str, body: &Value) -> (String, String) {
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn question(job: &str, answers: usize, stream: bool) -> Value {
    let prompt = format!(
        "Job: {job}\nPlease count the words.\n<<< result of step count w\n7 \"words\"\n>>> end of result w\n"
    );
    let mut messages = vec![json!({"role": "user", "content": prompt})];
    for _ in 0..answers {
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": []}));
        messages.push(json!({"role": "tool", "tool_call_id": "x", "content": "41 é.txt"}));
    }
    json!({"model": "any", "messages": messages, "stream": stream, "stream_options": {"include_usage": true}})
}

async fn ask(running: &Running, question: &Value) -> (String, String) {
    exchange(running, "POST", "/v1/chat/completions", question).await
}

fn journal_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Puts the chunks of a stream together again.
fn joined(body: &str) -> (String, String, Vec<(String, String)>, String) {
    let (mut content, mut thought, mut finish) = (String::new(), String::new(), String::new());
    let mut calls: Vec<(String, String)> = Vec::new();
    // The body is chunked; the events' lines are found whole because each was sent by itself.
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        let choice = &chunk["choices"][0];
        content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        thought.push_str(
            choice["delta"]["reasoning_content"]
                .as_str()
                .unwrap_or_default(),
        );
        finish.push_str(choice["finish_reason"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if let Some(name) = call["function"]["name"].as_str() {
                calls.push((name.to_owned(), String::new()));
            }
            let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            calls[at]
                .1
                .push_str(call["function"]["arguments"].as_str().unwrap());
        }
    }
    (content, thought, calls, finish)
}

#[tokio::test]
async fn a_unary_answer_follows_script_job_and_turn() {
    let running = server(Journal::default()).await;
    let (status, body) = ask(&running, &question("step count", 1, false)).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let choice = &answer["choices"][0];
    assert_eq!(
        choice["message"],
        json!({"role": "assistant", "content": "There are 41 words."})
    );
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(answer["model"], "any");
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 10);
    running.stop().await;
}

#[tokio::test]
async fn a_structured_answer_stays_valid_json_when_results_hold_quotes() {
    let running = server(Journal::default()).await;
    let (_, body) = ask(&running, &question("report", 0, false)).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let report: Value = serde_json::from_str(content).unwrap();
    assert_eq!(report, json!({"answer": "7 \"words\"", "not_done": []}));
}

#[tokio::test]
async fn a_stream_says_the_same_as_a_unary_answer() {
    let running = server(Journal::default()).await;
    let (_, unary) = ask(&running, &question("step count", 0, false)).await;
    let unary: Value = serde_json::from_str(&unary).unwrap();
    let message = &unary["choices"][0]["message"];
    let (status, body) = ask(&running, &question("step count", 0, true)).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let (content, thought, calls, finish) = joined(&body);
    assert_eq!(content, "");
    assert_eq!(json!(thought), message["reasoning_content"]);
    let whole: Vec<(String, String)> = message["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| {
            let text = |name: &str| call["function"][name].as_str().unwrap().to_owned();
            (text("name"), text("arguments"))
        })
        .collect();
    assert_eq!(calls, whole);
    assert_eq!(finish, "tool_calls");
    assert!(body.contains("\"usage\":{\"prompt_tokens\""), "{body}");
    assert!(body.contains("data: [DONE]"));
}

#[tokio::test]
async fn what_was_not_recorded_is_a_server_error_that_says_what_is_missing() {
    let running = server(Journal::default()).await;
    let (status, body) = ask(&running, &question("plan", 0, false)).await;
    assert_eq!(status, "HTTP/1.1 500 Internal Server Error");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        answer["error"]["message"],
        "script words has no job plan; its jobs: report, step:count"
    );
    assert_eq!(answer["error"]["type"], "not_recorded");
}

#[tokio::test]
async fn the_journal_holds_one_line_for_each_request_with_its_address_and_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.jsonl");
    let running = server(Journal::append_to(&path).unwrap()).await;
    ask(&running, &question("step count", 0, true)).await;
    ask(&running, &question("step count", 9, false)).await;
    running.stop().await;
    let lines = journal_lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["script"], "words");
    assert_eq!(lines[0]["job"], "step:count");
    assert_eq!(
        (&lines[0]["turn"], &lines[0]["answered"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(lines[1]["answered"], json!(false));
    assert!(
        lines[1]["error"]
            .as_str()
            .unwrap()
            .contains("turn 9 was not recorded")
    );
}

#[tokio::test]
async fn the_models_are_listed() {
    let running = server(Journal::default()).await;
    let (status, body) = exchange(&running, "GET", "/v1/models", &json!(null)).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["data"][0]["id"], "recorded");
}

#[test]
fn a_script_with_a_fault_is_refused_when_it_is_read() {
    let fault = |jobs: Value| {
        let text = json!({"match": "x", "said": "recorded", "jobs": jobs}).to_string();
        Script::parse("s", &text, Path::new(".")).unwrap_err()
    };
    assert!(fault(json!({"stop": []})).contains("none of plan, replan, report"));
    assert!(fault(json!({"plan": [{}]})).contains("neither content nor tool calls"));
    assert!(
        fault(json!({"plan": [{"content": "{{last_tool/(/}}"}]}))
            .contains("not a valid expression")
    );
    let empty = json!({"match": " ", "said": "recorded", "jobs": {}}).to_string();
    assert!(
        Script::parse("s", &empty, Path::new("."))
            .unwrap_err()
            .contains("answer every goal")
    );
}

#[test]
fn a_long_text_may_stand_in_a_file_beside_the_script() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("adding");
    std::fs::create_dir_all(inner.join("recorded")).unwrap();
    std::fs::write(inner.join("recorded/add.py"), "print(1 + 1)\n").unwrap();
    let jobs = json!({"step:add": [{"tool_calls": [
        {"name": "file_write", "arguments": {"path": "add.py", "content": {"$file": "recorded/add.py"}}}]}]});
    let text = json!({"match": "add", "said": "recorded", "jobs": jobs}).to_string();
    std::fs::write(inner.join("model.json"), text).unwrap();
    let scripts = Scripts::read(&[folder.path().to_owned()]).unwrap();
    let call = &scripts.all()[0].jobs["step:add"][0].tool_calls[0];
    assert_eq!(call.arguments["content"], json!("print(1 + 1)\n"));
    assert_eq!(scripts.names(), vec!["adding"]);

    std::fs::remove_file(inner.join("recorded/add.py")).unwrap();
    let fault = Scripts::read(&[folder.path().to_owned()]).unwrap_err();
    assert!(fault.to_string().contains("could not read"), "{fault}");
}
