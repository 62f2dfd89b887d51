//! What the browser costs: starting one in its cage, calls and actions beside the bare protocol, and looks at pages.

mod launch;
mod raw;

use std::sync::Arc;
use std::time::Instant;

use agent_core::id::{StepId, TaskId, TenantId};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::workspaces::{Place, Workspaces as _};
use agent_core::workspace::Manifest;
use anyhow::{Context, Result};
use browser::page::{Look, Seen};
use browser::{Browser, Click, Connection, Frame, Frames, Node, NodeHandle, Options, Tab, Typing};
use serde_json::json;
use store_blobs::LocalBlobs;
use tools::browser::{Front, Launcher, Running};

use self::raw::Raw;
use crate::figure::{Report, median, quantile};

/// Pages such as a task meets, and what they are called.
const PAGES: [(&str, &str); 5] = [
    (
        "shop",
        include_str!("../../../browser/tests/pages/shop.html"),
    ),
    (
        "article",
        include_str!("../../../browser/tests/pages/article.html"),
    ),
    (
        "orders",
        include_str!("../../../browser/tests/pages/orders.html"),
    ),
    (
        "form",
        include_str!("../../../browser/tests/pages/form.html"),
    ),
    (
        "mail",
        include_str!("../../../browser/tests/pages/mail.html"),
    ),
];
/// About 58,000 links.
const LARGE: &str = include_str!("../../../browser/tests/pages/large.html");
/// Letters for one token of English, by the usual rule of thumb.
const LETTERS_A_TOKEN: f64 = 4.0;

/// A workspace, and what starts browsers for it.
pub struct Room {
    pub launcher: Launcher,
    pub options: tools::Options,
    pub place: Place,
    _parts: tools::Parts,
    _folder: tempfile::TempDir,
}

impl Room {
    async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o711),
        )?;
        let options = tools::Options {
            folder: Some(folder.path().join("workspaces")),
            ..tools::Options::default()
        };
        let blobs = Arc::new(LocalBlobs::open(folder.path().join("blobs"))?);
        let guard = egress::Guard::new(egress::Options::default())?;
        let parts = tools::open(&options, blobs, &guard)?;
        let seeded = Seeded::new(1);
        let place = Place {
            tenant: TenantId::new(&seeded),
            task: TaskId::new(&seeded),
            step: StepId::new(&seeded),
        };
        parts
            .workspaces
            .restore(&place, &Manifest::default())
            .await?;
        let annexes = parts.workspaces.annexes();
        Ok(Self {
            launcher: Launcher::new(&options, Arc::clone(&parts.sandbox), annexes),
            options,
            place,
            _parts: parts,
            _folder: folder,
        })
    }
}

/// So many starts, and as many rounds of the rest as are quick.
pub async fn measure(report: &mut Report, runs: usize) -> Result<()> {
    let room = Room::open().await?;
    let (ours, bare) = launch::both(&room, runs).await?;
    let value = median(&ours).context("nothing was run")?;
    report.add("-", "new browser in its cage", (value, "ms"), median(&bare));
    let running = room.launcher.launch(&room.place, Front::default()).await?;
    let connection = Connection::open(running.stream().await?, running.path()).await?;
    let browser = Browser::attach(Arc::new(connection), Options::default()).await?;
    let tab = browser.open_tab().await?;
    calls(report, &running, &tab).await?;
    actions(report, &tab).await?;
    looks(report, &tab).await?;
    drop(browser);
    running.end().await;
    Ok(())
}

fn since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn top(tab: &Tab) -> Result<Frame> {
    tab.frames()
        .into_iter()
        .next()
        .context("the tab shows nothing")
}

async fn show(tab: &Tab, page: &str) -> Result<()> {
    let encoded = data_encoding::BASE64.encode(page.as_bytes());
    tab.navigate(&format!("data:text/html;charset=utf-8;base64,{encoded}"))
        .await?;
    Ok(())
}

const FORM: &str = "<h1>Form</h1><input id=i><button>go</button><p>A paragraph of text.</p>";

async fn calls(report: &mut Report, running: &Running, tab: &Tab) -> Result<()> {
    show(tab, FORM).await?;
    let mut raw = Raw::attach(running, tab).await?;
    let here = top(tab)?;
    let one = json!({ "expression": "1", "returnByValue": true });
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let begun = Instant::now();
        raw.call("Runtime.evaluate", one.clone()).await?;
        bare.push(since(begun));
        let begun = Instant::now();
        tab.evaluate(&here, "1").await?;
        ours.push(since(begun));
    }
    let value = median(&ours).context("nothing was run")?;
    report.add("-", "evaluate", (value, "ms"), median(&bare));
    let picture = json!({ "format": "jpeg", "quality": 60, "optimizeForSpeed": true });
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        let begun = Instant::now();
        raw.call("Page.captureScreenshot", picture.clone()).await?;
        bare.push(since(begun));
        let begun = Instant::now();
        tab.screenshot().await?;
        ours.push(since(begun));
    }
    let value = median(&ours).context("nothing was run")?;
    report.add("-", "screenshot", (value, "ms"), median(&bare));
    Ok(())
}

async fn element(tab: &Tab, selector: &str) -> Result<NodeHandle> {
    let script = format!("document.querySelector({selector:?})");
    let object = tab.evaluate_object(&top(tab)?, &script).await?;
    Ok(NodeHandle {
        frame: object.frame,
        session: object.session,
        node: Node::Object(object.id),
    })
}

async fn actions(report: &mut Report, tab: &Tab) -> Result<()> {
    let (mut clicks, mut types) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        let begun = Instant::now();
        let button = element(tab, "button").await?;
        tab.click(&button, Click::default()).await?;
        clicks.push(since(begun));
        let field = element(tab, "#i").await?;
        let how = Typing {
            clear: true,
            enter: false,
            by_key: false,
        };
        let begun = Instant::now();
        tab.type_text(&field, "twenty letters long.", how).await?;
        types.push(since(begun));
    }
    for (name, times) in [("find and click", clicks), ("type 20 letters", types)] {
        let value = median(&times).context("nothing was run")?;
        report.add("-", name, (value, "ms"), None);
    }
    Ok(())
}

async fn looks(report: &mut Report, tab: &Tab) -> Result<()> {
    for (name, page) in PAGES {
        show(tab, page).await?;
        let view = Seen::default().look(tab, &Look::default()).await?;
        // A count below a million is exact.
        let letters = f64::from(u32::try_from(view.text.chars().count())?);
        let name = format!("a look at the page {name:?}, letters by {LETTERS_A_TOKEN}");
        report.add("-", &name, (letters / LETTERS_A_TOKEN, "tokens"), None);
    }
    show(tab, LARGE).await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut seen = Seen::default();
        let begun = Instant::now();
        seen.look(tab, &Look::default()).await?;
        times.push(since(begun));
    }
    let value = median(&times).context("nothing was run")?;
    report.add("-", "a look at a page of 58,000 links", (value, "ms"), None);
    let worst = quantile(&times, 1.0).context("nothing was run")?;
    report.add("-", "the same, the slowest of 5", (worst, "ms"), None);
    Ok(())
}
