//! The log: pages, and streams that resume without loss or repeats.

use api::Options;
use serde_json::Value;

use crate::client::{AT_MOST, Open};
use crate::world::World;

/// One Server-Sent Event.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    id: Option<i64>,
    event: String,
    data: Value,
}

struct Stream {
    open: Open,
    text: String,
}

impl Stream {
    async fn open(world: &World, task: &str, last: Option<i64>) -> Self {
        let opened = Self::ask(world, task, last).await;
        opened.unwrap_or_else(|status| panic!("answered {status}"))
    }

    /// Asks again while there is no place for another stream.
    async fn when_free(world: &World, task: &str, last: Option<i64>) -> Self {
        let asking = async {
            loop {
                match Self::ask(world, task, last).await {
                    Ok(stream) => return stream,
                    Err(status) => assert_eq!(status, 429),
                }
            }
        };
        tokio::time::timeout(AT_MOST, asking).await.unwrap()
    }

    async fn ask(world: &World, task: &str, last: Option<i64>) -> Result<Self, u16> {
        let ask = world.ask("GET", &format!("/v1/tasks/{task}/events"));
        let mut ask = ask.header("accept", "text/event-stream");
        if let Some(last) = last {
            ask = ask.header("last-event-id", &last.to_string());
        }
        let mut open = Open::to(world.address).await;
        open.write(ask).await;
        let (status, headers) = open.head().await;
        if status != 200 {
            return Err(status);
        }
        let kind = ("content-type".to_owned(), "text/event-stream".to_owned());
        assert!(headers.contains(&kind), "{headers:?}");
        let text = String::new();
        Ok(Self { open, text })
    }

    /// The next block, comments included; `None` when the stream ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                return Some(block);
            }
            let chunk = self.open.chunk().await?;
            self.text.push_str(&String::from_utf8(chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Sent> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let found = block.lines().find_map(|line| line.strip_prefix(name));
                found.map(|rest| rest.trim().to_owned())
            };
            if let Some(event) = field("event:") {
                return Some(Sent {
                    id: field("id:").map(|id| id.parse().unwrap()),
                    event,
                    data: serde_json::from_str(&field("data:").unwrap()).unwrap(),
                });
            }
        }
    }

    async fn rest(mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        while let Some(sent) = self.next().await {
            all.push(sent);
        }
        all
    }
}

fn numbers(sent: &[Sent]) -> Vec<i64> {
    sent.iter().filter_map(|one| one.id).collect()
}

#[tokio::test]
async fn pages_of_events_follow_each_other_without_gaps() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.note(&claim, &["a", "b", "c"]).await;
    let path = format!("/v1/tasks/{task}/events");
    let whole = world.get(&path).await.json();
    assert_eq!(whole["next"], Value::Null);
    let whole = whole["data"].as_array().unwrap().clone();
    for (index, event) in whole.iter().enumerate() {
        assert_eq!(event["seq"], index + 1);
        assert!(event["at_ms"].is_i64() && event["v"] == 1 && event["data"].is_object());
    }
    assert_eq!(whole.last().unwrap()["data"]["text"], "c");
    let mut seen = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = world
            .get(&format!("{path}?limit=2&after={after}"))
            .await
            .json();
        seen.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = next.to_owned();
    }
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn a_stream_follows_the_task_to_its_end() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let mut stream = Stream::open(&world, &task, None).await;
    let first = stream.next().await.unwrap();
    assert_eq!(
        (first.id, first.event.as_str()),
        (Some(1), "task.submitted")
    );
    assert_eq!(first.data["kind"], "task.submitted");
    world.note(&claim, &["live"]).await;
    loop {
        let sent = stream.next().await.unwrap();
        if sent.event == "note.added" {
            assert_eq!(sent.data["data"]["text"], "live");
            break;
        }
    }
    world.end(&claim).await;
    let rest = stream.rest().await;
    let last = rest.last().unwrap();
    assert_eq!((last.id, last.event.as_str()), (None, "end"));
    assert_eq!(last.data["state"], "succeeded");
    assert_eq!(rest[rest.len() - 2].event, "task.finished");
    // The stream and the pages are views of one log.
    let page = world
        .get(&format!("/v1/tasks/{task}/events?limit=200"))
        .await
        .json();
    let again = Stream::open(&world, &task, None).await.rest().await;
    let streamed: Vec<_> = again
        .iter()
        .filter(|s| s.id.is_some())
        .map(|s| &s.data)
        .collect();
    assert_eq!(
        streamed,
        page["data"].as_array().unwrap().iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere_resumes_without_loss_or_repeats() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let texts: Vec<String> = (0..150).map(|n| format!("note {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    let mut last = None;
    let writing = world.note(&claim, &texts);
    let reading = async {
        for length in [1, 7, 64, 30] {
            let mut stream = Stream::open(&world, &task, last).await;
            for _ in 0..length {
                let sent = stream.next().await.unwrap();
                last = sent.id;
                seen.push(sent);
            }
            // The client goes away here, in mid-stream.
        }
    };
    tokio::join!(writing, reading);
    world.end(&claim).await;
    seen.extend(Stream::open(&world, &task, last).await.rest().await);
    let numbers = numbers(&seen);
    let wanted: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
    assert_eq!(numbers, wanted);
    assert!(numbers.len() > 150);
}

#[tokio::test]
async fn a_stream_of_an_ended_task_from_its_last_event_ends_at_once() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.end(&claim).await;
    let seq = world.get(&format!("/v1/tasks/{task}")).await.json()["seq"].as_i64();
    let rest = Stream::open(&world, &task, seq).await.rest().await;
    assert_eq!(rest.len(), 1);
    assert_eq!((rest[0].event.as_str(), rest[0].id), ("end", None));
}

#[tokio::test]
async fn a_quiet_stream_shows_signs_of_life() {
    let options = Options {
        sse_ping_ms: 30,
        ..Options::default()
    };
    let world = World::with(options).await;
    let task = world.task().await;
    let mut stream = Stream::open(&world, &task, Some(1)).await;
    assert_eq!(stream.block().await.as_deref(), Some("retry: 1000"));
    assert_eq!(stream.block().await.as_deref(), Some(": ping"));
    assert_eq!(stream.block().await.as_deref(), Some(": ping"));
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let options = Options {
        key_cache_ms: 0,
        poll_ms: 20,
        ..Options::default()
    };
    let world = World::with(options).await;
    let task = world.task().await;
    let mut stream = Stream::open(&world, &task, None).await;
    stream.next().await.unwrap();
    let revoked =
        agent_core::ports::store::Keys::revoke_key(&world.store, &world.tenant, &world.key_id);
    revoked.await.unwrap();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped_and_can_resume() {
    let options = Options {
        write_stall_timeout_ms: 200,
        watchers_per_tenant_max: 1,
        ..Options::default()
    };
    let world = World::with(options).await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    // More than the sockets' buffers hold, so that the server must wait for the client.
    let long = "x".repeat(30_000);
    let texts: Vec<&str> = vec![long.as_str(); 600];
    world.note(&claim, &texts).await;
    let stalled = Stream::open(&world, &task, None).await;
    world.end(&claim).await;
    // The one place for streams is free again when the server has given the stalled client up.
    drop(Stream::when_free(&world, &task, None).await);
    let got = numbers(&stalled.rest().await);
    let seq = world.get(&format!("/v1/tasks/{task}")).await.json()["seq"]
        .as_i64()
        .unwrap();
    let last = got.last().copied().unwrap_or(0);
    assert!(last < seq, "all of it fitted into buffers");
    let rest = Stream::when_free(&world, &task, Some(last))
        .await
        .rest()
        .await;
    assert_eq!(numbers(&rest).first(), Some(&(last + 1)));
    assert_eq!(numbers(&rest).last(), Some(&seq));
}

#[tokio::test]
async fn bad_places_in_the_log_are_refused() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/v1/tasks/{task}/events");
    let answer = world.get(&format!("{path}?after=-1&limit=x")).await;
    assert_eq!(
        answer.faults(400, "validation_failed"),
        ["?after", "?limit"]
    );
    let ask = world
        .ask("GET", &path)
        .header("accept", "text/event-stream");
    let answer = ask
        .header("last-event-id", "seven")
        .send(world.address)
        .await;
    assert_eq!(
        answer.faults(400, "validation_failed"),
        ["header:last-event-id"]
    );
}
