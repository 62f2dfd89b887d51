//! One tool call: intent, effect, result, each in the log before the next.

use agent_core::blob::BlobHash;
use agent_core::browser::BrowserActed;
use agent_core::call::ToolReturned;
use agent_core::event::{ArtifactPublished, NewEvent, NoteAdded, RecordedCall, ToolIntended};
use agent_core::id::ArtifactId;
use agent_core::network::NetworkUsed;
use agent_core::policy::{Consent, Label, Source};
use agent_core::ports::store::{Append, Artifact, CallChange, CallState};
use agent_core::ports::tool::{
    EffectClass, FileUse, Grants, SideEffect, ToolCall, ToolError, ToolOutcome,
};
use agent_core::ports::workspaces::{Place, WorkspaceError};
use agent_core::workspace::is_own;
use tokio::time::Instant;
use tracing::{info, instrument};

use super::step::StepRun;
use super::{consent, help};
use crate::stop::Stop;

/// Longest summary of a call, in characters.
const SUMMARY_CHARS_MAX: usize = 120;

/// The intent of a call, as an event and as a row.
pub fn intent(
    step: &StepRun<'_>,
    call: &RecordedCall,
    consent: Consent,
) -> (ToolIntended, CallChange) {
    let spec = step.tools.iter().find(|tool| tool.name == call.tool);
    let tools = step.context.parts.tools.as_ref();
    let effect = spec.map_or(EffectClass::Once, |spec| {
        tools.effect(&spec.name, &call.arguments)
    });
    let key = key(&step.place, call);
    let intended = ToolIntended {
        call: call.call.clone(),
        tool: call.tool.clone(),
        effect,
        outside: spec.is_some() && tools.is_outside(&call.tool, &call.arguments),
        summary: one_line(&tools.summary(&call.tool, &call.arguments)),
        label: step.conversation.label(),
        consent,
        key: key.clone(),
        fence: step.context.claim.fence.0,
        arguments: call.arguments.clone(),
    };
    let change = CallChange::Intended {
        call: call.call.clone(),
        step: Some(step.id.clone()),
        tool: call.tool.clone(),
        effect,
        key,
    };
    (intended, change)
}

/// Constant over attempts, and different for every call: receivers use it to tell repeats.
fn key(place: &Place, call: &RecordedCall) -> String {
    let named = format!(
        "{}\n{}\n{}\n{}",
        place.tenant, place.task, place.step, call.call
    );
    BlobHash::of(named.as_bytes()).as_str()[..40].to_owned()
}

/// One line of what a tool says of a call, cut.
pub fn one_line(summary: &str) -> String {
    let whole = summary.trim();
    let line = whole.lines().next().unwrap_or_default().trim_end();
    let mut cut: String = line.chars().take(SUMMARY_CHARS_MAX).collect();
    if cut.len() < whole.len() {
        cut.push('…');
    }
    cut
}

/// A call as questions to its owner name it.
pub fn named(tool: &str, summary: &str) -> String {
    if summary.is_empty() {
        return tool.to_owned();
    }
    format!("{tool} ({summary})")
}

/// Makes a call whose intent is in the log, and commits its result.
#[instrument(name = "tool.run", skip_all, fields(tool.name = intended.tool, tool.call_id = %intended.call))]
pub async fn make(step: &mut StepRun<'_>, intended: &ToolIntended) -> Result<(), Stop> {
    let call = tool_call(step, intended).await?;
    if step.permit.is_none() {
        // It is made again after a crash: its intent has been in the log for long.
        step.permit = Some(step.permit_for(&intended.tool).await?);
    }
    if step.file_use(&intended.tool) != FileUse::None {
        step.restore().await?;
    }
    step.context.may_act()?;
    let began = Instant::now();
    let mut outcome = match step.context.parts.tools.run(&call).await {
        Ok(outcome) => outcome,
        Err(ToolError::Refused(reason) | ToolError::Unavailable(reason)) => {
            return Err(Stop::Machine(reason));
        }
        Err(ToolError::Blob(error)) => return Err(error.into()),
    };
    for credential in &call.grants.credentials {
        outcome.content = credential.hidden_in(std::mem::take(&mut outcome.content));
    }
    help::tell(step, &mut outcome, &intended.call);
    step.permit = None;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut commit = step.context.blank();
    let changed_files = keep_files(step, intended, &mut outcome, &mut commit).await?;
    info!(
        ok = outcome.ok,
        duration_ms, changed_files, "the tool returned"
    );
    let state = if outcome.ok {
        CallState::Returned
    } else {
        CallState::Failed
    };
    commit.calls.push(CallChange::Settled {
        call: intended.call.clone(),
        state,
    });
    let mut events = side_effects(step, intended, &outcome, &mut commit);
    let programs = programs(&mut outcome);
    step.had_programs |= programs.as_ref().is_some_and(|names| !names.is_empty());
    let images = outcome.images.iter().map(|image| image.blob.clone());
    commit.blobs.extend(images);
    events.push(NewEvent::of_step(
        &step.id,
        ToolReturned {
            call: intended.call.clone(),
            tool: intended.tool.clone(),
            ok: outcome.ok,
            duration_ms,
            isolation: outcome.isolation().map(str::to_owned),
            enforced: outcome.enforced,
            changed_files,
            label: label(step, intended),
            content: outcome.content,
            snapshot: commit.snapshot.as_ref().map(|(_, hash)| hash.clone()),
            images: outcome.images,
            programs,
        },
    ));
    if !outcome.network.is_empty() {
        let used = NetworkUsed {
            call: intended.call.clone(),
            tool: intended.tool.clone(),
            decisions: outcome.network.named,
            beyond: outcome.network.beyond,
        };
        events.push(NewEvent::of_step(&step.id, used));
    }
    step.commit(commit, events).await
}

/// A call as its tool is given it.
pub async fn tool_call(step: &StepRun<'_>, intended: &ToolIntended) -> Result<ToolCall, Stop> {
    Ok(ToolCall {
        call: intended.call.clone(),
        tool: intended.tool.clone(),
        arguments: intended.arguments.clone(),
        place: step.place.clone(),
        key: intended.key.clone(),
        fence: step.context.claim.fence.0,
        grants: grants(step, intended).await?,
    })
}

/// Whose words the answer to a call can hold.
fn label(step: &StepRun<'_>, intended: &ToolIntended) -> Label {
    let tools = step.context.parts.tools.as_ref();
    let source = tools.source(&intended.tool, &intended.arguments);
    source.label(step.conversation.label())
}

/// What the call may use beside its own computer. Secrets are opened for calls that reach out, and are those of now: one that
/// was replaced meanwhile is used as it is, one that was deleted is not there.
async fn grants(step: &StepRun<'_>, intended: &ToolIntended) -> Result<Grants, Stop> {
    let mut grants = Grants {
        network: step.spec.network.clone(),
        redirects_within: consent::redirects_within(step, intended),
        apart: consent::is_apart(step),
        credentials: Vec::new(),
    };
    let tools = step.context.parts.tools.as_ref();
    // What comes from there may repeat a secret, which the model is not to see.
    let is_from_outside = tools.source(&intended.tool, &intended.arguments) == Source::Outside;
    if !(intended.outside || is_from_outside) || step.spec.secrets.is_empty() {
        return Ok(grants);
    }
    let parts = &step.context.parts;
    let tenant = &step.place.tenant;
    let found = parts
        .credentials
        .find_sealed(tenant, &step.spec.secrets)
        .await?;
    for sealed in found {
        let name = sealed.name.clone();
        let opened = sealed.open(parts.sealer.as_ref());
        grants.credentials.push(opened.map_err(|error| {
            Stop::Damaged(format!(
                "the stored secret {name} cannot be opened: {error}; store it again"
            ))
        })?);
    }
    Ok(grants)
}

/// Takes a snapshot if the call may have changed files. A workspace that grew too large is put back as it was, and the
/// model is told.
async fn keep_files(
    step: &mut StepRun<'_>,
    intended: &ToolIntended,
    outcome: &mut ToolOutcome,
    commit: &mut Append,
) -> Result<u32, Stop> {
    if step.file_use(&intended.tool) != FileUse::Changes {
        return Ok(0);
    }
    let workspaces = &step.context.parts.workspaces;
    let snapshot = match workspaces.snapshot(&step.place).await {
        Ok(snapshot) => snapshot,
        Err(WorkspaceError::TooLarge(what)) => {
            workspaces.restore(&step.place, &step.manifest).await?;
            outcome.ok = false;
            let none = Vec::new();
            outcome
                .side_effects
                .push(SideEffect::Runs { programs: none });
            outcome.content = format!(
                "{what}. All file changes of this call were undone, and programs in the background were ended.\n\n{}",
                outcome.content
            );
            return Ok(0);
        }
        Err(error) => return Err(error.into()),
    };
    let changed = snapshot.manifest.changed_since(&step.manifest);
    let by_call = changed.iter().filter(|path| !is_own(path)).count();
    if !changed.is_empty() {
        commit.snapshot = Some((step.id.clone(), snapshot.manifest_blob.hash.clone()));
        commit.blobs.push(snapshot.manifest_blob);
        commit.blobs.extend(snapshot.put);
        step.manifest = snapshot.manifest;
    }
    Ok(u32::try_from(by_call).unwrap_or(u32::MAX))
}

/// The background programs that run now, if anything was said of them. What was said last counts.
fn programs(outcome: &mut ToolOutcome) -> Option<Vec<String>> {
    let mut said = outcome.side_effects.iter_mut().rev();
    said.find_map(|effect| match effect {
        SideEffect::Runs { programs } => Some(std::mem::take(programs)),
        SideEffect::Acted(_) | SideEffect::Note { .. } | SideEffect::Publish { .. } => None,
    })
}

fn side_effects(
    step: &StepRun<'_>,
    intended: &ToolIntended,
    outcome: &ToolOutcome,
    commit: &mut Append,
) -> Vec<NewEvent> {
    let mut events = Vec::new();
    for effect in &outcome.side_effects {
        match effect {
            SideEffect::Runs { .. } => {}
            SideEffect::Acted(acted) => {
                let image = acted.image.as_ref();
                commit.blobs.extend(image.map(|image| image.blob.clone()));
                let (call, tool) = (intended.call.clone(), intended.tool.clone());
                let acted = BrowserActed::of(call, tool, acted.clone());
                events.push(NewEvent::of_step(&step.id, acted));
            }
            SideEffect::Note { text } => events.push(NewEvent::of_step(
                &step.id,
                NoteAdded { text: text.clone() },
            )),
            SideEffect::Publish {
                name,
                blob,
                media_type,
            } => {
                let id = ArtifactId::new(step.context.parts.entropy.as_ref());
                events.push(NewEvent::of_step(
                    &step.id,
                    ArtifactPublished {
                        artifact: id.clone(),
                        name: name.clone(),
                        bytes: blob.bytes,
                        media_type: media_type.clone(),
                        blob: blob.clone(),
                    },
                ));
                commit.blobs.push(blob.clone());
                commit.artifacts.push(Artifact {
                    id,
                    name: name.clone(),
                    blob: blob.clone(),
                    media_type: media_type.clone(),
                    step: Some(step.id.clone()),
                    created_at_ms: 0,
                });
            }
        }
    }
    events
}
