//! Commits that share a transaction, and verbs whose caller goes away in the middle.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use agent_core::job::Claim;
use agent_core::ports::store::{Append, StoreError};
use errand_tests::backends;
use errand_tests::harness::Harness;
use errand_tests::samples;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(20);

async fn claims(h: &Harness, count: u32) -> Vec<Claim> {
    for _ in 0..count {
        h.submitted().await;
    }
    h.worker("w").await.claim(count).await
}

/// A commit that no database accepts: two artifacts with one id.
fn impossible(h: &Harness, claim: &Claim) -> Append {
    let first = samples::artifact(&*h.entropy, "first.txt", "first");
    let mut second = samples::artifact(&*h.entropy, "second.txt", "second");
    second.id = first.id.clone();
    Append {
        artifacts: vec![first, second],
        ..samples::append_note(claim, "never")
    }
}

async fn one_impossible_commit_fails_alone(h: Harness) {
    let claims = claims(&h, 40).await;
    let mut commits = JoinSet::new();
    for (place, claim) in claims.iter().enumerate() {
        let commit = if place == 17 {
            impossible(&h, claim)
        } else {
            samples::append_note(claim, "fine")
        };
        let store = h.store.clone();
        commits.spawn(async move { (place, store.append(commit).await) });
    }
    while let Some(done) = commits.join_next().await {
        let (place, answer) = done.unwrap();
        assert_eq!(answer.is_ok(), place != 17, "{place}: {answer:?}");
    }
    for (place, claim) in claims.iter().enumerate() {
        let task = h.task(&claim.task).await;
        assert_eq!(task.seq, if place == 17 { 1 } else { 2 });
    }
    let artifacts = h.store.artifacts(&h.tenant, &claims[17].task).await;
    assert_eq!(artifacts.unwrap(), vec![]);
    h.finish().await;
}

async fn stale_commits_among_good_ones_are_refused_alone(h: Harness) {
    let claims = claims(&h, 40).await;
    let mut commits = JoinSet::new();
    for (place, claim) in claims.iter().enumerate() {
        let mut commit = samples::append_note(claim, "news");
        if place % 4 == 0 {
            commit.guard.fence.0 -= 1;
        }
        let store = h.store.clone();
        commits.spawn(async move { (place, store.append(commit).await) });
    }
    while let Some(done) = commits.join_next().await {
        let (place, answer) = done.unwrap();
        if place % 4 == 0 {
            assert!(
                matches!(answer, Err(StoreError::Stale { .. })),
                "{answer:?}"
            );
        } else {
            assert_eq!(answer.unwrap().seq, 2);
        }
    }
    h.finish().await;
}

async fn a_claim_that_nobody_waits_for_any_more_is_given_back(h: Harness) {
    for _ in 0..5 {
        h.submitted().await;
    }
    let gone = h.worker("gone").await;
    let claiming = gone.claim(5);
    tokio::select! {
        biased;
        // Polled once, which starts it, and then dropped.
        got = claiming => drop(got),
        () = ready(()) => {}
    }
    let here = h.worker("here").await;
    let begun = Instant::now();
    let mut claimed = Vec::new();
    while claimed.len() < 5 {
        assert!(
            begun.elapsed() < SOON,
            "{} of 5 were given back",
            claimed.len()
        );
        claimed.extend(here.claim(5).await);
        h.store.jobs(Duration::from_millis(50)).await;
    }
    assert!(
        claimed
            .iter()
            .all(|claim| claim.attempts == 0 && claim.crashes == 0)
    );
    h.finish().await;
}

async fn a_commit_whose_caller_goes_away_is_made_all_the_same(h: Harness) {
    let claim = claims(&h, 1).await.remove(0);
    let append = h.store.append(samples::append_note(&claim, "kept"));
    tokio::select! {
        biased;
        got = append => drop(got),
        () = ready(()) => {}
    }
    let kept = async {
        while h.task(&claim.task).await.seq < 2 {
            h.store.task(&claim.task, Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, kept).await.unwrap();
    h.finish().await;
}

/// Whether something is there already that whoever waits for jobs is told.
async fn is_told(h: &Harness) -> bool {
    tokio::select! {
        biased;
        () = h.store.jobs(SOON) => true,
        () = ready(()) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_submit_makes_a_claim_loop_that_waits_look_once() {
    let h = backends::sqlite::start().await;
    while is_told(&h).await {}
    {
        let mut waiting = pin!(h.store.jobs(10 * SOON));
        tokio::select! {
            biased;
            () = &mut waiting => panic!("nothing was submitted yet"),
            () = ready(()) => {}
        }
        h.submitted().await;
        timeout(SOON, waiting).await.unwrap();
    }
    assert!(!is_told(&h).await, "it was told once more");
    // What comes while nobody waits is kept.
    h.submitted().await;
    assert!(is_told(&h).await);
    h.finish().await;
}

macro_rules! cases {
    ($($backend:ident)+) => {$(
        mod $backend {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn one_impossible_commit_fails_alone() {
                super::one_impossible_commit_fails_alone(backends::$backend::start().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn stale_commits_among_good_ones_are_refused_alone() {
                let harness = backends::$backend::start().await;
                super::stale_commits_among_good_ones_are_refused_alone(harness).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_claim_that_nobody_waits_for_any_more_is_given_back() {
                let harness = backends::$backend::start().await;
                super::a_claim_that_nobody_waits_for_any_more_is_given_back(harness).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_commit_whose_caller_goes_away_is_made_all_the_same() {
                let harness = backends::$backend::start().await;
                super::a_commit_whose_caller_goes_away_is_made_all_the_same(harness).await;
            }
        }
    )+};
}

cases!(sqlite postgres);
