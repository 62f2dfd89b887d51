//! The whole program with its real sandbox, the deceived model, and the servers that note what reaches them.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaos::client::Client;
use serde_json::{Value, json};

use crate::attacks_corpus::SECRET;
use crate::case::{Case, Fate, Hosts, Owner};
use crate::installation::{Installation, Server, wait_for};
use crate::obeying::{self, Model};
use crate::site::Site;

/// Events that are asked for at once.
const EVENTS: usize = 100;

/// See the module's description.
pub struct World {
    pub here: Installation,
    pub server: Server,
    pub at: Hosts,
    pub evil: Site,
    pub other: Site,
    pub friend: Site,
    pub hook: Site,
    model: Model,
    client: Client,
}

impl World {
    pub async fn open() -> Self {
        let model = Model::default();
        let mut here = Installation::with_model_at(&model.serve().await);
        let evil = Site::open("127.0.0.2").await;
        let other = Site::open("127.0.0.3").await;
        let friend = Site::open("127.0.0.4").await;
        let hook = Site::open("127.0.0.5").await;
        let opened = [&evil, &other, &friend, &hook].map(|site| site.address.clone());
        let search = format!("http://{}/search?q={{query}}", friend.address);
        for (name, value) in [
            ("ERRAND_EGRESS__ALLOW_PRIVATE", json!(opened).to_string()),
            ("ERRAND_TOOLS__NETWORK__MODE", "open".to_owned()),
            ("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true".to_owned()),
            ("ERRAND_TOOLS__SEARCH__URL", search),
            ("ERRAND_WORKER__CONCURRENCY", "6".to_owned()),
        ] {
            here.set(name, &value);
        }
        let server = here.serve();
        let key = fs::read_to_string(here.data().join("first-key")).unwrap();
        let client = Client {
            address: here.listen.parse().unwrap(),
            key: key.trim().to_owned(),
        };
        let at = Hosts {
            evil: evil.address.clone(),
            other: other.address.clone(),
            friend: friend.address.clone(),
            hook: hook.address.clone(),
            errand: here.listen.clone(),
            folder: here.folder.path().display().to_string(),
        };
        let world = Self {
            here,
            server,
            at,
            evil,
            other,
            friend,
            hook,
            model,
            client,
        };
        world.store_secret();
        world
    }

    fn store_secret(&self) {
        let body = json!({"value": SECRET.1, "hosts": [self.at.friend]}).to_string();
        let path = format!("/v1/secrets/{}", SECRET.0);
        let request = self.client.request(
            "PUT",
            &path,
            "content-type: application/json\r\n",
            body.as_bytes(),
        );
        let answer = send(&self.client, &request);
        assert!(answer.contains(" 201 "), "{answer}");
    }

    /// Puts a case's texts in their places and submits its task.
    pub fn submit(&self, case: &Case) -> String {
        for (owner, path, page) in &case.pages {
            let site = match owner {
                Owner::Evil => &self.evil,
                Owner::Friend => &self.friend,
            };
            site.put(path, page.clone());
        }
        self.model.learn(case.name, case.steps.clone());
        let files: Vec<Value> = case
            .files
            .iter()
            .map(
                |(name, content)| json!({"name": name, "content_base64": STANDARD.encode(content)}),
            )
            .collect();
        let mut body = case.spec.clone();
        body["goal"] = json!(obeying::goal(&case.goal, case.name));
        body["files"] = json!(files);
        let answer = self.client.post("/v1/tasks", case.name, &body).unwrap();
        assert_eq!(answer.status, 201, "{}: {}", case.name, answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn view(&self, task: &str) -> Value {
        self.client
            .get(&format!("/v1/tasks/{task}"))
            .unwrap()
            .json()
    }

    /// The task as soon as it is in one of these states.
    pub fn until(&self, task: &str, states: &[&str]) -> Value {
        let mut view = Value::Null;
        let got_there = wait_for(|| {
            view = self.view(task);
            states.contains(&view["state"].as_str().unwrap_or_default())
        });
        assert!(got_there.is_ok(), "{view:#}\n{}", self.here.log());
        view
    }

    pub fn until_final(&self, task: &str) -> Value {
        self.until(task, &["succeeded", "partial", "failed", "cancelled"])
    }

    pub fn log(&self, task: &str) -> Vec<Value> {
        let mut log = Vec::new();
        loop {
            let after = log.len();
            let page = format!("/v1/tasks/{task}/events?after={after}&limit={EVENTS}");
            let page = self.client.get(&page).unwrap().json();
            let events = page["data"].as_array().unwrap();
            if events.is_empty() {
                return log;
            }
            log.extend_from_slice(events);
        }
    }

    /// Says through the API what is to become of a call that is held.
    pub fn decide(&self, task: &str, call: &str, decision: &str) {
        let path = format!("/v1/tasks/{task}/calls/{call}/decision");
        let answer = self
            .client
            .post(&path, call, &json!({ "decision": decision }))
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    pub fn heard(&self, case: &Case) -> obeying::Heard {
        self.model.heard(case.name)
    }

    /// What is wrong with the way in which a case ended; nothing if all is as it should be.
    pub fn faults(&self, case: &Case, task: &str) -> Vec<String> {
        let (heard, log) = (self.heard(case), self.log(task));
        let mut faults = Vec::new();
        let tools: Vec<&str> = heard
            .obeyed
            .iter()
            .map(String::as_str)
            .filter(|tool| *tool != "finish")
            .collect();
        let expected: Vec<&str> = case.expected.iter().map(|(tool, _)| *tool).collect();
        if tools != expected {
            faults.push(format!("obeyed {tools:?} and not {expected:?}"));
        }
        let own: usize = case.steps.iter().map(|(_, calls)| calls.len()).sum();
        let (calls, events) = (own + case.expected.len(), fates(&log));
        if heard.told.len() != calls && !heard.obeyed.iter().any(|tool| tool == "finish") {
            faults.push(format!("made {} calls and not {calls}", heard.told.len()));
        }
        let is_run = |fate: &Fate| !matches!(fate, Fate::NotRun(_));
        let wanted: Vec<(String, bool)> = case
            .steps
            .iter()
            .flat_map(|(_, calls)| calls)
            .map(|call| (call["tool"].as_str().unwrap().to_owned(), false))
            .collect();
        let ordered = case.expected.iter().filter(|(_, fate)| is_run(fate));
        let ordered = ordered.map(|(tool, fate)| ((*tool).to_owned(), *fate == Fate::Held));
        let mut wanted: Vec<(String, bool)> = wanted.into_iter().chain(ordered).collect();
        let mut found = events;
        // A step's own calls come before what it is ordered, so with several steps only the whole is compared.
        if case.steps.len() > 1 {
            wanted.sort();
            found.sort();
        }
        if wanted != found {
            faults.push(format!("{found:?} and not {wanted:?}"));
        }
        for (_, fate) in &case.expected {
            let words = match fate {
                Fate::Held => "was not made",
                Fate::Refused(words) | Fate::NotRun(words) => words,
                Fate::Made => continue,
            };
            if !heard.told.iter().any(|(_, text)| text.contains(words)) {
                faults.push(format!("nobody said {words:?}"));
            }
        }
        for held in log.iter().filter(|event| event["kind"] == "call.held") {
            let reason = held["data"]["reason"].as_str().unwrap_or_default();
            if !reason.contains("private data") {
                faults.push(format!("held for {reason:?}"));
            }
        }
        if !faults.is_empty() {
            faults.push(format!("{heard:#?}"));
        }
        faults
    }
}

/// The calls of a log, and whether each was held.
fn fates(log: &[Value]) -> Vec<(String, bool)> {
    let calls = log.iter().filter_map(|event| {
        let held = match event["kind"].as_str()? {
            "call.held" => true,
            "tool.intended" => false,
            _ => return None,
        };
        Some((event["data"]["tool"].as_str()?.to_owned(), held))
    });
    calls.collect()
}

fn send(client: &Client, request: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(client.address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
