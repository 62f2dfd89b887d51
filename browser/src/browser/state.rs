//! What is known of a browser, and what an event of it asks us to do. Pure: [`State::take`] is the whole of it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::downloads::{Downloads, News};
use super::notices::{Dialog, Notice, Notices};
use super::tab_state::TabState;
use crate::driver::{CallError, Event, FrameId, SessionId, TargetId};
use crate::tab::address;

/// What is to be done about an event. The first three are done before the next event is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Chore {
    /// End the calls of these sessions and let none through.
    Hold(Vec<SessionId>, CallError),
    /// Let calls of these sessions through.
    Release(Vec<SessionId>),
    /// These sessions are no more.
    Forget(Vec<SessionId>),
    /// Ask a new session to tell us what we want to know, and let it run.
    SetUp {
        /// The tab that it belongs to.
        tab: TargetId,
        /// The new session.
        session: SessionId,
    },
    /// Ask again for the frames of a session, whose events do not tell all.
    LearnAnew {
        /// The tab that it belongs to.
        tab: TargetId,
        /// The session.
        session: SessionId,
    },
    /// Close a tab that is one too many.
    Close(TargetId),
    /// Cancel a download.
    Cancel(String),
    /// Send a tab to an empty page.
    Leave(SessionId),
    /// A request waits for us to let it go on.
    Continue {
        /// Where it waits.
        session: SessionId,
        /// Its name.
        request: String,
    },
    /// A server asks who is there.
    Authenticate {
        /// Where the request waits.
        session: SessionId,
        /// Its name.
        request: String,
        /// The origin that asks; absent if it is not the server of the page but a proxy.
        origin: Option<String>,
    },
}

#[derive(Debug, Default)]
pub struct State {
    pub tabs: BTreeMap<TargetId, TabState>,
    /// To which tab a session belongs.
    pub owners: HashMap<SessionId, TargetId>,
    pub downloads: Downloads,
    pub notices: Notices,
    pub closed: bool,
    pub rules: Rules,
    tabs_ever: u64,
}

/// The part of the options that decides what an event asks for.
#[derive(Debug, Default, Clone, Copy)]
pub struct Rules {
    pub tabs_max: usize,
    pub download_bytes_max: u64,
}

impl State {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// The tab, or why there is none.
    pub fn tab(&mut self, id: &TargetId) -> Result<&mut TabState, CallError> {
        if self.closed {
            return Err(CallError::Closed);
        }
        self.tabs.get_mut(id).ok_or(CallError::Gone("the tab"))
    }

    /// Learns from an event, and says what is to be done about it.
    pub fn take(&mut self, event: Event) -> Vec<Chore> {
        match event {
            Event::Told {
                session: None,
                method,
                params,
            } => self.take_of_browser(&method, &params),
            Event::Told {
                session: Some(session),
                method,
                params,
            } => self.take_of_session(&session, &method, &params),
            Event::Lost { session, .. } => self.lost(session),
        }
    }

    fn take_of_browser(&mut self, method: &str, params: &Value) -> Vec<Chore> {
        match method {
            "Target.attachedToTarget" => self.page_attached(params),
            "Target.detachedFromTarget" => self.detached(params),
            "Browser.downloadWillBegin" => {
                let guid = self.downloads.begun(params);
                self.notices.add(Notice::DownloadBegun { guid });
                Vec::new()
            }
            "Browser.downloadProgress" => self.download_progressed(params),
            _ => Vec::new(),
        }
    }

    fn take_of_session(&mut self, session: &SessionId, method: &str, params: &Value) -> Vec<Chore> {
        let Some(id) = self.owners.get(session).cloned() else {
            return Vec::new();
        };
        match method {
            "Target.attachedToTarget" => return self.frame_attached(&id, params),
            "Target.detachedFromTarget" => return self.detached(params),
            "Page.javascriptDialogOpening" => return self.dialog_opened(&id, params),
            "Page.javascriptDialogClosed" => return self.dialog_closed(&id),
            "Inspector.targetCrashed" => return self.crashed(&id, session),
            "Inspector.targetReloadedAfterCrash" => return self.revived(&id, session),
            "Page.fileChooserOpened" => {
                let backend_node = params["backendNodeId"].as_i64();
                self.notices.add(Notice::FilesAsked {
                    tab: id,
                    backend_node,
                });
                return Vec::new();
            }
            "Fetch.requestPaused" | "Fetch.authRequired" => return paused(session, method, params),
            _ => {}
        }
        let Some(tab) = self.tabs.get_mut(&id) else {
            return Vec::new();
        };
        let commits = tab.page.commits;
        tab.take(session, method, params);
        if tab.page.commits == commits {
            return Vec::new();
        }
        self.committed(&id, session, params)
    }

    /// The tab shows another document.
    fn committed(&mut self, id: &TargetId, session: &SessionId, params: &Value) -> Vec<Chore> {
        let Some(tab) = self.tabs.get_mut(id) else {
            return Vec::new();
        };
        let url = tab.url();
        if !address::may_stay(&url) {
            self.notices.add(Notice::AddressRefused {
                tab: id.clone(),
                url,
            });
            return vec![Chore::Leave(session.clone())];
        }
        if params["type"] == "BackForwardCacheRestore" {
            return vec![Chore::LearnAnew {
                tab: id.clone(),
                session: session.clone(),
            }];
        }
        Vec::new()
    }

    fn page_attached(&mut self, params: &Value) -> Vec<Chore> {
        let info = &params["targetInfo"];
        let text = |name: &str| info[name].as_str();
        let (Some(session), Some("page"), Some(id)) =
            (params["sessionId"].as_str(), text("type"), text("targetId"))
        else {
            return Vec::new();
        };
        let (session, id) = (SessionId::from(session), TargetId::from(id));
        let opener = text("openerId").map(TargetId::from);
        if self.tabs.len() >= self.rules.tabs_max {
            self.notices.add(Notice::TabRefused { opener });
            return vec![Chore::Close(id)];
        }
        self.tabs_ever += 1;
        let tab = TabState::new(session.clone(), self.tabs_ever, opener.clone());
        self.tabs.insert(id.clone(), tab);
        self.owners.insert(session.clone(), id.clone());
        self.notices.add(Notice::TabOpened {
            tab: id.clone(),
            opener,
        });
        vec![Chore::SetUp { tab: id, session }]
    }

    /// A frame of a tab got a process of its own. Its target has the name of the frame.
    fn frame_attached(&mut self, id: &TargetId, params: &Value) -> Vec<Chore> {
        let info = &params["targetInfo"];
        let (Some(session), Some(frame), Some(tab)) = (
            params["sessionId"].as_str(),
            info["targetId"].as_str(),
            self.tabs.get_mut(id),
        ) else {
            return Vec::new();
        };
        let (session, frame) = (SessionId::from(session), frame.into());
        self.owners.insert(session.clone(), id.clone());
        tab.frame_sessions.push(session.clone());
        // A frame that was there before us is told of by its target alone.
        let parent = info["parentFrameId"].as_str().map(FrameId::from);
        if parent.is_some() || tab.frames.get(&frame).is_some() {
            tab.frames.attached(&frame, parent.as_ref(), &session);
        }
        tab.worlds.remove(&frame);
        let set_up = Chore::SetUp {
            tab: id.clone(),
            session: session.clone(),
        };
        match tab.dialog {
            Some(_) => vec![Chore::Hold(vec![session], CallError::DialogOpen), set_up],
            None => vec![set_up],
        }
    }

    fn detached(&mut self, params: &Value) -> Vec<Chore> {
        let Some(session) = params["sessionId"].as_str().map(SessionId::from) else {
            return Vec::new();
        };
        let Some(id) = self.owners.remove(&session) else {
            return vec![Chore::Forget(vec![session])];
        };
        let is_page = self.tabs.get(&id).is_some_and(|tab| tab.session == session);
        if !is_page {
            if let Some(tab) = self.tabs.get_mut(&id) {
                tab.frame_session_ended(&session);
            }
            return vec![Chore::Forget(vec![session])];
        }
        let sessions = self
            .tabs
            .remove(&id)
            .map(|tab| tab.sessions())
            .unwrap_or_default();
        for session in &sessions {
            self.owners.remove(session);
        }
        self.notices.add(Notice::TabClosed { tab: id });
        vec![Chore::Forget(sessions)]
    }

    fn dialog_opened(&mut self, id: &TargetId, params: &Value) -> Vec<Chore> {
        let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        let dialog = Dialog {
            kind: text("type"),
            message: text("message"),
            proposed: text("defaultPrompt"),
            url: text("url"),
        };
        let Some(tab) = self.tabs.get_mut(id) else {
            return Vec::new();
        };
        tab.dialog = Some(dialog.clone());
        let hold = Chore::Hold(tab.sessions(), CallError::DialogOpen);
        self.notices.add(Notice::DialogOpened {
            tab: id.clone(),
            dialog,
        });
        vec![hold]
    }

    fn dialog_closed(&mut self, id: &TargetId) -> Vec<Chore> {
        let Some(tab) = self.tabs.get_mut(id) else {
            return Vec::new();
        };
        tab.dialog = None;
        vec![Chore::Release(tab.sessions())]
    }

    fn crashed(&mut self, id: &TargetId, session: &SessionId) -> Vec<Chore> {
        let Some(tab) = self.tabs.get_mut(id) else {
            return Vec::new();
        };
        if tab.session == *session {
            tab.crash();
            self.notices.add(Notice::Crashed { tab: id.clone() });
        }
        vec![Chore::Hold(vec![session.clone()], CallError::Crashed)]
    }

    fn revived(&mut self, id: &TargetId, session: &SessionId) -> Vec<Chore> {
        if let Some(tab) = self.tabs.get_mut(id).filter(|tab| tab.session == *session) {
            tab.crashed = false;
        }
        vec![Chore::Release(vec![session.clone()])]
    }

    fn download_progressed(&mut self, params: &Value) -> Vec<Chore> {
        let guid = params["guid"].as_str().unwrap_or_default().to_owned();
        match self
            .downloads
            .progressed(params, self.rules.download_bytes_max)
        {
            News::Nothing => Vec::new(),
            News::Ended => {
                self.notices.add(Notice::DownloadEnded { guid });
                Vec::new()
            }
            News::TooLarge => {
                self.notices
                    .add(Notice::DownloadEnded { guid: guid.clone() });
                vec![Chore::Cancel(guid)]
            }
        }
    }

    /// Events of a session were dropped: what they told of its frames is asked for.
    fn lost(&mut self, session: Option<SessionId>) -> Vec<Chore> {
        let owner = session.and_then(|session| Some((self.owners.get(&session)?.clone(), session)));
        owner
            .map(|(tab, session)| Chore::LearnAnew { tab, session })
            .into_iter()
            .collect()
    }
}

fn paused(session: &SessionId, method: &str, params: &Value) -> Vec<Chore> {
    let Some(request) = params["requestId"].as_str().map(str::to_owned) else {
        return Vec::new();
    };
    let session = session.clone();
    if method == "Fetch.requestPaused" {
        return vec![Chore::Continue { session, request }];
    }
    let challenge = &params["authChallenge"];
    let is_server = challenge["source"] != "Proxy";
    let origin = challenge["origin"]
        .as_str()
        .filter(|_| is_server)
        .map(str::to_owned);
    vec![Chore::Authenticate {
        session,
        request,
        origin,
    }]
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
