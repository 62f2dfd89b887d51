//! Workbooks of before 2007: records in a container, cell by cell, and containers that lie.

use crate::fixtures::{refused, shown, try_read};

const SECTOR: usize = 512;

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
}

fn begin(kind: u16) -> Vec<u8> {
    record(
        0x0809,
        &[0x0600u16.to_le_bytes(), kind.to_le_bytes()].concat(),
    )
}

fn place(row: u16, column: u16, style: u16) -> Vec<u8> {
    [row, column, style]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn cell(kind: u16, at: (u16, u16, u16), value: &[u8]) -> Vec<u8> {
    record(kind, &[&place(at.0, at.1, at.2)[..], value].concat())
}

/// The records of a workbook with a sheet and a hidden one.
fn stream() -> Vec<u8> {
    let sheet_name = |place: u32, state: u8, name: &str| {
        let head = [
            &place.to_le_bytes()[..],
            &[state, 0, u8::try_from(name.len()).unwrap(), 0],
        ]
        .concat();
        record(0x0085, &[&head[..], name.as_bytes()].concat())
    };
    // The second text begins in one record and goes on in the next, in wide letters there.
    let shared = [
        &2u32.to_le_bytes()[..],
        &2u32.to_le_bytes(),
        &[4, 0, 0],
        b"Item",
        &[6, 0, 0],
        b"Str",
    ]
    .concat();
    let wide: Vec<u8> = "\u{df}e!"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let continued = [&[1u8][..], &wide].concat();
    let style = |format: u16| record(0x00E0, &[0u16.to_le_bytes(), format.to_le_bytes()].concat());
    let globals = |first: u32, second: u32| {
        [
            begin(5),
            sheet_name(first, 0, "Costs"),
            sheet_name(second, 1, "Old ones"),
            record(
                0x041E,
                &[&164u16.to_le_bytes()[..], &[10, 0, 0], b"yyyy-mm-dd"].concat(),
            ),
            style(0),
            style(164),
            style(9),
            record(0x00FC, &shared),
            record(0x003C, &continued),
            record(0x000A, &[]),
        ]
        .concat()
    };
    let text_result = [0u8, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0];
    let many = [
        &place(2, 0, 0)[..4],
        &[0, 0],
        &(7u32 << 2 | 2).to_le_bytes(),
        &[2, 0],
        &(50u32 << 2 | 3).to_le_bytes(),
        &[1, 0],
    ]
    .concat();
    let hidden_row = [&place(2, 0, 0)[..], &[0; 6], &0x20u32.to_le_bytes()].concat();
    let first = [
        begin(0x10),
        record(
            0x007D,
            &[3u16, 4, 0, 0, 1]
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect::<Vec<u8>>(),
        ),
        record(0x0208, &hidden_row),
        cell(0x00FD, (0, 0, 0), &0u32.to_le_bytes()),
        cell(0x00FD, (0, 1, 0), &1u32.to_le_bytes()),
        cell(0x0203, (1, 0, 1), &45_351f64.to_le_bytes()),
        cell(0x0205, (1, 1, 0), &[0x2A, 1]),
        cell(0x0205, (1, 2, 0), &[1, 0]),
        record(0x00BD, &many),
        cell(0x0006, (2, 2, 0), &text_result),
        record(0x0207, &[&[3, 0, 0][..], b"sum"].concat()),
        record(
            0x00E5,
            &[1u16, 0, 1, 0, 1]
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect::<Vec<u8>>(),
        ),
        record(0x000A, &[]),
    ]
    .concat();
    let second = [
        begin(0x10),
        cell(0x0204, (4, 3, 0), &[&[4, 0, 0][..], b"here"].concat()),
        record(0x000A, &[]),
    ]
    .concat();
    let length = u32::try_from(globals(0, 0).len()).unwrap();
    let after = length + u32::try_from(first.len()).unwrap();
    [globals(length, after), first, second].concat()
}

/// A container with one stream, which is padded to be a long one.
fn container(name: &str, stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    stream.resize(stream.len().max(4096).next_multiple_of(SECTOR), 0);
    let sectors = u32::try_from(stream.len() / SECTOR).unwrap();
    let mut header = vec![0u8; SECTOR];
    header[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    let mut put = |at: usize, value: u32| header[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(30, 9 | 6 << 16);
    put(44, 1);
    put(48, 1);
    put(56, 4096);
    put(60, 0xFFFF_FFFE);
    put(68, 0xFFFF_FFFE);
    put(76, 0);
    (1..109).for_each(|part| put(76 + part * 4, 0xFFFF_FFFF));
    // Sector 0 is the table, sector 1 the directory, the stream follows.
    let mut table = vec![0xFFFF_FFFDu32, 0xFFFF_FFFE];
    table.extend((0..sectors).map(|at| {
        if at + 1 == sectors {
            0xFFFF_FFFE
        } else {
            at + 3
        }
    }));
    table.resize(SECTOR / 4, 0xFFFF_FFFF);
    let entry = |name: &str, kind: u8, start: u32, bytes: usize| {
        let mut entry = vec![0u8; 128];
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry[..units.len()].copy_from_slice(&units);
        entry[64] = u8::try_from(units.len() + 2).unwrap();
        entry[66] = kind;
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&u32::try_from(bytes).unwrap().to_le_bytes());
        entry
    };
    let mut directory = entry("Root Entry", 5, 0xFFFF_FFFE, 0);
    directory.extend(entry(name, 2, 2, stream.len()));
    directory.resize(SECTOR, 0);
    let table: Vec<u8> = table
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    [header, table, directory, stream].concat()
}

#[test]
fn a_workbook_of_before_2007_is_a_table_with_rows_and_letters() {
    let book = container("Workbook", &stream());
    let wanted = "XLS, sheet \"Costs\" A1:C3 of A1:C3\n\
        note: sheets: \"Costs\", \"Old ones\" (hidden)\n\
        note: merged cells, whose value stands in the first: A1:B2\n\
        note: 1 of the rows shown are hidden in the sheet\n\
        note: hidden columns: D to E\n\n\
        ## sheet \"Costs\" A1:C3\n\n\
        | | A | B | C |\n|---|---|---|---|\n\
        | 1 | Item | Str\u{df}e! | |\n\
        | 2 | 2024-02-29 | #N/A | TRUE |\n\
        | 3 | 7 | 50% | sum |\n\n\
        (sheet \"Costs\" A1:C3 of A1:C3; go on with part `'Old ones'!`)\n";
    assert_eq!(shown(&book, "x.xls", ""), wanted);
    let hidden = shown(&book, "x.xls", "'Old ones'!");
    assert!(hidden.contains("| 5 | here |"), "{hidden}");
}

#[test]
fn other_documents_of_before_2007_are_named_with_what_can_be_read() {
    let error = refused(&container("WordDocument", b"x"), "x.doc", "");
    assert!(
        error.starts_with("a Word or PowerPoint document of before 2007")
            && error.contains("DOCX, ODT"),
        "{error}"
    );
}

#[test]
fn a_container_or_stream_that_lies_is_read_to_its_end_or_refused() {
    let book = container("Workbook", &stream());
    for at in (0..book.len()).step_by(7) {
        for byte in [0, 0x7F, 0xFF] {
            let mut damaged = book.clone();
            damaged[at] = byte;
            // Whatever comes of it, it comes.
            let _ = try_read(&damaged, "x.xls", "");
        }
        let _ = try_read(&book[..at], "x.xls", "");
    }
    // A table that leads back to where it came from.
    let mut round = book.clone();
    round[SECTOR + 8..SECTOR + 12].copy_from_slice(&2u32.to_le_bytes());
    let _ = try_read(&round, "x.xls", "");
}
