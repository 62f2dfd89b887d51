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
/// Pictures are not kept, so they may be this many times more in all than what is kept.
const PICTURES_FACTOR: u64 = 4;
/// How far the dictionary of a stream may be before it.
const DICTIONARY_BYTES: usize = 4096;

/// Fails if a stream unpacks past the limits.
pub(crate) fn check(file: &[u8], limits: &Limits) -> Result<(), Error> {
    let meter = Meter::new(limits);
    // A picture of one colour may be packed a thousandfold, so of pictures only the size counts.
    let loose = Limits {
        ratio: DEFLATE_RATIO,
        unpacked_bytes: limits.unpacked_bytes.saturating_mul(PICTURES_FACTOR),
        ..limits.clone()
    };
    let pictures = Meter::new(&loose);
    let mut at = 0;
    // Where the next stream ends, which is looked for once and not again for each word before it.
    let mut end = 0;
    while let Some(found) = find(&file[at..], b"stream") {
        let word = at + found;
        at = word + b"stream".len();
        if file[..word].ends_with(b"end") {
            continue;
        }
        if end < at {
            end = find(&file[at..], b"endstream").map_or(file.len(), |length| at + length);
        }
        let data = &file[at..];
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        let length = end - at;
        if (length as u64).saturating_mul(DEFLATE_RATIO) < HARMLESS_BYTES {
            continue;
        }
        let is_picture = is_picture(&file[word.saturating_sub(DICTIONARY_BYTES)..word]);
        let meter = if is_picture { &pictures } else { &meter };
        let mut unpacked = meter.watch(ZlibDecoder::new(data).take(u64::MAX), length as u64);
        if let Err(error) = io::copy(&mut unpacked, &mut sink()) {
            // What is no deflated data unpacks to nothing, and only limits count.
            let error = Error::from(error);
            if matches!(error, Error::Limit { .. }) {
                return Err(error);
            }
        }
        at = end;
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
