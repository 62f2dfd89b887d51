//! The crate against a real Chromium, with pages that the tests serve themselves on the loopback.
//!
//! Fails where Chromium is absent: `script/setup test` installs it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod chromium;
mod faults;
mod going;
mod site;
mod tabs;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use browser::{
    Browser, Call, CallError, Connection, Document, Driver, Frame, Frames, NodeHandle, Options, Tab,
};
use serde_json::{Value, json};

use self::chromium::Chromium;
use self::site::Site;

/// Long enough for a loaded machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with an empty tab, and a site to visit.
struct Scene {
    driver: Arc<Connection>,
    browser: Browser,
    tab: Tab,
    site: Site,
    chromium: Chromium,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let (chromium, site) = (Chromium::start().await, Site::start().await);
        let mut options = Options {
            downloads: Some(chromium.downloads()),
            ..Options::default()
        };
        change(&mut options);
        for login in &mut options.logins {
            login.origin = site.url("a.test", "");
        }
        let connection = Connection::open(chromium.connect().await, chromium.path())
            .await
            .unwrap();
        let driver = Arc::new(connection);
        let browser = Browser::attach(Arc::<Connection>::clone(&driver), options)
            .await
            .unwrap();
        let tab = browser.open_tab().await.unwrap();
        Self {
            driver,
            browser,
            tab,
            site,
            chromium,
        }
    }

    /// A call of the tab's page that the crate has no word for.
    async fn raw(&self, method: &'static str) -> Result<Value, CallError> {
        let session = Some(top(&self.tab).session);
        self.driver
            .call(Call {
                session,
                method,
                params: json!({}),
                within: PATIENCE,
                though_held: false,
            })
            .await
    }

    /// Goes to a page of `a.test`.
    async fn visit(&self, path: &str) {
        self.tab
            .navigate(&self.site.url("a.test", path))
            .await
            .unwrap();
    }
}

fn top(tab: &Tab) -> Frame {
    tab.frames().first().cloned().unwrap()
}

async fn value(tab: &Tab, script: &str) -> Value {
    tab.evaluate(&top(tab), script).await.unwrap()
}

/// The element that a script gives, in a frame.
async fn found(tab: &Tab, frame: &Frame, script: &str) -> NodeHandle {
    let object = tab.evaluate_object(frame, script).await.unwrap();
    NodeHandle {
        frame: object.frame,
        session: object.session,
        node: browser::Node::Object(object.id),
    }
}

/// The first element of the page that a selector fits.
async fn element(tab: &Tab, selector: &str) -> NodeHandle {
    found(
        tab,
        &top(tab),
        &format!("document.querySelector({selector:?})"),
    )
    .await
}

fn document(tab: &Tab) -> Document {
    top(tab).document
}
