//! Texts of old workbooks: of letters of one byte or two, of a code page, and those that cells share.

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::compound::{u16_at, u32_at, utf_16};

/// How the letters of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Wide {
    /// A mark before each text says whether its letters have one byte or two.
    #[default]
    Marked,
    /// In a code page of Windows.
    Page(u16),
}

impl Wide {
    /// The same with the code page that the workbook names, where there is one.
    pub fn with_page(self, page: u16) -> Self {
        match self {
            Self::Marked => self,
            Self::Page(_) => Self::Page(page),
        }
    }

    /// A text after its length in one byte.
    pub fn short(self, data: &[u8]) -> String {
        let length = data.first().copied().unwrap_or_default();
        self.text(data.get(1..).unwrap_or_default(), length.into())
    }

    /// A text after its length in two bytes.
    pub fn long(self, data: &[u8]) -> String {
        let length = u16_at(data, 0).unwrap_or_default();
        self.text(data.get(2..).unwrap_or_default(), length.into())
    }

    fn text(self, data: &[u8], length: usize) -> String {
        match self {
            Self::Marked => {
                let is_wide = data.first().is_some_and(|mark| mark & 1 != 0);
                let letters = data.get(1..).unwrap_or_default();
                marked(letters, length, is_wide)
            }
            Self::Page(page) => {
                let label = format!("windows-{page}");
                let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252);
                let letters = data.get(..length.min(data.len())).unwrap_or_default();
                encoding.decode_without_bom_handling(letters).0.into_owned()
            }
        }
    }
}

/// Letters of two bytes, or of one that is the lower half.
fn marked(letters: &[u8], length: usize, is_wide: bool) -> String {
    let bytes = if is_wide { length * 2 } else { length };
    let letters = letters.get(..bytes.min(letters.len())).unwrap_or_default();
    if is_wide {
        return utf_16(letters);
    }
    letters.iter().copied().map(char::from).collect()
}

/// Texts that cells share, in one block of memory.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Reads them from the record and those that continue it.
    pub fn read(parts: &[&[u8]]) -> Self {
        let mut texts = Self::default();
        let mut source = Parts {
            all: parts,
            part: 0,
            at: 8,
        };
        let count = parts.first().and_then(|first| u32_at(first, 4));
        for _ in 0..count.unwrap_or_default() {
            let Some(text) = source.text() else {
                break;
            };
            texts.all.push_str(&text);
            texts.ends.push(texts.all.len());
        }
        texts
    }

    /// The text of this number.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.all.get(start..end)
    }
}

/// A place in the parts of a long record.
struct Parts<'p> {
    all: &'p [&'p [u8]],
    part: usize,
    at: usize,
}

impl Parts<'_> {
    fn left(&self) -> Option<&[u8]> {
        self.all.get(self.part)?.get(self.at..)
    }

    /// Goes to the next part where this one is at its end; `None` at the end of all.
    fn settle(&mut self) -> Option<()> {
        while self.left()?.is_empty() {
            self.part += 1;
            self.at = 0;
        }
        Some(())
    }

    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < count {
            self.settle()?;
            let left = self.left()?;
            let taken = left.get(..(count - all.len()).min(left.len()))?;
            all.extend_from_slice(taken);
            self.at += taken.len();
        }
        Some(all)
    }

    fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            self.settle()?;
            let taken = self.left()?.len().min(count);
            self.at += taken;
            count -= taken;
        }
        Some(())
    }

    fn text(&mut self) -> Option<String> {
        let head = self.bytes(3)?;
        let mut length = usize::from(u16_at(&head, 0)?);
        let marks = head[2];
        let runs = if marks & 8 != 0 {
            usize::from(u16_at(&self.bytes(2)?, 0)?)
        } else {
            0
        };
        let aids = if marks & 4 != 0 {
            usize::try_from(u32_at(&self.bytes(4)?, 0)?).ok()?
        } else {
            0
        };
        let mut is_wide = marks & 1 != 0;
        let mut text = String::new();
        while length > 0 {
            if self.left()?.is_empty() {
                // The letters go on in the next part, after a mark of their own.
                is_wide = self.bytes(1)?[0] & 1 != 0;
            }
            let left = self.left()?;
            let size = if is_wide { 2 } else { 1 };
            let letters = length.min(left.len() / size);
            if letters == 0 {
                return None;
            }
            text.push_str(&marked(left, letters, is_wide));
            self.at += letters * size;
            length -= letters;
        }
        self.skip(runs * 4 + aids)?;
        Some(text)
    }
}
