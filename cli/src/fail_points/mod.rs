//! Fail-points of test builds: places before and after every commit and every effect at which the process can be made to
//! kill itself, as `kill -9` would.
//!
//! They wrap the ports that `wiring` hands out, so the product's own code holds no trace of them. An optimised build has
//! neither this module nor the wrapping: there the settings below are unknown variables, which are refused. Nothing is
//! wrapped unless one of the settings is there.

mod blobs;
mod lifeline;
mod model;
mod store;
mod tools;

#[cfg(not(debug_assertions))]
compile_error!("fail-points must not be in a program that is shipped");

use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::ports::blobs::Blobs as BlobsPort;
use agent_core::ports::model::Models as ModelsPort;
use agent_core::ports::store::Store as StorePort;
use agent_core::ports::tool::ToolBox as ToolBoxPort;
use agent_core::ports::workspaces::Workspaces as WorkspacesPort;
use anyhow::{Context, Result};
use rustix::process::{Signal, getpid, kill_process};
use worker::OpenLifeline;

/// `POINT` or `POINT#N`: where to die, at the first or at the N-th time.
const KILL_AT: &str = "ERRAND_TEST_KILL_AT";
/// A file to which the name of every point that is reached is appended.
const POINTS: &str = "ERRAND_TEST_POINTS";
/// A tool whose calls are taken for `once`, inside the sandbox; none of those that come with Errand is.
const ONCE: &str = "ERRAND_TEST_ONCE";

/// What is to happen at which point.
pub struct FailPoints {
    kill_at: Option<(String, u64)>,
    listing: Option<File>,
    once: Option<String>,
    reached: Mutex<HashMap<String, u64>>,
}

impl FailPoints {
    /// As the environment says; none if it says nothing.
    pub fn of(environment: &[(String, String)]) -> Result<Option<Arc<Self>>> {
        let set = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let (kill_at, listing, once) = (set(KILL_AT), set(POINTS), set(ONCE));
        if kill_at.is_none() && listing.is_none() && once.is_none() {
            return Ok(None);
        }
        let kill_at = kill_at.map(|text| place(&text)).transpose()?;
        let open = |path: String| File::options().create(true).append(true).open(path);
        Ok(Some(Arc::new(Self {
            kill_at,
            listing: listing.map(open).transpose()?,
            once,
            reached: Mutex::default(),
        })))
    }

    /// The store, with a point before and after each verb that commits.
    pub fn store(self: &Arc<Self>, inner: Arc<dyn StorePort>) -> Arc<dyn StorePort> {
        Arc::new(store::Store {
            inner,
            points: Arc::clone(self),
        })
    }

    /// The heartbeat's way to the store, with points around each heartbeat.
    pub fn lifeline(self: &Arc<Self>, inner: Arc<dyn OpenLifeline>) -> Arc<dyn OpenLifeline> {
        Arc::new(lifeline::Opening {
            inner,
            points: Arc::clone(self),
        })
    }

    /// The blob store, with points around each write.
    pub fn blobs(self: &Arc<Self>, inner: Arc<dyn BlobsPort>) -> Arc<dyn BlobsPort> {
        Arc::new(blobs::Blobs {
            inner,
            points: Arc::clone(self),
        })
    }

    /// The models, with points around each question.
    pub fn models(self: &Arc<Self>, inner: Arc<dyn ModelsPort>) -> Arc<dyn ModelsPort> {
        Arc::new(model::Models {
            inner,
            points: Arc::clone(self),
        })
    }

    /// The tools, with points around each call.
    pub fn toolbox(self: &Arc<Self>, inner: Arc<dyn ToolBoxPort>) -> Arc<dyn ToolBoxPort> {
        Arc::new(tools::ToolBox::new(inner, Arc::clone(self)))
    }

    /// The workspaces, with points around what changes them or reads them into blobs.
    pub fn workspaces(self: &Arc<Self>, inner: Arc<dyn WorkspacesPort>) -> Arc<dyn WorkspacesPort> {
        Arc::new(tools::Workspaces {
            inner,
            points: Arc::clone(self),
        })
    }

    /// Does something between its two points.
    async fn around<T>(&self, what: &str, doing: impl Future<Output = T>) -> T {
        self.reach(&format!("{what}.before"));
        let done = doing.await;
        self.reach(&format!("{what}.after"));
        done
    }

    /// Dies here, if it is the place.
    fn reach(&self, point: &str) {
        let times = {
            let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            let times = reached.entry(point.to_owned()).or_default();
            *times += 1;
            *times
        };
        if let Some(mut listing) = self.listing.as_ref() {
            // One write for each line, so that lines of several threads do not mix.
            let _ = listing.write_all(format!("{point}\n").as_bytes());
        }
        if self
            .kill_at
            .as_ref()
            .is_some_and(|(name, at)| name == point && *at == times)
        {
            let _ = kill_process(getpid(), Signal::KILL);
            // The signal ends every thread; this one must do nothing more until it does.
            loop {
                std::thread::park();
            }
        }
    }
}

fn place(text: &str) -> Result<(String, u64)> {
    let Some((name, times)) = text.split_once('#') else {
        return Ok((text.to_owned(), 1));
    };
    let times = times
        .parse()
        .with_context(|| format!("{KILL_AT} must end in a number after #"))?;
    Ok((name.to_owned(), times))
}
