//! What kind of file this is, by its first bytes and then by its name.

use std::fmt;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Portable Document Format.
    Pdf,
    /// Text documents of Office.
    Docx,
    /// Presentations of Office.
    Pptx,
    /// Workbooks of Office.
    Xlsx,
    /// Workbooks of Office before 2007.
    Xls,
    /// Text documents of `OpenDocument`.
    Odt,
    /// Workbooks of `OpenDocument`.
    Ods,
    /// Values parted by commas, tabs, semicolons or bars.
    Delimited,
    /// A page of the web.
    Html,
    /// JavaScript Object Notation.
    Json,
    /// A ZIP archive.
    Zip,
    /// A tar archive.
    Tar,
    /// One file or a tar archive, compressed by gzip.
    Gzip,
    /// Markdown or any other text.
    Text,
}

impl fmt::Display for Format {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Pdf => "PDF",
            Self::Docx => "DOCX",
            Self::Pptx => "PPTX",
            Self::Xlsx => "XLSX",
            Self::Xls => "XLS",
            Self::Odt => "ODT",
            Self::Ods => "ODS",
            Self::Delimited => "CSV",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Zip => "ZIP",
            Self::Tar => "TAR",
            Self::Gzip => "GZIP",
            Self::Text => "text",
        })
    }
}

/// What can be read, as the end of a sentence about what cannot.
pub(crate) const READABLE: &str = "what can be is PDF, DOCX, ODT, PPTX, XLSX, XLS, ODS, CSV, HTML, JSON and other text, and what is \
    in ZIP, tar and gzip archives";

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Magic {
    Pdf,
    /// A ZIP archive, which may be an office document.
    Zip,
    Gzip,
    Tar,
    /// The container of the office documents of before 2007, and of those with a password.
    Compound,
    /// A kind without text, or that is not read, by its name.
    Other(&'static str),
    /// Nothing: text, as far as its first bytes tell.
    Text,
}

/// Kinds that are recognised so that they can be named.
const OTHERS: [(&[u8], &str); 14] = [
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xFD7zXZ\0", "an xz file"),
    (b"\x28\xB5\x2F\xFD", "a zstd file"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7FELF", "a program"),
    (b"%!PS", "a PostScript document"),
];

/// How far into the file the mark of a PDF may be: readers are that lenient.
const PDF_MARK_BYTES: usize = 1024;

impl Magic {
    /// `head` is the first kibibyte of the file or more.
    pub fn of(head: &[u8]) -> Self {
        let early = &head[..head.len().min(PDF_MARK_BYTES)];
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Self::Zip;
        }
        if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
            return Self::Compound;
        }
        if head.starts_with(b"\x1F\x8B") {
            return Self::Gzip;
        }
        if head.get(257..262) == Some(b"ustar") {
            return Self::Tar;
        }
        let other = OTHERS.iter().find(|(mark, _)| head.starts_with(mark));
        if let Some((_, what)) = other {
            return Self::Other(what);
        }
        if early.windows(5).any(|bytes| bytes == b"%PDF-") {
            return Self::Pdf;
        }
        Self::Text
    }
}

/// The part of a name after its last dot, in small letters.
pub(crate) fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    extension.unwrap_or_default().to_lowercase()
}

/// What a name promises, if it promises anything.
pub(crate) fn by_name(name: &str) -> Option<Format> {
    Some(match extension(name).as_str() {
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" => Format::Docx,
        "pptx" | "pptm" | "ppsx" => Format::Pptx,
        "xlsx" | "xlsm" | "xltx" => Format::Xlsx,
        "xls" | "xlt" => Format::Xls,
        "odt" | "ott" => Format::Odt,
        "ods" | "ots" => Format::Ods,
        "csv" | "tsv" | "tab" => Format::Delimited,
        "html" | "htm" | "xhtml" => Format::Html,
        "json" | "geojson" | "ipynb" => Format::Json,
        "zip" | "jar" | "epub" => Format::Zip,
        "tar" => Format::Tar,
        "gz" | "tgz" => Format::Gzip,
        "md" | "markdown" | "txt" | "log" | "rst" | "jsonl" | "ndjson" => Format::Text,
        _ => return None,
    })
}

/// What text is, by its name and then by how it begins.
pub(crate) fn of_text(text: &str, name: &str) -> Format {
    let mut start: String = text.trim_start().chars().take(256).collect();
    start.make_ascii_lowercase();
    let is_page = start.starts_with("<!doctype html") || start.starts_with("<html");
    match by_name(name) {
        Some(named @ (Format::Delimited | Format::Html | Format::Json | Format::Text)) => named,
        _ if is_page => Format::Html,
        None if start.starts_with('{') => Format::Json,
        _ => Format::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_before_the_name_does() {
        assert_eq!(Magic::of(b"%PDF-1.7"), Magic::Pdf);
        assert_eq!(Magic::of(b"junk before it %PDF-1.4"), Magic::Pdf);
        assert_eq!(Magic::of(b"PK\x03\x04..."), Magic::Zip);
        assert_eq!(Magic::of(b"\x1F\x8B\x08"), Magic::Gzip);
        assert_eq!(Magic::of(b"GIF89a"), Magic::Other("a GIF image"));
        assert_eq!(Magic::of(b""), Magic::Text);
    }

    #[test]
    fn text_is_told_apart_by_its_name_and_then_by_its_start() {
        assert_eq!(of_text("a,b", "x.CSV"), Format::Delimited);
        assert_eq!(of_text(" <!DOCTYPE html>", "report.pdf"), Format::Html);
        assert_eq!(of_text("{\"a\": 1}", "answer"), Format::Json);
        assert_eq!(of_text("[info] started", "server.log"), Format::Text);
    }
}
