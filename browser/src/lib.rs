//! A browser that a program can see and drive: one Chromium, which somebody else started, over its `DevTools` socket.
//!
//! This crate knows the protocol and nothing of sandboxes, tasks or models. It is given a stream to the socket and never starts,
//! finds or ends a process, resolves no name and opens no connection of its own. Every call has a deadline.

pub mod act;
mod browser;
pub mod connection;
pub mod driver;
mod options;
pub mod page;
pub mod recover;
pub mod tab;
mod wire;

pub use act::{ActError, Acted, Button, Click, Direction, Place, Typing};
pub use browser::{Browser, Dialog, Download, DownloadState, Notice, Saved};
pub use connection::Connection;
pub use driver::{
    Argument, Call, CallError, Document, Driver, Event, Frame, FrameId, Frames, Node, NodeHandle,
    Object, SessionId, TargetId,
};
pub use options::{Limits, Login, Options};
pub use tab::{Arrival, Came, NavigateError, Settled, Start, Tab, Wanted};
