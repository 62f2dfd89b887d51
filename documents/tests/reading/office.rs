//! Workbooks, documents and presentations, cell by cell and line by line.

use std::io::Cursor;

use documents::{Limits, Part, Request, read};

use crate::fixtures::{refused, shown, slides, try_read, word, workbook};

const SHEET: &str = "<worksheet><cols><col min='4' max='4' hidden='1'/></cols><sheetData>\
    <row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='inlineStr'><is><t>When | how</t></is></c></row>\
    <row r='3' hidden='1'><c r='A3' t='s'><v>1</v></c><c r='B3' s='1'><v>45351</v></c><c r='D3' s='2'><v>45351.5</v></c></row>\
    <row r='7'><c r='A7'><f>SUM(A1:A3)</f><v>0.30000000000000004</v></c><c r='B7' s='3'><v>0.5</v></c><c r='C7' t='b'><v>1</v></c><c r='D7' t='e'><v>#DIV/0!</v></c><c r='E7'><f>A7*2</f></c></row>\
    </sheetData><mergeCells><mergeCell ref='A7:A9'/><mergeCell ref='X90:Y91'/></mergeCells></worksheet>";
const HIDDEN: &str = "<worksheet><sheetData><row><c t='str'><v>only here</v></c><c><v>2</v></c></row></sheetData></worksheet>";

#[test]
fn a_sheet_is_a_table_with_rows_and_letters_and_says_what_is_hidden_and_merged() {
    let wanted = "XLSX, sheet \"Costs\" A1:E7 of A1:E7\n\
        note: sheets: \"Costs\", \"Bob's & co\" (hidden)\n\
        note: merged cells, whose value stands in the first: A7:A9\n\
        note: 1 of the rows shown are hidden in the sheet\n\
        note: hidden columns: D\n\n\
        ## sheet \"Costs\" A1:E7\n\n\
        | | A | B | C | D | E |\n|---|---|---|---|---|---|\n\
        | 1 | Item | When \\| how | | | |\n\
        | 3 | Two parts | 2024-02-29 | | 2024-02-29T12:00:00 | |\n\
        | 7 | 0.3 | 50% | TRUE | #DIV/0! | =A7*2 |\n\n\
        (sheet \"Costs\" A1:E7 of A1:E7; go on with part `'Bob''s & co'!`)\n";
    assert_eq!(shown(&workbook(SHEET, HIDDEN), "x.xlsx", ""), wanted);
}

#[test]
fn cells_are_found_by_sheet_and_range_with_their_formulas() {
    let book = workbook(SHEET, HIDDEN);
    let request = Request {
        part: Part::parse("costs!A7:B9").unwrap(),
        formulas: true,
        ..Request::default()
    };
    let document = read(
        &mut Cursor::new(&book),
        "x.xlsx",
        &request,
        &Limits::default(),
    )
    .unwrap();
    let text =
        "## sheet \"Costs\" A7:B7\n\n| | A | B |\n|---|---|---|\n| 7 | 0.3 (=SUM(A1:A3)) | 50% |\n";
    assert_eq!((document.text.as_str(), document.next), (text, None));
    let hidden = shown(&book, "x.xlsx", "'Bob''s & co'!");
    assert!(
        hidden.contains("## sheet \"Bob's & co\" A1:B1, hidden\n"),
        "{hidden}"
    );
    assert!(hidden.contains("| 1 | only here | 2 |"), "{hidden}");
    let error = refused(&book, "x.xlsx", "Profits!A1");
    assert_eq!(
        error,
        "there is no sheet \"Profits\"; sheets: \"Costs\", \"Bob's & co\" (hidden)"
    );
}

#[test]
fn a_long_sheet_is_read_in_parts_without_a_row_lost_or_twice() {
    let row = |number: u32| format!("<row r='{number}'><c r='B{number}'><v>{number}</v></c></row>");
    let rows: String = (1..=1000).map(row).collect();
    let book = workbook(
        &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
        HIDDEN,
    );
    let mut numbers = Vec::new();
    let mut part = "Costs!A2:C900".to_owned();
    let limits = Limits {
        output_bytes: 4000,
        ..Limits::default()
    };
    loop {
        let request = Request {
            part: Part::parse(&part).unwrap(),
            ..Request::default()
        };
        let document = read(&mut Cursor::new(&book), "x.xlsx", &request, &limits).unwrap();
        assert!(document.text.len() < 5000);
        let rows = document
            .text
            .lines()
            .filter_map(|line| line.split(' ').nth(1)?.parse::<u32>().ok());
        numbers.extend(rows);
        match document.next {
            Some(next) => part = next,
            None => break,
        }
    }
    assert_eq!(numbers, (2..=900).collect::<Vec<_>>());
}

#[test]
fn headings_lists_tables_links_and_notes_become_markdown() {
    let body = "<w:p><w:pPr><w:pStyle w:val='Sub'/></w:pPr><w:r><w:t>Report</w:t></w:r></w:p>\
        <w:p><w:r><w:t xml:space='preserve'>See </w:t></w:r><w:hyperlink r:id='l'><w:r><w:t>the site</w:t></w:r></w:hyperlink><w:r><w:t>.</w:t><w:footnoteReference w:id='2'/></w:r></w:p>\
        <w:p><w:pPr><w:pStyle w:val='LB'/></w:pPr><w:r><w:t>one</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val='0'/><w:numId w:val='2'/></w:numPr></w:pPr><w:r><w:t>first</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val='1'/><w:numId w:val='2'/></w:numPr></w:pPr><w:r><w:t>inner</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val='0'/><w:numId w:val='2'/></w:numPr></w:pPr><w:r><w:t>second</w:t></w:r></w:p>\
        <w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr><w:p><w:r><w:t>both</w:t></w:r></w:p></w:tc></w:tr>\
        <w:tr><w:tc><w:p><w:r><w:t>a|b</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p><w:p><w:r><w:t>d</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <w:sectPr/>";
    let wanted = "DOCX, lines 1 to 14 of 14\n\
        note: a table has merged cells, whose value stands in the first\n\n\
        # Report\n\nSee [the site](https://example.com/a%20b).[^2]\n\n- one\n1. first\n  1. inner\n2. second\n\n\
        | both | |\n|---|---|\n| a\\|b | c d |\n\n[^2]: See page 9.\n";
    assert_eq!(shown(&word(body), "x.docx", ""), wanted);
}

#[test]
fn deleted_and_hidden_text_is_left_out_and_told() {
    let body = "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>\
        <w:ins><w:r><w:t> new</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>secret order</w:t></w:r>\
        <w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t> seen</w:t></w:r>\
        <w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Choice>\
        <mc:Fallback><w:p><w:r><w:t>box again</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:r></w:p>";
    let wanted = "DOCX, lines 1 to 3 of 3\n\
        note: 1 deletions that are tracked in the document are left out\n\
        note: 1 runs of hidden text are left out\n\nkept new seen\n\nbox\n";
    let answer = shown(&word(body), "x.docx", "");
    assert_eq!(
        answer.split("\n\n[^2]").next().unwrap().trim_end(),
        wanted
            .replace("3 of 3", "5 of 5")
            .replace("1 to 3", "1 to 5")
            .trim_end()
    );
}

#[test]
fn slides_come_in_their_order_with_titles_tables_and_notes() {
    let title = "<p:sp><p:nvSpPr><p:nvPr><p:ph type='title'/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>Plan</a:t></a:r></a:p></p:txBody></p:sp>";
    let body = "<p:sp><p:txBody><a:p><a:r><a:t>top</a:t></a:r></a:p><a:p><a:pPr lvl='1'/><a:r><a:t>below</a:t></a:r></a:p></p:txBody></p:sp>\
        <p:sp><p:nvSpPr><p:cNvPr id='9' hidden='1'/></p:nvSpPr><p:txBody><a:p><a:r><a:t>not shown</a:t></a:r></a:p></p:txBody></p:sp>\
        <p:pic><p:nvPicPr><p:cNvPr id='3' descr='a chart'/></p:nvPicPr></p:pic>";
    let table = "<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>x</a:t></a:r></a:p></a:txBody></a:tc><a:tc/></a:tr></a:tbl></p:graphicFrame>";
    let notes = "<p:sp><p:nvPr><p:ph type='sldNum'/></p:nvPr><p:txBody><a:p><a:r><a:t>1</a:t></a:r></a:p></p:txBody></p:sp>\
        <p:sp><p:nvPr><p:ph type='body'/></p:nvPr><p:txBody><a:p><a:r><a:t>say hello</a:t></a:r></a:p></p:txBody></p:sp>";
    let file = slides(&format!("{title}{body}"), table, notes);
    let wanted = "PPTX, slides 1 to 2 of 2\nnote: 1 hidden shapes are left out\n\n\
        ## slide 1: Plan\n\ntop\n- below\n[image: a chart]\n\nnotes: say hello\n\n## slide 2 (hidden)\n\n| x | |\n|---|---|\n";
    assert_eq!(shown(&file, "x.pptx", ""), wanted);
    let second = try_read(&file, "x.pptx", "slide 1").unwrap();
    assert_eq!(
        (second.shown.as_str(), second.next.as_deref()),
        ("slide 1 of 2", Some("2-"))
    );
    assert_eq!(
        refused(&file, "x.pptx", "3"),
        "there is no slide 3; there are 2 slides"
    );
}

#[test]
fn a_name_that_promises_something_else_is_told() {
    let answer = shown(&workbook(SHEET, HIDDEN), "report.pdf", "A1");
    assert!(
        answer.contains("note: its name promises PDF, but it is XLSX\n"),
        "{answer}"
    );
}

#[test]
fn files_that_need_a_password_or_another_program_are_told_apart() {
    let mut old = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    old.resize(4096, 0);
    let error = refused(&old, "x.xls", "");
    assert!(error.contains("before 2007"), "{error}");
    let mark: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    old.extend(mark);
    assert_eq!(
        refused(&old, "x.xlsx", ""),
        "this XLSX file is encrypted; ask for a copy without a password"
    );
    assert_eq!(
        refused(b"\x89PNG\r\n\x1A\n", "x.docx", ""),
        "a PNG image cannot be read; what can be is PDF, DOCX, ODT, PPTX, XLSX, XLS, ODS, CSV, HTML, JSON and other text, and what is \
         in ZIP, tar and gzip archives"
    );
}
