//! Moving, deleting, patching and finding files: what a model can do with them beside reading and writing.

use crate::room::Room;
use agent_core::blob::{BlobHash, BlobRef};
use agent_core::image::ImageRef;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::ToolOutcome;
use serde_json::{Value, json};

/// Every file of the workspace with its text, as a command sees them.
async fn files(room: &Room) -> String {
    room.prints("find . -type f | sort | xargs -r grep -H ''")
        .await
}

async fn done(room: &Room, tool: &str, arguments: Value) -> String {
    let ToolOutcome { ok, content, .. } = room.tool(tool, arguments.clone()).await;
    assert!(ok, "{tool} {arguments}: {content}");
    content
}

async fn refused(room: &Room, tool: &str, arguments: Value) -> String {
    let ToolOutcome { ok, content, .. } = room.tool(tool, arguments.clone()).await;
    assert!(!ok, "{tool} {arguments}: {content}");
    content
}

#[tokio::test]
async fn files_and_directories_are_moved_and_nothing_is_overwritten_unasked() {
    let room = Room::new().await;
    room.shell("echo a > a; echo b > b; mkdir -p d/e; echo c > d/e/c; echo x > run; chmod +x run; ln b twin")
        .await;
    for (arguments, says) in [
        (
            json!({"from": "a", "to": "new/deep/a"}),
            "moved a to new/deep/a",
        ),
        (
            json!({"from": "/workspace/d", "to": "./moved"}),
            "moved the directory d to moved",
        ),
        (
            json!({"from": "run", "to": "bin/run"}),
            "moved run to bin/run",
        ),
        (
            json!({"from": "new/deep/a", "to": "moved/e/c", "replace": true}),
            "moved new/deep/a to moved/e/c",
        ),
        (
            json!({"from": "b", "to": "twin", "replace": true}),
            "moved b to twin",
        ),
    ] {
        assert_eq!(done(&room, "file_move", arguments).await, says);
    }
    assert_eq!(files(&room).await, "./bin/run:x\n./moved/e/c:a\n./twin:b");
    assert_eq!(
        room.prints("stat -c %a bin/run; stat -c '%U %a' new").await,
        "700\nuser 700"
    );
    for (arguments, says) in [
        (
            json!({"from": "twin", "to": "bin/run"}),
            "set replace to true",
        ),
        (
            json!({"from": "twin", "to": "bin"}),
            "write the whole new path, such as \"bin/twin\"",
        ),
        (
            json!({"from": "twin", "to": "bin", "replace": true}),
            "is a directory",
        ),
        (
            json!({"from": "bin", "to": "twin", "replace": true}),
            "a file of that name is there already",
        ),
        (
            json!({"from": "bin", "to": "bin/below"}),
            "cannot be moved into itself",
        ),
        (json!({"from": "twin", "to": "twin"}), "nothing was moved"),
        (json!({"from": "nope", "to": "x"}), "no such file"),
        (
            json!({"from": "twin", "to": "bin/run/x"}),
            "it is a file, not a directory",
        ),
        (json!({"from": "", "to": "x"}), "the workspace itself"),
    ] {
        let said = refused(&room, "file_move", arguments).await;
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(files(&room).await, "./bin/run:x\n./moved/e/c:a\n./twin:b");
}

#[tokio::test]
async fn what_is_deleted_is_said_and_a_full_directory_needs_a_word_more() {
    let room = Room::new().await;
    room.shell("echo a > a; mkdir -p empty d/e; echo c > d/e/c; echo 12345 > d/f; chmod 0 d/e; ln -s /etc/passwd link; mkfifo pipe")
        .await;
    let said = refused(&room, "file_delete", json!({"path": "d"})).await;
    assert!(
        said.contains("it holds 2 files and 1 directories; set recursive"),
        "{said}"
    );
    for (arguments, says) in [
        (json!({"path": "a"}), "deleted a: 2 bytes"),
        (
            json!({"path": "empty/"}),
            "deleted the directory empty: 0 files with 0 bytes, 1 directories",
        ),
        (
            json!({"path": "d", "recursive": true}),
            "deleted the directory d: 2 files with 8 bytes, 2 directories",
        ),
        (json!({"path": "link"}), "deleted link: a symbolic link"),
        (json!({"path": "pipe"}), "deleted pipe: a pipe"),
    ] {
        assert_eq!(done(&room, "file_delete", arguments).await, says);
    }
    assert!(std::path::Path::new("/etc/passwd").exists());
    assert_eq!(room.prints("ls -A").await, "");
    for path in ["a", "nope/x", ""] {
        refused(&room, "file_delete", json!({"path": path})).await;
    }
}

#[tokio::test]
async fn a_patch_changes_several_files_in_either_form() {
    let room = Room::new().await;
    room.shell("printf 'one\\ntwo\\nthree\\n' > a; printf 'x\\r\\ny\\r\\n' > dos; echo old > gone; echo '#!/bin/sh' > run; chmod +x run")
        .await;
    let patch = "*** Begin Patch\n*** Update File: a\n@@\n one\n-two\n+zwei\n three\n*** Update File: dos\n-y\n+z\n*** Delete File: gone\n\
        *** Add File: d/new\n+fresh\n*** Update File: run\n*** Move to: bin/run\n@@\n #!/bin/sh\n+echo hi\n*** End Patch\n";
    let said = done(&room, "file_patch", json!({"patch": patch})).await;
    assert_eq!(
        said,
        "changed a: +1 -1 lines\nchanged dos: +1 -1 lines\ndeleted gone\nadded d/new: 1 lines\nmoved run to bin/run: +1 -0 lines"
    );
    let diff = "--- a/a\n+++ b/a\n@@ -40,3 +40,3 @@\n one\n zwei\n-three\n+drei\n";
    done(&room, "file_patch", json!({"patch": diff})).await;
    assert_eq!(
        room.prints("cat a; cat -A dos; cat d/new; bin/run; ls")
            .await,
        "one\nzwei\ndrei\nx^M$\nz^M$\nfresh\nhi\na\nbin\nd\ndos"
    );
}

#[tokio::test]
async fn of_a_patch_that_does_not_fit_or_cannot_be_written_nothing_stays() {
    let room = Room::new().await;
    room.shell("echo one > a; echo two > b; echo run > c; chmod +x c; mkdir d")
        .await;
    let before = files(&room).await;
    for (patch, says) in [
        (
            "*** Update File: a\n-one\n+1\n*** Update File: b\n-tvo\n+2",
            "nothing was changed. b: the hunk does not fit",
        ),
        (
            "*** Update File: a\n-one\n+1\n*** Delete File: nope",
            "nope: there is no such file",
        ),
        (
            "*** Update File: a\n-one\n+1\n*** Add File: d\n+x",
            "\"d\": it is a directory",
        ),
        // `new` cannot be a file and a directory, which shows only when the second is written.
        (
            "*** Delete File: c\n*** Update File: a\n-one\n+1\n*** Add File: new\n+x\n*** Add File: new/below\n+x",
            "nothing was changed. \"new/below\"",
        ),
        (
            "that is no patch",
            "nothing was changed. The patch cannot be read: no change is in it",
        ),
    ] {
        let said = refused(&room, "file_patch", json!({"patch": patch})).await;
        assert!(said.contains(says), "{patch}: {said}");
        assert_eq!(files(&room).await, before, "{patch}");
    }
    assert_eq!(
        room.prints("./c 2>&1; stat -c %a c; ls").await,
        "./c: line 1: run: command not found\n700\na\nb\nc\nd"
    );
}

#[tokio::test]
async fn files_are_found_by_name_and_lines_with_what_is_around_them() {
    let room = Room::new().await;
    room.shell("mkdir -p src/a/b/c docs; for f in src/x.rs src/a/y.rs src/a/b/c/z.rs docs/x.md; do echo 'fn it() {}' > $f; done; printf '1\\n2\\nhit\\n4\\n' > docs/n.txt")
        .await;
    let listed = done(&room, "file_list", json!({"pattern": "src/**/*.rs"})).await;
    assert_eq!(listed, "src/a/b/c/z.rs\t11\nsrc/a/y.rs\t11\nsrc/x.rs\t11\n");
    let listed = done(
        &room,
        "file_list",
        json!({"path": "src", "pattern": "a/*.rs"}),
    )
    .await;
    assert_eq!(listed, "src/a/y.rs\t11\n");
    let listed = done(&room, "file_list", json!({"pattern": "c"})).await;
    assert_eq!(listed, "src/a/b/c/\n");
    let listed = done(&room, "file_list", json!({"pattern": "*.py"})).await;
    assert_eq!(listed, "no path fits (10 looked at)");
    let found = done(
        &room,
        "file_search",
        json!({"pattern": "^hit", "context": 1, "path": "docs"}),
    )
    .await;
    assert_eq!(
        found,
        "docs/n.txt-2-2\ndocs/n.txt:3:hit\ndocs/n.txt-4-4\n[1 matches; 2 files searched]\n"
    );
    let found = done(
        &room,
        "file_search",
        json!({"pattern": "it\\(", "path": "src", "glob": "a/**/*.rs"}),
    )
    .await;
    assert_eq!(
        found,
        "src/a/b/c/z.rs:1:fn it() {}\nsrc/a/y.rs:1:fn it() {}\n[2 matches; 2 files searched]\n"
    );
    let read = done(
        &room,
        "file_read",
        json!({"path": "docs/n.txt", "start_line": 3, "line_numbers": true}),
    )
    .await;
    assert_eq!(
        read,
        "docs/n.txt: lines 3 to 4 of 4\n    3 | hit\n    4 | 4"
    );
}

#[tokio::test]
async fn of_a_binary_file_a_model_is_told_what_it_is() {
    let room = Room::new().await;
    room.shell("printf '\\211PNG\\r\\n\\032\\n....' > broken.png; printf 'GIF89a\\050\\043\\002\\000\\377\\377' > wide.gif; printf '%%PDF-1.7\\n\\377' > cv; printf 'Stra\\337e' > latin; head -c 20000000 /dev/zero > big").await;
    for (path, says) in [
        (
            "broken.png",
            "is a PNG image of 12 bytes, not text; convert a copy of it to PNG",
        ),
        (
            "wide.gif",
            "is a GIF image of 9000 × 2 pixels and 12 bytes; only images of at most 8000 pixels a side",
        ),
        (
            "cv",
            "is a PDF document of 10 bytes, not text; read it with document_read",
        ),
        ("latin", "iconv -f ISO-8859-1 -t UTF-8"),
        ("big", "look at parts of it in the shell"),
    ] {
        let said = refused(&room, "file_read", json!({"path": path})).await;
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn an_image_is_in_the_blob_store_before_a_model_is_shown_it() {
    let room = Room::new().await;
    room.shell("printf 'GIF89a\\003\\000\\002\\000\\377\\377' > dot.gif")
        .await;
    let outcome = room.tool("file_read", json!({"path": "dot.gif"})).await;
    assert_eq!(
        (outcome.ok, outcome.content.as_str()),
        (true, "dot.gif: a GIF image, 3 × 2 pixels, 12 bytes")
    );
    let bytes = b"GIF89a\x03\0\x02\0\xff\xff";
    let image = ImageRef {
        blob: BlobRef {
            hash: BlobHash::of(bytes),
            bytes: 12,
        },
        media_type: "image/gif".to_owned(),
        width: 3,
        height: 2,
    };
    assert_eq!(outcome.images, std::slice::from_ref(&image));
    let stored = room.blobs.get(&room.place.tenant, &image.blob.hash).await;
    assert_eq!(stored.unwrap(), bytes);
}
