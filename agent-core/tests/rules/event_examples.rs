//! One full body of every kind of event, with a marker in every private text.

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::browser::{Area, BrowserActed};
use agent_core::budget::{Budget, Limit};
use agent_core::call::{CallDecided, CallDecision, ToolReturned};
use agent_core::enforcement::{Enforcement, Limits, NetworkReach, Share};
use agent_core::event::{
    ArtifactPublished, BudgetRaised, DeliveryAttempted, EventBody, EventKind, ModelReplied,
    NoteAdded, PlanAccepted, PlanFailed, PlannedStep, RecordedCall, StepFailed, StepResumed,
    StepStarted, StepSucceeded, StepWaiting, TaskFinished, TaskResumed, TaskStarted, TaskSubmitted,
    TaskWaiting, ToolIntended, ToolUnknown,
};
use agent_core::help::{HelpAsked, HelpFor};
use agent_core::id::{ArtifactId, CallId, DeliveryId, JobId, StepId};
use agent_core::image::ImageRef;
use agent_core::network::{NetworkDecision, NetworkUsed};
use agent_core::plan::{Criterion, Plan, StepSpec};
use agent_core::policy::{CallHeld, Consent, Label, TaskPolicy};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::model::{CallProblem, Thought, Usage};
use agent_core::ports::tool::EffectClass;
use agent_core::queue::{JobQuarantined, JobRecovered, JobRequeued, JobStopped, StoppedBy};
use agent_core::report::Verdict;
use agent_core::task::{Attachment, TaskResult, TaskSpec, TaskState, WaitKind};
use serde_json::json;

/// Stands in every private text of the examples.
pub const MARKER: &str = "PRIVATE";

fn private(what: &str) -> String {
    format!("{MARKER} {what}")
}

fn blob(content: &str) -> BlobRef {
    BlobRef {
        hash: BlobHash::of(content.as_bytes()),
        bytes: content.len() as u64,
    }
}

fn call_id() -> CallId {
    CallId::new(&Seeded::new(3))
}

fn acted() -> BrowserActed {
    BrowserActed {
        call: call_id(),
        tool: "browser_act".to_owned(),
        action: "click e12 button \"Send\"".to_owned(),
        url: "https://shop.example/basket".to_owned(),
        title: "Your basket".to_owned(),
        target: Some(Area {
            x: 12,
            y: 300,
            width: 80,
            height: 24,
        }),
        image: Some(ImageRef {
            blob: blob("a picture of the page"),
            media_type: "image/jpeg".to_owned(),
            width: 1280,
            height: 800,
        }),
    }
}

/// The example of a kind. A kind that is added breaks this, so that it gets one.
pub fn example(kind: EventKind) -> EventBody {
    let (key, title) = ("rank".to_owned(), "Rank the candidates".to_owned());
    match kind {
        EventKind::TaskSubmitted => submitted().into(),
        EventKind::TaskStarted => TaskStarted {}.into(),
        EventKind::PlanAccepted => plan_accepted().into(),
        EventKind::PlanFailed => PlanFailed {
            reason: "no plan fits the goal".to_owned(),
        }
        .into(),
        EventKind::StepStarted => StepStarted { key, title }.into(),
        EventKind::StepResumed => StepResumed { key }.into(),
        EventKind::ModelReplied => replied().into(),
        EventKind::ToolIntended => intended().into(),
        EventKind::ToolReturned => returned().into(),
        EventKind::NetworkUsed => NetworkUsed {
            call: call_id(),
            tool: "shell".to_owned(),
            decisions: vec![
                decision("pypi.org", None),
                decision("intranet.example", Some("it is a private address")),
            ],
            beyond: 0,
        }
        .into(),
        EventKind::BrowserActed => acted().into(),
        EventKind::CallHeld => held().into(),
        EventKind::ToolUnknown => ToolUnknown {
            call: call_id(),
            tool: "http_request".to_owned(),
            reason: "the worker died while the call was being made".to_owned(),
            asked: true,
            decide_by_ms: Some(1_700_086_400_000),
        }
        .into(),
        EventKind::CallDecided => CallDecided {
            call: call_id(),
            tool: "http_request".to_owned(),
            decision: CallDecision::Done,
            note: Some("the order is in the shop's list".to_owned()),
        }
        .into(),
        EventKind::NoteAdded => NoteAdded {
            text: "Two files could not be read.".to_owned(),
        }
        .into(),
        EventKind::ArtifactPublished => published().into(),
        EventKind::StepSucceeded => StepSucceeded {
            key,
            result: private("result"),
            label: Label::Outside,
        }
        .into(),
        EventKind::StepFailed => StepFailed {
            key,
            reason: "the file is empty".to_owned(),
        }
        .into(),
        EventKind::StepWaiting => step_waiting(key).into(),
        EventKind::TaskWaiting => task_waiting().into(),
        EventKind::TaskResumed => TaskResumed {
            reason: "the budget was raised".to_owned(),
        }
        .into(),
        EventKind::JobRecovered => JobRecovered { crashes: 1 }.into(),
        EventKind::JobQuarantined => JobQuarantined {
            job: JobId::new(&Seeded::new(6)),
            job_kind: "step".to_owned(),
            crashes: 3,
            reason: "workers died 3 times on it without getting further".to_owned(),
            last_events: vec![11, 12],
        }
        .into(),
        EventKind::JobRequeued => JobRequeued {
            job: JobId::new(&Seeded::new(6)),
        }
        .into(),
        EventKind::JobStopped => JobStopped {
            job: JobId::new(&Seeded::new(6)),
            by: StoppedBy::Worker,
            gone: true,
        }
        .into(),
        EventKind::BudgetRaised => BudgetRaised {
            budget: Budget::default(),
        }
        .into(),
        EventKind::TaskFinished => finished().into(),
        EventKind::DeliveryAttempted => DeliveryAttempted {
            delivery: DeliveryId::new(&Seeded::new(4)),
            attempt: 2,
            status: Some(503),
            outcome: "will_retry".to_owned(),
            next_in_ms: Some(300_000),
            error: Some("the receiver answered 503".to_owned()),
            crashes: 0,
        }
        .into(),
    }
}

fn decision(host: &str, refused: Option<&str>) -> NetworkDecision {
    let was_let_through = u64::from(refused.is_none());
    NetworkDecision {
        host: host.to_owned(),
        port: 443,
        refused: refused.map(str::to_owned),
        times: 1,
        bytes_up: 517 * was_let_through,
        bytes_down: 20_480 * was_let_through,
    }
}

fn held() -> CallHeld {
    CallHeld {
        call: call_id(),
        tool: "browser_ask_human".to_owned(),
        summary: "login".to_owned(),
        reason: "it needs a person at the browser of the task".to_owned(),
        asked: true,
        decide_by_ms: Some(1_700_086_400_000),
        content: String::new(),
        help: Some(HelpAsked {
            why: HelpFor::Login,
            note: "Log in as yourself.".to_owned(),
        }),
    }
}

fn submitted() -> TaskSubmitted {
    TaskSubmitted {
        title: "Rank the candidates".to_owned(),
        file_names: vec!["cv/ann.txt".to_owned()],
        budget: Budget::default(),
        spec: TaskSpec {
            goal: private("goal"),
            files: vec![Attachment {
                name: private("file"),
                blob: blob("cv"),
            }],
            tools: Some(vec![private("tool")]),
            secrets: Vec::new(),
            result_schema: Some(json!({ "title": private("schema") })),
            network: None,
            policy: TaskPolicy::default(),
            snapshot: BlobHash::of(b"{}"),
        },
    }
}

fn plan_accepted() -> PlanAccepted {
    let spec = StepSpec {
        key: "rank".to_owned(),
        title: "Rank the candidates".to_owned(),
        instructions: private("instructions"),
        depends_on: vec!["read".to_owned()],
        acceptance: vec![Criterion::FileExists {
            path: private("path"),
        }],
    };
    PlanAccepted {
        plan_version: 1,
        steps: vec![PlannedStep {
            id: StepId::new(&Seeded::new(2)),
            key: spec.key.clone(),
            title: spec.title.clone(),
            depends_on: spec.depends_on.clone(),
        }],
        plan: Plan {
            overview: private("overview"),
            steps: vec![spec],
        },
    }
}

fn replied() -> ModelReplied {
    ModelReplied {
        job: "step".to_owned(),
        turn: 2,
        model: "some-model".to_owned(),
        usage: Some(Usage {
            input: Some(1_200),
            output: Some(80),
            cached: Some(1_000),
            reasoning: Some(20),
            estimated: false,
        }),
        finish: "tool_calls".to_owned(),
        tool_names: vec!["shell".to_owned()],
        text: Some(private("text")),
        thought: Some(Thought {
            text: private("thought"),
            origin: "reasoning".to_owned(),
        }),
        calls: vec![RecordedCall {
            call: call_id(),
            tool: "shell".to_owned(),
            arguments: json!({ "command": private("command") }),
            problem: Some(CallProblem {
                class: "schema_violation".to_owned(),
                message: private("problem"),
            }),
        }],
    }
}

fn intended() -> ToolIntended {
    ToolIntended {
        call: call_id(),
        tool: "shell".to_owned(),
        effect: EffectClass::Repeatable,
        outside: false,
        summary: "sort scores.csv".to_owned(),
        label: Label::User,
        consent: Consent::NotNeeded,
        key: private("key"),
        fence: 3,
        arguments: json!({ "command": private("command") }),
    }
}

fn returned() -> ToolReturned {
    ToolReturned {
        call: call_id(),
        tool: "shell".to_owned(),
        ok: true,
        duration_ms: 41,
        isolation: Some("bubblewrap".to_owned()),
        enforced: Some(Box::new(enforced())),
        changed_files: 1,
        label: Label::Outside,
        content: private("content"),
        snapshot: Some(BlobHash::of(b"snapshot")),
        images: vec![ImageRef {
            blob: blob("image"),
            media_type: "image/png".to_owned(),
            width: 640,
            height: 480,
        }],
        programs: Some(vec!["s1".to_owned()]),
    }
}

fn enforced() -> Enforcement {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let by = |by: &str| Some(by.to_owned());
    Enforcement {
        backend: "bubblewrap".to_owned(),
        isolation: "bubblewrap".to_owned(),
        namespaces: words(&["user", "pid", "mount", "network", "ipc", "uts"]),
        holds: words(&["not_root", "seccomp", "host_files_hidden", "tree_ends"]),
        limits: Limits {
            wall_ms: Some(60_000),
            memory_bytes: Some(2_147_483_648),
            memory_by: by("cgroup_v2"),
            processes: Some(256),
            processes_by: by("cgroup_v2"),
            cpu_percent: Some(200),
            cpu_by: by("cgroup_v2"),
            open_files: Some(1_024),
            file_bytes: Some(268_435_456),
            output_bytes: Some(268_435_456),
            workspace_bytes: Some(1_073_741_824),
            workspace_files: Some(20_000),
            free_disk_bytes: Some(536_870_912),
            task: Some(Share {
                memory_bytes: Some(8_589_934_592),
                processes: Some(1_024),
                cpu_percent: Some(800),
                workspace_bytes: Some(4_294_967_296),
                workspace_files: Some(80_000),
                watched: Vec::new(),
            }),
            ..Limits::default()
        },
        network: NetworkReach::none(),
        lacks: [(
            "own_uid".to_owned(),
            "not started as root, so only namespaces keep workspaces apart".to_owned(),
        )]
        .into(),
    }
}

fn published() -> ArtifactPublished {
    ArtifactPublished {
        artifact: ArtifactId::new(&Seeded::new(5)),
        name: "ranking.md".to_owned(),
        bytes: 7,
        media_type: "text/markdown".to_owned(),
        blob: blob("ranking"),
    }
}

fn step_waiting(key: String) -> StepWaiting {
    StepWaiting {
        key,
        wait: WaitKind::Provider,
        until_ms: Some(1_700_000_030_000),
        reason: "the model could not be asked".to_owned(),
    }
}

fn task_waiting() -> TaskWaiting {
    TaskWaiting {
        wait: WaitKind::Budget,
        until_ms: None,
        reason: "the budget for model_calls is used up".to_owned(),
        limit: Some(Limit::ModelCalls),
    }
}

fn finished() -> TaskFinished {
    TaskFinished {
        state: TaskState::Partial,
        result: Some(TaskResult {
            answer: "Ann leads.".to_owned(),
            data: Some(json!({ "first": "Ann" })),
            criteria: vec![Verdict {
                step: "rank".to_owned(),
                criterion: "the file ranking.md exists and is not empty".to_owned(),
                holds: Some(true),
                found: "7 bytes".to_owned(),
            }],
            not_done: vec!["One file could not be read.".to_owned()],
        }),
        error: Some("not all of it could be done".to_owned()),
    }
}
