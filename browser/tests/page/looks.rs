//! What each kind of page looks like.

use browser::page::{Find, Look, Seen};

use super::{all, body, first_look, reference};

#[tokio::test]
async fn a_form_shows_its_fields_by_their_labels_with_states_and_values() {
    let (tab, mut seen, view) = first_look("form.html").await;
    assert_eq!(
        body(&view)[..4],
        [
            "# \"Insurance application\"",
            "form \"Application\"",
            " [e1] textbox \"Given name 1\" required [e2] number \"Age 1\" =\"21\"",
            " [e3] select \"Town 1\" =\"Country A0\" {195 options}",
        ]
    );
    let whole = seen.look(&tab, &all()).await.unwrap().text;
    for wanted in [
        "radio \"Letter\" checked [",
        "textbox \"Note\" readonly =\"Old text\"",
        "select \"Size\" =\"M\" {\"S\", \"M\", \"L\"}",
        "] file \"Choose a file\"",
        "textbox \"Zip code\" =\"3000\"",
        "textbox \"Coupon\"",
        "textbox \"Member number\" disabled =\"17\"",
        "textbox <\"nameless\"> invalid",
        "checkbox \"Drawn box\" checked",
        "button \"Send\" [",
        "button \"Pay\" disabled",
    ] {
        assert!(whole.contains(wanted), "{wanted} is not in\n{whole}");
    }
}

#[tokio::test]
async fn a_row_of_a_table_is_one_line_and_what_the_window_does_not_show_is_counted() {
    let (_tab, _, view) = first_look("orders.html").await;
    let lines = body(&view);
    assert_eq!(
        lines[..5],
        [
            "# \"Orders\"",
            "[e1] textbox \"Filter\"",
            "[e2] table \"Your orders\"",
            " columns \"Number\" | \"Date\" | \"Customer\" | \"Total\" | \"State\"",
            " row [e3] link \"1001\" | \"2026-05-02\" | \"Customer 1\" | \"7.50\" | \"paid\" | [e4] button \"Cancel\"",
        ]
    );
    // Two actions a row, the filter, and the button at the end.
    let rows = lines
        .iter()
        .filter(|line| line.starts_with(" row "))
        .count();
    let below = 2 * (60 - rows) + 1;
    assert!(
        view.text
            .contains(&format!("actions outside view: 0 above, {below} below\n")),
        "{}",
        view.text
    );
}

#[tokio::test]
async fn a_list_that_scrolls_by_itself_says_what_it_hides() {
    let (tab, mut seen, view) = first_look("mail.html").await;
    let list = body(&view)
        .into_iter()
        .find(|line| line.contains("table \"Messages\""))
        .unwrap();
    assert!(
        list.contains("actions above; ") && list.contains("0 px, 0 actions above"),
        "{list}"
    );
    assert!(
        view.text.contains("link \"Inbox 60\" current"),
        "{}",
        view.text
    );
    assert!(
        view.text.contains("\"Sender 20\"") && !view.text.contains("\"Sender 30\""),
        "{}",
        view.text
    );
    tab.run("document.getElementById('list').scrollTop = 1000")
        .await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    assert!(
        view.text.contains("\"Sender 30\"") && !view.text.contains("\"Sender 2\""),
        "{}",
        view.text
    );
}

#[tokio::test]
async fn a_calendar_is_a_line_a_week() {
    let (_tab, _, view) = first_look("dates.html").await;
    let lines = body(&view);
    assert!(
        lines[0].ends_with("textbox \"Arrival\" readonly [e2] date \"Native\" =\"2026-05-04\""),
        "{}",
        view.text
    );
    assert!(
        lines.contains(&"[e3] dialog \"Choose a date\""),
        "{}",
        view.text
    );
    let week = " row [e10] cell \"4\" selected | [e11] cell \"5\" | [e12] cell \"6\" | [e13] cell \"7\" | [e14] cell \"8\"";
    assert!(
        lines
            .iter()
            .any(|line| line.trim_start().starts_with(week.trim_start())),
        "{}",
        view.text
    );
}

#[tokio::test]
async fn a_menu_that_opens_on_hover_and_drawings_are_seen_when_they_are_there() {
    let (tab, mut seen, view) = first_look("hover.html").await;
    assert_eq!(
        body(&view),
        [
            "nav",
            " [e1] clickable \"Products\" popup",
            " [e2] link \"About\"",
            "[e3] clickable \"Plain box that is clicked\""
        ]
    );
    let mouse = serde_json::json!({ "type": "mouseMoved", "x": 60, "y": 26 });
    tab.call("Input.dispatchMouseEvent", mouse).await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    assert!(view.text.contains("*[e4] link \"Lamps\""), "{}", view.text);
    tab.navigate("canvas.html").await;
    let view = Seen::default().look(&tab, &Look::default()).await.unwrap();
    assert_eq!(
        body(&view),
        ["[e1] canvas \"Board\" 640x480 image \"Chart\" image <\"house.jpg\">"]
    );
}

#[tokio::test]
async fn what_lies_behind_a_modal_dialog_is_told_apart() {
    let (tab, mut seen, before) = first_look("modal.html").await;
    assert_eq!(
        body(&before),
        [
            "main",
            " # \"Account\"",
            " [e1] button \"Delete account\"",
            " \"Text behind.\""
        ]
    );
    tab.run("document.getElementById('open').click()").await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    assert_eq!(
        body(&view),
        [
            "*[e2] dialog \"Really delete?\" modal",
            " *## \"Really delete?\"",
            " *[e3] button \"Yes\" focused [e4] button \"No\"",
            "behind the dialog, out of reach until it is closed:",
            "main",
            " # \"Account\"",
            " [e1] button \"Delete account\"",
            " \"Text behind.\"",
        ]
    );
}

#[tokio::test]
async fn a_feed_tells_only_what_came_where_that_is_little() {
    let (tab, mut seen, _) = first_look("endless.html").await;
    let add =
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<p>Late words</p>')";
    tab.run(add).await;
    let view = seen
        .look(
            &tab,
            &Look {
                difference: true,
                ..Look::default()
            },
        )
        .await
        .unwrap();
    assert!(view.is_difference, "{}", view.text);
    assert!(
        body(&view)[0].starts_with("1 lines new or changed (*), 0 gone (-)"),
        "{}",
        view.text
    );
    assert!(
        view.text
            .ends_with("[e1] button \"Like post 1\"\n*\"Late words\"\n"),
        "{}",
        view.text
    );
    let found = seen.find(&tab, &Find::text("like POST 1")).await.unwrap();
    // 1 and 10 to 19, as far as there are posts by now.
    assert!(found.hits >= 2 && found.complete, "{}", found.text);
    assert!(
        found.text.contains("\n>[e1] button \"Like post 1\"\n"),
        "{}",
        found.text
    );
}

#[tokio::test]
async fn a_look_into_one_thing_shows_all_of_it_and_nothing_else() {
    let (tab, mut seen, view) = first_look("orders.html").await;
    let table = reference(&view, "table \"Your orders\"");
    let into = seen
        .look(
            &tab,
            &Look {
                reference: Some(table),
                letters: 20_000,
                ..Look::default()
            },
        )
        .await
        .unwrap();
    let lines = body(&into);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.trim_start().starts_with("row "))
            .count(),
        60
    );
    assert!(!into.text.contains("Next page"), "{}", into.text);
    assert!(
        lines.iter().any(|line| line.contains("[e3] link \"1001\"")),
        "{}",
        into.text
    );
}

#[tokio::test]
async fn what_is_in_shadow_roots_is_seen_in_closed_ones_too() {
    let (tab, mut seen, view) = first_look("shadow.html").await;
    let menu = "[e1] button \"Menu\" collapsed";
    let inside = "[e2] button \"Inside closed\"";
    assert_eq!(
        body(&view),
        [
            format!("{menu} {inside}").as_str(),
            "[e4] button \"Deeper\"",
            "[e3] button \"In a box\""
        ]
    );
    tab.run("document.querySelector('my-menu').shadowRoot.querySelector('button').click()")
        .await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    assert!(view.text.contains("menuitem \"Delete\""), "{}", view.text);
    assert!(view.text.contains("link \"Extra\""), "{}", view.text);
}

#[tokio::test]
async fn each_kind_of_thing_is_shown_as_what_it_is_and_what_nobody_sees_is_not_shown() {
    let (tab, mut seen, view) = first_look("mixed.html").await;
    assert_eq!(
        body(&view),
        [
            "## \"With\" [e1] link \"a link\"",
            "\"Some bold and slantedtext, code and\" [e2] link \"a link\" \"; end.\"",
            "[e3] button <\"#icon-cart\"> [e4] button \"Close\" [e5] button \"Search\"",
            "[e6] disclosure \"More\" collapsed",
            "[e7] disclosure \"Less\" expanded",
            "\"Unfolded words\"",
            "[e8] editor \"Message\" =\"Dear all\"",
            "[e9] combobox \"Country\" collapsed =\"Peru\"",
            "group \"Locked\"",
            " [e10] textbox \"Inner\" disabled",
            "[e11] button \"Inert button\" inert",
            "[e12] button \"Aria hidden\" aria-hidden",
            "[e13] button \"Visible again\"",
            "[e14] checkbox \"Overlaid\"",
            "[e15] switch \"Dark mode\" checked",
            "[e16] button \"Bold\" pressed",
            "tabs",
            " [e17] tab \"One\" selected [e18] tab \"Two\"",
            "tree",
            " [e19] treeitem \"Root\" expanded",
            "  [e20] treeitem \"Leaf\"",
            "alert",
            " \"Saved at noon\"",
            "progress \"Upload\" =\"3\"",
            "\"In no box\"",
            "[e21] link \"Chat\"",
            "[e22] link \"To top\"",
            "[e23] file <\"f\"> hidden",
        ]
    );
    tab.run("scrollTo(0, 400)").await;
    let view = seen.look(&tab, &Look::default()).await.unwrap();
    let card = "*[e24] clickable\n *### \"Card title\"\n *\"Card words\"\n *[e25] button \"Card button\"\n\
        *[e26] multiselect \"Many\" =\"A, C\" {\"A\", \"B\", \"C\"} [e27] button \"Upload file\"\n";
    assert!(view.text.contains(card), "{}", view.text);
    assert!(
        view.text.contains("\n[e21] link \"Chat\"\n"),
        "what is fixed to the window is not new:\n{}",
        view.text
    );
}
