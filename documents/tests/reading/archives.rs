//! Archives: listing, one member, and everything written into a folder.

use std::io::Cursor;

use documents::archive::{MemberKind, extract_into, list, plan};
use documents::{Error, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

use crate::fixtures::{refused, shown, tar, try_read, word, zip};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn extract(bytes: &[u8], folder: &std::path::Path) -> Result<documents::archive::Extracted, Error> {
    extract_into(&mut Cursor::new(bytes), folder, false, &Limits::default())
}

#[test]
fn an_archive_is_listed_and_its_members_are_read_as_documents() {
    let file = word("<w:p><w:r><w:t>inside</w:t></w:r></w:p>");
    let archive = zip(&[
        ("docs/", b""),
        ("docs/a.docx", &file),
        ("b.txt", b"one\ntwo"),
    ]);
    let listing = shown(&archive, "x.zip", "");
    assert!(
        listing.contains("- docs/ (folder)\n- docs/a.docx ("),
        "{listing}"
    );
    assert!(listing.contains("- b.txt (7 bytes)\n"), "{listing}");
    let member = try_read(&archive, "x.zip", "member: docs/a.docx").unwrap();
    assert!(
        member.shown.starts_with("member `docs/a.docx`, lines 1 to"),
        "{}",
        member.shown
    );
    assert!(member.text.starts_with("inside"), "{}", member.text);
    let lines = try_read(&archive, "x.zip", "member: b.txt # 1").unwrap();
    assert_eq!(
        (lines.text.as_str(), lines.next.as_deref()),
        ("one\n", Some("member: b.txt # 2-"))
    );
    assert_eq!(
        refused(&archive, "x.zip", "member: c.txt"),
        "there is no member `c.txt`; there are for example docs/a.docx, b.txt"
    );
}

#[test]
fn tar_archives_are_read_with_and_without_gzip() {
    let long = "d/".repeat(60) + "long.txt";
    let members = tar(&[
        ("a.txt", b'0', b"hello"),
        ("l", b'2', b""),
        ("././@LongLink", b'L', long.as_bytes()),
        ("cut", b'0', b"x"),
    ]);
    for bytes in [members.clone(), gzip(&members)] {
        let found = list(&mut Cursor::new(&bytes), &Limits::default()).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|member| (member.name.as_str(), member.kind, member.bytes))
            .collect();
        let wanted = [
            ("a.txt", MemberKind::File, 5),
            ("l", MemberKind::Other, 0),
            (long.as_str(), MemberKind::File, 1),
        ];
        assert_eq!(found, wanted);
        assert!(shown(&bytes, "x.tgz", "member: a.txt").contains("hello"));
    }
    assert_eq!(
        try_read(&gzip(b"{\"a\": 1}"), "x.json.gz", "$.a")
            .unwrap()
            .text,
        "1"
    );
}

#[test]
fn members_are_written_into_the_folder_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let archive = zip(&[("a/b/c.txt", b"deep"), ("d.txt", b"flat"), ("empty/", b"")]);
    let written = extract(&archive, folder.path()).unwrap();
    let names: Vec<_> = written
        .files
        .iter()
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    assert_eq!(names, [("a/b/c.txt", 4), ("d.txt", 4)]);
    assert_eq!(
        std::fs::read(folder.path().join("a/b/c.txt")).unwrap(),
        b"deep"
    );
    // A second time everything is there already.
    let error = extract(&archive, folder.path()).unwrap_err().to_string();
    assert_eq!(error, "\"a/b/c.txt\" is there already, and so is one other");
}

#[test]
fn names_that_lead_out_refuse_the_whole_archive_before_anything_is_written() {
    let names = [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "C:/evil",
        "a\\..\\..\\evil",
        "a/\u{202E}evil",
    ];
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let archives = [
            zip(&[("good.txt", b"x"), (name, b"x")]),
            tar(&[("good.txt", b'0', b"x"), (name, b'0', b"x")]),
        ];
        for archive in archives {
            let error = extract(&archive, &inner).unwrap_err();
            assert!(matches!(error, Error::UnsafeName { .. }), "{name}: {error}");
            assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 0, "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn one_place_is_not_named_twice_in_any_spelling() {
    let cases: [&[(&str, u8, &[u8])]; 4] = [
        &[("a.txt", b'0', b"1"), ("./a.txt", b'0', b"2")],
        &[("a.txt", b'0', b"1"), ("A.TXT", b'0', b"2")],
        &[("a", b'0', b"1"), ("a/b", b'0', b"2")],
        &[("Docs/a", b'0', b"1"), ("docs/b", b'0', b"2")],
    ];
    for members in cases {
        let error = plan(&mut Cursor::new(tar(members)), &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::UnsafeName { .. }), "{error}");
    }
}

#[test]
fn a_zip_that_names_one_member_twice_is_refused_however_it_is_read() {
    let mut archive = zip(&[("a.txt", b"first"), ("b.txt", b"second")]);
    for at in 0..archive.len() - 5 {
        if archive[at..].starts_with(b"b.txt") {
            archive[at] = b'a';
        }
    }
    let words = "it names one member twice, so which of the two is meant cannot be known";
    for part in ["", "member: a.txt"] {
        let said = refused(&archive, "x.zip", part);
        assert!(said.contains(words), "{said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = extract(&archive, folder.path()).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_archive_that_breaks_in_the_middle_leaves_what_is_there_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "mine").unwrap();
    let mut archive = zip(&[("a.txt", b"theirs"), ("b.txt", b"one, two, three")]);
    let name = archive
        .windows(5)
        .position(|five| five == b"b.txt")
        .unwrap();
    archive[name + 7] ^= 255;
    let limits = Limits::default();
    let error = extract_into(&mut Cursor::new(archive), folder.path(), true, &limits);
    error.unwrap_err();
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    let text = std::fs::read_to_string(folder.path().join("a.txt")).unwrap();
    assert_eq!((names, text.as_str()), (1, "mine"));
    let archive = tar(&[
        ("a.txt", b'0', b"theirs"),
        (".errand-unfinished/x", b'0', b""),
    ]);
    let error = extract_into(&mut Cursor::new(archive), folder.path(), true, &limits);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("needs this name for itself"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_neither_made_nor_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let written = extract(
        &tar(&[("link", b'2', b""), ("a.txt", b'0', b"x")]),
        folder.path(),
    )
    .unwrap();
    assert_eq!(
        written.left_out,
        [("link".to_owned(), "it is a link or a device")]
    );
    assert!(!folder.path().join("link").exists());
    // A link that lies in the folder already must not carry a member outside.
    std::os::unix::fs::symlink(outside.path(), folder.path().join("sub")).unwrap();
    let error = extract(&zip(&[("sub/evil.txt", b"x")]), folder.path()).unwrap_err();
    assert!(matches!(error, Error::UnsafeName { .. }), "{error}");
    std::os::unix::fs::symlink(outside.path().join("new"), folder.path().join("file")).unwrap();
    assert!(extract(&zip(&[("file", b"x")]), folder.path()).is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
