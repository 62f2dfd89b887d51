//! Pages of PDFs, with the fonts that programs really write.

use std::io::Cursor;

use documents::{Limits, Request, read};

use crate::fixtures::{refused, shown, try_read};
use crate::pdf_fixtures::{HELVETICA, deflate, file, line, pages, stream};

fn text_of(resources: &str, content: &[u8], others: &[Vec<u8>]) -> String {
    let bytes = file(&pages(resources, &[content.to_vec()], others));
    let document = try_read(&bytes, "x.pdf", "").unwrap();
    document
        .text
        .trim_start_matches("## page 1\n\n")
        .trim_end()
        .to_owned()
}

#[test]
fn pages_are_read_with_their_numbers_and_the_way_to_the_next() {
    let contents: Vec<Vec<u8>> = (1..=5)
        .map(|page| line(&format!("This is number {page}.")))
        .collect();
    let bytes = file(&pages(HELVETICA, &contents, &[]));
    let wanted = "PDF, pages 2 to 3 of 5\n\n## page 2\n\nThis is number 2.\n\n## page 3\n\nThis is number 3.\n\n(pages 2 to 3 of 5; go on with part `4-`)\n";
    assert_eq!(shown(&bytes, "x.pdf", "2-3"), wanted);
    let last = try_read(&bytes, "x.pdf", "4-").unwrap();
    assert_eq!(
        (last.shown.as_str(), last.next),
        ("pages 4 to 5 of 5", None)
    );
    assert_eq!(
        refused(&bytes, "x.pdf", "6"),
        "there is no page 6; there are 5 pages"
    );
    assert_eq!(
        refused(&bytes, "x.pdf", "A1:B2"),
        "the part `A1:B2` does not fit; ask for pages, for example `3-7`"
    );
    let limits = Limits {
        pages: 2,
        ..Limits::default()
    };
    let document = read(
        &mut Cursor::new(&bytes),
        "x.pdf",
        &Request::default(),
        &limits,
    )
    .unwrap();
    assert_eq!(document.next.as_deref(), Some("3-"));
}

#[test]
fn a_packed_stream_with_kerning_reads_as_words() {
    let content = b"BT /F1 12 Tf 50 700 Td [(W) 80 (orld) -300 (of) -1800 (tables)] TJ 0 -14 Td (next line) Tj T* ET";
    let packed = stream("/Filter /FlateDecode", &deflate(content));
    assert_eq!(
        text_of(HELVETICA, &packed, &[]),
        "World of   tables\nnext line"
    );
}

#[test]
fn glyphs_with_a_table_to_unicode_are_read_by_it() {
    let table = "begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
        3 beginbfchar <0001> <0416> <0002> <00660069> <0003> <D83DDE00> endbfchar\n\
        1 beginbfrange <0010> <0012> <4E00> endbfrange endcmap";
    let others = [
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>".to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /DW 1000 /W [1 [500 600] 16 18 900] >>".to_vec(),
        stream("/Filter /FlateDecode", &deflate(table.as_bytes())),
    ];
    let content = stream("", b"BT /F2 10 Tf 50 700 Td <000100020003> Tj 5 0 Td ET BT /F2 10 Tf 50 680 Td <001000110012> Tj <0099> Tj ET");
    assert_eq!(
        text_of("/Font << /F2 3 0 R >>", &content, &others),
        "Жfi😀\n\n一丁丂\u{FFFD}"
    );
}

#[test]
fn glyph_names_and_built_in_encodings_are_understood() {
    let head = b"%!PS-AdobeFont\n/Encoding 256 array\ndup 65 /alpha put\ndup 66 /summation put\nreadonly def\ncurrentfile eexec\x00\x01";
    let others = [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+CMMI10 /FontDescriptor 4 0 R /FirstChar 65 /Widths [600 600] >>".to_vec(),
        b"<< /Type /FontDescriptor /FontName /ABCDEF+CMMI10 /Flags 4 /FontFile 5 0 R >>".to_vec(),
        stream("", head),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding << /Differences [65 /Adieresis /f_f_i /uni20AC /g17 200 /emdash] >> >>".to_vec(),
    ];
    let content = stream(
        "",
        b"BT /F3 12 Tf 50 700 Td (AB) Tj ET BT /F4 12 Tf 50 680 Td (ABCD\\310) Tj ET",
    );
    let text = text_of("/Font << /F3 3 0 R /F4 6 0 R >>", &content, &others);
    assert_eq!(text, "α∑\nÄffi€\u{FFFD}—");
}

#[test]
fn encodings_of_east_asia_are_characters() {
    let others = [
        b"<< /Type /Font /Subtype /Type0 /BaseFont /M /Encoding /90ms-RKSJ-H /DescendantFonts [<< /Subtype /CIDFontType0 >>] >>".to_vec(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /G /Encoding /UniGB-UCS2-H /DescendantFonts [<< /Subtype /CIDFontType0 >>] >>".to_vec(),
    ];
    let content = stream(
        "",
        b"BT /A 12 Tf 50 700 Td <93FA967B41> Tj ET BT /B 12 Tf 50 680 Td <4E2D6587> Tj ET",
    );
    assert_eq!(
        text_of("/Font << /A 3 0 R /B 4 0 R >>", &content, &others),
        "日本A\n中文"
    );
}

#[test]
fn text_that_stands_for_glyphs_replaces_them() {
    let content = stream("", b"BT /F1 12 Tf 50 700 Td (a) Tj /Span << /ActualText <FEFF00660066> >> BDC (X) Tj (Y) Tj EMC (b) Tj ET");
    assert_eq!(text_of(HELVETICA, &content, &[]), "affb");
}

#[test]
fn forms_are_read_where_they_are_placed() {
    let form = stream(
        "/Type /XObject /Subtype /Form /Matrix [1 0 0 1 0 -100]",
        b"BT /F1 12 Tf 50 700 Td (in the form) Tj ET",
    );
    let resources = format!("{HELVETICA} /XObject << /X 3 0 R >>");
    let content = stream("", b"BT /F1 12 Tf 50 700 Td (before) Tj ET q 1 0 0 1 0 0 cm /X Do Q BT /F1 12 Tf 50 500 Td (after) Tj ET");
    assert_eq!(
        text_of(&resources, &content, &[form]),
        "before\n\nin the form\n\nafter"
    );
}

#[test]
fn what_a_reader_cannot_see_is_left_out_or_told() {
    let content = stream(
        "",
        b"BT /F1 12 Tf 50 700 Td (seen) Tj ET BT /F1 0.5 Tf 50 680 Td (tiny) Tj ET BT /F1 12 Tf 5000 680 Td (far) Tj ET \
          1 1 1 rg BT /F1 12 Tf 50 600 Td (white) Tj ET",
    );
    let bytes = file(&pages(HELVETICA, &[content], &[]));
    let wanted = "PDF, page 1 of 1\nnote: text in white, which a reader may not see, on pages: 1\n\
        note: 7 characters that are too small to see or off the page are left out\n\n## page 1\n\nseen\n\nwhite\n";
    assert_eq!(shown(&bytes, "x.pdf", ""), wanted);
}

#[test]
fn a_page_that_is_a_picture_is_told_to_be_a_scan() {
    let image = stream(
        "/Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray",
        b"x",
    );
    let content = stream("", b"q 600 0 0 800 0 0 cm /I Do Q");
    let bytes = file(&pages("/XObject << /I 3 0 R >>", &[content], &[image]));
    let answer = shown(&bytes, "x.pdf", "");
    assert!(
        answer.contains("note: pages with pictures and no text, probably scans: 1\n"),
        "{answer}"
    );
}

#[test]
fn a_file_without_its_table_of_objects_is_repaired() {
    let whole = file(&pages(HELVETICA, &[line("still here")], &[]));
    let end = whole
        .windows(5)
        .position(|window| window == b"xref\n")
        .unwrap();
    assert!(shown(&whole[..end], "x.pdf", "").contains("still here"));
}

#[test]
fn fields_comments_and_links_of_a_page_are_told() {
    let mut objects = pages(HELVETICA, &[line("A form")], &[]);
    objects[2] = b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Annots [\
        << /Subtype /Widget /T (city) /V (Z\\374rich) /Parent << /T (address) >> >>\
        << /Subtype /Widget /T (empty) /V () >> << /Subtype /Widget /T (box) /V /Yes >>\
        << /Subtype /Text /Contents (please check) >> << /Subtype /Text /F 2 /Contents (hidden) >>\
        << /Subtype /Link /A << /URI (https://example.com/) >> >> << /Subtype /Link /A << /URI (https://example.com/) >> >>] >>"
        .to_vec();
    let wanted = "## page 1\n\nA form\n\nfield address.city: Zürich\nfield box: Yes\ncomment: please check\nlink: https://example.com/\n\n";
    assert_eq!(try_read(&file(&objects), "x.pdf", "").unwrap().text, wanted);
}
