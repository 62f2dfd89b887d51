//! Pages of a PDF as text.
//!
//! The file's syntax, its repair and its encryption are `hayro-syntax`'s. What characters mean and where they stand is worked
//! out here, with bounds on every loop that a file could turn into an endless one.

mod annotations;
mod bounds;
mod cmap;
mod composite;
mod content;
mod font;
mod glyph_names;
mod layout;
mod matrix;
mod right_to_left;
mod simple;
mod state;
mod streams;

use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use crate::clean::start;
use crate::document::{Document, units};
use crate::error::Error;
use crate::format::Format;
use crate::lines::span;
use crate::meter::Meter;
use crate::request::Part;
use content::Reader;

/// What was noticed on the pages that were shown.
#[derive(Debug, Default)]
struct Remarks {
    /// Pages with pictures and without text.
    scans: Vec<u64>,
    unreadable: u64,
    white: Vec<u64>,
    unseen: u64,
    cut: Vec<u64>,
    broken: Vec<u64>,
}

/// Reads pages.
pub(crate) fn read(bytes: Vec<u8>, part: &Part, meter: &Meter<'_>) -> Result<Document, Error> {
    let limits = meter.limits();
    let span = span(part, "pages, for example `3-7`")?;
    bounds::check(&bytes, limits)?;
    let pdf = Pdf::new(bytes).map_err(refused)?;
    let pages = pdf.pages();
    let all = pages.len() as u64;
    if all == 0 {
        return Err(Error::malformed(Format::Pdf, "it has no pages"));
    }
    if span.first > all {
        return Err(Error::NoSuchPart {
            asked: format!("page {}", span.first),
            available: format!("there are {all} pages"),
        });
    }
    let end = span.last.unwrap_or(all).min(all);
    let end = end.min(span.first.saturating_add(limits.pages).saturating_sub(1));
    let mut reader = Reader::new(meter);
    let mut remarks = Remarks::default();
    let (mut text, mut last) = (String::new(), span.first);
    let most = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    for (number, page) in (1u64..).zip(pages.iter()) {
        if number < span.first || number > end {
            continue;
        }
        let content = reader.page(page)?;
        let mut own = layout::text(&content.glyphs);
        let beside = annotations::lines(page.raw(), limits);
        let has_no_text = own.is_empty();
        if !beside.is_empty() {
            own.push_str(if has_no_text { "" } else { "\n\n" });
            own.push_str(&beside.join("\n"));
        }
        if !text.is_empty() && text.len() + own.len() > most {
            break;
        }
        remarks.add(number, &content, has_no_text);
        let shown = start(&own, most);
        if shown.len() < own.len() {
            remarks.cut.push(number);
        }
        text.push_str(&["## page ", &number.to_string(), "\n\n", shown, "\n\n"].concat());
        last = number;
    }
    Ok(Document {
        format: Format::Pdf,
        shown: units("page", span.first, last, all),
        notes: remarks.write(),
        text,
        next: (last < all).then(|| format!("{}-", last + 1)),
    })
}

fn refused(error: LoadPdfError) -> Error {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            Error::Encrypted(Format::Pdf)
        }
        LoadPdfError::Decryption(
            DecryptionError::UnsupportedAlgorithm
            | DecryptionError::InvalidEncryption
            | DecryptionError::MissingIDEntry,
        ) => Error::malformed(
            Format::Pdf,
            "its encryption is of an unknown kind or broken",
        ),
        LoadPdfError::Invalid => Error::malformed(Format::Pdf, "it has no catalogue of pages"),
    }
}

impl Remarks {
    fn add(&mut self, number: u64, content: &content::Content, is_empty: bool) {
        self.unreadable += content.unreadable;
        self.unseen += content.unseen;
        self.scans
            .extend((is_empty && content.images > 0).then_some(number));
        self.white.extend((content.white > 0).then_some(number));
        self.broken.extend(content.is_broken.then_some(number));
    }

    fn write(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let list = |pages: &[u64]| {
            let numbers: Vec<String> = pages.iter().take(20).map(u64::to_string).collect();
            numbers.join(", ") + if pages.len() > 20 { " and more" } else { "" }
        };
        if !self.scans.is_empty() {
            let list = list(&self.scans);
            notes.push(format!(
                "pages with pictures and no text, probably scans: {list}"
            ));
        }
        if self.unreadable > 0 {
            let count = self.unreadable;
            notes.push(format!(
                "{count} characters have no meaning in the file and are shown as \u{FFFD}"
            ));
        }
        if !self.white.is_empty() {
            let list = list(&self.white);
            notes.push(format!(
                "text in white, which a reader may not see, on pages: {list}"
            ));
        }
        if self.unseen > 0 {
            let count = self.unseen;
            notes.push(format!(
                "{count} characters that are too small to see or off the page are left out"
            ));
        }
        if !self.cut.is_empty() {
            notes.push(format!(
                "too long to show whole, pages: {}",
                list(&self.cut)
            ));
        }
        if !self.broken.is_empty() {
            notes.push(format!(
                "not all of the content could be read, pages: {}",
                list(&self.broken)
            ));
        }
        notes
    }
}
