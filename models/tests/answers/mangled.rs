//! Answers that are cut, doubled or scrambled at random places must end in an answer or a classified failure, in
//! time, and never in a panic or in a call that was cut off.

use std::sync::Arc;
use std::time::Duration;

use crate::scripted::{Say, Scripted};
use agent_core::image::ImageBytes;
use agent_core::ports::entropy::{Entropy, Seeded};
use agent_core::ports::model::{Message, ModelRequest, ModelRole};
use agent_core::ports::tool::{EffectClass, FileUse, ToolSpec};
use models::{ChatModels, HttpExchange, Options};
use serde_json::json;
use tokio::time::Instant;

const EVENTS: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Hm \\ud83d\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"<think>x</think>Lo\\u00e9 😀\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":",
    "{\"name\":\"search\",\"arguments\":\"{\\\"query\\\": \"}}]}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":",
    "{\"arguments\":\"\\\"whole\\\"}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
);

const TEXT: &str = concat!(
    "{\"choices\":[{\"message\":{\"content\":\"I look.\\n<tool_call>{\\\"name\\\": \\\"search\\\", \\\"arguments\\\": ",
    "{\\\"query\\\": \\\"whole\\\"}}</tool_call>\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":NaN}}",
);

/// One way of spoiling bytes.
fn mangle(text: &str, entropy: &Seeded) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let place = |length: usize| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a short text"
        )]
        let place = (entropy.unit() * length as f64) as usize;
        place
    };
    let (from, to) = (place(bytes.len()), place(bytes.len()));
    let (from, to) = (from.min(to), from.max(to));
    match place(5) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(from..to)),
        2 => bytes[from] = u8::try_from(place(256)).unwrap(),
        3 => {
            let piece = bytes[from..to].to_vec();
            bytes.splice(to..to, piece);
        }
        _ => bytes.swap(from, to),
    }
    bytes
}

fn request() -> ModelRequest {
    ModelRequest {
        role: ModelRole::Executor,
        images: ImageBytes::new(),
        messages: vec![Message::User {
            text: "Go.".to_owned(),
        }],
        tools: [ToolSpec {
            name: "search".to_owned(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {"query": {"enum": ["whole"]}},
                "required": ["query"], "additionalProperties": false}),
            effect: EffectClass::Once,
            files: FileUse::None,
            outside: false,
        }]
        .into(),
        answer: None,
        deadline: Duration::from_mins(1),
    }
}

#[tokio::test(start_paused = true)]
async fn no_mangled_answer_panics_overruns_its_deadline_or_runs_half_a_call() {
    let entropy = Seeded::new(20_261_124);
    let exchange = Scripted::new([]);
    let models = [(EVENTS, true), (TEXT, false)].map(|(text, streaming)| {
        let options: Options = serde_json::from_value(json!({
            "executor": {"model": "m", "streaming": streaming},
            "retry": {"requests_max": 2},
        }))
        .unwrap();
        let exchange: Arc<dyn HttpExchange> = exchange.clone();
        let models = ChatModels::new(options, exchange, Arc::new(Seeded::new(1))).unwrap();
        (text, models)
    });
    for round in 0..2000 {
        let (text, models) = &models[round % 2];
        let bytes = mangle(text, &entropy);
        exchange.clear();
        exchange.push(Say::bytes(bytes.clone()));
        exchange.push(Say::bytes(bytes.clone()));
        let start = Instant::now();
        let result = models.ask_in_detail(&request()).await;
        assert!(start.elapsed() <= Duration::from_secs(61));
        let calls = result.map(|answered| answered.reply.calls);
        for call in calls.iter().flatten().filter(|call| call.problem.is_none()) {
            let shown = String::from_utf8_lossy(&bytes);
            assert_eq!(call.arguments, json!({"query": "whole"}), "{shown}");
        }
    }
}
