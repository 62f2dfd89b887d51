//! The seams of this crate: what a connection to a browser must do, and what the frames of a tab offer to whoever looks at
//! or acts on a page.
//!
//! [`Driver`] is small so that another connection can take the place of ours, and so that tests can fake it. [`Frames`] is
//! all that the code which reads pages gets to see of a tab.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

/// A name that the browser gave out: cheap to copy, compared by its letters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as the browser spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The channel to one target within the connection: a page, or a frame that has a process of its own.
    SessionId
}
name! {
    /// A frame for as long as it lives: it stays the same when the frame shows another document or moves to another process.
    FrameId
}
name! {
    /// A document that a frame showed. A navigation within the same document keeps it.
    Document
}
name! {
    /// A page as a target of the browser. The frame at its top has the same name.
    TargetId
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The deadline passed. The call may still have its effect; a late answer is dropped.
    #[error("{method} had no answer within {} ms", within.as_millis())]
    Late {
        /// The method that was called.
        method: &'static str,
        /// How long was waited.
        within: Duration,
    },
    /// The browser refused the call.
    #[error("{method} was refused: {message}")]
    Refused {
        /// The method that was called.
        method: &'static str,
        /// What the browser says.
        message: String,
    },
    /// A script of the page, or one of ours, threw.
    #[error("the script failed: {0}")]
    Script(String),
    /// A dialog of the page is open, and nothing else of the page goes on until it is answered.
    #[error("a dialog is open")]
    DialogOpen,
    /// The process that showed the page has crashed.
    #[error("the page has crashed")]
    Crashed,
    /// The page, the frame or the document is no longer there.
    #[error("{0} is gone")]
    Gone(&'static str),
    /// The connection has ended, and with it every tab.
    #[error("the connection to the browser is closed")]
    Closed,
    /// The answer means nothing to us. Only this one call is lost.
    #[error("the answer to {method} cannot be read: {detail}")]
    Unreadable {
        /// The method that was called.
        method: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

/// What the browser tells without being asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// One event of the protocol.
    Told {
        /// Whose event it is; absent for the browser itself.
        session: Option<SessionId>,
        /// For example `Page.frameNavigated`.
        method: String,
        /// As the protocol describes them.
        params: Value,
    },
    /// So many events of one session were dropped, because they were not taken off in time.
    Lost {
        /// Whose events they were.
        session: Option<SessionId>,
        /// How many.
        count: u64,
    },
}

/// One call of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The target; absent for the browser itself.
    pub session: Option<SessionId>,
    /// For example `Page.navigate`.
    pub method: &'static str,
    /// As the protocol describes them; an object.
    pub params: Value,
    /// When to give up.
    pub within: Duration,
    /// Whether it is made although the session is held. For the calls that the browser's own process answers.
    pub though_held: bool,
}

/// A connection to one browser.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync {
    /// Makes a call and waits for its answer.
    async fn call(&self, call: Call) -> Result<Value, CallError>;

    /// The next event, in the order in which the browser told them. `None` once the connection is closed. For one taker: an
    /// event is given out once.
    async fn event(&self) -> Option<Event>;

    /// Ends every open call of the session at once with `why`, and every call that comes, until it is released.
    fn hold(&self, session: &SessionId, why: CallError);

    /// Lets calls of the session through again.
    fn release(&self, session: &SessionId);

    /// Forgets a session that has ended: its calls end with [`CallError::Gone`], its events are dropped.
    fn forget(&self, session: &SessionId);

    /// Returns when the connection has ended.
    async fn closed(&self);
}

/// A frame as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Stable for the frame's life.
    pub id: FrameId,
    /// What it shows now. A node belongs to one document: what was bound to another one is gone.
    pub document: Document,
    /// The frame that it lies in; absent at the top.
    pub parent: Option<FrameId>,
    /// Where calls about it go.
    pub session: SessionId,
    /// The address of its document.
    pub url: String,
}

/// A node of a document, by one of the names that the protocol has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeHandle {
    /// The frame that it is in.
    pub frame: FrameId,
    /// Where its name means something; the same number is another node elsewhere.
    pub session: SessionId,
    /// Its name.
    pub node: Node,
}

/// How a node is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// By the number that it has in its process, for as long as it lives.
    Backend(i64),
    /// By a handle in our isolated world.
    Object(String),
}

/// A handle to a thing in our isolated world of a frame. It keeps the thing alive until it is released or its document goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The frame that it is in.
    pub frame: FrameId,
    /// Where the handle means something.
    pub session: SessionId,
    /// The protocol's `objectId`.
    pub id: String,
}

/// An argument of a function in the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Given as a copy.
    Value(Value),
    /// Given as the thing itself, which must be of the same frame.
    Object(Object),
}

/// The frames of one tab, and scripts in Errand's isolated world of each: it sees the page's document, and the page's scripts
/// cannot see or change what is in it.
///
/// What is stored on `globalThis` of that world stays there as long as the document does. Scripts may be asynchronous: a promise is
/// waited for. Every call has a deadline and may end with [`CallError::DialogOpen`].
#[async_trait]
pub trait Frames: Send + Sync {
    /// All frames now: the one at the top first, each parent before its children, and brothers in the order in which they came.
    fn frames(&self) -> Vec<Frame>;

    /// The value of an expression, as JSON. `undefined` is null.
    async fn evaluate(&self, frame: &Frame, script: &str) -> Result<Value, CallError>;

    /// The value of an expression, as a handle. [`CallError::Script`] if it is not an object.
    async fn evaluate_object(&self, frame: &Frame, script: &str) -> Result<Object, CallError>;

    /// Calls a function, written as an expression such as `function (depth) { … }`, with `this` as the object. Its value is JSON.
    async fn call_function(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Value, CallError>;

    /// As [`Frames::call_function`], where the value is an object.
    async fn call_function_object(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Object, CallError>;

    /// The node as a handle in our isolated world of its frame. [`CallError::Gone`] if it no longer exists.
    async fn resolve(&self, node: &NodeHandle) -> Result<Object, CallError>;

    /// `DOM.describeNode` of a node: the protocol's `Node`, with that many levels of children and through frames and closed shadow
    /// roots if wished. Its nodes carry `backendNodeId`. Chromium refuses an answer with more than about 140 elements in each other,
    /// so a document of a stranger is asked for in parts.
    async fn describe(
        &self,
        node: &NodeHandle,
        depth: i32,
        pierce: bool,
    ) -> Result<Value, CallError>;

    /// Lets go of a handle.
    async fn release(&self, object: &Object);
}
