//! The real source of ids and randomness.

use agent_core::ports::entropy::Entropy;
use rand::RngExt;
use uuid::{ContextV7, Timestamp, Uuid};

/// Ids by the machine's time and randomness by its generator. Time is only used for ids to sort; nothing is decided
/// by it.
#[derive(Debug, Default)]
pub struct SystemEntropy {
    context: std::sync::Mutex<ContextV7>,
}

impl Entropy for SystemEntropy {
    fn uuid_v7(&self) -> Uuid {
        // The shared counter makes ids of one process rise within a millisecond too.
        let context = self
            .context
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::now(&*context))
    }

    fn unit(&self) -> f64 {
        rand::rng().random()
    }
}

/// Random bytes for keys.
pub fn random_bytes() -> [u8; 32] {
    rand::rng().random()
}
