//! What of a task's doing remains outside its sandbox, by the public part of its log.
//!
//! A call that can change nothing outside is none of it, and neither is one that failed before anything left. What may have left, and
//! did not come back with a success, is unknown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::call::CallDecision;
use crate::event::{Event, EventKind};
use crate::id::{CallId, StepId};

use super::{CallName, Effect, EffectKind, Outcome, StepName};

/// How a call is known to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has begun and has not come back.
    Open,
    Succeeded,
    Failed,
    Unknown,
    /// Its owner said that it was not done.
    NotDone,
}

/// How far a call can reach, by its intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It changes nothing anywhere.
    Reads,
    /// It changes nothing outside by itself. A program in the background may have reached out in its course.
    Inside,
    /// It may have an effect outside.
    Outside,
}

/// A call as its log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCall {
    pub name: CallName,
    pub step: Option<StepId>,
    pub standing: Standing,
    /// The event that tells its standing, and its time.
    seq: i64,
    at_ms: i64,
    reach: Reach,
    /// Whether it ran without any isolation.
    is_unsandboxed: bool,
    /// Whether anything left for the network in its course.
    has_left: bool,
}

impl SeenCall {
    fn outcome(&self) -> Option<Outcome> {
        match self.reach {
            Reach::Outside => {}
            Reach::Inside if self.has_left => {}
            Reach::Reads | Reach::Inside => return None,
        }
        match self.standing {
            Standing::Succeeded => Some(Outcome::Done),
            Standing::Open | Standing::Unknown => Some(Outcome::Unknown),
            Standing::Failed => (self.has_left || self.is_unsandboxed).then_some(Outcome::Unknown),
            Standing::NotDone => None,
        }
    }
}

/// Effects so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// In the order in which they were first intended.
    calls: Vec<SeenCall>,
    by_id: BTreeMap<CallId, usize>,
    /// By name: the last one published under it counts.
    artifacts: BTreeMap<String, Effect>,
    /// Names of artifacts that the next call of a step to come back has published.
    unclaimed: Vec<(Option<StepId>, String)>,
    /// By id: the last attempt counts.
    messages: BTreeMap<String, Effect>,
}

impl Outside {
    /// Takes in the next event, with its public part.
    pub fn push(&mut self, kind: EventKind, event: &Event, public: &Value) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all other kinds happen inside, whatever kinds there will be"
        )]
        match kind {
            EventKind::ToolIntended => self.intended(event, public),
            EventKind::ToolReturned => self.returned(event, public),
            EventKind::ToolUnknown => self.stand(event, public, Standing::Unknown),
            EventKind::CallDecided => self.decided(event, public),
            EventKind::NetworkUsed => {
                let has_left = has_left(public);
                self.with(public, |call| call.has_left |= has_left);
            }
            EventKind::ArtifactPublished => self.published(event, public),
            EventKind::DeliveryAttempted => self.attempted(event, public),
            _ => {}
        }
    }

    /// Calls that have begun and have not come back.
    pub fn open(&self) -> impl Iterator<Item = &SeenCall> {
        let calls = self.calls.iter();
        calls.filter(|call| call.standing == Standing::Open)
    }

    /// A call by its id.
    pub fn name(&self, call: &CallId) -> Option<&CallName> {
        let at = self.by_id.get(call)?;
        self.calls.get(*at).map(|call| &call.name)
    }

    /// All effects, in the order of the log.
    pub fn effects(&self, key: impl Fn(&StepId) -> StepName) -> Vec<Effect> {
        let calls = self.calls.iter().filter_map(|call| {
            Some(Effect {
                seq: call.seq,
                at_ms: call.at_ms,
                step: call.step.as_ref().map(&key),
                kind: EffectKind::Call(call.name.clone()),
                outcome: call.outcome()?,
            })
        });
        let named = self.artifacts.values().cloned().map(|mut artifact| {
            artifact.step = artifact.step.map(|step| key(&step.id));
            artifact
        });
        let mut effects: Vec<Effect> = calls.collect();
        effects.extend(named);
        effects.extend(self.messages.values().cloned());
        effects.sort_by_key(|effect| effect.seq);
        effects
    }

    fn intended(&mut self, event: &Event, public: &Value) {
        let Some(name) = call_name(public) else {
            return;
        };
        let is_outside = public.get("outside").and_then(Value::as_bool) == Some(true);
        let reach = match (text(public, "effect"), is_outside) {
            ("read", _) => Reach::Reads,
            (_, true) => Reach::Outside,
            (_, false) => Reach::Inside,
        };
        let seen = SeenCall {
            step: event.step.clone(),
            standing: Standing::Open,
            seq: event.seq,
            at_ms: event.at_ms,
            reach,
            is_unsandboxed: false,
            has_left: false,
            name,
        };
        if let Some(known) = self.by_id.get(&seen.name.call) {
            // It is made again; what left before has left.
            if let Some(call) = self.calls.get_mut(*known) {
                let has_left = call.has_left;
                *call = SeenCall { has_left, ..seen };
            }
            return;
        }
        self.by_id.insert(seen.name.call.clone(), self.calls.len());
        self.calls.push(seen);
    }

    fn with(&mut self, public: &Value, change: impl FnOnce(&mut SeenCall)) {
        let id = text(public, "call").parse::<CallId>().ok();
        let at = id.and_then(|id| self.by_id.get(&id).copied());
        if let Some(call) = at.and_then(|at| self.calls.get_mut(at)) {
            change(call);
        }
    }

    fn stand(&mut self, event: &Event, public: &Value, standing: Standing) {
        self.with(public, |call| {
            (call.standing, call.seq, call.at_ms) = (standing, event.seq, event.at_ms);
        });
    }

    fn returned(&mut self, event: &Event, public: &Value) {
        let ok = public.get("ok").and_then(Value::as_bool) == Some(true);
        let standing = if ok {
            Standing::Succeeded
        } else {
            Standing::Failed
        };
        let is_unsandboxed = text(public, "isolation") == "unsandboxed";
        self.stand(event, public, standing);
        self.with(public, |call| call.is_unsandboxed = is_unsandboxed);
        let by = text(public, "call").parse::<CallId>().ok();
        let by = by.and_then(|id| self.name(&id).cloned());
        let (own, others) = std::mem::take(&mut self.unclaimed)
            .into_iter()
            .partition::<Vec<_>, _>(|(step, _)| *step == event.step);
        self.unclaimed = others;
        for (_, name) in own {
            if let Some(Effect {
                kind: EffectKind::Artifact { by: publisher, .. },
                ..
            }) = self.artifacts.get_mut(&name)
            {
                publisher.clone_from(&by);
            }
        }
    }

    fn decided(&mut self, event: &Event, public: &Value) {
        let standing = match CallDecision::from_label(text(public, "decision")) {
            Some(CallDecision::Done) => Standing::Succeeded,
            Some(CallDecision::NotDone) => Standing::NotDone,
            // One that is to be repeated is intended again before it is.
            Some(CallDecision::Repeat | CallDecision::Undecided) | None => Standing::Unknown,
            // About a call that was not begun.
            Some(CallDecision::Approve | CallDecision::Deny) => return,
        };
        self.stand(event, public, standing);
    }

    fn published(&mut self, event: &Event, public: &Value) {
        let name = text(public, "name").to_owned();
        let kind = EffectKind::Artifact {
            name: name.clone(),
            bytes: public.get("bytes").and_then(Value::as_u64).unwrap_or(0),
            by: None,
        };
        let step = event.step.clone().map(|id| StepName {
            id,
            key: String::new(),
        });
        let effect = effect(event, step, kind, Outcome::Done);
        self.artifacts.insert(name.clone(), effect);
        self.unclaimed.push((event.step.clone(), name));
    }

    fn attempted(&mut self, event: &Event, public: &Value) {
        let (delivery, outcome) = (text(public, "delivery"), text(public, "outcome"));
        let error = text(public, "error");
        let attempt = public.get("attempt").and_then(Value::as_u64).unwrap_or(0);
        let why = if error.is_empty() {
            String::new()
        } else {
            format!(": {error}")
        };
        let kind = EffectKind::Message {
            delivery: delivery.to_owned(),
            said: format!("attempt {attempt}, {outcome}{why}"),
        };
        // A receiver that answered with an error, or not at all, may have acted on it.
        let outcome = if outcome == "delivered" {
            Outcome::Done
        } else {
            Outcome::Unknown
        };
        let effect = effect(event, None, kind, outcome);
        self.messages.insert(delivery.to_owned(), effect);
    }
}

fn effect(event: &Event, step: Option<StepName>, kind: EffectKind, outcome: Outcome) -> Effect {
    Effect {
        seq: event.seq,
        at_ms: event.at_ms,
        step,
        kind,
        outcome,
    }
}

fn has_left(public: &Value) -> bool {
    let beyond = public.get("beyond").and_then(Value::as_u64);
    let Some(decisions) = public.get("decisions").and_then(Value::as_array) else {
        // Too long to be in line, so there were many.
        return true;
    };
    let was_let_through = |one: &Value| one.get("refused").is_none_or(Value::is_null);
    beyond.unwrap_or(0) > 0 || decisions.iter().any(was_let_through)
}

fn call_name(public: &Value) -> Option<CallName> {
    Some(CallName {
        call: text(public, "call").parse().ok()?,
        tool: text(public, "tool").to_owned(),
        summary: text(public, "summary").to_owned(),
    })
}

pub fn text<'a>(public: &'a Value, name: &str) -> &'a str {
    public.get(name).and_then(Value::as_str).unwrap_or_default()
}
