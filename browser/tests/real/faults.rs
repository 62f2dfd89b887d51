//! What servers, pages and browsers do wrong, and that it stays with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use browser::{
    ActError, Arrival, Browser, CallError, Came, Click, Connection, Frames, NavigateError, Node,
    NodeHandle, Options, Settled,
};
use serde_json::json;

use crate::{PATIENCE, Scene, element, top, value};

#[tokio::test]
async fn headers_that_never_come_cost_their_own_tab_only_its_time() {
    let scene = Scene::with(|options| options.limits.commit = Duration::from_secs(2)).await;
    let other = scene.browser.open_tab().await.unwrap();
    let slow_url = scene.site.url("a.test", "/slow-headers");
    let slow = scene.tab.navigate(&slow_url);
    let meanwhile = async {
        scene.site.asked_for("/slow-headers").await;
        let went = other.navigate(&scene.site.url("b.test", "/one")).await;
        went.map(|arrival| arrival.came)
    };
    let (slow, meanwhile) = tokio::join!(slow, meanwhile);
    assert_eq!(meanwhile, Ok(Came::Page(Settled::Still)));
    assert!(
        matches!(slow, Err(NavigateError::Call(CallError::Late { .. }))),
        "{slow:?}"
    );
    scene.visit("/two").await;
    assert_eq!(value(&scene.tab, "document.title").await, "/two");
}

#[tokio::test]
async fn an_alert_on_load_ends_the_waiting_and_every_other_call_until_it_is_answered() {
    let scene = Scene::new().await;
    scene.site.page(
        "/alert",
        "<p>before</p><script>alert('hello')</script><p>after</p>",
    );
    let url = scene.site.url("a.test", "/alert");
    let arrived = scene.tab.navigate(&url).await;
    assert_eq!(
        arrived,
        Ok(Arrival {
            came: Came::Page(Settled::Dialog),
            url
        })
    );
    let dialog = scene.tab.dialog().unwrap().unwrap();
    assert_eq!(
        (dialog.kind.as_str(), dialog.message.as_str()),
        ("alert", "hello")
    );
    let begun = Instant::now();
    let called = scene.tab.evaluate(&top(&scene.tab), "1").await;
    assert_eq!(called, Err(CallError::DialogOpen));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let start = scene.tab.start().unwrap();
    scene.tab.answer_dialog(true, None).await.unwrap();
    assert_eq!(scene.tab.settle(start).await, Ok(Settled::Still));
    assert_eq!(
        value(&scene.tab, "document.body.innerText").await,
        "before\n\nafter"
    );
    assert_eq!(
        scene.tab.answer_dialog(true, None).await,
        Err(CallError::Gone("the dialog"))
    );
}

#[tokio::test]
async fn a_dialog_that_a_click_opens_ends_the_click_and_its_answer_reaches_the_page() {
    let scene = Scene::new().await;
    scene.site.page(
        "/ask",
        "<button onclick=\"this.textContent = prompt('name?', 'x')\">ask</button>",
    );
    scene.visit("/ask").await;
    let button = element(&scene.tab, "button").await;
    let acted = scene.tab.click(&button, Click::default()).await.unwrap();
    assert!(acted.dialog);
    let again = scene.tab.click(&button, Click::default()).await;
    assert_eq!(again, Err(ActError::Call(CallError::DialogOpen)));
    scene.tab.answer_dialog(true, Some("Eve")).await.unwrap();
    let shown = scene
        .tab
        .wait_for(&browser::Wanted::Text("Eve".to_owned()), PATIENCE)
        .await;
    assert_eq!(shown, Ok(true));
}

#[tokio::test]
async fn a_page_in_an_endless_loop_leaves_the_other_tabs_working_and_can_be_ended() {
    let scene = Scene::with(|options| options.limits.call = Duration::from_secs(3)).await;
    let other = scene.browser.open_tab().await.unwrap();
    other
        .navigate(&scene.site.url("b.test", "/one"))
        .await
        .unwrap();
    scene.visit("/two").await;
    let here = top(&scene.tab);
    let stuck = scene.tab.evaluate(&here, "(() => { for (;;); })()");
    let meanwhile = async {
        let seen = value(&other, "document.title").await;
        (
            seen,
            scene.browser.version(Duration::from_secs(2)).await.is_ok(),
        )
    };
    let (stuck, meanwhile) = tokio::join!(stuck, meanwhile);
    assert!(matches!(stuck, Err(CallError::Late { .. })), "{stuck:?}");
    assert_eq!(meanwhile, (json!("/one"), true));
    scene.tab.end_script().await.unwrap();
    assert_eq!(value(&scene.tab, "document.title").await, "/two");
    let stuck = scene
        .tab
        .evaluate(&top(&scene.tab), "(() => { for (;;); })()")
        .await;
    assert!(matches!(stuck, Err(CallError::Late { .. })), "{stuck:?}");
    let (fresh, arrival) = scene.browser.reopen(&scene.tab).await.unwrap();
    assert_eq!(arrival.came, Came::Page(Settled::Still));
    assert_eq!(value(&fresh, "document.title").await, "/two");
    assert_eq!(value(&other, "document.title").await, "/one");
}

#[tokio::test]
async fn a_page_that_crashes_ends_its_open_calls_at_once_and_can_be_sent_elsewhere() {
    let scene = Scene::with(|options| options.limits.call = Duration::from_mins(1)).await;
    let other = scene.browser.open_tab().await.unwrap();
    other
        .navigate(&scene.site.url("b.test", "/one"))
        .await
        .unwrap();
    scene.visit("/two").await;
    let here = top(&scene.tab);
    let (waiting, crash) = tokio::join!(
        scene.tab.evaluate(&here, "new Promise(() => {})"),
        scene.raw("Page.crash")
    );
    assert_eq!(
        (waiting, crash),
        (Err(CallError::Crashed), Err(CallError::Crashed))
    );
    assert_eq!(scene.tab.is_crashed(), Ok(true));
    assert_eq!(value(&other, "document.title").await, "/one");
    scene.visit("/three").await;
    assert_eq!(scene.tab.is_crashed(), Ok(false));
    assert_eq!(value(&scene.tab, "document.title").await, "/three");
}

#[tokio::test]
async fn a_browser_that_is_killed_ends_every_call_at_once() {
    let mut scene = Scene::new().await;
    scene.visit("/one").await;
    let here = top(&scene.tab);
    let (waiting, ()) = tokio::join!(
        scene.tab.evaluate(&here, "new Promise(() => {})"),
        scene.chromium.kill()
    );
    assert_eq!(waiting, Err(CallError::Closed));
    scene.browser.closed().await;
    let after = scene.tab.evaluate(&here, "1").await;
    assert_eq!(after, Err(CallError::Closed));
}

#[tokio::test]
async fn two_hundred_elements_in_each_other_are_described_in_parts_and_acted_on() {
    let scene = Scene::new().await;
    scene.site.page(
        "/deep",
        &format!("<body>{}<b id=b>deep</b>", "<div>".repeat(200)),
    );
    scene.visit("/deep").await;
    let body = element(&scene.tab, "body").await;
    // Chromium refuses an answer that is deeper than three hundred levels of its own form.
    let whole = scene.tab.describe(&body, -1, true).await;
    assert!(matches!(whole, Err(CallError::Refused { .. })), "{whole:?}");
    let mut node = scene.tab.describe(&body, 120, true).await.unwrap();
    let mut depth = 0;
    while node["children"][0].is_object() {
        node = node["children"][0].take();
        depth += 1;
    }
    assert_eq!((depth, &node["localName"]), (120, &json!("div")));
    scene
        .tab
        .click(&element(&scene.tab, "#b").await, Click::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn nodes_that_are_gone_are_told_as_gone() {
    let scene = Scene::new().await;
    scene.site.page("/node", "<p id=p>x</p>");
    scene.visit("/node").await;
    let described = scene
        .tab
        .describe(&element(&scene.tab, "p").await, 0, false)
        .await
        .unwrap();
    let number = described["backendNodeId"].as_i64().unwrap();
    let here = top(&scene.tab);
    let node = NodeHandle {
        frame: here.id.clone(),
        session: here.session.clone(),
        node: Node::Backend(number),
    };
    let object = scene.tab.resolve(&node).await.unwrap();
    let text = scene
        .tab
        .call_function(
            &object,
            "function () { return this.textContent }",
            Vec::new(),
        )
        .await;
    assert_eq!(text, Ok(json!("x")));
    value(&scene.tab, "p.remove()").await;
    let clicked = scene.tab.click(&node, Click::default()).await;
    assert_eq!(clicked, Err(ActError::Call(CallError::Gone("the element"))));
    scene.visit("/one").await;
    assert_eq!(
        scene.tab.resolve(&node).await,
        Err(CallError::Gone("the element"))
    );
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again_and_finds_the_tabs_and_what_was_typed() {
    let mut scene = Scene::new().await;
    scene.site.page(
        "/outer",
        "<input id=i><iframe src='http://b.test:PORT/inner'></iframe>",
    );
    scene.visit("/outer").await;
    value(&scene.tab, "void (i.value = 'typed')").await;
    let (frames, url) = (scene.tab.frames(), scene.tab.url());
    let id = scene.tab.id().clone();
    let connection = Connection::open(scene.chromium.connect().await, scene.chromium.path()).await;
    scene.driver = Arc::new(connection.unwrap());
    let driver = Arc::<Connection>::clone(&scene.driver);
    scene.browser = Browser::attach(driver, Options::default()).await.unwrap();
    scene.tab = scene.browser.tab(&id).unwrap();
    let tab = &scene.tab;
    let inner = browser::Wanted::Text("page /inner".to_owned());
    assert_eq!(tab.wait_for(&inner, PATIENCE).await, Ok(true));
    assert_eq!((tab.frames().len(), tab.url()), (frames.len(), url));
    assert_eq!(tab.frames()[1].id, frames[1].id);
    assert_eq!(value(tab, "i.value").await, "typed");
    scene.visit("/two").await;
    assert_eq!(value(&scene.tab, "document.title").await, "/two");
}
