//! The content of a page: which glyphs stand where.

use std::collections::BTreeMap;
use std::rc::Rc;

use hayro_syntax::content::UntypedIter;
use hayro_syntax::object::{Array, Dict, Name, Object, Rect, Stream, String as Bytes};
use hayro_syntax::page::{Page, Resources};

use super::font::Font;
use super::layout::Glyph;
use super::matrix::Matrix;
use super::state::{State, numbers};
use super::streams;
use crate::error::Error;
use crate::meter::Meter;

/// Operators that one page may have, its forms included.
const OPERATORS_MAX: u64 = 3_000_000;
/// How many operators drawing a form counts for.
const FORM_OPERATORS: u64 = 100;
/// How many operators reading a font counts for.
const FONT_OPERATORS: u64 = 2000;
/// Bytes of one text; by the book it has fewer than that.
const TEXT_BYTES_MAX: usize = 1 << 16;
/// Streams that one page is made of.
const STREAMS_MAX: usize = 100_000;
/// Glyphs of one page.
const GLYPHS_MAX: usize = 500_000;
/// Forms within forms.
const FORMS_DEPTH_MAX: usize = 16;
/// States that may be kept at once.
const STATES_MAX: usize = 512;
/// Letters that are smaller cannot be read, in points.
const SIZE_MIN: f32 = 1.0;
/// How far off the page a glyph may stand, in points.
const MARGIN: f32 = 20.0;

/// What a page holds.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub glyphs: Vec<Glyph>,
    pub images: u64,
    /// Characters whose meaning the file does not tell.
    pub unreadable: u64,
    /// Characters that are too small or off the page.
    pub unseen: u64,
    /// Characters in white.
    pub white: u64,
    /// Whether some of the content was not read.
    pub is_broken: bool,
}

/// Reads pages, and keeps the fonts that they share.
pub(crate) struct Reader<'m, 'l> {
    meter: &'m Meter<'l>,
    fonts: BTreeMap<(u32, i32), Rc<Font>>,
    /// How many fonts were read so far.
    loads: u64,
}

impl<'m, 'l> Reader<'m, 'l> {
    pub fn new(meter: &'m Meter<'l>) -> Self {
        Self {
            meter,
            fonts: BTreeMap::new(),
            loads: 0,
        }
    }

    /// Reads a page.
    pub fn page(&mut self, page: &Page<'_>) -> Result<Content, Error> {
        let mut run = Run {
            reader: self,
            content: Content::default(),
            operators: 0,
            seen: page.intersected_crop_box(),
            forms: Vec::new(),
            spoken: None,
            marks: Vec::new(),
        };
        let mut bytes = Vec::new();
        if let Some(stream) = page.raw().get::<Stream<'_>>("Contents") {
            run.gather(&stream, &mut bytes)?;
        } else if let Some(list) = page.raw().get::<Array<'_>>("Contents") {
            for stream in list.iter::<Stream<'_>>().take(STREAMS_MAX) {
                run.gather(&stream, &mut bytes)?;
            }
        }
        run.read(&bytes, page.resources(), State::default())?;
        Ok(run.content)
    }

    fn font(
        &mut self,
        resources: &Resources<'_>,
        name: &Name<'_>,
    ) -> Result<Option<Rc<Font>>, Error> {
        let id = resources
            .fonts
            .get_ref(name)
            .map(|id| (id.obj_number, id.gen_number));
        if let Some(font) = id.and_then(|id| self.fonts.get(&id)) {
            return Ok(Some(font.clone()));
        }
        let Some(font) = resources.get_font(name) else {
            return Ok(None);
        };
        self.loads += 1;
        let font = Rc::new(Font::read(&font, self.meter)?);
        if let Some(id) = id {
            self.fonts.insert(id, font.clone());
        }
        Ok(Some(font))
    }
}

/// One page as it is read.
struct Run<'r, 'm, 'l> {
    reader: &'r mut Reader<'m, 'l>,
    content: Content,
    operators: u64,
    seen: Rect,
    /// The forms that are being read, so that none is read inside of itself.
    forms: Vec<(u32, i32)>,
    /// Text that stands for the glyphs up to the end of a mark, until it was given out.
    spoken: Option<String>,
    /// Whether each open mark has such a text.
    marks: Vec<bool>,
}

impl Run<'_, '_, '_> {
    /// Adds the bytes of one of the streams that a page is made of.
    fn gather(&mut self, stream: &Stream<'_>, to: &mut Vec<u8>) -> Result<(), Error> {
        match streams::bytes(stream, self.reader.meter)? {
            Some(own) => to.extend(own),
            None => self.content.is_broken = true,
        }
        // A word cannot go over from one stream to the next.
        to.push(b'\n');
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], resources: &Resources<'_>, state: State) -> Result<(), Error> {
        let mut state = state;
        let mut kept: Vec<State> = Vec::new();
        let mut instructions = UntypedIter::new(bytes);
        while let Some(instruction) = instructions.next() {
            self.operators += 1;
            if self.operators > OPERATORS_MAX || self.content.glyphs.len() > GLYPHS_MAX {
                self.content.is_broken = true;
                return Ok(());
            }
            let operands: Vec<&Object<'_>> = instruction.operands().collect();
            match &**instruction.operator {
                b"q" if kept.len() < STATES_MAX => kept.push(state.clone()),
                b"Q" => state = kept.pop().unwrap_or(state),
                b"Tf" => {
                    if let Some(Object::Name(name)) = operands.first() {
                        let before = self.reader.loads;
                        state.font = self.reader.font(resources, name)?;
                        self.operators += (self.reader.loads - before) * FONT_OPERATORS;
                    }
                    state.size = numbers(&operands).first().copied().unwrap_or(state.size);
                }
                b"Do" => {
                    if let Some(Object::Name(name)) = operands.first() {
                        self.object(resources, name, &state)?;
                    }
                }
                b"BI" => self.content.images += 1,
                b"Tj" => self.show_all(&mut state, &operands),
                b"'" | b"\"" => {
                    if let [words, characters, _] = operands[..] {
                        let spacing = numbers(&[words, characters]);
                        state.word_spacing = spacing.first().copied().unwrap_or(0.0);
                        state.character_spacing = spacing.get(1).copied().unwrap_or(0.0);
                    }
                    state.next_line(0.0, -state.leading);
                    self.show_all(&mut state, &operands);
                }
                b"TJ" => {
                    if let Some(Object::Array(parts)) = operands.first() {
                        for part in parts.iter::<Object<'_>>() {
                            if let Object::Number(number) = part {
                                state.kern(number.as_f32());
                            } else if let Object::String(text) = part {
                                self.show(&mut state, &text);
                            }
                        }
                    }
                }
                b"BMC" | b"BDC" => self.begin_mark(resources, &operands),
                b"EMC" => {
                    if self.marks.pop() == Some(true) {
                        self.spoken = None;
                    }
                }
                operator => state.set(operator, &numbers(&operands)),
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        resources: &Resources<'_>,
        name: &Name<'_>,
        state: &State,
    ) -> Result<(), Error> {
        let Some(stream) = resources.get_x_object(name) else {
            return Ok(());
        };
        let kind = stream.dict().get::<Name<'_>>("Subtype");
        if kind.is_none_or(|kind| &*kind != b"Form") {
            self.content.images += 1;
            return Ok(());
        }
        let id = stream.obj_id();
        let id = (id.obj_number, id.gen_number);
        if self.forms.contains(&id) || self.forms.len() >= FORMS_DEPTH_MAX {
            self.content.is_broken = true;
            return Ok(());
        }
        let Some(bytes) = streams::bytes(&stream, self.reader.meter)? else {
            self.content.is_broken = true;
            return Ok(());
        };
        let own = stream
            .dict()
            .get::<Dict<'_>>("Resources")
            .map(Resources::new);
        let matrix = stream
            .dict()
            .get::<[f32; 6]>("Matrix")
            .map_or(Matrix::IDENTITY, Matrix::new);
        let mut inner = state.clone();
        inner.page = matrix.then(state.page);
        self.operators += FORM_OPERATORS;
        self.forms.push(id);
        let read = self.read(&bytes, own.as_ref().unwrap_or(resources), inner);
        self.forms.pop();
        read
    }

    /// A mark may bring the text that its glyphs stand for.
    fn begin_mark(&mut self, resources: &Resources<'_>, operands: &[&Object<'_>]) {
        let spoken = match operands.get(1) {
            Some(Object::Dict(own)) => own.get::<Bytes<'_>>("ActualText"),
            Some(Object::Name(name)) => {
                let own = resources.properties.get::<Dict<'_>>(name);
                own.and_then(|own| own.get::<Bytes<'_>>("ActualText"))
            }
            _ => None,
        };
        let is_outer = !self.marks.contains(&true);
        let spoken = spoken
            .filter(|_| is_outer)
            .map(|spoken| text_string(&spoken));
        if self.marks.len() < STATES_MAX {
            self.marks.push(spoken.is_some());
            self.spoken = spoken.or(self.spoken.take());
        }
    }

    fn show_all(&mut self, state: &mut State, operands: &[&Object<'_>]) {
        if let Some(Object::String(text)) = operands.last() {
            self.show(state, text);
        }
    }

    fn show(&mut self, state: &mut State, bytes: &[u8]) {
        let Some(font) = state.font.clone() else {
            return;
        };
        if bytes.len() > TEXT_BYTES_MAX || self.content.glyphs.len() > GLYPHS_MAX {
            self.content.is_broken = true;
            return;
        }
        for said in font.say(bytes) {
            let (start, size) = state.place();
            state.advance(&said, font.is_vertical());
            let (end, _) = state.place();
            let text = if self.marks.contains(&true) {
                // The first glyph carries the whole text, and the others nothing.
                self.spoken.replace(String::new()).unwrap_or_default()
            } else {
                self.unreadable(said.text)
            };
            let is_seen = size >= SIZE_MIN && self.is_on_page(start);
            if !is_seen {
                self.content.unseen += u64::from(!text.trim().is_empty());
                continue;
            }
            self.content.white += u64::from(state.is_white && !text.trim().is_empty());
            self.content.glyphs.push(Glyph {
                text,
                start,
                end,
                size,
            });
        }
    }

    fn unreadable(&mut self, text: Option<String>) -> String {
        text.unwrap_or_else(|| {
            self.content.unreadable += 1;
            char::REPLACEMENT_CHARACTER.to_string()
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "places on a page need no more digits"
    )]
    fn is_on_page(&self, (x, y): (f32, f32)) -> bool {
        let seen = self.seen;
        let (x0, y0, x1, y1) = (
            seen.x0 as f32,
            seen.y0 as f32,
            seen.x1 as f32,
            seen.y1 as f32,
        );
        let has_size = x1 > x0 && y1 > y0;
        !has_size
            || (x0 - MARGIN..=x1 + MARGIN).contains(&x) && (y0 - MARGIN..=y1 + MARGIN).contains(&y)
    }
}

/// A text of the file itself: UTF-16 or UTF-8 with a mark, or one byte for each character.
pub(crate) fn text_string(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return text.into_owned();
    }
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
    text.into_owned()
}
