//! What an operator can set about tools, their sandbox and workspaces, with defaults.

use std::io;
use std::path::{Path, PathBuf};

use agent_core::network::NetworkMode;
use agent_core::secret::Secret;
use egress::Url;
use egress::proxy::{AllowanceLimits, Limits};
use serde::{Deserialize, Serialize};

/// How foreign code is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxKind {
    /// Namespaces, a system call filter and limits, through the `bwrap` program.
    #[default]
    Bubblewrap,
    /// Not at all. Every outcome says `unsandboxed`.
    None,
}

/// Settings of the tool `http_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// Whether there is such a tool at all. Without it, no step reaches the network.
    pub enabled: bool,
    /// The only hosts that it may reach, as `host` or `host:port`; all that the guard permits when empty.
    pub hosts: Vec<String>,
    /// Hosts that honour `Idempotency-Key`, as `host` or `host:port`: there a `POST` or `PATCH` is repeated after a crash.
    pub key_honoured_by: Vec<String>,
    /// How long one request may take, its answer included.
    pub timeout_ms: u64,
    /// The longest body that is sent.
    pub body_bytes_max: usize,
    /// How much of an answer's body is read.
    pub answer_bytes_max: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            hosts: Vec::new(),
            key_honoured_by: Vec::new(),
            timeout_ms: 30_000,
            body_bytes_max: 1024 * 1024,
            answer_bytes_max: 4 * 1024 * 1024,
        }
    }
}

/// How far tasks may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkOptions {
    /// The most that a task may be given: `none`, `allow_list` or `open`. A task gets what its submit asks for, and nothing where
    /// that says nothing.
    pub mode: NetworkMode,
    /// With `allow_list`, the hosts that tasks may name.
    pub hosts: Vec<String>,
    /// Limits of each call's way out.
    pub limits: Limits,
    /// What all calls of one tenant may use together within one worker; 0 is no limit.
    pub per_tenant: AllowanceLimits,
}

/// Settings of the tools `web_fetch` and `file_download`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebOptions {
    /// How long one request may take, its answer included.
    pub timeout_ms: u64,
    /// How much of an answer is read.
    pub bytes_max: usize,
    /// How long one download may take, its redirects included.
    pub download_timeout_ms: u64,
    /// The largest file that is downloaded. It is never larger than `tools.file_bytes_max`, nor than the workspace has room for.
    pub download_bytes_max: u64,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            bytes_max: 32 * 1024 * 1024,
            download_timeout_ms: 300_000,
            download_bytes_max: 256 * MIB,
        }
    }
}

/// Settings of the browser's tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrowserOptions {
    /// Whether there are such tools, where Chromium is installed.
    pub enabled: bool,
    /// Browsers that run at the same time, one for each task that uses one; 0 for as many as this machine's processors and memory
    /// are good for. A task that finds none free waits without a worker.
    pub at_once_max: u32,
    /// A browser that its task did not use for so long is closed. Its cookies, storage and tabs come back when it does.
    pub idle_ms: u64,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            at_once_max: 0,
            idle_ms: 900_000,
        }
    }
}

impl BrowserOptions {
    /// How many browsers run at the same time.
    pub(crate) fn limit(&self) -> u32 {
        if self.at_once_max > 0 {
            return self.at_once_max;
        }
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        fitting(processors, total_bytes(&memory))
    }
}

/// What a busy browser may have, and what the rest of the machine needs.
const BROWSER_BYTES: u64 = 1536 * MIB;
const REST_BYTES: u64 = 2048 * MIB;

/// What the kernel says that this machine has, in its `meminfo`.
fn total_bytes(memory: &str) -> u64 {
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    kib.saturating_mul(1024)
}

/// So many browsers fit: two for each processor, as most of them wait for servers most of the time.
fn fitting(processors: usize, memory_bytes: u64) -> u32 {
    let by_memory = memory_bytes.saturating_sub(REST_BYTES) / BROWSER_BYTES;
    let by_processors = u64::try_from(processors)
        .unwrap_or(u64::MAX)
        .saturating_mul(2);
    let fit = by_memory.min(by_processors).max(1);
    u32::try_from(fit).unwrap_or(u32::MAX)
}

/// The search service behind the tool `web_search`. The defaults are those of `SearXNG`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchOptions {
    /// The address to ask, with `{query}` and `{count}` in it; there is no tool where it is empty.
    pub url: String,
    /// A JSON body to post, with `{query}` and `{count}` in it; a GET where it is empty.
    pub body: String,
    /// The header that carries the key.
    pub header: String,
    /// What the header says, with `{key}` in it.
    pub format: String,
    /// The key, if the service wants one.
    pub key: Option<Secret>,
    /// Where in the answer the list of results is: names with dots between them.
    pub results: String,
    /// Where in a result its title is.
    pub title: String,
    /// Where in a result its address is.
    pub link: String,
    /// Where in a result its excerpt is.
    pub snippet: String,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            url: String::new(),
            body: String::new(),
            header: "Authorization".to_owned(),
            format: "Bearer {key}".to_owned(),
            key: None,
            results: "results".to_owned(),
            title: "title".to_owned(),
            link: "url".to_owned(),
            snippet: "content".to_owned(),
        }
    }
}

impl SearchOptions {
    /// The address for some query; nothing where none is named or it is no URL.
    pub fn sample_url(&self) -> Option<Url> {
        let address = self.url.replace("{query}", "x").replace("{count}", "1");
        Url::parse(&address).ok()
    }
}

/// What all commands of a task, or of a tenant, may use together within one worker; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareOptions {
    /// Memory of all processes. Looked at now and then only where cgroups cannot be had.
    pub memory_bytes: u64,
    /// Processes and threads. Looked at now and then only where cgroups cannot be had.
    pub processes_max: u64,
    /// Processor time: 100 is one processor. Needs cgroups.
    pub cpu_percent: u64,
    /// The bytes that all workspaces may hold together. A command that writes more is ended.
    pub workspace_bytes_max: u64,
    /// The files and directories that all workspaces may hold together.
    pub workspace_files_max: u64,
}

impl ShareOptions {
    /// No limits.
    pub const NONE: Self = Self {
        memory_bytes: 0,
        processes_max: 0,
        cpu_percent: 0,
        workspace_bytes_max: 0,
        workspace_files_max: 0,
    };

    /// So many times what one command, or one workspace, may use by default.
    const fn times(times: u64) -> Self {
        Self {
            memory_bytes: times * MEMORY_BYTES,
            processes_max: times * PROCESSES_MAX,
            cpu_percent: times * CPU_PERCENT,
            workspace_bytes_max: times * WORKSPACE_BYTES_MAX,
            workspace_files_max: times * WORKSPACE_FILES_MAX,
        }
    }
}

/// Settings of the tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where workspaces are; it has to be given, usually below the data folder.
    pub folder: Option<PathBuf>,
    /// How foreign code is isolated.
    pub sandbox: SandboxKind,
    /// The `bwrap` program; looked for in the usual places when absent.
    pub bubblewrap: Option<PathBuf>,
    /// Further host paths that commands can read, under the same names.
    pub read_only_binds: Vec<PathBuf>,
    /// A folder with further programs in its `bin`, such as a Python environment. Commands find it under the same path, find its
    /// programs first and cannot change it.
    pub tree: Option<PathBuf>,
    /// Started as root: the first uid of the pool from which each workspace gets its own.
    pub uid_first: u32,
    /// Started as root: how many uids the pool has, and so how many steps can run on one host at the same time.
    pub uid_count: u32,
    /// Started as root: where uids that are in use are locked. All workers of a host share it, whatever their data folders are.
    pub uid_locks: PathBuf,
    /// How long a command may run when the model names no time.
    pub wall_time_ms: u64,
    /// The longest time that a model may name.
    pub wall_time_ms_max: u64,
    /// The longest time that a program in the background may run.
    pub session_time_ms_max: u64,
    /// Memory of all processes of a command together. Where cgroups cannot be had, each process is held to it, and their sum is
    /// looked at now and then.
    pub memory_bytes: u64,
    /// Processes and threads of a command.
    pub processes_max: u64,
    /// Processor time of a command: 100 is one processor. Needs cgroups.
    pub cpu_percent: u64,
    /// The largest file that a command can write.
    pub file_bytes_max: u64,
    /// Open files of each process.
    pub open_files_max: u64,
    /// How much of each output stream of a command is kept in memory: half from its start, half from its end.
    pub output_kept_bytes: u64,
    /// How much of each output stream of a command is stored as a file of its workspace, where a model is not shown all of it; 0 is
    /// none.
    pub output_stored_bytes_max: u64,
    /// A command that prints more than this is ended.
    pub output_bytes_max: u64,
    /// How much of an outcome a model is shown.
    pub shown_bytes_max: usize,
    /// The bytes that a workspace may hold.
    pub workspace_bytes_max: u64,
    /// The files and directories that a workspace may hold.
    pub workspace_files_max: u64,
    /// Commands are ended when the disk has less free space than this.
    pub free_space_bytes_min: u64,
    /// What all commands of one task may use together.
    pub per_task: ShareOptions,
    /// What all commands of one tenant may use together.
    pub per_tenant: ShareOptions,
    /// How far tasks may reach.
    pub network: NetworkOptions,
    /// The tools that fetch pages and download files; there where tasks may reach anything.
    pub web: WebOptions,
    /// The tools of the browser.
    pub browser: BrowserOptions,
    /// The search service, if there is one.
    pub search: SearchOptions,
    /// The tool that makes HTTP requests.
    pub http_request: HttpOptions,
    /// The Chromium program, looked for in the usual places when absent.
    pub chromium: Option<PathBuf>,
}

const MIB: u64 = 1024 * 1024;
const MEMORY_BYTES: u64 = 2048 * MIB;
const PROCESSES_MAX: u64 = 256;
const CPU_PERCENT: u64 = 200;
const WORKSPACE_BYTES_MAX: u64 = 1024 * MIB;
const WORKSPACE_FILES_MAX: u64 = 20_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: None,
            sandbox: SandboxKind::Bubblewrap,
            bubblewrap: None,
            read_only_binds: Vec::new(),
            tree: None,
            uid_first: 200_000,
            uid_count: 4_096,
            uid_locks: PathBuf::from("/run/errand-uids"),
            wall_time_ms: 60_000,
            wall_time_ms_max: 600_000,
            session_time_ms_max: 3_600_000,
            memory_bytes: MEMORY_BYTES,
            processes_max: PROCESSES_MAX,
            cpu_percent: CPU_PERCENT,
            file_bytes_max: 256 * MIB,
            open_files_max: 1024,
            output_kept_bytes: MIB,
            output_stored_bytes_max: 32 * MIB,
            output_bytes_max: 256 * MIB,
            shown_bytes_max: 16 * 1024,
            workspace_bytes_max: WORKSPACE_BYTES_MAX,
            workspace_files_max: WORKSPACE_FILES_MAX,
            free_space_bytes_min: 512 * MIB,
            per_task: ShareOptions::times(4),
            per_tenant: ShareOptions::times(8),
            network: NetworkOptions::default(),
            web: WebOptions::default(),
            browser: BrowserOptions::default(),
            search: SearchOptions::default(),
            http_request: HttpOptions::default(),
            chromium: None,
        }
    }
}

impl Options {
    /// The workspace folder, or an error that says how to name one.
    pub(crate) fn folder(&self) -> io::Result<&Path> {
        self.folder.as_deref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "no workspace folder is set (tools.folder)",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_browsers_as_processors_and_memory_are_good_for_and_always_one() {
        let gib = 1024 * MIB;
        assert_eq!(fitting(2, 24 * gib), 4);
        assert_eq!(fitting(16, 8 * gib), 4);
        assert_eq!(fitting(1, gib), 1);
        assert_eq!(fitting(0, 0), 1);
        assert_eq!(
            total_bytes(
                "MemTotal:       2048 kB
MemFree: 1 kB
"
            ),
            2 * MIB
        );
        assert_eq!(total_bytes(""), 0);
        let set = BrowserOptions {
            at_once_max: 7,
            ..BrowserOptions::default()
        };
        assert_eq!(set.limit(), 7);
        assert!(BrowserOptions::default().limit() >= 1);
    }
}
