//! An upgrade under load: workers and APIs of two releases side by side on one PostgreSQL.
//!
//! The next release is played by a test build that claims newer rules for the tasks that it accepts. The old release must
//! leave those alone, the new one must bring both to their end, and each task keeps the rules that it began with.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::installation::Role;
use crate::judge;
use crate::report::Report;
use crate::trial::{Options, Trial};

/// Tells a test build which rules it knows.
const ENGINE: &str = "ERRAND_TEST_ENGINE";
/// What a worker logs that gives back a task whose rules it does not know.
const MET: &str = "which this release does not know";
/// How long both releases may take to get as far as the trial waits for.
const AT_MOST: Duration = Duration::from_mins(2);

/// Runs an upgrade with `tasks` in flight when it begins, and half as many that are accepted while both releases run.
pub fn run(options: Options) -> Report {
    let (wanted, new) = (options.tasks, options.tasks.div_ceil(2));
    let workers = options.workers;
    // Some end while others are still being submitted.
    let mut trial = Trial::begin(options, wanted * 3 + new);
    let of_the_old_release = trial.here.processes.len();
    trial.submit(wanted);
    trial.until_begun(wanted.min(8));
    while trial.open() < wanted && trial.accepted.len() < wanted * 3 {
        trial.submit(1);
    }
    let old = trial.accepted.len();
    trial.are_in_flight(wanted, "when the new release came");
    trial.tell("the new release comes beside the old one");
    for number in 0..workers {
        trial.start(Role::Worker, &format!("new-worker-{number}"));
    }
    trial.start(Role::Api, "new-api");
    trial.submit(new);
    let begun = trial.here.effects.begun();
    trial.until_begun(begun + old);
    trial.until_met(of_the_old_release);
    trial.tell("the old release goes");
    let open = trial.open();
    trial
        .report
        .notes
        .push(format!("in flight when the old release went: {open}"));
    for at in 0..of_the_old_release {
        trial.end(at);
    }
    trial.finish();
    trial.judge_rules(old, new);
    trial.report
}

impl Trial {
    fn start(&mut self, role: Role, label: &str) {
        if let Err(said) = self.here.add(role, label, &[(ENGINE, "2")]) {
            self.violation(said);
        }
    }

    fn until_begun(&mut self, commands: usize) {
        let began = Instant::now();
        // The publication of a task leaves no mark.
        let all = self.accepted.len() * crate::words::commands();
        let commands = commands.min(all);
        while self.here.effects.begun() < commands {
            if began.elapsed() > AT_MOST {
                let seen = self.here.effects.begun();
                self.violation(format!("only {seen} of {commands} commands began"));
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tasks that are accepted and have not made their last command.
    fn open(&self) -> usize {
        self.accepted.len() - self.here.effects.tasks_done()
    }

    /// So many tasks are accepted and have not ended.
    fn are_in_flight(&mut self, tasks: usize, moment: &str) {
        let open = self.open();
        self.report
            .notes
            .push(format!("in flight {moment}: {open}"));
        if open < tasks {
            self.violation(format!("only {open} of {tasks} were in flight {moment}"));
        }
    }

    /// Waits until a worker of the old release, which are the first so many processes, took up a task of the new one and
    /// left it alone. Otherwise nothing would be shown about that.
    fn until_met(&mut self, of_the_old_release: usize) {
        let began = Instant::now();
        let met = |trial: &Self| -> usize {
            let old = 0..of_the_old_release;
            old.map(|at| trial.here.logged(at, MET)).sum()
        };
        while met(self) == 0 {
            if began.elapsed() > AT_MOST {
                let said = "no worker of the old release ever met a task of the new one";
                self.violation(said.to_owned());
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let times = met(self);
        self.report.notes.push(format!(
            "times that the old release met a task of the new one and left it alone: {times}"
        ));
    }

    /// A drain, after which nobody starts it again.
    fn end(&mut self, at: usize) {
        let process = &mut self.here.processes[at];
        let (label, ended) = (process.label.clone(), process.stop());
        if !ended.is_some_and(|status| status.success()) {
            self.violation(format!("{label} did not end well: {ended:?}"));
        }
        self.here.processes[at].kill();
    }

    /// Every task has the rules that it began with, and none was made to wait by a release that does not know them.
    fn judge_rules(&mut self, old: usize, new: usize) {
        let query = "SELECT engine, count(*) FROM task GROUP BY engine ORDER BY engine";
        let found = self.postgres.as_ref().map(|postgres| postgres.ask(query));
        let expected = format!("1|{old}\n2|{new}");
        if found.as_ref() != Some(&expected) {
            self.violation(format!(
                "the tasks have these rules: {found:?}, not {expected:?}"
            ));
        }
        for id in self.accepted.clone() {
            match judge::events(&self.here.client, &format!("/v1/tasks/{id}")) {
                Ok(events) if events.iter().any(waits) => {
                    self.violation(format!("{id} waited in the middle of the upgrade"));
                }
                Ok(_) => {}
                Err(said) => self.violation(format!("{id}: {said}")),
            }
        }
    }
}

fn waits(event: &Value) -> bool {
    let kinds = ["task.waiting", "step.waiting"];
    kinds.iter().any(|kind| event["kind"] == *kind)
}
