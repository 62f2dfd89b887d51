//! Documents of `OpenDocument`: texts line by line, workbooks cell by cell, and those that claim too much.

use std::time::{Duration, Instant};

use crate::fixtures::{refused, shown, try_read, zip};

fn file(kind: &str, content: &str) -> Vec<u8> {
    let mimetype = format!("application/vnd.oasis.opendocument.{kind}");
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:text='t' xmlns:table='a' xmlns:style='s' xmlns:xlink='x'>{content}</office:document-content>"
    );
    zip(&[
        ("mimetype", mimetype.as_bytes()),
        ("content.xml", content.as_bytes()),
        ("META-INF/manifest.xml", b"<manifest/>"),
    ])
}

fn sheets(tables: &str) -> Vec<u8> {
    file(
        "spreadsheet",
        &format!(
            "<office:automatic-styles><style:style style:name='hid'><style:table-properties table:display='false'/></style:style></office:automatic-styles>\
             <office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        ),
    )
}

const COSTS: &str = "<table:table table:name='Costs'>\
    <table:table-column table:number-columns-repeated='3'/><table:table-column table:visibility='collapse'/>\
    <table:table-row><table:table-cell office:value-type='string' table:number-columns-spanned='2' table:number-rows-spanned='1'><text:p>Item <text:span>one</text:span></text:p></table:table-cell>\
    <table:covered-table-cell/><table:table-cell table:number-columns-repeated='16382'/></table:table-row>\
    <table:table-row table:number-rows-repeated='3' table:visibility='collapse'><table:table-cell office:value-type='float' office:value='1234.5'><text:p>1.234,50</text:p></table:table-cell>\
    <table:table-cell office:value-type='date' office:date-value='2024-02-29'><text:p>29.02.24</text:p></table:table-cell>\
    <table:table-cell table:number-columns-repeated='2' office:value-type='boolean' office:boolean-value='true'><text:p>WAHR</text:p></table:table-cell></table:table-row>\
    <table:table-row table:number-rows-repeated='1048000'><table:table-cell/></table:table-row>\
    <table:table-row><table:table-cell table:formula='of:=SUM([.A2:.A4])' office:value-type='percentage' office:value='0.5'><office:annotation><text:p>a remark</text:p></office:annotation><text:p>50 %</text:p></table:table-cell></table:table-row>\
    </table:table>";

#[test]
fn a_workbook_is_a_table_with_rows_and_letters() {
    let book = sheets(&format!(
        "{COSTS}<table:table table:name='Old ones' table:style-name='hid'><table:table-row><table:table-cell office:value-type='string'><text:p>only here</text:p></table:table-cell></table:table-row></table:table>"
    ));
    let wanted = "ODS, sheet \"Costs\" A1:D1048005 of A1:D1048005\n\
        note: sheets: \"Costs\", \"Old ones\" (hidden)\n\
        note: merged cells, whose value stands in the first: A1:B1\n\
        note: 3 of the rows shown are hidden in the sheet\n\
        note: hidden columns: D\n\n\
        ## sheet \"Costs\" A1:D1048005\n\n\
        | | A | B | C | D |\n|---|---|---|---|---|\n\
        | 1 | Item one | | | |\n\
        | 2 | 1234.5 | 2024-02-29 | TRUE | TRUE |\n\
        | 3 | 1234.5 | 2024-02-29 | TRUE | TRUE |\n\
        | 4 | 1234.5 | 2024-02-29 | TRUE | TRUE |\n\
        | 1048005 | 50 % | | | |\n\n\
        (sheet \"Costs\" A1:D1048005 of A1:D1048005; go on with part `'Old ones'!`)\n";
    assert_eq!(shown(&book, "x.ods", ""), wanted);
    let part = try_read(&book, "x.ods", "costs!B3:C4").unwrap();
    assert_eq!(
        part.text,
        "## sheet \"Costs\" B3:C4\n\n| | B | C |\n|---|---|---|\n| 3 | 2024-02-29 | TRUE |\n| 4 | 2024-02-29 | TRUE |\n"
    );
    let hidden = shown(&book, "x.ods", "'Old ones'!");
    assert!(hidden.contains("| 1 | only here |"), "{hidden}");
    assert!(refused(&book, "x.ods", "Nope!A1").contains("sheets: \"Costs\""));
}

#[test]
fn a_sheet_that_repeats_itself_without_end_is_answered_soon() {
    let cell = "<table:table-cell table:number-columns-repeated='4000000000' office:value-type='string'><text:p>x</text:p></table:table-cell>";
    let row = format!(
        "<table:table-row table:number-rows-repeated='4000000000'>{cell}</table:table-row>"
    );
    let book = sheets(&format!(
        "<table:table table:name='All'>{}</table:table>",
        row.repeat(50)
    ));
    let began = Instant::now();
    let answer = try_read(&book, "x.ods", "All!A1000000:B1000009").unwrap();
    assert_eq!(answer.text.lines().count(), 14, "{}", answer.text);
    let answer = shown(&book, "x.ods", "");
    assert!(answer.contains("of A1:XFD1048576"), "{}", &answer[..200]);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_text_is_markdown_with_lists_tables_links_and_notes() {
    let text = file(
        "text",
        "<office:automatic-styles><text:list-style style:name='L1'><text:list-level-style-number text:level='1'/><text:list-level-style-bullet text:level='2'/></text:list-style></office:automatic-styles>\
         <office:body><office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>\
         <text:h text:outline-level='2'>Plan</text:h>\
         <text:p>See<text:s text:c='2'/><text:a xlink:href='https://a.example/x y'>this <text:span>page</text:span></text:a>.<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>On page 9.</text:p></text:note-body></text:note><office:annotation><text:p>remark</text:p></office:annotation></text:p>\
         <text:list text:style-name='L1'><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>\
         <table:table><table:table-row><table:table-cell><text:p>a|b</text:p></table:table-cell><table:table-cell><text:p>c</text:p><text:p>d</text:p></table:table-cell></table:table-row></table:table>\
         <text:p>end</text:p></office:text></office:body>",
    );
    let wanted = "ODT, lines 1 to 15 of 15\n\n## Plan\n\nSee [this page](https://a.example/x%20y).[^1]\n\n\
        1. one\n  - inner\n2. two\n\n| a/b | c d |\n|---|---|\n\nend\n\n[^1]: On page 9.\n";
    let answer = shown(&text, "x.odt", "");
    assert_eq!(
        answer.lines().skip(1).collect::<Vec<_>>(),
        wanted.lines().skip(1).collect::<Vec<_>>()
    );
    assert!(answer.starts_with("ODT, lines 1 to "), "{answer}");
}

#[test]
fn what_is_encrypted_or_of_another_kind_is_told_apart() {
    let locked = zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", b"\x93\x01"),
        ("META-INF/manifest.xml", b"<manifest:encryption-data/>"),
    ]);
    assert_eq!(
        refused(&locked, "x.odt", ""),
        "this ODT file is encrypted; ask for a copy without a password"
    );
    let drawing = file("graphics", "");
    assert!(shown(&drawing, "x.odg", "").starts_with("ZIP, "));
}
