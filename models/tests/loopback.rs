//! The layer over real sockets: through the guard to a server on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::image::ImageBytes;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::model::{
    FailureClass, Message, ModelFailure, ModelReply, ModelRequest, ModelRole, Models,
};
use agent_core::secret::Secret;
use egress::{Guard, Url};
use models::cassette::{Cassette, Mode};
use models::{ChatModels, ConfigError, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const KEY: &str = "sk-very-secret-key";
/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server does with a request that it has read.
#[derive(Clone)]
enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Says nothing, and tells when the client goes away.
    Hang(mpsc::UnboundedSender<()>),
}

/// A server that ends with its handle.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&heads);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, act.clone(), Arc::clone(&kept)));
            }
        });
        Self {
            url,
            heads,
            _tasks: tasks,
        }
    }
}

async fn serve(mut stream: TcpStream, act: Act, heads: Arc<Mutex<Vec<String>>>) {
    let head = read_request(&mut stream).await;
    heads.lock().unwrap().push(head);
    match act {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Hang(gone) => {
            let mut buffer = [0; 64];
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            let _ = gone.send(());
        }
    }
}

/// Reads head and body; gives the head.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return head;
            }
        }
        assert!(read > 0, "the request broke off");
    }
}

fn http(status: &str, content_type: &str, body: &str) -> Act {
    let length = body.len();
    Act::Write(
        format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}

fn completion(url: &str) -> Act {
    // The server names its host and echoes the key, as a careless one may.
    let text = format!("Paris, says {url} to {KEY}.");
    let event = json!({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]});
    http(
        "200 OK",
        "text/event-stream",
        &format!("data: {event}\n\ndata: [DONE]\n\n"),
    )
}

fn options(url: &str) -> Options {
    let mut options: Options = serde_json::from_value(json!({
        "planner": { "model": "m-test" },
        "retry": { "requests_max": 2, "base_ms": 10 },
        "timeouts": { "first_byte_ms": 200 },
    }))
    .unwrap();
    url.clone_into(&mut options.base_url);
    options.api_key = Some(Secret::new(KEY));
    options
}

fn models(url: &str) -> ChatModels {
    let guard = Guard::new(egress::Options::default()).unwrap();
    ChatModels::through_guard(options(url), &guard, Arc::new(Seeded::new(1))).unwrap()
}

fn question(deadline: Duration) -> ModelRequest {
    ModelRequest {
        role: ModelRole::Executor,
        images: ImageBytes::new(),
        messages: vec![Message::User {
            text: "What is the capital of France?".to_owned(),
        }],
        tools: Arc::default(),
        answer: None,
        deadline,
    }
}

async fn ask(url: &str) -> Result<ModelReply, ModelFailure> {
    let start = Instant::now();
    let result = models(url).ask(question(Duration::from_secs(5))).await;
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "the deadline did not hold"
    );
    if let Err(failure) = &result {
        assert!(!failure.message.contains(KEY), "{failure}");
        let address = url.trim_start_matches("http://");
        assert!(
            failure.message.contains(address),
            "{failure} does not name {address}"
        );
    }
    result
}

#[tokio::test]
async fn what_is_recorded_plays_back_without_a_server_and_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paris.json");
    let server = Server::start(completion("127.0.0.1")).await;
    let guard = Guard::new(egress::Options::default())
        .unwrap()
        .with_operator_targets(&[Url::parse(&server.url).unwrap()])
        .unwrap();
    let over = |mode| {
        let secrets = vec![Secret::new(KEY)];
        let cassette = Cassette::open(&file, mode, Arc::new(guard.clone()), secrets).unwrap();
        let entropy = Arc::new(Seeded::new(1));
        ChatModels::new(options(&server.url), Arc::new(cassette), entropy).unwrap()
    };
    let live = over(Mode::Record).ask(question(PATIENCE)).await.unwrap();
    assert_eq!(live.text, Some(format!("Paris, says 127.0.0.1 to {KEY}.")));

    let written = std::fs::read_to_string(&file).unwrap();
    let tape: Value = serde_json::from_str(&written).unwrap();
    assert!(
        !written.contains(KEY) && !written.contains("127.0.0.1"),
        "{written}"
    );
    assert_eq!(tape["exchanges"][0]["response"]["end"], "stall");
    drop(server.heads);

    let played = over(Mode::Replay);
    let reply = played.ask(question(PATIENCE)).await.unwrap();
    assert_eq!(
        reply.text,
        Some("Paris, says host.invalid to ***.".to_owned())
    );
    let miss = played.ask(question(PATIENCE)).await.unwrap_err();
    assert!(
        miss.message.contains("cassette") && !miss.retryable,
        "{miss}"
    );
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_a_timeout_within_the_deadline() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let server = Server::start(Act::Hang(gone)).await;
    let failure = ask(&server.url).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::Timeout, 2)
    );
    // Both connections were given up, not left open.
    for _ in 0..2 {
        timeout(PATIENCE, left.recv()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn dropping_the_question_gives_the_request_up() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let server = Server::start(Act::Hang(gone)).await;
    let mut options = options(&server.url);
    options.timeouts.first_byte_ms = 60_000;
    let guard = Guard::new(egress::Options::default()).unwrap();
    let models = ChatModels::through_guard(options, &guard, Arc::new(Seeded::new(1))).unwrap();
    tokio::select! {
        _ = models.ask(question(PATIENCE)) => panic!("nothing was said"),
        () = async { while server.heads.lock().unwrap().is_empty() { tokio::task::yield_now().await; } } => {}
    }
    timeout(PATIENCE, left.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn html_is_called_html() {
    let server = Server::start(http("200 OK", "text/html", "<html>Sign in</html>")).await;
    let failure = ask(&server.url).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::InvalidResponse);
    assert!(
        failure
            .message
            .contains("answered HTML, not JSON: is base_url right?"),
        "{failure}"
    );
    assert!(!failure.message.contains("Sign in"), "{failure}");
}

#[tokio::test]
async fn rubbish_is_not_the_protocol() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
        b"\x00\x01\x02\x03 rubbish rubbish",
    ] {
        let server = Server::start(Act::Write(bytes.to_vec())).await;
        let failure = ask(&server.url).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::InvalidResponse, "{failure}");
    }
    for body in ["rubbish", "{\"a\": rubbish}", "{\"hello\": \"world\"}"] {
        let server = Server::start(http("200 OK", "application/json", body)).await;
        let failure = ask(&server.url).await.unwrap_err();
        assert_eq!(
            failure.class,
            FailureClass::InvalidResponse,
            "{body}: {failure}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_may_be_retried() {
    let server = Server::start(Act::Write(Vec::new())).await;
    let failure = ask(&server.url).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::StreamTruncated, 2)
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let failure = ask(&url).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::Unreachable, 2)
    );
    assert!(
        failure.retryable && failure.message.contains("refused"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_without_the_key() {
    let body =
        json!({"error": {"message": format!("Incorrect API key provided: {KEY}")}}).to_string();
    let server = Server::start(http("401 Unauthorized", "application/json", &body)).await;
    let failure = ask(&server.url).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status, failure.attempts),
        (FailureClass::Auth, Some(401), 1)
    );
    assert!(failure.message.contains("api_key"), "{failure}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start(Act::Write(redirect.as_bytes().to_vec())).await;
    let failure = ask(&server.url).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::InvalidResponse);
    assert!(
        failure
            .message
            .contains("set base_url to the final address"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_probe_says_who_answered_and_sends_nothing_that_identifies_anyone() {
    let server = Server::start(completion("here")).await;
    let probe = models(&server.url).probe(ModelRole::Planner).await.unwrap();
    assert_eq!((probe.model.as_str(), probe.attempts), ("m-test", 1));
    let heads = server.heads.lock().unwrap().clone();
    let names: Vec<&str> = heads[0]
        .lines()
        .skip(1)
        .filter_map(|line| line.split(':').next())
        .collect();
    for name in names {
        let known = [
            "authorization",
            "content-type",
            "content-length",
            "host",
            "accept",
            "user-agent",
        ];
        assert!(known.contains(&name), "unexpected header {name}");
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_an_error_and_no_panic() {
    let guard = Guard::new(egress::Options::default()).unwrap();
    let refused = |change: fn(&mut Options)| {
        let mut options = options("http://127.0.0.1:1/v1");
        change(&mut options);
        ChatModels::through_guard(options, &guard, Arc::new(Seeded::new(1))).err()
    };
    assert!(matches!(
        refused(|options| options.planner.model = None),
        Some(ConfigError::NoModel)
    ));
    let broken_key = refused(|options| options.api_key = Some(Secret::new("sk-1\nsk-2")));
    assert!(matches!(broken_key, Some(ConfigError::ApiKey(_))));
    let broken_url = refused(|options| options.base_url = "not a url".to_owned());
    assert!(matches!(broken_url, Some(ConfigError::BaseUrl { .. })));
}
