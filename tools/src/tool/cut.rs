//! Cutting text to what a model is shown.

use std::ops::Range;

/// The text with its middle left out and counted, if it has more than `bytes_max` bytes.
pub(crate) fn middle(text: &str, bytes_max: usize) -> String {
    middle_noted(text, bytes_max, "")
}

/// The same, with a word on what was left out.
pub(super) fn middle_noted(text: &str, bytes_max: usize, note: &str) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let head = floor(text, bytes_max / 2);
    let tail = ceiling(text, text.len() - bytes_max / 2);
    let (start, rest) = text.split_at(head);
    let end = rest.split_at(tail - head).1;
    format!(
        "{start}\n[... {} bytes left out here{note} ...]\n{end}",
        tail - head
    )
}

/// The start of the text, and how much was cut off.
pub(super) fn start(text: &str, bytes_max: usize) -> (&str, usize) {
    let at = floor(text, bytes_max);
    (text.split_at(at).0, text.len() - at)
}

/// The part of a line around a place in it.
pub(super) fn around(line: &str, place: Range<usize>, bytes_max: usize) -> String {
    if line.len() <= bytes_max {
        return line.to_owned();
    }
    // Most of what is shown follows the place, as most of what explains it does.
    let first = if place.end <= bytes_max {
        0
    } else {
        floor(line, place.start.saturating_sub(bytes_max / 4))
    };
    let (shown, cut_off) = start(line.split_at(first).1, bytes_max);
    let before = if first > 0 { "[...] " } else { "" };
    let after = if cut_off > 0 { " [...]" } else { "" };
    format!("{before}{shown}{after}")
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn ceiling(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out_between_letters_and_counted() {
        assert_eq!(middle("short", 5), "short");
        assert_eq!(
            middle_noted("abcdefgh", 4, "; b"),
            "ab\n[... 4 bytes left out here; b ...]\ngh"
        );
        assert_eq!(
            middle("aä—bcdefghij", 8),
            "aä\n[... 8 bytes left out here ...]\nghij"
        );
    }

    #[test]
    fn a_long_line_is_shown_around_the_place_that_matters() {
        assert_eq!(around("abcdefgh", 7..8, 8), "abcdefgh");
        assert_eq!(around("abcdefghijkl", 1..2, 8), "abcdefgh [...]");
        assert_eq!(around("äbcdefghijkl", 9..10, 8), "[...] ghijkl");
        assert_eq!(around("abcdefghijklmnop", 9..10, 4), "[...] ijkl [...]");
    }

    #[test]
    fn a_start_ends_between_letters() {
        assert_eq!(start("aäb", 2), ("a", 3));
        assert_eq!(start("ab", 9), ("ab", 0));
    }
}
