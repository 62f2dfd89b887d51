//! The walk over a ZIP archive.

use std::io::{Read, Seek, empty};

use zip::read::ZipFile;

use super::visit::{Member, MemberKind, Next, Visitor};
use crate::error::Error;
use crate::format::Format;
use crate::meter::Meter;
use crate::package::{open_zip, refused};
use crate::xml::unreadable;

/// Walks over the members as the directory at the end names them.
pub(super) fn visit<R: Read + Seek>(
    file: &mut R,
    meter: &Meter<'_>,
    visitor: Visitor<'_>,
) -> Result<(), Error> {
    let failed = |error| refused(error, Format::Zip);
    let mut archive = open_zip(file, Format::Zip, meter)?;
    for index in 0..archive.len() {
        let member = member(&archive.by_index_raw(index).map_err(failed)?)?;
        let next = if member.is_encrypted || member.kind != MemberKind::File {
            visitor(&member, &mut empty())
        } else {
            let file = archive.by_index(index).map_err(failed)?;
            let packed = file.compressed_size();
            visitor(&member, &mut meter.watch(file, packed))
        };
        let next = next.map_err(|error| {
            if let Error::Io(error) = error {
                unreadable(error, Format::Zip)
            } else {
                error
            }
        })?;
        if next == Next::Stop {
            break;
        }
    }
    Ok(())
}

fn member<R: Read>(file: &ZipFile<'_, R>) -> Result<Member, Error> {
    let name = file.name().map_err(|error| refused(error, Format::Zip))?;
    let kind = if file.is_symlink() {
        MemberKind::Other
    } else if file.is_dir() {
        MemberKind::Folder
    } else {
        MemberKind::File
    };
    Ok(Member {
        name: name.into_owned(),
        kind,
        bytes: file.size(),
        is_encrypted: file.encrypted(),
        is_executable: file.unix_mode().is_some_and(|mode| mode & 0o100 != 0),
    })
}
