//! What the layer does about answers that are none: correct, adapt, wait, or give up and say why. The clock is
//! paused, and a scripted exchange stands in for the network.

use std::sync::Arc;
use std::time::Duration;

use crate::scripted::{Say, Scripted, completion};
use agent_core::blob::{BlobHash, BlobRef};
use agent_core::image::{ImageBytes, ImageRef};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::model::{
    AnswerSchema, FailureClass, HistoryCall, Message, ModelRequest, ModelRole, Models,
};
use agent_core::ports::tool::{EffectClass, FileUse, ToolSpec};
use models::{ChatModels, HttpExchange, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

fn models(exchange: &Arc<Scripted>, options: impl Into<Value>) -> ChatModels {
    let mut all = json!({
        "base_url": "http://model.test/v1",
        "executor": { "model": "m-test", "streaming": false },
    });
    let options: Value = options.into();
    for (name, value) in options.as_object().unwrap() {
        all[name] = value.clone();
    }
    let options: Options = serde_json::from_value(all).unwrap();
    let exchange: Arc<dyn HttpExchange> = exchange.clone();
    ChatModels::new(options, exchange, Arc::new(Seeded::new(3))).unwrap()
}

fn question() -> ModelRequest {
    ModelRequest {
        role: ModelRole::Executor,
        images: ImageBytes::new(),
        messages: vec![Message::User {
            text: "Go.".to_owned(),
        }],
        tools: Arc::default(),
        answer: None,
        deadline: Duration::from_mins(5),
    }
}

fn with_schema() -> ModelRequest {
    let schema = json!({"type": "object", "properties": {"steps": {"type": "array"}},
        "required": ["steps"], "additionalProperties": false});
    let name = "plan".to_owned();
    ModelRequest {
        answer: Some(AnswerSchema { name, schema }),
        ..question()
    }
}

fn with_tool() -> ModelRequest {
    ModelRequest {
        tools: [ToolSpec {
            name: "now".to_owned(),
            description: "Tells the time.".to_owned(),
            parameters: json!({"type": "object"}),
            effect: EffectClass::Read,
            files: FileUse::None,
            outside: false,
        }]
        .into(),
        ..question()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_its_schema_is_corrected_in_one_round() {
    let exchange = Scripted::new([
        completion("{\"steps\": 1}", "stop"),
        completion("{\"steps\": []}", "stop"),
    ]);
    let reply = models(&exchange, json!({}))
        .ask(with_schema())
        .await
        .unwrap();
    assert_eq!(reply.json, Some(json!({"steps": []})));
    assert_eq!((reply.attempts, reply.tokens_all_attempts), (2, 60));
    let messages = exchange.body(1)["messages"].clone();
    assert_eq!(
        messages[1],
        json!({"role": "assistant", "content": "{\"steps\": 1}"})
    );
    let told = messages[2]["content"].as_str().unwrap();
    assert!(told.contains("/steps"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_second_violation_fails_without_quoting_the_answer() {
    let exchange = Scripted::new([
        completion("{\"steps\": \"hush\"}", "stop"),
        completion("{\"steps\": \"hush\"}", "stop"),
    ]);
    let failure = models(&exchange, json!({}))
        .ask(with_schema())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::SchemaViolation, 2)
    );
    assert!(!failure.message.contains("hush"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_thought_without_an_answer_is_asked_for_the_answer() {
    let thought = json!({"choices": [{"message": {"content": null, "reasoning_content": "Paris, I think."},
        "finish_reason": "stop"}]});
    let exchange = Scripted::new([Say::json(200, &thought), completion("Paris.", "stop")]);
    let reply = models(&exchange, json!({})).ask(question()).await.unwrap();
    assert_eq!(reply.text.as_deref(), Some("Paris."));
    let asked = exchange.body(1)["messages"][1].clone();
    assert_eq!(asked["role"], "user");
    assert!(
        !asked.to_string().contains("I think"),
        "a thought went back as text"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_that_get_lost_on_the_way_are_asked_for_in_words() {
    let exchange = Scripted::new([
        completion("", "tool_calls"),
        completion(
            "```json\n{\"tool\": \"now\", \"arguments\": {}}\n```",
            "stop",
        ),
    ]);
    let reply = models(&exchange, json!({})).ask(with_tool()).await.unwrap();
    assert_eq!(reply.calls.len(), 1);
    assert!(exchange.body(0).get("tools").is_some() && exchange.body(1).get("tools").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_output_limit_that_cuts_a_call_is_raised_once() {
    let exchange = Scripted::new([completion("", "length"), completion("Paris.", "stop")]);
    let options = json!({"executor": {"model": "m", "streaming": false, "max_output_tokens": 100}});
    let reply = models(&exchange, options).ask(question()).await.unwrap();
    assert_eq!(reply.attempts, 2);
    assert_eq!(exchange.body(0)["max_tokens"], 100);
    assert_eq!(exchange.body(1)["max_tokens"], 400);
}

#[tokio::test(start_paused = true)]
async fn a_lesson_is_remembered_for_the_next_question() {
    let refusal = json!({"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}});
    let exchange = Scripted::new([
        Say::json(400, &refusal),
        completion("One.", "stop"),
        completion("Two.", "stop"),
    ]);
    let options = json!({"executor": {"model": "m", "streaming": false, "temperature": 0.2}});
    let models = models(&exchange, options);
    models.ask(question()).await.unwrap();
    let reply = models.ask(question()).await.unwrap();
    assert_eq!(reply.attempts, 1);
    assert!(exchange.body(2).get("temperature").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_complains_about_the_same_thing_twice_is_not_asked_again() {
    let refusal = json!({"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}});
    let exchange = Scripted::new([Say::json(400, &refusal), Say::json(400, &refusal)]);
    let options =
        json!({"executor": {"model": "m", "streaming": false, "extra_body": {"seed": 1}}});
    let failure = models(&exchange, options)
        .ask(question())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::BadRequest, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_reported_and_not_slept() {
    let busy = json!({"error": {"message": "slow down"}});
    let exchange = Scripted::new([Say::json(429, &busy).header("retry-after", "120")]);
    let start = Instant::now();
    let failure = models(&exchange, json!({}))
        .ask(question())
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(failure.class, FailureClass::RateLimited);
    assert_eq!(failure.retry_after_ms, Some(120_000));
    assert!(failure.retryable);
}

#[tokio::test(start_paused = true)]
async fn retries_stop_at_the_deadline() {
    let exchange =
        Scripted::always(Say::json(503, &json!({"error": "busy"})).header("retry-after", "4"));
    let request = ModelRequest {
        deadline: Duration::from_secs(10),
        ..question()
    };
    let start = Instant::now();
    let failure = models(&exchange, json!({})).ask(request).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::ServerError, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_without_money_is_left_alone_and_tried_again_later() {
    let broke = json!({"error": {"message": "Insufficient Balance"}});
    let exchange = Scripted::new([Say::json(402, &broke), completion("Paris.", "stop")]);
    let models = models(&exchange, json!({}));
    let first = models.ask(question()).await.unwrap_err();
    assert_eq!(
        (first.class, first.attempts),
        (FailureClass::QuotaExhausted, 1)
    );
    let second = models.ask(question()).await.unwrap_err();
    assert_eq!(
        (second.class, second.attempts),
        (FailureClass::QuotaExhausted, 0)
    );
    assert_eq!(second.status, Some(402));
    assert!(second.retry_after_ms.is_some_and(|pause| pause > 0));
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(models.ask(question()).await.unwrap().attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_stops_commenting_is_a_timeout() {
    let exchange = Scripted::new([Say::endless(": keep-alive\n\n", Duration::from_secs(1))]);
    let options = json!({"executor": {"model": "m"}, "timeouts": {"idle_ms": 5000}});
    let start = Instant::now();
    let request = ModelRequest {
        deadline: Duration::from_secs(30),
        ..question()
    };
    let failure = models(&exchange, options).ask(request).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Timeout);
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_endless_answer_is_cut_at_the_size_limit() {
    let exchange = Scripted::always(Say::endless(
        "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaa",
        Duration::from_millis(1),
    ));
    let options = json!({"limits": {"body_bytes_max": 10_000}, "retry": {"requests_max": 1}});
    let failure = models(&exchange, options)
        .ask(question())
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::InvalidResponse);
    assert!(failure.message.contains("10000 bytes"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn only_as_many_requests_fly_as_are_allowed() {
    let exchange = Scripted::always(completion("Paris.", "stop").after(Duration::from_secs(1)));
    let models = models(&exchange, json!({"concurrency_max": 2}));
    let start = Instant::now();
    let asks = (0..6).map(|_| models.ask(question()));
    let replies = futures_util::future::join_all(asks).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_that_cost_tokens_is_counted() {
    let filtered = Say::json(
        200,
        &json!({"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}],
            "usage": {"prompt_tokens": 21, "completion_tokens": 9}}),
    );
    let exchange = Scripted::new([filtered]);
    let failure = models(&exchange, json!({}))
        .ask(question())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.tokens_all_attempts),
        (FailureClass::ContentFilter, 30)
    );
}

fn with_image() -> ModelRequest {
    let hash = BlobHash::of(b"picture");
    let image = ImageRef {
        blob: BlobRef {
            hash: hash.clone(),
            bytes: 7,
        },
        media_type: "image/png".to_owned(),
        width: 3,
        height: 2,
    };
    let mut request = question();
    request.messages.push(Message::Assistant {
        text: None,
        thought: None,
        calls: vec![HistoryCall {
            id: "call_1".to_owned(),
            tool: "file_read".to_owned(),
            arguments: json!({"path": "a.png"}),
        }],
    });
    request.messages.push(Message::Tool {
        call_id: "call_1".to_owned(),
        tool: "file_read".to_owned(),
        text: "a.png".to_owned(),
        images: vec![image],
    });
    request.images.insert(hash, b"picture".as_slice().into());
    request
}

/// Whether the request with this number carried an image.
fn carried_an_image(exchange: &Scripted, number: usize) -> bool {
    let body = exchange.body(number).to_string();
    body.contains("data:image/png;base64,cGljdHVyZQ==")
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_no_images_is_asked_without_them_from_then_on() {
    let refusal = json!({"error": {"message": "m-test is not a multimodal model"}});
    let exchange = Scripted::new([
        Say::json(400, &refusal),
        completion("A cat.", "stop"),
        completion("A dog.", "stop"),
    ]);
    let models = models(&exchange, json!({}));
    assert!(models.sees_images(ModelRole::Executor));
    let reply = models.ask(with_image()).await.unwrap();
    assert_eq!(reply.attempts, 2);
    assert!(!models.sees_images(ModelRole::Executor));
    assert_eq!(models.ask(with_image()).await.unwrap().attempts, 1);
    let carried = [0, 1, 2].map(|number| carried_an_image(&exchange, number));
    assert_eq!(carried, [true, false, false]);
    let told = exchange.body(1)["messages"][2]["content"].to_string();
    assert!(told.contains("this model does not see images"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_refused_for_its_own_sake_is_left_out_of_that_question_alone() {
    let refusal = json!({"error": {"message": "image exceeds 5 MB maximum"}});
    let exchange = Scripted::new([
        Say::json(400, &refusal),
        completion("No idea.", "stop"),
        completion("A dog.", "stop"),
    ]);
    let models = models(&exchange, json!({}));
    assert_eq!(models.ask(with_image()).await.unwrap().attempts, 2);
    assert!(models.sees_images(ModelRole::Executor));
    assert_eq!(models.ask(with_image()).await.unwrap().attempts, 1);
    let carried = [0, 1, 2].map(|number| carried_an_image(&exchange, number));
    assert_eq!(carried, [true, false, true]);
}
