//! One Chromium for a task, in a cage of its own: found, started, spoken to and ended.
//!
//! It runs in the sandbox's profile for browsers, with its own sandbox for pages within. Its only way out is a port of its loopback,
//! behind which is the task's proxy. DevTools listens on that same loopback: nobody but us gets there, because each connection to
//! it is made inside and handed out.

mod arguments;
mod devtools;
mod found;
mod front;
mod launcher;
mod probe;
mod running;
mod socket;

pub use arguments::arguments;
pub use found::program;
pub(crate) use found::{binds, is_offered};
pub(crate) use front::OWN_NAMES;
pub use front::{Front, Neighbours, Side};
pub use launcher::{LaunchError, Launcher};
pub use probe::{Browser, probe};

pub use running::Running;
pub use socket::Socket;
