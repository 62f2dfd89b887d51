//! A folder of somebody whose files a command works on: what comes back to it, and what is never touched.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use agent_core::workspace::Manifest;
use tools::{AccessError, Changes, Directory, Folder, FolderError, GivenBack};

use crate::room::{Room, is_root};

/// Whose the folder is, where root can give it away.
const SOMEBODY: u32 = 47_112;

/// Files with their modes.
fn write(folder: &Path, files: &[(&str, &str, u32)]) {
    for (path, text, mode) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(*mode)).unwrap();
    }
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).unwrap()
}

fn mode(folder: &Path, path: &str) -> u32 {
    std::fs::metadata(folder.join(path)).unwrap().mode() & 0o7777
}

async fn moved_in(room: &Room, path: &Path) -> (Folder, Manifest) {
    let mut folder = Folder::open(path).unwrap();
    let tenant = &room.place.tenant;
    let taken = folder.take(room.blobs.as_ref(), tenant, &room.options);
    let manifest = taken.await.unwrap();
    room.restore(&manifest).await;
    (folder, manifest)
}

async fn given_back(room: &Room, folder: &Folder, before: &Manifest) -> GivenBack {
    let after = room.snapshot().await.manifest;
    let workspace = Directory::open(&room.files(), None).unwrap();
    let others = tools::others(&workspace.into()).await.unwrap();
    let changes = Changes {
        before,
        after: &after,
        others: &others,
    };
    let (blobs, tenant) = (room.blobs.as_ref(), &room.place.tenant);
    let given = folder.give_back(blobs, tenant, changes).await;
    given.unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_folder_gets_what_a_command_changed_and_nothing_else_of_it_moves() {
    let room = Room::new().await;
    let holder = tempfile::tempdir().unwrap();
    let path = holder.path();
    write(
        path,
        &[
            ("a.txt", "one\n", 0o640),
            ("same.txt", "same\n", 0o604),
            ("run", "#!/bin/sh\necho ran\n", 0o755),
            ("plain", "#!/bin/sh\n", 0o644),
            ("gone/b.txt", "b\n", 0o644),
            ("turns/c.txt", "c\n", 0o644),
        ],
    );
    std::fs::create_dir(path.join("empty")).unwrap();
    symlink("/etc/passwd", path.join("link")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o751)).unwrap();
    if is_root() {
        for name in ["", "a.txt", "gone", "gone/b.txt"] {
            chown(path.join(name), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
    }
    let untouched = std::fs::metadata(path.join("same.txt")).unwrap();
    let (folder, before) = moved_in(&room, path).await;
    assert_eq!(folder.left_out, ["link (a symbolic link)"]);
    let command = "./run && test ! -e link && echo two >> a.txt && chmod +x plain && rm -r gone turns \
        && echo t > turns && mkdir -p new/deep && echo n > new/deep/n.txt";
    let outcome = room.shell(command).await;
    assert!(outcome.ok, "{}", outcome.content);
    let given = given_back(&room, &folder, &before).await;
    assert_eq!(
        given,
        GivenBack {
            written: names(&["a.txt", "new/deep/n.txt", "plain", "turns"]),
            deleted: names(&["gone/b.txt", "turns/c.txt"]),
            kept: Vec::new(),
        }
    );
    assert_eq!(read(path, "a.txt"), "one\ntwo\n");
    assert_eq!(read(path, "turns"), "t\n");
    assert_eq!(read(path, "new/deep/n.txt"), "n\n");
    assert_eq!(
        ["", "a.txt", "run", "plain"].map(|name| mode(path, name)),
        [0o751, 0o640, 0o755, 0o755]
    );
    assert!(!path.join("gone").exists() && path.join("empty").is_dir());
    let link = std::fs::read_link(path.join("link")).unwrap();
    assert_eq!(link, Path::new("/etc/passwd"));
    let now = std::fs::metadata(path.join("same.txt")).unwrap();
    assert_eq!(
        (now.ino(), now.ctime_nsec()),
        (untouched.ino(), untouched.ctime_nsec())
    );
    let owner = std::fs::metadata(path).unwrap().uid();
    for name in ["a.txt", "turns", "new", "new/deep", "new/deep/n.txt"] {
        let found = std::fs::metadata(path.join(name)).unwrap();
        assert_eq!(found.uid(), owner, "{name}");
    }
}

#[tokio::test]
async fn what_somebody_changed_meanwhile_is_left_to_them_and_no_link_is_followed() {
    let room = Room::new().await;
    let (holder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = holder.path();
    write(
        path,
        &[
            ("changed", "1", 0o644),
            ("deleted", "1", 0o644),
            ("removed", "1", 0o644),
            ("sub/x", "1", 0o644),
            ("file", "1", 0o644),
        ],
    );
    write(
        outside.path(),
        &[("x", "theirs", 0o644), ("target", "theirs", 0o644)],
    );
    let (folder, before) = moved_in(&room, path).await;
    let outcome = room
        .shell("for f in changed deleted sub/x file new; do echo ours > $f; done; rm removed")
        .await;
    assert!(outcome.ok, "{}", outcome.content);
    write(
        path,
        &[("changed", "theirs", 0o644), ("removed", "theirs", 0o644)],
    );
    std::fs::remove_file(path.join("deleted")).unwrap();
    std::fs::remove_dir_all(path.join("sub")).unwrap();
    symlink(outside.path(), path.join("sub")).unwrap();
    symlink(outside.path().join("target"), path.join("new")).unwrap();
    let given = given_back(&room, &folder, &before).await;
    assert_eq!(
        (given.written, given.deleted),
        (names(&["file"]), Vec::new())
    );
    let kept: Vec<&str> = given.kept.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(kept, ["removed", "changed", "deleted", "new", "sub/x"]);
    for (name, text) in [
        ("changed", "theirs"),
        ("removed", "theirs"),
        ("file", "ours\n"),
    ] {
        assert_eq!(read(path, name), text, "{name}");
    }
    for name in ["x", "target"] {
        assert_eq!(read(outside.path(), name), "theirs", "{name}");
    }
    let left = std::fs::read_dir(outside.path()).unwrap().count();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn a_file_that_a_command_made_a_link_of_is_not_deleted_and_what_is_no_file_is_named() {
    let room = Room::new().await;
    let holder = tempfile::tempdir().unwrap();
    let path = holder.path();
    let files = ["a.txt", "b.txt", "sub/c.txt"];
    write(path, &files.map(|name| (name, "1", 0o644)));
    let (folder, before) = moved_in(&room, path).await;
    let command = "mkdir -p bin && ln -sf b.txt a.txt && rm -r sub && ln -s bin sub && ln -s ../b.txt bin/tool \
        && mkfifo pipe && rm b.txt";
    let outcome = room.shell(command).await;
    assert!(outcome.ok, "{}", outcome.content);
    let workspace = Directory::open(&room.files(), None).unwrap();
    let mut others = tools::others(&workspace.into()).await.unwrap();
    others.sort_unstable();
    let link = |path: &str| (path.to_owned(), "symbolic link");
    assert_eq!(
        others,
        [
            link("a.txt"),
            link("bin/tool"),
            ("pipe".to_owned(), "pipe"),
            link("sub")
        ]
    );
    let why = "a symbolic link is in its place, and only files are brought back".to_owned();
    assert_eq!(
        given_back(&room, &folder, &before).await,
        GivenBack {
            written: Vec::new(),
            deleted: names(&["b.txt"]),
            kept: ["a.txt", "sub/c.txt"]
                .map(|path| (path.to_owned(), why.clone()))
                .to_vec(),
        }
    );
    assert_eq!(read(path, "a.txt") + &read(path, "sub/c.txt"), "11");
}

#[tokio::test]
async fn a_folder_that_no_workspace_can_hold_is_refused_before_it_is_read() {
    let room = Room::with(|options| {
        options.workspace_files_max = 3;
        options.workspace_bytes_max = 100;
    })
    .await;
    let tenant = room.place.tenant.clone();
    let said = |files: &'static [(&'static str, &'static str, u32)]| {
        let (blobs, options, tenant) = (room.blobs.clone(), room.options.clone(), tenant.clone());
        async move {
            let holder = tempfile::tempdir().unwrap();
            write(holder.path(), files);
            let mut folder = Folder::open(holder.path()).unwrap();
            let taken = folder.take(blobs.as_ref(), &tenant, &options).await;
            taken
                .map(|taken| taken.0.len())
                .map_err(|error| error.to_string())
        }
    };
    let (three, four) = (
        said(&[("d/a", "", 0o644), ("d/b", "", 0o644)]).await,
        said(&[("d/a", "", 0o644), ("d/b", "", 0o644), ("c", "", 0o644)]).await,
    );
    assert_eq!(three, Ok(2));
    let puts = room.blobs.puts();
    assert!(
        four.as_ref()
            .is_err_and(|said| said.contains("workspace_files_max")),
        "{four:?}"
    );
    let long = said(&[
        (
            "a",
            "0123456789012345678901234567890123456789012345678901234567890",
            0o644,
        ),
        ("b", "0123456789012345678901234567890123456789", 0o644),
    ])
    .await;
    assert!(
        long.as_ref()
            .is_err_and(|said| said.contains("workspace_bytes_max")),
        "{long:?}"
    );
    assert_eq!(room.blobs.puts(), puts);
    let refused = Folder::open(Path::new("/")).err();
    assert!(
        matches!(refused, Some(FolderError::TooLarge(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn modes_of_somebodys_folder_are_not_mended() {
    if is_root() {
        // Modes do not bind root; `ordinary_user` runs this once more.
        return;
    }
    let room = Room::new().await;
    let holder = tempfile::tempdir().unwrap();
    let path = holder.path();
    write(
        path,
        &[("closed/a", "1", 0o644), ("unreadable", "1", 0o200)],
    );
    std::fs::set_permissions(path.join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
    let mut folder = Folder::open(path).unwrap();
    let taken = folder.take(room.blobs.as_ref(), &room.place.tenant, &room.options);
    let refused = taken.await.unwrap_err();
    assert!(
        matches!(&refused, FolderError::File { path, source: AccessError::Denied } if path == "unreadable"),
        "{refused:?}"
    );
    assert_eq!(
        folder.left_out,
        ["closed (a directory that cannot be read)"]
    );
    assert_eq!(
        ["closed", "unreadable"].map(|name| mode(path, name)),
        [0, 0o200]
    );
    std::fs::set_permissions(path.join("closed"), PermissionsExt::from_mode(0o700)).unwrap();
}
