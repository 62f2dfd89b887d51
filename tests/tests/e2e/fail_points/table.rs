//! The table of `docs/crash-contract.md`: one line for each point, one column for each class, as it was seen.
//!
//! The text between the marks is compared with what this run saw, so the contract cannot say what is not so.

use std::collections::BTreeMap;
use std::fmt::Write;

use errand_tests::workspace::root;

use super::case::Outcome;
use super::expect::is_in_background;
use super::work::Class;

const BEGIN: &str = "<!-- points: begin -->\n";
const END: &str = "<!-- points: end -->";

/// Compares the table with what was seen, or writes it where that is asked for.
pub fn check(outcomes: &BTreeMap<(Class, String), Outcome>) {
    let path = root().join("docs/crash-contract.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (known, tail) = rest.split_once(END).unwrap();
    let seen = table(outcomes);
    if std::env::var_os("ERRAND_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{seen}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        known, seen,
        "docs/crash-contract.md says something else; ERRAND_BLESS=1 writes it anew"
    );
}

/// Points at which the same happens to all classes stand in one line.
fn table(outcomes: &BTreeMap<(Class, String), Outcome>) -> String {
    let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, point) in outcomes.keys() {
        if is_in_background(point) || point.contains('#') {
            continue;
        }
        let cells = Class::ALL.map(|class| {
            let outcome = outcomes.get(&(class, point.clone()));
            outcome.map_or_else(|| "–".to_owned(), |outcome| cell(class, outcome))
        });
        lines.insert(point, cells.to_vec());
    }
    let mut text = String::from(
        "| killed at | `read` | `repeatable` | `once` inside | `once` outside |\n| --- | --- | --- | --- | --- |\n",
    );
    for (point, cells) in lines {
        let _ = writeln!(text, "| `{point}` | {} |", cells.join(" | "));
    }
    text
}

fn cell(class: Class, outcome: &Outcome) -> String {
    let times = match outcome.made {
        0 => "not made",
        1 => "once",
        _ => "again, same key",
    };
    let mut said = vec![times.to_owned()];
    if outcome.asked_owner {
        said.push("owner asked".to_owned());
    } else if outcome.unknown {
        said.push("model told".to_owned());
    }
    if outcome.asked_again > 0 {
        said.push("question asked again".to_owned());
    }
    if class == Class::Repeatable && outcome.sent_again > 0 {
        said.push("message sent again".to_owned());
    }
    said.join("; ")
}
