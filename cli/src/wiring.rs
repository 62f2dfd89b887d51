//! Puts the parts together: the only place that knows them all.

use std::sync::Arc;
use std::time::Duration;

use agent_core::enforcement::Probe;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::entropy::Entropy;
use agent_core::ports::housekeeping::Shelves;
use agent_core::ports::live::LiveView;
use agent_core::ports::model::{FailureClass, ModelFailure, ModelReply, ModelRequest, Models};
use agent_core::ports::network::Networks;
use agent_core::ports::sealer::Sealer;
use agent_core::ports::tool::{ToolBox, ToolSpec};
use anyhow::{Context, Result, bail};
use api::Beside;
use async_trait::async_trait;
use egress::Guard;
use models::ChatModels;
use store_seal::{KeyFile, KeyFileError, XChaChaSealer};
use tools::Toolbox;
use tools::sandbox::Sandbox;

use crate::belonging::{self, NotOurs};
use crate::config::{Config, Paths};
use crate::database::Opened;
use crate::entropy::SystemEntropy;

/// The parts that API and worker share.
pub struct Shared {
    pub opened: Opened,
    pub blobs: Arc<dyn Blobs>,
    pub shelves: Arc<dyn Shelves>,
    pub sealer: Arc<dyn Sealer>,
    pub entropy: Arc<dyn Entropy>,
}

/// Finds what is wrong with the settings of the blob store, without reaching for it.
pub fn check_blobs(config: &Config, guard: &Guard) -> Result<()> {
    if !config.blobs.url.is_empty() && !config.blobs_dir.as_os_str().is_empty() {
        bail!("blobs.url and blobs_dir name two blob stores; set one of them");
    }
    Ok(store_blobs::check(&config.blobs, guard)?)
}

/// Opens the blob store that the configuration names.
pub async fn blobs(config: &Config, paths: &Paths) -> Result<store_blobs::Opened> {
    let guard = guard(config)?;
    check_blobs(config, &guard)?;
    let opened = store_blobs::open(&config.blobs, &paths.blobs(), &guard).await;
    opened.context("could not open the blob store")
}

/// Opens blob store and key file, and refuses those that the database does not belong to.
pub async fn shared(config: &Config, paths: &Paths, opened: Opened) -> Result<Shared> {
    let stores = async {
        let stores = blobs(config, paths).await?;
        let mark = stores.marks.find_mark().await;
        anyhow::Ok((stores, mark))
    };
    // The database's answer costs no time of its own beside the trial write of the blob store.
    let (stores, known) = tokio::join!(stores, opened.installations.find_installation());
    let (stores, mark) = stores?;
    let known = known.map_err(NotOurs::from)?;
    let parts = belonging::Parts {
        installations: Arc::clone(&opened.installations),
        marks: stores.marks,
        blobs: stores.blobs,
        sealer: sealer(paths, known.is_none())?,
        entropy: Arc::new(SystemEntropy::default()),
    };
    let mark = mark.map_err(NotOurs::from)?;
    parts.confirm(known, mark).await?;
    Ok(Shared {
        opened,
        blobs: parts.blobs,
        shelves: stores.shelves,
        sealer: parts.sealer,
        entropy: parts.entropy,
    })
}

/// What seals secrets. A key is made only where nothing can have been sealed with another one.
pub fn sealer(paths: &Paths, is_new: bool) -> Result<Arc<dyn Sealer>> {
    let path = paths.seal_key();
    let key_file = if is_new {
        KeyFile::load_or_create(path)
    } else {
        KeyFile::load(path)
    };
    let context = match &key_file {
        Err(KeyFileError::Missing { .. }) => {
            "the database belongs to a sealing key; set seal_key (ERRAND_SEAL_KEY) to the key file that the other processes on it use, or, if it is lost for good, run `errand adopt`"
        }
        Ok(_) | Err(_) => "could not use the key that seals secrets",
    };
    Ok(Arc::new(XChaChaSealer::new(&key_file.context(context)?)))
}

/// The one way out, as the operator set it.
fn guard(config: &Config) -> Result<Guard> {
    Guard::new(config.egress.clone()).context("the egress settings cannot be used")
}

/// The tools of this machine.
pub async fn tools(config: &Config, paths: &Paths, blobs: Arc<dyn Blobs>) -> Result<tools::Parts> {
    let mut options = config.tools.clone();
    options.folder.get_or_insert_with(|| paths.workspaces());
    // Opening sweeps left-over workspaces, which blocks on the file system.
    let guard = guard(config)?;
    let opened = tokio::task::spawn_blocking(move || tools::open(&options, blobs, &guard)).await?;
    opened.context("could not open the workspaces")
}

/// What tools there are under these settings.
pub fn tool_specs(config: &Config) -> Result<Vec<ToolSpec>> {
    Ok(tools::specs(&config.tools, &guard(config)?))
}

/// The models, or a stand-in that says what to set.
pub fn models(
    config: &Config,
    guard: &Guard,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<dyn Models>> {
    if !is_configured(config) {
        return Ok(Arc::new(Unconfigured));
    }
    Ok(Arc::new(chat_models(config, guard, entropy)?))
}

/// The configured models.
pub fn chat_models(
    config: &Config,
    guard: &Guard,
    entropy: Arc<dyn Entropy>,
) -> Result<ChatModels> {
    // The operator wrote the address down, which is consent to reach it.
    Ok(ChatModels::through_guard(
        config.model.clone(),
        guard,
        entropy,
    )?)
}

/// Whether a model is named.
pub fn is_configured(config: &Config) -> bool {
    config.model.planner.model.is_some() || config.model.executor.model.is_some()
}

/// What to do when no model is named.
pub const NO_MODEL: &str = "no model is configured: set ERRAND_MODEL_BASE_URL (or OPENAI_BASE_URL), ERRAND_MODEL and, if the endpoint wants one, ERRAND_MODEL_API_KEY (or, for OpenAI's own endpoint, OPENAI_API_KEY), and start again";

/// Stands where no model is configured: tasks wait, and say why.
struct Unconfigured;

#[async_trait]
impl Models for Unconfigured {
    async fn ask(&self, _request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        Err(ModelFailure {
            class: FailureClass::Unreachable,
            status: None,
            message: NO_MODEL.to_owned(),
            retryable: true,
            retry_after_ms: None,
            attempts: 0,
            tokens_all_attempts: 0,
        })
    }
}

/// Longest time without a sign of the claim loop. Between two of them it asks the store one question, which ends after 30 s at
/// the latest (`deadline_ms` of the stores).
const DEAF_AFTER: Duration = Duration::from_mins(1);

/// A worker in this process, as `/healthz` and `/v1/computer` see it.
pub struct WorkerBeside {
    pub pulse: Arc<worker::Pulse>,
    pub sandbox: Arc<dyn Sandbox>,
}

#[async_trait]
impl Beside for WorkerBeside {
    fn trouble(&self) -> Option<String> {
        let silence = self.pulse.silence();
        (silence > DEAF_AFTER).then(|| {
            format!(
                "the worker has not looked for jobs for {} s; restart the process",
                silence.as_secs()
            )
        })
    }

    async fn computer(&self) -> Option<Probe> {
        Some(self.sandbox.probe().await)
    }
}

/// How far tasks may reach.
pub fn networks(config: &Config) -> Result<Arc<dyn Networks>> {
    let reach = tools::Reach::of(&config.tools.network).context("tools.network cannot be used")?;
    Ok(Arc::new(reach))
}

/// What the API is made of. `tools` are those that tasks may name; browsers of theirs run only where there is a worker too.
pub fn api(
    shared: &Shared,
    tools: &Arc<Toolbox>,
    networks: Arc<dyn Networks>,
    beside: Arc<dyn Beside>,
) -> api::Parts {
    api::Parts {
        store: Arc::clone(&shared.opened.store),
        credentials: Arc::clone(&shared.opened.credentials),
        blobs: Arc::clone(&shared.blobs),
        sealer: Arc::clone(&shared.sealer),
        entropy: Arc::clone(&shared.entropy),
        wake: Arc::clone(&shared.opened.wake),
        networks,
        tools: tools.specs().to_vec(),
        info: api::Info {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        live: Arc::clone(tools) as Arc<dyn LiveView>,
        beside,
    }
}

/// The worker's parts.
pub fn worker(config: &Config, shared: &Shared, tools: tools::Parts) -> Result<worker::Parts> {
    let guard = guard(config)?;
    Ok(worker::Parts {
        store: Arc::clone(&shared.opened.store),
        lifeline: Arc::clone(&shared.opened.lifeline),
        blobs: Arc::clone(&shared.blobs),
        housekeeping: Arc::clone(&shared.opened.housekeeping),
        shelves: Arc::clone(&shared.shelves),
        models: models(config, &guard, Arc::clone(&shared.entropy))?,
        tools: tools.toolbox,
        workspaces: tools.workspaces,
        credentials: Arc::clone(&shared.opened.credentials),
        sealer: Arc::clone(&shared.sealer),
        entropy: Arc::clone(&shared.entropy),
        wake: Arc::clone(&shared.opened.wake),
        guard,
    })
}
