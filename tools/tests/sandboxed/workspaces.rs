//! Workspaces: a restored one holds exactly its manifest, a snapshot holds exactly its files, a crash leaves nothing.

use crate::room::{Room, is_root, place};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use agent_core::ports::tool::ToolBox;
use agent_core::ports::workspaces::{WorkspaceError, Workspaces};
use agent_core::workspace::Manifest;
use serde_json::json;

#[tokio::test]
async fn what_a_command_made_comes_back_after_a_snapshot_and_a_restore() {
    let room = Room::new().await;
    room.shell("mkdir -p 'a dir/b' empty; echo 1 > 'a dir/b/ü—日本'; printf '#!/bin/sh\\necho run' > tool; chmod 755 tool; : > none; ln -s none link; mkfifo pipe").await;
    let snapshot = room.snapshot().await;
    let paths: Vec<(&str, bool)> = snapshot
        .manifest
        .0
        .iter()
        .map(|(path, entry)| (path.as_str(), entry.executable))
        .collect();
    assert_eq!(
        paths,
        vec![("a dir/b/ü—日本", false), ("none", false), ("tool", true)]
    );
    let read = room
        .parts
        .workspaces
        .manifest(&room.place.tenant, &snapshot.manifest_blob.hash)
        .await
        .unwrap();
    assert_eq!(read, snapshot.manifest);

    room.shell(
        "rm tool; echo 2 > 'a dir/b/ü—日本'; echo more > more; mkdir none2 && mv none none2",
    )
    .await;
    room.restore(&snapshot.manifest).await;
    assert_eq!(
        room.prints("cat 'a dir/b/ü—日本'; ./tool; find . -mindepth 1 | sort")
            .await,
        "1\nrun\n./a dir\n./a dir/b\n./a dir/b/ü—日本\n./none\n./tool"
    );
    assert_eq!(room.snapshot().await.manifest, snapshot.manifest);
}

#[tokio::test]
async fn names_that_no_manifest_can_hold_are_left_out_and_cleared() {
    let room = Room::new().await;
    let made = room
        .shell(r"mkdir $'d\n'; touch kept $'a\nb' $'\xff' 'back\slash' $'d\n/x' $'.errand\x01z'; ls -A | wc -l")
        .await;
    assert!(made.ok, "{}", made.content);
    let snapshot = room.snapshot().await;
    let paths: Vec<&str> = snapshot.manifest.0.keys().map(String::as_str).collect();
    assert_eq!(paths, vec!["kept"]);
    let listed = room.tool("file_list", json!({})).await;
    assert!(
        listed.ok && listed.content.contains("a name that is not kept"),
        "{}",
        listed.content
    );
    room.restore(&snapshot.manifest).await;
    assert_eq!(room.prints("ls -A").await, "kept");
}

#[tokio::test]
async fn the_same_manifest_can_be_restored_elsewhere() {
    let room = Room::new().await;
    let manifest = room
        .manifest(&[("x/y", "text", false), ("run", "#!/bin/sh\necho ok", true)])
        .await;
    let other = place(9);
    room.parts
        .workspaces
        .restore(&other, &manifest)
        .await
        .unwrap();
    let outcome = room
        .tool_in(
            &other,
            "shell",
            json!({"command": "./run && cat x/y && echo more >> x/y"}),
        )
        .await;
    assert!(outcome.content.ends_with("ok\ntext"), "{}", outcome.content);
}

#[tokio::test]
async fn unchanged_files_are_not_stored_again_and_changed_ones_always_are() {
    let room = Room::new().await;
    let manifest = room.manifest(&[("a", "1", false), ("b", "2", false)]).await;
    room.restore(&manifest).await;
    let before = room.blobs.puts();
    let snapshot = room.snapshot().await;
    assert_eq!(snapshot.manifest, manifest);
    assert_eq!(room.blobs.puts() - before, 1, "only the manifest is put");
    assert_eq!(snapshot.put, vec![snapshot.manifest_blob.clone()]);
    // Same size, and a time that lies: only the kernel's own change time tells.
    room.shell("touch -r a stamp; printf 9 > a; touch -r stamp a; rm stamp")
        .await;
    let changed = room.snapshot().await;
    assert_ne!(changed.manifest.0["a"], manifest.0["a"]);
    assert_eq!(changed.manifest.0["b"], manifest.0["b"]);
    assert!(changed.put.contains(&changed.manifest.0["a"].blob));
}

#[tokio::test]
async fn changes_within_one_tick_of_the_clock_are_not_missed() {
    let room = Room::new().await;
    for round in 0..30 {
        let content = format!("{round:04}");
        room.tool("file_write", json!({"path": "f", "content": content}))
            .await;
        let snapshot = room.snapshot().await;
        let hash = agent_core::blob::BlobHash::of(content.as_bytes());
        assert_eq!(snapshot.manifest.0["f"].blob.hash, hash, "round {round}");
    }
}

#[tokio::test]
async fn a_second_name_for_a_file_does_not_survive_a_restore() {
    let room = Room::new().await;
    room.shell("echo 1 > a; ln a b; sleep 0.05").await;
    let snapshot = room.snapshot().await;
    room.restore(&snapshot.manifest).await;
    assert_eq!(room.prints("echo 2 > a; cat b").await, "1");
}

#[tokio::test]
async fn a_workspace_with_too_many_files_or_bytes_is_refused_in_words() {
    let room = Room::with(|options| {
        options.workspace_files_max = 10;
        options.workspace_bytes_max = 5_000_000;
    })
    .await;
    room.shell("for i in 1 2 3 4 5 6 7 8 9 10 11; do : > f$i; done")
        .await;
    let refused = room.parts.workspaces.snapshot(&room.place).await;
    assert!(
        matches!(&refused, Err(WorkspaceError::TooLarge(text)) if text.contains("more than 10 files")),
        "{refused:?}"
    );
    room.shell("rm f*; head -c 6000000 /dev/zero > big").await;
    let refused = room.parts.workspaces.snapshot(&room.place).await;
    assert!(
        matches!(&refused, Err(WorkspaceError::TooLarge(text)) if text.contains("5000000 bytes")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_manifest_that_leaves_the_workspace_is_not_restored() {
    let room = Room::new().await;
    for path in ["../x", "/x", "a/../../x", "."] {
        let manifest = room.manifest(&[(path, "1", false)]).await;
        assert!(
            room.parts
                .workspaces
                .restore(&room.place, &manifest)
                .await
                .is_err(),
            "{path}"
        );
    }
    let manifest = room
        .manifest(&[("a", "1", false), ("a/b", "1", false)])
        .await;
    assert!(
        room.parts
            .workspaces
            .restore(&room.place, &manifest)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_missing_blob_leaves_the_place_closed_until_it_is_restored() {
    let room = Room::new().await;
    let mut manifest = room.manifest(&[("a", "1", false)]).await;
    manifest.0.get_mut("a").unwrap().blob.hash = agent_core::blob::BlobHash::of(b"never put");
    let failed = room.parts.workspaces.restore(&room.place, &manifest).await;
    assert!(matches!(failed, Err(WorkspaceError::Blob(_))), "{failed:?}");
    let call = room.call("file_list", json!({}));
    assert!(room.parts.toolbox.run(&call).await.is_err());
    room.restore(&Manifest::default()).await;
    assert!(room.parts.toolbox.run(&call).await.is_ok());
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_at_the_next_start() {
    let room = Room::new().await;
    // A tree that is hard to remove: very deep, and closed to its owner.
    room.shell("mkdir -p left/over && chmod 000 left; python3 -c 'import os\nfor i in range(3000):\n os.mkdir(\"d\"); os.chdir(\"d\")'").await;
    let files = room.files();
    assert!(files.join("d/d/d").exists());
    let place = room.place.clone();
    let room = room.reopened().await;
    assert_eq!(room.place, place);
    assert_eq!(room.prints("ls -A").await, "");
}

#[tokio::test]
async fn a_place_that_is_held_is_not_swept_and_not_taken_twice() {
    let room = Room::new().await;
    room.tool("file_write", json!({"path": "kept", "content": "x"}))
        .await;
    // Another process on the same folder.
    let blobs: std::sync::Arc<dyn agent_core::ports::blobs::Blobs> = room.blobs.clone();
    let second = tools::open(&room.options, blobs, &crate::room::guard()).unwrap();
    assert!(room.files().join("kept").exists());
    let taken = second
        .workspaces
        .restore(&room.place, &Manifest::default())
        .await;
    assert!(
        matches!(taken, Err(WorkspaceError::Unavailable(_))),
        "{taken:?}"
    );
    assert!(room.files().join("kept").exists());
}

#[tokio::test]
async fn no_two_places_of_a_host_share_a_user_whatever_their_folders_are() {
    if !is_root() {
        // An ordinary user has no other users to give.
        return;
    }
    let room = Room::with(|options| {
        options.uid_first = 200_300;
        options.uid_count = 3;
    })
    .await;
    let blobs: std::sync::Arc<dyn agent_core::ports::blobs::Blobs> = room.blobs.clone();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = room.options.clone();
    other.folder = Some(elsewhere.path().to_owned());
    let second = tools::open(&other, blobs, &crate::room::guard()).unwrap();
    let mut uids = vec![std::fs::metadata(room.files()).unwrap().uid()];
    for (seed, workspaces, folder) in [
        (21, &second.workspaces, elsewhere.path()),
        (22, &room.parts.workspaces, room.folder.as_path()),
    ] {
        let place = place(seed);
        workspaces
            .restore(&place, &Manifest::default())
            .await
            .unwrap();
        let home = folder.join(place.task.as_str()).join(place.step.as_str());
        uids.push(std::fs::metadata(home.join("files")).unwrap().uid());
    }
    uids.sort_unstable();
    assert_eq!(uids, vec![200_300, 200_301, 200_302]);
    let full = room
        .parts
        .workspaces
        .restore(&place(23), &Manifest::default())
        .await;
    assert!(full.is_err());
    let remains = second.workspaces.discard(&place(21)).await;
    assert_eq!(remains, agent_core::ports::workspaces::Remains::Nothing);
    assert!(
        room.parts
            .workspaces
            .restore(&place(23), &Manifest::default())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn uids_are_not_locked_where_others_could_meddle() {
    if !is_root() {
        return;
    }
    let room = Room::new().await;
    let shared = tempfile::tempdir().unwrap();
    std::fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let mut options = room.options.clone();
    options.uid_locks = shared.path().to_owned();
    let blobs: std::sync::Arc<dyn agent_core::ports::blobs::Blobs> = room.blobs.clone();
    let refused = tools::open(&options, blobs, &crate::room::guard());
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("tools.uid_locks"), "{error}");
}

#[tokio::test]
async fn removing_a_place_leaves_nothing_of_it() {
    let room = Room::new().await;
    room.shell("mkdir -p a/b; chmod 000 a; chmod 000 /workspace")
        .await;
    let home = room.files().parent().unwrap().to_owned();
    let remains = room.parts.workspaces.discard(&room.place).await;
    assert_eq!(remains, agent_core::ports::workspaces::Remains::Nothing);
    assert!(!home.exists() && !home.parent().unwrap().exists());
}
