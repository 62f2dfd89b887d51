//! Office documents and archives written by hand.

use std::io::{Cursor, Write as _};

use documents::{Document, Error, Limits, Part, Request, read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A ZIP archive of these members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in members {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A tar archive of these members: name, kind, bytes.
pub fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, bytes) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = *kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// The relations of a part.
pub fn relations(list: &[(&str, &str, &str)]) -> Vec<u8> {
    let relation = |(id, kind, target): &(&str, &str, &str)| {
        let mode = if target.contains("://") {
            " TargetMode='External'"
        } else {
            ""
        };
        format!(
            "<Relationship Id='{id}' Type='http://x/relationships/{kind}' Target='{target}'{mode}/>"
        )
    };
    let all: String = list.iter().map(relation).collect();
    format!("<Relationships>{all}</Relationships>").into_bytes()
}

/// A workbook with two sheets, of which the second is hidden.
pub fn workbook(sheet: &str, hidden: &str) -> Vec<u8> {
    let book = "<workbook xmlns:r='r'><workbookPr/><sheets><sheet name='Costs' sheetId='1' r:id='rId1'/>\
        <sheet name=\"Bob's &amp; co\" sheetId='2' state='hidden' r:id='rId2'/></sheets></workbook>";
    let relations = relations(&[
        ("rId1", "worksheet", "worksheets/sheet1.xml"),
        ("rId2", "worksheet", "/xl/worksheets/sheet2.xml"),
        ("rId3", "sharedStrings", "sharedStrings.xml"),
        ("rId4", "styles", "styles.xml"),
    ]);
    let strings = "<sst><si><t>Item</t></si><si><r><t>Two </t></r><r><t xml:space='preserve'>parts</t></r><rPh><t>x</t></rPh></si></sst>";
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm\\-dd\\ hh:mm'/></numFmts>\
        <cellStyleXfs><xf numFmtId='14'/></cellStyleXfs>\
        <cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='9'/></cellXfs></styleSheet>";
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", &relations),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/styles.xml", styles.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/worksheets/sheet2.xml", hidden.as_bytes()),
    ])
}

/// A document of Word with this body.
pub fn word(body: &str) -> Vec<u8> {
    let styles = "<w:styles xmlns:w='w'><w:style w:styleId='H1'><w:name w:val='heading 1'/></w:style>\
        <w:style w:styleId='Sub'><w:basedOn w:val='H1'/></w:style>\
        <w:style w:styleId='LB'><w:name w:val='List Bullet'/><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style></w:styles>";
    let numbering = "<w:numbering xmlns:w='w'><w:abstractNum w:abstractNumId='7'><w:lvl w:ilvl='0'><w:numFmt w:val='bullet'/></w:lvl></w:abstractNum>\
        <w:abstractNum w:abstractNumId='8'><w:lvl w:ilvl='0'><w:numFmt w:val='decimal'/></w:lvl><w:lvl w:ilvl='1'><w:numFmt w:val='lowerLetter'/></w:lvl></w:abstractNum>\
        <w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num><w:num w:numId='2'><w:abstractNumId w:val='8'/></w:num></w:numbering>";
    let footnotes = "<w:footnotes xmlns:w='w'><w:footnote w:type='separator' w:id='0'><w:p><w:r><w:t>---</w:t></w:r></w:p></w:footnote>\
        <w:footnote w:id='2'><w:p><w:r><w:t>See page 9.</w:t></w:r></w:p></w:footnote></w:footnotes>";
    let body = format!(
        "<w:document xmlns:w='w' xmlns:r='r' xmlns:mc='mc'><w:body>{body}</w:body></w:document>"
    );
    zip(&[
        (
            "_rels/.rels",
            &relations(&[("a", "officeDocument", "word/document.xml")]),
        ),
        ("word/document.xml", body.as_bytes()),
        (
            "word/_rels/document.xml.rels",
            &relations(&[
                ("s", "styles", "styles.xml"),
                ("n", "numbering", "numbering.xml"),
                ("f", "footnotes", "footnotes.xml"),
                ("l", "hyperlink", "https://example.com/a b"),
            ]),
        ),
        ("word/styles.xml", styles.as_bytes()),
        ("word/numbering.xml", numbering.as_bytes()),
        ("word/footnotes.xml", footnotes.as_bytes()),
    ])
}

/// A presentation of two slides, the second of them hidden.
pub fn slides(first: &str, second: &str, notes: &str) -> Vec<u8> {
    let list = "<p:presentation xmlns:p='p' xmlns:r='r'><p:sldIdLst><p:sldId id='256' r:id='b'/><p:sldId id='257' r:id='a'/></p:sldIdLst></p:presentation>";
    let slide = |attributes: &str, shapes: &str| {
        format!(
            "<p:sld xmlns:p='p' xmlns:a='a' {attributes}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
    };
    zip(&[
        ("ppt/presentation.xml", list.as_bytes()),
        (
            "ppt/_rels/presentation.xml.rels",
            &relations(&[
                ("a", "slide", "slides/slide1.xml"),
                ("b", "slide", "slides/slide2.xml"),
            ]),
        ),
        ("ppt/slides/slide2.xml", slide("", first).as_bytes()),
        (
            "ppt/slides/slide1.xml",
            slide("show='0'", second).as_bytes(),
        ),
        (
            "ppt/slides/_rels/slide2.xml.rels",
            &relations(&[("n", "notesSlide", "../notesSlides/n.xml")]),
        ),
        ("ppt/notesSlides/n.xml", slide("", notes).as_bytes()),
    ])
}

/// Reads a part of a document with the usual limits.
pub fn try_read(bytes: &[u8], name: &str, part: &str) -> Result<Document, Error> {
    let request = Request {
        part: Part::parse(part)?,
        ..Request::default()
    };
    read(&mut Cursor::new(bytes), name, &request, &Limits::default())
}

/// The whole answer as text.
pub fn shown(bytes: &[u8], name: &str, part: &str) -> String {
    try_read(bytes, name, part).unwrap().to_string()
}

/// The text of the error.
pub fn refused(bytes: &[u8], name: &str, part: &str) -> String {
    try_read(bytes, name, part).unwrap_err().to_string()
}
