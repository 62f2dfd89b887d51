//! What a file that is no text is, by its first bytes, and how a model gets at what is in it.

/// How to get at the text of documents.
const DOCUMENTS: &str = "read it with document_read";
const ARCHIVES: &str = "list it with document_read, or unpack it with archive_unpack";
const OTHER_ARCHIVES: &str = "unpack it with the shell, for example with tar or python3";
const IMAGES: &str = "convert a copy of it to PNG with the shell, for example with python3 or ImageMagick, and read that";
const OTHERS: &str =
    "use the shell to extract what you need, for example with file, strings or python3";

/// Where some bytes are in a file, what they are, what it then is, and what to do with it. The first that fits counts.
const SIGNS: [(usize, &[u8], &str, &str); 26] = [
    (0, b"%PDF-", "a PDF document", DOCUMENTS),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", IMAGES),
    (0, b"\xff\xd8\xff", "a JPEG image", IMAGES),
    (0, b"GIF8", "a GIF image", IMAGES),
    (8, b"WEBP", "a WebP image", IMAGES),
    (0, b"BM", "a BMP image", IMAGES),
    (0, b"II*\0", "a TIFF image", IMAGES),
    (0, b"MM\0*", "a TIFF image", IMAGES),
    (0, b"\x1f\x8b", "a gzip archive", ARCHIVES),
    (0, b"BZh", "a bzip2 archive", OTHER_ARCHIVES),
    (0, b"\xfd7zXZ\0", "an xz archive", OTHER_ARCHIVES),
    (
        0,
        b"\x28\xb5\x2f\xfd",
        "a Zstandard archive",
        OTHER_ARCHIVES,
    ),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", OTHER_ARCHIVES),
    (0, b"Rar!", "a RAR archive", OTHER_ARCHIVES),
    (257, b"ustar", "a tar archive", ARCHIVES),
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "an old Microsoft Office document",
        DOCUMENTS,
    ),
    (
        0,
        b"SQLite format 3\0",
        "an SQLite database",
        "query it with the shell, for example with sqlite3 or python3",
    ),
    (0, b"PAR1", "a Parquet table", OTHERS),
    (0, b"\x7fELF", "a program for Linux", OTHERS),
    (0, b"MZ", "a program for Windows", OTHERS),
    (0, b"\0asm", "a WebAssembly module", OTHERS),
    (0, b"OggS", "an Ogg recording", OTHERS),
    (0, b"fLaC", "a FLAC recording", OTHERS),
    (0, b"ID3", "an MP3 recording", OTHERS),
    (8, b"WAVE", "a WAV recording", OTHERS),
    (4, b"ftyp", "an MP4 or related video", OTHERS),
];

/// Formats that are ZIP archives, by what is in them.
const PACKED: [(&[u8], &str); 6] = [
    (b"word/", "a Word document (DOCX)"),
    (b"xl/", "an Excel workbook (XLSX)"),
    (b"ppt/", "a PowerPoint presentation (PPTX)"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file"),
    (b"mimetypeapplication/epub", "an EPUB book"),
    (b"META-INF/MANIFEST.MF", "a Java archive"),
];

/// What the bytes are and what to do with them, as the rest of a sentence about the file.
pub(super) fn describe(bytes: &[u8]) -> String {
    let (what, advice) = kind(bytes);
    format!("{what} of {} bytes, not text; {advice}", bytes.len())
}

fn kind(bytes: &[u8]) -> (&'static str, &'static str) {
    if bytes.starts_with(b"PK\x03\x04") {
        let packed = PACKED.iter().find(|(name, _)| holds(bytes, name));
        return packed.map_or(("a ZIP archive", ARCHIVES), |(_, what)| (*what, DOCUMENTS));
    }
    let sign = SIGNS.iter().find(|(at, sign, _, _)| {
        let rest = bytes.get(*at..);
        rest.is_some_and(|rest| rest.starts_with(sign))
    });
    if let Some((_, _, what, advice)) = sign {
        return (what, advice);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return (
            "a text in UTF-16",
            "convert it with the shell first: iconv -f UTF-16 -t UTF-8",
        );
    }
    if !bytes.contains(&0)
        && bytes.iter().filter(|byte| byte.is_ascii()).count() * 10 > bytes.len() * 7
    {
        return (
            "perhaps a text in another encoding than UTF-8",
            "convert it with the shell first, for example with iconv -f ISO-8859-1 -t UTF-8",
        );
    }
    ("a binary file", OTHERS)
}

/// Whether the bytes hold these, where the names of packed files can be.
fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_first_bytes_with_the_way_to_what_is_in_it() {
        let mut tar = vec![b'a'; 257];
        tar.extend_from_slice(b"ustar\0");
        for (bytes, what) in [
            (b"%PDF-1.7\n\xff".as_slice(), ("a PDF document", DOCUMENTS)),
            (b"\x89PNG\r\n\x1a\n....", ("a PNG image", IMAGES)),
            (b"RIFF\0\0\0\0WEBPVP8 ", ("a WebP image", IMAGES)),
            (b"RIFF\0\0\0\0WAVEfmt ", ("a WAV recording", OTHERS)),
            (
                b"PK\x03\x04....word/document.xml",
                ("a Word document (DOCX)", DOCUMENTS),
            ),
            (
                b"PK\x03\x04....xl/workbook.xml",
                ("an Excel workbook (XLSX)", DOCUMENTS),
            ),
            (b"PK\x03\x04....a.txt", ("a ZIP archive", ARCHIVES)),
            (&tar, ("a tar archive", ARCHIVES)),
            (b"a\0b", ("a binary file", OTHERS)),
            (b"", ("a binary file", OTHERS)),
        ] {
            assert_eq!(kind(bytes), what, "{bytes:?}");
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_named_with_its_cure() {
        assert!(describe(b"Stra\xdfe und Gr\xfc\xdfe").ends_with("iconv -f ISO-8859-1 -t UTF-8"));
        assert!(describe(b"\xff\xfea\0").starts_with("a text in UTF-16 of 4 bytes"));
        let noise: Vec<u8> = (128..=255).collect();
        assert_eq!(kind(&noise), ("a binary file", OTHERS));
    }
}
