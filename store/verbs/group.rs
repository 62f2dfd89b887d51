//! Group commit: one leader per process commits all that waits in one transaction.
//!
//! Each commit keeps its own guard, so a stale one is refused alone. When a transaction is lost because of one of its
//! commits, each is tried again by itself, so that only the bad one fails. A caller is answered after the database
//! has said that the transaction is durable, never before; a crash before that loses all of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::id::{TaskId, TenantId};
use agent_core::job::{Guard, Incarnation, JobAfter};
use agent_core::ports::store::{
    Append, Commits, Committed, NewTask, Right, Room, StoreError, Submitted, Transition,
};
use agent_core::turns::Turns;
use async_trait::async_trait;
use store_records::ClaimRecord;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::{Failure, SharedFailure, one_may_be_to_blame, timed_out};
use super::hints::Hints;
use super::kept::{InUse, Kept};
use super::log::Log;
use super::{Core, append, submit, transition};
use crate::{Store, dialect};

/// Something to be committed.
pub(crate) enum Work {
    Append(Append),
    Transition(Transition),
    Submit(NewTask),
    /// The end of a job.
    Finish(Guard),
    /// A claim for a life of a worker with a lease of so many milliseconds.
    Claim(Incarnation, u64, Room),
}

/// What came of it.
pub(crate) enum Done {
    Committed(Committed),
    Submitted(Submitted),
    Finished,
    /// Nothing when the life was over.
    Claimed(Option<Vec<ClaimRecord>>),
}

impl Done {
    /// Whether a job was handed to the one who made it.
    fn handed_over(&self) -> bool {
        matches!(self, Self::Committed(committed) if committed.handed_over)
    }
}

type Answer = Result<Done, StoreError>;

/// Something to be committed, with the one who waits for it.
pub(crate) struct Ticket {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

impl Work {
    /// Whose task this is about, if it is about one.
    pub(crate) fn owner(&self) -> Option<(&TenantId, &TaskId)> {
        match self {
            Self::Append(Append { guard, .. }) | Self::Finish(guard) => {
                Some((&guard.tenant, &guard.task))
            }
            Self::Transition(commit) => Some(match &commit.right {
                Right::Job(guard, _) => (&guard.tenant, &guard.task),
                Right::Owner(tenant, task) => (tenant, task),
            }),
            Self::Submit(task) => Some((&task.tenant, &task.id)),
            Self::Claim(..) => None,
        }
    }

    /// Existing tasks come first, by id; then submits, by their idempotency key. Every process locks in this order,
    /// so no two batches can wait for each other. Jobs are claimed last, because the others may make some.
    fn order(&self) -> (u8, Option<&TenantId>, &str) {
        match self {
            Self::Append(_) | Self::Transition(_) | Self::Finish(_) => {
                let owner = self.owner();
                let task = owner.map(|(_, task)| task.as_str());
                (0, owner.map(|(tenant, _)| tenant), task.unwrap_or_default())
            }
            Self::Submit(task) => {
                let key = task.idempotency.as_ref().map(|key| key.key.as_str());
                (1, Some(&task.tenant), key.unwrap_or_default())
            }
            Self::Claim(..) => (2, None, ""),
        }
    }

    /// Whether anything of a task or job is written for this.
    pub(crate) fn is_commit(&self) -> bool {
        !matches!(self, Self::Claim(..))
    }

    /// Whether a job may be ready once this is committed.
    fn may_ready_a_job(&self, done: &Done) -> bool {
        let is_at_once = |after: JobAfter| after == JobAfter::Delay(0);
        match self {
            Self::Append(commit) => is_at_once(commit.job),
            Self::Transition(commit) => {
                let own = match &commit.right {
                    Right::Job(_, after) => is_at_once(*after),
                    Right::Owner(..) => false,
                };
                let jobs = &commit.jobs;
                own || jobs.wake
                    || jobs.requeue.is_some()
                    || !jobs.take_back.is_empty()
                    || jobs.create.len() > usize::from(done.handed_over())
            }
            Self::Submit(_) => true,
            Self::Finish(_) | Self::Claim(..) => false,
        }
    }
}

/// The one task that commits.
pub(crate) struct Leader {
    pub kept: Kept,
    pub deadline: Duration,
    pub batch_max: usize,
    pub hints: Arc<Hints>,
    pub turns: Arc<Mutex<Turns>>,
}

impl Leader {
    /// Commits until the store is closed; what was handed in before that is still committed.
    pub(crate) async fn lead(
        mut self,
        mut tickets: mpsc::Receiver<Ticket>,
        ended: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(self.batch_max);
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => break,
                taken = tickets.recv_many(&mut batch, self.batch_max) => if taken == 0 { break },
                () = self.kept.give_back() => continue,
            }
            // Whoever is about to commit comes along: others run before this goes on, as long as they bring more.
            let mut before = 0;
            while before < batch.len() && batch.len() < self.batch_max {
                before = batch.len();
                tokio::task::yield_now().await;
                while batch.len() < self.batch_max
                    && let Ok(ticket) = tickets.try_recv()
                {
                    batch.push(ticket);
                }
            }
            self.commit(std::mem::take(&mut batch)).await;
        }
        tickets.close();
        while tickets.recv_many(&mut batch, self.batch_max).await > 0 {
            self.commit(std::mem::take(&mut batch)).await;
        }
    }

    async fn commit(&mut self, mut batch: Vec<Ticket>) {
        batch.sort_by(|a, b| a.work.order().cmp(&b.work.order()));
        let works: Vec<&Work> = batch.iter().map(|ticket| &ticket.work).collect();
        let answers = match self.timed(&works).await {
            Ok(answers) => answers,
            Err(error) if works.len() > 1 && one_may_be_to_blame(&error) => {
                tracing::warn!(error = %error, count = works.len(), "a transaction of {} commits was lost; trying each alone", works.len());
                self.each_alone(&works).await
            }
            Err(error) => refuse_all(works.len(), error),
        };
        for (ticket, answer) in batch.into_iter().zip(answers) {
            // Whoever gave up waiting does not need the answer; what was committed stays committed.
            let _ = ticket.answer.send(answer);
        }
    }

    async fn each_alone(&mut self, works: &[&Work]) -> Vec<Answer> {
        let begun = Instant::now();
        let mut answers = Vec::with_capacity(works.len());
        for work in works {
            let answer = if begun.elapsed() > self.deadline {
                Err(timed_out())
            } else {
                self.timed(&[work]).await
            };
            answers.extend(answer.unwrap_or_else(|error| refuse_all(1, error)));
        }
        answers
    }

    async fn timed(&mut self, works: &[&Work]) -> Result<Vec<Answer>, sqlx::Error> {
        let answers = tokio::time::timeout(self.deadline, self.transact(works))
            .await
            .unwrap_or_else(|_| Err(timed_out()))?;
        let mut readied = false;
        for (work, answer) in works.iter().zip(&answers) {
            if let Ok(done) = answer {
                readied = readied || work.may_ready_a_job(done);
                if !matches!(work, Work::Finish(_))
                    && let Some((_, task)) = work.owner()
                {
                    self.hints.task(task);
                }
            }
        }
        if readied {
            self.hints.jobs();
        }
        Ok(answers)
    }

    /// One transaction for all. An error means that nothing of it is committed, or that this cannot be known.
    async fn transact(&mut self, works: &[&Work]) -> Result<Vec<Answer>, sqlx::Error> {
        let mut connection = self.kept.take().await?;
        let answers = self.transact_on(&mut connection, works).await;
        self.kept.put(connection, answers.is_err());
        answers
    }

    async fn transact_on(
        &self,
        connection: &mut InUse,
        works: &[&Work],
    ) -> Result<Vec<Answer>, sqlx::Error> {
        let guards = finished(works);
        if guards.len() == works.len()
            && let Some(ended) = dialect::finish_alone(connection, &guards).await?
        {
            return Ok(ended.into_iter().map(answer_of_finish).collect());
        }
        if let [Work::Append(commit)] = works
            && append::can_go_alone(commit)
        {
            connection.is_unsure = true;
            let made = append::alone(connection, commit).await?;
            connection.is_unsure = false;
            return Ok(vec![made.map(Done::Committed)]);
        }
        let dates_something = works.iter().any(|work| work.is_commit());
        let mut tx = connection
            .begin(if dates_something {
                dialect::BEGIN_COMMITS
            } else {
                dialect::BEGIN_WRITE
            })
            .await?;
        dialect::prepare(&mut tx, works).await?;
        let mut log = Log::default();
        let mut answers: Vec<Option<Answer>> = works.iter().map(|_| None).collect();
        for round in rounds(works, append_of) {
            let (places, commits): (Vec<usize>, Vec<&Append>) = round.into_iter().unzip();
            let done = append::apply(&mut tx, &commits, &mut log, &self.turns).await?;
            tell(&mut answers, &places, done, Done::Committed);
        }
        for round in rounds(works, transition_of) {
            let (places, commits): (Vec<usize>, Vec<&Transition>) = round.into_iter().unzip();
            let done = transition::apply(&mut tx, &commits, &mut log, &self.turns).await?;
            tell(&mut answers, &places, done, Done::Committed);
        }
        let (places, tasks): (Vec<usize>, Vec<&NewTask>) = submitted(works).into_iter().unzip();
        let done = submit::apply(&mut tx, &tasks, &mut log, &self.turns).await?;
        tell(&mut answers, &places, done, Done::Submitted);
        dialect::write_log(&mut tx, &log).await?;
        if !guards.is_empty() {
            let mut ended = append::finish(&mut tx, &guards).await?.into_iter();
            for (work, answer) in works.iter().zip(&mut answers) {
                if matches!(work, Work::Finish(_)) {
                    *answer = ended.next().map(answer_of_finish);
                }
            }
        }
        for (work, answer) in works.iter().zip(&mut answers) {
            if let Work::Claim(who, lease_ms, room) = work {
                let claimed = dialect::claim(&mut tx, (who, *lease_ms), room).await?;
                *answer = Some(Ok(Done::Claimed(claimed)));
            }
        }
        tx.commit().await?;
        // Every work has its answer by now; one without would be told that the store is closed.
        Ok(answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(closed())))
            .collect())
    }
}

fn answer_of_finish(ended: Result<(), StoreError>) -> Answer {
    ended.map(|()| Done::Finished)
}

/// The guards of the jobs that end in a batch, in its order.
fn finished<'a>(works: &[&'a Work]) -> Vec<&'a Guard> {
    let guard = |work: &&'a Work| match work {
        Work::Finish(guard) => Some(guard),
        Work::Append(_) | Work::Transition(_) | Work::Submit(_) | Work::Claim(..) => None,
    };
    works.iter().filter_map(guard).collect()
}

/// Puts answers in their places.
fn tell<T>(
    answers: &mut [Option<Answer>],
    places: &[usize],
    done: Vec<Result<T, StoreError>>,
    means: impl Fn(T) -> Done,
) {
    for (place, done) in places.iter().zip(done) {
        answers[*place] = Some(done.map(&means));
    }
}

fn append_of(work: &Work) -> Option<&Append> {
    match work {
        Work::Append(commit) => Some(commit),
        Work::Transition(_) | Work::Submit(_) | Work::Finish(_) | Work::Claim(..) => None,
    }
}

fn transition_of(work: &Work) -> Option<&Transition> {
    match work {
        Work::Transition(commit) => Some(commit),
        Work::Append(_) | Work::Submit(_) | Work::Finish(_) | Work::Claim(..) => None,
    }
}

/// The submits of a batch, with their places in it.
fn submitted<'a>(works: &[&'a Work]) -> Vec<(usize, &'a NewTask)> {
    let task = |(place, work): (usize, &&'a Work)| match work {
        Work::Submit(task) => Some((place, task)),
        Work::Append(_) | Work::Transition(_) | Work::Finish(_) | Work::Claim(..) => None,
    };
    works.iter().enumerate().filter_map(task).collect()
}

/// The commits of one kind in a batch, with their places in it, in groups of which none has two for one task: steps that run
/// side by side share a log, and a statement updates a row once. Works are in order of their tasks.
fn rounds<'a, T>(
    works: &[&'a Work],
    of_kind: impl Fn(&'a Work) -> Option<&'a T>,
) -> Vec<Vec<(usize, &'a T)>> {
    let mut rounds: Vec<Vec<(usize, &T)>> = Vec::new();
    let mut before = None;
    let mut nth = 0;
    for (place, work) in works.iter().enumerate() {
        let Some(commit) = of_kind(work) else {
            continue;
        };
        let task = work.owner();
        nth = if before == Some(task) { nth + 1 } else { 0 };
        before = Some(task);
        if nth == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[nth].push((place, commit));
    }
    rounds
}

fn refuse_all(count: usize, error: sqlx::Error) -> Vec<Answer> {
    if count == 1 {
        return vec![Err(Failure::Broken(error).into_store_error())];
    }
    let shared = SharedFailure::new(error);
    (0..count).map(|_| Err(shared.to_store_error())).collect()
}

/// The leader takes no more work.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl Core {
    /// Hands work to the leader and waits until it is durable or refused.
    pub(crate) async fn commit(&self, work: Work) -> Answer {
        let (answer, told) = oneshot::channel();
        let ticket = Ticket { work, answer };
        self.commits.send(ticket).await.map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }

    async fn committed(&self, work: Work) -> Result<Committed, StoreError> {
        match self.commit(work).await? {
            Done::Committed(committed) => Ok(committed),
            Done::Submitted(_) | Done::Finished | Done::Claimed(_) => {
                unreachable!("a commit is answered as a commit")
            }
        }
    }
}

#[async_trait]
impl Commits for Store {
    async fn append(&self, commit: Append) -> Result<Committed, StoreError> {
        self.core.committed(Work::Append(commit)).await
    }

    async fn finish(&self, guard: Guard) -> Result<(), StoreError> {
        self.core.commit(Work::Finish(guard)).await.map(|_| ())
    }

    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError> {
        self.core.committed(Work::Transition(commit)).await
    }
}
