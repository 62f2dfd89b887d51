//! Where the frozen files lie, and how an installation is made of them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chaos::client::Client;
use errand_tests::postgres::{Cluster, Database};
use errand_tests::workspace::root;
use serde_json::Value;

use crate::installation::Installation;

/// Files that make up a data folder beside the database. All are small.
pub const DATA: [&str; 3] = ["first-key", "seal.key", "blobs"];
/// What PostgreSQL's own program wrote out.
pub const DUMP: &str = "postgres.dump";
/// What the API said of every task.
pub const SAID: &str = "api.json";
/// What each step's log meant.
pub const MEANT: &str = "conversations.json";

/// The databases, each with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// The folder of its frozen files.
    pub fn folder(self) -> PathBuf {
        let name = match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        };
        root().join("tests/frozen/format-1").join(name)
    }
}

/// Copies a file or a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Puts the frozen files into the data folder of an installation that was never started.
pub async fn thaw(kind: Kind, here: &mut Installation) -> Option<Database> {
    std::fs::create_dir_all(here.data()).unwrap();
    for name in DATA {
        let to = here.data().join(name);
        copy(&kind.folder().join(name), &to);
        if to.is_file() {
            // Version control does not keep that keys are for their owner alone.
            std::fs::set_permissions(&to, PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
    if kind == Kind::Sqlite {
        let file = here.data().join("errand.db");
        copy(&kind.folder().join("errand.db"), &file);
        return None;
    }
    let database = Cluster::shared().await.empty_database().await;
    let dump = std::fs::read_to_string(kind.folder().join(DUMP)).unwrap();
    database.run(&dump).await;
    here.set("ERRAND_DATABASE_URL", &database.url());
    Some(database)
}

/// A frozen file.
pub fn read(kind: Kind, name: &str) -> Value {
    let text = std::fs::read_to_string(kind.folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What the API says of a task: the view, and the log as anyone may read it.
pub fn said(here: &Installation, task: &str) -> Value {
    let key = std::fs::read_to_string(here.data().join("first-key")).unwrap();
    let client = Client {
        address: here.listen.parse().unwrap(),
        key: key.trim().to_owned(),
    };
    let get = |path: &str| client.get(path).unwrap().json();
    let view = get(&format!("/v1/tasks/{task}"));
    let events = get(&format!("/v1/tasks/{task}/events?after=0&limit=200"));
    serde_json::json!({"view": view, "events": events["data"]})
}
