//! One claimed job at work, or one decision of the owner, cut into single moves.
//!
//! The protocol is that of the product's worker: the call that comes next is charged in the commit before it, checked
//! against what that commit says was spent, and given back if it is not made.

use agent_core::blob::BlobHash;
use agent_core::budget::{Limit, Spend};
use agent_core::decide::commit::prepare;
use agent_core::decide::{Decision, Input, Wait, decide};
use agent_core::delivery::{DeliveryPatch, DeliveryState};
use agent_core::event::{NewEvent, NoteAdded};
use agent_core::id::{TaskId, TenantId};
use agent_core::job::{Claim, JobAfter, JobKind};
use agent_core::journal::prepare_all;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{
    Append, Commits, Committed, Jobs, Release, Right, StoreError, Tasks, Transition,
};
use agent_core::queue::{JobStopped, StoppedBy};
use agent_core::task::{Task, WaitKind};
use async_trait::async_trait;
use errand_tests::samples;
use store_memory::MemoryStore;

use crate::outcome::{Outcome, TOKENS, of_step, of_task_job};

/// What all hands share.
pub struct Ground {
    pub store: MemoryStore,
    pub entropy: Seeded,
    pub tenant: TenantId,
    pub task: TaskId,
    pub plans: [Vec<u8>; 2],
}

/// Every body of these tasks is short.
struct NoBlobs;

#[async_trait]
impl Blobs for NoBlobs {
    async fn put(
        &self,
        _: &TenantId,
        bytes: Vec<u8>,
    ) -> Result<agent_core::blob::BlobRef, BlobError> {
        let hash = BlobHash::of(&bytes);
        Err(BlobError::Missing { hash })
    }

    async fn get(&self, _: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::Missing { hash: hash.clone() })
    }
}

impl Ground {
    pub async fn read(&self) -> Task {
        let found = self.store.find_task(&self.tenant, &self.task).await;
        found.unwrap().unwrap()
    }

    pub async fn prepared(&self, right: Right, version: i64, decision: Decision) -> Transition {
        let prepared = prepare(&NoBlobs, &self.tenant, right, version, decision).await;
        prepared.unwrap()
    }
}

/// What comes next.
enum Phase {
    /// News is brought to the task: read it, then decide and commit, and again if it moved.
    Tell {
        input: Input,
        charge: Spend,
        then: Then,
    },
    /// The plan job's call is charged by a commit of its own.
    Charge,
    /// The call that was charged is made, unless the budget forbids it.
    Check,
    /// The call is under way.
    InFlight,
    /// A message is sent.
    Deliver,
    /// What a cancel took away is told.
    Stop,
}

#[derive(Clone, Copy)]
enum Then {
    Charge,
    Check,
    End,
}

/// What a move did.
#[derive(Debug, PartialEq, Eq)]
pub enum Did {
    /// Nothing that others can see.
    Thought,
    /// A call was made.
    Called(Spend),
    /// A commit, with its use of tokens.
    Committed { tokens: i64, ends: bool },
    /// The task had moved.
    Conflicted,
    /// The job was no longer ours; nothing was written.
    Lost,
    /// The news was refused, though the job was still ours: it was dropped.
    Dropped(String),
}

/// A claimed job at work.
pub struct Hand {
    pub worker: usize,
    pub claim: Claim,
    /// What was charged for a call that is not made yet.
    pub charged: Spend,
    /// The kind of the message it delivered.
    pub delivered: Option<String>,
    phase: Phase,
    read: Option<Task>,
    last: Option<Committed>,
    turn: u32,
}

impl Hand {
    pub async fn new(ground: &Ground, worker: usize, claim: Claim) -> Self {
        let log = ground
            .store
            .step_events_after(&claim.tenant, &claim.task, claim.step.as_ref(), 0, 1)
            .await;
        let claimed = Input::Claimed {
            step: claim.step.clone(),
            begun: !log.unwrap().is_empty(),
            crashes: claim.deaths(),
        };
        let tell = |charge, then| Phase::Tell {
            input: claimed.clone(),
            charge,
            then,
        };
        let phase = match claim.kind {
            JobKind::Plan => tell(Spend::default(), Then::Charge),
            JobKind::Step | JobKind::Report => tell(Spend::MODEL_CALL, Then::Check),
            JobKind::Deliver => Phase::Deliver,
            JobKind::Stop => Phase::Stop,
            JobKind::Housekeeping => panic!("nothing makes such jobs"),
        };
        Self {
            worker,
            claim,
            charged: Spend::default(),
            delivered: None,
            phase,
            read: None,
            last: None,
            turn: 0,
        }
    }

    /// One move.
    pub async fn advance(&mut self, ground: &Ground, luck: u8) -> Did {
        match &self.phase {
            Phase::Tell { .. } => self.tell(ground).await,
            Phase::Charge => self.go_on(ground, Spend::MODEL_CALL, 0).await,
            Phase::Check => self.check(ground, luck).await,
            Phase::InFlight => self.come_back(ground, luck).await,
            Phase::Deliver => self.deliver(ground).await,
            Phase::Stop => self.stop(ground).await,
        }
    }

    async fn tell(&mut self, ground: &Ground) -> Did {
        let Some(task) = self.read.take() else {
            self.read = Some(ground.read().await);
            return Did::Thought;
        };
        let Phase::Tell {
            input,
            charge,
            then,
        } = &self.phase
        else {
            return Did::Thought;
        };
        let (charge, then) = (*charge, *then);
        let mut decision = match decide(&task, input.clone(), task.read_at_ms, &ground.entropy) {
            Ok(decision) => decision,
            Err(refused) => return self.drop_job(ground, refused.to_string()).await,
        };
        decision.charge = decision.charge.plus(charge);
        let right = Right::Job(self.claim.guard(), decision.own_job);
        let commit = ground.prepared(right, task.version, decision).await;
        match ground.store.transition(commit).await {
            Ok(committed) => self.told(committed, charge, then),
            Err(StoreError::VersionMoved { .. }) => Did::Conflicted,
            Err(error) => lost(&error),
        }
    }

    fn told(&mut self, committed: Committed, charge: Spend, then: Then) -> Did {
        self.last = Some(committed);
        let (phase, ends) = match then {
            Then::Charge => (Phase::Charge, false),
            Then::Check => (Phase::Check, false),
            Then::End => (Phase::Check, true),
        };
        self.phase = phase;
        // What ends a job also gives back what was charged and not used.
        self.charged = if ends {
            Spend::default()
        } else {
            Spend {
                tokens: 0,
                ..charge
            }
        };
        Did::Committed {
            tokens: charge.tokens,
            ends,
        }
    }

    /// What the product does with a job whose news is refused.
    async fn drop_job(&self, ground: &Ground, refused: String) -> Did {
        let mut commit = samples::append(&self.claim);
        commit.job = JobAfter::Delete;
        match ground.store.append(commit).await {
            Ok(_) => Did::Dropped(refused),
            Err(error) => lost(&error),
        }
    }

    async fn check(&mut self, ground: &Ground, luck: u8) -> Did {
        let Some(last) = self.last else {
            panic!("a call without a commit that charged it");
        };
        if let Some(limit) = last.budget.exhausted(&last.spent_now()) {
            self.bring(Input::Waited {
                step: self.claim.step.clone(),
                wait: budget_wait(limit, self.charged),
            });
            return Did::Thought;
        }
        if luck > 250 {
            return self.hand_back(ground).await;
        }
        self.phase = Phase::InFlight;
        Did::Called(std::mem::take(&mut self.charged))
    }

    fn bring(&mut self, input: Input) {
        let is_call_over = matches!(self.phase, Phase::InFlight);
        let tokens = if is_call_over { TOKENS } else { 0 };
        self.phase = Phase::Tell {
            input,
            charge: Spend {
                tokens,
                ..Spend::default()
            },
            then: Then::End,
        };
    }

    /// A shutdown: the charge is not given back, as in the product.
    async fn hand_back(&self, ground: &Ground) -> Did {
        let how = Release {
            delay_ms: 0,
            charged: false,
        };
        match ground.store.release(&self.claim.guard(), how).await {
            Ok(()) => Did::Committed {
                tokens: 0,
                ends: true,
            },
            Err(error) => lost(&error),
        }
    }

    async fn come_back(&mut self, ground: &Ground, luck: u8) -> Did {
        self.turn += 1;
        let outcome = if self.claim.kind == JobKind::Step {
            of_step(&self.claim, self.turn, luck)
        } else {
            of_task_job(&self.claim, &ground.plans, &ground.read().await, luck)
        };
        match outcome {
            Outcome::GoOn(next) => self.go_on(ground, next, TOKENS).await,
            Outcome::Tell(input) => {
                self.bring(input);
                Did::Thought
            }
        }
    }

    /// Records an answer together with the charge for the next call.
    async fn go_on(&mut self, ground: &Ground, next: Spend, tokens: i64) -> Did {
        let note = NewEvent {
            body: NoteAdded {
                text: format!("turn {}", self.turn),
            }
            .into(),
            step: self.claim.step.clone(),
        };
        let commit = Append {
            events: prepare_all(&NoBlobs, &ground.tenant, &[note])
                .await
                .unwrap(),
            charge: next.plus(Spend {
                tokens,
                ..Spend::default()
            }),
            ..samples::append(&self.claim)
        };
        match ground.store.append(commit).await {
            Ok(committed) => {
                self.last = Some(committed);
                self.charged = next;
                self.phase = Phase::Check;
                Did::Committed {
                    tokens,
                    ends: false,
                }
            }
            Err(error) => lost(&error),
        }
    }

    async fn stop(&mut self, ground: &Ground) -> Did {
        let by = if self.claim.deaths() > 0 {
            StoppedBy::Lease
        } else {
            StoppedBy::Worker
        };
        let told = NewEvent {
            body: JobStopped {
                job: self.claim.job.clone(),
                by,
                gone: true,
            }
            .into(),
            step: self.claim.step.clone(),
        };
        let commit = Append {
            events: prepare_all(&NoBlobs, &ground.tenant, &[told])
                .await
                .unwrap(),
            job: JobAfter::Delete,
            ..samples::append(&self.claim)
        };
        match ground.store.append(commit).await {
            Ok(_) => Did::Committed {
                tokens: 0,
                ends: true,
            },
            Err(error) => lost(&error),
        }
    }

    async fn deliver(&mut self, ground: &Ground) -> Did {
        let id = self.claim.delivery.clone().unwrap();
        let found = ground.store.find_delivery(&ground.tenant, &id).await;
        self.delivered = found.unwrap().map(|delivery| delivery.kind);
        let commit = Append {
            delivery: Some(DeliveryPatch {
                id,
                attempts: 1,
                state: DeliveryState::Delivered,
                error: None,
            }),
            job: JobAfter::Delete,
            ..samples::append(&self.claim)
        };
        match ground.store.append(commit).await {
            Ok(_) => Did::Committed {
                tokens: 0,
                ends: true,
            },
            Err(error) => lost(&error),
        }
    }
}

fn lost(error: &StoreError) -> Did {
    assert!(matches!(error, StoreError::Stale { .. }), "{error}");
    Did::Lost
}

fn budget_wait(limit: Limit, charged: Spend) -> Wait {
    Wait {
        kind: WaitKind::Budget,
        reason: format!("the budget for {} is used up", limit.label()),
        delay_ms: None,
        limit: Some(limit),
        refund: charged.refund(),
    }
}
