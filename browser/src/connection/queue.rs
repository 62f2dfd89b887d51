//! Events that wait to be taken: in the order in which they came, and of each session at most so many, so that one page that
//! tells too much costs no other page an event and us no memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::driver::{Event, SessionId};

/// How many events of one session may wait.
pub const WAITING_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    came: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Event>,
    /// For each session with events in the queue, how many wait.
    counts: HashMap<Option<SessionId>, usize>,
    /// For each session that has lost some since it last had room, how many.
    lost: HashMap<Option<SessionId>, u64>,
    closed: bool,
}

fn session_of(event: &Event) -> Option<SessionId> {
    match event {
        Event::Told { session, .. } | Event::Lost { session, .. } => session.clone(),
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, or counts it as lost.
    pub fn put(&self, event: Event) {
        self.state().put(event);
        self.came.notify_one();
    }

    /// The oldest event; waits for one. `None` when there will be none any more.
    pub async fn next(&self) -> Option<Event> {
        loop {
            let came = self.came.notified();
            {
                let mut state = self.state();
                if let Some(event) = state.take() {
                    return Some(event);
                }
                if state.closed {
                    // For whoever asks next.
                    self.came.notify_one();
                    return None;
                }
            }
            came.await;
        }
    }

    /// Drops what waits of a session.
    pub fn forget(&self, session: &SessionId) {
        let mut state = self.state();
        let session = Some(session.clone());
        state.lost.remove(&session);
        if state.counts.remove(&session).is_some() {
            state.waiting.retain(|event| session_of(event) != session);
        }
    }

    /// Says that no event will come any more.
    pub fn close(&self) {
        self.state().closed = true;
        self.came.notify_one();
    }
}

impl State {
    fn put(&mut self, event: Event) {
        let session = session_of(&event);
        let waiting = self.counts.entry(session.clone()).or_default();
        if *waiting >= WAITING_MAX {
            *self.lost.entry(session).or_default() += 1;
            return;
        }
        *waiting += 1;
        self.waiting.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.waiting.pop_front()?;
        let session = session_of(&event);
        let left = self.counts.get_mut(&session).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            self.counts.remove(&session);
            // Told after the last event that came before the loss.
            if let Some(count) = self.lost.remove(&session) {
                self.put(Event::Lost { session, count });
            }
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    //! What waits, in which order, and what is lost.

    use serde_json::Value;

    use super::{Queue, WAITING_MAX};
    use crate::driver::{Event, SessionId};

    fn told(session: &str, method: &str) -> Event {
        Event::Told {
            session: Some(SessionId::from(session)),
            method: method.to_owned(),
            params: Value::Null,
        }
    }

    #[tokio::test]
    async fn a_page_that_tells_too_much_loses_its_own_events_and_is_told_how_many() {
        let queue = Queue::default();
        for _ in 0..WAITING_MAX + 3 {
            queue.put(told("loud", "a"));
        }
        queue.put(told("quiet", "b"));
        for _ in 0..WAITING_MAX {
            assert_eq!(queue.next().await, Some(told("loud", "a")));
        }
        assert_eq!(queue.next().await, Some(told("quiet", "b")));
        let session = Some(SessionId::from("loud"));
        assert_eq!(queue.next().await, Some(Event::Lost { session, count: 3 }));
        queue.close();
        assert_eq!((queue.next().await, queue.next().await), (None, None));
    }

    #[tokio::test]
    async fn a_session_that_is_forgotten_leaves_nothing_in_the_queue() {
        let queue = Queue::default();
        queue.put(told("gone", "a"));
        queue.put(told("kept", "b"));
        queue.put(told("gone", "c"));
        queue.forget(&SessionId::from("gone"));
        assert_eq!(queue.next().await, Some(told("kept", "b")));
        let state = queue.state();
        assert_eq!(
            (state.waiting.len(), state.counts.len(), state.lost.len()),
            (0, 0, 0)
        );
    }
}
