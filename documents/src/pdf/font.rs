//! Fonts as what their codes say.

use hayro_syntax::object::{Dict, Name, Stream};

use super::cmap::CMap;
use super::composite::Composite;
use super::simple::Simple;
use super::streams;
use crate::error::Error;
use crate::meter::Meter;

/// A font of a page.
#[derive(Debug)]
pub(crate) enum Font {
    /// One byte for each character.
    Simple(Simple),
    /// Several bytes for each character.
    Composite(Composite),
}

/// What a code of a text says. Widths are parts of the font's size.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// `None` if the file does not tell.
    pub text: Option<String>,
    pub width: f32,
    /// Whether spacing of words applies to it.
    pub is_word_space: bool,
}

impl Font {
    pub fn read(font: &Dict<'_>, meter: &Meter<'_>) -> Result<Self, Error> {
        let table = match font.get::<Stream<'_>>("ToUnicode") {
            Some(stream) => streams::bytes(&stream, meter)?.map(|bytes| CMap::parse(&bytes)),
            None => None,
        };
        let is_composite = font
            .get::<Name<'_>>("Subtype")
            .is_some_and(|kind| &*kind == b"Type0");
        Ok(if is_composite {
            Self::Composite(Composite::read(font, table, meter)?)
        } else {
            Self::Simple(Simple::read(font, table.as_ref(), meter)?)
        })
    }

    /// What the bytes of a text say, code by code.
    pub fn say(&self, bytes: &[u8]) -> Vec<Said> {
        match self {
            Self::Simple(font) => bytes
                .iter()
                .map(|&byte| {
                    let (text, width) = font.glyph(byte);
                    Said {
                        text: text.map(str::to_owned),
                        width,
                        is_word_space: byte == b' ',
                    }
                })
                .collect(),
            Self::Composite(font) => {
                let mut said = Vec::new();
                let mut rest = bytes;
                while !rest.is_empty() {
                    let code = font.next(rest);
                    said.push(Said {
                        text: code.text,
                        width: code.width,
                        is_word_space: code.bytes == 1 && rest[0] == b' ',
                    });
                    rest = &rest[code.bytes..];
                }
                said
            }
        }
    }

    /// How high its letters are, as a part of its size.
    pub fn height(&self) -> f32 {
        match self {
            Self::Simple(font) => font.height,
            Self::Composite(_) => 1.0,
        }
    }

    pub fn is_vertical(&self) -> bool {
        match self {
            Self::Simple(_) => false,
            Self::Composite(font) => font.is_vertical,
        }
    }
}
