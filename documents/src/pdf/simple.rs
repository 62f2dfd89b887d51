//! Fonts with one byte for each character: their encodings and their widths.

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};
use hayro_syntax::object::{Array, Dict, Name, Number, Object, Stream};

use super::cmap::CMap;
use super::glyph_names;
use super::streams;
use crate::error::Error;
use crate::meter::Meter;

/// The upper half of Adobe's standard encoding, code by code.
const STANDARD: &str = "¡¢£⁄¥ƒ§¤'“«‹›fi?–†‡·?¶•‚„”»…‰?¿?`´ˆ˜¯˘˙¨?˚¸?˝˛ˇ—";
/// The codes of [`STANDARD`]; the two ligatures have two letters.
const STANDARD_FIRST: u8 = 0xA1;
/// The letters of the Symbol font from `A` on.
const SYMBOL_CAPITALS: &str = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ";
const SYMBOL_SMALL: &str = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ";
/// Names and numbers of one encoding: it has 256 codes.
const DIFFERENCES_MAX: usize = 1024;
/// The widths that fonts without a table of them are taken to have.
const WIDTH: f32 = 0.55;

/// A font of this kind.
#[derive(Debug)]
pub(crate) struct Simple {
    texts: Vec<Option<String>>,
    widths: Vec<f32>,
    /// How high its letters are, as a part of its size.
    pub height: f32,
}

impl Simple {
    pub fn read(
        font: &Dict<'_>,
        to_unicode: Option<&CMap>,
        meter: &Meter<'_>,
    ) -> Result<Self, Error> {
        let mut texts = encoding(font, meter)?;
        for (code, text) in (0u32..).zip(texts.iter_mut()) {
            let own = to_unicode.and_then(|table| table.text(code));
            let own = own.filter(|own| !own.trim_matches('\0').is_empty());
            *text = own.or(text.take());
        }
        let widths = widths(font, &texts);
        let height = height(font);
        Ok(Self {
            texts,
            widths,
            height,
        })
    }

    /// The text of a code, and how wide it is, in parts of the font's size.
    pub fn glyph(&self, code: u8) -> (Option<&str>, f32) {
        let code = usize::from(code);
        (self.texts[code].as_deref(), self.widths[code])
    }
}

fn name(font: &Dict<'_>) -> String {
    let name = font.get::<Name<'_>>("BaseFont");
    name.map(|name| name.as_str().to_owned())
        .unwrap_or_default()
}

fn encoding(font: &Dict<'_>, meter: &Meter<'_>) -> Result<Vec<Option<String>>, Error> {
    let named = font.get::<Name<'_>>("Encoding");
    let own = font.get::<Dict<'_>>("Encoding");
    let base = own
        .as_ref()
        .and_then(|own| own.get::<Name<'_>>("BaseEncoding"));
    let is_truetype = font
        .get::<Name<'_>>("Subtype")
        .is_some_and(|kind| &*kind == b"TrueType");
    let base = named.or(base).map(|name| name.as_str().to_owned());
    let mut texts = match base.as_deref() {
        Some("WinAnsiEncoding") => table(WINDOWS_1252),
        Some("MacRomanEncoding") => table(MACINTOSH),
        Some("StandardEncoding") => standard(),
        _ if name(font).contains("Symbol") => symbol(),
        _ if is_truetype => table(WINDOWS_1252),
        _ => standard(),
    };
    if base.is_none() {
        built_in(font, meter, &mut texts)?;
    }
    if let Some(differences) = own.and_then(|own| own.get::<Array<'_>>("Differences")) {
        let mut code = 0usize;
        for object in differences.iter::<Object<'_>>().take(DIFFERENCES_MAX) {
            if let Object::Number(number) = object {
                code = usize::try_from(number.as_i64()).unwrap_or(usize::MAX);
            } else if let Object::Name(name) = object {
                if let Some(text) = texts.get_mut(code) {
                    *text = glyph_names::text(name.as_str());
                }
                code = code.saturating_add(1);
            }
        }
    }
    Ok(texts)
}

fn table(encoding: &'static Encoding) -> Vec<Option<String>> {
    let text = |code: u8| {
        let bytes = [code];
        let (text, bad) = encoding.decode_without_bom_handling(&bytes);
        let is_shown = code >= 32 && !bad && !text.chars().all(char::is_control);
        is_shown.then(|| text.into_owned())
    };
    (0..=255).map(text).collect()
}

fn standard() -> Vec<Option<String>> {
    let mut texts: Vec<Option<String>> = table(WINDOWS_1252);
    texts[0x80..].fill(None);
    texts[0x27] = Some("’".to_owned());
    texts[0x60] = Some("‘".to_owned());
    let upper = STANDARD.replace("fi", "\u{1}");
    let mut code = usize::from(STANDARD_FIRST);
    for char in upper.chars() {
        texts[code] = match char {
            '?' => None,
            '\u{1}' => Some("fi".to_owned()),
            char => Some(char.to_string()),
        };
        code += 1;
        if char == '\u{1}' {
            texts[code] = Some("fl".to_owned());
            code += 1;
        }
    }
    let rest = [
        (0xE1, "Æ"),
        (0xE3, "ª"),
        (0xE8, "Ł"),
        (0xE9, "Ø"),
        (0xEA, "Œ"),
        (0xEB, "º"),
        (0xF1, "æ"),
        (0xF5, "ı"),
        (0xF8, "ł"),
        (0xF9, "ø"),
        (0xFA, "œ"),
        (0xFB, "ß"),
    ];
    for (code, text) in rest {
        texts[code] = Some(text.to_owned());
    }
    texts
}

fn symbol() -> Vec<Option<String>> {
    let mut texts = table(WINDOWS_1252);
    let letters = (0x41..)
        .zip(SYMBOL_CAPITALS.chars())
        .chain((0x61..).zip(SYMBOL_SMALL.chars()));
    let others = [
        (0x22, '∀'),
        (0x24, '∃'),
        (0x27, '∋'),
        (0x2A, '∗'),
        (0x2D, '−'),
        (0x40, '≅'),
        (0xA3, '≤'),
        (0xA5, '∞'),
        (0xAB, '↔'),
        (0xAC, '←'),
        (0xAD, '↑'),
        (0xAE, '→'),
        (0xAF, '↓'),
        (0xB3, '≥'),
        (0xB4, '×'),
        (0xB5, '∝'),
        (0xB6, '∂'),
        (0xB7, '•'),
        (0xB8, '÷'),
        (0xB9, '≠'),
        (0xBA, '≡'),
        (0xBB, '≈'),
        (0xBC, '…'),
        (0xC5, '⊕'),
        (0xC6, '∅'),
        (0xC7, '∩'),
        (0xC8, '∪'),
        (0xCC, '⊂'),
        (0xCE, '∈'),
        (0xD1, '∇'),
        (0xD5, '∏'),
        (0xD6, '√'),
        (0xD9, '∧'),
        (0xDA, '∨'),
        (0xDB, '⇔'),
        (0xDE, '⇒'),
        (0xE5, '∑'),
        (0xF2, '∫'),
    ];
    for (code, char) in letters.chain(others) {
        texts[code] = Some(char.to_string());
    }
    texts
}

/// The encoding that a Type 1 font brings along, which stands in its readable first part as `dup 65 /A put`.
fn built_in(font: &Dict<'_>, meter: &Meter<'_>, texts: &mut [Option<String>]) -> Result<(), Error> {
    let descriptor = font.get::<Dict<'_>>("FontDescriptor");
    let file = descriptor.and_then(|descriptor| descriptor.get::<Stream<'_>>("FontFile"));
    let Some(file) = file else {
        return Ok(());
    };
    let Some(bytes) = streams::bytes(&file, meter)? else {
        return Ok(());
    };
    let end = bytes
        .windows(5)
        .position(|window| window == b"eexec")
        .unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]);
    let Some((_, head)) = head.split_once("/Encoding") else {
        return Ok(());
    };
    let words: Vec<&str> = head.split_whitespace().take(256 * 5).collect();
    for window in words.windows(4) {
        if let ["dup", code, name, "put"] = window {
            let code: Option<usize> = code.parse().ok();
            let text = name.strip_prefix('/').and_then(glyph_names::text);
            if let Some(own) = code.and_then(|code| texts.get_mut(code)) {
                *own = text;
            }
        }
    }
    Ok(())
}

fn widths(font: &Dict<'_>, texts: &[Option<String>]) -> Vec<f32> {
    let scale = font
        .get::<[f32; 6]>("FontMatrix")
        .map_or(0.001, |matrix| matrix[0].abs());
    let descriptor = font.get::<Dict<'_>>("FontDescriptor");
    let missing = descriptor.and_then(|descriptor| descriptor.get::<f32>("MissingWidth"));
    let first = font.get::<i32>("FirstChar").unwrap_or(0);
    let Some(own) = font.get::<Array<'_>>("Widths") else {
        let is_fixed = name(font).contains("Courier");
        return texts
            .iter()
            .map(|text| guess(text.as_deref(), is_fixed))
            .collect();
    };
    let mut widths = vec![missing.unwrap_or(0.0) * scale; 256];
    for (code, width) in (i64::from(first)..).zip(own.iter::<Number>().take(256)) {
        let place = usize::try_from(code)
            .ok()
            .and_then(|code| widths.get_mut(code));
        if let Some(place) = place {
            *place = width.as_f32() * scale;
        }
    }
    widths
}

/// Fonts that draw their letters by operators (Type 3) have a scale of their own.
fn height(font: &Dict<'_>) -> f32 {
    let Some(matrix) = font.get::<[f32; 6]>("FontMatrix") else {
        return 1.0;
    };
    let bounds = font.get::<[f32; 4]>("FontBBox").unwrap_or_default();
    let high = (bounds[3] - bounds[1]).abs();
    let own = matrix[3].abs() * if high > 0.0 { high } else { 1000.0 };
    if own.is_finite() && own > 0.0 {
        own
    } else {
        1.0
    }
}

/// About how wide the letters of the standard fonts are.
fn guess(text: Option<&str>, is_fixed: bool) -> f32 {
    match text.and_then(|text| text.chars().next()) {
        _ if is_fixed => 0.6,
        Some(
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 't' | 'f' | ' '
            | '(' | ')' | '-',
        ) => 0.28,
        Some('m' | 'M' | 'W' | 'w' | '@' | '%') => 0.85,
        Some(char) if char.is_uppercase() => 0.68,
        Some(_) | None => WIDTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_encoding_has_its_characters_at_their_codes() {
        let texts = standard();
        let at = [
            0x41, 0x27, 0xA1, 0xAE, 0xAF, 0xB1, 0xBC, 0xD0, 0xE1, 0xFB, 0xC9,
        ]
        .map(|code: usize| texts[code].as_deref());
        let wanted = ["A", "’", "¡", "fi", "fl", "–", "…", "—", "Æ", "ß"].map(Some);
        assert_eq!(at[..10], wanted);
        assert_eq!(at[10], None);
        assert_eq!(symbol()[0x70].as_deref(), Some("π"));
    }
}
