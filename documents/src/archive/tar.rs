//! The walk over a tar archive: headers of 512 bytes, each before its member's bytes.

use std::io::{Read, copy, sink};

use super::visit::{Member, MemberKind, Next, Visitor};
use crate::error::Error;
use crate::format::Format;
use crate::meter::Meter;

const BLOCK: usize = 512;
/// Names that stand in members of their own are not longer than this.
const NAME_BYTES_MAX: u64 = 64 << 10;

/// Walks over the members.
pub(super) fn visit<R: Read>(
    file: &mut R,
    meter: &Meter<'_>,
    visitor: Visitor<'_>,
) -> Result<(), Error> {
    let mut long_name = None;
    let mut long_size = None;
    let mut count = 0u64;
    while let Some(header) = header(file)? {
        let size = match long_size.take() {
            Some(size) => size,
            None => number(&header[124..136])?,
        };
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let mut body = file.take(size);
        count += 1;
        let allowed = meter.limits().entries;
        if count > allowed {
            return Err(Error::limit(
                "entries",
                allowed,
                "an archive of many members",
            ));
        }
        let next = match header[156] {
            b'L' => {
                long_name = Some(until_zero(&short(&mut body, size)?));
                Next::GoOn
            }
            b'x' => {
                let records = short(&mut body, size)?;
                long_name = record(&records, "path").or(long_name);
                long_size = record(&records, "size").and_then(|size| size.parse().ok());
                Next::GoOn
            }
            b'g' | b'K' => Next::GoOn,
            kind => {
                let member = Member {
                    name: long_name.take().unwrap_or_else(|| name(&header)),
                    kind: match kind {
                        0 | b'0' | b'7' => MemberKind::File,
                        b'5' => MemberKind::Folder,
                        _ => MemberKind::Other,
                    },
                    bytes: size,
                    is_encrypted: false,
                    is_executable: number(&header[100..108]).is_ok_and(|mode| mode & 0o100 != 0),
                };
                // Nothing is packed in a tar archive, so its members are as long as they claim, or cut off.
                visitor(&member, &mut meter.watch(&mut body, size))?
            }
        };
        if next == Next::Stop {
            return Ok(());
        }
        copy(&mut body, &mut sink())?;
        if body.limit() > 0 {
            return Err(broken("it ends within a member"));
        }
        copy(&mut file.take(padding), &mut sink())?;
    }
    Ok(())
}

fn broken(why: &str) -> Error {
    Error::malformed(Format::Tar, why)
}

/// The next header; `None` at the end, which is a block of zeros or the end of the file.
fn header<R: Read>(file: &mut R) -> Result<Option<[u8; BLOCK]>, Error> {
    let mut read = Vec::with_capacity(BLOCK);
    file.take(BLOCK as u64).read_to_end(&mut read)?;
    if read.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let Ok(block) = <[u8; BLOCK]>::try_from(read) else {
        return Err(broken("it ends within a header"));
    };
    let sum: u64 = (0..BLOCK)
        .map(|at| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(block[at])
            }
        })
        .sum();
    if number(&block[148..156])? != sum {
        return Err(broken("the sum of a header is wrong"));
    }
    Ok(Some(block))
}

/// An octal number, or a binary one where the first bit is set.
fn number(field: &[u8]) -> Result<u64, Error> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let (high, low) = field.split_at(field.len() - 8);
        if high[0] != 0x80 || high[1..].iter().any(|&byte| byte != 0) {
            return Err(broken("a size is beyond all bounds"));
        }
        let low = low
            .iter()
            .fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        // Room for the padding that follows.
        return if low < u64::MAX / 2 {
            Ok(low)
        } else {
            Err(broken("a size is beyond all bounds"))
        };
    }
    let digits = until_zero(field);
    let digits = digits.trim();
    let value = if digits.is_empty() {
        Some(0)
    } else {
        u64::from_str_radix(digits, 8).ok()
    };
    value.ok_or_else(|| broken("a number in a header is none"))
}

fn short<R: Read>(body: &mut R, size: u64) -> Result<Vec<u8>, Error> {
    if size > NAME_BYTES_MAX {
        return Err(broken("a name is far too long"));
    }
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn until_zero(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
}

fn name(header: &[u8; BLOCK]) -> String {
    let own = until_zero(&header[..100]);
    let prefix = until_zero(&header[345..500]);
    let is_posix = &header[257..263] == b"ustar\0";
    if prefix.is_empty() || !is_posix {
        return own;
    }
    format!("{prefix}/{own}")
}

/// A value of the records `LENGTH KEY=VALUE` and a line end.
fn record(records: &[u8], key: &str) -> Option<String> {
    let text = String::from_utf8_lossy(records);
    let mut lines = text.split('\n');
    lines.find_map(|line| {
        let (own, value) = line.split_once(' ')?.1.split_once('=')?;
        (own == key).then(|| value.to_owned())
    })
}
