//! The way from bytes to text: finds out what the file is, and hands it to the one who reads that kind.

use std::io::{Cursor, Read, Seek, SeekFrom};

use crate::archive;
use crate::compound::Compound;
use crate::document::Document;
use crate::encoding::decode;
use crate::error::Error;
use crate::format::{Format, Magic, READABLE, by_name, extension, of_text};
use crate::limits::Limits;
use crate::meter::Meter;
use crate::package::{Package, open_zip};
use crate::request::{Part, Request};
use crate::{delimited, docx, html, json, lines, ods, odt, pdf, pptx, xls, xlsx};

/// How much of the beginning is looked at to tell what a file is.
const HEAD_BYTES: u64 = 2048;

/// Reads a part of a document as text.
///
/// `name` is the file's name; its extension decides where the first bytes do not.
pub fn read<R: Read + Seek>(
    file: &mut R,
    name: &str,
    request: &Request,
    limits: &Limits,
) -> Result<Document, Error> {
    let meter = Meter::new(limits);
    let reading = Reading {
        request,
        meter: &meter,
        nested: 0,
    };
    reading.read(file, name, &request.part)
}

/// One answer in the making, which may go through several files that lie in each other.
#[derive(Clone, Copy)]
struct Reading<'r> {
    request: &'r Request,
    meter: &'r Meter<'r>,
    /// How many archives the file lies in.
    nested: u64,
}

impl Reading<'_> {
    fn limits(&self) -> &Limits {
        self.meter.limits()
    }

    /// The request with another part.
    fn asking(&self, part: &Part) -> Request {
        Request {
            part: part.clone(),
            ..self.request.clone()
        }
    }

    fn read<R: Read + Seek>(
        self,
        file: &mut R,
        name: &str,
        part: &Part,
    ) -> Result<Document, Error> {
        let length = file.seek(SeekFrom::End(0))?;
        let allowed = self.limits().input_bytes;
        if length > allowed {
            let what = format!("a file of {length} bytes");
            return Err(Error::limit("input_bytes", allowed, what));
        }
        file.rewind()?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        file.rewind()?;
        let mut document = match Magic::of(&head) {
            Magic::Pdf => pdf::read(all(file)?, part, self.meter),
            Magic::Zip => self.zip(file, part),
            Magic::Gzip => self.gzip(file, length, name, part),
            Magic::Tar => self.archive(file, archive::Kind::Tar, part),
            Magic::Compound => self.compound(&all(file)?, name, part),
            Magic::Other(what) => Err(Error::Unsupported {
                what: what.to_owned(),
                cure: READABLE,
            }),
            Magic::Text => self.text(&all(file)?, name, part),
        }?;
        if let Some(promised) = by_name(name).filter(|&promised| promised != document.format) {
            let is_kin = promised == Format::Gzip || document.format == Format::Text;
            if !is_kin || is_binary(promised) {
                let (own, promised) = (document.format, promised);
                document
                    .notes
                    .insert(0, format!("its name promises {promised}, but it is {own}"));
            }
        }
        Ok(document)
    }

    fn zip<R: Read + Seek>(self, file: &mut R, part: &Part) -> Result<Document, Error> {
        let archive = open_zip(&mut *file, Format::Zip, self.meter)?;
        let has = |name: &str| archive.index_for_name(name).is_some();
        if has("xl/workbook.bin") {
            return Err(Error::Unsupported {
                what: "a binary workbook (.xlsb)".to_owned(),
                cure: "ask for it as .xlsx",
            });
        }
        let request = self.asking(part);
        let package = |archive, format| Package::new(archive, format, self.meter);
        let is_open = has("content.xml") && has("mimetype");
        if has("xl/workbook.xml") {
            return xlsx::read(package(archive, Format::Xlsx), &request);
        }
        if has("ppt/presentation.xml") {
            return pptx::read(package(archive, Format::Pptx), &request);
        }
        if has("word/document.xml") || has("word/document2.xml") {
            return docx::read(package(archive, Format::Docx), &request);
        }
        if is_open {
            let mut package = package(archive, Format::Odt);
            match package.open_document()? {
                Some(Format::Ods) => return ods::read(package.named(Format::Ods), &request),
                Some(_) => return odt::read(package, &request),
                None => drop(package),
            }
        } else {
            drop(archive);
        }
        self.archive(file, archive::Kind::Zip, part)
    }

    /// Reads what is in the container of old office documents and of encrypted new ones.
    fn compound(self, bytes: &[u8], name: &str, part: &Part) -> Result<Document, Error> {
        // Wherever it stands: what is encrypted may be damaged as well.
        let mark: Vec<u8> = "EncryptedPackage"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        if bytes.windows(mark.len()).any(|window| window == mark) {
            return Err(Error::Encrypted(by_name(name).unwrap_or(Format::Docx)));
        }
        let container = Compound::open(bytes)?;
        // Documents of Word and presentations may hold workbooks.
        let is_other = container.has("WordDocument") || container.has("PowerPoint Document");
        let workbook = ["Workbook", "Book"]
            .iter()
            .find_map(|name| container.stream(name))
            .filter(|_| !is_other);
        match workbook {
            Some(stream) => xls::read(&stream, &self.asking(part), self.limits()),
            None => Err(Error::Unsupported {
                what: "a Word or PowerPoint document of before 2007, a mail or an installer"
                    .to_owned(),
                cure: READABLE,
            }),
        }
    }

    fn archive<R: Read + Seek>(
        self,
        file: &mut R,
        kind: archive::Kind,
        part: &Part,
    ) -> Result<Document, Error> {
        let Part::Member { name, part } = part else {
            return archive::listing(file, kind, part, self.meter);
        };
        let inner = self.deeper()?;
        let bytes = archive::member(file, kind, name, self.meter)?;
        let mut document = inner.read(&mut Cursor::new(bytes), name, part)?;
        document.shown = format!("member `{name}`, {}", document.shown);
        document.next = document
            .next
            .map(|next| match next.strip_prefix("member: ") {
                // The archive inside was listed, and is named by its own part already.
                Some(_) => next,
                None => format!("member: {name} # {next}"),
            });
        Ok(document)
    }

    fn gzip<R: Read + Seek>(
        self,
        file: &mut R,
        length: u64,
        name: &str,
        part: &Part,
    ) -> Result<Document, Error> {
        let inner = self.deeper()?;
        let bytes = archive::unpack_gzip(file, length, self.meter)?;
        let inner_name = match extension(name).as_str() {
            "gz" => &name[..name.len() - 3],
            _ => "",
        };
        inner.read(&mut Cursor::new(bytes), inner_name, part)
    }

    fn deeper(self) -> Result<Self, Error> {
        let allowed = self.limits().nested_archives;
        if self.nested >= allowed {
            let what = "archives within archives";
            return Err(Error::limit("nested_archives", allowed, what));
        }
        let nested = self.nested + 1;
        Ok(Self { nested, ..self })
    }

    fn text(self, bytes: &[u8], name: &str, part: &Part) -> Result<Document, Error> {
        let Some(decoded) = decode(bytes) else {
            return Err(Error::Unsupported {
                what: "a binary file of an unknown kind".to_owned(),
                cure: READABLE,
            });
        };
        let limits = self.limits();
        let text = decoded.text.as_str();
        let plain =
            |text: &str| lines::page(Format::Text, &crate::clean::clean(text), part, limits);
        let mut document = match of_text(text, name) {
            Format::Delimited => delimited::read(text, name, part, limits)?,
            Format::Html => self.html(text, part)?,
            Format::Json if matches!(part, Part::Units(_)) => plain(text)?,
            Format::Json => match json::read(text, part, limits) {
                Err(Error::Malformed { why, .. }) => {
                    let mut document = plain(text)?;
                    document.notes.push(format!("this is no valid JSON: {why}"));
                    document
                }
                answer => answer?,
            },
            Format::Text
            | Format::Pdf
            | Format::Docx
            | Format::Pptx
            | Format::Xlsx
            | Format::Xls
            | Format::Odt
            | Format::Ods
            | Format::Zip
            | Format::Tar
            | Format::Gzip => plain(text)?,
        };
        document.notes.extend(decoded.note);
        Ok(document)
    }

    fn html(self, text: &str, part: &Part) -> Result<Document, Error> {
        let options = html::Options {
            full: self.request.full,
            ..html::Options::default()
        };
        let page = html::to_markdown(text, self.request.page.as_ref(), &options);
        let mut document = lines::page(Format::Html, &page.whole(), part, self.limits())?;
        if !options.full && page.is_shortened {
            let note = "this is the main text; ask for the full page for menus and margins";
            document.notes.push(note.to_owned());
        }
        if page.hidden > 0 {
            document
                .notes
                .push(format!("{} hidden elements are left out", page.hidden));
        }
        Ok(document)
    }
}

/// Whether a file of this kind cannot be read as text.
fn is_binary(format: Format) -> bool {
    match format {
        Format::Pdf
        | Format::Docx
        | Format::Pptx
        | Format::Xlsx
        | Format::Xls
        | Format::Odt
        | Format::Ods
        | Format::Zip
        | Format::Tar
        | Format::Gzip => true,
        Format::Delimited | Format::Html | Format::Json | Format::Text => false,
    }
}

fn all<R: Read>(file: &mut R) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
