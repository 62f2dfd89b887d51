//! Files that are made to take all memory or to never end. Each must be answered soon, and within its limits.

use std::io::{Cursor, Write as _};

use documents::html::{Options, to_markdown};
use documents::{Error, Limits, Request, read};

use crate::fixtures::{refused, shown, slides, try_read, word, workbook, zip};
use crate::pdf_fixtures::{HELVETICA, deflate, file, line, pages, stream};

fn limit_of(error: &Error) -> &str {
    match error {
        Error::Limit { limit, .. } => limit,
        Error::Malformed { .. }
        | Error::Encrypted(_)
        | Error::Unsupported { .. }
        | Error::NoSuchPart { .. }
        | Error::BadPart { .. }
        | Error::UnsafeName { .. }
        | Error::Taken { .. }
        | Error::NotWritten { .. }
        | Error::Halfway { .. }
        | Error::Io(_) => "none",
    }
}

fn limited(bytes: &[u8], name: &str, part: &str) -> String {
    let error = try_read(bytes, name, part).unwrap_err();
    limit_of(&error).to_owned()
}

#[test]
fn a_member_that_unpacks_a_thousandfold_is_stopped() {
    let zeros = vec![b'0'; 5 << 20];
    assert_eq!(
        limited(&zip(&[("a.txt", &zeros)]), "x.zip", "member: a.txt"),
        "ratio"
    );
    let sheet = format!("<worksheet><!--{}--></worksheet>", " ".repeat(5 << 20));
    assert_eq!(limited(&workbook(&sheet, ""), "x.xlsx", ""), "ratio");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    assert_eq!(limited(&gzip.finish().unwrap(), "x.txt.gz", ""), "ratio");
}

#[test]
fn each_limit_on_size_and_count_is_named_in_its_error() {
    let text = "some words that differ, 0123456789\n".repeat(1000);
    let archive = zip(&[("a.txt", text.as_bytes()), ("b.txt", b"b"), ("c.txt", b"c")]);
    let cases = [
        (
            Limits {
                input_bytes: 100,
                ..Limits::default()
            },
            "input_bytes",
        ),
        (
            Limits {
                entries: 2,
                ..Limits::default()
            },
            "entries",
        ),
        (
            Limits {
                entry_bytes: 10_000,
                ..Limits::default()
            },
            "entry_bytes",
        ),
        (
            Limits {
                unpacked_bytes: 10_000,
                ..Limits::default()
            },
            "unpacked_bytes",
        ),
    ];
    for (limits, wanted) in cases {
        let request = Request {
            part: documents::Part::parse("member: a.txt").unwrap(),
            ..Request::default()
        };
        let error = read(&mut Cursor::new(&archive), "x.zip", &request, &limits).unwrap_err();
        assert_eq!(limit_of(&error), wanted, "{error}");
        let folder = tempfile::tempdir().unwrap();
        let archive = &mut Cursor::new(&archive);
        let error = documents::archive::extract_into(archive, folder.path(), false, &limits);
        assert_eq!(limit_of(&error.unwrap_err()), wanted);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_member_that_lies_about_its_size_is_found_out_while_it_is_written() {
    let mut archive = zip(&[("a.txt", &vec![b'0'; 5 << 20])]);
    // The size that the directory claims stands before the lengths of names.
    let directory = archive
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    archive[directory + 24..directory + 28].copy_from_slice(&10u32.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        entry_bytes: 1 << 20,
        ..Limits::default()
    };
    let archive = &mut Cursor::new(&archive);
    let written = documents::archive::extract_into(archive, folder.path(), false, &limits);
    assert!(written.is_err());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "what was made is removed again");
}

#[test]
fn archives_in_archives_end_at_their_limit() {
    let mut archive = zip(&[("x.txt", b"core")]);
    for _ in 0..4 {
        archive = zip(&[("x.zip", &archive)]);
    }
    let part = "member: x.zip # member: x.zip # member: x.zip";
    let parsed = try_read(&archive, "x.zip", "member: x.zip").unwrap();
    assert!(parsed.text.contains("- x.zip ("), "{}", parsed.text);
    assert!(try_read(&archive, "x.zip", part).is_err());
}

#[test]
fn entities_that_multiply_are_refused() {
    let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]>\
        <worksheet><sheetData><row><c t='str'><v>&c;</v></c></row></sheetData></worksheet>";
    assert!(refused(&workbook(laughs, ""), "x.xlsx", "").contains("document type"));
    let outside = "<!DOCTYPE w SYSTEM 'file:///etc/passwd'><p>x</p>";
    let archive = zip(&[("word/document.xml", outside.as_bytes())]);
    assert!(refused(&archive, "x.docx", "").contains("document type"));
}

#[test]
fn nesting_without_end_stops_at_a_depth() {
    let deep = "<w:p>".repeat(100_000);
    assert_eq!(limited(&word(&deep), "x.docx", ""), "depth");
    let tables = "<w:tbl><w:tr><w:tc>".repeat(50_000);
    assert_eq!(limited(&word(&tables), "x.docx", ""), "depth");
    assert_eq!(
        limited(&slides(&"<p:grpSp>".repeat(100_000), "", ""), "x.pptx", ""),
        "depth"
    );
    assert_eq!(
        limited("[".repeat(1 << 20).as_bytes(), "x.json", ""),
        "depth"
    );
}

#[test]
fn a_page_of_a_hundred_thousand_boxes_in_each_other_is_read() {
    // Elements with rules of their own need not be as many.
    let boxes = [
        ("div", 100_000),
        ("ul><li", 10_000),
        ("blockquote", 10_000),
        ("table><tr><td", 10_000),
        ("b", 10_000),
    ];
    for (tag, count) in boxes {
        let open: String = format!("<{tag}>").repeat(count);
        let html = format!("<body>{open}deep</body>");
        let page = to_markdown(&html, None, &Options::default());
        assert!(page.markdown.contains("deep"), "{tag}");
        let bytes = page.markdown.len();
        assert!(bytes < 1 << 20, "{tag}: {bytes}");
    }
    let rows = "<tr><td colspan=60 rowspan=60>x</td></tr>".repeat(2000);
    let page = to_markdown(
        &format!("<table><tr><td>a<td>b</tr>{rows}</table>"),
        None,
        &Options::default(),
    );
    assert!(page.markdown.len() < 2 << 20, "{}", page.markdown.len());
}

#[test]
fn ten_megabytes_of_json_on_one_line_are_an_outline() {
    let mut text = "{\"rows\": [".to_owned();
    while text.len() < 10 << 20 {
        text.push_str("{\"id\": 12345, \"name\": \"some name\", \"tags\": [1, 2, 3]}, ");
    }
    text.push_str("{}]}");
    let document = try_read(text.as_bytes(), "x.json", "").unwrap();
    assert!(
        document.text.contains("more items: `$.rows[20-]`"),
        "{}",
        document.text
    );
    assert!(document.text.len() < 4096);
    let plain = "x".repeat(10 << 20);
    let document = try_read(plain.as_bytes(), "x.txt", "").unwrap();
    assert!(document.text.len() <= 48 << 10);
    assert!(document.next.is_some());
}

#[test]
fn a_sheet_that_claims_every_cell_shows_the_two_that_it_has() {
    let sheet = "<worksheet><dimension ref='A1:XFD1048576'/><cols><col min='1' max='4294967295' hidden='1'/></cols><sheetData>\
        <row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>2</v></c></row><row r='4294967295'><c><v>9</v></c></row>\
        </sheetData><mergeCells><mergeCell ref='A1:XFD1048576'/></mergeCells></worksheet>";
    let answer = shown(&workbook(sheet, ""), "x.xlsx", "");
    assert!(
        answer.contains("| | A | XFD |\n|---|---|---|\n| 1 | 1 | |\n| 1048576 | | 2 |\n"),
        "{answer}"
    );
}

#[test]
fn pages_that_lead_back_to_themselves_are_read_once() {
    let objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count 1000000 /Kids [2 0 R 3 0 R 4 0 R 3 0 R] /Parent 2 0 R /Resources << {HELVETICA} >> >>").into_bytes(),
        b"<< /Type /Pages /Kids [2 0 R 4 0 R] >>".to_vec(),
        b"<< /Type /Page /Parent 3 0 R /Contents 5 0 R >>".to_vec(),
        line("the only page"),
    ];
    assert!(shown(&file(&objects), "x.pdf", "").contains("page 1 of 1"));
}

#[test]
fn objects_that_lead_to_themselves_end() {
    let objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources 6 0 R >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /Contents [4 0 R 5 0 R 4 0 R] /Length 7 0 R >>".to_vec(),
        b"4 0 R".to_vec(),
        b"<< /Length 5 0 R >>\nstream\nBT ET\nendstream".to_vec(),
        b"6 0 R".to_vec(),
    ];
    let document = try_read(&file(&objects), "x.pdf", "");
    assert!(document.is_ok_and(|document| document.shown == "page 1 of 1"));
}

#[test]
fn forms_that_draw_each_other_are_bounded() {
    // Each form draws the next one twice: two to the power of sixteen in all, and at last itself.
    let form = |number: usize| {
        let next = if number == 22 { 3 } else { number + 1 };
        let resources =
            format!("/Type /XObject /Subtype /Form /Resources << /XObject << /X {next} 0 R >> >>");
        stream(&resources, b"/X Do /X Do")
    };
    let others: Vec<Vec<u8>> = (3..23).map(form).collect();
    let content = stream("", b"BT /F1 12 Tf 50 700 Td (before) Tj ET /X Do");
    let bytes = file(&pages(
        &format!("{HELVETICA} /XObject << /X 3 0 R >>"),
        &[content],
        &others,
    ));
    let answer = shown(&bytes, "x.pdf", "");
    assert!(
        answer.contains("not all of the content could be read") && answer.contains("before"),
        "{answer}"
    );
}

#[test]
fn streams_that_unpack_a_thousandfold_are_stopped_wherever_they_are() {
    let bomb = deflate(&vec![b' '; 12 << 20]);
    let content = stream("/Filter /FlateDecode", &bomb);
    assert_eq!(
        limited(&file(&pages(HELVETICA, &[content], &[])), "x.pdf", ""),
        "ratio"
    );
    let objects = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &bomb);
    assert_eq!(
        limited(
            &file(&pages(HELVETICA, &[line("x")], &[objects])),
            "x.pdf",
            ""
        ),
        "ratio"
    );
    let twice = stream("/Filter [/FlateDecode /FlateDecode]", &deflate(&bomb));
    assert_eq!(
        limited(&file(&pages(HELVETICA, &[twice], &[])), "x.pdf", ""),
        "ratio"
    );
    // A picture of one colour is no attack.
    let picture = stream(
        "/Subtype /Image /Width 6000 /Height 6000 /BitsPerComponent 8 /Filter /FlateDecode",
        &bomb,
    );
    assert!(
        shown(
            &file(&pages(HELVETICA, &[line("x")], &[picture])),
            "x.pdf",
            ""
        )
        .contains('x')
    );
}

#[test]
fn words_that_look_like_streams_do_not_make_the_check_slow() {
    let mut bytes = file(&pages(HELVETICA, &[line("x")], &[]));
    bytes.extend("stream\n".repeat(1 << 20).as_bytes());
    assert!(try_read(&bytes, "x.pdf", "").is_ok());
}

#[test]
fn one_stream_that_is_named_many_times_is_counted_each_time() {
    let names = "4 0 R ".repeat(200_000);
    let objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!("<< /Type /Page /Parent 2 0 R /Contents [{names}] >>").into_bytes(),
        stream("", &b"0 0 m ".repeat(1 << 16)),
    ];
    let limits = Limits {
        unpacked_bytes: 64 << 20,
        ..Limits::default()
    };
    let error = read(
        &mut Cursor::new(file(&objects)),
        "x.pdf",
        &Request::default(),
        &limits,
    )
    .unwrap_err();
    assert_eq!(limit_of(&error), "unpacked_bytes");
}
