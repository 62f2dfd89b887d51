//! Models, tools, blobs and workspaces in memory, which write down how often they were used.

#[path = "fake_tools.rs"]
mod fake_tools;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::image::ImageBytes;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::housekeeping::{Cutoff, OwnedHash, Shelves};
use agent_core::ports::model::{
    Finish, Message, ModelFailure, ModelReply, ModelRequest, ModelRole, Models, ProposedCall, Usage,
};
use agent_core::ports::workspaces::{Place, Remains, Snapshot, WorkspaceError, Workspaces};
use agent_core::workspace::Manifest;
use async_trait::async_trait;
use serde_json::Value;

pub use fake_tools::FakeTools;

/// What a model says in one turn.
#[derive(Debug, Clone)]
pub enum Said {
    /// A JSON answer.
    Json(Value),
    /// Calls: name and arguments.
    Calls(Vec<(&'static str, Value)>),
    /// Text without a call.
    Text(&'static str),
    /// No answer.
    Failure(ModelFailure),
}

type Script = dyn Fn(&str, usize) -> Said + Send + Sync;

/// Models that answer by job and turn.
pub struct FakeModels {
    script: Box<Script>,
    /// Questions so far, by job and turn.
    pub asked: Mutex<BTreeMap<(String, usize), u32>>,
    /// Histories of the questions, in order.
    pub histories: Mutex<Vec<(String, Vec<Message>)>>,
    /// Images that went with the questions, in order.
    pub images: Mutex<Vec<ImageBytes>>,
    /// Whether it sees.
    pub sees: AtomicBool,
}

impl FakeModels {
    pub fn new(script: impl Fn(&str, usize) -> Said + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            asked: Mutex::default(),
            histories: Mutex::default(),
            images: Mutex::default(),
            sees: AtomicBool::new(true),
        })
    }

    pub fn asked(&self) -> BTreeMap<(String, usize), u32> {
        self.asked.lock().unwrap().clone()
    }
}

/// The job that a question belongs to: what the first line of its opening says.
fn job_of(messages: &[Message]) -> String {
    let opening = messages.iter().find_map(|message| {
        if let Message::User { text } = message {
            Some(text)
        } else {
            None
        }
    });
    let line = opening.unwrap().lines().next().unwrap();
    line.strip_prefix("Job: ").unwrap().to_owned()
}

#[async_trait]
impl Models for FakeModels {
    async fn ask(&self, request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        let job = job_of(&request.messages);
        let turn = request
            .messages
            .iter()
            .filter(|message| matches!(message, Message::Assistant { .. }))
            .count();
        *self
            .asked
            .lock()
            .unwrap()
            .entry((job.clone(), turn))
            .or_default() += 1;
        self.images.lock().unwrap().push(request.images);
        self.histories
            .lock()
            .unwrap()
            .push((job.clone(), request.messages));
        let mut reply = ModelReply {
            text: None,
            json: None,
            thought: None,
            calls: Vec::new(),
            finish: Finish::Stop,
            usage: Some(Usage {
                input: Some(8),
                output: Some(2),
                ..Usage::default()
            }),
            tokens_all_attempts: 10,
            model: "fake".to_owned(),
            attempts: 1,
        };
        match (self.script)(&job, turn) {
            Said::Json(value) => reply.json = Some(value),
            Said::Text(text) => reply.text = Some(text.to_owned()),
            Said::Failure(failure) => return Err(failure),
            Said::Calls(calls) => {
                reply.finish = Finish::ToolCalls;
                reply.calls = calls
                    .into_iter()
                    .enumerate()
                    .map(|(at, call)| proposed(at, call))
                    .collect();
            }
        }
        Ok(reply)
    }

    fn sees_images(&self, _role: ModelRole) -> bool {
        self.sees.load(Ordering::SeqCst)
    }
}

fn proposed(at: usize, (tool, arguments): (&str, Value)) -> ProposedCall {
    ProposedCall {
        id: format!("c{at}"),
        tool: tool.to_owned(),
        arguments,
        repaired: false,
        problem: None,
    }
}

/// Blobs in memory, which can be taken away for a while.
#[derive(Default)]
pub struct MemoryBlobs {
    held: Mutex<HashMap<(TenantId, BlobHash), Vec<u8>>>,
    pub away: AtomicBool,
    /// What lies there is not what was put.
    pub spoilt: AtomicBool,
}

impl MemoryBlobs {
    fn reached(&self) -> Result<(), BlobError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(BlobError::Unavailable("the disk is full".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        self.reached()?;
        let named = BlobRef {
            hash: BlobHash::of(&bytes),
            bytes: bytes.len() as u64,
        };
        self.held
            .lock()
            .unwrap()
            .insert((tenant.clone(), named.hash.clone()), bytes);
        Ok(named)
    }

    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        self.reached()?;
        if self.spoilt.load(Ordering::SeqCst) {
            return Err(BlobError::Corrupt { hash: hash.clone() });
        }
        let found = self
            .held
            .lock()
            .unwrap()
            .get(&(tenant.clone(), hash.clone()))
            .cloned();
        found.ok_or_else(|| BlobError::Missing { hash: hash.clone() })
    }
}

/// Shelves on which nothing lies.
pub struct NoShelves;

#[async_trait]
impl Shelves for NoShelves {
    async fn cutoff(&self, _age_ms: u64) -> Result<Cutoff, BlobError> {
        Ok(Cutoff(0))
    }

    async fn shard_after(&self, _shard: Option<&str>) -> Result<Option<String>, BlobError> {
        Ok(None)
    }

    async fn old_in(&self, _shard: &str, _cutoff: Cutoff) -> Result<Vec<OwnedHash>, BlobError> {
        Ok(Vec::new())
    }

    async fn remove(&self, _blob: &OwnedHash, _cutoff: Cutoff) -> Result<bool, BlobError> {
        Ok(false)
    }
}

/// Workspaces in memory.
pub struct MemoryWorkspaces {
    pub blobs: Arc<MemoryBlobs>,
    pub places: Mutex<HashMap<Place, Manifest>>,
}

#[async_trait]
impl Workspaces for MemoryWorkspaces {
    async fn restore(&self, place: &Place, manifest: &Manifest) -> Result<(), WorkspaceError> {
        self.places
            .lock()
            .unwrap()
            .insert(place.clone(), manifest.clone());
        Ok(())
    }

    async fn snapshot(&self, place: &Place) -> Result<Snapshot, WorkspaceError> {
        let manifest = self
            .places
            .lock()
            .unwrap()
            .get(place)
            .cloned()
            .unwrap_or_default();
        let manifest_blob = self
            .blobs
            .put(&place.tenant, manifest.to_json().into_bytes())
            .await?;
        Ok(Snapshot {
            manifest_blob,
            manifest,
            put: Vec::new(),
        })
    }

    async fn manifest(
        &self,
        tenant: &TenantId,
        name: &BlobHash,
    ) -> Result<Manifest, WorkspaceError> {
        let bytes = self.blobs.get(tenant, name).await?;
        Ok(serde_json::from_slice(&bytes).unwrap())
    }

    async fn calm(&self, _place: &Place) -> Remains {
        Remains::Nothing
    }

    async fn discard(&self, place: &Place) -> Remains {
        self.places.lock().unwrap().remove(place);
        Remains::Nothing
    }
}
