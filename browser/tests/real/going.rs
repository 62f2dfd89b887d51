//! Going to pages, and what they are like when we are there.

use std::time::Duration;

use browser::{Arrival, CallError, Came, Frames, Login, NavigateError, Notice, Settled, Wanted};
use serde_json::json;

use crate::{PATIENCE, Scene, document, top, value};

#[tokio::test]
async fn a_page_is_gone_to_and_back_and_forward_and_loaded_again() {
    let scene = Scene::new().await;
    let (one, two) = (
        scene.site.url("a.test", "/one"),
        scene.site.url("a.test", "/two"),
    );
    let at = |url: &str| {
        Ok(Arrival {
            came: Came::Page(Settled::Still),
            url: url.to_owned(),
        })
    };
    assert_eq!(scene.tab.navigate(&one).await, at(&one));
    assert_eq!(scene.tab.navigate(&two).await, at(&two));
    assert_eq!(scene.tab.title().await, Ok("/two".to_owned()));
    assert_eq!(scene.tab.back().await, at(&one));
    assert_eq!(value(&scene.tab, "document.title").await, "/one");
    assert_eq!(scene.tab.forward().await, at(&two));
    assert_eq!(scene.tab.forward().await, Err(NavigateError::NoHistory));
    let before = document(&scene.tab);
    assert_eq!(scene.tab.reload().await, at(&two));
    assert_ne!(document(&scene.tab), before);
}

#[tokio::test]
async fn a_place_within_the_document_is_gone_to_without_another_document() {
    let scene = Scene::new().await;
    scene.visit("/one").await;
    let before = document(&scene.tab);
    let url = scene.site.url("a.test", "/one#here");
    let arrived = scene.tab.navigate(&url).await;
    assert_eq!(
        arrived,
        Ok(Arrival {
            came: Came::SameDocument(Settled::Still),
            url
        })
    );
    assert_eq!(document(&scene.tab), before);
    let back = scene.tab.back().await.unwrap();
    assert_eq!(back.came, Came::SameDocument(Settled::Still));
}

#[tokio::test]
async fn an_address_that_leads_to_a_download_is_a_download() {
    let scene = Scene::new().await;
    scene.visit("/one").await;
    let mark = scene.browser.mark();
    let arrived = scene
        .tab
        .navigate(&scene.site.url("a.test", "/download"))
        .await
        .unwrap();
    let Came::Download(guid) = arrived.came else {
        panic!("it is {arrived:?}")
    };
    let ended =
        |notice: &Notice| (*notice == Notice::DownloadEnded { guid: guid.clone() }).then_some(());
    scene.browser.notice(mark, PATIENCE, ended).await.unwrap();
    let download = scene.browser.downloads().pop().unwrap();
    assert_eq!(download.suggested_name, "a b.zip");
    let kept = std::fs::read_to_string(scene.chromium.downloads().join(&guid)).unwrap();
    assert_eq!(kept, "PK-bytes");
    assert_eq!(value(&scene.tab, "document.title").await, "/one");
}

#[tokio::test]
async fn an_address_that_nothing_comes_of_fails_with_its_reason() {
    let scene = Scene::new().await;
    scene.visit("/one").await;
    let failed = |reason: &str| Err(NavigateError::Failed(reason.to_owned()));
    let nothing = scene
        .tab
        .navigate(&scene.site.url("a.test", "/nothing"))
        .await;
    assert_eq!(nothing, failed("net::ERR_ABORTED"));
    assert_eq!(
        scene.tab.navigate("http://127.0.0.1:1/").await,
        failed("net::ERR_UNSAFE_PORT")
    );
    let unsafe_redirect = scene
        .tab
        .navigate(&scene.site.url("a.test", "/to-file"))
        .await;
    assert_eq!(unsafe_redirect, failed("net::ERR_UNSAFE_REDIRECT"));
    assert!(matches!(
        scene.tab.navigate("file:///etc/passwd").await,
        Err(NavigateError::Address(_))
    ));
    let landed = scene
        .tab
        .navigate(&scene.site.url("a.test", "/to-b"))
        .await
        .unwrap();
    assert_eq!(landed.url, scene.site.url("b.test", "/landed"));
}

#[tokio::test]
async fn what_a_script_adds_later_is_there_when_the_page_has_settled() {
    let scene = Scene::new().await;
    let late = "<p id=p></p><script>
        setTimeout(() => fetch('/data').then(answer => answer.text()).then(() => setTimeout(() => p.textContent = 'late', 150)), 50)
    </script>";
    scene.site.page("/late", late);
    scene.visit("/late").await;
    assert_eq!(value(&scene.tab, "p.textContent").await, "late");
}

#[tokio::test]
async fn a_page_that_never_stands_still_is_taken_as_it_is() {
    let scene = Scene::with(|options| options.limits.load = Duration::from_millis(1_500)).await;
    scene.site.page(
        "/clock",
        "<p id=p></p><script>setInterval(() => p.textContent = performance.now(), 20)</script>",
    );
    let arrived = scene
        .tab
        .navigate(&scene.site.url("a.test", "/clock"))
        .await
        .unwrap();
    assert_eq!(arrived.came, Came::Page(Settled::Busy));
    let arrived = scene
        .tab
        .navigate(&scene.site.url("a.test", "/endless-body"))
        .await
        .unwrap();
    assert_eq!(arrived.came, Came::Page(Settled::Busy));
    assert_eq!(value(&scene.tab, "document.body.innerText").await, "begun");
}

#[tokio::test]
async fn texts_and_addresses_are_waited_for() {
    let scene = Scene::new().await;
    scene.site.page(
        "/soon",
        "<p id=p>wait  a\nmoment</p><script>setTimeout(() => { p.textContent = 'ready'; location.hash = 'there' }, 700)</script>",
    );
    scene.visit("/soon").await;
    let text = |text: &str| Wanted::Text(text.to_owned());
    let gone = Wanted::Gone("wait a moment".to_owned());
    for wanted in [text("ready"), gone, Wanted::Url("#there".to_owned())] {
        assert_eq!(
            scene.tab.wait_for(&wanted, PATIENCE).await,
            Ok(true),
            "{wanted:?}"
        );
    }
    let never = scene
        .tab
        .wait_for(&text("never"), Duration::from_millis(300))
        .await;
    assert_eq!(never, Ok(false));
}

#[tokio::test]
async fn pictures_and_papers_are_what_they_should_be() {
    let scene = Scene::new().await;
    scene.visit("/one").await;
    let picture = scene.tab.screenshot().await.unwrap();
    assert_eq!(
        (&picture[..3], picture.len() > 1_000),
        (&[0xff, 0xd8, 0xff][..], true)
    );
    let paper = scene.tab.pdf(1 << 20).await.unwrap();
    assert_eq!(&paper[..5], b"%PDF-");
    assert!(matches!(
        scene.tab.pdf(100).await,
        Err(CallError::Unreadable { .. })
    ));
}

fn eve(password: &str) -> Vec<Login> {
    vec![Login {
        origin: String::new(),
        user: "eve".to_owned(),
        password: password.to_owned(),
    }]
}

#[tokio::test]
async fn a_server_that_asks_gets_the_login_for_its_origin_and_no_other_server_does() {
    let scene = Scene::with(|options| options.logins = eve("right")).await;
    scene.visit("/secret").await;
    assert_eq!(
        value(&scene.tab, "document.body.innerText").await,
        "welcome"
    );
    let other = scene
        .tab
        .navigate(&scene.site.url("b.test", "/secret"))
        .await;
    let refused = "net::ERR_INVALID_AUTH_CREDENTIALS".to_owned();
    assert_eq!(other, Err(NavigateError::Failed(refused)));
}

#[tokio::test]
async fn a_login_that_is_wrong_is_given_once() {
    let scene = Scene::with(|options| options.logins = eve("wrong")).await;
    scene.visit("/secret").await;
    assert_eq!(
        value(&scene.tab, "document.body.innerText").await,
        "go away"
    );
    let asked = scene
        .site
        .seen()
        .iter()
        .filter(|path| *path == "/secret")
        .count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn scripts_of_ours_see_the_page_and_the_page_does_not_see_them() {
    let scene = Scene::new().await;
    scene.site.page(
        "/own",
        "<p id=p>text</p><script>var own = 1; document.querySelector = () => null</script>",
    );
    scene.visit("/own").await;
    let tab = &scene.tab;
    value(tab, "globalThis.kept = { n: 5 }").await;
    let seen = value(
        tab,
        "[typeof own, document.querySelector('p').textContent, kept.n]",
    )
    .await;
    assert_eq!(seen, json!(["undefined", "text", 5]));
    assert_eq!(value(tab, "undefined").await, json!(null));
    assert_eq!(
        value(tab, "new Promise(done => setTimeout(done, 10, 'kept'))").await,
        "kept"
    );
    let thrown = tab
        .evaluate(&top(tab), "(() => { throw new TypeError('no') })()")
        .await;
    assert_eq!(thrown, Err(CallError::Script("TypeError: no".to_owned())));
    let before = top(tab);
    scene.visit("/one").await;
    assert_eq!(
        tab.evaluate(&before, "1").await,
        Err(CallError::Gone("the document"))
    );
    assert_eq!(value(tab, "typeof kept").await, "undefined");
}
