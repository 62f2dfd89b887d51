//! How one line is written: `[e13] textbox "Given name" required`, with the page's words always in quotation marks.

use super::reference::Reference;
use super::said::{Item, Kind, Line, Thing};
use super::text::{address, quoted, word};

/// A line as it is shown, without its indent. `frame` is the short name of the frame that it is in.
pub(super) fn line_text(line: &Line, frame: u32) -> String {
    let mut parts: Vec<String> = Vec::new();
    match line.kind {
        Kind::Heading => parts.push("#".repeat(usize::from(line.level.clamp(1, 6)))),
        Kind::Row if line.head.is_none() => parts.push("row".to_owned()),
        Kind::Head => parts.push("columns".to_owned()),
        Kind::Run | Kind::Row | Kind::Group => {}
    }
    if let Some(head) = &line.head {
        parts.push(thing_text(head, frame));
    }
    if !line.items.is_empty() {
        parts.push(items_text(&line.items, frame));
    }
    if !line.cells.is_empty() {
        let cells = line.cells.iter().map(|cell| items_text(cell, frame));
        parts.push(cells.collect::<Vec<_>>().join(" | "));
    }
    if line.more > 0 {
        parts.push(format!("{{{} more}}", line.more));
    }
    parts.join(" ")
}

fn items_text(items: &[Item], frame: u32) -> String {
    let texts = items.iter().map(|item| match item {
        Item::Text { text } => quoted(text),
        Item::Thing(thing) => thing_text(thing, frame),
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn thing_text(thing: &Thing, frame: u32) -> String {
    let mut parts = Vec::new();
    if let Some(number) = thing.number {
        parts.push(format!("[{}]", Reference { frame, number }));
    }
    parts.push(word(&thing.role));
    if !thing.name.is_empty() {
        parts.push(quoted(&thing.name));
    } else if !thing.hint.is_empty() {
        // Not what a person sees, so it must not look like it.
        parts.push(format!("<{}>", quoted(&thing.hint)));
    }
    parts.extend(thing.states.iter().map(|state| word(state)));
    if let Some(value) = &thing.value {
        parts.push(format!("={}", quoted(value)));
    }
    if let Some(options) = &thing.options {
        let options: Vec<_> = options.iter().map(|option| quoted(option)).collect();
        parts.push(format!("{{{}}}", options.join(", ")));
    }
    if let Some(count) = thing.more {
        parts.push(format!("{{{count} options}}"));
    }
    if let Some([width, height]) = thing.size {
        parts.push(format!("{width}x{height}"));
    }
    if let Some([above, below, actions_above, actions_below]) = thing.scroll {
        parts.push(format!("(hidden: {above} px, {actions_above} actions above; {below} px, {actions_below} actions below)"));
    }
    if !thing.url.is_empty() {
        parts.push(address(&thing.url));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shown(json: &str) -> String {
        line_text(&serde_json::from_str(json).unwrap(), 0)
    }

    #[test]
    fn a_field_is_written_with_its_states_value_and_options() {
        assert_eq!(
            shown(
                r#"{"kind":"run","items":[{"ref":13,"role":"textbox","name":"Given name 1","states":["required"]}]}"#
            ),
            "[e13] textbox \"Given name 1\" required"
        );
        assert_eq!(
            shown(
                r#"{"kind":"run","items":[{"ref":16,"role":"select","name":"Town","value":"Berne","more":195}]}"#
            ),
            "[e16] select \"Town\" =\"Berne\" {195 options}"
        );
        assert_eq!(
            shown(
                r#"{"kind":"run","items":[{"ref":1,"role":"select","hint":"size","value":"M","options":["S","M"]}]}"#
            ),
            "[e1] select <\"size\"> =\"M\" {\"S\", \"M\"}"
        );
    }

    #[test]
    fn text_and_links_of_one_row_share_a_line_and_cells_are_apart() {
        assert_eq!(
            shown(
                r#"{"kind":"heading","level":2,"items":[{"text":"News"},{"ref":2,"role":"link","name":"all"}]}"#
            ),
            "## \"News\" [e2] link \"all\""
        );
        assert_eq!(
            shown(
                r#"{"kind":"row","cells":[[{"text":"1001"}],[{"ref":4,"role":"link","name":"Open"},{"text":"now"}]],"more":3}"#
            ),
            "row \"1001\" | [e4] link \"Open\" \"now\" {3 more}"
        );
    }

    #[test]
    fn names_and_hints_and_states_cannot_forge_a_line() {
        assert_eq!(
            shown(
                r#"{"kind":"run","items":[{"ref":1,"role":"link\n[e9]","name":"a\n[e2] button \"x","states":["x\n*"],"value":"\\\"","url":"http://a/\n\" [e3]"}]}"#
            ),
            r#"[e1] linke9 "a [e2] button \"x" x ="\\\"" http://a/%20%22%20[e3]"#
        );
    }

    #[test]
    fn what_scrolls_says_what_it_hides() {
        assert_eq!(
            line_text(&serde_json::from_str(r#"{"kind":"group","head":{"ref":5,"role":"scroll area","scroll":[0,900,0,12]}}"#).unwrap(), 2),
            "[f2e5] scroll area (hidden: 0 px, 0 actions above; 900 px, 12 actions below)"
        );
    }
}
