//! Bytes as text: the mark at their start, what a page says of itself, UTF-8, and at last Windows-1252.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a page its own word about its encoding may stand.
const DECLARATION_BYTES: usize = 2048;

/// Text, and what its bytes were taken for where that is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub text: String,
    pub note: Option<String>,
}

/// Reads bytes as text; `None` if they are no text at all.
pub(crate) fn decode(bytes: &[u8]) -> Option<Decoded> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return Some(taken_for(encoding, &bytes[mark..]));
    }
    if let Some(encoding) = unmarked_utf_16(bytes) {
        return Some(taken_for(encoding, bytes));
    }
    if bytes.contains(&0) {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let text = text.to_owned();
        return Some(Decoded { text, note: None });
    }
    let declared = declared(bytes).filter(|&encoding| encoding != UTF_8);
    Some(taken_for(declared.unwrap_or(WINDOWS_1252), bytes))
}

fn taken_for(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, bad) = encoding.decode_without_bom_handling(bytes);
    let doubt = if bad { ", with unreadable bytes" } else { "" };
    let note = format!("read as {}{doubt}", encoding.name());
    Decoded {
        note: (bad || encoding != UTF_8).then_some(note),
        text: text.into_owned(),
    }
}

/// Text in the Latin script has a zero in every second byte of UTF-16.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(512) & !1];
    let zeros = |odd: usize| {
        let own = head.iter().skip(odd).step_by(2);
        own.filter(|&&byte| byte == 0).count()
    };
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    let most = |zeros: usize| pairs > 1 && zeros * 10 >= pairs * 9;
    if most(odd) && even == 0 {
        return Some(UTF_16LE);
    }
    (most(even) && odd == 0).then_some(UTF_16BE)
}

/// The encoding that a page or an XML file names in its head.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES)];
    let mut head = String::from_utf8_lossy(head).into_owned();
    head.make_ascii_lowercase();
    let marks = ["charset=", "encoding="];
    let rest = marks.iter().find_map(|mark| head.split_once(mark))?.1;
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest.find(|char: char| !(char.is_ascii_alphanumeric() || "-_:.".contains(char)));
    Encoding::for_label(&rest.as_bytes()[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn bytes_are_read_by_their_mark_their_own_word_or_as_windows_1252() {
        let utf_16: Vec<u8> = "née".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xFF, 0xFE][..], &utf_16].concat();
        let page = b"<meta charset='shift_jis'>\x93\xFA\x96\x7B";
        let cases: [(&[u8], &str, Option<&str>); 6] = [
            ("née".as_bytes(), "née", None),
            (b"\xEF\xBB\xBFx", "x", None),
            (&marked, "née", Some("read as UTF-16LE")),
            (b"a\0b\0c\0", "abc", Some("read as UTF-16LE")),
            (b"n\xE9e \x80", "née €", Some("read as windows-1252")),
            (
                page,
                "<meta charset='shift_jis'>日本",
                Some("read as Shift_JIS"),
            ),
        ];
        for (bytes, text, note) in cases {
            let decoded = decode(bytes).unwrap();
            assert_eq!(
                (decoded.text.as_str(), decoded.note.as_deref()),
                (text, note)
            );
        }
        assert_eq!(decode(b"\0\x01\x02\xFF\xFE\0"), None);
    }
}
