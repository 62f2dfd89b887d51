//! Cassettes: exchanges recorded at the transport's boundary and played back without a network.
//!
//! An exchange is found by method, path, canonical body and ordinal. No request header is stored, of response
//! headers only those that decisions use; secrets and the host are struck out before anything is written. How
//! a body ended is stored too. The file is replaced as a whole, so a crash leaves the old one.

mod play;
mod record;
mod tape;

use std::path::PathBuf;
use std::sync::Arc;

use agent_core::secret::Secret;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::exchange::{ExchangeError, HttpExchange};
use play::Player;
use record::Recorder;
use tape::Tape;

/// What a cassette does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Answers from the file; a request that is not in it is an error.
    #[default]
    Replay,
    /// Sends, and writes what came back.
    Record,
    /// Sends, and writes nothing.
    Off,
}

/// Why a cassette cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file cannot be read.
    #[error("cassette {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a cassette.
    #[error("{path} is not a cassette")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// An exchange that records or plays back.
pub struct Cassette(Inner);

enum Inner {
    Play(Player),
    Record(Recorder),
    Off(Arc<dyn HttpExchange>),
}

impl Cassette {
    /// Opens a cassette over an exchange, which is not used for playing back. `secrets` never reach the file.
    pub fn open(
        path: impl Into<PathBuf>,
        mode: Mode,
        exchange: Arc<dyn HttpExchange>,
        secrets: Vec<Secret>,
    ) -> Result<Self, CassetteError> {
        let path = path.into();
        Ok(Self(match mode {
            Mode::Replay => Inner::Play(Player::new(Tape::read(&path)?)),
            Mode::Record => Inner::Record(Recorder::new(path, exchange, secrets)),
            Mode::Off => Inner::Off(exchange),
        }))
    }
}

#[async_trait]
impl HttpExchange for Cassette {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, ExchangeError> {
        match &self.0 {
            Inner::Play(player) => player.answer(&request),
            Inner::Record(recorder) => recorder.send(request).await,
            Inner::Off(exchange) => exchange.send(request).await,
        }
    }
}
