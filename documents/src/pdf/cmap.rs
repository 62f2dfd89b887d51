//! Tables from codes to characters or to glyphs, as fonts bring them along.

use std::collections::BTreeMap;

/// Entries of one table; a font has at most 65,536 glyphs.
const ENTRIES_MAX: usize = 200_000;
/// Characters that one code stands for.
const TEXT_CHARS_MAX: usize = 64;

/// What a range of codes leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// The text of the first code; the last character counts up.
    Text(String),
    /// The glyph of the first code.
    Glyph(u32),
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CMap {
    /// How many bytes the codes between two have.
    spaces: Vec<(usize, u32, u32)>,
    /// Ranges by their first code: the last one and the target.
    ranges: BTreeMap<u32, (u32, Target)>,
    /// The name of a table that this one builds on.
    pub base: Option<String>,
}

/// A word of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Code(Vec<u8>),
    Number(u32),
    Name(String),
    Open,
    Close,
    Other(String),
}

impl CMap {
    /// Reads a table; what cannot be read is passed over.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut table = Self::default();
        let mut words = Words { bytes, at: 0 };
        let mut before: Vec<Word> = Vec::new();
        while let Some(word) = words.next() {
            let Word::Other(operator) = &word else {
                before.push(word);
                // Sections have at most a hundred entries by the book; some producers write them all in one.
                if before.len() > ENTRIES_MAX {
                    break;
                }
                continue;
            };
            match operator.as_str() {
                "usecmap" => table.base = before.iter().rev().find_map(name),
                "endcodespacerange" => table.add_spaces(&before),
                "endbfchar" => table.add_singles(&before),
                "endbfrange" => table.add_ranges(&before),
                "endcidchar" => table.add_glyphs(&before, false),
                "endcidrange" => table.add_glyphs(&before, true),
                _ => {}
            }
            before.clear();
        }
        table
    }

    /// The text of a code.
    pub fn text(&self, code: u32) -> Option<String> {
        let (first, (last, target)) = self.ranges.range(..=code).next_back()?;
        let Target::Text(text) = target else {
            return None;
        };
        if code > *last {
            return None;
        }
        let mut chars: Vec<char> = text.chars().collect();
        if let Some(end) = chars.last_mut() {
            *end = char::from_u32(u32::from(*end).checked_add(code - first)?)?;
        }
        Some(chars.into_iter().collect())
    }

    /// The glyph of a code.
    pub fn glyph(&self, code: u32) -> Option<u32> {
        let (first, (last, target)) = self.ranges.range(..=code).next_back()?;
        match target {
            Target::Glyph(glyph) if code <= *last => glyph.checked_add(code - first),
            Target::Glyph(_) | Target::Text(_) => None,
        }
    }

    /// The first code of some bytes, and how many of them it takes.
    pub fn code(&self, bytes: &[u8]) -> (u32, usize) {
        let mut code = 0u32;
        for (index, &byte) in bytes.iter().take(4).enumerate() {
            code = code << 8 | u32::from(byte);
            let length = index + 1;
            let fits = |&(own, low, high): &(usize, u32, u32)| {
                own == length && (low..=high).contains(&code)
            };
            if self.spaces.iter().any(fits) {
                return (code, length);
            }
        }
        // No space has it, so it is as long as the shortest codes are, or two bytes.
        let shortest = self.spaces.iter().map(|(length, ..)| *length).min();
        let length = shortest.unwrap_or(2).min(bytes.len()).max(1);
        (number(&bytes[..length]), length)
    }

    fn add(&mut self, first: u32, last: u32, target: Target) {
        if self.ranges.len() < ENTRIES_MAX && last >= first {
            self.ranges.insert(first, (last, target));
        }
    }

    fn add_spaces(&mut self, words: &[Word]) {
        let codes: Vec<&Vec<u8>> = words.iter().filter_map(code).collect();
        for pair in codes.chunks_exact(2) {
            if self.spaces.len() < 256 && (1..=4).contains(&pair[0].len()) {
                self.spaces
                    .push((pair[0].len(), number(pair[0]), number(pair[1])));
            }
        }
    }

    fn add_singles(&mut self, words: &[Word]) {
        let codes: Vec<&Vec<u8>> = words.iter().filter_map(code).collect();
        for pair in codes.chunks_exact(2) {
            let first = number(pair[0]);
            self.add(first, first, Target::Text(text(pair[1])));
        }
    }

    fn add_ranges(&mut self, words: &[Word]) {
        let mut words = words.iter().filter(|word| !matches!(word, Word::Number(_)));
        while let (Some(Word::Code(first)), Some(Word::Code(last))) = (words.next(), words.next()) {
            let (first, last) = (number(first), number(last));
            match words.next() {
                Some(Word::Code(target)) => self.add(first, last, Target::Text(text(target))),
                Some(Word::Open) => {
                    let targets = words.by_ref().take_while(|word| **word != Word::Close);
                    for (own, target) in (first..=last).zip(targets.filter_map(code)) {
                        self.add(own, own, Target::Text(text(target)));
                    }
                }
                Some(Word::Number(_) | Word::Name(_) | Word::Close | Word::Other(_)) | None => {
                    return;
                }
            }
        }
    }

    fn add_glyphs(&mut self, words: &[Word], are_ranges: bool) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(first) = code(word).map(|bytes| number(bytes)) else {
                continue;
            };
            let last = if are_ranges {
                words.next().and_then(code).map(|bytes| number(bytes))
            } else {
                Some(first)
            };
            if let (Some(last), Some(Word::Number(glyph))) = (last, words.next()) {
                self.add(first, last, Target::Glyph(*glyph));
            }
        }
    }
}

fn code(word: &Word) -> Option<&Vec<u8>> {
    match word {
        Word::Code(bytes) => Some(bytes),
        Word::Number(_) | Word::Name(_) | Word::Open | Word::Close | Word::Other(_) => None,
    }
}

fn name(word: &Word) -> Option<String> {
    match word {
        Word::Name(name) => Some(name.clone()),
        Word::Code(_) | Word::Number(_) | Word::Open | Word::Close | Word::Other(_) => None,
    }
}

/// A code as a number; of longer ones the last four bytes count.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    let from = bytes.len().saturating_sub(4);
    bytes[from..]
        .iter()
        .fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// UTF-16 with the high byte first; a single byte stands for itself.
fn text(bytes: &[u8]) -> String {
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let chars = char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.take(TEXT_CHARS_MAX).collect()
}

/// The words of a table.
struct Words<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Word> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'%' => {
                    self.take(|byte| byte != b'\n' && byte != b'\r');
                }
                b'<' if self.bytes.get(self.at) == Some(&b'<') => self.at += 1,
                b'<' => {
                    let digits = self.take(|byte| byte != b'>');
                    self.at += 1;
                    return Some(Word::Code(unhex(&digits)));
                }
                b'[' => return Some(Word::Open),
                b']' => return Some(Word::Close),
                b'/' => {
                    let name = self.take(is_regular);
                    return Some(Word::Name(String::from_utf8_lossy(&name).into_owned()));
                }
                _ if is_regular(byte) => {
                    self.at -= 1;
                    let word = String::from_utf8_lossy(&self.take(is_regular)).into_owned();
                    return Some(word.parse().map_or(Word::Other(word), Word::Number));
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let taken: Vec<u8> = rest
            .iter()
            .copied()
            .take_while(|&byte| wanted(byte))
            .collect();
        self.at += taken.len();
        taken
    }
}

fn is_regular(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != 0 && !b"()<>[]{}/%".contains(&byte)
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let values: Vec<u8> = digits
        .iter()
        .filter_map(|&digit| char::from(digit).to_digit(16))
        .filter_map(|value| u8::try_from(value).ok())
        .collect();
    values
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_to_text_one_by_one_by_range_and_by_list() {
        let table = CMap::parse(
            b"/CIDInit /ProcSet findresource begin 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
              2 beginbfchar <0003> <0020> <0005> <00660066> endbfchar % comment\n\
              2 beginbfrange <0010> <0012> <0041> <0020> <0021> [<D83DDE00> <0062>] endbfrange",
        );
        let texts = [3, 5, 0x10, 0x12, 0x20, 0x21, 4, 0x13].map(|code| table.text(code));
        let wanted = [
            Some(" "),
            Some("ff"),
            Some("A"),
            Some("C"),
            Some("😀"),
            Some("b"),
            None,
            None,
        ];
        assert_eq!(texts, wanted.map(|text| text.map(str::to_owned)));
        assert_eq!(table.code(&[0, 3, 0]), (3, 2));
    }

    #[test]
    fn codes_of_several_lengths_are_told_apart() {
        let table = CMap::parse(
            b"2 begincodespacerange <00> <80> <8140> <9FFC> endcodespacerange\n\
              1 begincidrange <20> <7e> 231 endcidrange 1 begincidchar <8140> 633 endcidchar",
        );
        assert_eq!(table.code(&[0x41, 0x81]), (0x41, 1));
        assert_eq!(table.code(&[0x81, 0x40]), (0x8140, 2));
        assert_eq!(
            [table.glyph(0x41), table.glyph(0x8140), table.glyph(0x7f)],
            [Some(264), Some(633), None]
        );
    }

    #[test]
    fn broken_tables_are_read_as_far_as_they_go() {
        let table = CMap::parse(b"beginbfrange <0001> <FFFFFFFF> <0041> <02> endbfrange <");
        assert_eq!(table.text(2), Some("B".to_owned()));
        assert_eq!(table.text(0xFFFF_FFFF), None);
        assert_eq!(CMap::parse(&[b'<'; 1000]), CMap::default());
    }
}
