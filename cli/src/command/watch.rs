//! `errand watch` and `errand logs`: follow a task's log.

use std::io::IsTerminal;
use std::time::Duration;

use agent_core::event::EventKind;
use agent_core::task::WaitKind;
use anyhow::Result;
use serde_json::Value;

use crate::client::{Client, Follow, Screen, event_line, printable, task_lines};

/// Columns when the terminal does not say.
const WIDTH_DEFAULT: usize = 100;
const REDRAW: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_secs(1);
const PAGE_ROWS: usize = 200;
/// The exit status for a task that goes on only when a person acts.
const WAITS_FOR_A_PERSON: u8 = 7;

/// How a followed task ended: the exit status says it, so that scripts can ask.
pub fn exit_code(task: &Value) -> u8 {
    match task.get("state").and_then(Value::as_str) {
        Some("succeeded") => 0,
        Some("partial") => 3,
        Some("failed") => 4,
        Some("cancelled") => 5,
        Some("waiting") if waits_for_a_person(task) => WAITS_FOR_A_PERSON,
        Some(_) | None => 6,
    }
}

/// How long a task is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To its end, through every wait.
    End,
    /// To its end, or until nothing happens unless a person acts.
    Person,
}

/// Follows a task for so long.
pub async fn watch(client: &Client, task: &str, json: bool, until: Until) -> Result<u8> {
    if json || !std::io::stdout().is_terminal() {
        follow(client, task, json, until).await?;
    } else {
        draw(client, task, until).await?;
    }
    let view = client.get(&path(task)).await?;
    if !json {
        print_outcome(&view);
    }
    let code = exit_code(&view);
    if code == WAITS_FOR_A_PERSON {
        let text = |name: &str| {
            view.pointer(&format!("/waiting/{name}"))
                .and_then(Value::as_str)
        };
        let (kind, reason) = (text("kind").unwrap_or_default(), text("reason"));
        eprintln!(
            "the task waits for {kind}: {}",
            printable(reason.unwrap_or_default())
        );
        eprintln!("what to do: errand why {task}; follow it again with: errand watch {task}");
    }
    Ok(code)
}

fn path(task: &str) -> String {
    format!("/v1/tasks/{task}")
}

/// Whether the task goes on only when a person acts.
fn waits_for_a_person(task: &Value) -> bool {
    let kind = task.pointer("/waiting/kind").and_then(Value::as_str);
    let kind = kind.and_then(WaitKind::from_label);
    kind.is_some_and(WaitKind::needs_a_person)
}

/// Prints the outcome of a task.
pub fn print_outcome(view: &Value) {
    if let Some(answer) = view.pointer("/result/answer").and_then(Value::as_str) {
        println!("\n{}", printable(answer));
    }
    for missing in view
        .pointer("/result/not_done")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        println!(
            "not done: {}",
            printable(missing.as_str().unwrap_or_default())
        );
    }
    if let Some(error) = view.get("error").and_then(Value::as_str) {
        println!("\n{}", printable(error));
    }
}

/// Prints a task's log, one line for each event.
pub async fn logs(client: &Client, task: &str, json: bool, follow: bool) -> Result<()> {
    if !follow {
        return print_pages(client, task, json).await;
    }
    self::follow(client, task, json, Until::End).await
}

async fn follow(client: &Client, task: &str, json: bool, until: Until) -> Result<()> {
    let mut cursor = Cursor::new(client, task).await?;
    while let Some(event) = cursor.next().await? {
        print_event(&event, json);
        // What was a wait when it was written may be over.
        let may_wait = until == Until::Person && event["kind"] == EventKind::TaskWaiting.label();
        if may_wait && waits_for_a_person(&client.get(&path(task)).await?) {
            break;
        }
    }
    Ok(())
}

async fn print_pages(client: &Client, task: &str, json: bool) -> Result<()> {
    let mut after = 0;
    loop {
        let page = client
            .get(&format!(
                "/v1/tasks/{task}/events?after={after}&limit={PAGE_ROWS}"
            ))
            .await?;
        let events = page
            .get("data")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let Some(last) = events.last().and_then(seq) else {
            return Ok(());
        };
        for event in &events {
            print_event(event, json);
        }
        after = last;
    }
}

fn seq(event: &Value) -> Option<i64> {
    event.get("seq").and_then(Value::as_i64)
}

fn print_event(event: &Value, json: bool) {
    if json {
        println!("{event}");
    } else if let Some(line) = event_line(event) {
        let step = event.get("seq").and_then(Value::as_i64).unwrap_or_default();
        println!("{step:>4}  {line}");
    }
}

/// A place in a task's log that survives broken connections.
struct Cursor<'a> {
    client: &'a Client,
    task: &'a str,
    stream: Option<Follow>,
    after: i64,
}

impl<'a> Cursor<'a> {
    /// The first connection must work: a wrong key or task is an error at once.
    async fn new(client: &'a Client, task: &'a str) -> Result<Self> {
        Ok(Self {
            client,
            task,
            stream: Some(client.follow(task, 0).await?),
            after: 0,
        })
    }

    /// The next event; `None` after the last one. A broken stream is opened again after the last number.
    async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let Some(stream) = &mut self.stream else {
                tokio::time::sleep(RECONNECT).await;
                self.stream = self.client.follow(self.task, self.after).await.ok();
                continue;
            };
            match stream.next().await {
                Ok(Some(frame)) if frame.event == "end" => return Ok(None),
                Ok(Some(frame)) => {
                    self.after = seq(&frame.data).unwrap_or(self.after);
                    return Ok(Some(frame.data));
                }
                Ok(None) | Err(_) => self.stream = None,
            }
        }
    }
}

async fn draw(client: &Client, task: &str, until: Until) -> Result<()> {
    let path = path(task);
    let mut cursor = Cursor::new(client, task).await?;
    let mut screen = Screen::default();
    let mut current: Option<String> = None;
    let mut view = client.get(&path).await?;
    screen.draw(&task_lines(&view, None), width())?;
    loop {
        let next = tokio::time::timeout(REDRAW, cursor.next()).await;
        let ended = matches!(next, Ok(Ok(None)));
        if let Ok(Ok(Some(event))) = &next {
            current = event_line(event).or(current);
        }
        // A server that is away for a while shows as a picture that stands still.
        view = client.get(&path).await.unwrap_or(view);
        let now = if ended { None } else { current.as_deref() };
        screen.draw(&task_lines(&view, now), width())?;
        if ended || (until == Until::Person && waits_for_a_person(&view)) {
            return Ok(());
        }
    }
}

fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map_or(WIDTH_DEFAULT, |size| usize::from(size.ws_col).max(20))
}
