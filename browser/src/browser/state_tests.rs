//! What events lead to, without a browser.

use serde_json::{Value, json};

use super::{Chore, Rules, State};
use crate::browser::notices::{Dialog, Notice};
use crate::driver::{CallError, Event, SessionId, TargetId};

fn state() -> State {
    State::new(Rules {
        tabs_max: 2,
        download_bytes_max: 100,
    })
}

fn told(session: Option<&str>, method: &str, params: Value) -> Event {
    let session = session.map(SessionId::from);
    Event::Told {
        session,
        method: method.to_owned(),
        params,
    }
}

fn attached(state: &mut State, session: &str, tab: &str, opener: Option<&str>) -> Vec<Chore> {
    let info = json!({ "targetId": tab, "type": "page", "openerId": opener, "url": "" });
    let params = json!({ "sessionId": session, "targetInfo": info, "waitingForDebugger": true });
    state.take(told(None, "Target.attachedToTarget", params))
}

fn navigated(state: &mut State, session: &str, frame: &str, url: &str) -> Vec<Chore> {
    let frame = json!({ "id": frame, "loaderId": "L", "url": url });
    state.take(told(
        Some(session),
        "Page.frameNavigated",
        json!({ "frame": frame, "type": "Navigation" }),
    ))
}

#[test]
fn a_popup_is_a_tab_with_its_opener_and_one_too_many_is_closed() {
    let mut state = state();
    let (a, b) = (TargetId::from("A"), TargetId::from("B"));
    let first = attached(&mut state, "sa", "A", None);
    assert_eq!(
        first,
        [Chore::SetUp {
            tab: a.clone(),
            session: SessionId::from("sa")
        }]
    );
    attached(&mut state, "sb", "B", Some("A"));
    let third = attached(&mut state, "sc", "C", Some("A"));
    assert_eq!(third, [Chore::Close(TargetId::from("C"))]);
    let expected = [
        Notice::TabOpened {
            tab: a.clone(),
            opener: None,
        },
        Notice::TabOpened {
            tab: b,
            opener: Some(a.clone()),
        },
        Notice::TabRefused { opener: Some(a) },
    ];
    assert_eq!(state.notices.after(0), expected);
}

#[test]
fn a_dialog_holds_every_session_of_its_tab_until_it_is_closed() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    navigated(&mut state, "sa", "A", "http://a.test/");
    let frame = json!({ "sessionId": "sf", "targetInfo": { "targetId": "F", "type": "iframe" } });
    state.take(told(Some("sa"), "Target.attachedToTarget", frame));
    let opening = json!({ "type": "prompt", "message": "Name?", "defaultPrompt": "x", "url": "http://a.test/" });
    let held = state.take(told(Some("sa"), "Page.javascriptDialogOpening", opening));
    let sessions = vec![SessionId::from("sa"), SessionId::from("sf")];
    assert_eq!(held, [Chore::Hold(sessions.clone(), CallError::DialogOpen)]);
    let dialog = Dialog {
        kind: "prompt".to_owned(),
        message: "Name?".to_owned(),
        proposed: "x".to_owned(),
        url: "http://a.test/".to_owned(),
    };
    let tab = TargetId::from("A");
    assert_eq!(
        state.tab(&tab).map(|tab| tab.dialog.clone()),
        Ok(Some(dialog))
    );
    let released = state.take(told(
        Some("sa"),
        "Page.javascriptDialogClosed",
        json!({ "result": true }),
    ));
    assert_eq!(released, [Chore::Release(sessions)]);
    assert_eq!(state.tab(&tab).map(|tab| tab.dialog.clone()), Ok(None));
}

#[test]
fn a_crash_ends_calls_of_its_tab_and_going_elsewhere_mends_it() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    let session = SessionId::from("sa");
    let held = state.take(told(Some("sa"), "Inspector.targetCrashed", json!({})));
    assert_eq!(
        held,
        [Chore::Hold(vec![session.clone()], CallError::Crashed)]
    );
    assert_eq!(
        state.tab(&TargetId::from("A")).map(|tab| tab.crashed),
        Ok(true)
    );
    let released = state.take(told(
        Some("sa"),
        "Inspector.targetReloadedAfterCrash",
        json!({}),
    ));
    assert_eq!(released, [Chore::Release(vec![session])]);
    assert_eq!(
        state.tab(&TargetId::from("A")).map(|tab| tab.crashed),
        Ok(false)
    );
}

#[test]
fn a_tab_that_closes_leaves_nothing_but_a_notice() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    navigated(&mut state, "sa", "A", "http://a.test/");
    let child = json!({ "frameId": "F", "parentFrameId": "A" });
    state.take(told(Some("sa"), "Page.frameAttached", child));
    let frame = json!({ "sessionId": "sf", "targetInfo": { "targetId": "F", "type": "iframe" } });
    state.take(told(Some("sa"), "Target.attachedToTarget", frame));
    let gone = state.take(told(
        None,
        "Target.detachedFromTarget",
        json!({ "sessionId": "sa" }),
    ));
    assert_eq!(
        gone,
        [Chore::Forget(vec![
            SessionId::from("sa"),
            SessionId::from("sf")
        ])]
    );
    assert_eq!((state.tabs.len(), state.owners.len()), (0, 0));
    assert_eq!(
        state.notices.after(1),
        [Notice::TabClosed {
            tab: TargetId::from("A")
        }]
    );
    assert_eq!(
        state.tab(&TargetId::from("A")).err(),
        Some(CallError::Gone("the tab"))
    );
    assert_eq!(navigated(&mut state, "sa", "A", "http://b.test/"), []);
}

#[test]
fn a_tab_that_got_where_none_may_be_is_sent_away() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    assert_eq!(navigated(&mut state, "sa", "A", "http://a.test/"), []);
    let left = navigated(&mut state, "sa", "A", "file:///etc/passwd");
    assert_eq!(left, [Chore::Leave(SessionId::from("sa"))]);
    let url = "file:///etc/passwd".to_owned();
    assert_eq!(
        state.notices.after(1),
        [Notice::AddressRefused {
            tab: TargetId::from("A"),
            url
        }]
    );
}

#[test]
fn what_lost_events_would_have_told_is_asked_for() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    let session = SessionId::from("sa");
    let asked = state.take(Event::Lost {
        session: Some(session.clone()),
        count: 7,
    });
    assert_eq!(
        asked,
        [Chore::LearnAnew {
            tab: TargetId::from("A"),
            session
        }]
    );
}

#[test]
fn a_proxy_that_asks_who_is_there_is_no_origin() {
    let mut state = state();
    attached(&mut state, "sa", "A", None);
    let ask = |state: &mut State, source: &str| {
        let challenge = json!({ "source": source, "origin": "http://a.test" });
        let params = json!({ "requestId": "r", "authChallenge": challenge });
        state.take(told(Some("sa"), "Fetch.authRequired", params))
    };
    let expected = |origin: Option<&str>| {
        [Chore::Authenticate {
            session: SessionId::from("sa"),
            request: "r".to_owned(),
            origin: origin.map(str::to_owned),
        }]
    };
    assert_eq!(ask(&mut state, "Server"), expected(Some("http://a.test")));
    assert_eq!(ask(&mut state, "Proxy"), expected(None));
}
