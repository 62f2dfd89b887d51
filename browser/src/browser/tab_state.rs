//! What is known of one tab. Pure: it is made of the browser's events alone.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::frames::FrameTree;
use super::notices::Dialog;
use crate::driver::{Document, FrameId, SessionId, TargetId};
use crate::tab::Cast;

/// How many open requests of one tab are watched. A page with more is busy anyway.
const REQUESTS_MAX: usize = 2_000;

/// How many of the last documents are remembered.
const RECENT_MAX: usize = 16;

#[derive(Debug)]
pub struct TabState {
    pub session: SessionId,
    /// The order in which tabs came.
    pub number: u64,
    pub opener: Option<TargetId>,
    pub frames: FrameTree,
    /// The dialog that is open.
    pub dialog: Option<Dialog>,
    /// The process of its page is gone, until it is sent somewhere.
    pub crashed: bool,
    /// Everything that we want to be told of is being told.
    pub ready: bool,
    pub page: PageState,
    /// Our isolated worlds: the document and the number of the world in it.
    pub worlds: HashMap<FrameId, (Document, i64)>,
    /// Sessions of frames with a process of their own.
    pub frame_sessions: Vec<SessionId>,
    /// What is being dragged, if a drag of the browser has begun.
    pub drag: Option<Value>,
    /// Pictures for somebody who watches.
    pub cast: Cast,
    /// When each open request began, in the order of all requests.
    requests: HashMap<String, u64>,
    requests_begun: u64,
}

/// How the page at the top of a tab stands.
#[derive(Debug, Default)]
pub struct PageState {
    /// How many documents came to be shown.
    pub commits: u64,
    /// The last documents that came, the newest at the end. One may be followed by another before anybody looks.
    pub recent: VecDeque<Document>,
    /// How often the address changed within a document.
    pub moves: u64,
    /// The document that is on its way, if one is.
    pub starting: Option<String>,
    /// Whether the document that is shown has been read to its end.
    pub is_read: bool,
}

impl TabState {
    pub fn new(session: SessionId, number: u64, opener: Option<TargetId>) -> Self {
        Self {
            session,
            number,
            opener,
            frames: FrameTree::default(),
            dialog: None,
            crashed: false,
            ready: false,
            page: PageState::default(),
            worlds: HashMap::new(),
            frame_sessions: Vec::new(),
            drag: None,
            cast: Cast::default(),
            requests: HashMap::new(),
            requests_begun: 0,
        }
    }

    pub fn url(&self) -> String {
        self.frames
            .top()
            .map(|frame| frame.url.clone())
            .unwrap_or_default()
    }

    /// Every session of the tab.
    pub fn sessions(&self) -> Vec<SessionId> {
        let own = std::iter::once(&self.session);
        own.chain(&self.frame_sessions).cloned().collect()
    }

    /// A mark for [`TabState::requests_open_since`].
    pub fn requests_begun(&self) -> u64 {
        self.requests_begun
    }

    /// How many requests that began after the mark are open.
    pub fn requests_open_since(&self, mark: u64) -> usize {
        self.requests
            .values()
            .filter(|began| **began > mark)
            .count()
    }

    /// Takes an event that tells of frames, of the page or of requests.
    pub fn take(&mut self, session: &SessionId, method: &str, params: &Value) {
        let frame = params["frameId"].as_str().map(FrameId::from);
        match (method, frame) {
            ("Page.frameAttached", Some(frame)) => {
                let parent = params["parentFrameId"].as_str().map(FrameId::from);
                self.frames.attached(&frame, parent.as_ref(), session);
            }
            ("Page.frameNavigated", _) => self.navigated(session, params),
            ("Page.navigatedWithinDocument", Some(frame)) => {
                self.frames
                    .moved_within(&frame, params["url"].as_str().unwrap_or_default());
                if self.frames.is_top(&frame) {
                    self.page.moves += 1;
                    self.page.starting = None;
                }
            }
            ("Page.frameDetached", Some(frame)) => {
                let moves = params["reason"] == "swap";
                // A crash takes even the frame at the top, but its address is still wanted.
                if !moves && !self.frames.is_top(&frame) {
                    self.frames.removed(&frame);
                }
            }
            ("Page.frameStartedNavigating", Some(frame)) if self.frames.is_top(&frame) => {
                let kind = params["navigationType"].as_str();
                if !matches!(kind, Some("sameDocument" | "historySameDocument")) {
                    self.page.starting = params["loaderId"].as_str().map(str::to_owned);
                }
            }
            ("Page.frameStoppedLoading", Some(frame)) if self.frames.is_top(&frame) => {
                self.page.starting = None;
            }
            ("Page.lifecycleEvent", Some(frame)) => self.lifecycle(&frame, params),
            ("Page.screencastFrame", _) => self.cast.take(params),
            ("Input.dragIntercepted", _) => self.drag = Some(params["data"].clone()),
            ("Network.requestWillBeSent", _) => self.request_begun(params),
            ("Network.loadingFinished" | "Network.loadingFailed", _) => {
                self.requests
                    .remove(params["requestId"].as_str().unwrap_or_default());
            }
            // The protocol has many more events than we look at.
            _ => {}
        }
    }

    fn navigated(&mut self, session: &SessionId, params: &Value) {
        let described = &params["frame"];
        self.frames.navigated(described, session);
        let Some(id) = described["id"].as_str().map(FrameId::from) else {
            return;
        };
        self.worlds.remove(&id);
        if self.frames.is_top(&id) {
            // What the old document asked for is asked for no more, whether that was told or not.
            self.requests.clear();
            self.page.commits += 1;
            if self.page.recent.len() == RECENT_MAX {
                self.page.recent.pop_front();
            }
            self.page
                .recent
                .extend(self.frames.top().map(|top| top.document.clone()));
            self.page.starting = None;
            // A page that comes back as it was tells nothing of its reading.
            self.page.is_read = params["type"] == "BackForwardCacheRestore";
        }
    }

    fn lifecycle(&mut self, frame: &FrameId, params: &Value) {
        let is_end = matches!(params["name"].as_str(), Some("DOMContentLoaded" | "load"));
        let shown = self
            .frames
            .top()
            .map(|top| (&top.id, top.document.as_str()));
        if is_end && shown == Some((frame, params["loaderId"].as_str().unwrap_or_default())) {
            self.page.is_read = true;
        }
    }

    /// Requests that end when the server pleases, such as those for pictures and events, are none to wait for.
    fn request_begun(&mut self, params: &Value) {
        let is_waited_for = matches!(
            params["type"].as_str(),
            Some("Document" | "XHR" | "Fetch" | "Script" | "Stylesheet")
        );
        let Some(id) = params["requestId"].as_str().filter(|_| is_waited_for) else {
            return;
        };
        self.requests_begun += 1;
        if self.requests.len() < REQUESTS_MAX {
            self.requests
                .entry(id.to_owned())
                .or_insert(self.requests_begun);
        }
    }

    /// A process of one of its frames has ended.
    pub fn frame_session_ended(&mut self, session: &SessionId) {
        self.frame_sessions.retain(|kept| kept != session);
        self.frames.session_ended(session);
        // Nobody tells of the end of what it had asked for.
        self.requests.clear();
        self.forget_dead_worlds();
    }

    /// The process of the page has crashed.
    pub fn crash(&mut self) {
        self.crashed = true;
        self.dialog = None;
        self.requests.clear();
        self.worlds.clear();
        self.page.starting = None;
    }

    fn forget_dead_worlds(&mut self) {
        let frames = &self.frames;
        self.worlds.retain(|frame, _| frames.get(frame).is_some());
    }
}
