//! Somebody who watches a tab, and takes it over.

use std::time::Duration;

use browser::page::{Look, Seen};
use browser::{Click, Tab};

use crate::{PATIENCE, Scene, element, value};

/// How long a page that rests is given to send a picture that it should not.
const REST: Duration = Duration::from_millis(300);

/// The next picture's number, and how many of its first bytes are those of a JPEG.
async fn next(tab: &Tab, after: u64) -> Option<(u64, bool)> {
    let picture = tab.cast(after, PATIENCE).await.unwrap();
    picture.map(|(number, bytes)| (number, bytes.starts_with(&[0xFF, 0xD8, 0xFF])))
}

/// The number of the last picture before the page came to rest.
async fn last(tab: &Tab, mut seen: u64) -> u64 {
    while let Some((number, _)) = tab.cast(seen, REST).await.unwrap() {
        seen = number;
    }
    seen
}

#[tokio::test]
async fn a_watcher_gets_a_picture_when_the_page_changes_also_after_it_went_to_another_site() {
    let scene = Scene::new().await;
    scene.site.page(
        "/changes",
        "<button onclick=\"document.body.style.background = 'red'\">change</button>",
    );
    scene.visit("/changes").await;
    let tab = &scene.tab;
    tab.start_cast().await.unwrap();
    tab.start_cast().await.unwrap();
    assert_eq!(next(tab, 0).await.map(|(_, is_jpeg)| is_jpeg), Some(true));
    let seen = last(tab, 0).await;
    let button = element(tab, "button").await;
    tab.click(&button, Click::default()).await.unwrap();
    assert!(next(tab, seen).await.is_some(), "the change was not seen");
    let seen = last(tab, seen).await;
    let other = scene.site.url("b.test", "/changes");
    tab.navigate(&other).await.unwrap();
    assert!(
        next(tab, seen).await.is_some(),
        "the other site was not seen"
    );
    let seen = last(tab, seen).await;
    tab.stop_cast().await.unwrap();
    tab.click(&element(tab, "button").await, Click::default())
        .await
        .unwrap();
    assert_eq!(tab.cast(seen, REST).await.unwrap(), None, "it was stopped");
    tab.start_cast().await.unwrap();
    assert_eq!(next(tab, 0).await.map(|(_, is_jpeg)| is_jpeg), Some(true));
}

#[tokio::test]
async fn what_a_person_types_by_hand_is_not_in_what_is_read_of_the_page() {
    let scene = Scene::new().await;
    scene.site.page(
        "/code",
        "<body style='height: 5000px'><form><input name=activeElement aria-label=Code><input aria-label=Other></form>",
    );
    scene.visit("/code").await;
    let tab = &scene.tab;
    let field = element(tab, "input").await;
    tab.click(&field, Click::default()).await.unwrap();
    tab.hide_focused().await.unwrap();
    tab.insert_text("845120").await.unwrap();
    assert_eq!(
        value(tab, "document.querySelector('input').value").await,
        "845120"
    );
    assert_eq!(tab.hidden_values().await.unwrap(), ["845120"]);
    let seen = Seen::default().look(tab, &Look::default()).await.unwrap();
    assert!(seen.text.contains("Code"), "{}", seen.text);
    assert!(!seen.text.contains("845120"), "{}", seen.text);
    tab.wheel_at((100.0, 100.0), (0.0, 400.0)).await.unwrap();
    let turned = "new Promise(done => { const look = () => scrollY === 400 ? done(scrollY) : requestAnimationFrame(look); look(); })";
    assert_eq!(value(tab, turned).await, 400);
}
