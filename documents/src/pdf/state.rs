//! What operators have set: where the next glyph goes, and how it looks.

use std::rc::Rc;

use hayro_syntax::object::Object;

use super::font::{Font, Said};
use super::matrix::Matrix;

/// Numbers beyond this are no places.
const FAR: f32 = 1e7;

/// The state that glyphs are placed by.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// From the space of the content to the page.
    pub page: Matrix,
    text: Matrix,
    line: Matrix,
    pub font: Option<Rc<Font>>,
    pub size: f32,
    pub character_spacing: f32,
    pub word_spacing: f32,
    stretch: f32,
    pub leading: f32,
    rise: f32,
    pub is_white: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            page: Matrix::IDENTITY,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            font: None,
            size: 0.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_white: false,
        }
    }
}

/// The numbers among operands.
pub(crate) fn numbers(operands: &[&Object<'_>]) -> Vec<f32> {
    let number = |object: &&Object<'_>| {
        if let Object::Number(number) = object {
            let number = number.as_f32();
            return Some(if number.is_finite() {
                number.clamp(-FAR, FAR)
            } else {
                0.0
            });
        }
        None
    };
    operands.iter().filter_map(number).collect()
}

impl State {
    /// Carries out an operator that only sets something. Others are passed over.
    pub fn set(&mut self, operator: &[u8], numbers: &[f32]) {
        let first = numbers.first().copied().unwrap_or(0.0);
        let matrix = <[f32; 6]>::try_from(numbers).ok().map(Matrix::new);
        match (operator, numbers) {
            (b"cm", _) => self.page = matrix.map_or(self.page, |matrix| matrix.then(self.page)),
            (b"BT", _) => (self.text, self.line) = (Matrix::IDENTITY, Matrix::IDENTITY),
            (b"Tm", _) => {
                self.line = matrix.unwrap_or(self.line);
                self.text = self.line;
            }
            (b"Td", &[x, y]) => self.next_line(x, y),
            (b"TD", &[x, y]) => {
                self.leading = -y;
                self.next_line(x, y);
            }
            (b"T*", _) => self.next_line(0.0, -self.leading),
            (b"Tc", _) => self.character_spacing = first,
            (b"Tw", _) => self.word_spacing = first,
            (b"Tz", _) => self.stretch = first / 100.0,
            (b"TL", _) => self.leading = first,
            (b"Ts", _) => self.rise = first,
            (b"g", _) => self.is_white = first >= 0.99,
            (b"rg", _) => {
                self.is_white = numbers.len() == 3 && numbers.iter().all(|&own| own >= 0.99);
            }
            (b"k", _) => {
                self.is_white = numbers.len() == 4 && numbers.iter().all(|&own| own <= 0.01);
            }
            (b"sc" | b"scn", _) => {
                // Of other colours it is not known what they look like.
                self.is_white = numbers.len() == 3 && numbers.iter().all(|&own| own >= 0.99);
            }
            (b"cs", _) => self.is_white = false,
            _ => {}
        }
    }

    /// Goes to the start of another line.
    pub fn next_line(&mut self, x: f32, y: f32) {
        self.line = self.line.moved(x, y);
        self.text = self.line;
    }

    /// Moves by a number of a list of texts, in thousandths of the size and against the direction.
    pub fn kern(&mut self, number: f32) {
        let by = -number.clamp(-FAR, FAR) * 0.001 * self.size;
        let is_vertical = self.font.as_ref().is_some_and(|font| font.is_vertical());
        self.text = if is_vertical {
            self.text.moved(0.0, by)
        } else {
            self.text.moved(by * self.stretch, 0.0)
        };
    }

    /// Moves past a glyph.
    pub fn advance(&mut self, said: &Said, is_vertical: bool) {
        let words = if said.is_word_space {
            self.word_spacing
        } else {
            0.0
        };
        let spacing = self.character_spacing + words;
        self.text = if is_vertical {
            self.text.moved(0.0, -self.size + spacing)
        } else {
            self.text
                .moved((said.width * self.size + spacing) * self.stretch, 0.0)
        };
    }

    /// Where the next glyph begins on the page, and how high its letters are.
    pub fn place(&self) -> ((f32, f32), f32) {
        let all = self.text.then(self.page);
        let x = self.rise * all.c + all.e;
        let y = self.rise * all.d + all.f;
        let own = self.font.as_ref().map_or(1.0, |font| font.height());
        let height = all.c.hypot(all.d) * self.size.abs() * own;
        ((x, y), height)
    }
}
