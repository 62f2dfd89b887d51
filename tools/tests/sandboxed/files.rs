//! The file tools: what a model can do with them, and that they never leave the workspace.

use crate::room::Room;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::EffectClass::{Once, Read, Repeatable};
use agent_core::ports::tool::FileUse::{self, Changes, Reads};
use agent_core::ports::tool::{EffectClass, SideEffect, ToolBox};
use serde_json::{Value, json};

#[tokio::test]
async fn the_tools_come_in_a_stable_order_with_strict_schemas_and_their_effects() {
    let room = Room::new().await;
    let seen: Vec<(String, EffectClass, FileUse)> = room
        .parts
        .toolbox
        .specs()
        .iter()
        .map(|spec| (spec.name.clone(), spec.effect, spec.files))
        .collect();
    let wanted = [
        ("shell", Repeatable, Changes),
        ("file_read", Read, Reads),
        ("file_write", Repeatable, Changes),
        ("file_edit", Repeatable, Changes),
        ("file_patch", Repeatable, Changes),
        ("file_move", Repeatable, Changes),
        ("file_delete", Repeatable, Changes),
        ("file_list", Read, Reads),
        ("file_search", Read, Reads),
        ("document_read", Read, Reads),
        ("archive_unpack", Repeatable, Changes),
        ("note", Repeatable, FileUse::None),
        ("publish", Repeatable, Reads),
        ("shell_start", Repeatable, Changes),
        ("shell_read", Repeatable, Changes),
        ("shell_write", Repeatable, Changes),
        ("shell_stop", Repeatable, Changes),
        ("browser_open", Repeatable, Changes),
        ("browser_look", Read, Changes),
        ("browser_read", Read, Changes),
        ("browser_act", Once, Changes),
        ("browser_wait", Read, Changes),
        ("browser_tab", Repeatable, Changes),
        ("browser_file", Once, Changes),
        ("browser_dialog", Once, Changes),
        ("browser_ask_human", Read, Changes),
    ]
    .map(|(name, effect, files)| (name.to_owned(), effect, files));
    assert_eq!(seen, wanted);
    for spec in room.parts.toolbox.specs() {
        let schema = jsonschema::validator_for(&spec.parameters).unwrap();
        assert!(!schema.is_valid(&json!({"surprise": 1})), "{}", spec.name);
        assert_eq!(spec.parameters["additionalProperties"], Value::Bool(false));
    }
}

#[tokio::test]
async fn an_argument_that_a_tool_does_not_have_is_refused_by_its_name_beside_those_that_it_has() {
    let room = Room::with(|options| {
        options.network.mode = agent_core::network::NetworkMode::Open;
        options.http_request.enabled = true;
        options.search.url = "https://search.example/?q={query}".to_owned();
    })
    .await;
    for spec in room.parts.toolbox.specs().to_vec() {
        let outcome = room.tool(&spec.name, json!({"surprise": 1})).await;
        let known = spec.parameters["properties"].as_object().unwrap();
        assert!(
            !outcome.ok && outcome.content.contains("unknown field `surprise`"),
            "{}: {}",
            spec.name,
            outcome.content
        );
        for (argument, _) in known {
            let quoted = format!("`{argument}`");
            assert!(
                outcome.content.contains(&quoted),
                "{} {argument}: {}",
                spec.name,
                outcome.content
            );
        }
    }
}

#[tokio::test]
async fn a_file_is_written_read_edited_listed_and_found() {
    let room = Room::new().await;
    let wrote = room
        .tool(
            "file_write",
            json!({"path": "notes/a.md", "content": "one\ntwo\nthree\n"}),
        )
        .await;
    assert_eq!(wrote.content, "wrote notes/a.md: 14 bytes, 3 lines");
    let read = room
        .tool(
            "file_read",
            json!({"path": "/workspace/notes/a.md", "start_line": 2, "line_count": 1}),
        )
        .await;
    assert_eq!(
        read.content,
        "notes/a.md: lines 2 to 2 of 3; go on with start_line 3\ntwo"
    );
    let edited = room
        .tool(
            "file_edit",
            json!({"path": "notes/a.md", "find": "two", "replace": "zwei"}),
        )
        .await;
    assert_eq!(edited.content, "changed notes/a.md once, at line 2");
    let found = room
        .tool("file_search", json!({"pattern": "^z.*i$", "glob": "*.md"}))
        .await;
    assert_eq!(
        found.content,
        "notes/a.md:2:zwei\n[1 matches; 1 files searched]\n"
    );
    let listed = room.tool("file_list", json!({})).await;
    assert_eq!(listed.content, "notes/\nnotes/a.md\t15\n");
    // What the host wrote, a command can change, and the other way round.
    assert_eq!(
        room.prints("echo four >> notes/a.md; mkdir notes/b; tail -1 notes/a.md")
            .await,
        "four"
    );
    let wrote = room
        .tool("file_write", json!({"path": "notes/b/c", "content": "x"}))
        .await;
    assert!(wrote.ok, "{}", wrote.content);
    assert_eq!(
        room.prints("stat -c '%U %a' notes notes/b/c").await,
        "user 700\nuser 600"
    );
}

#[tokio::test]
async fn a_file_keeps_its_executable_bit_when_it_is_rewritten() {
    let room = Room::new().await;
    room.shell("printf 'echo old' > run.sh; chmod +x run.sh")
        .await;
    room.tool(
        "file_edit",
        json!({"path": "run.sh", "find": "old", "replace": "new"}),
    )
    .await;
    assert_eq!(room.prints("./run.sh").await, "new");
}

#[tokio::test]
async fn what_a_model_can_mend_is_said_with_the_way_out() {
    let room = Room::new().await;
    room.shell("printf 'a\\0b' > bin; mkdir d; printf 'x\\nx\\n' > twice")
        .await;
    for (tool, arguments, says) in [
        ("file_read", json!({"path": "nope"}), "no such file"),
        (
            "file_read",
            json!({"path": "bin"}),
            "a binary file of 3 bytes",
        ),
        ("file_read", json!({"path": "d"}), "is a directory"),
        (
            "file_read",
            json!({"path": "twice", "start_line": 5}),
            "has 2 lines",
        ),
        ("file_read", json!({"path": ""}), "workspace itself"),
        (
            "file_write",
            json!({"path": "d", "content": ""}),
            "is a directory",
        ),
        (
            "file_write",
            json!({"path": "twice/x", "content": ""}),
            "directory",
        ),
        (
            "file_edit",
            json!({"path": "twice", "find": "x", "replace": "y"}),
            "occurs 2 times, at lines 1, 2",
        ),
        (
            "file_edit",
            json!({"path": "twice", "find": "z", "replace": "y"}),
            "is not in it",
        ),
        (
            "file_search",
            json!({"pattern": "("}),
            "not a regular expression",
        ),
        (
            "file_search",
            json!({"pattern": "(?=x)"}),
            "look-around, including look-ahead and look-behind, is not supported",
        ),
        (
            "file_search",
            json!({"pattern": "x", "glob": "a["}),
            "the pattern \"a[\" cannot be used",
        ),
        ("file_list", json!({"path": "nope"}), "no such file"),
        ("note", json!({"text": " "}), "1 to 4000 bytes"),
        ("publish", json!({"path": "nope"}), "no such file"),
        (
            "publish",
            json!({"path": "bin", "name": "../x"}),
            "cannot be used",
        ),
        ("shell", json!({"cmd": "ls"}), "arguments do not fit"),
        (
            "browse",
            json!({}),
            "there is no tool \"browse\"; the tools are: shell, file_read",
        ),
    ] {
        let outcome = room.tool(tool, arguments.clone()).await;
        assert!(
            !outcome.ok && outcome.content.contains(says),
            "{tool} {arguments}: {}",
            outcome.content
        );
    }
}

#[tokio::test]
async fn file_tools_never_leave_the_workspace_whatever_a_command_put_there() {
    let room = Room::new().await;
    room.shell("echo plain > plain; ln -s /etc/passwd link; ln -s / rootlink; ln -s .. up; mkfifo pipe; mkdir d; ln -s ../link d/l; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'").await;
    for path in [
        "..",
        "../x",
        "d/../../x",
        "/etc/passwd",
        "/proc/self/environ",
        "link",
        "rootlink/etc/passwd",
        "up/x",
        "d/l",
        "pipe",
        "sock",
        "/dev/zero",
        "a\0b",
    ] {
        for (tool, arguments) in [
            ("file_read", json!({"path": path})),
            ("file_write", json!({"path": path, "content": "x"})),
            (
                "file_edit",
                json!({"path": path, "find": "root", "replace": "x"}),
            ),
            ("publish", json!({"path": path})),
            ("file_move", json!({"from": path, "to": "taken"})),
            (
                "file_move",
                json!({"from": "plain", "to": path, "replace": true}),
            ),
            (
                "file_patch",
                json!({"patch": format!("*** Update File: {path}\n-root\n+x")}),
            ),
            (
                "file_patch",
                json!({"patch": format!("*** Add File: {path}\n+x")}),
            ),
        ] {
            let outcome = room.tool(tool, arguments).await;
            assert!(!outcome.ok, "{tool} {path:?}: {}", outcome.content);
            assert!(!outcome.content.contains("root:"), "{tool} {path:?}");
        }
    }
    for path in [
        "..",
        "rootlink/tmp",
        "up/x",
        "/etc",
        "/workspace",
        "d/../..",
    ] {
        let arguments = json!({"path": path, "recursive": true});
        let outcome = room.tool("file_delete", arguments).await;
        assert!(!outcome.ok, "{path}: {}", outcome.content);
    }
    for path in ["..", "rootlink", "up", "/etc"] {
        let outcome = room.tool("file_list", json!({"path": path})).await;
        assert!(!outcome.ok, "{path}: {}", outcome.content);
        let outcome = room
            .tool("file_search", json!({"path": path, "pattern": "root"}))
            .await;
        assert!(!outcome.ok, "{path}: {}", outcome.content);
    }
    let listed = room.tool("file_list", json!({})).await;
    assert!(
        listed.content.contains("link\t(symbolic link; not kept)"),
        "{}",
        listed.content
    );
    assert!(
        listed.content.contains("pipe\t(pipe; not kept)"),
        "{}",
        listed.content
    );
    let found = room.tool("file_search", json!({"pattern": "root"})).await;
    assert!(
        found.content.starts_with("no line matches"),
        "{}",
        found.content
    );
}

#[tokio::test]
async fn long_files_and_lists_are_cut_with_a_way_to_go_on() {
    let room = Room::new().await;
    room.shell("seq 100000 > numbers; mkdir many; cd many; seq 1500 | xargs touch")
        .await;
    let read = room
        .tool("file_read", json!({"path": "numbers", "line_count": 90000}))
        .await;
    assert!(
        read.content.len() <= room.options.shown_bytes_max,
        "{}",
        read.content.len()
    );
    let first = read.content.lines().next().unwrap();
    assert!(
        first.starts_with("numbers: lines 1 to ")
            && first.contains("of 100000; go on with start_line "),
        "{first}"
    );
    let listed = room.tool("file_list", json!({"path": "many"})).await;
    assert!(
        listed.content.ends_with(
            "[500 entries more; list a directory of it, a smaller depth, or a pattern]\n"
        ),
        "{}",
        listed.content.len()
    );
    let found = room
        .tool("file_search", json!({"pattern": "7", "max_matches": 3}))
        .await;
    assert_eq!(found.content.lines().count(), 4, "{}", found.content);
}

#[tokio::test]
async fn a_published_file_is_in_the_blob_store_before_it_is_named() {
    let room = Room::new().await;
    room.shell("mkdir out; echo '<svg/>' > out/chart.svg").await;
    let outcome = room
        .tool(
            "publish",
            json!({"path": "out/chart.svg", "name": "chart.svg"}),
        )
        .await;
    assert_eq!(outcome.content, "published chart.svg: 7 bytes");
    let [
        SideEffect::Publish {
            name,
            blob,
            media_type,
        },
    ] = outcome.side_effects.as_slice()
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (name.as_str(), media_type.as_str()),
        ("chart.svg", "image/svg+xml")
    );
    let stored = room
        .blobs
        .get(&room.place.tenant, &blob.hash)
        .await
        .unwrap();
    assert_eq!(stored, b"<svg/>\n");
}

#[tokio::test]
async fn a_note_is_for_the_user() {
    let room = Room::new().await;
    let outcome = room
        .tool("note", json!({"text": "Three of twelve fit."}))
        .await;
    let note = SideEffect::Note {
        text: "Three of twelve fit.".to_owned(),
    };
    assert_eq!((outcome.ok, outcome.side_effects), (true, vec![note]));
}
