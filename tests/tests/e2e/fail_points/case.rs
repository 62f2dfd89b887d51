//! One case: a process that dies at one point, another that goes on, and the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chaos::client::Client;
use chaos::effects::Effects;
use errand_tests::postgres::Database;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::expect::{Expected, Progress};
use super::work::Class;
use crate::installation::{Installation, Server, wait_for};
use crate::shop::{Seen, Shop};

/// A kill to be tried.
pub struct Case {
    pub class: Class,
    pub point: String,
    pub expected: Expected,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How often the call was made.
    pub made: usize,
    /// Whether the model was told that the outcome is unknown, and whether the owner was asked.
    pub unknown: bool,
    pub asked_owner: bool,
    /// Questions that were answered once more.
    pub asked_again: usize,
    /// Webhook messages that were sent once more.
    pub sent_again: usize,
    /// What must not be.
    pub wrong: Vec<String>,
}

/// An installation with its witnesses.
struct World {
    class: Class,
    here: Installation,
    shop: Shop,
    shop_address: String,
    effects: Effects,
}

/// The points that an undisturbed run reaches, in order.
pub fn trace(handle: &Handle, class: Class, database: Option<&Database>) -> Vec<String> {
    let world = World::new(handle, class, database);
    let points = world.here.folder.path().join("points");
    let variable = ("ERRAND_TEST_POINTS", points.to_str().unwrap());
    let mut life = Life::begin(&world, variable);
    let task = life.submit(&world);
    world.until_done(&task);
    assert!(!life.is_second, "{}", world.here.log());
    assert!(life.server.stop().success());
    let listed = std::fs::read_to_string(&points).unwrap();
    listed.lines().map(str::to_owned).collect()
}

/// The process of a case: first the one that dies, then the one that goes on.
struct Life {
    server: Server,
    is_second: bool,
}

impl Life {
    fn begin(world: &World, variable: (&str, &str)) -> Self {
        Self {
            server: world.here.serve_until(variable),
            is_second: false,
        }
    }

    /// Starts the second process if the first has ended. Says whether the second one runs.
    fn go_on(&mut self, world: &World) -> bool {
        if self.server.ended().is_some() {
            assert!(
                !self.is_second,
                "the second process died: {}",
                world.here.log()
            );
            self.server = world.here.serve();
            self.is_second = true;
        }
        self.is_second
    }

    /// Submits until it is accepted, under one key, as a careful client does.
    fn submit(&mut self, world: &World) -> String {
        let body = world.class.body(&world.shop_address);
        let mut task = None;
        let accepted = wait_for(|| {
            let answer = world.client().post("/v1/tasks", "the only one", &body);
            let answer = answer.ok().filter(|answer| answer.status / 100 == 2);
            task = answer.and_then(|answer| Some(answer.json()["id"].as_str()?.to_owned()));
            self.go_on(world);
            task.is_some()
        });
        assert!(accepted.is_ok(), "{}", world.here.log());
        task.unwrap()
    }
}

impl Case {
    /// Kills, starts again, waits for the end, judges.
    pub fn run(&self, handle: &Handle, database: Option<&Database>) -> Outcome {
        let world = World::new(handle, self.class, database);
        let mut life = Life::begin(&world, ("ERRAND_TEST_KILL_AT", &self.point));
        let task = life.submit(&world);
        if wait_for(|| life.go_on(&world)).is_err() {
            let wrong = vec!["the point was never reached".to_owned()];
            return Outcome {
                wrong,
                ..Outcome::default()
            };
        }
        world.until_done(&task);
        let mut outcome = world.outcome(&task);
        let stopped = life.server.stop();
        if !stopped.success() {
            let said = format!("the second process ended with {stopped}");
            outcome.wrong.push(said);
        }
        self.judge(&mut outcome);
        outcome
    }

    /// The counts against what the order of the points demands.
    fn judge(&self, outcome: &mut Outcome) {
        let expected = &self.expected;
        let made = match (self.class, expected.progress) {
            (Class::Read | Class::Repeatable, Progress::Done) => 2..=2,
            (Class::Read | Class::Repeatable, Progress::Unknown) => 1..=2,
            (Class::OnceInside, Progress::Intended) => 0..=0,
            (Class::OnceInside, Progress::Unknown) => 0..=1,
            // The owner looks and says what is so, so a call outside is made once in the end, wherever the process died.
            (_, _) => 1..=1,
        };
        let is_once = matches!(self.class, Class::OnceInside | Class::OnceOutside);
        let unknown = is_once && matches!(expected.progress, Progress::Intended | Progress::Done);
        let mut claims = vec![(
            made.contains(&outcome.made),
            format!("the call was made {} times, not {made:?}", outcome.made),
        )];
        if expected.progress != Progress::Unknown {
            claims.extend([
                (
                    outcome.unknown == unknown,
                    format!("recorded as unknown: {}", outcome.unknown),
                ),
                (
                    outcome.asked_again == expected.answers_lost,
                    format!(
                        "{} answers were paid for twice, not {}",
                        outcome.asked_again, expected.answers_lost
                    ),
                ),
                (
                    outcome.sent_again == expected.sent_again,
                    format!(
                        "{} messages were sent twice, not {}",
                        outcome.sent_again, expected.sent_again
                    ),
                ),
            ]);
        }
        let asks = self.class == Class::OnceOutside && outcome.unknown;
        claims.push((
            outcome.asked_owner == asks,
            format!("the owner was asked: {}", outcome.asked_owner),
        ));
        let broken = claims.into_iter().filter(|(holds, _)| !holds);
        outcome.wrong.extend(broken.map(|(_, said)| said));
    }
}

impl World {
    fn new(handle: &Handle, class: Class, database: Option<&Database>) -> Self {
        let (shop, shop_address) = handle.block_on(Shop::open(0));
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        let effects = Effects::listen(&outside);
        let script = class.script(&shop_address, &outside);
        let mut here = handle.block_on(Installation::within(folder, script));
        class.set_up(&mut here, &shop_address, &outside);
        if let Some(database) = database {
            handle.block_on(database.clear());
            here.set("ERRAND_DATABASE_URL", &database.url());
        }
        Self {
            class,
            here,
            shop,
            shop_address,
            effects,
        }
    }

    fn client(&self) -> Client {
        let address: SocketAddr = self.here.listen.parse().unwrap();
        let key = std::fs::read_to_string(self.here.data().join("first-key"));
        Client {
            address,
            key: key.unwrap_or_default().trim().to_owned(),
        }
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.client().get(path);
        answer.map_or(Value::Null, |answer| answer.json())
    }

    /// Waits for the end of the task and of its deliveries. Whoever is asked about a call looks at the shop and answers.
    fn until_done(&self, task: &str) {
        let path = format!("/v1/tasks/{task}");
        let mut view = Value::Null;
        let waited = wait_for(|| {
            view = self.get(&path);
            if view["waiting"]["kind"] == "approval" {
                self.decide(&path, view["waiting"]["reason"].as_str().unwrap());
            }
            let is_over = view["finished_at_ms"].is_number();
            is_over && (self.class != Class::Repeatable || self.is_delivered(&path))
        });
        let log = self.here.log();
        assert!(waited.is_ok(), "{view:#}\n{log}");
    }

    fn is_delivered(&self, path: &str) -> bool {
        let events = self.get(&format!("{path}/events?after=0&limit=200"));
        let events = events["data"].as_array().cloned().unwrap_or_default();
        events
            .iter()
            .any(|event| event["data"]["outcome"] == "delivered")
    }

    fn decide(&self, path: &str, question: &str) {
        let call = question.split(' ').find(|word| word.starts_with("call_"));
        let decision = if self.calls().is_empty() {
            "repeat"
        } else {
            "done"
        };
        let path = format!("{path}/calls/{}/decision", call.unwrap());
        // What was decided already is a conflict, which changes nothing.
        let _ = self
            .client()
            .post(&path, "decision", &json!({"decision": decision}));
    }

    /// The requests that the shop saw of the counted call.
    fn calls(&self) -> Vec<Seen> {
        let seen = self.shop.seen();
        seen.into_iter()
            .filter(|one| one.path == "/orders")
            .collect()
    }

    /// What the witnesses say.
    fn outcome(&self, task: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let view = self.get(&format!("/v1/tasks/{task}"));
        let events = self.get(&format!("/v1/tasks/{task}/events?after=0&limit=200"));
        let events = events["data"].as_array().cloned().unwrap_or_default();
        let has = |kind: &str| events.iter().any(|event| event["kind"] == kind);
        outcome.unknown = has("tool.unknown");
        outcome.asked_owner = has("call.decided");
        outcome.wrong.extend(wrong_in_task(&view, &events));
        if self.get("/v1/tasks")["data"].as_array().map(Vec::len) != Some(1) {
            outcome.wrong.push("there is not one task".to_owned());
        }
        self.count_calls(&mut outcome);
        self.count_answers(&mut outcome);
        outcome
    }

    /// How often the call was made, by those who saw it, and whether it always carried the same key.
    fn count_calls(&self, outcome: &mut Outcome) {
        let seen = self.shop.seen();
        let count = |path: &str, wrong: &mut Vec<String>| {
            let of_path = seen.iter().filter(|one| one.path == path);
            let keys: Vec<&str> = of_path.map(|one| one.key.as_str()).collect();
            if keys.iter().any(|key| key.len() < 16 || *key != keys[0]) {
                wrong.push(format!("one effect with these keys: {keys:?}"));
            }
            keys.len()
        };
        let sent = count("/hook", &mut outcome.wrong);
        outcome.sent_again = sent.saturating_sub(1);
        if self.class == Class::Repeatable && sent == 0 {
            outcome.wrong.push("no message was sent".to_owned());
        }
        outcome.made = count("/orders", &mut outcome.wrong);
        if self.class.leaves_marks() {
            let judged = self.effects.judge();
            outcome.wrong.extend(judged.violations);
            outcome.made = judged.begun;
        }
    }

    /// Each question of the task was answered, and those that were answered more than once are counted.
    fn count_answers(&self, outcome: &mut Outcome) {
        let mut times: BTreeMap<(String, u64), usize> = BTreeMap::new();
        for question in self.here.answered() {
            *times.entry(question).or_default() += 1;
        }
        let turns = if self.class == Class::Repeatable {
            3
        } else {
            2
        };
        // The plan, the step's turns, the report.
        if times.len() != turns + 2 {
            outcome.wrong.push(format!("the questions were {times:?}"));
        }
        outcome.asked_again = times.values().map(|times| times - 1).sum();
    }
}

/// What is wrong with a task that should have succeeded as if nothing had happened.
fn wrong_in_task(view: &Value, events: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    if view["state"] != "succeeded" {
        wrong.push(format!("the task is {}: {}", view["state"], view["error"]));
    }
    for (at, event) in events.iter().enumerate() {
        if event["seq"] != at + 1 {
            wrong.push(format!("event {} has the number {}", at + 1, event["seq"]));
        }
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        let what = match event["kind"].as_str().unwrap_or_default() {
            kind @ ("tool.intended" | "tool.returned" | "tool.unknown") => {
                format!("{kind} {}", data["call"])
            }
            "model.replied" => format!("{} {} {}", event["step"], data["job"], data["turn"]),
            kind @ ("task.submitted" | "plan.accepted" | "step.succeeded" | "task.finished") => {
                kind.to_owned()
            }
            _ => continue,
        };
        *seen.entry(what).or_default() += 1;
    }
    // A call that its owner wants repeated is intended once more.
    if events
        .iter()
        .any(|event| event["data"]["decision"] == "repeat")
    {
        seen.retain(|what, _| !what.starts_with("tool.intended"));
    }
    let twice = seen.iter().filter(|(_, times)| **times > 1);
    wrong.extend(twice.map(|(what, times)| format!("{what} stands in the log {times} times")));
    let needed = [
        "task.submitted",
        "plan.accepted",
        "step.succeeded",
        "task.finished",
    ];
    let absent: BTreeSet<&str> = needed
        .into_iter()
        .filter(|kind| !seen.contains_key(*kind))
        .collect();
    if !absent.is_empty() {
        wrong.push(format!("the log lacks {absent:?}"));
    }
    wrong
}
