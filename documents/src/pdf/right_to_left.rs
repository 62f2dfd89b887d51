//! Lines of Arabic and Hebrew, which pages hold as they look, in the order in which they are read.

use unicode_normalization::UnicodeNormalization;

/// Pieces of one line that are at least this far apart are different words, as a part of the size of the letters.
const SPACE: f32 = 0.12;

/// A piece of a line: its text from left to right, and where it begins and ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece<'t> {
    pub text: &'t str,
    pub start: f32,
    pub end: f32,
    pub size: f32,
}

/// Whether a text is mostly written from right to left.
pub(crate) fn is_most_of(text: &str) -> bool {
    let right = text.chars().filter(|&char| is_right(char)).count();
    let left = text
        .chars()
        .filter(|&char| char.is_alphabetic() && !is_right(char))
        .count();
    right > left
}

fn is_right(char: char) -> bool {
    matches!(char, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

/// The pieces of one line as one text in the order of reading.
pub(crate) fn join(pieces: &[Piece<'_>]) -> String {
    let mut ordered: Vec<&Piece<'_>> = pieces.iter().collect();
    ordered.sort_by(|a, b| b.start.total_cmp(&a.start));
    let mut line = String::new();
    let mut before: Option<&Piece<'_>> = None;
    for piece in ordered {
        let is_apart = before.is_some_and(|before| before.start - piece.end > SPACE * piece.size);
        if is_apart && !line.ends_with(' ') {
            line.push(' ');
        }
        line.push_str(&turn(piece.text));
        before = Some(piece);
    }
    line
}

/// Turns a text around, but for the numbers and the foreign words in it.
fn turn(text: &str) -> String {
    if !text.chars().any(is_right) {
        return text.to_owned();
    }
    let mut turned = String::with_capacity(text.len());
    let mut forward: Vec<char> = Vec::new();
    for char in text.chars().rev() {
        let is_inside =
            !forward.is_empty() && matches!(char, '.' | ',' | ':' | '/' | '-' | '%' | '@' | '_');
        if char.is_alphanumeric() && !is_right(char) || is_inside {
            forward.push(char);
            continue;
        }
        end_forward(&mut forward, &mut turned);
        match char {
            '(' => turned.push(')'),
            ')' => turned.push('('),
            '[' => turned.push(']'),
            ']' => turned.push('['),
            // The shapes that letters take within words are no letters of their own.
            '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' => {
                turned.extend(std::iter::once(char).nfkc());
            }
            char => turned.push(char),
        }
    }
    end_forward(&mut forward, &mut turned);
    turned
}

/// Writes what runs from left to right, without the marks that only follow it.
fn end_forward(forward: &mut Vec<char>, to: &mut String) {
    let length = forward
        .iter()
        .rposition(|char| char.is_alphanumeric())
        .map_or(0, |at| at + 1);
    let marks = forward.split_off(length);
    to.extend(forward.drain(..).rev());
    to.extend(marks);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_turned_around_but_numbers_and_foreign_words_are_not() {
        assert_eq!(turn("םולש"), "שלום");
        assert_eq!(turn("(12.5) PDF ץבוק"), "קובץ PDF (12.5)");
        assert_eq!(turn("ﻼﻋ"), "علا");
        assert_eq!(turn("only left"), "only left");
    }

    #[test]
    fn pieces_are_joined_from_the_right() {
        let piece = |text, start, end| Piece {
            text,
            start,
            end,
            size: 10.0,
        };
        let pieces = [
            piece("םולש", 100.0, 140.0),
            piece("2024", 70.0, 95.0),
            piece("תנש", 50.0, 70.0),
        ];
        assert_eq!(join(&pieces), "שלום 2024שנת");
    }
}
