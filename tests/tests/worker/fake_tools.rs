//! A tool box of fakes: each tool has one trait that a worker must get right.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use agent_core::browser::Acted;
use agent_core::help::{HelpAsked, HelpFor};
use agent_core::image::ImageRef;
use agent_core::policy::{Outward, Source};
use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::{
    EffectClass, FileUse, NoneFree, SideEffect, ToolBox, ToolCall, ToolError, ToolOutcome, ToolSpec,
};
use agent_core::ports::workspaces::Place;
use agent_core::workspace::Entry;
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::MemoryWorkspaces;

/// Tools: `append` adds a line to a file (repeatable), `send` has an effect outside (once), `count_up` one inside (once), `tell` and
/// `hand_over` have side effects, `hold` runs until it is let go, `ask` needs a person first.
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
    /// Calls of `ask` before which a person was waited for.
    pub awaited: Mutex<Vec<ToolCall>>,
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
            spec("ask", EffectClass::Read, FileUse::None),
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
            awaited: Mutex::default(),
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

    fn help(&self, tool: &str, arguments: &Value) -> Option<HelpAsked> {
        (tool == "ask").then(|| HelpAsked {
            why: HelpFor::Login,
            note: arguments["note"].as_str().unwrap_or_default().to_owned(),
        })
    }

    fn await_person(&self, call: ToolCall) {
        self.awaited.lock().unwrap().push(call);
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
