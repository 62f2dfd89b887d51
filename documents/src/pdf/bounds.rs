//! What the streams of a PDF would unpack to, tried before the file is opened.
//!
//! The parser unpacks the streams that hold objects by itself and without a bound. So every stream of the file that is
//! long enough to matter is unpacked here into nothing, under the limits.

use std::io::{self, Read, sink};

use flate2::read::ZlibDecoder;

use crate::error::Error;
use crate::limits::Limits;
use crate::meter::Meter;

/// Deflate makes data at most this many times smaller.
const DEFLATE_RATIO: u64 = 1032;
/// Streams that cannot unpack to more than this are not tried.
const HARMLESS_BYTES: u64 = 8 << 20;
/// How far the dictionary of a stream may be before it.
const DICTIONARY_BYTES: usize = 4096;

/// Fails if a stream unpacks past the limits.
pub(crate) fn check(file: &[u8], limits: &Limits) -> Result<(), Error> {
    let meter = Meter::new(limits);
    // A picture of one colour may be packed a thousandfold, so of pictures only the size counts.
    let loose = Limits {
        ratio: DEFLATE_RATIO,
        unpacked_bytes: u64::MAX,
        ..limits.clone()
    };
    let pictures = Meter::new(&loose);
    let mut at = 0;
    while let Some(found) = find(&file[at..], b"stream") {
        let word = at + found;
        at = word + b"stream".len();
        if file[..word].ends_with(b"end") {
            continue;
        }
        let data = &file[at..];
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        let length = find(data, b"endstream").unwrap_or(data.len());
        if (length as u64).saturating_mul(DEFLATE_RATIO) < HARMLESS_BYTES {
            continue;
        }
        let is_picture = is_picture(&file[word.saturating_sub(DICTIONARY_BYTES)..word]);
        let meter = if is_picture { &pictures } else { &meter };
        let mut unpacked = meter.watch(ZlibDecoder::new(data).take(u64::MAX), length as u64);
        if let Err(error) = io::copy(&mut unpacked, &mut sink()) {
            match Error::from(error) {
                // What is no deflated data unpacks to nothing.
                Error::Io(_) => {}
                limit => return Err(limit),
            }
        }
        at += length;
    }
    Ok(())
}

/// Whether a dictionary can only be that of a picture: it says so, and has none of the keys that streams with objects need.
fn is_picture(before: &[u8]) -> bool {
    let start = before.windows(4).rposition(|bytes| bytes == b" obj");
    let Some(start) = start else {
        return false;
    };
    let own = &before[start..];
    let has = |word: &[u8]| find(own, word).is_some();
    has(b"/Image") && !has(b"#") && !has(b"/First") && !has(b"/W[") && !has(b"/W ")
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    let first = *word.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|&byte| byte == first)?;
        if bytes[at..].starts_with(word) {
            return Some(at);
        }
        from = at + 1;
    }
}
