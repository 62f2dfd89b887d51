//! What a look costs: letters for the model, time in the page, bytes on the way.

use std::time::Instant;

use browser::Frames;
use browser::page::{Find, Look, Read};

use super::tab::Tab;
use super::{all, first_look};

/// About four letters are a token.
const TOKENS_MAX: usize = 1_300;

#[tokio::test]
async fn the_window_of_an_ordinary_page_is_at_most_thirteen_hundred_tokens() {
    let tab = Tab::open("shop.html").await;
    for page in [
        "shop.html",
        "article.html",
        "orders.html",
        "form.html",
        "mail.html",
        "dates.html",
    ] {
        tab.navigate(page).await;
        let mut seen = browser::page::Seen::default();
        let view = seen.look(&tab, &Look::default()).await.unwrap();
        let again = seen.look(&tab, &Look::default()).await.unwrap();
        let letters = view.text.chars().count();
        println!(
            "{page}: {letters} letters, {} ms first, {} ms again",
            view.milliseconds, again.milliseconds
        );
        assert!(
            letters <= TOKENS_MAX * 4,
            "{page}: {letters} letters\n{}",
            view.text
        );
    }
}

#[tokio::test]
async fn a_page_of_58823_links_is_looked_at_in_time_and_little_of_it_is_sent() {
    let (tab, mut seen, first) = first_look("large.html").await;
    let begun = Instant::now();
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    let looked = begun.elapsed();
    println!(
        "first {} ms in the page; again {} ms in the page, {} ms in all",
        first.milliseconds,
        view.milliseconds,
        looked.as_millis()
    );
    assert!(
        view.text.contains("[e1] link \"Entry number 0 of many\""),
        "{}",
        view.text
    );
    assert!(view.text.chars().count() < 5_200, "{}", view.text);
    assert!(looked.as_secs() < 2, "{looked:?}");

    let begun = Instant::now();
    let whole = seen.look(&tab, &all()).await.unwrap();
    println!(
        "all: {} ms in the page, {} ms in all",
        whole.milliseconds,
        begun.elapsed().as_millis()
    );
    assert!(
        whole.text.chars().count() <= 12_500 && whole.lines_cut > 100,
        "{}",
        whole.lines_cut
    );
    assert!(begun.elapsed().as_secs() < 3);

    let begun = Instant::now();
    let found = seen
        .find(&tab, &Find::text("number 58000 of"))
        .await
        .unwrap();
    println!(
        "find: {} ms in the page, {} ms in all",
        found.milliseconds,
        begun.elapsed().as_millis()
    );
    assert!(
        found.text.contains("link \"Entry number 58000 of many\""),
        "{}",
        found.text
    );
    assert!(begun.elapsed().as_secs() < 4);

    let begun = Instant::now();
    let reading = seen.read(&tab, &Read::default()).await.unwrap();
    println!(
        "read: {} of {} letters, {} ms in the page, {} ms in all",
        reading.text.len(),
        reading.total,
        reading.milliseconds,
        begun.elapsed().as_millis()
    );
    assert!(reading.text.len() <= 12_000 && reading.total > 100_000);
    assert!(begun.elapsed().as_secs() < 4);
}

#[tokio::test]
async fn no_answer_is_longer_than_256_kilobytes() {
    let (tab, _, _) = first_look("large.html").await;
    let top = tab.frames().remove(0);
    let bytes = 160 * 1024;
    for question in [
        format!("{{question:'look',first:1,milliseconds:3000,bytes:{bytes},everything:true}}"),
        format!(
            "{{question:'find',first:1,milliseconds:3000,bytes:{bytes},text:'entry',around:5,hits:100000}}"
        ),
        format!(
            "{{question:'read',first:1,milliseconds:3000,bytes:{bytes},from:0,letters:100000000,whole:true}}"
        ),
    ] {
        let answer = tab
            .evaluate(&top, &format!("errandPage.answer({question})"))
            .await
            .unwrap();
        let length = answer.as_str().unwrap().len();
        assert!(
            length > 10_000 && length <= 256 * 1024,
            "{question}: {length} bytes"
        );
    }
}
