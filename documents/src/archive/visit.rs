//! One walk over the members of an archive, whatever its kind.

use std::io::{Cursor, Read, Seek};

use super::{tar, unpack_gzip, zip};
use crate::clean::{cut, one_line};
use crate::error::Error;
use crate::format::{Format, Magic};
use crate::limits::Limits;
use crate::meter::Meter;

/// Characters of a name in a listing.
const NAME_CHARS: u64 = 500;

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Tar,
}

impl Kind {
    pub fn format(self) -> Format {
        match self {
            Self::Zip => Format::Zip,
            Self::Tar => Format::Tar,
        }
    }
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A file with bytes.
    File,
    /// A folder.
    Folder,
    /// A link, a device, or anything else that is never written.
    Other,
}

/// One member as the archive tells it; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name as it stands in the archive.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
    /// The bytes that it claims to have.
    pub bytes: u64,
    /// Whether a password is needed.
    pub is_encrypted: bool,
}

impl Member {
    /// The member as a line of a listing.
    pub(crate) fn line(&self) -> String {
        let name = cut(&one_line(&self.name), NAME_CHARS);
        let encrypted = if self.is_encrypted { ", encrypted" } else { "" };
        match self.kind {
            MemberKind::File => format!("- {name} ({} bytes{encrypted})\n", self.bytes),
            MemberKind::Folder => format!("- {name} (folder)\n"),
            MemberKind::Other => format!("- {name} (link or device)\n"),
        }
    }
}

/// Whether a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    Stop,
}

/// Who looks at the members. The bytes need not be read.
pub(crate) type Visitor<'v> = &'v mut dyn FnMut(&Member, &mut dyn Read) -> Result<Next, Error>;

/// Walks over the members in their order.
pub(crate) fn visit<R: Read + Seek>(
    file: &mut R,
    kind: Kind,
    meter: &Meter<'_>,
    visitor: Visitor<'_>,
) -> Result<(), Error> {
    file.rewind()?;
    match kind {
        Kind::Zip => zip::visit(file, meter, visitor),
        Kind::Tar => tar::visit(file, meter, visitor),
    }
}

/// Opens an archive by its first bytes, and walks over its members.
pub(super) fn open<R: Read + Seek>(
    file: &mut R,
    limits: &Limits,
    visitor: Visitor<'_>,
) -> Result<(), Error> {
    let meter = Meter::new(limits);
    let length = file.seek(std::io::SeekFrom::End(0))?;
    if length > limits.input_bytes {
        let what = format!("a file of {length} bytes");
        return Err(Error::limit("input_bytes", limits.input_bytes, what));
    }
    file.rewind()?;
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head)?;
    file.rewind()?;
    match Magic::of(&head) {
        Magic::Zip => visit(file, Kind::Zip, &meter, visitor),
        Magic::Tar => visit(file, Kind::Tar, &meter, visitor),
        Magic::Gzip => {
            let bytes = unpack_gzip(file, length, &meter)?;
            let mut inner = Cursor::new(bytes);
            if Magic::of(inner.get_ref()) != Magic::Tar {
                return Err(unsupported());
            }
            // The bytes of the members were counted when they were unpacked.
            visit(&mut inner, Kind::Tar, &Meter::new(limits), visitor)
        }
        Magic::Pdf | Magic::Compound | Magic::Other(_) | Magic::Text => Err(unsupported()),
    }
}

fn unsupported() -> Error {
    Error::Unsupported {
        what: "a file that is no archive".to_owned(),
        cure: "ZIP, tar and tar.gz are read",
    }
}

/// The members of an archive.
pub fn list<R: Read + Seek>(file: &mut R, limits: &Limits) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    open(file, limits, &mut |member, _| {
        members.push(member.clone());
        Ok(Next::GoOn)
    })?;
    Ok(members)
}
