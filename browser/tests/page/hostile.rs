//! A page that does what it can against being seen as it is.

use browser::page::{Find, Look, Read};

use super::{body, first_look};

#[tokio::test]
async fn a_page_can_neither_break_the_look_nor_forge_a_line() {
    let (tab, mut seen, view) = first_look("hostile.html").await;
    assert!(
        view.text
            .starts_with("page \"Nice [e9] button \\\"Pay\\\"\" http://"),
        "{}",
        view.text
    );
    let lines = body(&view);
    assert!(
        lines.contains(&"\"Hello\\\" [e5] button \\\"Pay now *[e6] link \\\\\""),
        "{}",
        view.text
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("textbox <\"parentNode\">")),
        "{}",
        view.text
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("button \"A\"") && line.contains("button \"B\"")),
        "{}",
        view.text
    );
    assert!(lines.contains(&"\"invisible\""), "{}", view.text);
    assert!(
        lines.contains(&"\"می\u{200C}خواهم 👩\u{200D}👧\""),
        "{}",
        view.text
    );
    assert!(
        view.text.chars().count() < 2_500,
        "a name of a megabyte is cut: {}",
        view.text.len()
    );
    let found = seen.find(&tab, &Find::text("invisible")).await.unwrap();
    assert_eq!((found.hits, found.complete), (1, true));
    let reading = seen.read(&tab, &Read::default()).await.unwrap();
    assert!(reading.text.contains("errandPage"), "{}", reading.text);
}

#[tokio::test]
async fn elements_as_deep_as_chromium_can_draw_are_gone_through() {
    // Three thousand crash the page by themselves, before anything looks at it.
    for depth in [200, 1_000] {
        let (tab, mut seen, view) = first_look(&format!("nested.html#{depth}")).await;
        assert_eq!(body(&view), ["[e1] button \"Deep down\" \"deep words\""]);
        let reading = seen.read(&tab, &Read::default()).await.unwrap();
        assert_eq!(reading.text, "deep words");
        assert!(seen.look(&tab, &Look::default()).await.unwrap().lines_cut == 0);
    }
}

#[tokio::test]
async fn of_a_page_too_large_for_the_time_the_dialog_at_its_end_is_seen_all_the_same() {
    let (tab, mut seen, first) = first_look("million.html").await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    println!(
        "600,000 elements: {} ms first, {} ms again, in the page",
        first.milliseconds, view.milliseconds
    );
    for view in [first, view] {
        assert!(
            view.text
                .contains("[e1] dialog \"Late\"\n [e2] button \"Accept late\""),
            "{}",
            view.text
        );
        assert!(view.milliseconds < 6_000, "{}", view.milliseconds);
    }
}
