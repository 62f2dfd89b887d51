//! Comparing what came out of the layer with what a record expects.

use std::collections::HashSet;
use std::sync::Arc;

use agent_core::ports::entropy::Seeded;
use agent_core::ports::model::{Finish, HistoryCall, Message, ProposedCall};
use models::{Answered, ChatModels, Failed};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::question::{options, question};
use crate::record::Record;
use crate::replay::Replay;

/// What a replay gave.
struct Outcome {
    result: Result<Answered, Box<Failed>>,
    replay: Arc<Replay>,
    waited_s: f64,
}

/// Everything that is not as the record says.
pub async fn problems(record: &Record) -> Vec<String> {
    if record.exchanges.is_empty() {
        return vec!["the record has no exchange".to_owned()];
    }
    let cases = record.expect.get("cases").and_then(Value::as_array);
    let Some(cases) = cases else {
        let outcome = replay(record).await;
        let mut problems = outcome.replay.problems();
        check(record, &record.expect, &outcome, &mut problems);
        if record.expect.contains_key("next_request")
            && let Ok(answered) = &outcome.result
        {
            problems.extend(next_request(record, &answered.reply.calls).await);
        }
        return problems;
    };
    let mut problems = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let Some(case) = case.as_object() else {
            problems.push(format!("case {number} is not an object"));
            continue;
        };
        let varied = vary(record, case);
        let outcome = replay(&varied).await;
        let mut found = outcome.replay.problems();
        check_case(&varied, case, &outcome, &mut found);
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("case {number}: {problem}")),
        );
    }
    problems
}

async fn replay(record: &Record) -> Outcome {
    let replay = Arc::new(Replay::new(record.exchanges.clone()));
    let exchange: Arc<dyn models::HttpExchange> = replay.clone();
    let models = ChatModels::new(options(record), exchange, Arc::new(Seeded::new(7))).unwrap();
    let start = Instant::now();
    let result = models.ask_in_detail(&question(record)).await;
    Outcome {
        result,
        replay,
        waited_s: start.elapsed().as_secs_f64(),
    }
}

/// The record with a case's answer in place of the first one.
fn vary(record: &Record, case: &Map<String, Value>) -> Record {
    let mut varied = record.clone();
    let response = &mut varied.exchanges[0].response;
    if let Some(status) = case.get("status").and_then(Value::as_u64) {
        response.status = u16::try_from(status).unwrap_or_default();
    }
    if let Some(headers) = case.get("headers") {
        response.headers = serde_json::from_value(headers.clone()).unwrap_or_default();
        response
            .headers
            .entry("content-type".to_owned())
            .or_insert_with(|| "application/json".to_owned());
    }
    if let Some(now) = case.get("now").and_then(Value::as_str) {
        response.headers.insert("date".to_owned(), now.to_owned());
    }
    if let Some(body) = case.get("body") {
        response.body = Some(body.clone());
        response.body_text = None;
        response.body_chunks_base64 = None;
    }
    if let Some(text) = case.get("body_text").and_then(Value::as_str) {
        response.body = None;
        response.body_text = Some(text.to_owned());
        response.body_chunks_base64 = None;
    }
    varied
}

fn check_case(
    record: &Record,
    case: &Map<String, Value>,
    outcome: &Outcome,
    problems: &mut Vec<String>,
) {
    let mut expected = case.clone();
    // What a case says about its answer is not said about the failure.
    for name in ["headers", "body", "body_text", "now"] {
        expected.remove(name);
    }
    let words = case.get("wait").and_then(Value::as_str).unwrap_or_default();
    if let Some(wait_s) = case.get("wait_s") {
        expected.insert("outcome".to_owned(), json!("message"));
        expected.insert("waited_s".to_owned(), wait_s.clone());
    } else if words.contains("fail over") || words.contains("do not sleep") {
        expected.insert("outcome".to_owned(), json!("error"));
        expected.insert("error_class".to_owned(), json!("rate_limited"));
        expected.insert("waited_s".to_owned(), json!(0));
    } else if words.contains("backoff") {
        expected.insert("outcome".to_owned(), json!("message"));
        if outcome.waited_s > 20.0 {
            problems.push(format!("waited {} s, expected a backoff", outcome.waited_s));
        }
    } else if case.contains_key("error_class") {
        expected.insert("outcome".to_owned(), json!("error"));
    }
    if !expected.contains_key("outcome") {
        problems.push(format!("nothing is known to check in {case:?}"));
        return;
    }
    check(record, &expected, outcome, problems);
}

fn check(
    record: &Record,
    expect: &Map<String, Value>,
    outcome: &Outcome,
    problems: &mut Vec<String>,
) {
    let kind = expect
        .get("outcome")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Some(waited) = expect.get("waited_s").and_then(Value::as_f64) {
        // Jitter may add a twentieth.
        let most = waited * 1.06 + 0.01;
        if outcome.waited_s < waited || outcome.waited_s > most {
            problems.push(format!("waited {} s, expected {waited}", outcome.waited_s));
        }
    }
    match (&outcome.result, kind) {
        (Ok(answered), "message" | "tool_calls") => {
            if outcome.replay.requests() < record.exchanges.len() {
                problems.push(format!(
                    "only {} requests were made",
                    outcome.replay.requests()
                ));
            }
            answer(expect, answered, problems);
        }
        (Err(failed), "error") => failure(expect, failed, problems),
        (Ok(answered), _) => problems.push(format!(
            "got an answer {:?}, expected {kind}",
            answered.reply
        )),
        (Err(failed), _) => problems.push(format!(
            "got {} ({:?}, partial {:?}), expected {kind}",
            failed.failure, failed.failure.status, failed.partial
        )),
    }
}

fn differs(problems: &mut Vec<String>, what: &str, got: &Value, expected: &Value) {
    if got != expected {
        problems.push(format!("{what} is {got}, expected {expected}"));
    }
}

fn answer(expect: &Map<String, Value>, answered: &Answered, problems: &mut Vec<String>) {
    let reply = &answered.reply;
    let text = reply.text.as_deref().unwrap_or_default();
    let finish = match reply.finish {
        Finish::Stop => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::Length => "length",
        Finish::Other => "other",
    };
    for (name, expected) in expect {
        match name.as_str() {
            // A missing text and an empty one are the same visible answer.
            "content" => differs(
                problems,
                name,
                &json!(text),
                &json!(expected.as_str().unwrap_or_default()),
            ),
            "reasoning" => {
                let thought = reply.thought.as_ref().map(|thought| thought.text.trim());
                differs(
                    problems,
                    name,
                    &json!(thought.unwrap_or_default()),
                    &json!(expected.as_str().unwrap_or_default()),
                );
            }
            "tool_calls" => calls(expected, reply.calls.as_slice(), problems),
            "tool_errors" => errors(expected, reply.calls.as_slice(), problems),
            "finish" => differs(problems, name, &json!(finish), expected),
            "usage" => usage(expected, answered, problems),
            "usage_source" => differs(
                problems,
                name,
                &json!(answered.usage_source.label()),
                expected,
            ),
            "served_model" => differs(problems, name, &json!(reply.model), expected),
            "attempts" => differs(problems, name, &json!(reply.attempts), expected),
            "parsed" => differs(problems, name, &json!(reply.json), expected),
            "repaired" => {
                let repaired = reply.calls.iter().any(|call| call.repaired);
                differs(problems, name, &json!(repaired), expected);
            }
            _ => {}
        }
    }
    if !expect.contains_key("tool_errors") {
        errors(&json!([]), reply.calls.as_slice(), problems);
    }
}

fn usage(expected: &Value, answered: &Answered, problems: &mut Vec<String>) {
    let Some(expected) = expected.as_object() else {
        differs(problems, "usage", &json!(answered.reported), expected);
        return;
    };
    let Some(reported) = &answered.reported else {
        problems.push(format!("usage is unknown, expected {expected:?}"));
        return;
    };
    for (name, count) in expected {
        let got = match name.as_str() {
            // A record writes an unknown part of a report as 0.
            "input" => reported.input.or(Some(0)),
            "output" => reported.output.or(Some(0)),
            "reasoning" => reported.reasoning,
            "cached" | "cached_read" | "cache_read" => reported.cached,
            _ => continue,
        };
        differs(problems, &format!("usage.{name}"), &json!(got), count);
    }
}

fn calls(expected: &Value, got: &[ProposedCall], problems: &mut Vec<String>) {
    let expected = expected.as_array().cloned().unwrap_or_default();
    let got: Vec<&ProposedCall> = got.iter().filter(|call| call.problem.is_none()).collect();
    if got.len() != expected.len() {
        problems.push(format!(
            "{} calls can run, expected {}: {got:?}",
            got.len(),
            expected.len()
        ));
        return;
    }
    let mut ids = HashSet::new();
    for (call, expected) in got.into_iter().zip(&expected) {
        if !ids.insert(&call.id) {
            problems.push(format!("the id {} is used twice", call.id));
        }
        id(expected, &call.id, problems);
        differs(problems, "name", &json!(call.tool), &expected["name"]);
        differs(
            problems,
            "arguments",
            &call.arguments,
            &expected["arguments"],
        );
    }
}

fn errors(expected: &Value, got: &[ProposedCall], problems: &mut Vec<String>) {
    let expected = expected.as_array().cloned().unwrap_or_default();
    let got: Vec<&ProposedCall> = got.iter().filter(|call| call.problem.is_some()).collect();
    if got.len() != expected.len() {
        problems.push(format!(
            "{} calls are faulty, expected {}: {got:?}",
            got.len(),
            expected.len()
        ));
        return;
    }
    for (call, expected) in got.into_iter().zip(&expected) {
        let class = call.problem.as_ref().map(|problem| &problem.class);
        differs(problems, "class", &json!(class), &expected["class"]);
        id(expected, &call.id, problems);
        if let Some(name) = expected.get("name").filter(|name| name.is_string()) {
            differs(problems, "name", &json!(call.tool), name);
        }
    }
}

fn id(expected: &Value, got: &str, problems: &mut Vec<String>) {
    match expected.get("id").and_then(Value::as_str) {
        Some("synth") if got.starts_with("call_") && got.len() > 20 => {}
        None => {}
        Some(expected) if expected == got => {}
        Some(expected) => problems.push(format!("id is {got}, expected {expected}")),
    }
}

fn failure(expect: &Map<String, Value>, failed: &Failed, problems: &mut Vec<String>) {
    let failure = &failed.failure;
    for (name, expected) in expect {
        match name.as_str() {
            "error_class" => differs(problems, name, &json!(failure.class.label()), expected),
            "retryable" => differs(problems, name, &json!(failure.retryable), expected),
            "status" => differs(problems, name, &json!(failure.status), expected),
            "attempts" => differs(problems, name, &json!(failure.attempts), expected),
            "opens_circuit" => differs(problems, name, &json!(failed.opens_circuit), expected),
            "limit_tokens" => differs(problems, name, &json!(failed.sizes.limit_tokens), expected),
            "requested_tokens" => differs(
                problems,
                name,
                &json!(failed.sizes.requested_tokens),
                expected,
            ),
            "input_tokens" => differs(problems, name, &json!(failed.sizes.input_tokens), expected),
            "message" => {
                let expected = expected.as_str().unwrap_or_default();
                if !failure.message.contains(expected) {
                    problems.push(format!(
                        "message is {:?}, expected {expected:?} in it",
                        failure.message
                    ));
                }
            }
            "partial" => {
                let got = json!({
                    "content": failed.partial.text,
                    "reasoning": failed.partial.thought,
                    "refusal": failed.partial.refusal,
                });
                for (part, expected) in expected.as_object().into_iter().flatten() {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let (got, expected) = (text(&got[part]), text(expected));
                    differs(
                        problems,
                        &format!("partial.{part}"),
                        &json!(got),
                        &json!(expected),
                    );
                }
            }
            _ => {}
        }
    }
}

/// After calls were answered, every call id must have exactly one tool message, in the order of the calls.
async fn next_request(record: &Record, proposed: &[ProposedCall]) -> Vec<String> {
    let mut exchange = record.exchanges[0].clone();
    exchange.response.status = 200;
    exchange.response.body_text = None;
    exchange.response.body_chunks_base64 = None;
    exchange.response.body =
        Some(json!({"choices": [{"message": {"content": "Done."}, "finish_reason": "stop"}]}));
    let replay = Arc::new(Replay::new(vec![exchange]));
    let shared: Arc<dyn models::HttpExchange> = replay.clone();
    let models = ChatModels::new(options(record), shared, Arc::new(Seeded::new(7))).unwrap();
    let mut request = question(record);
    request.messages.push(Message::Assistant {
        text: None,
        thought: None,
        calls: proposed
            .iter()
            .map(|call| HistoryCall {
                id: call.id.clone(),
                tool: call.tool.clone(),
                arguments: call.arguments.clone(),
            })
            .collect(),
    });
    request
        .messages
        .extend(proposed.iter().map(|call| Message::Tool {
            call_id: call.id.clone(),
            tool: call.tool.clone(),
            text: "ok".to_owned(),
            images: Vec::new(),
        }));
    if let Err(failed) = models.ask_in_detail(&request).await {
        return vec![format!("the next request failed: {}", failed.failure)];
    }
    let body = replay.body(0).unwrap_or_default();
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let answered: Vec<&Value> = messages
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| &message["tool_call_id"])
        .collect();
    let asked: Vec<&Value> = messages
        .iter()
        .filter_map(|message| message["tool_calls"].as_array())
        .flatten()
        .map(|call| &call["id"])
        .collect();
    if answered == asked && answered.len() == proposed.len() {
        return replay.problems();
    }
    vec![format!("calls {asked:?} are answered by {answered:?}")]
}
