//! Tests of how a look is shown: marks, differences, the budget, what lies behind a dialog.

use super::*;

fn line(depth: usize, text: &str, numbers: &[u64]) -> Shown {
    let references = numbers.iter().map(|number| Reference {
        frame: 0,
        number: *number,
    });
    Shown {
        depth,
        text: text.to_owned(),
        references: references.collect(),
        behind: false,
    }
}

fn snapshot(lines: Vec<Shown>) -> Snapshot {
    let facts = Facts {
        document: "1".to_owned(),
        title: "Shop \"A\"".to_owned(),
        url: "https://a.example/".to_owned(),
        scroll: [0, 10],
        page: [1280, 2828],
        window: [1280, 800],
    };
    Snapshot {
        facts,
        lines,
        outside: [0, 69, 0],
        cut: [0, 0],
        complete: true,
        milliseconds: 3,
    }
}

const HEADER: &str = "page \"Shop \\\"A\\\"\" https://a.example/\n\
    view y=10 of 2828 px, window 1280x800; actions outside view: 0 above, 69 below\n";

fn ten_lines() -> Vec<Shown> {
    (0..10)
        .map(|number| line(1, &format!("\"text {number}\""), &[]))
        .collect()
}

#[test]
fn a_first_look_marks_nothing() {
    let view = snapshot(vec![
        line(0, "main", &[]),
        line(1, "[e1] link \"Home\"", &[1]),
    ])
    .whole(None, 12_000);
    assert_eq!(view.text, format!("{HEADER}main\n [e1] link \"Home\"\n"));
    assert!(!view.is_difference);
}

#[test]
fn lines_that_were_not_there_before_are_marked_each_as_often_as_it_is_new() {
    let before = snapshot(vec![line(0, "\"a\"", &[]), line(0, "\"b\"", &[])]);
    let after = snapshot(vec![
        line(0, "\"a\"", &[]),
        line(0, "\"a\"", &[]),
        line(2, "\"c\"", &[]),
    ]);
    assert_eq!(
        after.whole(Some(&before), 12_000).text,
        format!("{HEADER}\"a\"\n*\"a\"\n  *\"c\"\n")
    );
}

#[test]
fn the_budget_cuts_whole_lines_and_counts_what_it_took() {
    let lines = vec![
        line(0, &"x".repeat(100), &[1]),
        line(0, &"y".repeat(300), &[2, 3]),
        line(0, "z", &[4]),
    ];
    let view = snapshot(lines).whole(None, HEADER.len() + 150);
    let kept = "x".repeat(100);
    assert_eq!(
        view.text,
        format!(
            "{HEADER}{kept}\ncut: 2 more lines with 3 actions; look at a part by its reference, scroll, or find a text\n"
        )
    );
    assert_eq!(view.lines_cut, 2);
}

#[test]
fn a_page_that_was_not_gone_through_in_time_says_so() {
    let mut partial = snapshot(vec![line(0, "main", &[])]);
    partial.complete = false;
    partial.cut = [7, 5];
    let text = partial.whole(None, 12_000).text;
    assert!(text.contains("cut: 7 more lines with 5 actions"), "{text}");
    assert!(
        text.contains("too large to be gone through in time"),
        "{text}"
    );
}

#[test]
fn what_lies_behind_a_dialog_comes_after_it_under_a_line_that_says_so() {
    let mut page = line(0, "[e1] link \"Home\"", &[1]);
    page.behind = true;
    let view =
        snapshot(vec![page, line(0, "[e2] dialog \"Cookies\" modal", &[2])]).whole(None, 12_000);
    assert_eq!(
        view.text,
        format!(
            "{HEADER}[e2] dialog \"Cookies\" modal\nbehind the dialog, out of reach until it is closed:\n[e1] link \"Home\"\n"
        )
    );
}

#[test]
fn a_small_change_is_told_alone_with_the_line_before_it() {
    let mut lines = ten_lines();
    lines[4] = line(1, "[e5] textbox \"Qty\"", &[5]);
    let before = snapshot(lines.clone());
    lines[4] = line(1, "[e5] textbox \"Qty\" =\"2\"", &[5]);
    lines.remove(8);
    let view = snapshot(lines).difference(&before, 12_000);
    let expected = format!(
        "{HEADER}1 lines new or changed (*), 1 gone (-), 8 as before and not repeated\n -\"text 8\"\n \"text 3\"\n *[e5] textbox \"Qty\" =\"2\"\n"
    );
    assert_eq!(
        view.map(|view| (view.text, view.is_difference)),
        Some((expected, true))
    );
}

#[test]
fn a_large_change_another_document_or_another_place_is_no_difference() {
    let before = snapshot(ten_lines());
    let mut many = ten_lines();
    for (at, shown) in many.iter_mut().enumerate().take(4) {
        shown.text = format!("\"new {at}\"");
    }
    assert_eq!(snapshot(many.clone()).difference(&before, 12_000), None);
    many[3] = line(1, "\"text 3\"", &[]);
    assert!(snapshot(many).difference(&before, 12_000).is_some());
    let mut moved = snapshot(ten_lines());
    moved.facts.document = "2".to_owned();
    assert_eq!(moved.difference(&before, 12_000), None);
    let mut scrolled = snapshot(ten_lines());
    scrolled.facts.scroll = [0, 400];
    assert_eq!(scrolled.difference(&before, 12_000), None);
}

#[test]
fn nothing_new_is_told_as_nothing_new() {
    let before = snapshot(ten_lines());
    let view = snapshot(ten_lines()).difference(&before, 12_000);
    let expected =
        format!("{HEADER}0 lines new or changed (*), 0 gone (-), 10 as before and not repeated\n");
    assert_eq!(view.map(|view| view.text), Some(expected));
}
