//! Tabs that come and go, and frames with processes of their own.

use browser::{CallError, Click, Frames, Notice, Tab, TargetId, Typing, Wanted};
use serde_json::json;

use crate::{PATIENCE, Scene, element, found, top, value};

async fn next_tab(scene: &Scene, mark: u64) -> (Tab, Option<TargetId>) {
    let look = |notice: &Notice| {
        let Notice::TabOpened { tab, opener } = notice else {
            return None;
        };
        Some((tab.clone(), opener.clone()))
    };
    let (id, opener) = scene.browser.notice(mark, PATIENCE, look).await.unwrap();
    (scene.browser.tab(&id).unwrap(), opener)
}

#[tokio::test]
async fn a_popup_is_a_tab_that_knows_who_opened_it() {
    let scene = Scene::new().await;
    scene.site.page(
        "/opens",
        "<button onclick=\"window.open('/popup')\">open</button><a href=/linked target=_blank>link</a>",
    );
    scene.visit("/opens").await;
    for (selector, path) in [("button", "/popup"), ("a", "/linked")] {
        let mark = scene.browser.mark();
        scene
            .tab
            .click(&element(&scene.tab, selector).await, Click::default())
            .await
            .unwrap();
        let (popup, opener) = next_tab(&scene, mark).await;
        assert_eq!(
            popup
                .wait_for(&Wanted::Text(format!("page {path}")), PATIENCE)
                .await,
            Ok(true)
        );
        assert_eq!(value(&popup, "document.title").await, path);
        // A link of today's web gives its page no opener, but the browser knows it.
        assert_eq!(opener.as_ref(), Some(scene.tab.id()));
        popup.close().await.unwrap();
        assert_eq!(popup.url(), Err(CallError::Gone("the tab")));
    }
}

#[tokio::test]
async fn a_page_gets_no_more_tabs_than_there_may_be() {
    let scene = Scene::with(|options| options.tabs_max = 3).await;
    scene.site.page(
        "/opens",
        "<button onclick=\"window.open('/popup')\">open</button>",
    );
    scene.visit("/opens").await;
    assert_eq!(scene.browser.tabs().len(), 2);
    let mark = scene.browser.mark();
    let button = element(&scene.tab, "button").await;
    scene.tab.click(&button, Click::default()).await.unwrap();
    next_tab(&scene, mark).await;
    scene.tab.click(&button, Click::default()).await.unwrap();
    let refused = |notice: &Notice| matches!(notice, Notice::TabRefused { .. }).then_some(());
    scene.browser.notice(mark, PATIENCE, refused).await.unwrap();
    assert_eq!(scene.browser.tabs().len(), 3);
    let ours = scene.browser.open_tab().await;
    assert!(matches!(ours, Err(CallError::Refused { .. })), "{ours:?}");
}

#[tokio::test]
async fn a_tab_behind_another_is_brought_to_the_front_to_act_in_it() {
    let scene = Scene::new().await;
    scene.site.page(
        "/form",
        "<input id=i><button onclick=\"i.value += ' clicked'\">go</button>",
    );
    scene.visit("/form").await;
    let front = scene.browser.open_tab().await.unwrap();
    front
        .navigate(&scene.site.url("b.test", "/one"))
        .await
        .unwrap();
    scene
        .tab
        .type_text(&element(&scene.tab, "#i").await, "typed", Typing::default())
        .await
        .unwrap();
    front.bring_to_front().await.unwrap();
    scene
        .tab
        .click(&element(&scene.tab, "button").await, Click::default())
        .await
        .unwrap();
    assert_eq!(value(&scene.tab, "i.value").await, "typed clicked");
    front.bring_to_front().await.unwrap();
    assert!(scene.tab.screenshot().await.is_ok());
}

#[tokio::test]
async fn a_hundred_tabs_that_are_opened_and_closed_leave_nothing() {
    let scene = Scene::with(|options| options.tabs_max = 200).await;
    let before = scene.browser.remembered();
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    for _ in 0..100 {
        let tab = scene.browser.open_tab().await.unwrap();
        tab.close().await.unwrap();
    }
    assert_eq!(scene.browser.remembered(), before);
    assert_eq!(scene.browser.tabs().len(), 2);
    assert!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            <= tasks
    );
}

const INNER: &str = "<style>body { margin: 0 }</style><div style='height: 900px'></div>
    <input id=i><button onclick=\"i.value += ' clicked'\">inner</button>";

fn outer(host: &str) -> String {
    format!(
        "<div style='height: 1200px'></div><iframe src='http://{host}:PORT/inner' style='margin: 40px; border: 7px solid; padding: 5px; width: 400px; height: 200px'></iframe><div style='height: 900px'></div>"
    )
}

/// Acts in a frame that has to be scrolled to, and has to be scrolled itself.
async fn act_in_frame(host: &str) -> Scene {
    let scene = Scene::new().await;
    scene.site.page("/inner", INNER);
    scene.site.page("/outer", &outer(host));
    scene.visit("/outer").await;
    let tab = &scene.tab;
    let frames = tab.frames();
    let [outer, inner] = frames.as_slice() else {
        panic!("the frames are {frames:?}")
    };
    assert_eq!(
        (inner.parent.as_ref(), inner.url.as_str()),
        (Some(&outer.id), scene.site.url(host, "/inner").as_str())
    );
    let button = found(tab, inner, "document.querySelector('button')").await;
    let field = found(tab, inner, "document.querySelector('input')").await;
    tab.type_text(&field, "größer", Typing::default())
        .await
        .unwrap();
    tab.click(&button, Click::default()).await.unwrap();
    assert_eq!(
        tab.evaluate(inner, "i.value").await,
        Ok(json!("größer clicked"))
    );
    scene
}

#[tokio::test]
async fn a_frame_of_another_site_is_seen_and_acted_in() {
    let scene = act_in_frame("b.test").await;
    let frames = scene.tab.frames();
    assert_ne!(frames[0].session, frames[1].session);
    // It may move to the process of its parent, and is the same frame then.
    let address = scene.site.url("a.test", "/inner");
    value(
        &scene.tab,
        &format!("document.querySelector('iframe').src = {address:?}"),
    )
    .await;
    let moved = |tab: &Tab| {
        tab.frames()
            .get(1)
            .is_some_and(|frame| frame.url == address)
    };
    let start = scene.tab.start().unwrap();
    while !moved(&scene.tab) {
        scene.tab.settle(start).await.unwrap();
    }
    let after = scene.tab.frames();
    assert_eq!(
        (&after[1].id, &after[1].session, after.len()),
        (&frames[1].id, &top(&scene.tab).session, 2)
    );
    assert_eq!(
        scene.tab.evaluate(&after[1], "i.value").await,
        Ok(json!(""))
    );
    assert_eq!(scene.browser.remembered().0, 2);
}

#[tokio::test]
async fn a_frame_of_the_same_site_is_seen_and_acted_in() {
    let scene = act_in_frame("a.test").await;
    let frames = scene.tab.frames();
    assert_eq!(frames[0].session, frames[1].session);
    value(&scene.tab, "document.querySelector('iframe').remove()").await;
    let start = scene.tab.start().unwrap();
    scene.tab.settle(start).await.unwrap();
    assert_eq!(scene.tab.frames().len(), 1);
    assert_eq!(
        scene.tab.evaluate(&frames[1], "1").await,
        Err(CallError::Gone("the frame"))
    );
}
