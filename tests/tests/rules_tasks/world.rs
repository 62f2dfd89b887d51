//! A task, two workers, their jobs at work, an owner, and the book of what was charged.

use agent_core::budget::{Budget, Spend};
use agent_core::decide::{Input, decide};
use agent_core::delivery::NewWebhook;
use agent_core::id::{JobId, TenantId, WebhookId};
use agent_core::job::{Incarnation, WorkerName};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Commits, Jobs, NewTask, Right, Room, StoreError, Submitted, Tasks};
use agent_core::secret::Sealed;
use agent_core::task::Task;
use errand_tests::samples;
use errand_tests::worker::{LEASE_MS, PAST_LEASE_MS};
use store_memory::MemoryStore;

use crate::hand::{Did, Ground, Hand};
use crate::laws::Laws;
use crate::schedule::{Case, Move};
use crate::seen::Seen;

/// Time that passes at once while the workers' leases are kept.
const BEAT_MS: i64 = 10_000;

/// A decision of the owner in the making.
pub struct Owner {
    raises_by: Option<u8>,
    read: Task,
}

/// What was charged, by what became of it. The store's counters must say the same.
#[derive(Debug, Default)]
pub struct Book {
    pub made: Spend,
    /// Charged by workers that stopped before they made the call.
    pub lost: Spend,
    pub tokens: i64,
}

/// See the module's description.
pub struct World {
    pub ground: Ground,
    pub hands: Vec<Hand>,
    pub book: Book,
    pub seen: Seen,
    pub delivered: Vec<String>,
    lives: Vec<Incarnation>,
    late: Vec<Hand>,
    pub owners: Vec<Owner>,
    pub laws: Laws,
}

fn new_task(entropy: &Seeded, tenant: &TenantId, budget: Budget) -> NewTask {
    let webhook = NewWebhook {
        id: WebhookId::new(entropy),
        url: "https://receiver.example/".to_owned(),
        secret: Sealed(vec![1]),
    };
    NewTask {
        budget,
        webhook: Some(webhook),
        ..samples::new_task(entropy, tenant)
    }
}

impl World {
    pub async fn begin(case: &Case) -> Self {
        let (store, entropy) = (MemoryStore::new(), Seeded::new(1));
        let tenant = TenantId::new(&entropy);
        let task = new_task(&entropy, &tenant, case.budget);
        let id = task.id.clone();
        assert_eq!(store.submit(task).await.unwrap(), Submitted::Created);
        let mut lives = Vec::new();
        for name in ["first", "second"] {
            lives.push(store.begin(&WorkerName(name.to_owned())).await.unwrap());
        }
        Self {
            ground: Ground {
                store,
                entropy,
                tenant,
                task: id,
                plans: case.plans.clone(),
            },
            hands: Vec::new(),
            book: Book::default(),
            seen: Seen::default(),
            delivered: Vec::new(),
            lives,
            late: Vec::new(),
            owners: Vec::new(),
            laws: Laws::default(),
        }
    }

    /// One move, and then every law.
    pub async fn make(&mut self, one: &Move) -> Result<(), String> {
        match one {
            Move::Claim { worker, at_most } => {
                self.claim(*worker, *at_most).await;
            }
            Move::Advance { which, luck } => {
                let many = self.hands.len() + self.owners.len();
                if many > 0 {
                    self.advance(which.index(many), *luck).await?;
                }
            }
            Move::Late { which, luck } => self.try_late(which, *luck).await?,
            Move::Raise { by } => self.ask_owner(Some(*by)).await,
            Move::Cancel => self.ask_owner(None).await,
            Move::Crash { worker } => self.bury(*worker).await,
            Move::Silence { worker } => self.silence(*worker).await,
            Move::Time { ms } => self.pass_time(*ms).await,
        }
        self.check().await
    }

    pub async fn check(&mut self) -> Result<(), String> {
        let outstanding = self.hands.iter().map(|hand| hand.charged);
        let outstanding = outstanding.fold(Spend::default(), Spend::plus);
        self.laws.check(&self.ground, &self.book, outstanding).await
    }

    pub async fn claim(&mut self, worker: usize, at_most: u32) -> usize {
        let life = &self.lives[worker];
        let claims = self
            .ground
            .store
            .claim(life, LEASE_MS, &Room::of(at_most))
            .await
            .unwrap();
        let found = claims.len();
        for claim in claims {
            self.hands
                .push(Hand::new(&self.ground, worker, claim).await);
        }
        found
    }

    pub async fn advance(&mut self, at: usize, luck: u8) -> Result<(), String> {
        if at >= self.hands.len() {
            return self.own(at - self.hands.len()).await;
        }
        let hand = &mut self.hands[at];
        match hand.advance(&self.ground, luck).await {
            Did::Thought => {}
            Did::Called(spend) => self.called(spend).await?,
            Did::Conflicted => self.seen.conflicts += 1,
            Did::Committed { tokens, ends } => {
                self.book.tokens += tokens;
                self.delivered.extend(hand.delivered.take());
                if ends {
                    self.let_go(at);
                }
            }
            Did::Lost => {
                self.seen.lost += 1;
                let (job, worker) = (hand.claim.job.clone(), hand.worker);
                self.let_go(at);
                self.look_for(&job, worker).await;
            }
            Did::Dropped(refused) => return Err(format!("a job was dropped: {refused}")),
        }
        Ok(())
    }

    /// Whoever lost a job to a cancel holds what tells of its end.
    async fn look_for(&mut self, job: &JobId, worker: usize) {
        let held = self.ground.store.held(&self.lives[worker]).await.unwrap();
        for claim in held.into_iter().filter(|claim| claim.job == *job) {
            self.seen.stopped += 1;
            self.hands
                .push(Hand::new(&self.ground, worker, claim).await);
        }
    }

    fn let_go(&mut self, at: usize) {
        let hand = self.hands.remove(at);
        self.book.lost = self.book.lost.plus(hand.charged);
    }

    /// The law that budgets are for: a call is made only within the limits in force.
    async fn called(&mut self, spend: Spend) -> Result<(), String> {
        self.book.made = self.book.made.plus(spend);
        let (made, limits) = (self.book.made, self.ground.read().await.budget);
        let within =
            |count: i64, limit: u64| u64::try_from(count).is_ok_and(|count| count <= limit);
        if within(made.model_calls, limits.model_calls)
            && within(made.tool_calls, limits.tool_calls)
        {
            return Ok(());
        }
        Err(format!("{made:?} were made within {limits:?}"))
    }

    async fn try_late(&mut self, which: &proptest::sample::Index, luck: u8) -> Result<(), String> {
        if self.late.is_empty() {
            return Ok(());
        }
        let at = which.index(self.late.len());
        match self.late[at].advance(&self.ground, luck).await {
            Did::Thought | Did::Called(_) | Did::Conflicted => Ok(()),
            Did::Lost => {
                self.seen.late += 1;
                self.late.remove(at);
                Ok(())
            }
            did @ (Did::Committed { .. } | Did::Dropped(_)) => {
                Err(format!("a dead worker wrote: {did:?}"))
            }
        }
    }

    pub async fn ask_owner(&mut self, raises_by: Option<u8>) {
        let read = self.ground.read().await;
        self.owners.push(Owner { raises_by, read });
    }

    async fn own(&mut self, at: usize) -> Result<(), String> {
        let owner = &self.owners[at];
        let task = &owner.read;
        let input = owner
            .raises_by
            .map_or(Input::CancelRequested { reason: None }, |by| {
                Input::BudgetRaised {
                    budget: raised(task.budget, by),
                }
            });
        let decision = match decide(task, input, task.read_at_ms, &self.ground.entropy) {
            Ok(decision) => decision,
            Err(_) if task.state.is_final() => {
                self.owners.remove(at);
                return Ok(());
            }
            Err(refused) => return Err(format!("the owner was refused: {refused}")),
        };
        let right = Right::Owner(self.ground.tenant.clone(), self.ground.task.clone());
        let commit = self.ground.prepared(right, task.version, decision).await;
        match self.ground.store.transition(commit).await {
            Ok(_) => {
                self.owners.remove(at);
            }
            Err(StoreError::VersionMoved { .. }) => {
                self.seen.conflicts += 1;
                self.owners[at].read = self.ground.read().await;
            }
            Err(error) => return Err(format!("the owner could not commit: {error}")),
        }
        Ok(())
    }

    /// A life ends and another begins; what the old one held may still try to write.
    async fn bury(&mut self, worker: usize) {
        let name = self.lives[worker].worker.clone();
        self.lives[worker] = self.ground.store.begin(&name).await.unwrap();
        while let Some(at) = self.hands.iter().position(|hand| hand.worker == worker) {
            let hand = self.hands.remove(at);
            self.book.lost = self.book.lost.plus(hand.charged);
            self.late.push(hand);
        }
    }

    async fn silence(&mut self, worker: usize) {
        let store = &self.ground.store;
        for _ in 0..2 {
            store.shift_clock(PAST_LEASE_MS / 2);
            let other = &self.lives[1 - worker];
            store.heartbeat(other, LEASE_MS).await.unwrap();
        }
        store.reap(LEASE_MS).await.unwrap();
        self.bury(worker).await;
    }

    pub async fn pass_time(&mut self, ms: i64) {
        let mut left = ms;
        while left > 0 {
            self.ground.store.shift_clock(left.min(BEAT_MS));
            left -= BEAT_MS;
            for life in &self.lives {
                let kept = self.ground.store.heartbeat(life, LEASE_MS).await;
                kept.unwrap();
            }
        }
    }
}

/// Small raises run out again; the largest one is enough for everything.
fn raised(budget: Budget, by: u8) -> Budget {
    let by = if by == u8::MAX {
        100_000
    } else {
        u64::from(by % 16)
    };
    Budget {
        model_calls: budget.model_calls + by % 4 + by / 1_000 * 10,
        tool_calls: budget.tool_calls + by / 4,
        tokens: budget.tokens + by * 20,
        wall_ms: budget.wall_ms + by * 4_000,
    }
}
