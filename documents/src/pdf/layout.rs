//! Glyphs as lines and paragraphs.
//!
//! The order of the file is kept, as it is nearly always the order of reading, also where pages have columns. What stands on one
//! line becomes one line, gaps become spaces, and wide gaps become three, so that tables can be told.

use unicode_normalization::UnicodeNormalization;

use super::right_to_left::{self, Piece};
use crate::clean::clean;

/// Gaps, as parts of the size of the letters.
const SPACE: f32 = 0.17;
const WIDE: f32 = 1.6;
/// How far glyphs of one line may stand above each other.
const SAME_LINE: f32 = 0.45;
/// How far back a glyph may stand and still follow the one before it.
const BACK: f32 = 0.4;
/// Pieces of one line stand at the same height, up to this part of the size.
const BESIDE: f32 = 0.2;
/// What is printed again this close is meant to look bold.
const TWICE: f32 = 0.1;
/// Lines that are further apart belong to different paragraphs.
const PARAGRAPH: f32 = 1.75;

/// One glyph on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Glyph {
    pub text: String,
    /// Where it begins and where the next one would, in points from below.
    pub start: (f32, f32),
    pub end: (f32, f32),
    /// How high its letters are.
    pub size: f32,
}

/// A line in the making.
#[derive(Debug)]
struct Line {
    text: String,
    /// The direction in which it runs, of length one.
    along: (f32, f32),
    /// Where it ends along its direction, and how high it stands across.
    end: f32,
    level: f32,
    size: f32,
    start: f32,
    /// The last glyph, to tell letters that are printed twice to look bold.
    last: (String, f32),
}

/// The text of a page.
pub(crate) fn text(glyphs: &[Glyph]) -> String {
    let mut lines: Vec<Line> = Vec::new();
    for glyph in glyphs {
        match lines.last_mut() {
            Some(open) if open.is_twice(glyph) => {}
            Some(open) if open.has(glyph) => open.add(glyph),
            _ => lines.push(Line::new(glyph)),
        }
    }
    let mut page = String::new();
    let mut before: Option<Line> = None;
    for line in turned(lines) {
        before = Some(line.finish(before.as_ref(), &mut page));
    }
    let mut readable = String::with_capacity(page.len());
    for char in page.nfc() {
        // One mark for a whole word of unknown characters is enough.
        if char != char::REPLACEMENT_CHARACTER || !readable.ends_with(char) {
            readable.push(char);
        }
    }
    clean(&readable).trim().to_owned()
}

/// Pieces of lines that are read from the right become whole lines.
fn turned(lines: Vec<Line>) -> Vec<Line> {
    let mut ordered: Vec<Line> = Vec::new();
    let mut rest = lines.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut pieces = vec![first];
        while let Some(next) = rest.next_if(|next| pieces[0].is_beside(next)) {
            pieces.push(next);
        }
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        if !right_to_left::is_most_of(&text) {
            ordered.append(&mut pieces);
            continue;
        }
        let all: Vec<Piece<'_>> = pieces.iter().map(Line::piece).collect();
        let text = right_to_left::join(&all);
        let line = pieces.swap_remove(0);
        ordered.push(Line { text, ..line });
    }
    ordered
}

impl Line {
    fn piece(&self) -> Piece<'_> {
        Piece {
            text: &self.text,
            start: self.start,
            end: self.end,
            size: self.size,
        }
    }

    /// Whether another piece stands at the same height.
    fn is_beside(&self, other: &Self) -> bool {
        let up = (self.level - other.level).abs();
        dot(self.along, other.along) > 0.98 && up <= BESIDE * self.size.max(other.size)
    }

    fn new(glyph: &Glyph) -> Self {
        let along = direction(glyph);
        Self {
            text: glyph.text.clone(),
            along,
            end: dot(glyph.end, along),
            level: level(glyph.start, along),
            size: glyph.size,
            start: dot(glyph.start, along),
            last: (glyph.text.clone(), dot(glyph.start, along)),
        }
    }

    /// Whether a glyph is the last one again.
    fn is_twice(&self, glyph: &Glyph) -> bool {
        let (last, start) = &self.last;
        let by = dot(glyph.start, self.along) - start;
        let up = level(glyph.start, self.along) - self.level;
        *last == glyph.text && by.abs() < TWICE * glyph.size && up.abs() < TWICE * glyph.size
    }

    fn has(&self, glyph: &Glyph) -> bool {
        let own = direction(glyph);
        let is_parallel = dot(own, self.along) > 0.98;
        let apart = (level(glyph.start, self.along) - self.level).abs();
        let size = self.size.max(glyph.size);
        let gap = dot(glyph.start, self.along) - self.end;
        is_parallel && apart <= SAME_LINE * size && gap >= -BACK * size
    }

    fn add(&mut self, glyph: &Glyph) {
        let start = dot(glyph.start, self.along);
        let gap = (start - self.end) / self.size.max(0.1);
        let has_space =
            self.text.ends_with(char::is_whitespace) || glyph.text.starts_with(char::is_whitespace);
        if gap > WIDE {
            let length = self.text.trim_end().len();
            self.text.truncate(length);
            self.text.push_str("   ");
        } else if gap > SPACE && !has_space && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&glyph.text);
        self.end = self.end.max(dot(glyph.end, self.along));
        if glyph.size > self.size {
            self.size = glyph.size;
            self.level = level(glyph.start, self.along);
        }
        self.last = (glyph.text.clone(), start);
    }

    /// Whether the next line belongs to the same paragraph.
    fn is_followed_by(&self, next: &Self) -> bool {
        let is_parallel = dot(self.along, next.along) > 0.98;
        let down = self.level - next.level;
        let size = self.size.max(next.size);
        let is_alike = (self.size - next.size).abs() <= 0.2 * size;
        is_parallel && is_alike && (-SAME_LINE * size..=PARAGRAPH * size).contains(&down)
    }

    /// Writes the line, set off from the one before it if that is another paragraph.
    fn finish(self, before: Option<&Self>, page: &mut String) -> Self {
        let text = self.text.trim_end();
        let is_twice = before.is_some_and(|before| {
            let (by, up) = (before.start - self.start, before.level - self.level);
            let most = TWICE * self.size;
            before.text == self.text && by.abs() < most && up.abs() < most
        });
        if text.trim().is_empty() || is_twice {
            return self;
        }
        if before.is_some_and(|before| !before.is_followed_by(&self)) && !page.is_empty() {
            page.push('\n');
        }
        page.push_str(text);
        page.push('\n');
        self
    }
}

/// The direction in which a glyph leads; from left to right if it has no width.
fn direction(glyph: &Glyph) -> (f32, f32) {
    let (x, y) = (glyph.end.0 - glyph.start.0, glyph.end.1 - glyph.start.1);
    let length = x.hypot(y);
    if length < 1e-4 {
        (1.0, 0.0)
    } else {
        (x / length, y / length)
    }
}

fn dot(a: (f32, f32), b: (f32, f32)) -> f32 {
    a.0 * b.0 + a.1 * b.1
}

fn level(point: (f32, f32), along: (f32, f32)) -> f32 {
    point.1 * along.0 - point.0 * along.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word from a place on, with letters half as wide as high.
    fn word(text: &str, x: f32, y: f32, size: f32) -> Vec<Glyph> {
        let glyph = |(index, char): (u16, char)| {
            let start = x + f32::from(index) * size / 2.0;
            Glyph {
                text: char.to_string(),
                start: (start, y),
                end: (start + size / 2.0, y),
                size,
            }
        };
        (0..).zip(text.chars()).map(glyph).collect()
    }

    #[test]
    fn gaps_become_spaces_and_heights_become_lines() {
        let glyphs = [
            word("Total", 50.0, 700.0, 12.0),
            word("sum", 83.0, 700.0, 12.0),
            word("99", 200.0, 700.0, 12.0),
            word("next", 50.0, 686.0, 12.0),
            word("2", 74.0, 690.0, 7.0),
            word("far", 50.0, 640.0, 12.0),
        ];
        assert_eq!(text(&glyphs.concat()), "Total sum   99\nnext2\n\nfar");
    }

    #[test]
    fn letters_that_are_printed_twice_are_read_once() {
        let letters = [
            word("a", 50.0, 700.0, 12.0),
            word("a", 50.3, 700.0, 12.0),
            word("b", 56.0, 700.0, 12.0),
        ];
        assert_eq!(text(&letters.concat()), "ab");
        let words = [
            word("bold", 50.0, 700.0, 12.0),
            word("bold", 50.3, 700.0, 12.0),
            word("x", 50.0, 660.0, 12.0),
        ];
        assert_eq!(text(&words.concat()), "bold\n\nx");
    }

    #[test]
    fn columns_keep_the_order_of_the_file() {
        let glyphs = [
            word("left", 50.0, 700.0, 10.0),
            word("more", 50.0, 688.0, 10.0),
            word("right", 300.0, 700.0, 10.0),
            word("end", 300.0, 688.0, 10.0),
        ];
        assert_eq!(text(&glyphs.concat()), "left\nmore\n\nright\nend");
    }

    #[test]
    fn lines_from_the_right_are_put_in_the_order_of_reading() {
        let glyphs = [
            word("םולש", 100.0, 700.0, 10.0),
            word("12", 85.0, 700.0, 10.0),
            word("dna", 50.0, 686.0, 10.0),
        ];
        assert_eq!(text(&glyphs.concat()), "שלום 12\ndna");
    }

    #[test]
    fn marks_are_joined_with_their_letters() {
        assert_eq!(text(&word("a\u{308}", 50.0, 700.0, 10.0)), "ä");
    }
}
