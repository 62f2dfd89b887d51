//! Every kind of document cut off at any place and with bytes turned around: answers or errors, never a panic.

use std::io::Cursor;

use documents::{Limits, Request, read};

use crate::fixtures::{slides, tar, word, workbook, zip};
use crate::pdf_fixtures::{HELVETICA, deflate, file, line, pages, stream};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let sheet = "<worksheet><sheetData><row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' s='1'><f>A1</f><v>45351</v></c></row></sheetData><mergeCells><mergeCell ref='A1:B2'/></mergeCells></worksheet>";
    let body = "<w:p><w:pPr><w:pStyle w:val='H1'/></w:pPr><w:r><w:t>Title</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
    let shape = "<p:sp><p:txBody><a:p><a:r><a:t>text</a:t></a:r></a:p></p:txBody></p:sp>";
    let packed = stream(
        "/Filter /FlateDecode",
        &deflate(b"q BT /F1 12 Tf 50 700 Td [(ab) -20 (c)] TJ T* (d) ' ET Q /X Do"),
    );
    let form = stream("/Type /XObject /Subtype /Form", b"BT /F1 9 Tf (in) Tj ET");
    let table = stream(
        "",
        b"1 beginbfchar <0001> <0041> endbfchar 1 beginbfrange <0002> <0009> <0042> endbfrange",
    );
    let composite = b"<< /Subtype /Type0 /Encoding /Identity-H /ToUnicode 4 0 R /DescendantFonts [<< /W [1 [500] 2 9 600] /DW 1000 >>] >>".to_vec();
    let resources = "/Font << /F1 << /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [65 /A /B] >> /FirstChar 65 /Widths [500 600] >> /F2 5 0 R >> /XObject << /X 3 0 R >>";
    let composed = stream("", b"BT /F2 12 Tf 1 0 0 1 50 600 Tm <00010002> Tj ET");
    vec![
        ("x.xlsx", workbook(sheet, sheet)),
        ("x.docx", word(body)),
        ("x.pptx", slides(shape, shape, shape)),
        ("x.zip", zip(&[("a.txt", b"some text"), ("b/c.csv", b"a,b\n1,2")])),
        ("x.tar", tar(&[("a.txt", b'0', b"some text"), ("b", b'5', b"")])),
        ("x.pdf", file(&pages(resources, &[packed, composed], &[form, table, composite]))),
        ("y.pdf", file(&pages(HELVETICA, &[line("text \\(\\) \\101")], &[]))),
        ("x.html", b"<html><body><p style='color:red'>one <b>two</i><table><tr><td colspan=3>x</table><pre>y".to_vec()),
        ("x.json", br#"{"a": [1, 2.5e3, "\u00e9", null, {"b": true}], "c": "d"}"#.to_vec()),
        ("x.csv", b"a;b;c\n\"1;\"\"2\";3;4\n5;6".to_vec()),
    ]
}

fn must_answer(bytes: &[u8], name: &str) {
    // Whether there is text or an error does not matter here; coming back does.
    let limits = Limits {
        entry_bytes: 1 << 20,
        ..Limits::default()
    };
    match read(&mut Cursor::new(bytes), name, &Request::default(), &limits) {
        Ok(document) => assert!(document.text.len() <= 60 << 10, "{name}"),
        Err(error) => assert!(!error.to_string().is_empty(), "{name}"),
    }
}

#[test]
fn cut_off_files_are_answered() {
    for (name, bytes) in samples() {
        let step = (bytes.len() / 300).max(1);
        for end in (0..bytes.len()).step_by(step) {
            must_answer(&bytes[..end], name);
        }
    }
}

#[test]
fn files_with_wrong_bytes_are_answered() {
    let mut numbers = Numbers(7);
    for (name, bytes) in samples() {
        for _ in 0..400 {
            let mut wrong = bytes.clone();
            for _ in 0..=numbers.next(6) {
                let at = numbers.next(wrong.len());
                wrong[at] = u8::try_from(numbers.next(256)).unwrap();
            }
            must_answer(&wrong, name);
        }
    }
}

#[test]
fn files_with_pieces_moved_are_answered() {
    let mut numbers = Numbers(11);
    for (name, bytes) in samples() {
        for _ in 0..200 {
            let (from, to) = (numbers.next(bytes.len()), numbers.next(bytes.len()));
            let length = numbers.next(40).min(bytes.len() - from);
            let mut moved = bytes[..to].to_vec();
            moved.extend(&bytes[from..from + length]);
            moved.extend(&bytes[(to + numbers.next(20)).min(bytes.len())..]);
            must_answer(&moved, name);
        }
    }
}
