//! `errand serve`, `api` and `worker`: the processes that run until they are told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::store::Store;
use anyhow::{Context, Result, bail};
use api::Ending;
use tokio::net::TcpListener;
use tools::sandbox::Sandbox;
use tracing::{info, warn};

use super::key;
use crate::config::{Config, Paths};
use crate::database::Database;
use crate::entropy::SystemEntropy;
use crate::folder_lock::FolderLock;
use crate::seams::Seams;
use crate::wiring::Shared;
use crate::{folder_lock, wiring};

/// How often a thing that another process may still hold for a moment is tried again.
const PATIENCE: u32 = 40;

/// Which parts run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// API and worker.
    Serve,
    /// The API alone.
    Api,
    /// A worker alone.
    Worker,
}

/// What a start comes to.
struct Started {
    listener: Option<TcpListener>,
    lock: Option<FolderLock>,
    shared: Shared,
    tools: tools::Parts,
}

/// Runs until told to stop, first to drain and then to close; `ending` says so, and is told when the worker has drained.
pub async fn run(
    role: Role,
    config: Config,
    paths: Paths,
    seams: &Seams,
    ending: &Ending,
) -> Result<()> {
    let starting = Box::pin(start(role, &config, &paths, seams));
    let Some(started) = ending.draining.run_until_cancelled(starting).await else {
        info!("told to stop during the start; nothing was begun");
        return Ok(());
    };
    let Started {
        listener,
        lock,
        shared,
        tools,
    } = started?;
    let pulse: Arc<worker::Pulse> = Arc::default();
    let beside: Arc<dyn api::Beside> = if role == Role::Api {
        Arc::new(())
    } else {
        Arc::new(wiring::WorkerBeside {
            pulse: Arc::clone(&pulse),
            sandbox: Arc::clone(&tools.sandbox),
        })
    };
    let toolbox = Arc::clone(&tools.toolbox);
    let networks = wiring::networks(&config)?;
    let api = async {
        if let Some(listener) = listener {
            let parts = wiring::api(&shared, &toolbox, networks, beside);
            let (mut options, ending) = (config.api.clone(), ending.clone());
            // A worker counts as gone when its lease has lapsed, and no sooner.
            options.worker_silent_ms = options.worker_silent_ms.max(config.worker.lease_ms);
            let server = if role == Role::Worker {
                api::Server::health_only(options, parts, ending)
            } else {
                api::Server::new(options, parts, ending)
            };
            server.serve(listener).await;
        }
    };
    let work = async {
        if let Some(lock) = &lock {
            let sandbox = Arc::clone(&tools.sandbox);
            let name = folder_lock::worker_name(&paths, lock)?;
            let parts = seams.worker(wiring::worker(&config, &shared, tools)?);
            let worker = worker::Worker::new(parts, config.worker.clone(), name, pulse);
            let working = worker.run(
                ending.draining.clone().cancelled_owned(),
                ending.at_once.clone().cancelled_owned(),
            );
            // Trying the sandbox takes longer than all else in a start, and a command that is run meanwhile waits for it.
            let asked = ending.draining.clone();
            let looking = asked.run_until_cancelled(warn_of_lacks(&config, sandbox.as_ref()));
            let (drained, _) = tokio::join!(working, looking);
            info!(?drained, "the worker has stopped");
        }
        anyhow::Ok(())
    };
    // The API answers until the worker has drained, so that whoever asks is told so. A worker that cannot start must end the
    // process too, not leave an API that accepts what nobody runs.
    let work = async {
        let done = work_or_wait(role, work, ending).await;
        ending.draining.cancel();
        ending.closing.cancel();
        done
    };
    let ((), worked) = tokio::join!(api, work);
    worked
}

/// Everything up to the point where requests are answered and jobs are claimed. It can be broken off anywhere.
async fn start(role: Role, config: &Config, paths: &Paths, seams: &Seams) -> Result<Started> {
    paths.create()?;
    let database = Database::of(config, paths)?;
    if role != Role::Serve && database.file().is_some() {
        bail!(
            "SQLite serves one process; use `errand serve`, or name a PostgreSQL database with --database-url"
        );
    }
    // The port first: nothing is touched when it is taken.
    let listener = match role {
        Role::Worker if config.health_listen.is_empty() => None,
        Role::Worker => Some(listen(&config.health_listen, "--health-listen").await?),
        Role::Serve | Role::Api => Some(listen(&config.listen, "--listen").await?),
    };
    // An API process beside a worker has its own database connections and shares only blobs and key.
    let lock = if role == Role::Api {
        None
    } else {
        Some(patiently(|| folder_lock::take(paths, database.file())).await?)
    };
    let opened = if role == Role::Serve {
        database.open_migrated(|said| info!("{said}")).await?
    } else {
        database.open(false).await?
    };
    info!(database = database.describe(), "the database is open");
    let shared = seams.shared(wiring::shared(config, paths, opened).await?);
    weigh_tenants(config, shared.opened.store.as_ref()).await?;
    let tools = wiring::tools(config, paths, Arc::clone(&shared.blobs)).await?;
    if let Some(listener) = &listener {
        let store = shared.opened.store.as_ref();
        let first = if role == Role::Serve {
            first_key(store, paths).await?
        } else {
            None
        };
        let address = listener.local_addr()?.to_string();
        if role == Role::Worker {
            println!("errand worker answers http://{address}/healthz and /readyz");
        } else {
            let console = config.api.console;
            greet(&address, paths, first.as_deref(), console);
        }
    }
    Ok(Started {
        listener,
        lock,
        shared,
        tools,
    })
}

/// An API process has no worker whose end would end it.
async fn work_or_wait(
    role: Role,
    work: impl Future<Output = Result<()>>,
    ending: &Ending,
) -> Result<()> {
    if role == Role::Api {
        ending.draining.cancelled().await;
        return Ok(());
    }
    work.await
}

async fn listen(address: &str, flag: &str) -> Result<TcpListener> {
    let bound = patiently(|| std::net::TcpListener::bind(address)).await;
    let listener = bound.with_context(|| {
        format!("could not listen on {address}; is another server running there? Choose another address with {flag}")
    })?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

/// Tries for a moment. A server that was just killed can live on for that long in a process that it was starting, which
/// holds copies of its socket and its lock.
async fn patiently<T, E>(mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 0..PATIENCE {
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    attempt()
}

async fn warn_of_lacks(config: &Config, sandbox: &dyn Sandbox) {
    if !wiring::is_configured(config) {
        warn!("{}; until then tasks wait", wiring::NO_MODEL);
    }
    let probe = sandbox.probe().await;
    if probe.stated.isolation == "unsandboxed" {
        warn!("commands run UNSANDBOXED, because the configuration says so");
    }
    if !probe.usable {
        warn!("{}", probe.refusal());
    }
    info!(
        isolation = probe.stated.isolation,
        "the sandbox was looked at"
    );
}

/// Tells this process's queue how much of it each tenant gets. A tenant that is not there yet is made, so that its first task counts.
async fn weigh_tenants(config: &Config, store: &dyn Store) -> Result<()> {
    let entropy = SystemEntropy::default();
    for (name, weight) in &config.queue.tenant_weights {
        let id = agent_core::id::TenantId::new(&entropy);
        let tenant = store.ensure_tenant(&id, name).await?;
        store.weigh(&tenant, *weight);
    }
    Ok(())
}

/// Makes the first key of a new installation and keeps it where only its owner can read it.
async fn first_key(store: &dyn Store, paths: &Paths) -> Result<Option<String>> {
    let entropy = SystemEntropy::default();
    let tenant = store
        .ensure_tenant(&agent_core::id::TenantId::new(&entropy), "default")
        .await?;
    if !store.list_keys(&tenant).await?.is_empty() {
        return Ok(None);
    }
    let made = key::random();
    // The file first: a crash in between leaves a file without a key, and the next start makes another.
    write_private(&paths.first_key(), made.expose())?;
    key::store(
        store,
        &entropy,
        &key::Owner {
            tenant: "default",
            name: "first key",
        },
        &made,
    )
    .await?;
    Ok(Some(made.expose().to_owned()))
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.with_context(|| format!("could not write {}", path.display()))?;
    // The key's row is committed after this: a power cut must not leave it without the file.
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let named = written.and_then(|()| match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    named.with_context(|| format!("could not write {}", path.display()))
}

fn greet(address: &str, paths: &Paths, first_key: Option<&str>, has_console: bool) {
    println!("errand listens on http://{address}");
    if has_console {
        println!("console: http://{address}/console/");
    }
    println!("data folder: {}", paths.folder().display());
    if let Some(key) = first_key {
        println!(
            "first API key (also in {}): {key}",
            paths.first_key().display()
        );
    }
    let (folder, key) = (paths.folder().display(), paths.first_key());
    let goal = "\"Count the words in the attached file\" --file README.md";
    if key.is_file() {
        println!("submit a goal: errand --data-dir {folder} submit --url http://{address} {goal}");
    } else {
        println!(
            "make a key, with the settings of this process: errand --data-dir {folder} key create NAME"
        );
        println!("submit a goal: errand submit --url http://{address} --key KEY {goal}");
    }
}
