//! One walk over the members of an archive, whatever its kind.

use std::io::{Read, Seek};

use flate2::read::MultiGzDecoder;

use super::{tar, zip};
use crate::clean::{cut, one_line};
use crate::error::Error;
use crate::format::{Format, Magic};
use crate::limits::Limits;
use crate::meter::Meter;
use crate::xml::unreadable;

/// How much of the beginning is looked at to tell what a file is.
const HEAD_BYTES: u64 = 512;
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
    /// Whether its owner may execute it.
    pub is_executable: bool,
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
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    file.rewind()?;
    match Magic::of(&head) {
        Magic::Zip => visit(file, Kind::Zip, &meter, visitor),
        Magic::Tar => visit(file, Kind::Tar, &meter, visitor),
        Magic::Gzip => {
            // All of it is one compressed part; its members are judged each for itself.
            let whole = Limits {
                entry_bytes: limits.unpacked_bytes,
                ..limits.clone()
            };
            packed_tar(file, length, &Meter::new(&whole), &meter, visitor)
        }
        Magic::Pdf | Magic::Compound | Magic::Other(_) | Magic::Text => Err(unsupported()),
    }
}

/// Walks over a tar archive that is packed by gzip, as it is unpacked.
fn packed_tar<R: Read>(
    file: &mut R,
    length: u64,
    whole: &Meter<'_>,
    meter: &Meter<'_>,
    visitor: Visitor<'_>,
) -> Result<(), Error> {
    let mut unpacked = whole.watch(MultiGzDecoder::new(file), length);
    let mut head = Vec::new();
    let walked = unpacked
        .by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(Error::from)
        .and_then(|_| {
            if Magic::of(&head) != Magic::Tar {
                return Err(unsupported());
            }
            tar::visit(&mut head.as_slice().chain(unpacked), meter, visitor)
        });
    walked.map_err(|error| {
        if let Error::Io(error) = error {
            unreadable(error, Format::Gzip)
        } else {
            error
        }
    })
}

fn unsupported() -> Error {
    Error::Unsupported {
        what: "a file that is no ZIP, tar or tar.gz archive".to_owned(),
        cure: "for other archives use the shell, for example with tar, unzip or python3",
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
