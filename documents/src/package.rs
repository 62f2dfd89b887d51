//! Office documents as packages: ZIP archives of XML parts that name each other.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::error::Error;
use crate::format::Format;
use crate::meter::{Meter, Watched};
use crate::xml;

/// How much of a part that is no XML is looked at.
const START_BYTES: u64 = 256 << 10;

/// A part that is being read.
pub(crate) type PartReader<'p, 'm, 'l, R> = xml::Reader<BufReader<Watched<'m, 'l, ZipFile<'p, R>>>>;

/// An open package.
pub(crate) struct Package<'m, 'l, R> {
    archive: ZipArchive<R>,
    meter: &'m Meter<'l>,
    format: Format,
}

/// What a part names by an id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Relation {
    /// The last word of its kind, for example `hyperlink`.
    pub kind: String,
    /// A part of the package by its full name, or an address outside.
    pub target: String,
}

/// Opens a ZIP archive, and judges the number of its members.
pub(crate) fn open_zip<R: Read + Seek>(
    file: R,
    format: Format,
    meter: &Meter<'_>,
) -> Result<ZipArchive<R>, Error> {
    let archive = ZipArchive::new(file).map_err(|error| refused(error, format))?;
    if archive.metadata().has_duplicate_names() {
        // The reader knows the last of them alone, and others would take the first.
        let why = "it names one member twice, so which of the two is meant cannot be known; if it is to be trusted, look at both in the \
            shell with python3's zipfile";
        return Err(Error::malformed(format, why));
    }
    let allowed = meter.limits().entries;
    if archive.len() as u64 > allowed {
        let what = format!("an archive of {} members", archive.len());
        return Err(Error::limit("entries", allowed, what));
    }
    Ok(archive)
}

/// What an error of the archive's reader means.
pub(crate) fn refused(error: ZipError, format: Format) -> Error {
    let wants_password = matches!(
        error,
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword
    );
    if wants_password {
        return Error::Encrypted(format);
    }
    if let ZipError::Io(error) = error {
        return xml::unreadable(error, format);
    }
    Error::malformed(format, error.to_string())
}

impl<'m, 'l, R: Read + Seek> Package<'m, 'l, R> {
    pub fn new(archive: ZipArchive<R>, format: Format, meter: &'m Meter<'l>) -> Self {
        Self {
            archive,
            meter,
            format,
        }
    }

    pub fn meter(&self) -> &'m Meter<'l> {
        self.meter
    }

    /// Reads a part as XML; `None` if the package has no such part.
    pub fn part(&mut self, name: &str) -> Result<Option<PartReader<'_, 'm, 'l, R>>, Error> {
        let name = name.trim_start_matches('/');
        let Some(index) = self.archive.index_for_name(name) else {
            return Ok(None);
        };
        let file = self.archive.by_index(index);
        let file = file.map_err(|error| refused(error, self.format))?;
        let packed = file.compressed_size();
        let source = BufReader::new(self.meter.watch(file, packed));
        let depth_max = self.meter.limits().depth;
        Ok(Some(xml::Reader::new(source, self.format, depth_max)))
    }

    /// The same package, as another kind.
    pub fn named(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Which kind of `OpenDocument` this is, of those that are read; `None` for any other archive.
    pub fn open_document(&mut self) -> Result<Option<Format>, Error> {
        let kind = self.start_of("mimetype")?;
        let kind = kind
            .trim()
            .strip_prefix("application/vnd.oasis.opendocument.");
        let format = match kind.map(|kind| kind.trim_end_matches("-template")) {
            Some("text") => Format::Odt,
            Some("spreadsheet") => Format::Ods,
            Some(_) | None => return Ok(None),
        };
        if self
            .start_of("META-INF/manifest.xml")?
            .contains("encryption-data")
        {
            return Err(Error::Encrypted(format));
        }
        Ok(Some(format))
    }

    /// The beginning of a part as text; empty if there is no such part.
    fn start_of(&mut self, name: &str) -> Result<String, Error> {
        let Some(index) = self.archive.index_for_name(name) else {
            return Ok(String::new());
        };
        let file = self.archive.by_index(index);
        let file = file.map_err(|error| refused(error, self.format))?;
        let packed = file.compressed_size();
        let mut bytes = Vec::new();
        let mut start = self.meter.watch(file, packed).take(START_BYTES);
        let read = start.read_to_end(&mut bytes);
        read.map_err(|error| xml::unreadable(error, self.format))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A part that the package must have.
    pub fn must_part(&mut self, name: &str) -> Result<PartReader<'_, 'm, 'l, R>, Error> {
        let missing = Error::malformed(self.format, format!("it has no part `{name}`"));
        self.part(name)?.ok_or(missing)
    }

    /// What a part names, by id.
    pub fn relations(&mut self, part: &str) -> Result<BTreeMap<String, Relation>, Error> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let name = format!("{folder}/_rels/{file}.rels");
        let mut relations = BTreeMap::new();
        let Some(mut reader) = self.part(&name)? else {
            return Ok(relations);
        };
        while let Some(element) = reader.open_within(0)? {
            let said = |name| element.attribute(name).unwrap_or_default();
            if element.name != "Relationship" {
                continue;
            }
            let is_outside = said("TargetMode") == "External";
            let target = said("Target");
            let kind = said("Type").rsplit('/').next().unwrap_or_default();
            let relation = Relation {
                kind: kind.to_owned(),
                target: if is_outside {
                    target.to_owned()
                } else {
                    resolve(folder, target)
                },
            };
            relations.insert(said("Id").to_owned(), relation);
        }
        Ok(relations)
    }
}

/// The full name of a part that is named from a folder.
fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." | "" => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_from_the_folder_of_the_part_that_names_them() {
        let cases = [
            (
                "ppt/slides",
                "../notesSlides/n1.xml",
                "ppt/notesSlides/n1.xml",
            ),
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/a.xml", "xl/a.xml"),
            ("", "../../word/./document.xml", "word/document.xml"),
        ];
        for (folder, target, full) in cases {
            assert_eq!(resolve(folder, target), full);
        }
    }
}
