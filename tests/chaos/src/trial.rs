//! The trial itself: tasks are submitted while one disturbance follows the other, and then everything is judged.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::disturbance::Disturbance;
use crate::installation::Installation;
use crate::judge;
use crate::postgres::Postgres;
use crate::random::Random;
use crate::report::Report;
use crate::standing::Standing;

/// How long it may take until all is as before; where a lease has to lapse first, from then on.
pub(crate) const NORMAL_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing may happen before the work counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(90);
/// Tasks that are kept under way while there are disturbances to come.
const UNDER_WAY_MIN: usize = 6;
/// The longest pause between two disturbances.
const CALM_MS_MAX: usize = 800;

/// Which database, and so which processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// One process.
    Sqlite,
    /// An API and several workers.
    Postgres,
    /// Whatever an installation has that stood before.
    Unknown,
}

/// How often each disturbance comes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub kills: usize,
    pub pauses: usize,
    pub restarts: usize,
    pub silences: usize,
    pub drains: usize,
    /// Rounds of clients that hang up.
    pub hang_ups: usize,
    /// The operator's own command.
    pub commands: usize,
}

impl Counts {
    /// Whether nothing comes that can charge a job, but orderly ends, which must not.
    pub fn only_drains(self) -> bool {
        let others = self.kills + self.pauses + self.restarts + self.silences + self.commands;
        self.drains > 0 && others == 0
    }
}

/// A trial.
#[derive(Debug, Clone)]
pub struct Options {
    pub database: Database,
    pub tasks: usize,
    pub counts: Counts,
    pub seed: u64,
    pub workers: usize,
    pub concurrency: usize,
    pub lease_ms: u64,
    pub silence_ms: u64,
    /// The program.
    pub errand: PathBuf,
    /// Where everything goes.
    pub folder: PathBuf,
    /// Whether each round is told.
    pub tells: bool,
}

/// A trial under way.
pub(crate) struct Trial {
    pub here: Installation,
    pub postgres: Option<Postgres>,
    /// An installation that is not the trial's own.
    pub standing: Option<Standing>,
    pub options: Options,
    pub random: Random,
    pub accepted: Vec<String>,
    pub report: Report,
    /// Calls that may be made again because of what was done.
    pub repeats_max: usize,
    /// Calls that somebody may make who lost the lease without knowing.
    pub stale_max: usize,
    began: Instant,
}

/// Runs a trial to its end and judges it.
pub fn run(options: Options) -> Report {
    let order = order(&options);
    let words_for = words_for(&options, &order);
    let mut trial = Trial::begin(options, words_for);
    trial.go_through(order);
    trial.report
}

/// For how many tasks there must be words: each round may add some.
pub(crate) fn words_for(options: &Options, order: &[Disturbance]) -> usize {
    options.tasks + (order.len() + 1) * (UNDER_WAY_MIN + 1)
}

/// All disturbances, one kind after the other.
pub(crate) fn order(options: &Options) -> Vec<Disturbance> {
    let counts = options.counts;
    let mut all = vec![Disturbance::HangUp; counts.hang_ups];
    if options.database == Database::Unknown {
        all.extend(vec![Disturbance::Command; counts.commands]);
        return all;
    }
    all.extend(vec![Disturbance::Kill; counts.kills]);
    all.extend(vec![Disturbance::Pause; counts.pauses]);
    all.extend(vec![Disturbance::Drain; counts.drains]);
    if options.database == Database::Postgres {
        all.extend(vec![Disturbance::Restart; counts.restarts]);
        all.extend(vec![Disturbance::Silence; counts.silences]);
    }
    all
}

impl Trial {
    /// Starts database and program, with words for so many tasks.
    pub fn begin(options: Options, words_for: usize) -> Self {
        let postgres = (options.database == Database::Postgres)
            .then(|| Postgres::start(&options.seed.to_string()));
        let url = postgres.as_ref().map(Postgres::url);
        let here = Installation::start(&options, words_for, url.as_deref());
        Self::of(here, postgres, options)
    }

    /// A trial of an installation.
    pub fn of(here: Installation, postgres: Option<Postgres>, options: Options) -> Self {
        Self {
            here,
            postgres,
            standing: None,
            random: Random::new(options.seed),
            accepted: Vec::new(),
            report: Report {
                database: format!("{:?}", options.database).to_lowercase(),
                seed: options.seed,
                ..Report::default()
            },
            repeats_max: 0,
            stale_max: 0,
            began: Instant::now(),
            options,
        }
    }

    /// All disturbances in an order of its own, and the verdict.
    pub fn go_through(&mut self, mut order: Vec<Disturbance>) {
        self.random.shuffle(&mut order);
        self.disturb(&order);
        self.finish();
    }

    pub fn tell(&self, what: &str) {
        if self.options.tells {
            println!("{:>7.1} s  {what}", self.began.elapsed().as_secs_f64());
        }
    }

    pub fn violation(&mut self, what: String) {
        self.tell(&format!("VIOLATION: {what}"));
        self.report.violations.push(what);
    }

    /// The disturbances, with tasks submitted before, between and after them.
    fn disturb(&mut self, order: &[Disturbance]) {
        let at_first = self
            .options
            .tasks
            .div_ceil(2)
            .max(UNDER_WAY_MIN.min(self.options.tasks));
        self.submit(at_first.saturating_sub(self.accepted.len()));
        for (number, disturbance) in order.iter().enumerate() {
            if !self.work_goes_on(Instant::now(), STUCK_AFTER, "before a disturbance") {
                return;
            }
            self.calm();
            let began = Instant::now();
            let target = self.round(*disturbance);
            let ended = Instant::now();
            let lease = Duration::from_millis(self.options.lease_ms);
            let name = disturbance.name();
            let (resumed, goes_on) = match disturbance {
                Disturbance::Kill => (
                    began,
                    self.work_goes_on(began, NORMAL_WITHIN + lease * 2, name),
                ),
                Disturbance::Drain | Disturbance::HangUp => {
                    (began, self.work_goes_on(began, STUCK_AFTER, name))
                }
                Disturbance::Pause | Disturbance::Command => (
                    ended,
                    self.work_goes_on(ended, NORMAL_WITHIN + lease * 2, name),
                ),
                Disturbance::Restart | Disturbance::Silence => {
                    (ended, self.is_normal_again(ended, name))
                }
            };
            if !goes_on {
                return;
            }
            let took = resumed.elapsed();
            self.report
                .recoveries
                .entry(disturbance.name())
                .or_default()
                .push(took);
            let done = self.here.effects.tasks_done();
            self.tell(&format!(
                "{:>4}/{} {:<8} {target:<10} work goes on after {:>5} ms; tasks {done}/{}",
                number + 1,
                order.len(),
                disturbance.name(),
                took.as_millis(),
                self.accepted.len()
            ));
            self.look();
            let due = self.options.tasks * (number + 2) / (order.len() + 1);
            self.submit(due.saturating_sub(self.accepted.len()));
        }
        self.submit(self.options.tasks.saturating_sub(self.accepted.len()));
    }

    /// After trouble of the database everything must be as before, soon: the API is ready, takes a task that goes before
    /// all that waits, and the first command of that very task begins.
    fn is_normal_again(&mut self, since: Instant, what: &str) -> bool {
        let number = self.accepted.len();
        if !self.submit_as(&self.here.words.urgent_request(number)) {
            return false;
        }
        let is_ready = |trial: &Self| {
            let ready = trial.here.client.get("/readyz");
            ready.is_ok_and(|answer| answer.status == 200)
        };
        while !(self.here.effects.has_begun(number) && is_ready(self)) {
            if since.elapsed() > STUCK_AFTER {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let took = since.elapsed();
        if took > NORMAL_WITHIN {
            self.violation(format!(
                "{what}: ready again, with a new task under way, only after {} ms",
                took.as_millis()
            ));
        }
        took < STUCK_AFTER
    }

    /// Waits until the next command begins or the next question is answered: with many tasks waiting, plans and reports can
    /// come before any command. Tasks are added where too few are left to see that.
    fn work_goes_on(&mut self, since: Instant, limit: Duration, what: &str) -> bool {
        let seen = |trial: &Self| (trial.here.effects.begun(), trial.here.journal_bytes());
        let before = seen(self);
        while seen(self) == before {
            if self.accepted.len() < self.here.effects.tasks_done() + UNDER_WAY_MIN {
                self.submit(UNDER_WAY_MIN);
            }
            if since.elapsed() > STUCK_AFTER {
                self.violation(format!(
                    "{what}: nothing happened for {} s",
                    STUCK_AFTER.as_secs()
                ));
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if since.elapsed() > limit {
            self.violation(format!(
                "{what}: work went on only after {} ms",
                since.elapsed().as_millis()
            ));
        }
        true
    }

    fn calm(&mut self) {
        let pause_ms = self.random.below(CALM_MS_MAX);
        std::thread::sleep(Duration::from_millis(u64::try_from(pause_ms).unwrap()));
    }

    /// Submits tasks, each until it is accepted.
    pub fn submit(&mut self, count: usize) {
        for _ in 0..count {
            if !self.submit_as(&self.here.words.request(self.accepted.len())) {
                return;
            }
        }
    }

    /// Submits the next task until it is accepted: the key makes a repeat harmless. Says whether it was.
    pub fn submit_as(&mut self, body: &Value) -> bool {
        let accepted = self.until_accepted(self.accepted.len(), body);
        let is_accepted = accepted.is_some();
        self.accepted.extend(accepted);
        is_accepted
    }

    /// Submits a task under its key until there is an answer, and gives its id.
    pub fn until_accepted(&mut self, number: usize, body: &Value) -> Option<String> {
        let key = self.here.words.idempotency_key(number);
        let began = Instant::now();
        loop {
            match self.here.client.post("/v1/tasks", &key, body) {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    return Some(answer.json()["id"].as_str().unwrap().to_owned());
                }
                Ok(answer)
                    if matches!(answer.status, 429 | 500..) && began.elapsed() < STUCK_AFTER => {}
                Err(_) if began.elapsed() < STUCK_AFTER => {}
                refused => {
                    self.violation(format!("a task is refused for good: {refused:?}"));
                    return None;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn finish(&mut self) {
        self.tell(&format!(
            "waiting for all of {} tasks to end",
            self.accepted.len()
        ));
        let limit =
            STUCK_AFTER + Duration::from_secs(2) * u32::try_from(self.accepted.len()).unwrap();
        let began = Instant::now();
        let mut open: Vec<usize> = (0..self.accepted.len()).collect();
        while !open.is_empty() && began.elapsed() < limit {
            open.retain(|number| !self.is_final(*number));
            std::thread::sleep(Duration::from_millis(100));
        }
        for number in 0..self.accepted.len() {
            let id = &self.accepted[number];
            let mut wrong = judge::task(&self.here.client, &self.here.words, number, id);
            if self.options.counts.only_drains() {
                wrong.extend(judge::charges(&self.here.client, id));
            }
            self.report.succeeded += usize::from(wrong.is_empty());
            for said in wrong {
                self.violation(said);
            }
        }
        self.count();
        self.report.took = self.began.elapsed();
    }

    fn is_final(&self, number: usize) -> bool {
        let answer = self
            .here
            .client
            .get(&format!("/v1/tasks/{}", self.accepted[number]));
        let state = answer.map(|answer| {
            answer.json()["state"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        state.is_ok_and(|state| {
            ["succeeded", "partial", "failed", "cancelled"].contains(&state.as_str())
        })
    }

    /// What was asked and done, against what may have been.
    fn count(&mut self) {
        let answered = self.here.answered();
        let (repeated, missing) = judge::questions(&answered, self.accepted.len());
        let effects = self.here.effects.judge();
        self.report.tasks = self.accepted.len();
        let leases_lost = self.here.leases_lost();
        self.report.leases_lost = self.standing.is_none().then_some(leases_lost);
        self.report.questions = answered.len();
        self.report.questions_repeated = repeated;
        self.report.effects = effects.begun;
        self.report.effects_repeated = effects.repeated;
        self.report.effects_stale = effects.stale;
        let never_begun = self.here.effects.missing(self.accepted.len());
        for said in missing
            .into_iter()
            .chain(never_begun)
            .chain(effects.violations)
        {
            self.violation(said);
        }
        if self.standing.is_none() {
            let lost = leases_lost * self.options.concurrency;
            self.compare(repeated + effects.repeated, effects.stale, lost);
        }
        match judge::listed(&self.here.client, &self.here.words, &self.accepted) {
            Ok(wrong) => wrong.into_iter().for_each(|said| self.violation(said)),
            Err(said) => self.violation(said),
        }
    }

    /// What was repeated against what can have been under way; `lost` are the jobs of leases that lapsed. Which effect may be
    /// made again, and that a lost lease makes at most one for each job, the marks themselves say.
    fn compare(&mut self, repeats: usize, stale: usize, lost: usize) {
        let (repeats_max, stale_max) = (self.repeats_max + lost, self.stale_max + lost);
        if repeats > repeats_max {
            self.violation(format!("{repeats} questions and calls were repeated; only {repeats_max} can have been in flight"));
        }
        if stale > stale_max {
            self.violation(format!("{stale} effects were begun by somebody who had lost the lease; leases were lost for {stale_max} jobs at most"));
        }
    }
}
