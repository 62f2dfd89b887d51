//! Files as strangers send them in, made by hand: pages, documents, tables and archives that carry a text.

/// What stands between the marks of HTML and XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub fn html(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html><head>{head}</head><body><main><h1>Homes</h1><p>Three homes are for sale in the old town, near \
         the river, with a garden each and a price that is fair for what they are.</p>{body}</main></body></html>"
    )
}

/// A PDF of one page with one line of text.
pub fn pdf(line: &str) -> Vec<u8> {
    // As WinAnsiEncoding has it, which is Latin-1 for all that is written here.
    let shown: Vec<u8> = line
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let mut content = b"BT /F1 4 Tf 10 700 Td (".to_vec();
    for byte in shown {
        if b"()\\".contains(&byte) {
            content.push(b'\\');
        }
        content.push(byte);
    }
    content.extend_from_slice(b") Tj ET");
    let font = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>";
    let stream = [
        format!("<< /Length {} >>\nstream\n", content.len()).as_bytes(),
        &content,
        b"\nendstream",
    ]
    .concat();
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 3000 800] /Resources << {font} >> >>").into_bytes(),
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>".to_vec(),
        stream,
    ];
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(file.len());
        file.extend(format!("{number} 0 obj\n").as_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in &places {
        file.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    );
    file.extend(end.as_bytes());
    file
}

/// A DOCX with one paragraph.
pub fn docx(text: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>\
         <w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>",
        escaped(text)
    );
    package(
        "word/document.xml",
        "officeDocument",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        &[("word/document.xml", document)],
    )
}

/// An XLSX whose first cell holds a text.
pub fn xlsx(text: &str) -> Vec<u8> {
    let book = "<?xml version=\"1.0\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"People\" sheetId=\"1\" \
        r:id=\"rId1\"/></sheets></workbook>";
    let relations = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
        <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
        Target=\"worksheets/sheet1.xml\"/></Relationships>";
    let sheet = format!(
        "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>\
         <row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{}</t></is></c></row></sheetData></worksheet>",
        escaped(text)
    );
    package(
        "xl/workbook.xml",
        "officeDocument",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        &[
            ("xl/workbook.xml", book.to_owned()),
            ("xl/_rels/workbook.xml.rels", relations.to_owned()),
            ("xl/worksheets/sheet1.xml", sheet),
        ],
    )
}

fn package(main: &str, kind: &str, media_type: &str, parts: &[(&str, String)]) -> Vec<u8> {
    let types = format!(
        "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
         Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
         ContentType=\"application/xml\"/><Override PartName=\"/{main}\" ContentType=\"{media_type}\"/></Types>"
    );
    let relations = format!(
        "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
         Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{main}\"/></Relationships>"
    );
    let mut members = vec![("[Content_Types].xml", types), ("_rels/.rels", relations)];
    members.extend(parts.iter().cloned());
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    zip(&members)
}

/// An archive of members that are not packed.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let place = file.len();
        // Version, flags (names are UTF-8), method, time, date, checksum, both sizes, both lengths.
        let common = [
            &20_u16.to_le_bytes()[..],
            &0x0800_u16.to_le_bytes(),
            &[0; 6],
            &checksum(bytes).to_le_bytes(),
            &long(bytes.len()),
            &long(bytes.len()),
            &short(name.len()),
            &[0; 2],
        ]
        .concat();
        file.extend([&b"PK\x03\x04"[..], &common[..], name.as_bytes(), bytes].concat());
        directory.extend(
            [
                &b"PK\x01\x02"[..],
                &20_u16.to_le_bytes()[..],
                &common,
                &[0; 10],
                &long(place),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let place = file.len();
    file.extend(&directory);
    let count = short(members.len());
    file.extend(
        [
            &b"PK\x05\x06"[..],
            &[0; 4][..],
            &count,
            &count,
            &long(directory.len()),
            &long(place),
            &[0; 2],
        ]
        .concat(),
    );
    file
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 * (sum & 1));
        }
    }
    !sum
}
