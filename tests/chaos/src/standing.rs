//! A trial of an installation that runs already: the trial brings tasks, a model server and a record of effects, and judges by
//! the public API and by that record alone.
//!
//! Its operator has pointed it at the model server before. Where it asks another model, or cannot reach the record, nothing
//! is tried: a real model would be paid for and would not do what is judged.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::installation::Installation;
use crate::report::Report;
use crate::trial::{self, Options, Trial};
use crate::words;

/// The installation, and what the trial puts beside it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its API.
    pub api: SocketAddr,
    pub key: String,
    /// What its operator runs as a disturbance.
    pub command: Option<String>,
    /// Where the model server listens.
    pub model: SocketAddr,
    /// Where effects are told.
    pub effects: SocketAddr,
    /// How the workers call the machine that this runs on.
    pub reached_as: String,
    /// Tells the tasks of this trial from those of earlier ones.
    pub trial: String,
    /// How long it may take until the first question, and until the first effect, of a task that goes before all others.
    pub asked_within: Duration,
}

impl Standing {
    /// What `model.base_url` has to be.
    pub fn model_url(&self) -> String {
        format!("http://{}:{}/v1", self.reached_as, self.model.port())
    }

    pub fn effects_url(&self) -> String {
        format!("http://{}", self.effects_host())
    }

    fn effects_host(&self) -> String {
        format!("{}:{}", self.reached_as, self.effects.port())
    }

    /// What the operator has to set.
    pub fn settings(&self) -> String {
        format!(
            "  [model]\n  base_url = \"{}\"\n  [model.planner]\n  model = \"recorded\"\n  [tools.http_request]\n  enabled = true\n  [egress]\n  allow_private = [\"{}\"]",
            self.model_url(),
            self.effects_host()
        )
    }
}

/// A name for a trial that no other has.
pub fn new_name() -> String {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let part = uuid.split('-').next().unwrap_or_default();
    format!("trial-{part}-{}", std::process::id())
}

/// Runs a trial to its end and judges it, or says why it cannot be run.
pub fn run(options: Options, standing: &Standing) -> Result<Report, String> {
    let folder: PathBuf = options.folder.clone();
    let order = trial::order(&options);
    let here = Installation::standing(&folder, standing, trial::words_for(&options, &order))?;
    let mut trial = Trial::of(here, None, options);
    trial.standing = Some(standing.clone());
    trial.is_reached(standing)?;
    trial.asks_this_model(standing)?;
    trial.go_through(order);
    Ok(trial.report)
}

impl Trial {
    /// The API answers, and knows the key.
    fn is_reached(&self, standing: &Standing) -> Result<(), String> {
        let api = standing.api;
        match self.here.client.get("/v1/tasks?limit=1") {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) if matches!(answer.status, 401 | 403) => Err(format!(
                "the API at {api} refuses the key: {}",
                answer.json()["detail"]
            )),
            Ok(answer) => Err(format!("the API at {api} answers {}", answer.status)),
            Err(error) => Err(format!("the API at {api} cannot be reached: {error}")),
        }
    }

    /// A first task whose question must come to the trial's model, and whose effect must come to its record.
    fn asks_this_model(&mut self, standing: &Standing) -> Result<(), String> {
        if !self.submit_as(&self.here.words.urgent_request(0)) {
            return Err("the API does not accept a task".to_owned());
        }
        let settings = standing.settings();
        let first = words::name(0);
        if !within(standing.asked_within, || {
            let answered = self.here.answered();
            answered.iter().any(|(script, _, _)| *script == first)
        }) {
            self.give_up_the_first();
            return Err(format!(
                "the installation accepted a task, and its workers did not ask the trial's model server within {} s. Nothing \
                 was tried; the task is cancelled. Set this for the workers, start them again, and begin once more:\n{settings}",
                standing.asked_within.as_secs()
            ));
        }
        if !within(standing.asked_within, || self.here.effects.has_begun(0)) {
            self.give_up_the_first();
            return Err(format!(
                "the workers ask the trial's model server, and no effect came to {} within {} s. Nothing was tried; the task \
                 is cancelled. Set this for the workers, start them again, and begin once more:\n{settings}",
                standing.effects_url(),
                standing.asked_within.as_secs()
            ));
        }
        Ok(())
    }

    fn give_up_the_first(&self) {
        let path = format!("/v1/tasks/{}/cancel", self.accepted[0]);
        let key = format!("{}-cancel", self.here.words.trial);
        // The message says what is to be done in any case.
        let _ = self.here.client.post(&path, &key, &serde_json::json!({}));
    }

    /// Runs the operator's command.
    pub(crate) fn command(&mut self) -> String {
        let command = self
            .standing
            .as_ref()
            .and_then(|standing| standing.command.clone());
        let Some(command) = command else {
            return "nothing".to_owned();
        };
        let ended = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => self.violation(format!(
                "`{command}` failed, so nothing was disturbed: {status}"
            )),
            Err(error) => self.violation(format!("`{command}` cannot be run: {error}")),
        }
        "by command".to_owned()
    }
}

fn within(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
