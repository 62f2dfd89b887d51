//! What the owner of a browser decides about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a browser may do, and how long things may take.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where downloads go, under names that the browser makes; absent: there are none. As Chromium sees the folder.
    pub downloads: Option<PathBuf>,
    /// The most bytes of one download; a larger one is cancelled.
    pub download_bytes_max: u64,
    /// The most tabs at once. A page that opens more finds them closed.
    pub tabs_max: usize,
    /// Names and passwords that are given to servers which ask for them. A page of a server that asks, and has none here, fails with
    /// `net::ERR_INVALID_AUTH_CREDENTIALS`.
    pub logins: Vec<Login>,
    /// How long things may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            downloads: None,
            download_bytes_max: 100 << 20,
            tabs_max: 6,
            logins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// How long each kind of call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// An ordinary call.
    pub call: Duration,
    /// Until a page that was navigated to begins to come.
    pub commit: Duration,
    /// Until a page that has begun to come is taken as it is.
    pub load: Duration,
    /// Until a page is taken as it is after an action.
    pub settle: Duration,
    /// A picture.
    pub screenshot: Duration,
    /// A PDF.
    pub pdf: Duration,
    /// Until a thing that is acted on has come into view and stands still.
    pub still: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            commit: Duration::from_secs(30),
            load: Duration::from_secs(10),
            settle: Duration::from_secs(2),
            screenshot: Duration::from_secs(5),
            pdf: Duration::from_secs(30),
            still: Duration::from_secs(3),
        }
    }
}

/// A name and a password for one origin. Never printed.
#[derive(Clone)]
pub struct Login {
    /// As the browser writes origins, for example `https://intranet.test:8443`.
    pub origin: String,
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Login");
        shown
            .field("origin", &self.origin)
            .field("user", &"***")
            .field("password", &"***")
            .finish()
    }
}
