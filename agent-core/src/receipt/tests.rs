//! Receipts of short logs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::blob::Stored;
use crate::event::{Event, EventKind};
use crate::job::{Incarnation, JobKind};
use crate::ports::entropy::Seeded;
use crate::queue::{Holder, JobPlace, QueuedJob, TaskQueue};
use crate::step::{Step, StepState};
use crate::task::{Priority, Task, TaskState};

const LEASE_MS: i64 = 15_000;

/// A log in the making. Events are a millisecond apart.
struct Log {
    task: Task,
    history: CancelHistory,
    seq: i64,
    entropy: Seeded,
}

impl Log {
    fn new() -> Self {
        let entropy = Seeded::new(1);
        let step = |ordinal: u32, key: &str| Step {
            id: StepId::new(&entropy),
            ordinal,
            plan_version: 1,
            key: key.to_owned(),
            title: key.to_owned(),
            state: StepState::Cancelled,
            depends_on: Vec::new(),
            spec: Stored::Inline("{}".to_owned()),
            outcome: None,
            snapshot: None,
            waiting: None,
        };
        let steps = vec![step(0, "score"), step(1, "rank")];
        Self {
            task: task(&entropy, steps),
            history: CancelHistory::default(),
            seq: 0,
            entropy,
        }
    }

    fn step(&self, at: usize) -> StepId {
        self.task.steps[at].id.clone()
    }

    fn say(&mut self, kind: EventKind, step: Option<usize>, public: &Value) {
        self.seq += 1;
        let step = step.map(|at| self.step(at));
        self.history.push(&Event {
            seq: self.seq,
            at_ms: self.seq,
            v: 1,
            kind: kind.label().to_owned(),
            step,
            public: Stored::Inline(public.to_string()),
            private: Stored::Inline("{}".to_owned()),
        });
    }

    /// Begins a call in step 0.
    fn call(&mut self, tool: &str, effect: &str, outside: bool) -> CallName {
        let name = CallName {
            call: CallId::new(&self.entropy),
            tool: tool.to_owned(),
            summary: format!("what {tool} does"),
        };
        self.begin(&name, effect, outside);
        name
    }

    fn begin(&mut self, name: &CallName, effect: &str, outside: bool) {
        let public = json!({
            "call": name.call.as_str(), "tool": name.tool, "effect": effect, "outside": outside, "summary": name.summary,
        });
        self.say(EventKind::ToolIntended, Some(0), &public);
    }

    fn back(&mut self, name: &CallName, mut public: Value) {
        public["call"] = json!(name.call.as_str());
        self.say(EventKind::ToolReturned, Some(0), &public);
    }

    fn reached(&mut self, name: &CallName, refused: Option<&str>) {
        let decision = json!({"host": "shop.example", "port": 443, "refused": refused});
        let public = json!({"call": name.call.as_str(), "tool": name.tool, "decisions": [decision], "beyond": 0});
        self.say(EventKind::NetworkUsed, Some(0), &public);
    }

    fn start(&mut self, at: usize) {
        let key = self.task.steps[at].key.clone();
        self.say(EventKind::StepStarted, Some(at), &json!({ "key": key }));
    }

    fn cancel(&mut self) -> i64 {
        self.say(
            EventKind::TaskFinished,
            None,
            &json!({"state": "cancelled"}),
        );
        self.seq
    }

    fn receipt(&self, jobs: Vec<QueuedJob>) -> Receipt {
        let queue = queue(jobs, 1_000);
        self.history.receipt(&self.task, &queue, LEASE_MS).unwrap()
    }

    fn name(&self, at: usize) -> StepName {
        StepName {
            id: self.step(at),
            key: self.task.steps[at].key.clone(),
        }
    }

    /// The effects in short: what, and whether it is there.
    fn effects(&self) -> Vec<(String, Outcome)> {
        let effects = self.receipt(Vec::new()).effects;
        let short = effects.into_iter().map(|effect| {
            let what = match effect.kind {
                EffectKind::Call(call) => call.tool,
                EffectKind::Artifact { name, .. } => name,
                EffectKind::Message { said, .. } => said,
            };
            (what, effect.outcome)
        });
        short.collect()
    }

    fn job(&self, step: Option<usize>, place: JobPlace) -> QueuedJob {
        QueuedJob {
            job: JobId::new(&self.entropy),
            kind: Some(JobKind::Stop),
            step: step.map(|at| self.step(at)),
            delivery: None,
            place,
            attempts: 0,
            crashes: 0,
        }
    }
}

fn task(entropy: &Seeded, steps: Vec<Step>) -> Task {
    Task {
        id: crate::id::TaskId::new(entropy),
        tenant: crate::id::TenantId::new(entropy),
        state: TaskState::Cancelled,
        waiting: None,
        version: 1,
        seq: 0,
        engine: 1,
        title: String::new(),
        metadata: std::collections::BTreeMap::new(),
        priority: Priority::Normal,
        spec: Stored::Inline("{}".to_owned()),
        budget: crate::budget::Budget::default(),
        spent: crate::budget::Spend::default(),
        running_since_ms: None,
        plan_version: 1,
        replans: 0,
        webhook: None,
        result: None,
        error: None,
        created_at_ms: 0,
        updated_at_ms: 0,
        finished_at_ms: Some(0),
        read_at_ms: 0,
        steps,
    }
}

fn queue(jobs: Vec<QueuedJob>, read_at_ms: i64) -> TaskQueue {
    TaskQueue {
        jobs,
        calls: Vec::new(),
        given_up: Vec::new(),
        heartbeat_at_ms: None,
        read_at_ms,
    }
}

fn held(heartbeat_at_ms: i64, is_over: bool) -> JobPlace {
    JobPlace::Held(Holder {
        who: Incarnation {
            worker: WorkerName("w".to_owned()),
            epoch: 1,
        },
        heartbeat_at_ms: Some(heartbeat_at_ms),
        is_over,
    })
}

#[test]
fn steps_calls_and_background_programs_that_were_at_work_are_named() {
    let mut log = Log::new();
    log.start(0);
    log.start(1);
    log.say(EventKind::StepWaiting, Some(1), &json!({"key": "rank"}));
    let serve = log.call("shell_start", "repeatable", false);
    log.back(&serve, json!({"ok": true, "programs": ["s1"]}));
    let build = log.call("shell_start", "repeatable", false);
    log.back(&build, json!({"ok": true, "programs": ["s1", "s2"]}));
    let read = log.call("shell_read", "repeatable", false);
    log.back(&read, json!({"ok": true, "programs": ["s2"]}));
    let done = log.call("shell", "repeatable", false);
    log.back(&done, json!({"ok": true}));
    let open = log.call("shell", "repeatable", false);
    let at_ms = log.cancel();
    let receipt = log.receipt(Vec::new());
    let step = log.name(0);
    let expected = Receipt {
        at_ms,
        stopped: vec![
            Stopped::Step(step.clone()),
            Stopped::Call(step.clone(), open),
            Stopped::Program {
                step: step.clone(),
                name: "s2".to_owned(),
                started_by: build,
            },
        ],
        gone: vec![Gone {
            step: Some(step),
            job: None,
            proof: Proof::NotHeld { at_ms },
        }],
        effects: Vec::new(),
    };
    assert_eq!(receipt, expected);
    assert!(receipt.is_complete());
}

#[test]
fn programs_of_a_step_that_was_taken_up_again_are_no_more() {
    let mut log = Log::new();
    log.start(0);
    let serve = log.call("shell_start", "repeatable", false);
    log.back(&serve, json!({"ok": true, "programs": ["s1"]}));
    log.say(EventKind::StepResumed, Some(0), &json!({"key": "score"}));
    log.cancel();
    let stopped = log.receipt(Vec::new()).stopped;
    assert_eq!(stopped, [Stopped::Step(log.name(0))]);
}

#[test]
fn a_task_that_was_not_cancelled_has_no_receipt() {
    let mut log = Log::new();
    log.start(0);
    let none = |log: &Log| {
        log.history
            .receipt(&log.task, &queue(Vec::new(), 0), LEASE_MS)
    };
    assert_eq!(none(&log), None);
    log.say(EventKind::TaskFinished, None, &json!({"state": "failed"}));
    assert_eq!(none(&log), None);
}

#[test]
fn what_was_held_is_gone_when_that_is_told_or_the_life_of_its_holder_is_over() {
    let table = [
        (
            held(900, false),
            0,
            Proof::Awaited {
                worker: WorkerName("w".to_owned()),
                by_ms: 900 + LEASE_MS,
            },
        ),
        (held(900, true), 0, Proof::Lease { at_ms: 1_000 }),
        (held(900, false), 1, Proof::Lease { at_ms: 1_000 }),
        (JobPlace::Ready, 1, Proof::Lease { at_ms: 1_000 }),
        (held(999 - LEASE_MS, false), 0, Proof::Lease { at_ms: 999 }),
    ];
    for (place, crashes, proof) in table {
        let mut log = Log::new();
        log.start(0);
        log.cancel();
        let job = QueuedJob {
            crashes,
            ..log.job(Some(0), place.clone())
        };
        let expected = Gone {
            step: Some(log.name(0)),
            job: Some(job.job.clone()),
            proof,
        };
        assert_eq!(log.receipt(vec![job]).gone, [expected], "{place:?}");
    }
}

#[test]
fn what_is_told_counts_more_than_the_job_that_was_to_tell_it() {
    for (by, gone, proof) in [
        ("worker", true, Proof::Worker { at_ms: 3 }),
        ("lease", true, Proof::Lease { at_ms: 3 }),
        ("worker", false, Proof::Hangs { at_ms: 3 }),
    ] {
        let mut log = Log::new();
        log.start(0);
        log.cancel();
        let job = log.job(Some(0), held(900, false));
        let public = json!({"job": job.job.as_str(), "by": by, "gone": gone});
        log.say(EventKind::JobStopped, Some(0), &public);
        let expected = Gone {
            step: Some(log.name(0)),
            job: Some(job.job.clone()),
            proof,
        };
        let receipt = log.receipt(vec![job]);
        assert_eq!(receipt.is_complete(), gone);
        assert_eq!(receipt.gone, [expected]);
    }
}

#[test]
fn a_plan_job_and_a_step_that_has_said_nothing_yet_are_named_when_they_were_held() {
    let mut log = Log::new();
    log.cancel();
    let jobs = vec![
        log.job(None, held(900, false)),
        log.job(Some(1), held(900, false)),
    ];
    let receipt = log.receipt(jobs);
    assert_eq!(
        receipt.stopped,
        [Stopped::PlanOrReport, Stopped::Step(log.name(1))]
    );
    assert_eq!(receipt.gone.len(), 2);
    assert!(!receipt.is_complete());
}

#[test]
fn calls_that_reached_out_remain_and_those_that_could_not_do_not() {
    let mut log = Log::new();
    log.start(0);
    let inside = log.call("shell", "repeatable", false);
    log.back(&inside, json!({"ok": true}));
    let get = log.call("get", "read", true);
    log.back(&get, json!({"ok": true}));
    log.reached(&get, None);
    let post = log.call("post", "once", true);
    log.back(&post, json!({"ok": true}));
    log.reached(&post, None);
    let refused = log.call("refused", "once", true);
    log.back(&refused, json!({"ok": false}));
    log.reached(&refused, Some("it is a private address"));
    let failed = log.call("failed", "once", true);
    log.back(&failed, json!({"ok": false}));
    log.reached(&failed, None);
    let bare = log.call("bare", "once", true);
    log.back(&bare, json!({"ok": false, "isolation": "unsandboxed"}));
    // What a program in the background reached is seen at the next call.
    let look = log.call("shell_read", "repeatable", false);
    log.back(&look, json!({"ok": true}));
    log.reached(&look, None);
    log.call("open", "once", true);
    log.cancel();
    let expected = [
        ("post", Outcome::Done),
        ("failed", Outcome::Unknown),
        ("bare", Outcome::Unknown),
        ("shell_read", Outcome::Done),
        ("open", Outcome::Unknown),
    ];
    let expected: Vec<_> = expected.map(|(tool, how)| (tool.to_owned(), how)).into();
    assert_eq!(log.effects(), expected);
}

#[test]
fn an_unknown_outcome_stays_so_until_it_is_decided() {
    for (decision, expected) in [
        (None, Some(Outcome::Unknown)),
        (Some("done"), Some(Outcome::Done)),
        (Some("not_done"), None),
        (Some("repeat"), Some(Outcome::Unknown)),
        (Some("undecided"), Some(Outcome::Unknown)),
    ] {
        let mut log = Log::new();
        log.start(0);
        let post = log.call("post", "once", true);
        log.say(
            EventKind::ToolUnknown,
            Some(0),
            &json!({"call": post.call.as_str(), "asked": true}),
        );
        if let Some(decision) = decision {
            let public = json!({"call": post.call.as_str(), "decision": decision});
            log.say(EventKind::CallDecided, Some(0), &public);
        }
        log.cancel();
        let expected: Vec<_> = expected
            .map(|how| ("post".to_owned(), how))
            .into_iter()
            .collect();
        assert_eq!(log.effects(), expected, "{decision:?}");
    }
}

#[test]
fn a_call_that_is_made_again_is_one_effect() {
    let mut log = Log::new();
    log.start(0);
    let put = log.call("put", "repeatable", true);
    log.begin(&put, "repeatable", true);
    log.back(&put, json!({"ok": true}));
    log.cancel();
    assert_eq!(log.effects(), [("put".to_owned(), Outcome::Done)]);
}

#[test]
fn an_artifact_and_a_message_are_told_once_as_they_were_last() {
    let mut log = Log::new();
    log.start(0);
    let mut publish = || {
        let call = log.call("publish", "repeatable", false);
        let public =
            json!({"artifact": "art_1", "name": "a.txt", "bytes": 7, "media_type": "text/plain"});
        log.say(EventKind::ArtifactPublished, Some(0), &public);
        log.back(&call, json!({"ok": true}));
        call
    };
    publish();
    let last = publish();
    let try_it = |log: &mut Log, attempt: u32, outcome: &str, error: Option<&str>| {
        let public =
            json!({"delivery": "dlv_1", "attempt": attempt, "outcome": outcome, "error": error});
        log.say(EventKind::DeliveryAttempted, None, &public);
    };
    try_it(&mut log, 1, "will_retry", Some("the receiver answered 503"));
    log.cancel();
    let unknown = "attempt 1, will_retry: the receiver answered 503".to_owned();
    assert_eq!(
        log.effects(),
        [
            ("a.txt".to_owned(), Outcome::Done),
            (unknown, Outcome::Unknown)
        ]
    );
    try_it(&mut log, 2, "delivered", None);
    let receipt = log.receipt(Vec::new());
    assert_eq!(
        receipt.effects[0].kind,
        EffectKind::Artifact {
            name: "a.txt".to_owned(),
            bytes: 7,
            by: Some(last)
        }
    );
    assert_eq!(receipt.effects[0].step, Some(log.name(0)));
    assert_eq!(receipt.effects[1].outcome, Outcome::Done);
}
