//! The calls that wait for an answer, and the sessions whose calls are held.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::driver::{Call, CallError, SessionId};
use crate::wire::Fault;

#[derive(Debug, Default)]
pub struct OpenCalls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Open>,
    held: HashMap<SessionId, CallError>,
    closed: bool,
}

#[derive(Debug)]
struct Open {
    session: Option<SessionId>,
    method: &'static str,
    though_held: bool,
    answer: oneshot::Sender<Result<Value, CallError>>,
}

/// A call that is open. Whoever stops waiting for it forgets it by dropping this, so that a late answer finds nobody.
#[derive(Debug)]
pub struct OpenCall<'a> {
    calls: &'a OpenCalls,
    id: u64,
    answer: oneshot::Receiver<Result<Value, CallError>>,
}

impl OpenCall<'_> {
    /// Waits for the answer, without limit.
    pub async fn answer(mut self) -> Result<Value, CallError> {
        (&mut self.answer).await.unwrap_or(Err(CallError::Closed))
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        self.calls.state().open.remove(&self.id);
    }
}

impl OpenCalls {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call before it is sent, or says why it must not be.
    pub fn open(&self, id: u64, call: Call) -> Result<OpenCall<'_>, CallError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        if state.closed {
            return Err(CallError::Closed);
        }
        let held = call
            .session
            .as_ref()
            .and_then(|session| state.held.get(session));
        if let Some(why) = held.filter(|_| !call.though_held) {
            return Err(why.clone());
        }
        let Call {
            session,
            method,
            though_held,
            ..
        } = call;
        state.open.insert(
            id,
            Open {
                session,
                method,
                though_held,
                answer,
            },
        );
        Ok(OpenCall {
            calls: self,
            id,
            answer: answered,
        })
    }

    /// Gives an answer to whoever waits for it, if anybody still does.
    pub fn answer(&self, id: u64, outcome: Result<Value, Fault>) {
        let Some(open) = self.state().open.remove(&id) else {
            return;
        };
        let method = open.method;
        let outcome = outcome.map_err(|fault| match fault {
            Fault::Refused(message) => CallError::Refused { method, message },
            Fault::NoTarget => CallError::Gone("the page"),
            Fault::Unreadable(detail) => CallError::Unreadable { method, detail },
        });
        // Whoever waited may have stopped between the two lines.
        let _ = open.answer.send(outcome);
    }

    pub fn hold(&self, session: &SessionId, why: &CallError) {
        let mut state = self.state();
        state.held.insert(session.clone(), why.clone());
        state.end(
            |open| open.session.as_ref() == Some(session) && !open.though_held,
            why,
        );
    }

    pub fn release(&self, session: &SessionId) {
        self.state().held.remove(session);
    }

    pub fn forget(&self, session: &SessionId) {
        let mut state = self.state();
        state.held.remove(session);
        state.end(
            |open| open.session.as_ref() == Some(session),
            &CallError::Gone("the page"),
        );
    }

    /// Ends every call, now and to come.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.end(|_| true, &CallError::Closed);
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.state().open.len()
    }
}

impl State {
    fn end(&mut self, which: impl Fn(&Open) -> bool, why: &CallError) {
        let ended = self.open.extract_if(|_, open| which(open));
        for (_, open) in ended {
            let _ = open.answer.send(Err(why.clone()));
        }
    }
}
