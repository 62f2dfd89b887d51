//! The lines of a text that are most like lines which were looked for and are not there.

use std::fmt::Write;
use std::ops::Range;

/// Lines that are looked at; a longer text is judged by its start.
const LINES_MAX: usize = 20_000;
/// Lines that are shown.
const SHOWN_MAX: usize = 12;
/// Characters of a line that are shown.
const CHARS_MAX: usize = 300;

/// Where the lines are that resemble the wanted ones most, counted from 0. `None` if nothing resembles them.
pub(crate) fn nearest(lines: &[&str], wanted: &[&str]) -> Option<Range<usize>> {
    let lines = &lines[..lines.len().min(LINES_MAX)];
    let wanted = &wanted[..wanted.len().min(SHOWN_MAX)];
    let (equal, start) = most_equal(lines, wanted).unwrap_or_default();
    let found = match most_alike(lines, wanted) {
        Some((alike, other)) if alike > equal => other,
        Some(_) | None if equal > 0 => start,
        Some(_) | None => return None,
    };
    Some(found..(found + wanted.len()).min(lines.len()))
}

/// The nearest lines in words, with their numbers; empty if nothing is near.
pub(crate) fn describe(lines: &[&str], wanted: &[&str]) -> String {
    let Some(range) = nearest(lines, wanted) else {
        return String::new();
    };
    let near = &lines[range.clone()];
    let blanks = if without_blanks(near).eq(without_blanks(wanted)) {
        ", where only spaces or tabs differ"
    } else {
        ""
    };
    let place = match range.len() {
        1 => format!("line {}", range.start + 1),
        _ => format!("lines {} to {}", range.start + 1, range.end),
    };
    let mut text = format!("The nearest text is at {place}{blanks}:");
    for (index, line) in near.iter().enumerate() {
        let shown: String = line.chars().take(CHARS_MAX).collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{:>5} | {shown}", range.start + index + 1);
    }
    text
}

fn without_blanks<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    lines
        .iter()
        .map(|line| line.chars().filter(|c| !c.is_whitespace()).collect())
}

/// How many letters of the wanted lines stand at the best place, and where that is. Long lines count for more: a closing
/// brace is everywhere.
fn most_equal(lines: &[&str], wanted: &[&str]) -> Option<(usize, usize)> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    let wanted: Vec<&str> = wanted.iter().map(|line| line.trim()).collect();
    (0..lines.len())
        .map(|start| {
            let pairs = lines[start..].iter().zip(&wanted);
            let equal = pairs.filter(|(line, wanted)| line == wanted);
            let letters: usize = equal.map(|(line, _)| line.chars().count()).sum();
            (letters, start)
        })
        .max_by_key(|(letters, start)| (*letters, std::cmp::Reverse(*start)))
}

/// The same by the longest of the wanted lines, of which a part may differ.
fn most_alike(lines: &[&str], wanted: &[&str]) -> Option<(usize, usize)> {
    let lengths = wanted.iter().map(|line| line.trim().chars().count());
    let (offset, length) = lengths
        .enumerate()
        .max_by_key(|(index, length)| (*length, std::cmp::Reverse(*index)))?;
    let longest = wanted[offset].trim();
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| (likeness(line.trim(), longest), index))
        .filter(|(alike, _)| *alike * 2 > length)
        .max_by_key(|(alike, index)| (*alike, std::cmp::Reverse(*index)))
        .map(|(alike, index)| (alike, index.saturating_sub(offset)))
}

/// How many letters two lines share at their starts and ends.
fn likeness(a: &str, b: &str) -> usize {
    let shorter = a.chars().count().min(b.chars().count());
    let same = |(x, y): &(char, char)| x == y;
    let start = a.chars().zip(b.chars()).take_while(same).count();
    let end = a
        .chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(same)
        .count();
    (start + end).min(shorter)
}

#[cfg(test)]
mod tests {
    use super::{describe, nearest};

    const TEXT: [&str; 6] = [
        "fn one() {",
        "    let x = 1;",
        "}",
        "fn two() {",
        "    let y = 1;",
        "}",
    ];

    #[test]
    fn the_place_where_most_letters_are_equal_is_the_nearest() {
        for (wanted, found) in [
            (vec!["fn two() {", "    let z = 9;", "}"], Some(3..6)),
            (vec!["let x = 1;"], Some(1..2)),
            (vec!["let y  = 1;"], Some(4..5)),
            (vec!["}", "", "fn  two() {"], Some(1..4)),
            (vec!["nothing like it"], None),
            (vec![], None),
        ] {
            assert_eq!(nearest(&TEXT, &wanted), found, "{wanted:?}");
        }
        assert_eq!(nearest(&[], &["x"]), None);
    }

    #[test]
    fn the_nearest_lines_are_shown_with_numbers_and_blanks_are_named_when_they_are_all_that_differs()
     {
        assert_eq!(
            describe(&TEXT, &["fn two() {", "\tlet y = 1;"]),
            "The nearest text is at lines 4 to 5, where only spaces or tabs differ:\n    4 | fn two() {\n    5 |     let y = 1;"
        );
        assert_eq!(
            describe(&TEXT, &["    let x = 7;"]),
            "The nearest text is at line 2:\n    2 |     let x = 1;"
        );
        assert_eq!(describe(&TEXT, &["nothing like it"]), "");
    }
}
