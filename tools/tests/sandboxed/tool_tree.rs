//! The tool tree: a real Python environment, with a package made by hand, as commands find it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tools::SandboxKind;
use tools::tool_tree::{self, Contents};

use crate::room::{Room, guard, is_root};

/// A tree, and the folder that is removed with it.
struct Tree {
    path: PathBuf,
    _holder: tempfile::TempDir,
}

/// With a package `sample` and a program `greet`, below a folder of this mode.
fn tree_below(mode: u32) -> Tree {
    let holder = tempfile::tempdir().unwrap();
    fs::set_permissions(holder.path(), Permissions::from_mode(mode)).unwrap();
    let path = holder.path().join("tools");
    let status = Command::new("/usr/bin/python3")
        .args(["-m", "venv", "--without-pip"])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    add_package(&path, "sample", "word = 'hello'\n");
    let script = format!(
        "#!{}/bin/python3\nimport sample\nprint(sample.word)\n",
        path.display()
    );
    add_program(&path, "greet", &script);
    Tree {
        path,
        _holder: holder,
    }
}

fn add_package(tree: &Path, name: &str, code: &str) {
    let pythons = fs::read_dir(tree.join("lib")).unwrap().flatten();
    let packages = pythons.map(|python| python.path().join("site-packages"));
    let packages = packages.into_iter().next().unwrap();
    let about = packages.join(format!("{name}-1.2.dist-info"));
    fs::create_dir_all(&about).unwrap();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n");
    fs::write(about.join("METADATA"), metadata).unwrap();
    fs::write(about.join("top_level.txt"), name).unwrap();
    fs::write(packages.join(format!("{name}.py")), code).unwrap();
}

fn add_program(tree: &Path, name: &str, text: &str) {
    let path = tree.join("bin").join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

async fn room_with(tree: &Tree, sandbox: SandboxKind) -> Room {
    Room::with(|options| {
        options.tree = Some(tree.path.clone());
        options.sandbox = sandbox;
    })
    .await
}

#[tokio::test]
async fn commands_find_the_trees_programs_and_packages_first_and_cannot_change_it() {
    // The first is closed to the users that commands run as when root starts them.
    for mode in [0o700, 0o755] {
        let tree = tree_below(mode);
        let room = room_with(&tree, SandboxKind::Bubblewrap).await;
        let path = tree.path.display();
        assert_eq!(
            room.prints(
                "command -v python3 greet; greet; python3 -c 'import sample; print(sample.word)'"
            )
            .await,
            format!("{path}/bin/python3\n{path}/bin/greet\nhello\nhello")
        );
        for attempt in [
            format!("touch {path}/new"),
            format!("echo >> {path}/bin/greet"),
            format!("rm {path}/bin/greet"),
            format!("mv {path} {path}-away"),
            format!("chmod 777 {path}/bin"),
            format!("ls {path}/.. | grep -v '^tools$'"),
        ] {
            assert!(!room.shell(&attempt).await.ok, "{attempt}");
        }
        assert_eq!(room.prints("ls -A /workspace").await, "");
        let probe = room.parts.sandbox.probe().await;
        let shown = "tool_tree_read_only".to_owned();
        assert!(probe.stated.holds.contains(&shown), "{probe:?}");
    }
}

#[tokio::test]
async fn without_a_sandbox_the_trees_programs_come_first_too() {
    let tree = tree_below(0o755);
    let room = room_with(&tree, SandboxKind::None).await;
    assert_eq!(room.prints("greet").await, "hello");
    if is_root() {
        let attempt = format!("echo >> {}/bin/greet", tree.path.display());
        assert!(!room.shell(&attempt).await.ok);
    }
}

#[tokio::test]
async fn a_tree_is_listed_from_inside_with_what_does_not_work_there() {
    let tree = tree_below(0o700);
    // It is there outside and not inside.
    let outside = tempfile::NamedTempFile::new().unwrap();
    let interpreter = outside.path().display();
    add_program(&tree.path, "moved", &format!("#!{interpreter}\n"));
    symlink(outside.path(), tree.path.join("bin/linked")).unwrap();
    add_package(
        &tree.path,
        "faulty",
        "import ctypes\nctypes.CDLL('libgone.so')\n",
    );
    let room = room_with(&tree, SandboxKind::Bubblewrap).await;
    let place = room.parts.workspaces.enter(&room.place).await.unwrap();
    let run = room
        .parts
        .sandbox
        .run(tool_tree::program(&tree.path, place));
    let found = Contents::of(&run.await.unwrap()).unwrap();
    let (pythons, programs): (Vec<String>, Vec<String>) = found
        .programs
        .into_iter()
        .partition(|name| name.starts_with("python"));
    assert!(pythons.contains(&"python3".to_owned()), "{pythons:?}");
    assert!(
        found
            .python
            .is_some_and(|version| version.starts_with("3."))
    );
    let expected = Contents {
        python: None,
        packages: vec!["faulty 1.2".to_owned(), "sample 1.2".to_owned()],
        programs: vec!["greet".to_owned()],
        broken: vec![
            "linked leads to what is not there".to_owned(),
            format!("moved wants {interpreter}, which is not there"),
            "faulty cannot be imported: OSError: libgone.so: cannot open shared object file: No such file or directory"
                .to_owned(),
        ],
    };
    let found = Contents {
        python: None,
        packages: found.packages,
        programs,
        broken: found.broken,
    };
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_tree_that_commands_could_change_is_refused_before_anything_runs() {
    let tree = tree_below(0o755);
    fs::set_permissions(tree.path.join("bin"), Permissions::from_mode(0o777)).unwrap();
    let room = Room::new().await;
    let mut options = room.options.clone();
    options.tree = Some(tree.path.clone());
    let refused = tools::open(&options, room.blobs.clone(), &guard());
    let said = refused.err().map(|error| error.to_string());
    let words = format!("tools.tree = {} cannot be used: ", tree.path.display());
    assert!(
        said.as_ref().is_some_and(|said| said.starts_with(&words)),
        "{said:?}"
    );
}
