//! The report job: check what a machine can check, let the planner model write the answer, end the task.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_core::budget::Spend;
use agent_core::decide::Input;
use agent_core::event::{ModelReplied, NewEvent};
use agent_core::image::ImageBytes;
use agent_core::plan::{Criterion, StepSpec};
use agent_core::ports::model::{AnswerSchema, Message, ModelRequest, ModelRole};
use agent_core::ports::store::Artifact;
use agent_core::prompt::{
    FileLine, ReportPrompt, StepResult, goal_text, report_messages, report_schema,
};
use agent_core::report::{Evidence, Verdict, check};
use agent_core::step::StepState;
use agent_core::task::{Task, TaskSpec};
use agent_core::workspace::Manifest;
use serde::Deserialize;
use serde_json::Value;

use super::ask::{Asked, Question, ask};
use super::plan::{mark_of, outcome_of};
use crate::context::{Context, Seen};
use crate::files::Lineage;
use crate::fold::replies_of;
use crate::stop::Stop;

/// Files longer than this are not read for a check of their text.
const CHECKED_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Written {
    answer: String,
    not_done: Vec<String>,
    #[serde(default)]
    data: Option<Value>,
}

/// What the report is made from.
struct Material {
    spec: TaskSpec,
    steps: Vec<(&'static str, StepResult)>,
    verdicts: Vec<Verdict>,
    artifacts: Vec<FileLine>,
}

pub async fn run(context: &Context) -> Result<(), Stop> {
    let recorded = replies_of("report", context.events(None).await?).pop();
    let charge = if recorded.is_some() {
        Spend::default()
    } else {
        Spend::MODEL_CALL
    };
    let mut seen = context.see().await?;
    // Before anything is charged: what it reads may be away for long.
    let material = gather(context, &seen.task).await?;
    let committed = context
        .transition(
            &mut seen,
            Input::Claimed {
                step: None,
                begun: true,
                crashes: context.claim.deaths(),
            },
            charge,
        )
        .await?;
    // The reply, with what it cost as long as it is not in the log.
    let (reply, spend) = if let Some(reply) = recorded {
        (reply, None)
    } else {
        context.may_go_on(&committed, charge)?;
        let request = request(&material);
        match ask(
            context,
            Question {
                job: "report",
                turn: 1,
                request,
            },
        )
        .await?
        {
            Asked::Waits => return Ok(()),
            Asked::Failed(failure) => {
                let spend = Spend::tokens(failure.tokens_all_attempts);
                let reason = format!("no report could be written: {failure}");
                return without_model(context, &mut seen, (None, spend), reason).await;
            }
            Asked::Replied(reply, spend) => (*reply, Some(spend)),
        }
    };
    let written = parse(&reply);
    let unrecorded = match spend {
        Some(spend) => (Some(NewEvent::of_task(reply)), spend),
        None => Unrecorded::default(),
    };
    let Some(written) = written else {
        let reason = "the report was not in the form that was asked for".to_owned();
        return without_model(context, &mut seen, unrecorded, reason).await;
    };
    let not_done = written.not_done;
    let input = Input::Reported {
        answer: written.answer,
        data: written.data,
        criteria: material.verdicts,
        not_done,
    };
    end(context, &mut seen, unrecorded, input).await
}

/// What came of the question and is not in the log yet: the reply, if there was one, and what it cost.
type Unrecorded = (Option<NewEvent>, Spend);

async fn end(
    context: &Context,
    seen: &mut Seen,
    (reply, charge): Unrecorded,
    input: Input,
) -> Result<(), Stop> {
    context
        .transition_after(seen, reply.as_slice(), input, charge)
        .await
        .map(|_| ())
}

fn parse(reply: &ModelReplied) -> Option<Written> {
    serde_json::from_str(reply.text.as_deref()?).ok()
}

fn request(material: &Material) -> ModelRequest {
    let messages: Vec<Message> = report_messages(&ReportPrompt {
        goal: &goal_text(&material.spec),
        steps: &material.steps,
        verdicts: &material.verdicts,
        artifacts: &material.artifacts,
        result_schema: material.spec.result_schema.as_ref(),
    });
    let schema = report_schema(material.spec.result_schema.as_ref());
    ModelRequest {
        role: ModelRole::Planner,
        messages,
        images: ImageBytes::new(),
        tools: Arc::default(),
        answer: Some(AnswerSchema {
            name: "report".to_owned(),
            schema,
        }),
        deadline: std::time::Duration::ZERO,
    }
}

/// Ends a task whose report job was claimed with an answer that is put together from the steps' own results, and says why.
pub async fn without_model(
    context: &Context,
    seen: &mut Seen,
    unrecorded: Unrecorded,
    reason: String,
) -> Result<(), Stop> {
    let (steps, criteria) = match gather(context, &seen.task).await {
        Ok(material) => (material.steps, material.verdicts),
        // What is damaged may be what made the report impossible; the task must end all the same.
        Err(Stop::Damaged(_)) => (Vec::new(), Vec::new()),
        Err(stop) => return Err(stop),
    };
    let parts: Vec<String> = steps
        .iter()
        .map(|(state, step)| format!("## Step {} {state}\n\n{}", step.key, step.result))
        .collect();
    let answer = format!("The steps ended as follows.\n\n{}", parts.join("\n\n"));
    let input = Input::Reported {
        answer,
        data: None,
        criteria,
        not_done: vec![reason],
    };
    end(context, seen, unrecorded, input).await
}

async fn gather(context: &Context, task: &Task) -> Result<Material, Stop> {
    let spec = context.spec(task).await?;
    let artifacts = context
        .parts
        .store
        .artifacts(&task.tenant, &task.id)
        .await?;
    let mut steps = Vec::new();
    let mut criteria = Vec::new();
    for step in &task.steps {
        let outcome = outcome_of(context, step).await?;
        let mark = mark_of(step, outcome.as_ref());
        let result = outcome
            .and_then(|outcome| outcome.result.or(outcome.error))
            .unwrap_or_default();
        let key = step.key.clone();
        steps.push((step.state.label(), StepResult { mark, key, result }));
        if step.state == StepState::Succeeded {
            let step_spec: StepSpec = context.read_json(&step.spec).await?;
            criteria.extend(
                step_spec
                    .acceptance
                    .into_iter()
                    .map(|criterion| (step.key.clone(), criterion)),
            );
        }
    }
    let manifest = Lineage::of_all(context, task, &spec.snapshot)
        .await?
        .after_all()
        .manifest;
    let found = Found::read(context, &criteria, manifest, &artifacts).await?;
    let verdicts = criteria
        .iter()
        .map(|(key, criterion)| check(key, criterion, &found))
        .collect();
    let artifacts = artifacts
        .into_iter()
        .map(|one| FileLine {
            path: one.name,
            bytes: one.blob.bytes,
        })
        .collect();
    Ok(Material {
        spec,
        steps,
        verdicts,
        artifacts,
    })
}

/// The files and artifacts that the criteria ask about.
struct Found {
    manifest: Manifest,
    texts: BTreeMap<String, String>,
    artifacts: Vec<String>,
}

impl Found {
    async fn read(
        context: &Context,
        criteria: &[(String, Criterion)],
        manifest: Manifest,
        artifacts: &[Artifact],
    ) -> Result<Self, Stop> {
        let mut texts = BTreeMap::new();
        for (_, criterion) in criteria {
            let (Criterion::FileContains { path, .. } | Criterion::FileIsJson { path }) = criterion
            else {
                continue;
            };
            let Some(entry) = manifest.0.get(plain(path)) else {
                continue;
            };
            if entry.blob.bytes > CHECKED_BYTES_MAX {
                continue;
            }
            let bytes = context
                .parts
                .blobs
                .get(&context.claim.tenant, &entry.blob.hash)
                .await?;
            if let Ok(text) = String::from_utf8(bytes) {
                texts.insert(plain(path).to_owned(), text);
            }
        }
        Ok(Self {
            manifest,
            texts,
            artifacts: artifacts
                .iter()
                .map(|artifact| artifact.name.clone())
                .collect(),
        })
    }
}

/// Planners write paths in several ways; all mean the workspace.
fn plain(path: &str) -> &str {
    path.trim_start_matches("/workspace/")
        .trim_start_matches("./")
}

impl Evidence for Found {
    fn file(&self, path: &str) -> Option<String> {
        self.texts.get(plain(path)).cloned()
    }

    fn file_bytes(&self, path: &str) -> Option<u64> {
        self.manifest
            .0
            .get(plain(path))
            .map(|entry| entry.blob.bytes)
    }

    fn has_artifact(&self, name: &str) -> bool {
        self.artifacts.iter().any(|known| known == plain(name))
    }
}
