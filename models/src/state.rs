//! What is remembered about a model between questions: lessons, and whether to leave its endpoint alone.
//!
//! All of it is in memory. A restart forgets it, at the price of one refused request a lesson.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::options::RoleOptions;
use crate::profile::{Lesson, Profile};

/// The memory of one model.
#[derive(Debug, Default)]
pub(crate) struct ModelState {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    lessons: Vec<Lesson>,
    circuit: Option<Circuit>,
}

#[derive(Debug, Clone)]
struct Circuit {
    until: Instant,
    status: Option<u16>,
    message: String,
}

/// Nothing may be sent for a while.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) remaining: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) message: String,
}

impl ModelState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section leaves the value whole, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The profile with everything learned so far.
    pub(crate) fn profile(&self, options: &RoleOptions) -> Profile {
        Profile::new(options, &self.lock().lessons)
    }

    /// Remembers a lesson.
    pub(crate) fn learn(&self, lesson: Lesson) {
        let mut inner = self.lock();
        if !inner.lessons.contains(&lesson) {
            inner.lessons.push(lesson);
        }
    }

    /// The lessons in words.
    pub(crate) fn learned(&self) -> Vec<String> {
        self.lock().lessons.iter().map(Lesson::describe).collect()
    }

    /// Whether a request may be sent. When the pause is over one caller may try; the others wait for what it finds.
    pub(crate) fn admit(&self, pause: Duration) -> Result<(), Open> {
        let mut inner = self.lock();
        let now = Instant::now();
        let Some(circuit) = &mut inner.circuit else {
            return Ok(());
        };
        if circuit.until > now {
            return Err(Open {
                remaining: circuit.until - now,
                status: circuit.status,
                message: circuit.message.clone(),
            });
        }
        circuit.until = now + pause;
        Ok(())
    }

    /// Sends nothing for a while.
    pub(crate) fn open(&self, pause: Duration, status: Option<u16>, message: &str) {
        self.lock().circuit = Some(Circuit {
            until: Instant::now() + pause,
            status,
            message: message.to_owned(),
        });
    }

    /// The endpoint answers again.
    pub(crate) fn close(&self) {
        self.lock().circuit = None;
    }
}
