//! Models, tools, blobs and workspaces in memory, which write down how often they were used.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::browser::Acted;
use agent_core::id::TenantId;
use agent_core::image::{ImageBytes, ImageRef};
use agent_core::policy::{Outward, Source};
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::housekeeping::{Cutoff, OwnedHash, Shelves};
use agent_core::ports::model::{
    Finish, Message, ModelFailure, ModelReply, ModelRequest, ModelRole, Models, ProposedCall, Usage,
};
use agent_core::ports::tool::{
    EffectClass, FileUse, NoneFree, SideEffect, ToolBox, ToolCall, ToolError, ToolOutcome, ToolSpec,
};
use agent_core::ports::workspaces::{Place, Remains, Snapshot, WorkspaceError, Workspaces};
use agent_core::workspace::{Entry, Manifest};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

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

/// Tools: `append` adds a line to a file (repeatable), `send` has an effect outside (once), `count_up` one
/// inside (once), `tell` and `hand_over` have
/// side effects, `hold` runs until it is let go.
pub struct FakeTools {
    specs: Vec<ToolSpec>,
    workspaces: Arc<MemoryWorkspaces>,
    /// Calls made, by tool and arguments.
    pub made: Mutex<Vec<(String, Value)>>,
    /// Idempotency keys of the calls, in order.
    pub keys: Mutex<Vec<String>>,
    /// Fences of the calls, in order.
    pub fences: Mutex<Vec<i64>>,
    /// Lets calls of `hold` go.
    pub gate: Semaphore,
    /// Told when a call of `hold` begins.
    pub holding: Notify,
    /// Whether every browser is in use.
    pub no_browser: AtomicBool,
    /// Calls of `hold` that were dropped before they were let go.
    pub dropped: Arc<Mutex<u32>>,
}

fn spec(name: &str, effect: EffectClass, files: FileUse) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: name.to_owned(),
        parameters: json!({"type": "object"}),
        effect,
        files,
        outside: name == "send",
    }
}

impl FakeTools {
    pub fn new(workspaces: Arc<MemoryWorkspaces>) -> Arc<Self> {
        let specs = vec![
            spec("append", EffectClass::Repeatable, FileUse::Changes),
            spec("send", EffectClass::Once, FileUse::Reads),
            spec("count_up", EffectClass::Once, FileUse::Reads),
            spec("tell", EffectClass::Read, FileUse::Reads),
            spec("hand_over", EffectClass::Repeatable, FileUse::Reads),
            spec("show", EffectClass::Read, FileUse::Reads),
            spec("browse", EffectClass::Read, FileUse::None),
            spec("hold", EffectClass::Repeatable, FileUse::Reads),
            spec("page", EffectClass::Read, FileUse::None),
        ];
        Arc::new(Self {
            specs,
            workspaces,
            made: Mutex::default(),
            keys: Mutex::default(),
            fences: Mutex::default(),
            gate: Semaphore::new(0),
            holding: Notify::new(),
            no_browser: AtomicBool::new(false),
            dropped: Arc::default(),
        })
    }

    pub fn made(&self) -> Vec<(String, Value)> {
        self.made.lock().unwrap().clone()
    }

    async fn append(&self, call: &ToolCall) -> ToolOutcome {
        let (path, line) = (text(call, "path"), text(call, "line"));
        let tenant = &call.place.tenant;
        let old = self.workspaces.places.lock().unwrap()[&call.place]
            .0
            .get(&path)
            .cloned();
        let mut content = match old {
            Some(entry) => self
                .workspaces
                .blobs
                .get(tenant, &entry.blob.hash)
                .await
                .unwrap(),
            None => Vec::new(),
        };
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
        let blob = self.workspaces.blobs.put(tenant, content).await.unwrap();
        let mut places = self.workspaces.places.lock().unwrap();
        places.get_mut(&call.place).unwrap().0.insert(
            path,
            Entry {
                blob,
                executable: false,
            },
        );
        ToolOutcome::say(true, "appended")
    }

    async fn picture(&self, call: &ToolCall, bytes: Vec<u8>, media_type: &str) -> ImageRef {
        let blob = self.workspaces.blobs.put(&call.place.tenant, bytes).await;
        ImageRef {
            blob: blob.unwrap(),
            media_type: media_type.to_owned(),
            width: 3,
            height: 2,
        }
    }

    async fn hold(&self) -> ToolOutcome {
        struct Guard(Arc<Mutex<u32>>, bool);
        impl Drop for Guard {
            fn drop(&mut self) {
                if !self.1 {
                    *self.0.lock().unwrap() += 1;
                }
            }
        }
        let mut guard = Guard(Arc::clone(&self.dropped), false);
        self.holding.notify_one();
        self.gate.acquire().await.unwrap().forget();
        guard.1 = true;
        ToolOutcome::say(true, "let go")
    }
}

fn text(call: &ToolCall, name: &str) -> String {
    call.arguments[name].as_str().unwrap_or_default().to_owned()
}

#[async_trait]
impl ToolBox for FakeTools {
    fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    fn summary(&self, tool: &str, arguments: &Value) -> String {
        let to = arguments["to"].as_str().filter(|_| tool == "send");
        to.unwrap_or_default().to_owned()
    }

    fn source(&self, tool: &str, _arguments: &Value) -> Source {
        match tool {
            "page" | "send" => Source::Outside,
            "tell" | "hand_over" => Source::Own,
            _ => Source::Files,
        }
    }

    fn outward(&self, tool: &str, arguments: &Value) -> Outward {
        let (host, port) = ("shop.example".to_owned(), 443);
        match tool {
            "page" => Outward::Fetch {
                address: arguments["url"].as_str().unwrap_or_default().to_owned(),
                host,
                port,
            },
            "send" => Outward::Send { host, port },
            _ => Outward::Nothing,
        }
    }

    fn reserve(&self, tool: &str, _place: &Place) -> Result<(), NoneFree> {
        if tool == "browse" && self.no_browser.load(Ordering::SeqCst) {
            return Err(NoneFree { limit: 3 });
        }
        Ok(())
    }

    async fn run(&self, call: &ToolCall) -> Result<ToolOutcome, ToolError> {
        self.made
            .lock()
            .unwrap()
            .push((call.tool.clone(), call.arguments.clone()));
        self.keys.lock().unwrap().push(call.key.clone());
        self.fences.lock().unwrap().push(call.fence);
        Ok(match call.tool.as_str() {
            "append" => self.append(call).await,
            "hold" => self.hold().await,
            "page" => {
                // Written backwards, so that it is not what the call itself says.
                let says: String = text(call, "backwards").chars().rev().collect();
                ToolOutcome::say(!says.starts_with("error"), says)
            }
            "tell" => ToolOutcome {
                side_effects: vec![SideEffect::Note {
                    text: text(call, "text"),
                }],
                ..ToolOutcome::say(true, "told")
            },
            "hand_over" => {
                let blob = self
                    .workspaces
                    .blobs
                    .put(&call.place.tenant, b"content".to_vec())
                    .await
                    .unwrap();
                let publish = SideEffect::Publish {
                    name: text(call, "name"),
                    blob,
                    media_type: "text/plain".to_owned(),
                };
                ToolOutcome {
                    side_effects: vec![publish],
                    ..ToolOutcome::say(true, "handed over")
                }
            }
            "browse" => {
                let picture = b"a picture".to_vec();
                let picture = self.picture(call, picture, "image/jpeg").await;
                let acted = Acted {
                    action: "open".to_owned(),
                    url: "https://shop.example/".to_owned(),
                    title: "Shop".to_owned(),
                    target: None,
                    image: Some(picture),
                };
                ToolOutcome {
                    side_effects: vec![SideEffect::Acted(acted)],
                    ..ToolOutcome::say(true, "opened")
                }
            }
            "show" => {
                let bytes = text(call, "image").into_bytes();
                let image = self.picture(call, bytes, "image/png").await;
                ToolOutcome {
                    images: vec![image],
                    ..ToolOutcome::say(true, "an image")
                }
            }
            _ => ToolOutcome::say(true, "sent"),
        })
    }
}
