//! What holds foreign code: stated by the backend that runs it, as it was found by trying, and recorded with each call.
//!
//! Words are text and not enums: a log may have been written by a release that knows more of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::network::{Network, NetworkMode};

/// What can hold, by the word that records have for it, and in words for people. The limits come on top: each that is stated is
/// enforced.
pub const WORDS: [(&str, &str); 14] = [
    ("not_root", "runs as an ordinary user"),
    ("own_uid", "a host user of its own for each workspace"),
    ("no_capabilities", "no capabilities"),
    ("seccomp", "system call filter"),
    ("no_new_privileges", "no new privileges through programs"),
    ("no_nested_namespaces", "no further namespaces"),
    ("browser_sandbox", "pages run in the browser's own sandbox"),
    ("loopback_only", "no interface but its own loopback"),
    ("read_only_system", "the system is read-only"),
    ("read_only_kernel", "kernel settings are read-only"),
    ("host_files_hidden", "files of the host are hidden"),
    ("tool_tree_read_only", "the tool tree is read-only"),
    (
        "host_environment_hidden",
        "nothing of the host's environment",
    ),
    ("tree_ends", "the whole process tree is ended"),
];

/// What people are told of a limit that is looked at now and then.
const WATCHED: &str = " (watched)";

/// How far the code of one run could reach over the network. Ports of its own loopback are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkReach {
    /// `none`, `allow_list` or `open`, and `machine` where nothing stands between it and the machine's own network.
    pub mode: String,
    /// How many entries the list of hosts has, with `allow_list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<usize>,
}

impl NetworkReach {
    /// Nowhere.
    pub fn none() -> Self {
        Self {
            mode: NetworkMode::None.label().to_owned(),
            hosts: None,
        }
    }

    /// As far as the machine itself.
    pub fn machine() -> Self {
        Self {
            mode: "machine".to_owned(),
            hosts: None,
        }
    }

    /// As far as was granted.
    pub fn of(granted: &Network) -> Self {
        Self {
            mode: granted.mode.label().to_owned(),
            hosts: (granted.mode == NetworkMode::AllowList).then_some(granted.hosts.len()),
        }
    }
}

/// What all commands of a task, or of a tenant, may use together within one worker. What is absent is not bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Share {
    /// Memory of all processes, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Processor time in percent of one processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u64>,
    /// What all workspaces may hold, in bytes; watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_bytes: Option<u64>,
    /// Files and directories that all workspaces may hold; watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_files: Option<u64>,
    /// Which of `memory` and `processes` are looked at now and then, because no cgroup bounds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watched: Vec<String>,
}

/// The limits of one run. What is absent is not bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// When it is ended, in milliseconds after its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Memory, in bytes; see `memory_by` for whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// `cgroup_v1` or `cgroup_v2`: of all its processes together; `rlimit_each`: of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_by: Option<String>,
    /// Memory of all its processes together, in bytes, looked at now and then where `memory_by` is not of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_watched_bytes: Option<u64>,
    /// Processes and threads at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// `cgroup_v1`, `cgroup_v2`, or `rlimit`, which counts those of its own user namespace; `watched`: they are counted now and then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes_by: Option<String>,
    /// Processor time in percent of one processor, of all its processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u64>,
    /// `cgroup_v1` or `cgroup_v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_by: Option<String>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// The largest file that it can write, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// What it may print, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// What the workspace may hold, in bytes. It is watched: a fast writer is seen a moment later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_bytes: Option<u64>,
    /// Files and directories that the workspace may hold, watched in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_files: Option<u64>,
    /// It is ended when the disk has less free space than this, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_disk_bytes: Option<u64>,
    /// What it shares with all commands of its task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Share>,
    /// What it shares with all commands of its tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Share>,
}

/// What one run of foreign code was held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforcement {
    /// What ran it: `bubblewrap`, or `none`.
    pub backend: String,
    /// How it was isolated, in a word or two, such as `bubblewrap` or `unsandboxed`; `none` where nothing may be run.
    pub isolation: String,
    /// The kinds of namespaces that it had to itself: `user`, `pid`, `mount`, `network`, `ipc`, `uts`, `cgroup`.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// What else held; [`WORDS`] has what they mean.
    #[serde(default)]
    pub holds: Vec<String>,
    /// Its limits.
    #[serde(default)]
    pub limits: Limits,
    /// How far it could reach.
    pub network: NetworkReach,
    /// What is not enforced here, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacks: BTreeMap<String, String>,
}

impl Enforcement {
    /// The statement for people, in a few lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("isolation: {}", self.isolation)];
        if !self.namespaces.is_empty() {
            let own = self.namespaces.join(", ");
            lines.push(format!("namespaces of its own: {own}"));
        }
        let holds = self.holds.iter().map(|word| meaning(word));
        let holds: Vec<&str> = holds.collect();
        lines.push(format!("enforced: {}", holds.join("; ")));
        lines.push(format!("limits: {}", self.limits.in_words().join("; ")));
        let hosts = match self.network.hosts {
            None => String::new(),
            Some(1) => " (1 host)".to_owned(),
            Some(count) => format!(" ({count} hosts)"),
        };
        lines.push(format!("network: {}{hosts}", self.network.mode));
        for (what, why) in &self.lacks {
            lines.push(format!("not enforced: {}: {why}", what.replace('_', " ")));
        }
        lines
    }
}

/// What a word means; a word of a later release stands for itself.
fn meaning(word: &str) -> &str {
    let known = WORDS.iter().find(|(known, _)| *known == word);
    known.map_or(word, |(_, meaning)| meaning)
}

impl Limits {
    /// Each limit with its unit, for people.
    pub fn in_words(&self) -> Vec<String> {
        let by = |by: &Option<String>| match by.as_deref() {
            Some("rlimit_each") => ", each process by itself".to_owned(),
            Some("rlimit") => ", by resource limit".to_owned(),
            Some("watched") => WATCHED.to_owned(),
            Some(word) => format!(", all together, by {}", word.replace('_', " ")),
            None => String::new(),
        };
        let limits = [
            self.wall_ms.map(|ms| format!("wall time {}", time(ms))),
            self.memory_bytes
                .map(|bytes| format!("memory {}{}", size(bytes), by(&self.memory_by))),
            self.memory_watched_bytes
                .map(|bytes| format!("memory {}, all together{WATCHED}", size(bytes))),
            self.processes
                .map(|count| format!("processes {count}{}", by(&self.processes_by))),
            self.cpu_percent
                .map(|percent| format!("processor time {percent} %{}", by(&self.cpu_by))),
            self.open_files
                .map(|count| format!("open files {count} a process")),
            self.file_bytes
                .map(|bytes| format!("file size {}", size(bytes))),
            self.output_bytes
                .map(|bytes| format!("output {}", size(bytes))),
            self.workspace_bytes
                .map(|bytes| format!("workspace {}{WATCHED}", size(bytes))),
            self.workspace_files
                .map(|count| format!("workspace {count} files{WATCHED}")),
            self.free_disk_bytes
                .map(|bytes| format!("disk keeps {} free{WATCHED}", size(bytes))),
            self.task
                .as_ref()
                .map(|share| format!("all of the task: {}", share.in_words())),
            self.tenant
                .as_ref()
                .map(|share| format!("all of the tenant: {}", share.in_words())),
        ];
        limits.into_iter().flatten().collect()
    }
}

impl Share {
    /// Its limits with their units, for people.
    fn in_words(&self) -> String {
        let how = |what: &str| {
            let is_watched = self.watched.iter().any(|watched| watched == what);
            if is_watched { WATCHED } else { "" }
        };
        let limits = [
            self.memory_bytes
                .map(|bytes| format!("memory {}{}", size(bytes), how("memory"))),
            self.processes
                .map(|count| format!("processes {count}{}", how("processes"))),
            self.cpu_percent
                .map(|percent| format!("processor time {percent} %")),
            self.workspace_bytes
                .map(|bytes| format!("workspaces {}{WATCHED}", size(bytes))),
            self.workspace_files
                .map(|count| format!("workspaces {count} files{WATCHED}")),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        limits.join(", ")
    }
}

fn time(ms: u64) -> String {
    if ms.is_multiple_of(1_000) {
        format!("{} s", ms / 1_000)
    } else {
        format!("{ms} ms")
    }
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// Something that a machine does not give, and how it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// What is missing, as records have it; `isolation` where nothing can be run at all.
    pub what: String,
    /// Why it is.
    pub why: String,
    /// What an operator can do about it.
    pub cure: String,
}

impl Lack {
    /// A lack.
    pub fn new(what: &str, why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            why: why.into(),
            cure: cure.into(),
        }
    }
}

/// The outcome of trying a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whether programs are run at all.
    pub usable: bool,
    /// What a run that asks for nothing gets.
    pub stated: Enforcement,
    /// What is lacking, with the cures.
    pub lacks: Vec<Lack>,
}

impl Probe {
    /// Programs are run, with what is stated.
    pub fn usable(mut stated: Enforcement, lacks: Vec<Lack>) -> Self {
        stated.lacks = lacks
            .iter()
            .map(|lack| (lack.what.clone(), lack.why.clone()))
            .collect();
        Self {
            usable: true,
            stated,
            lacks,
        }
    }

    /// Nothing can be run.
    pub fn refused(backend: &str, lacks: Vec<Lack>) -> Self {
        Self {
            usable: false,
            stated: Enforcement {
                backend: backend.to_owned(),
                isolation: "none".to_owned(),
                namespaces: Vec::new(),
                holds: Vec::new(),
                limits: Limits::default(),
                network: NetworkReach::none(),
                lacks: BTreeMap::new(),
            },
            lacks,
        }
    }

    /// Why nothing is run, with the cures, in one text.
    pub fn refusal(&self) -> String {
        let lacks: Vec<String> = self
            .lacks
            .iter()
            .map(|lack| format!("{} (cure: {})", lack.why, lack.cure))
            .collect();
        format!("commands cannot be isolated here: {}", lacks.join("; "))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn caged() -> Enforcement {
        Enforcement {
            backend: "bubblewrap".to_owned(),
            isolation: "bubblewrap, no cgroup".to_owned(),
            namespaces: ["user", "pid"].map(str::to_owned).to_vec(),
            holds: ["seccomp", "a_word_of_later"].map(str::to_owned).to_vec(),
            limits: Limits {
                wall_ms: Some(60_000),
                memory_bytes: Some(3 * 1024 * 1024),
                memory_by: Some("rlimit_each".to_owned()),
                memory_watched_bytes: Some(4 * 1024 * 1024),
                output_bytes: Some(1_000),
                tenant: Some(Share {
                    processes: Some(20),
                    workspace_files: Some(7),
                    watched: vec!["processes".to_owned()],
                    ..Share::default()
                }),
                ..Limits::default()
            },
            network: NetworkReach::of(&Network {
                mode: NetworkMode::AllowList,
                hosts: vec!["a.example".to_owned(), "b.example".to_owned()],
            }),
            lacks: BTreeMap::from([("processor_time".to_owned(), "no cgroup".to_owned())]),
        }
    }

    #[test]
    fn people_are_told_what_words_mean_and_a_word_that_is_not_known_as_it_is() {
        assert_eq!(
            caged().lines(),
            [
                "isolation: bubblewrap, no cgroup",
                "namespaces of its own: user, pid",
                "enforced: system call filter; a_word_of_later",
                "limits: wall time 60 s; memory 3 MiB, each process by itself; memory 4 MiB, all together (watched); \
                 output 1000 bytes; all of the tenant: processes 20 (watched), workspaces 7 files (watched)",
                "network: allow_list (2 hosts)",
                "not enforced: processor time: no cgroup",
            ]
        );
    }

    #[test]
    fn a_statement_is_read_back_and_one_of_a_later_release_too() {
        let mut written = serde_json::to_value(caged()).unwrap();
        assert_eq!(
            written["limits"],
            json!({"wall_ms": 60_000, "memory_bytes": 3_145_728, "memory_by": "rlimit_each", "memory_watched_bytes": 4_194_304,
                "output_bytes": 1_000, "tenant": {"processes": 20, "workspace_files": 7, "watched": ["processes"]}})
        );
        written["limits"]["gpus"] = json!(1);
        written["hypervisor"] = json!("x");
        let read: Enforcement = serde_json::from_value(written).unwrap();
        assert_eq!(read, caged());
    }

    #[test]
    fn what_is_lacking_is_in_the_statement_and_its_cure_is_not() {
        let lack = Lack::new("own_uid", "started as an ordinary user", "start it as root");
        let probe = Probe::usable(caged(), vec![lack]);
        let wanted = (
            "own_uid".to_owned(),
            "started as an ordinary user".to_owned(),
        );
        assert_eq!(probe.stated.lacks, BTreeMap::from([wanted]));
    }
}
