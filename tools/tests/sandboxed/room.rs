//! A workspace folder, blobs in memory and the real sandbox, for tests of what users and operators rely on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::{CallId, StepId, TaskId, TenantId};
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::tool::{Grants, ToolBox, ToolCall, ToolOutcome};
use agent_core::ports::workspaces::{Place, Snapshot, Workspaces};
use agent_core::workspace::{Entry, Manifest};
use async_trait::async_trait;
use serde_json::{Value, json};
use tools::{Options, Parts};

/// Blobs in memory.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Mutex<HashMap<BlobHash, Vec<u8>>>,
    puts: Mutex<u64>,
}

impl MemoryBlobs {
    pub fn puts(&self) -> u64 {
        *self.puts.lock().unwrap()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, _: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let blob = BlobRef {
            hash: BlobHash::of(&bytes),
            bytes: bytes.len() as u64,
        };
        *self.puts.lock().unwrap() += 1;
        self.blobs.lock().unwrap().insert(blob.hash.clone(), bytes);
        Ok(blob)
    }

    async fn get(&self, _: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let found = self.blobs.lock().unwrap().get(hash).cloned();
        found.ok_or_else(|| BlobError::Missing { hash: hash.clone() })
    }
}

/// A folder with one place in it.
pub struct Room {
    pub folder: PathBuf,
    pub options: Options,
    pub blobs: Arc<MemoryBlobs>,
    pub parts: Parts,
    pub place: Place,
    /// Removed with the room.
    holder: Arc<tempfile::TempDir>,
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn place(seed: u64) -> Place {
    let seeded = Seeded::new(seed);
    Place {
        tenant: TenantId::new(&seeded),
        task: TaskId::new(&seeded),
        step: StepId::new(&seeded),
    }
}

impl Room {
    /// With an empty workspace.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With an empty workspace and other settings.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let holder = Arc::new(tempfile::tempdir().unwrap());
        let mut options = Options {
            folder: Some(holder.path().join("workspaces")),
            free_space_bytes_min: 1024 * 1024,
            ..Options::default()
        };
        change(&mut options);
        Self::open(holder, options, Arc::default(), place(1)).await
    }

    /// A second place of the same process.
    pub async fn beside(&self, seed: u64) -> Place {
        self.restored(place(seed)).await
    }

    /// A place of the same task, for another step.
    pub async fn same_task(&self, seed: u64) -> Place {
        let step = place(seed).step;
        let same = self.place.clone();
        self.restored(Place { step, ..same }).await
    }

    /// A place of another task of the same tenant.
    pub async fn same_tenant(&self, seed: u64) -> Place {
        let tenant = self.place.tenant.clone();
        let other = place(seed);
        self.restored(Place { tenant, ..other }).await
    }

    async fn restored(&self, place: Place) -> Place {
        self.parts
            .workspaces
            .restore(&place, &Manifest::default())
            .await
            .unwrap();
        place
    }

    /// Opens the same folder again, as a new process would after the old one died.
    pub async fn reopened(self) -> Self {
        let Self {
            options,
            blobs,
            parts,
            place,
            holder,
            ..
        } = self;
        drop(parts);
        Self::open(holder, options, blobs, place).await
    }

    async fn open(
        holder: Arc<tempfile::TempDir>,
        options: Options,
        blobs: Arc<MemoryBlobs>,
        place: Place,
    ) -> Self {
        let shared: Arc<dyn Blobs> = Arc::clone(&blobs) as Arc<dyn Blobs>;
        let parts = tools::open(&options, shared, &guard()).unwrap();
        let room = Self {
            folder: options.folder.clone().unwrap(),
            options,
            blobs,
            parts,
            place,
            holder,
        };
        room.parts
            .workspaces
            .restore(&room.place, &Manifest::default())
            .await
            .unwrap();
        room
    }

    /// The place's files on the host.
    pub fn files(&self) -> PathBuf {
        self.files_of(&self.place)
    }

    pub fn files_of(&self, place: &Place) -> PathBuf {
        self.folder
            .join(place.task.as_str())
            .join(place.step.as_str())
            .join("files")
    }

    pub fn call(&self, tool: &str, arguments: Value) -> ToolCall {
        ToolCall {
            call: CallId::new(&Seeded::new(7)),
            tool: tool.to_owned(),
            arguments,
            place: self.place.clone(),
            key: "key-of-the-call".to_owned(),
            fence: 3,
            grants: Grants::default(),
        }
    }

    /// Runs a tool in the place.
    pub async fn tool(&self, tool: &str, arguments: Value) -> ToolOutcome {
        self.tool_in(&self.place, tool, arguments).await
    }

    pub async fn tool_in(&self, place: &Place, tool: &str, arguments: Value) -> ToolOutcome {
        let mut call = self.call(tool, arguments);
        call.place = place.clone();
        let outcome = self.parts.toolbox.run(&call).await;
        outcome.unwrap_or_else(|error| panic!("{tool} was not run: {error}"))
    }

    /// Whether the kernel counts the processes of a task here.
    pub async fn counts_processes_of_tasks(&self) -> bool {
        let probe = self.parts.sandbox.probe().await;
        let lacks = ["processes_by_cgroup", "processes_of_tasks"];
        !probe.lacks.iter().any(|lack| lacks.contains(&&*lack.what))
    }

    /// Runs a shell command in the place.
    pub async fn shell(&self, command: &str) -> ToolOutcome {
        self.tool("shell", json!({"command": command})).await
    }

    /// What a command that succeeds prints.
    pub async fn prints(&self, command: &str) -> String {
        let outcome = self.shell(command).await;
        assert!(outcome.ok, "{command:?}: {}", outcome.content);
        let printed = outcome.content.split_once("--- stdout\n");
        printed.map(|(_, text)| text.to_owned()).unwrap_or_default()
    }

    pub async fn snapshot(&self) -> Snapshot {
        self.parts.workspaces.snapshot(&self.place).await.unwrap()
    }

    pub async fn restore(&self, manifest: &Manifest) {
        let restored = self.parts.workspaces.restore(&self.place, manifest).await;
        restored.unwrap();
    }

    /// A manifest of texts, whose blobs are put.
    pub async fn manifest(&self, files: &[(&str, &str, bool)]) -> Manifest {
        let mut manifest = Manifest::default();
        for (path, text, executable) in files {
            let put = self.blobs.put(&self.place.tenant, text.as_bytes().to_vec());
            let entry = Entry {
                blob: put.await.unwrap(),
                executable: *executable,
            };
            manifest.0.insert((*path).to_owned(), entry);
        }
        manifest
    }
}

/// Waits until something holds, for at most a minute: emulated machines are slow.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("did not come to hold within a minute: {what}");
}

/// How many host processes have a command line that holds this text.
pub fn processes_with(text: &str) -> usize {
    pids_with(text).len()
}

/// Host processes whose command line holds this text.
pub fn pids_with(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid: Option<u32> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = pid else { continue };
        let line = std::fs::read(Path::new("/proc").join(format!("{pid}/cmdline")));
        let line = String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
        if line.contains(text) && pid != std::process::id() {
            found.push(pid);
        }
    }
    found
}

/// A way out that nothing here takes.
pub fn guard() -> egress::Guard {
    egress::Guard::new(egress::Options::default()).unwrap()
}
