//! PDFs written by hand.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Data as `FlateDecode` has it.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A stream with the entries of its dictionary.
pub fn stream(entries: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("<< {entries} /Length {} >>\nstream\n", bytes.len());
    [head.as_bytes(), bytes, b"\nendstream"].concat()
}

/// A file of these objects, numbered from 1. The first one is the catalogue.
pub fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
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
    let size = objects.len() + 1;
    file.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").as_bytes(),
    );
    file
}

/// The objects of a file with one page for each content. Fonts and forms are named by the resources.
pub fn pages(resources: &str, contents: &[Vec<u8>], others: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let first_page = 3 + others.len();
    let kids: Vec<String> = (0..contents.len())
        .map(|page| format!("{} 0 R", first_page + 2 * page))
        .collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Type /Pages /Count {} /Kids [{}] /MediaBox [0 0 600 800] /Resources << {resources} >> >>",
            contents.len(),
            kids.join(" ")
        )
        .into_bytes(),
    ];
    objects.extend_from_slice(others);
    for (page, content) in contents.iter().enumerate() {
        let content_number = first_page + 2 * page + 1;
        objects.push(
            format!("<< /Type /Page /Parent 2 0 R /Contents {content_number} 0 R >>").into_bytes(),
        );
        objects.push(content.clone());
    }
    objects
}

pub const HELVETICA: &str = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>";

/// A page that shows this text at the left.
pub fn line(text: &str) -> Vec<u8> {
    stream(
        "",
        format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET").as_bytes(),
    )
}
