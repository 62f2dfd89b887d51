//! References stay with their nodes, mean nothing else afterwards, and say what is nearest when they are dead.

use browser::Frames;
use browser::page::{Error, Look, Reference, Seen};

use super::{first_look, reference};

fn dead(error: &Error) -> String {
    match error {
        Error::Dead(dead) => dead.to_string(),
        Error::Call(_) | Error::NoPage | Error::Unreadable(_) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_node_that_is_put_elsewhere_keeps_its_reference_and_one_that_is_replaced_does_not() {
    let (tab, mut seen, view) = first_look("modal.html").await;
    let button = reference(&view, "button \"Delete account\"");
    tab.run("document.body.append(document.getElementById('open'))")
        .await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    assert_eq!(reference(&view, "button \"Delete account\""), button);
    let node = seen.node(&tab, button).await.unwrap();
    let text = tab
        .call_function(
            &node,
            "function () { return this.textContent; }",
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(text, "Delete account");

    tab.run("document.getElementById('open').outerHTML = '<button>Delete account</button><button>Help</button>'").await;
    let error = seen.node(&tab, button).await.unwrap_err();
    assert_eq!(
        dead(&error),
        "[e1] is gone; it was button \"Delete account\"; nearest now: [e2] button \"Delete account\""
    );
    let error = seen
        .look(
            &tab,
            &Look {
                reference: Some(button),
                ..Look::default()
            },
        )
        .await
        .unwrap_err();
    assert!(dead(&error).starts_with("[e1] is gone"), "{error}");
}

#[tokio::test]
async fn no_reference_is_given_twice_over_the_documents_of_a_tab() {
    let (tab, mut seen, view) = first_look("modal.html").await;
    let first = reference(&view, "button \"Delete account\"");
    tab.navigate("hover.html").await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    let second = reference(&view, "clickable \"Products\"");
    assert_eq!((first.number, second.number), (1, 2));
    let error = seen.node(&tab, first).await.unwrap_err();
    assert_eq!(
        dead(&error),
        "[e1] is gone; it was button \"Delete account\"; nothing like it is in view, look again"
    );
    assert!(
        !view.text.contains('*'),
        "another document has nothing to be compared with:\n{}",
        view.text
    );
}

#[tokio::test]
async fn a_reference_that_was_never_given_is_dead() {
    let (tab, mut seen, _) = first_look("hover.html").await;
    for text in ["e99", "f7e1"] {
        let unknown: Reference = text.parse().unwrap();
        let error = seen.node(&tab, unknown).await.unwrap_err();
        assert_eq!(
            dead(&error),
            format!("[{text}] is not on the page; nothing like it is in view, look again")
        );
    }
}

#[tokio::test]
async fn who_begins_anew_with_a_tab_still_understands_its_references() {
    let (tab, _, view) = first_look("hover.html").await;
    let known = reference(&view, "clickable \"Products\"");
    let node = Seen::default().node(&tab, known).await.unwrap();
    let text = tab
        .call_function(
            &node,
            "function () { return this.textContent; }",
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(text, "Products");
}

#[tokio::test]
async fn through_a_label_that_stands_for_a_hidden_box_the_box_is_reached() {
    let (tab, mut seen, _) = first_look("form.html").await;
    let view = seen.look(&tab, &super::all()).await.unwrap();
    let drawn = reference(&view, "checkbox \"Drawn box\"");
    let kind = "function () { return this.localName; }";
    let (node, field) = (
        seen.node(&tab, drawn).await.unwrap(),
        seen.field(&tab, drawn).await.unwrap(),
    );
    assert_eq!(
        tab.call_function(&node, kind, Vec::new()).await.unwrap(),
        "label"
    );
    assert_eq!(
        tab.call_function(&field, kind, Vec::new()).await.unwrap(),
        "input"
    );
}
