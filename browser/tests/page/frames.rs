//! Frames of the same and of another site are seen in their places.

use browser::Frames;
use browser::page::{Find, Look, Read};

use super::{body, first_look, reference};

#[tokio::test]
async fn each_frame_is_seen_below_its_place_with_references_of_its_own() {
    let (tab, mut seen, _) = first_look("frames.html").await;
    let frames = tab.frames();
    assert_eq!(frames.len(), 3, "{frames:?}");
    assert!(
        frames
            .iter()
            .any(|frame| frame.session != frames[0].session),
        "no frame has a process of its own: {frames:?}"
    );
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    let lines: Vec<_> = body(&view)
        .into_iter()
        .map(|line| line.trim_start_matches('*'))
        .collect();
    let place = lines
        .iter()
        .position(|line| line.contains("frame \"Payment\""))
        .unwrap();
    let pay = reference(&view, "button \"Pay\"");
    assert!(pay.frame >= 2, "{}", view.text);
    assert!(
        lines[place + 1..]
            .iter()
            .any(|line| line.contains("textbox \"Card number\" filled")),
        "{}",
        view.text
    );
    assert!(
        view.text.contains("textbox \"Holder\" =\"A Holder\""),
        "{}",
        view.text
    );
    assert!(
        view.text.contains("button \"Inner button\""),
        "{}",
        view.text
    );
    assert!(
        !view.text.contains("Far below"),
        "what is outside the frame's window is not seen:\n{}",
        view.text
    );
    assert!(!view.text.contains("4111"), "{}", view.text);
    let node = seen.node(&tab, pay).await.unwrap();
    let text = tab
        .call_function(
            &node,
            "function () { return this.textContent; }",
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(text, "Pay");

    let found = seen.find(&tab, &Find::text("far BELOW")).await.unwrap();
    assert!(
        found.text.contains(&format!(">[f{}e", pay.frame)),
        "{}",
        found.text
    );
    assert_eq!(found.hits, 1);
    let place = reference(&view, "frame \"Payment\"");
    let reading = seen
        .read(
            &tab,
            &Read {
                reference: Some(place),
                ..Read::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(reading.title, "Payment");
    assert!(!reading.text.contains("4111"), "{}", reading.text);
}
