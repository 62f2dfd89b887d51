//! What a worker does to a task, without a worker: claims, decisions, commits.

use agent_core::browser::BrowserActed;
use agent_core::budget::{Limit, Spend};
use agent_core::decide::{Input, Wait, commit, decide};
use agent_core::event::{ArtifactPublished, NewEvent, NoteAdded, ToolIntended, ToolUnknown};
use agent_core::id::{ArtifactId, CallId};
use agent_core::image::ImageRef;
use agent_core::job::{Claim, JobAfter, WorkerName};
use agent_core::journal;
use agent_core::plan::{Plan, StepSpec};
use agent_core::ports::blobs::Blobs;
use agent_core::ports::store::{Append, Artifact, Commits, Jobs, Right, Room, Tasks};
use agent_core::ports::tool::EffectClass;
use agent_core::task::WaitKind;

use crate::world::World;

const LEASE_MS: u64 = 15_000;

impl World {
    /// Claims the job that is ready.
    pub async fn claim(&self) -> Claim {
        let life = self.store.begin(&WorkerName("w".to_owned())).await.unwrap();
        let mut claims = self
            .store
            .claim(&life, LEASE_MS, &Room::of(1))
            .await
            .unwrap();
        claims.pop().unwrap()
    }

    /// Commits what the core decides.
    pub async fn decided(&self, claim: &Claim, input: Input) {
        let found = self.store.find_task(&claim.tenant, &claim.task).await;
        let task = found.unwrap().unwrap();
        let decision = decide(&task, input, task.read_at_ms, self.entropy.as_ref()).unwrap();
        let right = Right::Job(claim.guard(), decision.own_job);
        let prepared = commit::prepare(
            self.blobs.as_ref(),
            &claim.tenant,
            right,
            task.version,
            decision,
        );
        let done = self.store.transition(prepared.await.unwrap()).await;
        done.unwrap();
    }

    /// Makes a plan of one step and begins the step.
    pub async fn plan_and_begin(&self) -> Claim {
        let planner = self.claim().await;
        self.decided(
            &planner,
            Input::Claimed {
                step: None,
                begun: false,
                crashes: 0,
            },
        )
        .await;
        let step = StepSpec {
            key: "count".to_owned(),
            title: "Count".to_owned(),
            instructions: "Count the words.".to_owned(),
            depends_on: Vec::new(),
            acceptance: Vec::new(),
        };
        let plan = Plan {
            overview: String::new(),
            steps: vec![step],
        };
        self.decided(&planner, Input::PlanAccepted { plan }).await;
        let claim = self.claim().await;
        let step = claim.step.clone();
        self.decided(
            &claim,
            Input::Claimed {
                step,
                begun: false,
                crashes: 0,
            },
        )
        .await;
        claim
    }

    /// Ends the step and writes the report, and so ends the task.
    pub async fn end(&self, claim: &Claim) {
        let step = claim.step.clone().unwrap();
        let result = "counted".to_owned();
        self.decided(
            claim,
            Input::StepSucceeded {
                step,
                result,
                label: agent_core::policy::Label::User,
            },
        )
        .await;
        let report = self.claim().await;
        self.decided(
            &report,
            Input::Claimed {
                step: None,
                begun: false,
                crashes: 0,
            },
        )
        .await;
        let reported = Input::Reported {
            answer: "There are **42** words.".to_owned(),
            data: None,
            criteria: Vec::new(),
            not_done: Vec::new(),
        };
        self.decided(&report, reported).await;
    }

    /// Uses up the model calls and makes the step wait for more.
    pub async fn run_out(&self, claim: &Claim) {
        let used = Spend {
            model_calls: 201,
            ..Spend::default()
        };
        self.spend(claim, used).await;
        let wait = Wait {
            kind: WaitKind::Budget,
            reason: "the limit of model calls is reached".to_owned(),
            delay_ms: None,
            limit: Some(Limit::ModelCalls),
            refund: Spend::default(),
        };
        let step = claim.step.clone();
        self.decided(claim, Input::Waited { step, wait }).await;
    }

    /// A call of the step whose outcome is not known and that its owner is asked about. The step waits for the answer.
    pub async fn ask_about_a_call(&self, claim: &Claim) -> CallId {
        let step = claim.step.clone().unwrap();
        let call = self.intend(claim).await;
        let unknown = ToolUnknown {
            call: call.clone(),
            tool: "send".to_owned(),
            reason: "the worker died".to_owned(),
            asked: true,
            decide_by_ms: None,
        };
        let events = vec![NewEvent::of_step(&step, unknown)];
        self.append(claim, events, Spend::default(), Vec::new())
            .await;
        let wait = Wait {
            kind: WaitKind::Approval,
            reason: "it is not known whether send had its effect".to_owned(),
            delay_ms: None,
            limit: None,
            refund: Spend::default(),
        };
        let step = Some(step);
        self.decided(claim, Input::Waited { step, wait }).await;
        call
    }

    /// The intent of a call.
    pub async fn intend(&self, claim: &Claim) -> CallId {
        let step = claim.step.clone().unwrap();
        let call = CallId::new(self.entropy.as_ref());
        let intended = ToolIntended {
            call: call.clone(),
            tool: "send".to_owned(),
            effect: EffectClass::Once,
            outside: true,
            summary: "x".to_owned(),
            label: agent_core::policy::Label::User,
            consent: agent_core::policy::Consent::NotNeeded,
            key: "k".to_owned(),
            fence: claim.fence.0,
            arguments: serde_json::json!({"to": "x"}),
        };
        let events = vec![NewEvent::of_step(&step, intended)];
        self.append(claim, events, Spend::default(), Vec::new())
            .await;
        call
    }

    /// Appends notes, one commit each.
    pub async fn note(&self, claim: &Claim, texts: &[&str]) {
        for text in texts {
            let body = NoteAdded {
                text: (*text).to_owned(),
            };
            let events = vec![NewEvent::of_task(body)];
            self.append(claim, events, Spend::default(), Vec::new())
                .await;
        }
    }

    /// Publishes a file.
    pub async fn publish(&self, claim: &Claim, name: &str, bytes: &[u8]) {
        let blob = self.blobs.put(&claim.tenant, bytes.to_vec()).await.unwrap();
        let artifact = Artifact {
            id: ArtifactId::new(self.entropy.as_ref()),
            name: name.to_owned(),
            blob: blob.clone(),
            media_type: "text/html".to_owned(),
            step: claim.step.clone(),
            created_at_ms: 0,
        };
        let event = NewEvent::of_task(ArtifactPublished {
            artifact: artifact.id.clone(),
            name: name.to_owned(),
            bytes: blob.bytes,
            media_type: artifact.media_type.clone(),
            blob,
        });
        self.append(claim, vec![event], Spend::default(), vec![artifact])
            .await;
    }

    /// Records that a browser acted, with a picture of this kind.
    pub async fn picture(&self, claim: &Claim, media_type: &str, bytes: &[u8]) {
        let blob = self.blobs.put(&claim.tenant, bytes.to_vec()).await.unwrap();
        let event = NewEvent::of_task(BrowserActed {
            call: CallId::new(self.entropy.as_ref()),
            tool: "browser_open".to_owned(),
            action: "open".to_owned(),
            url: "https://shop.example/".to_owned(),
            title: "Shop".to_owned(),
            target: None,
            image: Some(ImageRef {
                blob: blob.clone(),
                media_type: media_type.to_owned(),
                width: 1280,
                height: 800,
            }),
        });
        self.append(claim, vec![event], Spend::default(), Vec::new())
            .await;
    }

    /// Charges some use.
    pub async fn spend(&self, claim: &Claim, charge: Spend) {
        self.append(claim, Vec::new(), charge, Vec::new()).await;
    }

    async fn append(
        &self,
        claim: &Claim,
        events: Vec<NewEvent>,
        charge: Spend,
        artifacts: Vec<Artifact>,
    ) {
        let blobs = self.blobs.as_ref();
        let events = journal::prepare_all(blobs, &claim.tenant, &events).await;
        let events = events.unwrap();
        let named = journal::named_blobs(&events);
        let published = artifacts.iter().map(|artifact| artifact.blob.clone());
        let commit = Append {
            guard: claim.guard(),
            blobs: named.into_iter().chain(published).collect(),
            events,
            charge,
            snapshot: None,
            artifacts,
            calls: Vec::new(),
            delivery: None,
            job: JobAfter::Keep,
        };
        self.store.append(commit).await.unwrap();
    }
}
