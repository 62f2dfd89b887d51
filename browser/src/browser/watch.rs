//! Takes the events of a browser one after the other, keeps [`State`] true, and does what they ask for.
//!
//! It never waits for a call: what has to be called runs beside it, and ends with it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Inner;
use super::state::Chore;
use crate::driver::{SessionId, TargetId};

/// Requests that a password was given for. A second question for the same request means that it was wrong.
type Answered = Arc<Mutex<HashSet<String>>>;

/// How many requests are remembered as answered.
const ANSWERED_MAX: usize = 1_000;

/// Runs until the connection is closed.
pub async fn watch(inner: Arc<Inner>) {
    let mut chores = JoinSet::new();
    let answered = Answered::default();
    loop {
        tokio::select! {
            event = inner.driver.event() => {
                let Some(event) = event else { break };
                let asked = inner.state().take(event);
                for chore in asked {
                    if let Some(chore) = do_at_once(&inner, chore) {
                        chores.spawn(attend(Arc::clone(&inner), Arc::clone(&answered), chore));
                    }
                }
                inner.changed.send_replace(());
            }
            Some(_) = chores.join_next() => {}
        }
    }
    inner.state().closed = true;
    inner.changed.send_replace(());
}

/// Does what must be done before the next event; gives back what may take its time.
fn do_at_once(inner: &Inner, chore: Chore) -> Option<Chore> {
    match chore {
        Chore::Hold(sessions, why) => {
            for session in &sessions {
                inner.driver.hold(session, why.clone());
            }
        }
        Chore::Release(sessions) => {
            for session in &sessions {
                inner.driver.release(session);
            }
        }
        Chore::Forget(sessions) => {
            for session in &sessions {
                inner.driver.forget(session);
            }
        }
        Chore::SetUp { .. }
        | Chore::LearnAnew { .. }
        | Chore::Close(_)
        | Chore::Cancel(_)
        | Chore::Leave(_)
        | Chore::Continue { .. }
        | Chore::Authenticate { .. } => return Some(chore),
    }
    None
}

async fn attend(inner: Arc<Inner>, answered: Answered, chore: Chore) {
    let outcome = match chore {
        Chore::SetUp { tab, session } => return set_up(&inner, &tab, &session).await,
        Chore::LearnAnew { tab, session } => return learn_anew(&inner, &tab, &session).await,
        Chore::Close(tab) => {
            inner
                .call("Target.closeTarget", json!({ "targetId": tab.as_str() }))
                .await
        }
        Chore::Cancel(guid) => {
            inner
                .call("Browser.cancelDownload", json!({ "guid": guid }))
                .await
        }
        Chore::Leave(session) => {
            inner
                .call_though_held(&session, "Page.navigate", json!({ "url": "about:blank" }))
                .await
        }
        Chore::Continue { session, request } => {
            inner
                .call_though_held(
                    &session,
                    "Fetch.continueRequest",
                    json!({ "requestId": request }),
                )
                .await
        }
        Chore::Authenticate {
            session,
            request,
            origin,
        } => {
            let answer = answer_for(&inner, &answered, &request, origin.as_deref());
            let params = json!({ "requestId": request, "authChallengeResponse": answer });
            inner
                .call_though_held(&session, "Fetch.continueWithAuth", params)
                .await
        }
        Chore::Hold(..) | Chore::Release(_) | Chore::Forget(_) => return,
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a browser did not do what an event of it asked for");
    }
}

/// Which calls make a new session tell what we want to know. The last one lets it run.
fn calls_of_set_up(inner: &Inner) -> Vec<(&'static str, Value)> {
    let mut calls = vec![
        ("Page.enable", json!({})),
        ("Page.setLifecycleEventsEnabled", json!({ "enabled": true })),
        ("Inspector.enable", json!({})),
        // Before the page's own scripts, so that no switch of a password field is missed.
        (
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": crate::page::INSTALL, "worldName": crate::tab::WORLD, "runImmediately": true }),
        ),
        // Bodies are read by nobody, so the browser need not keep them.
        (
            "Network.enable",
            json!({ "maxTotalBufferSize": 0, "maxResourceBufferSize": 0 }),
        ),
        // A page that believes itself out of focus does not take what is typed.
        (
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        ),
        // Otherwise a click on a field for files would open a window of the browser that nobody sees.
        (
            "Page.setInterceptFileChooserDialog",
            json!({ "enabled": true }),
        ),
        (
            "Target.setAutoAttach",
            json!({
                "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": [{ "type": "iframe" }],
            }),
        ),
    ];
    let patterns: Vec<Value> = inner
        .options
        .logins
        .iter()
        .map(|login| json!({ "urlPattern": format!("{}/*", login.origin) }))
        .collect();
    if !patterns.is_empty() {
        calls.push((
            "Fetch.enable",
            json!({ "handleAuthRequests": true, "patterns": patterns }),
        ));
    }
    calls.push(("Page.getFrameTree", json!({})));
    calls.push(("Runtime.runIfWaitingForDebugger", json!({})));
    calls
}

async fn set_up(inner: &Inner, id: &TargetId, session: &SessionId) {
    let calls = calls_of_set_up(inner)
        .into_iter()
        .map(|(method, params)| async move {
            let answer = inner.call_though_held(session, method, params).await;
            match answer {
                Ok(answer) if method == "Page.getFrameTree" => {
                    if let Ok(tab) = inner.state().tab(id) {
                        tab.frames.learn(&answer["frameTree"], session);
                    }
                }
                Ok(_) => {}
                // A kind of target may lack a part of the protocol, and a page may be gone already.
                Err(error) => tracing::debug!(%error, "a new page of a browser"),
            }
        });
    // They are sent in this order, and none waits for the answer of the one before.
    futures_util::future::join_all(calls).await;
    if let Ok(tab) = inner.state().tab(id) {
        tab.ready |= tab.session == *session;
    }
    inner.changed.send_replace(());
}

async fn learn_anew(inner: &Inner, id: &TargetId, session: &SessionId) {
    if let Ok(answer) = inner
        .call_though_held(session, "Page.getFrameTree", json!({}))
        .await
    {
        if let Ok(tab) = inner.state().tab(id) {
            tab.frames.learn_anew(&answer["frameTree"], session);
        }
        inner.changed.send_replace(());
    }
}

/// What a server that asks who is there is told: the login for its origin, once for each request.
fn answer_for(inner: &Inner, answered: &Answered, request: &str, origin: Option<&str>) -> Value {
    let login = inner
        .options
        .logins
        .iter()
        .find(|login| Some(login.origin.as_str()) == origin);
    let Some(login) = login else {
        return json!({ "response": "Default" });
    };
    let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
    if answered.len() == ANSWERED_MAX {
        answered.clear();
    }
    if !answered.insert(request.to_owned()) {
        return json!({ "response": "CancelAuth" });
    }
    json!({ "response": "ProvideCredentials", "username": login.user, "password": login.password })
}
