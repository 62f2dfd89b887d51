//! A server on a port of its own, with a tenant, a key, and hands on everything behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use agent_core::enforcement::Probe;
use agent_core::id::{KeyId, TenantId};
use agent_core::key::{format_key, hash_key, shown_part};
use agent_core::network::NetworkMode;
use agent_core::ports::entropy::{Entropy, Seeded};
use agent_core::ports::store::{Keys, NewKey};
use agent_core::ports::tool::{EffectClass, FileUse, ToolSpec};
use api::{Ending, Info, Options, Parts, Server};
use async_trait::async_trait;
use serde_json::{Value, json};
use store_memory::MemoryStore;
use store_seal::{KeyFile, XChaChaSealer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Answer, Ask};
use crate::trouble::{MemoryBlobs, TroubledStore};

pub struct World {
    pub address: SocketAddr,
    pub store: MemoryStore,
    pub troubled: Arc<TroubledStore>,
    pub beside: Arc<Neighbour>,
    pub blobs: Arc<MemoryBlobs>,
    pub sealer: XChaChaSealer,
    pub entropy: Arc<Seeded>,
    pub tenant: TenantId,
    pub key: String,
    pub key_id: KeyId,
    pub ending: Ending,
    pub serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object"}),
        effect: EffectClass::Read,
        files: FileUse::None,
        outside: false,
    }
}

/// What runs beside the server, and says what these tests want it to.
#[derive(Default)]
pub struct Neighbour {
    pub trouble: std::sync::Mutex<Option<String>>,
    pub computer: std::sync::Mutex<Option<Probe>>,
}

#[async_trait]
impl api::Beside for Neighbour {
    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap().clone()
    }

    async fn computer(&self) -> Option<Probe> {
        self.computer.lock().unwrap().clone()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let store = MemoryStore::new();
        let troubled = Arc::new(TroubledStore::new(store.clone()));
        let blobs = Arc::new(MemoryBlobs::default());
        let entropy = Arc::new(Seeded::new(7));
        let folder = tempfile::tempdir().unwrap();
        let key_file = KeyFile::load_or_create(folder.path().join("key")).unwrap();
        let sealer = XChaChaSealer::new(&key_file);
        let beside = Arc::new(Neighbour::default());
        let reach = tools::Reach::of(&tools::NetworkOptions {
            mode: NetworkMode::AllowList,
            hosts: vec!["*.pypi.org".to_owned()],
            ..tools::NetworkOptions::default()
        });
        let reach = reach.unwrap();
        let parts = Parts {
            store: troubled.clone(),
            credentials: troubled.clone(),
            blobs: blobs.clone(),
            sealer: Arc::new(sealer.clone()),
            entropy: entropy.clone(),
            wake: Arc::new(store.clone()),
            networks: Arc::new(reach),
            tools: vec![tool("shell"), tool("publish")],
            info: Info {
                version: "0.0.0-test".to_owned(),
            },
            live: Arc::new(()),
            beside: beside.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ending = Ending::default();
        let server = Server::new(options, parts, ending.clone());
        let serving = tokio::spawn(server.serve(listener));
        let (tenant, key, key_id) = new_key(&store, entropy.as_ref(), "first", 1).await;
        Self {
            address,
            store,
            troubled,
            beside,
            blobs,
            sealer,
            entropy,
            tenant,
            key,
            key_id,
            ending,
            serving,
            _folder: folder,
        }
    }

    /// The key of another tenant.
    pub async fn stranger(&self) -> String {
        new_key(&self.store, self.entropy.as_ref(), "second", 2)
            .await
            .1
    }

    /// A request with the tenant's key.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        bearing(&self.key, method, path)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send(self.address).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let ask = self.ask("POST", path);
        let ask = ask.body("application/json", body.to_string());
        ask.send(self.address).await
    }

    /// Submits a body that must be accepted, and gives back the task's view.
    pub async fn submitted(&self, body: &Value) -> Value {
        let answer = self.post("/v1/tasks", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Submits a plain task and gives back its id.
    pub async fn task(&self) -> String {
        let view = self.submitted(&json!({"goal": "Count the words"})).await;
        view["id"].as_str().unwrap().to_owned()
    }
}

/// A request with some key.
pub fn bearing(key: &str, method: &str, path: &str) -> Ask {
    Ask::new(method, path).header("authorization", &format!("Bearer {key}"))
}

async fn new_key(
    store: &MemoryStore,
    entropy: &dyn Entropy,
    name: &str,
    random: u8,
) -> (TenantId, String, KeyId) {
    let id = TenantId::new(entropy);
    let tenant = store.ensure_tenant(&id, name).await.unwrap();
    let key = format_key([random; 32]);
    let new = NewKey {
        id: KeyId::new(entropy),
        tenant: tenant.clone(),
        name: name.to_owned(),
        shown: shown_part(key.expose()),
        hash: hash_key(key.expose()).unwrap(),
    };
    let key_id = new.id.clone();
    store.create_key(new).await.unwrap();
    (tenant, key.expose().to_owned(), key_id)
}
