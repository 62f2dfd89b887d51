//! Workbooks of Excel before 2007: one sheet at a time as a table with cell references.
//!
//! They are streams of records, each a number, a length and bytes. What is shorter than it should be is passed over. Formulas are in a
//! form that is not written out; their values are.

mod sheet;
mod text;

use crate::clean::one_line;
use crate::compound::{u16_at, u32_at};
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;
use crate::request::Request;
use crate::sheets::{self, Sheet};
use crate::xlsx::{Kind, by_code, by_id};
use text::{Texts, Wide};

/// A record.
#[derive(Clone, Copy)]
struct Record<'b> {
    kind: u16,
    data: &'b [u8],
}

/// The records from a place on.
struct Records<'b> {
    rest: &'b [u8],
}

impl<'b> Records<'b> {
    fn from(stream: &'b [u8], at: usize) -> Self {
        let rest = stream.get(at..).unwrap_or_default();
        Self { rest }
    }
}

impl<'b> Iterator for Records<'b> {
    type Item = Record<'b>;

    fn next(&mut self) -> Option<Record<'b>> {
        let kind = u16_at(self.rest, 0)?;
        let length = usize::from(u16_at(self.rest, 2)?);
        let data = self.rest.get(4..4 + length)?;
        self.rest = &self.rest[4 + length..];
        Some(Record { kind, data })
    }
}

const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const CONTINUED: u16 = 0x003C;

/// What is known of the workbook as a whole.
#[derive(Default)]
struct Book {
    sheets: Vec<Sheet>,
    /// Where the records of each sheet begin.
    places: Vec<usize>,
    texts: Texts,
    /// The kinds of numbers by their formats, where a format is the workbook's own.
    formats: Vec<(u16, Kind)>,
    /// The format of each style of cells.
    styles: Vec<u16>,
    is_1904: bool,
    letters: Wide,
}

/// Reads cells of one sheet.
pub(crate) fn read(stream: &[u8], request: &Request, limits: &Limits) -> Result<Document, Error> {
    let (name, range) = sheets::wanted(&request.part)?;
    let book = Book::read(stream)?;
    let index = sheets::find(&book.sheets, name.as_deref())?;
    let place = book.places.get(index).copied().unwrap_or(usize::MAX);
    let shown = sheet::read(&book, Records::from(stream, place), range, limits);
    let mut document = sheets::document(Format::Xls, &book.sheets, index, &shown, range)?;
    if request.formulas {
        let note = "formulas of this kind of workbook are not shown";
        document.notes.push(note.to_owned());
    }
    Ok(document)
}

impl Book {
    fn read(stream: &[u8]) -> Result<Self, Error> {
        let mut book = Self::default();
        let mut records = Records::from(stream, 0).peekable();
        let begin = records.next().filter(|record| record.kind == BEGIN);
        let version = begin.and_then(|record| u16_at(record.data, 0));
        book.letters = match version {
            Some(0x0600) => Wide::Marked,
            Some(0x0500) => Wide::Page(1252),
            Some(_) | None => {
                let why = "it is of before Excel 5";
                return Err(Error::malformed(Format::Xls, why));
            }
        };
        while let Some(record) = records.next() {
            match record.kind {
                END => break,
                0x002F => return Err(Error::Encrypted(Format::Xls)),
                0x00FC => {
                    let mut parts = vec![record.data];
                    while let Some(more) = records.next_if(|next| next.kind == CONTINUED) {
                        parts.push(more.data);
                    }
                    book.texts = Texts::read(&parts);
                }
                _ => book.take(record),
            }
        }
        Ok(book)
    }

    /// Takes one record of the workbook as a whole.
    fn take(&mut self, record: Record<'_>) {
        let data = record.data;
        match record.kind {
            0x0085 => self.sheet(data),
            0x0022 => self.is_1904 = u16_at(data, 0) == Some(1),
            0x0042 => {
                let page = u16_at(data, 0).unwrap_or(1252);
                self.letters = self.letters.with_page(page);
            }
            0x041E => {
                let code = data.get(2..).unwrap_or_default();
                let code = match self.letters {
                    Wide::Marked => self.letters.long(code),
                    Wide::Page(_) => self.letters.short(code),
                };
                let id = u16_at(data, 0).unwrap_or_default();
                self.formats.push((id, by_code(&code)));
            }
            0x00E0 => self.styles.push(u16_at(data, 2).unwrap_or_default()),
            _ => {}
        }
    }

    fn sheet(&mut self, data: &[u8]) {
        let (Some(place), Some(&state), Some(&kind)) = (u32_at(data, 0), data.get(4), data.get(5))
        else {
            return;
        };
        // Charts and macros have no cells.
        if kind != 0 {
            return;
        }
        let name = self.letters.short(data.get(6..).unwrap_or_default());
        self.sheets.push(Sheet {
            name: one_line(&name),
            is_hidden: state & 3 != 0,
        });
        self.places
            .push(usize::try_from(place).unwrap_or(usize::MAX));
    }

    /// How the numbers of cells with this style are meant.
    fn kind(&self, style: u16) -> Kind {
        let format = self.styles.get(usize::from(style)).copied();
        let format = format.unwrap_or_default();
        let own = self.formats.iter().find(|(id, _)| *id == format);
        own.map_or_else(|| by_id(&format.to_string()), |(_, kind)| *kind)
    }
}
