//! The container of old office documents: streams by name, in sectors that tables chain together.
//!
//! Every number in it may lie. A chain is followed for no longer than the file has sectors, and nothing outside of the file is read.

use crate::error::Error;

/// Marks in tables that are no sector.
const SECTOR_MAX: u32 = 0xFFFF_FFFA;
/// Sectors of the table that the header names itself.
const IN_HEADER: usize = 109;
const HEADER_BYTES: usize = 512;
const ENTRY_BYTES: usize = 128;
const MINI_BYTES: usize = 64;

/// An open container.
pub(crate) struct Compound<'b> {
    bytes: &'b [u8],
    sector_bytes: usize,
    /// The sector that follows each sector.
    table: Vec<u32>,
    /// The same for the pieces of short streams, which lie in a stream of their own.
    mini_table: Vec<u32>,
    mini: Vec<u8>,
    /// Streams that are shorter lie there.
    mini_below: u64,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    is_stream: bool,
    start: u32,
    bytes: u64,
}

/// Two bytes as a number.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(field.try_into().ok()?))
}

/// Four bytes as a number.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// UTF-16 as text, with marks for what is none.
pub(crate) fn utf_16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn broken() -> Error {
    Error::Unsupported {
        what: "a damaged office document of before 2007".to_owned(),
        cure: crate::format::READABLE,
    }
}

impl<'b> Compound<'b> {
    /// Reads the tables.
    pub fn open(bytes: &'b [u8]) -> Result<Self, Error> {
        let shift = u16_at(bytes, 30).filter(|shift| [9, 12].contains(shift));
        let mut container = Self {
            bytes,
            sector_bytes: 1 << shift.ok_or_else(broken)?,
            table: Vec::new(),
            mini_table: Vec::new(),
            mini: Vec::new(),
            mini_below: u32_at(bytes, 56).ok_or_else(broken)?.into(),
            entries: Vec::new(),
        };
        container.read_table().ok_or_else(broken)?;
        let directory = u32_at(bytes, 48).ok_or_else(broken)?;
        let directory = container.chain(directory, u64::MAX);
        container.entries = directory
            .chunks_exact(ENTRY_BYTES)
            .filter_map(Entry::read)
            .collect();
        let short = u32_at(bytes, 60).ok_or_else(broken)?;
        container.mini_table = numbers(&container.chain(short, u64::MAX));
        // The first entry is the root, whose stream holds the short ones.
        let root = container.entries.first().ok_or_else(broken)?;
        container.mini = container.chain(root.start, root.bytes);
        Ok(container)
    }

    fn sector(&self, number: u32) -> Option<&'b [u8]> {
        let number = usize::try_from(number).ok()?;
        let start = number.checked_add(1)?.checked_mul(self.sector_bytes)?;
        // The last sector of a file may be cut off.
        let end = start.checked_add(self.sector_bytes)?.min(self.bytes.len());
        self.bytes.get(start..end)
    }

    fn read_table(&mut self) -> Option<()> {
        let sectors_max = self.bytes.len() / self.sector_bytes + 1;
        let header = self.bytes.get(76..HEADER_BYTES)?;
        let mut parts: Vec<u32> = numbers(header).into_iter().take(IN_HEADER).collect();
        let mut next = u32_at(self.bytes, 68)?;
        // Further sectors of the table are named in sectors whose last number names the next of them.
        while next < SECTOR_MAX && parts.len() <= sectors_max {
            let mut more = numbers(self.sector(next)?);
            next = more.pop()?;
            parts.extend(more);
        }
        let parts = parts.into_iter().filter(|&part| part < SECTOR_MAX);
        for part in parts.take(sectors_max) {
            self.table.extend(numbers(self.sector(part)?));
        }
        Some(())
    }

    /// The bytes of a chain of sectors, at most this many.
    fn chain(&self, start: u32, bytes: u64) -> Vec<u8> {
        let mut all = Vec::new();
        let mut at = start;
        for _ in 0..=self.table.len() {
            let is_done = all.len() as u64 >= bytes;
            let Some(sector) = self.sector(at).filter(|_| at < SECTOR_MAX && !is_done) else {
                break;
            };
            all.extend_from_slice(sector);
            at = next(&self.table, at);
        }
        all.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        all
    }

    fn mini_chain(&self, start: u32, bytes: u64) -> Vec<u8> {
        let mut all = Vec::new();
        let mut at = start;
        for _ in 0..=self.mini_table.len() {
            let first = usize::try_from(at)
                .unwrap_or(usize::MAX)
                .saturating_mul(MINI_BYTES);
            let piece = self.mini.get(first..first.saturating_add(MINI_BYTES));
            let is_done = all.len() as u64 >= bytes;
            let Some(piece) = piece.filter(|_| at < SECTOR_MAX && !is_done) else {
                break;
            };
            all.extend_from_slice(piece);
            at = next(&self.mini_table, at);
        }
        all.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        all
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        let mut streams = self.entries.iter().filter(|entry| entry.is_stream);
        streams.find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// Whether there is a stream of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The bytes of a stream; `None` if there is no such stream.
    pub fn stream(&self, name: &str) -> Option<Vec<u8>> {
        let entry = self.find(name)?;
        Some(if entry.bytes < self.mini_below {
            self.mini_chain(entry.start, entry.bytes)
        } else {
            self.chain(entry.start, entry.bytes)
        })
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let numbers = bytes.chunks_exact(4);
    numbers.filter_map(|number| u32_at(number, 0)).collect()
}

fn next(table: &[u32], at: u32) -> u32 {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    table.get(at).copied().unwrap_or(u32::MAX)
}

impl Entry {
    fn read(entry: &[u8]) -> Option<Self> {
        // With the zero at its end, in bytes.
        let name_bytes = usize::from(u16_at(entry, 64)?).saturating_sub(2).min(62);
        let bytes = u64::from(u32_at(entry, 120)?);
        Some(Self {
            name: utf_16(entry.get(..name_bytes)?),
            is_stream: entry.get(66) == Some(&2),
            start: u32_at(entry, 116)?,
            bytes,
        })
    }
}
