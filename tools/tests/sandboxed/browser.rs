//! The browser check of `doctor`.

use std::time::{Duration, Instant};

use crate::room::Room;

#[tokio::test]
async fn a_browser_that_is_installed_shows_a_page() {
    let room = Room::new().await;
    match tools::browser_probe::probe(&room.options).await {
        Ok(browser) => assert!(browser.version.contains("Chrom"), "{browser:?}"),
        Err(lack) => assert_eq!(lack.why, "Chromium is not installed", "{}", lack.cure),
    }
}

#[tokio::test]
async fn a_browser_that_ends_at_once_is_told_from_one_that_works_without_waiting() {
    let room = Room::with(|options| options.chromium = Some("/bin/false".into())).await;
    let started = Instant::now();
    let lack = tools::browser_probe::probe(&room.options).await;
    assert!(lack.is_err(), "{lack:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_browser_that_is_missing_comes_with_the_line_that_installs_it() {
    let room = Room::with(|options| options.chromium = Some("/nonexistent".into())).await;
    let lack = tools::browser_probe::probe(&room.options)
        .await
        .unwrap_err();
    assert!(lack.cure.contains("apt-get install chromium"), "{lack:?}");
}
