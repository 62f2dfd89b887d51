//! Archives: what is in them, one member of them, and all of them written into a folder.
//!
//! Nothing that an archive says about names and sizes is believed. Names that lead out of the folder, name one place twice or
//! stand for a link are refused or left out, and every byte that is unpacked is counted.

mod extract;
mod name;
mod tar;
mod visit;
mod write;
mod zip;

use std::io::{Read, Seek};

use crate::clean::one_line;
use crate::document::Document;
use crate::error::Error;
use crate::format::Format;
use crate::lines;
use crate::meter::Meter;
use crate::request::Part;

pub use extract::{Extracted, Plan, extract_into, plan};
pub use name::safe_name;
pub(crate) use visit::Kind;
pub use visit::{Member, MemberKind, list};
use visit::{Next, visit};
pub use write::UNFINISHED;

/// A document that names the members.
pub(crate) fn listing<R: Read + Seek>(
    file: &mut R,
    kind: Kind,
    part: &Part,
    meter: &Meter<'_>,
) -> Result<Document, Error> {
    let mut text = String::new();
    let (mut count, mut bytes) = (0u64, 0u64);
    visit(file, kind, meter, &mut |member, _| {
        text.push_str(&member.line());
        count += 1;
        bytes = bytes.saturating_add(member.bytes);
        Ok(Next::GoOn)
    })?;
    let mut document = lines::page(kind.format(), &text, part, meter.limits())?;
    document.notes.push(format!(
        "{count} members of {bytes} bytes in all; read one with part `member: NAME`"
    ));
    Ok(document)
}

/// The bytes of one member.
pub(crate) fn member<R: Read + Seek>(
    file: &mut R,
    kind: Kind,
    name: &str,
    meter: &Meter<'_>,
) -> Result<Vec<u8>, Error> {
    let mut found = None;
    let mut names = Vec::new();
    visit(file, kind, meter, &mut |member, source| {
        let is_wanted = member.name == name || one_line(&member.name) == name;
        if !is_wanted || member.kind != MemberKind::File {
            let is_file = member.kind == MemberKind::File && names.len() < 20;
            names.extend(is_file.then(|| one_line(&member.name)));
            return Ok(Next::GoOn);
        }
        if member.is_encrypted {
            return Err(Error::Encrypted(kind.format()));
        }
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes)?;
        found = Some(bytes);
        Ok(Next::Stop)
    })?;
    found.ok_or_else(|| Error::NoSuchPart {
        asked: format!("member `{name}`"),
        available: format!("there are for example {}", names.join(", ")),
    })
}

/// The bytes that a gzip file holds.
pub(crate) fn unpack_gzip<R: Read>(
    file: &mut R,
    packed: u64,
    meter: &Meter<'_>,
) -> Result<Vec<u8>, Error> {
    let unpacked = flate2::read::MultiGzDecoder::new(file);
    let mut bytes = Vec::new();
    let read = meter.watch(unpacked, packed).read_to_end(&mut bytes);
    read.map_err(|error| crate::xml::unreadable(error, Format::Gzip))?;
    Ok(bytes)
}
