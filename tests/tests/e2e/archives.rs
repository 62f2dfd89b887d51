//! `archive_unpack`: what it writes, what it refuses, and that no archive reaches beyond the directory that was named.

use serde_json::{Value, json};

use crate::by_hand::here;
use crate::web::{content, results};

/// A call that makes archives, by a program of Python.
fn make(programs: &[&str]) -> Value {
    let program = programs.concat();
    let imports = "import io, os, stat, struct, tarfile, zipfile";
    shell(&format!("python3 - <<'END'\n{imports}\n{program}\nEND"))
}

fn shell(command: &str) -> Value {
    json!({"tool": "shell", "arguments": {"command": command}})
}

fn unpack(path: &str, to: &str) -> Value {
    json!({"tool": "archive_unpack", "arguments": {"path": path, "to": to}})
}

/// What a command that succeeded printed.
fn printed(result: &Value) -> &str {
    assert_eq!(result["ok"], true, "{result}");
    content(result)
        .split_once("--- stdout\n")
        .map_or("", |(_, text)| text)
}

const GOOD: &str = r"
def tar(name, mode, members):
    with tarfile.open(name, mode) as t:
        for path, kind, more in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(more)
                info.mode = 0o755 if path.endswith('.sh') else 0o644
                t.addfile(info, io.BytesIO(more))
            else:
                info.linkname = more
                t.addfile(info)
R, D, S, L, F, C = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE
def zips(name, members, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(name, 'w', kind) as z:
        for path, more in members:
            z.writestr(path, more)
";

/// Archives that must not be unpacked.
const HOSTILE: &str = r"
ok = ('ok.txt', 'ok')
zips('slip.zip', [ok, ('../evil', 'x')])
zips('deep-slip.zip', [ok, ('a/../../../evil', 'x')])
zips('absolute.zip', [ok, ('/tmp/evil', 'x')])
tar('slip.tar', 'w', [('ok.txt', R, b'ok'), ('../evil', R, b'x')])
tar('absolute.tgz', 'w:gz', [('ok.txt', R, b'ok'), ('/workspace/evil', R, b'x')])
zips('backslash.zip', [ok, ('..\\evil', 'x')])
zips('drive.zip', [ok, ('C:evil', 'x')])
zips('line.zip', [ok, ('a\nb', 'x')])
zips('turned.zip', [ok, ('a\u202etxt.exe', 'x')])
zips('nul.zip', [ok, ('a#b', 'x')])
data = open('nul.zip', 'rb').read()
open('nul.zip', 'wb').write(data.replace(b'a#b', b'a\0b'))
zips('twice.zip', [('a', '1'), ('./a', '2')])
zips('same.zip', [('a1', '1'), ('a2', '2')])
data = open('same.zip', 'rb').read()
open('same.zip', 'wb').write(data.replace(b'a2', b'a1'))
zips('case.zip', [('a', '1'), ('A', '2')])
zips('both.zip', [('a', '1'), ('a/b', '2')])
zips('long.zip', [ok, ('x' * 300, 'x')])
zips('far.zip', [ok, ('/'.join(['d' * 100] * 12), 'x')])
zips('nested.zip', [ok, ('d/' * 70 + 'x', 'x')])
zips('bomb.zip', [ok, ('zeros', b'\0' * (6 << 20))])
tar('bomb.tgz', 'w:gz', [('ok.txt', R, b'ok'), ('zeros', R, b'\0' * (6 << 20))])
numbers = ''.join('%08d\n' % n for n in range(1 << 20))
zips('large.zip', [ok, ('numbers', numbers)])
zips('lies.zip', [ok, ('numbers', numbers)])
data = bytearray(open('lies.zip', 'rb').read())
at = data.rfind(b'PK\x01\x02')
data[at + 24:at + 28] = struct.pack('<I', 10)
open('lies.zip', 'wb').write(data)
huge = tarfile.TarInfo('huge'); huge.size = 1 << 40
open('huge.tar', 'wb').write(huge.tobuf(tarfile.GNU_FORMAT) + b'x' * 1024)
zips('cut.zip', [ok, ('a', os.urandom(5000))])
data = open('cut.zip', 'rb').read()
open('cut.zip', 'wb').write(data[:3000])
open('cut.tgz', 'wb').write(open('bomb.tgz', 'rb').read()[:2000])
data = bytearray(open('slip.zip', 'rb').read().replace(b'../evil', b'an/evil'))
data[40] ^= 255
open('broken.zip', 'wb').write(data)
open('text.zip', 'w').write('no archive')
zips('no-folder.zip', [ok])
";

/// What is said of each of them, and of other paths that are no archive.
const REFUSED: &[(&str, &str)] = &[
    ("slip.zip", "`../evil` is not written: the name leads out"),
    ("deep-slip.zip", "the name leads out of the folder"),
    (
        "absolute.zip",
        "`/tmp/evil` is not written: the name is absolute",
    ),
    ("slip.tar", "the name leads out of the folder"),
    ("absolute.tgz", "the name is absolute"),
    ("backslash.zip", "the name has a backslash"),
    ("drive.zip", "the name begins with a drive letter"),
    ("line.zip", "characters that are not shown"),
    ("turned.zip", "characters that are not shown"),
    ("nul.zip", "characters that are not shown"),
    ("twice.zip", "the name is there twice"),
    ("same.zip", "names one member twice"),
    ("case.zip", "differs in small and capital letters only"),
    ("both.zip", "it is a file and a folder at once"),
    ("long.zip", "the name is too long"),
    ("far.zip", "the name is too long"),
    ("nested.zip", "over the limit `depth`"),
    ("bomb.zip", "over the limit `ratio`"),
    ("bomb.tgz", "over the limit `ratio`"),
    ("large.zip", "over the limit `entry_bytes`"),
    ("lies.zip", "Nothing was unpacked"),
    ("huge.tar", "it ends within a member"),
    ("cut.zip", "this is no readable ZIP file"),
    ("cut.tgz", "Nothing was unpacked"),
    ("broken.zip", "this is no readable ZIP file"),
    ("text.zip", "no ZIP, tar or tar.gz archive cannot be read"),
    ("missing.zip", "no such file"),
    ("pipe", "is not a file"),
    ("link", "is not a file"),
    ("aside/x.zip", "links are not followed"),
    ("there", "is not a file"),
    ("../slip.zip", "'..'"),
];

#[test]
fn archives_of_each_kind_are_unpacked_with_their_folders_and_executable_files() {
    let members = "
members = [('./', D, ''), ('src', D, ''), ('src/run.sh', R, b'echo ran\\n'), ('src/a.txt', R, b'one'), ('link', S, 'src/a.txt'), ('hard', L, 'src/a.txt'), ('pipe', F, ''), ('null', C, '')]
tar('a.tar', 'w', members)
tar('b.tar.gz', 'w:gz', members)
zips('c.zip', [('src/a.txt', 'one'), ('src/deep/b.txt', 'two'), ('empty/', '')])";
    let look = |to: &str| {
        shell(&format!(
            "cd {to}; src/run.sh; find . | sort; stat -c '%U %a' src src/a.txt"
        ))
    };
    let got = results(
        &here(),
        &[
            make(&[GOOD, members]),
            unpack("a.tar", "out/a.tar"),
            look("out/a.tar"),
            unpack("b.tar.gz", "out/b.tar.gz"),
            look("out/b.tar.gz"),
            unpack("/workspace/c.zip", "."),
            shell("cat src/a.txt src/deep/b.txt"),
        ],
    );
    for (at, path) in [(1, "a.tar"), (3, "b.tar.gz")] {
        assert_eq!(
            content(&got[at]),
            format!(
                "unpacked {path} into out/{path}: 2 files, 12 bytes\nsrc/a.txt\t3\nsrc/run.sh\t9\nleft out:\n\
                 link: it is a link or a device\nhard: it is a link or a device\npipe: it is a link or a device\nnull: it is a link or a device\n"
            )
        );
        assert_eq!(
            (&got[at]["ok"], &got[at]["isolation"]),
            (&json!(true), &json!("bubblewrap"))
        );
        assert_eq!(
            printed(&got[at + 1]),
            "ran\n.\n./src\n./src/a.txt\n./src/run.sh\nuser 700\nuser 600"
        );
    }
    assert_eq!(
        content(&got[5]),
        "unpacked c.zip into .: 2 files, 6 bytes\nsrc/a.txt\t3\nsrc/deep/b.txt\t3\n"
    );
    assert_eq!(
        got[5]["changed_files"],
        json!(["src/a.txt", "src/deep/b.txt"])
    );
    assert_eq!(printed(&got[6]), "onetwo");
}

#[test]
fn files_that_are_there_are_overwritten_only_when_asked() {
    let zip = "\nzips('a.zip', [('a.txt', 'new'), ('b.txt', 'new'), ('c.txt', 'new')])";
    let mut replacing = unpack("a.zip", "out/here");
    replacing["arguments"]["replace"] = json!(true);
    let got = results(
        &here(),
        &[
            make(&[GOOD, zip]),
            shell("mkdir -p out/here; echo old > out/here/b.txt; echo old > out/here/c.txt"),
            unpack("a.zip", "out/here"),
            shell("cd out/here; ls; cat *"),
            replacing,
            shell("cd out/here; ls -A; cat *"),
        ],
    );
    assert_eq!(got[2]["ok"], false);
    assert_eq!(
        content(&got[2]),
        "\"b.txt\" is there already, and so is one other. Nothing was unpacked: set replace to true to overwrite files, or unpack into another directory."
    );
    assert_eq!(printed(&got[3]), "b.txt\nc.txt\nold\nold");
    assert_eq!(got[4]["ok"], true, "{}", got[4]);
    assert_eq!(printed(&got[5]), "a.txt\nb.txt\nc.txt\nnewnewnew");
}

#[test]
fn a_hostile_archive_is_refused_as_a_whole_and_leaves_nothing() {
    let mut here = here();
    here.set("ERRAND_TOOLS__FILE_BYTES_MAX", "8388608");
    let elsewhere = [
        ("../x", "'..'"),
        ("/etc", "relative to the workspace"),
        ("plain", "through something that is there and no directory"),
        (
            "aside/x",
            "through something that is there and no directory",
        ),
        ("pipe/x", "through something that is there and no directory"),
    ];
    let refused = REFUSED
        .iter()
        .map(|(path, says)| (*path, "out/here", *says));
    let elsewhere = elsewhere.map(|(to, says)| ("no-folder.zip", to, says));
    let cases: Vec<_> = refused.chain(elsewhere).collect();
    let look = || shell("find . | sort; ls /tmp");
    let mut calls = vec![
        make(&[GOOD, HOSTILE]),
        shell("mkfifo pipe; ln -s slip.zip link; mkdir there; ln -s /tmp aside; touch plain"),
        look(),
    ];
    for (path, to, _) in &cases {
        calls.extend([unpack(path, to), look()]);
    }
    let got = results(&here, &calls);
    let before = printed(&got[2]);
    for ((path, to, says), results) in cases.iter().zip(got[3..].chunks(2)) {
        let [result, after] = results else {
            panic!("a call has no result");
        };
        assert!(
            result["ok"] == false && content(result).contains(says),
            "{path} into {to}: {result}"
        );
        assert_eq!(printed(after), before, "{path} into {to}");
    }
}

#[test]
fn no_link_carries_a_file_elsewhere_and_archives_in_archives_stay_closed() {
    let archives = "
tar('through.tar', 'w', [('l', S, '/tmp'), ('ok.txt', R, b'ok')])
tar('through-twice.tar', 'w', [('l', S, '../../target'), ('l/evil', R, b'x')])
zips('inner.zip', [('zeros', b'\\0' * (1 << 20))])
inner = open('inner.zip', 'rb').read()
zips('outer.zip', [('%d.zip' % n, inner) for n in range(20)])
zips('below.zip', [('link/evil', 'x')])";
    let got = results(
        &here(),
        &[
            make(&[GOOD, archives]),
            shell("mkdir -p target out/here; ln -s /workspace/target out/here/link"),
            unpack("through.tar", "out/here"),
            unpack("through-twice.tar", "out/here"),
            unpack("below.zip", "out/here"),
            unpack("outer.zip", "out/here"),
            shell(
                "ls -A target; cd out/here; find . -type f ! -name '*.zip' | sort; find . -name '*.zip' | wc -l; readlink link",
            ),
        ],
    );
    for at in [2, 3, 5] {
        assert_eq!(got[at]["ok"], true, "{}", got[at]);
    }
    assert!(
        content(&got[4]).contains("something that is no file is there already"),
        "{}",
        got[4]
    );
    assert_eq!(
        printed(&got[6]),
        "./l/evil\n./ok.txt\n20\n/workspace/target"
    );
}

#[test]
fn an_archive_takes_no_more_than_the_workspace_has_room_for() {
    let mut here = here();
    here.set("ERRAND_TOOLS__WORKSPACE_BYTES_MAX", "3145728");
    here.set("ERRAND_TOOLS__WORKSPACE_FILES_MAX", "50");
    let archives = "
zips('many.zip', [('%d' % n, '') for n in range(60)])
zips('sparse.zip', [('%d' % n, b'ab' * 400000) for n in range(4)])";
    let got = results(
        &here,
        &[
            make(&[GOOD, archives]),
            unpack("many.zip", "out"),
            unpack("sparse.zip", "out"),
            shell("ls"),
        ],
    );
    for (at, says) in [
        (1, "over the limit `entries` of 48"),
        (2, "over the limit `unpacked_bytes`"),
    ] {
        assert!(
            got[at]["ok"] == false && content(&got[at]).contains(says),
            "{}",
            got[at]
        );
    }
    assert_eq!(printed(&got[3]), "many.zip\nsparse.zip");
}
