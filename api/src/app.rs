//! What every request shares: the ports, the limits, the slots, and how far the server's end has come.

use std::sync::Arc;
use std::time::Duration;

use agent_core::enforcement::Probe;
use agent_core::id::TenantId;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::credentials::Credentials;
use agent_core::ports::entropy::Entropy;
use agent_core::ports::live::LiveView;
use agent_core::ports::network::Networks;
use agent_core::ports::sealer::Sealer;
use agent_core::ports::store::Store;
use agent_core::ports::tool::ToolSpec;
use agent_core::ports::wake::Wake;
use async_trait::async_trait;

use crate::ending::Ending;
use crate::key_cache::KeyCache;
use crate::options::Options;
use crate::request::body::Gauge;
use crate::routes::health::Readiness;
use crate::slots::Slots;

/// What the API is made of.
#[derive(Clone)]
pub struct Parts {
    /// Tasks, keys and the log.
    pub store: Arc<dyn Store>,
    /// Stored secrets.
    pub credentials: Arc<dyn Credentials>,
    /// Files and long bodies.
    pub blobs: Arc<dyn Blobs>,
    /// Seals secrets.
    pub sealer: Arc<dyn Sealer>,
    /// Ids.
    pub entropy: Arc<dyn Entropy>,
    /// Hints that a log has grown.
    pub wake: Arc<dyn Wake>,
    /// How far tasks may reach.
    pub networks: Arc<dyn Networks>,
    /// The tools that a task may name.
    pub tools: Vec<ToolSpec>,
    /// What the server says about itself.
    pub info: Info,
    /// The browsers that run in this process.
    pub live: Arc<dyn LiveView>,
    /// What else lives in this process.
    pub beside: Arc<dyn Beside>,
}

/// Something that runs in the same process, such as a worker, and that `/healthz` and `/v1/computer` speak for.
#[async_trait]
pub trait Beside: Send + Sync {
    /// Why it has to be restarted, if it has to be.
    fn trouble(&self) -> Option<String>;
    /// What it holds commands to; nothing where it runs none. The answer is kept, so it comes at once but for the first.
    async fn computer(&self) -> Option<Probe>;
}

/// Nothing.
#[async_trait]
impl Beside for () {
    fn trouble(&self) -> Option<String> {
        None
    }

    async fn computer(&self) -> Option<Probe> {
        None
    }
}

/// What the server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The version of the program.
    pub version: String,
}

/// Shared by all requests.
pub struct App {
    pub options: Options,
    pub parts: Parts,
    pub keys: KeyCache,
    pub requests: Arc<Slots<TenantId>>,
    pub watchers: Arc<Slots<TenantId>>,
    pub uploads: Arc<Gauge>,
    pub ready: Readiness,
    /// How far its end has come.
    pub ending: Ending,
}

impl App {
    pub fn new(options: Options, parts: Parts, ending: Ending) -> Arc<Self> {
        let keys = KeyCache::new(Duration::from_millis(options.key_cache_ms.min(1000)));
        Arc::new(Self {
            keys,
            ready: Readiness::default(),
            requests: Slots::new(options.requests_max, options.requests_per_tenant_max),
            watchers: Slots::new(options.watchers_max, options.watchers_per_tenant_max),
            uploads: Gauge::new(options.upload_bytes_in_flight_max),
            ending,
            options,
            parts,
        })
    }

    /// Waits for a hint about a task, at most this long and at most one poll, or until the server closes.
    pub async fn task_hint(&self, task: &agent_core::id::TaskId, at_most: Duration) {
        let at_most = at_most.min(Duration::from_millis(self.options.poll_ms));
        tokio::select! {
            () = self.parts.wake.task(task, at_most) => {}
            // A wake that never returns would be a bug of its own, but it must not hang a request.
            () = tokio::time::sleep(at_most) => {}
            () = self.ending.closing.cancelled() => {}
        }
    }
}
