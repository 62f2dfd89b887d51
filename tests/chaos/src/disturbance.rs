//! What is done to an installation under trial: kills, pauses, drains, crashes and silences of the database, clients that
//! hang up, and whatever its operator's own command does.
//!
//! Each ends only when nothing holds the work up any more, and says at once what it must never find.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::client::Moment;
use crate::installation::Role;
use crate::postgres::Postgres;
use crate::trial::{NORMAL_WITHIN, Trial};

/// How long an orderly end may take.
const DRAIN_AT_MOST: Duration = Duration::from_secs(30);

/// How long a client waits that hangs up. Most answers come within a few milliseconds.
const PATIENCE_MS_MAX: usize = 20;

/// A kind of disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    Kill,
    Pause,
    Restart,
    Silence,
    Drain,
    HangUp,
    Command,
}

impl Disturbance {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Restart => "restart",
            Self::Silence => "silence",
            Self::Drain => "drain",
            Self::HangUp => "hang up",
            Self::Command => "command",
        }
    }
}

impl Trial {
    /// One disturbance, from its beginning until nothing holds the work up any more.
    pub fn round(&mut self, disturbance: Disturbance) -> String {
        match disturbance {
            Disturbance::Kill => {
                let at = self.random.below(self.here.processes.len());
                self.on(at, Self::kill)
            }
            // An API holds no lease and no job, so pauses and drains fall on those who work.
            Disturbance::Pause => {
                let at = self.a_worker();
                self.on(at, Self::pause)
            }
            Disturbance::Drain => {
                let at = self.a_worker();
                self.on(at, Self::drain)
            }
            Disturbance::HangUp => {
                self.hang_up();
                "clients".to_owned()
            }
            Disturbance::Command => self.command(),
            Disturbance::Restart => {
                self.repeats_max += self.everywhere();
                if let Some(postgres) = &self.postgres {
                    postgres.cut_off();
                    postgres.start_again();
                }
                "database".to_owned()
            }
            Disturbance::Silence => {
                self.repeats_max += self.everywhere();
                self.stale_max += self.everywhere();
                if let Some(postgres) = &self.postgres {
                    let stopped = postgres.silence();
                    std::thread::sleep(Duration::from_millis(self.options.silence_ms));
                    Postgres::wake(&stopped);
                }
                "database".to_owned()
            }
        }
    }

    fn on(&mut self, at: usize, act: impl FnOnce(&mut Self, usize)) -> String {
        act(self, at);
        self.here.processes[at].label.clone()
    }

    fn a_worker(&mut self) -> usize {
        let working = (0..self.here.processes.len()).filter(|at| self.works(*at));
        let working: Vec<usize> = working.collect();
        working[self.random.below(working.len())]
    }

    fn works(&self, at: usize) -> bool {
        self.here.processes[at].role != Role::Api
    }

    /// Jobs that can be under way in all processes.
    fn everywhere(&self) -> usize {
        self.options.workers * self.options.concurrency
    }

    fn in_flight(&self, at: usize) -> usize {
        if self.works(at) {
            self.options.concurrency
        } else {
            0
        }
    }

    fn kill(&mut self, at: usize) {
        self.repeats_max += self.in_flight(at);
        self.here.processes[at].kill();
        self.launch(at);
    }

    /// Two leases long: others take the jobs over meanwhile, and then it wakes and believes that they are its own. It must
    /// find out, or it was no zombie and the trial shows nothing.
    fn pause(&mut self, at: usize) {
        self.repeats_max += self.in_flight(at);
        self.stale_max += self.in_flight(at);
        let known = self.here.lives_ended(at);
        self.here.processes[at].signal(Signal::SIGSTOP);
        std::thread::sleep(Duration::from_millis(self.options.lease_ms * 2));
        self.here.processes[at].signal(Signal::SIGCONT);
        let woke = Instant::now();
        while self.here.lives_ended(at) == known {
            if woke.elapsed() > NORMAL_WITHIN {
                let label = self.here.processes[at].label.clone();
                self.violation(format!(
                    "{label} slept for two leases and did not notice that it lost its own"
                ));
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Nothing that was answered or done may be repeated after it, and nobody is charged for it.
    fn drain(&mut self, at: usize) {
        self.here.until_at_work(at);
        let began = Instant::now();
        let ended = self.here.processes[at].stop();
        let took = began.elapsed();
        let label = self.here.processes[at].label.clone();
        if !ended.is_some_and(|status| status.success()) {
            self.violation(format!(
                "{label} did not end well when it was asked to: {ended:?}"
            ));
            self.here.processes[at].kill();
        }
        if took > DRAIN_AT_MOST {
            self.violation(format!("{label} took {} ms to end", took.as_millis()));
        }
        self.report.waits.entry("to end").or_default().push(took);
        self.launch(at);
        self.nothing_is_charged(&label);
    }

    /// Jobs say how often they were charged. Only where nothing but drains comes must all of them say never.
    fn nothing_is_charged(&mut self, label: &str) {
        if !self.options.counts.only_drains() {
            return;
        }
        let ids = self.accepted.iter().enumerate();
        let open = ids.filter(|(number, _)| !self.here.effects.is_done(*number));
        let open: Vec<String> = open.map(|(_, id)| id.clone()).collect();
        for id in open {
            // On SQLite the server has only just begun, so an answer may be missing; a wrong one never is right.
            let Ok(why) = self.here.client.get(&format!("/v1/tasks/{id}/why")) else {
                continue;
            };
            let why = why.json();
            let reasons = why["reasons"].as_array().cloned().unwrap_or_default();
            for reason in reasons {
                self.report.looked_at += 1;
                if reason["attempts"] != 0 || reason["crashes"] != 0 {
                    self.violation(format!(
                        "after the end of {label}, {id} was charged for it: {reason}"
                    ));
                }
            }
        }
    }

    /// Three clients go away at random moments: one that submits, one that asks for a task, and one that follows its log. The
    /// submit is then repeated, twice, with its key: whether the first one was taken or not, there is one task.
    fn hang_up(&mut self) {
        let number = self.accepted.len();
        let words = self.here.words.clone();
        let body = words.request(number);
        let client = self.here.client.clone();
        let submit = client.submission("/v1/tasks", &words.idempotency_key(number), &body);
        self.go_away(&submit);
        if let Some(id) = self.accepted.get(self.random.below(number)).cloned() {
            self.go_away(&client.request("GET", &format!("/v1/tasks/{id}?wait=5"), "", &[]));
            let stream = "accept: text/event-stream\r\n";
            self.go_away(&client.request("GET", &format!("/v1/tasks/{id}/events"), stream, &[]));
        }
        if !self.submit_as(&body) {
            return;
        }
        let again = self.until_accepted(number, &body);
        if again.as_ref() != self.accepted.last() {
            self.violation(format!(
                "one submit, two tasks: {:?} and {again:?}",
                self.accepted.last()
            ));
        }
    }

    fn go_away(&mut self, request: &[u8]) {
        // Half of them have said all, so that the answer is what they miss.
        let sent = match self.random.below(2) {
            0 => request.len(),
            _ => self.random.below(request.len()),
        };
        let after_ms = u64::try_from(self.random.below(PATIENCE_MS_MAX)).unwrap();
        let moment = Moment {
            sent,
            after: Duration::from_millis(after_ms),
        };
        // A server that has just been killed takes no connection, and then nobody hangs up.
        if self.here.client.hang_up(request, moment).is_ok() {
            self.report.hung_up += 1;
        }
    }

    fn launch(&mut self, at: usize) {
        if let Err(said) = self.here.launch(at) {
            self.violation(said);
        }
    }

    /// No process ends by itself, and whatever was accepted is known.
    pub fn look(&mut self) {
        for at in 0..self.here.processes.len() {
            if let Some(status) = self.here.processes[at].ended() {
                let label = self.here.processes[at].label.clone();
                self.violation(format!("{label} ended by itself: {status}"));
                self.launch(at);
            }
        }
        let Some(id) = self
            .accepted
            .get(self.random.below(self.accepted.len()))
            .cloned()
        else {
            return;
        };
        // No answer is the API's right while it starts; a wrong one never is.
        if let Ok(answer) = self.here.client.get(&format!("/v1/tasks/{id}"))
            && answer.status == 404
        {
            self.violation(format!("{id} was accepted and is not known any more"));
        }
    }
}
