//! What the client library costs alone: the same requests to the same model, over bare sockets and through `async-openai`.
//!
//! It bounds what a turn can cost as long as questions go through that library: nothing of Errand is in it, no profile, no check of
//! the answer, no guard of targets.

use anyhow::Result;
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::figure::Report;
use crate::floor;
use crate::model::{BODY_BYTES, Model};
use crate::process;

/// Loops side by side, and requests of each: as many as 200 tasks of 10 turns make.
const LOOPS: u32 = 200;
const REQUESTS: u32 = 11;
/// Characters of the prompt that opens a step, about as many as Errand's.
const PROMPT_CHARS: usize = 6_000;

/// Measures how much more processor time a request takes through the library than over a bare socket. Both ends are in this
/// process, so the model's part is in both.
pub async fn measure(report: &mut Report, model: &Model, rounds: usize) -> Result<()> {
    let body = body();
    let mut through = Vec::with_capacity(rounds);
    let mut bare = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let before = process::cpu_ms(std::process::id());
        over_sockets(model, &body).await?;
        let between = process::cpu_ms(std::process::id());
        through_library(model, &body).await?;
        let after = process::cpu_ms(std::process::id());
        let requests = f64::from(LOOPS * REQUESTS);
        bare.push((between - before) / requests);
        through.push((after - between) / requests);
    }
    let name = "CPU per request through the client library, both ends";
    if let Some(value) = crate::figure::median(&through) {
        let floor = crate::figure::median(&bare);
        report.add("-", name, (value, "ms"), floor);
    }
    Ok(())
}

/// A question in the middle of a step.
fn body() -> Value {
    let said = "x".repeat(BODY_BYTES);
    let mut messages = vec![json!({
        "role": "user",
        "content": format!("Job: step work task=0 turns=10 tool=note {}", "x".repeat(PROMPT_CHARS)),
    })];
    for turn in 0..5 {
        let id = format!("call_{turn}");
        let function = json!({"name": "note", "arguments": json!({"text": said}).to_string()});
        let call = json!({"id": id, "type": "function", "function": function});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": said}));
    }
    json!({"model": "bench", "stream": true, "messages": messages})
}

async fn over_sockets(model: &Model, body: &Value) -> Result<()> {
    let mut running = JoinSet::new();
    for _ in 0..LOOPS {
        let mut client = floor::Client::connect(model, &body.to_string()).await?;
        running.spawn(async move {
            for _ in 0..REQUESTS {
                client.ask().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn through_library(model: &Model, body: &Value) -> Result<()> {
    let config = OpenAIConfig::new()
        .with_api_base(format!("http://{}/v1", model.address))
        .with_api_key("none");
    let client = Client::with_config(config);
    let mut running = JoinSet::new();
    for _ in 0..LOOPS {
        let (client, body) = (client.clone(), body.clone());
        running.spawn(async move {
            for _ in 0..REQUESTS {
                let chat = client.chat();
                let mut events = chat.create_stream_byot::<_, Value>(&body).await?;
                while let Some(event) = events.next().await {
                    event?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}
