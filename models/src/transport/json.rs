//! JSON as models and their servers write it: mended where the meaning is plain, refused where it is not.
//!
//! The strict reader goes first, so that well-formed text costs one pass and is never changed.

use serde_json::Value;

/// Halves of surrogate pairs are kept as private-use characters until the text is whole: an emoji may be split
/// over two events of a stream.
const SURROGATE_SHIFT: u32 = 0x10_0000;
const LEADING: std::ops::RangeInclusive<u32> = 0x10_D800..=0x10_DBFF;
const TRAILING: std::ops::RangeInclusive<u32> = 0x10_DC00..=0x10_DFFF;

/// A value, and whether halves of surrogate pairs were found in it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) value: Value,
    pub(crate) split_surrogates: bool,
}

/// Reads one JSON value, mending what strict JSON forbids: NaN and infinities become null, raw control characters
/// in texts are escaped, lone surrogates and bad UTF-8 are kept as well as they can be.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, serde_json::Error> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(Read {
            value,
            split_surrogates: false,
        });
    }
    let text = String::from_utf8_lossy(bytes);
    let cleaned = clean(text.trim_start_matches('\u{feff}').trim());
    Ok(Read {
        value: serde_json::from_str(&cleaned.text)?,
        split_surrogates: cleaned.split_surrogates,
    })
}

/// Joins the halves of surrogate pairs that [`read`] kept apart; a half without its other is U+FFFD.
pub(crate) fn rejoin_surrogates(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(character) = chars.next() {
        let code = character as u32;
        if LEADING.contains(&code) {
            let trailing = chars.next_if(|next| TRAILING.contains(&(*next as u32)));
            let pair = trailing.and_then(|trailing| {
                let high = code - SURROGATE_SHIFT - 0xD800;
                let low = trailing as u32 - SURROGATE_SHIFT - 0xDC00;
                char::from_u32(0x1_0000 + (high << 10) + low)
            });
            joined.push(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
        } else if TRAILING.contains(&code) {
            joined.push(char::REPLACEMENT_CHARACTER);
        } else {
            joined.push(character);
        }
    }
    joined
}

struct Cleaned {
    text: String,
    split_surrogates: bool,
}

fn clean(text: &str) -> Cleaned {
    let mut cleaned = Cleaned {
        text: String::with_capacity(text.len()),
        split_surrogates: false,
    };
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        push_without_literals(&mut cleaned.text, &rest[..quote]);
        rest = &rest[quote..];
        let end = string_end(rest);
        push_string(&mut cleaned, &rest[..end]);
        rest = &rest[end..];
    }
    push_without_literals(&mut cleaned.text, rest);
    cleaned
}

/// Length of the quoted string at the start of `text`, closing quote included if there is one.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn push_without_literals(out: &mut String, between: &str) {
    // The longer spelling first, or a bare minus sign would be left over.
    let replaced = between
        .replace("-Infinity", "null")
        .replace("Infinity", "null")
        .replace("NaN", "null");
    out.push_str(&replaced);
}

fn push_string(cleaned: &mut Cleaned, string: &str) {
    let mut chars = string.char_indices();
    while let Some((at, character)) = chars.next() {
        if character < ' ' {
            cleaned.text.push_str(&escape_control(character));
        } else if character == '\\' {
            let Some(unit) = unit_at(string, at) else {
                cleaned.text.push('\\');
                cleaned.text.extend(chars.next().map(|(_, next)| next));
                continue;
            };
            let paired = (0xD800..0xDC00).contains(&unit)
                && unit_at(string, at + 6).is_some_and(|next| (0xDC00..0xE000).contains(&next));
            let units = if paired { 2 } else { 1 };
            match char::from_u32(SURROGATE_SHIFT + unit) {
                Some(half) if !paired && (0xD800..0xE000).contains(&unit) => {
                    cleaned.split_surrogates = true;
                    cleaned.text.push(half);
                }
                _ => cleaned.text.push_str(&string[at..at + 6 * units]),
            }
            chars.nth(6 * units - 2);
        } else {
            cleaned.text.push(character);
        }
    }
}

/// The code unit of a `\uXXXX` escape at `at`.
fn unit_at(string: &str, at: usize) -> Option<u32> {
    let digits = string.get(at..at + 6)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
}

/// The JSON escape of a control character.
pub(crate) fn escape_control(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        other => format!("\\u{:04x}", other as u32),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn not_a_number_is_null_outside_texts_only() {
        let read = read(br#"{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN"}"#).unwrap();
        assert_eq!(
            read.value,
            json!({"a": null, "b": [null, null], "c": "NaN"})
        );
    }

    #[test]
    fn halves_of_an_emoji_meet_again() {
        let first = read(br#"["ok \ud83d"]"#).unwrap();
        let second = read(br#"["\ude00 \"x\\ud83d\""]"#).unwrap();
        assert!(first.split_surrogates && second.split_surrogates);
        let whole = format!(
            "{}{}",
            first.value[0].as_str().unwrap(),
            second.value[0].as_str().unwrap()
        );
        assert_eq!(rejoin_surrogates(&whole), "ok 😀 \"x\\ud83d\"");
        assert_eq!(
            rejoin_surrogates(first.value[0].as_str().unwrap()),
            "ok \u{fffd}"
        );
    }

    #[test]
    fn a_whole_pair_next_to_a_lone_half_survives() {
        let read = read(br#"["\ud83d\ude00 \udc00 \u00e9"]"#).unwrap();
        assert_eq!(
            rejoin_surrogates(read.value[0].as_str().unwrap()),
            "😀 \u{fffd} é"
        );
    }

    #[test]
    fn raw_line_breaks_in_texts_are_kept() {
        let read = read(b"{\"a\":\"x\ny\"}\n").unwrap();
        assert_eq!(read.value, json!({"a": "x\ny"}));
    }

    #[test]
    fn what_was_cut_off_is_not_mended() {
        assert!(read(br#"{"a":"b"#).unwrap_err().is_eof());
    }
}
