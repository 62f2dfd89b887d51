//! Where test builds put something of their own between the parts. An optimised build, and so every build that is shipped,
//! hands the parts on as they are.

use anyhow::Result;

use crate::config::Config;
use crate::wiring::Shared;

/// Variables that only test builds know; elsewhere they are refused like any other unknown one.
pub const TEST_PREFIX: &str = "ERRAND_TEST_";

/// What test builds were told by the environment.
#[derive(Clone, Default)]
pub struct Seams {
    #[cfg(debug_assertions)]
    points: Option<std::sync::Arc<crate::fail_points::FailPoints>>,
    #[cfg(debug_assertions)]
    engine: Option<u32>,
}

/// The version of the rules that a test build claims to have, to stand for the next release.
#[cfg(debug_assertions)]
const ENGINE: &str = "ERRAND_TEST_ENGINE";

#[cfg(debug_assertions)]
impl Seams {
    /// As the environment says.
    pub fn of(environment: &[(String, String)]) -> Result<Self> {
        let points = crate::fail_points::FailPoints::of(environment)?;
        let engine = environment.iter().find(|(name, _)| name == ENGINE);
        let engine = engine.map(|(_, version)| version.parse()).transpose()?;
        Ok(Self { points, engine })
    }

    /// The settings.
    pub fn config(&self, mut config: Config) -> Config {
        if let Some(engine) = self.engine {
            config.api.engine = engine;
            config.worker.engine = engine;
        }
        config
    }

    /// The parts that API and worker share.
    pub fn shared(&self, mut shared: Shared) -> Shared {
        if let Some(points) = &self.points {
            shared.opened.store = points.store(shared.opened.store);
            shared.opened.lifeline = points.lifeline(shared.opened.lifeline);
            shared.blobs = points.blobs(shared.blobs);
        }
        shared
    }

    /// The parts of a worker, whose shared ones went through [`Seams::shared`].
    pub fn worker(&self, mut parts: worker::Parts) -> worker::Parts {
        if let Some(points) = &self.points {
            parts.models = points.models(parts.models);
            parts.tools = points.toolbox(parts.tools);
            parts.workspaces = points.workspaces(parts.workspaces);
        }
        parts
    }
}

#[cfg(not(debug_assertions))]
impl Seams {
    /// Nothing: the environment has no say here.
    pub fn of(_environment: &[(String, String)]) -> Result<Self> {
        Ok(Self::default())
    }

    /// The settings as they are.
    pub fn config(&self, config: Config) -> Config {
        config
    }

    /// The parts as they are.
    pub fn shared(&self, shared: Shared) -> Shared {
        shared
    }

    /// The parts as they are.
    pub fn worker(&self, parts: worker::Parts) -> worker::Parts {
        parts
    }
}
