//! Fonts with several bytes for each character, as most programs embed them today.

use std::collections::BTreeMap;

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_16BE};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};

use super::cmap::{CMap, number};
use super::streams;
use crate::error::Error;
use crate::meter::Meter;

/// Widths that one font may name.
const WIDTHS_MAX: usize = 70_000;

/// What the bytes of a text are.
#[derive(Debug)]
enum Coding {
    /// Numbers of glyphs, two bytes each.
    Glyphs,
    /// As a table of the font says.
    Table(CMap),
    /// Characters, in an encoding of old.
    Characters(&'static Encoding),
}

/// A font of this kind.
#[derive(Debug)]
pub(crate) struct Composite {
    coding: Coding,
    to_unicode: Option<CMap>,
    widths: BTreeMap<u32, f32>,
    default_width: f32,
    pub is_vertical: bool,
}

/// One character of a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Code {
    pub bytes: usize,
    pub text: Option<String>,
    pub width: f32,
}

impl Composite {
    pub fn read(
        font: &Dict<'_>,
        to_unicode: Option<CMap>,
        meter: &Meter<'_>,
    ) -> Result<Self, Error> {
        let named = font
            .get::<Name<'_>>("Encoding")
            .map(|name| name.as_str().to_owned());
        let coding = match (&named, font.get::<Stream<'_>>("Encoding")) {
            (Some(name), _) => by_name(name),
            (None, Some(stream)) => {
                let bytes = streams::bytes(&stream, meter)?.unwrap_or_default();
                Coding::Table(CMap::parse(&bytes))
            }
            (None, None) => Coding::Glyphs,
        };
        let descendants = font.get::<Array<'_>>("DescendantFonts");
        let descendant = descendants.and_then(|fonts| fonts.iter::<Dict<'_>>().next());
        let descendant = descendant.unwrap_or_default();
        let widths = descendant.get::<Array<'_>>("W").map(|list| widths(&list));
        Ok(Self {
            coding,
            to_unicode,
            widths: widths.unwrap_or_default(),
            default_width: descendant.get::<f32>("DW").unwrap_or(1000.0) * 0.001,
            is_vertical: named.is_some_and(|name| name.ends_with("-V")),
        })
    }

    /// The first character of some bytes, of which there is at least one.
    pub fn next(&self, bytes: &[u8]) -> Code {
        let (code, length) = match &self.coding {
            Coding::Glyphs => two(bytes),
            Coding::Table(table) => table.code(bytes),
            Coding::Characters(encoding) => {
                let length = character_bytes(bytes, encoding);
                (number(&bytes[..length]), length)
            }
        };
        let glyph = match &self.coding {
            Coding::Glyphs | Coding::Characters(_) => code,
            Coding::Table(table) => table.glyph(code).unwrap_or(code),
        };
        let own = self.to_unicode.as_ref().and_then(|table| table.text(code));
        let own = own.filter(|own| !own.trim_matches('\0').is_empty());
        let text = own.or_else(|| match &self.coding {
            Coding::Characters(encoding) => {
                let (text, bad) = encoding.decode_without_bom_handling(&bytes[..length]);
                (!bad).then(|| text.into_owned())
            }
            Coding::Glyphs | Coding::Table(_) => None,
        });
        let is_glyph = !matches!(self.coding, Coding::Characters(_));
        let width = self.widths.get(&glyph).filter(|_| is_glyph).copied();
        // Widths go by glyphs, and in these encodings only the characters are known.
        let half = if length == 1 { 0.5 } else { 1.0 };
        let default = if is_glyph {
            self.default_width
        } else {
            self.default_width * half
        };
        Code {
            bytes: length,
            text,
            width: width.unwrap_or(default),
        }
    }
}

fn two(bytes: &[u8]) -> (u32, usize) {
    let length = bytes.len().min(2);
    (number(&bytes[..length]), length)
}

/// What the names of the tables that every reader has mean.
fn by_name(name: &str) -> Coding {
    let has = |part: &str| name.contains(part);
    let encoding = if name.starts_with("Uni") {
        UTF_16BE
    } else if has("RKSJ") {
        SHIFT_JIS
    } else if name.starts_with("GBK") || name.starts_with("GB-EUC") || name.starts_with("GBpc") {
        GBK
    } else if has("B5") || has("HKscs") {
        BIG5
    } else if name.starts_with("KSC") {
        EUC_KR
    } else if name.starts_with("EUC-") {
        EUC_JP
    } else {
        return Coding::Glyphs;
    };
    Coding::Characters(encoding)
}

fn character_bytes(bytes: &[u8], encoding: &'static Encoding) -> usize {
    let first = bytes.first().copied().unwrap_or(0);
    let wanted = if encoding == UTF_16BE {
        if (0xD8..0xDC).contains(&first) { 4 } else { 2 }
    } else if encoding == SHIFT_JIS {
        if matches!(first, 0x81..=0x9F | 0xE0..=0xFC) {
            2
        } else {
            1
        }
    } else if first >= 0x81 {
        2
    } else {
        1
    };
    wanted.min(bytes.len()).max(1)
}

/// Reads `[first [width width] first last width]`.
fn widths(list: &Array<'_>) -> BTreeMap<u32, f32> {
    let mut widths = BTreeMap::new();
    let mut numbers: Vec<f32> = Vec::new();
    let code = |number: f32| u32::try_from(rounded(number)).unwrap_or(0);
    for object in list.iter::<Object<'_>>() {
        if widths.len() > WIDTHS_MAX {
            break;
        }
        if let Object::Number(number) = object {
            numbers.push(number.as_f32());
        } else if let (Object::Array(own), Some(first)) = (object, numbers.pop()) {
            let own = own.iter::<f32>().take(WIDTHS_MAX);
            widths.extend(
                (code(first)..)
                    .zip(own)
                    .map(|(code, width)| (code, width * 0.001)),
            );
            numbers.clear();
        }
        if let [first, last, width] = numbers[..] {
            let end = code(last).min(code(first).saturating_add(0xFFFF));
            widths.extend((code(first)..=end).map(|code| (code, width * 0.001)));
            numbers.clear();
        }
    }
    widths
}

#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn rounded(number: f32) -> i64 {
    number as i64
}
