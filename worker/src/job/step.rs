//! The step job: turns of model and tools until the step is finished.

use std::sync::Arc;

use agent_core::budget::Spend;
use agent_core::conversation::{Conversation, Next};
use agent_core::decide::Input;
use agent_core::event::{EventBody, ModelReplied, NewEvent, RecordedCall, ToolIntended};
use agent_core::id::StepId;
use agent_core::image::ImageBytes;
use agent_core::place;
use agent_core::policy::{CallHeld, Consent};
use agent_core::ports::model::{Message, ModelRequest, ModelRole};
use agent_core::ports::store::{Append, Committed};
use agent_core::ports::tool::{EffectClass, FileUse, NoneFree, ToolSpec};
use agent_core::ports::workspaces::Place;
use agent_core::step::Step;
use agent_core::task::TaskSpec;
use agent_core::workspace::Manifest;

use super::ask::{Asked, Question, ask};
use super::beginning::{inputs, label, step_of};
use super::consent::{self, Checked};
use super::{call, help, images, last_files, owner, unknown};
use crate::context::{Context, Seen};
use crate::stop::Stop;
use crate::tool_limits::Permit;

/// A step at work.
pub struct StepRun<'a> {
    pub context: &'a Context,
    pub id: StepId,
    /// The task, as far as this job changes it.
    seen: Seen,
    pub place: Place,
    pub tools: Arc<[ToolSpec]>,
    /// What the submitter asked for and granted.
    pub spec: TaskSpec,
    pub conversation: Conversation,
    /// The workspace as the last commit knows it.
    pub manifest: Manifest,
    /// Whether it is on this machine.
    is_restored: bool,
    /// The last commit.
    pub last: Committed,
    /// What the last commit charged for the call that comes next.
    charged: Spend,
    /// The call whose intent is in the last commit.
    intended: Option<ToolIntended>,
    /// The right to make that call.
    pub permit: Option<Permit>,
    /// The images that went with the last question.
    images: ImageBytes,
    /// Whether a call has left programs in the background.
    pub had_programs: bool,
}

pub async fn run(context: &Context) -> Result<(), Stop> {
    let id = context
        .claim
        .step
        .clone()
        .ok_or_else(|| Stop::Damaged("a step job names no step".to_owned()))?;
    let mut seen = context.see().await?;
    let spec = context.spec(&seen.task).await?;
    let mut conversation = Conversation::new(label(context, &seen.task, &spec, &id).await?);
    for body in context.events(Some(&id)).await? {
        conversation.push(body);
    }
    let next = conversation.next();
    let permit = place_for(context, &next, step_of(&seen.task, &id)?)?;
    let begun = conversation.begun();
    // What it reads may be away for long, and without it nothing is asked or called, so nothing is charged. A step waits only
    // after it was taken up.
    let inputs = inputs(context, &seen.task, &spec, &id, &conversation).await;
    let charged = if inputs.is_ok() {
        charge_for(&next)
    } else {
        Spend::default()
    };
    let last = context
        .transition(
            &mut seen,
            Input::Claimed {
                step: Some(id.clone()),
                begun,
                crashes: context.claim.deaths(),
            },
            charged,
        )
        .await?;
    let (opening, manifest) = inputs?;
    let place = Place {
        tenant: context.claim.tenant.clone(),
        task: context.claim.task.clone(),
        step: id.clone(),
    };
    let mut step_run = StepRun {
        context,
        id,
        seen,
        place,
        tools: context.step_tools(&spec),
        spec,
        conversation,
        manifest,
        is_restored: false,
        last,
        charged,
        intended: None,
        permit,
        images: ImageBytes::new(),
        had_programs: false,
    };
    let done = step_run.turns(opening).await;
    if step_run.is_restored {
        let workspaces = &step_run.context.parts.workspaces;
        // What could not be ended is told by the log of this machine; only a cancel has somebody who waits for it.
        let _ = workspaces.discard(&step_run.place).await;
    }
    done
}

/// What must be charged before this can be done.
fn charge_for(next: &Next) -> Spend {
    match next {
        Next::AskModel { .. } => Spend::MODEL_CALL,
        // A call that must not be made twice is not made again, only recorded as unknown.
        Next::Settle(intended) if intended.effect == EffectClass::Once => Spend::default(),
        Next::Call(_) | Next::Settle(_) => Spend::tool_calls(1),
        Next::AwaitDecision { .. }
        | Next::AwaitConsent { .. }
        | Next::Finish { .. }
        | Next::GiveUp { .. } => Spend::default(),
    }
}

/// The place for the call that comes next, if one is free. A step that waits for one is not taken up without.
fn place_for(context: &Context, next: &Next, step: &Step) -> Result<Option<Permit>, Stop> {
    let tool = match next {
        Next::Call(call) => &call.tool,
        Next::Settle(intended) if intended.effect != EffectClass::Once => &intended.tool,
        Next::Settle(_)
        | Next::AskModel { .. }
        | Next::AwaitDecision { .. }
        | Next::AwaitConsent { .. }
        | Next::Finish { .. }
        | Next::GiveUp { .. } => return Ok(None),
    };
    let claim = &context.claim;
    let wanted = Place {
        tenant: claim.tenant.clone(),
        task: claim.task.clone(),
        step: step.id.clone(),
    };
    match context.try_permit(tool, &wanted) {
        Ok(permit) => Ok(Some(permit)),
        Err(NoneFree { limit }) if step.waiting.as_ref().is_some_and(place::is_waited_for) => {
            Err(Stop::NoPlace {
                tool: tool.clone(),
                limit,
                refund: None,
            })
        }
        Err(_) => Ok(None),
    }
}

impl StepRun<'_> {
    async fn turns(&mut self, opening: Vec<Message>) -> Result<(), Stop> {
        loop {
            if let Some(intended) = self.intended.take() {
                call::make(self, &intended).await?;
                continue;
            }
            match self.conversation.next() {
                Next::Finish { result, failed } => return self.finish(result, failed).await,
                Next::GiveUp { reason } => return self.fail(reason).await,
                Next::AskModel { turn } => {
                    self.may_go_on()?;
                    if !self.ask(turn, opening.clone()).await? {
                        return Ok(());
                    }
                }
                Next::Call(call) => self.intend(&call).await?,
                // The workspace was restored to what it was before the call, so making it again has the effect of
                // making it once.
                Next::Settle(intended) if intended.effect != EffectClass::Once => {
                    self.may_go_on()?;
                    self.intended = Some(intended);
                }
                Next::Settle(intended) => unknown::settle(self, &intended).await?,
                Next::AwaitDecision { intended, unknown } => {
                    let inquiry = unknown::asked(self, &intended, &unknown);
                    if !owner::await_decision(self, inquiry).await? {
                        return Ok(());
                    }
                }
                Next::AwaitConsent { held } => {
                    help::keep(self, &held).await?;
                    let inquiry = match &held.help {
                        Some(help) => help::asked(self, &held, help),
                        None => consent::asked(self, &held),
                    };
                    if !owner::await_decision(self, inquiry).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What a call of this tool does with files. One that is not known is answered without any.
    pub fn file_use(&self, tool: &str) -> FileUse {
        let spec = self.tools.iter().find(|spec| spec.name == tool);
        spec.map_or(FileUse::None, |spec| spec.files)
    }

    /// Makes the workspace hold the files as the last commit knows them, before the first call that needs it. A directory
    /// that a former holder left behind is wiped then, or by the next start.
    pub async fn restore(&mut self) -> Result<(), Stop> {
        if !self.is_restored {
            // Set before: what is half there must be discarded too.
            self.is_restored = true;
            let workspaces = &self.context.parts.workspaces;
            workspaces.restore(&self.place, &self.manifest).await?;
        }
        Ok(())
    }

    pub async fn permit_for(&self, tool: &str) -> Result<Permit, Stop> {
        self.context.permit(tool, &self.place, self.charged).await
    }

    fn may_go_on(&self) -> Result<(), Stop> {
        self.context.may_go_on(&self.last, self.charged)
    }

    /// Asks for the next turn and records the answer. `false`: the step waits or has failed.
    async fn ask(&mut self, turn: u32, opening: Vec<Message>) -> Result<bool, Stop> {
        let messages = self.conversation.messages(opening);
        self.images = images::fetch(self.context, &messages, &self.images).await;
        let request = ModelRequest {
            role: ModelRole::Executor,
            images: self.images.clone(),
            messages,
            tools: Arc::clone(&self.tools),
            answer: None,
            deadline: std::time::Duration::ZERO,
        };
        match ask(
            self.context,
            Question {
                job: "step",
                turn,
                request,
            },
        )
        .await?
        {
            Asked::Waits => Ok(false),
            Asked::Failed(failure) => {
                let spend = Spend::tokens(failure.tokens_all_attempts);
                let reason = format!("the model gave no usable answer: {failure}");
                let input = Input::StepFailed {
                    step: self.id.clone(),
                    reason,
                    label: self.conversation.label(),
                };
                self.context
                    .transition(&mut self.seen, input, spend)
                    .await?;
                Ok(false)
            }
            Asked::Replied(reply, spend) => self.take_in(*reply, spend).await,
        }
    }

    /// Records a reply. One that ends the step is recorded together with the end. `false`: it did.
    async fn take_in(&mut self, reply: ModelReplied, spend: Spend) -> Result<bool, Stop> {
        let event = NewEvent::of_step(&self.id, reply);
        self.conversation.push(event.body.clone());
        if let Next::Finish { result, failed } = self.conversation.next() {
            let input = self.ended(result, failed);
            let mut events = vec![event];
            self.seen.last_files = last_files::take(self, &mut events).await?;
            self.context
                .transition_after(&mut self.seen, &events, input, spend)
                .await?;
            return Ok(false);
        }
        let mut commit = self.context.blank();
        commit.charge = spend;
        self.commit_next(commit, vec![event]).await?;
        Ok(true)
    }

    /// Commits events together with what comes after them: the charge for the next call and, for a tool call, its
    /// intent. The intent is left out where the call may not be made, or not yet, since an intent without a call would
    /// have to be settled as unknown.
    pub async fn commit(&mut self, commit: Append, events: Vec<NewEvent>) -> Result<(), Stop> {
        for event in &events {
            self.conversation.push(event.body.clone());
        }
        self.commit_next(commit, events).await
    }

    /// Commits events that the conversation knows already.
    async fn commit_next(
        &mut self,
        mut commit: Append,
        mut events: Vec<NewEvent>,
    ) -> Result<(), Stop> {
        let next = self.conversation.next();
        self.charged = charge_for(&next);
        if let Next::Call(call) = next {
            let spent = self.last.spent_now().plus(commit.charge).plus(self.charged);
            if self.last.budget.exhausted(&spent).is_some() || self.context.is_draining() {
                self.charged = Spend::default();
            } else {
                match consent::check(self, &call).await? {
                    Checked::Held(held) => {
                        self.charged = Spend::default();
                        self.add_held(held, &mut events);
                    }
                    Checked::Go(consent) => {
                        if let Ok(permit) = self.context.try_permit(&call.tool, &self.place) {
                            self.permit = Some(permit);
                            self.add_intent((&call, consent), &mut commit, &mut events);
                        }
                    }
                }
            }
        }
        commit.charge = commit.charge.plus(self.charged);
        self.last = self.context.append(commit, &events).await?;
        Ok(())
    }

    /// Commits the intent of a call that was not intended together with the events before it.
    async fn intend(&mut self, call: &RecordedCall) -> Result<(), Stop> {
        let consent = match consent::check(self, call).await? {
            Checked::Go(consent) => consent,
            Checked::Held(held) => return self.hold(held).await,
        };
        if self.permit.is_none() {
            self.permit = Some(self.permit_for(&call.tool).await?);
        }
        if self.charged == Spend::default() {
            self.charged = Spend::tool_calls(1);
            let mut commit = self.context.blank();
            commit.charge = self.charged;
            self.last = self.context.append(commit, &[]).await?;
        }
        self.may_go_on()?;
        let (mut commit, mut events) = (self.context.blank(), Vec::new());
        self.add_intent((call, consent), &mut commit, &mut events);
        self.last = self.context.append(commit, &events).await?;
        Ok(())
    }

    /// Commits that a call is held, and gives back what was charged for it.
    async fn hold(&mut self, held: CallHeld) -> Result<(), Stop> {
        self.permit = None;
        let (mut commit, mut events) = (self.context.blank(), Vec::new());
        commit.charge = std::mem::take(&mut self.charged).refund();
        self.add_held(held, &mut events);
        self.last = self.context.append(commit, &events).await?;
        Ok(())
    }

    fn add_held(&mut self, held: CallHeld, events: &mut Vec<NewEvent>) {
        self.conversation.push(EventBody::CallHeld(held.clone()));
        events.push(NewEvent::of_step(&self.id, held));
    }

    fn add_intent(
        &mut self,
        (call, consent): (&RecordedCall, Consent),
        commit: &mut Append,
        events: &mut Vec<NewEvent>,
    ) {
        let (intended, change) = call::intent(self, call, consent);
        commit.calls.push(change);
        self.conversation
            .push(EventBody::ToolIntended(intended.clone()));
        events.push(NewEvent::of_step(&self.id, intended.clone()));
        self.intended = Some(intended);
    }

    fn ended(&self, result: String, failed: bool) -> Input {
        let (step, label) = (self.id.clone(), self.conversation.label());
        if failed {
            Input::StepFailed {
                step,
                reason: result,
                label,
            }
        } else {
            Input::StepSucceeded {
                step,
                result,
                label,
            }
        }
    }

    async fn finish(&mut self, result: String, failed: bool) -> Result<(), Stop> {
        let input = self.ended(result, failed);
        let mut events = Vec::new();
        self.seen.last_files = last_files::take(self, &mut events).await?;
        self.context
            .transition_after(&mut self.seen, &events, input, Spend::default())
            .await
            .map(|_| ())
    }

    pub async fn fail(&mut self, reason: String) -> Result<(), Stop> {
        self.finish(reason, true).await
    }
}
