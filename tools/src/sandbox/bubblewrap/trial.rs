//! Trying the sandbox: the full profile is run with a program that looks for ways out.
//!
//! A check that fails makes the sandbox unusable. It never leads to a weaker way of running.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agent_core::enforcement::{Limits, NetworkReach};

use super::lacks::{lacks, uncounted};
use super::{Abilities, Bubblewrap, Enforcement, PRLIMIT, Tried, reported_exit};
use crate::directory::Directory;
use crate::sandbox::census::Census;
use crate::sandbox::cgroup::Cgroups;
use crate::sandbox::disk::DiskLimits;
use crate::sandbox::orphans::end_orphans;
use crate::sandbox::{Lack, Probe, Program};
use crate::workspace::{Entered, UidLease};

const BACKEND: &str = "bubblewrap";
const WITHIN: Duration = Duration::from_secs(20);

/// Looks for ways out and says what it sees, one line a fact. Its arguments are a path outside and the tool tree, if there is one.
const SCRIPT: &str = r#"
# What the tree has may go by the names of programs that are used here.
PATH=/usr/local/bin:/usr/bin:/bin
while read -r name value _; do
  case "$name" in
    Uid:) echo "uid=$value" ;;
    CapEff:) echo "capabilities=$value" ;;
    Seccomp:) echo "seccomp=$value" ;;
    NoNewPrivs:) echo "no_new_privileges=$value" ;;
  esac
done < /proc/self/status
while read -r _ first second value _; do
  case "$first $second" in
    "file size") echo "file_bytes=$value" ;;
    "open files") echo "open_files=$value" ;;
    "data size") echo "data_bytes=$value" ;;
  esac
done < /proc/self/limits
while IFS=: read -r kind number; do
  echo "ns_$kind=$number"
done < <(readlink /proc/self/ns/{user,pid,mnt,net,ipc,uts,cgroup})
interfaces=
while IFS=: read -r name rest; do
  [ -n "$rest" ] && interfaces="$interfaces${name// /},"
done < <(tail -n +3 /proc/net/dev)
echo "interfaces=$interfaces"
if (: > /usr/.errand-probe) 2>/dev/null; then echo "usr=writable"; else echo "usr=read_only"; fi
if (: > /.errand-probe) 2>/dev/null; then echo "root=writable"; else echo "root=read_only"; fi
if (: >> /proc/sys/kernel/core_pattern) 2>/dev/null; then echo "settings=writable"; else echo "settings=read_only"; fi
if cat "$1" >/dev/null 2>&1; then echo "secret=readable"; else echo "secret=hidden"; fi
echo "environment=$(env -0 | cut -z -d= -f1 | sort -z | tr '\0' ',')"
echo "first_environment=$(tr -d '\0' < /proc/1/environ | wc -c)"
if unshare --user true 2>/dev/null; then echo "namespaces=allowed"; else echo "namespaces=denied"; fi
echo "processes=$(ulimit -u)"
if ! ls "$2/bin" >/dev/null 2>&1; then echo "tree=hidden"
elif (: > "$2/bin/.errand-probe") 2>/dev/null; then echo "tree=writable"; else echo "tree=read_only"; fi
: > trace
"#;

const ENVIRONMENT: &str = "HOME,LANG,PATH,PWD,SHLVL,TERM,TMPDIR,_,";

/// What has to be seen, and the word for what that shows. A word holds when all of its facts were seen.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("uid", "1000", "not_root"),
    ("capabilities", "0000000000000000", "no_capabilities"),
    ("seccomp", "2", "seccomp"),
    ("no_new_privileges", "1", "no_new_privileges"),
    ("namespaces", "denied", "no_nested_namespaces"),
    ("interfaces", "lo,", "loopback_only"),
    ("usr", "read_only", "read_only_system"),
    ("root", "read_only", "read_only_system"),
    ("settings", "read_only", "read_only_kernel"),
    ("secret", "hidden", "host_files_hidden"),
    ("environment", ENVIRONMENT, "host_environment_hidden"),
    ("first_environment", "0", "host_environment_hidden"),
];

/// The kinds of namespaces, as the kernel and as records name them, and whether a program must have one to itself.
const NAMESPACES: &[(&str, &str, bool)] = &[
    ("user", "user", true),
    ("pid", "pid", true),
    ("mnt", "mount", true),
    ("net", "network", true),
    ("ipc", "ipc", true),
    ("uts", "uts", true),
    ("cgroup", "cgroup", false),
];

impl Bubblewrap {
    pub(super) async fn try_it(&self) -> Tried {
        let (options, program) = (self.options.clone(), self.program.clone());
        let abilities = tokio::task::spawn_blocking(move || {
            // Before the groups that they are in are removed.
            end_orphans();
            let cgroups = Cgroups::detect(&options);
            Abilities {
                disable_userns: program.is_some_and(|program| knows_disable_userns(&program)),
                census: Census::of(uncounted(&cgroups, &options)),
                cgroups: Arc::new(cgroups),
                disk: DiskLimits::of(&options),
            }
        });
        let probe_of = |lacks| {
            (
                refused(lacks),
                Abilities {
                    disable_userns: false,
                    cgroups: Arc::new(Cgroups::none(&self.options)),
                    census: None,
                    disk: DiskLimits::of(&self.options),
                },
            )
        };
        let (probe, abilities) = match abilities.await {
            Err(error) => probe_of(vec![Lack::new("isolation", error.to_string(), "try again")]),
            Ok(abilities) => {
                let missing = self.missing_programs();
                if missing.is_empty() {
                    (self.look_out(&abilities).await, abilities)
                } else {
                    (refused(missing), abilities)
                }
            }
        };
        Tried { probe, abilities }
    }

    fn missing_programs(&self) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if self.program.is_none() {
            lacks.push(Lack::new(
                "isolation",
                "bubblewrap is not installed",
                "install it: apt-get install bubblewrap, or dnf install bubblewrap, or apk add bubblewrap",
            ));
        }
        for (path, package) in [(PRLIMIT, "util-linux"), ("/usr/bin/bash", "bash")] {
            if !Path::new(path).is_file() {
                lacks.push(Lack::new(
                    "isolation",
                    format!("{path} is missing"),
                    format!("install the package {package}"),
                ));
            }
        }
        lacks
    }

    async fn look_out(&self, abilities: &Abilities) -> Probe {
        let folder = match self.options.folder() {
            Ok(folder) => folder.to_owned(),
            Err(error) => {
                return refused(vec![Lack::new(
                    "isolation",
                    error.to_string(),
                    "set tools.folder",
                )]);
            }
        };
        let uids = self.uids.clone();
        let made = tokio::task::spawn_blocking(move || Site::make(&folder, uids.as_deref())).await;
        let site = match made.map_err(io::Error::other).and_then(|made| made) {
            Ok(site) => site,
            Err(error) => {
                return refused(vec![Lack::new(
                    "isolation",
                    format!("no workspace can be made for the trial: {error}"),
                    "make the workspace folder writable; in a container, choose tools.uid_first among the uids that it has (/proc/self/uid_map)",
                )]);
            }
        };
        let tree = self.options.tree.as_deref().unwrap_or(Path::new(""));
        let tree = tree.to_string_lossy();
        let program = Program {
            argv: ["/usr/bin/bash", "-c", SCRIPT, "probe", &site.secret, &tree]
                .map(str::to_owned)
                .to_vec(),
            environment: Vec::new(),
            place: site.place.clone(),
            wall_time: WITHIN,
            ports: Vec::new(),
            input: None,
        };
        let unbound = Abilities {
            census: None,
            disk: DiskLimits::none(),
            ..abilities.clone()
        };
        match self.run_tried(program, &unbound).await {
            Err(error) => refused(vec![Lack::new(
                "isolation",
                format!("bubblewrap cannot be started: {}", chain(&error)),
                "make every folder above the workspace folder passable for others (chmod o+x), or start without root",
            )]),
            Ok((finished, _)) if reported_exit(&finished.report).is_none() => {
                refused(vec![cure_of(finished.stderr.text().trim())])
            }
            Ok((finished, limits)) => {
                let mut seen = Seen::default();
                let said = finished.stdout.text();
                seen.judge(&said, &limits);
                if self.options.tree.is_some() {
                    seen.judge_tree(&said);
                }
                seen.judge_owner(&site);
                seen.state(self.stated_here(limits, abilities), abilities)
            }
        }
    }

    /// The limits of a run that asks for nothing, from those of the trial.
    fn stated_here(&self, mut limits: Limits, abilities: &Abilities) -> Limits {
        let disk = DiskLimits::of(&self.options).stated();
        abilities.state_together(&mut limits, &self.options);
        Limits {
            wall_ms: Some(self.options.wall_time_ms),
            workspace_bytes: disk.workspace_bytes,
            workspace_files: disk.workspace_files,
            free_disk_bytes: disk.free_disk_bytes,
            ..limits
        }
    }
}

/// What the trial showed.
#[derive(Default)]
struct Seen {
    namespaces: Vec<String>,
    holds: Vec<String>,
    /// What does not hold, so that nothing may be run.
    failed: Vec<Lack>,
    /// What does not hold either, and is borne.
    lacks: Vec<Lack>,
}

impl Seen {
    /// Compares what the program said with what has to be.
    fn judge(&mut self, said: &str, limits: &Limits) {
        let fact = |name: &str| fact(said, name);
        for (name, wanted, word) in EXPECTED {
            self.compare(word, wanted, fact(name));
        }
        self.holds.push("tree_ends".to_owned());
        self.holds.dedup();
        for (kernels, name, is_needed) in NAMESPACES {
            let ours = std::fs::read_link(format!("/proc/self/ns/{kernels}"));
            let ours = ours.map(|link| link.to_string_lossy().into_owned());
            let named = format!("ns_{kernels}");
            let inside = fact(&named).map(|seen| format!("{kernels}:{seen}"));
            match (ours, inside) {
                (Ok(ours), Some(inside)) if ours != inside => {
                    self.namespaces.push((*name).to_owned());
                }
                (_, inside) if *is_needed => self.fail(
                    &format!("{name}_namespace"),
                    &format!("the program saw {}", inside.as_deref().unwrap_or("nothing")),
                ),
                _ => {}
            }
        }
        let each = limits.memory_by.as_deref() == Some("rlimit_each");
        for (name, wanted) in [
            ("file_bytes", limits.file_bytes),
            ("open_files", limits.open_files),
            ("data_bytes", limits.memory_bytes.filter(|_| each)),
            ("processes", limits.processes),
        ] {
            let Some(wanted) = wanted.map(|wanted| wanted.to_string()) else {
                continue;
            };
            if fact(name) != Some(wanted.as_str()) {
                let seen = fact(name).unwrap_or("nothing");
                self.fail(name, &format!("wanted {wanted}, saw {seen}"));
            }
        }
    }

    fn judge_tree(&mut self, said: &str) {
        let seen = fact(said, "tree");
        if seen == Some("read_only") {
            self.holds.push("tool_tree_read_only".to_owned());
            return;
        }
        let seen = seen.unwrap_or("not at all");
        self.failed.push(Lack::new(
            "tool_tree_read_only",
            format!("the tool tree is read-only: commands see it {seen}"),
            "name a folder in tools.tree that every user can read, on a file system of this machine, or leave it out",
        ));
    }

    fn compare(&mut self, word: &str, wanted: &str, seen: Option<&str>) {
        if seen == Some(wanted) {
            self.holds.push(word.to_owned());
            return;
        }
        let seen = seen.unwrap_or("nothing");
        self.fail(word, &format!("wanted {wanted}, saw {seen}"));
    }

    fn fail(&mut self, what: &str, why: &str) {
        self.failed.push(Lack::new(
            what,
            format!("{what}: {why}"),
            "the trial of the sandbox failed; see docs/adr/0004-sandbox.md, and report it with this text",
        ));
    }

    /// Who the program was on the host shows in a file that it made.
    fn judge_owner(&mut self, site: &Site) {
        let made = std::fs::metadata(site.folder.path().join("files/trace"));
        let seen = made.map(|made| made.uid()).ok();
        match (site.owner, seen) {
            (Some(owner), Some(seen)) if owner == seen && seen != 0 => {
                self.holds.push("own_uid".to_owned());
            }
            (None, Some(seen)) if seen != 0 => self.lacks.push(Lack::new(
                "own_uid",
                "not started as root, so only namespaces keep workspaces apart",
                "start errand as root if that matters: each workspace gets a uid of its own then",
            )),
            (owner, seen) => self.failed.push(Lack::new(
                "own_uid",
                format!("on the host the program was uid {seen:?}, not {owner:?}"),
                "start errand as an ordinary user, or give it a pool of uids (tools.uid_first)",
            )),
        }
    }

    /// What is stated of this machine.
    fn state(mut self, limits: Limits, abilities: &Abilities) -> Probe {
        if !self.failed.is_empty() {
            return refused(self.failed);
        }
        self.lacks.extend(lacks(abilities));
        let stated = Enforcement {
            backend: BACKEND.to_owned(),
            isolation: abilities.label().to_owned(),
            namespaces: self.namespaces,
            holds: self.holds,
            limits,
            network: NetworkReach::none(),
            lacks: BTreeMap::new(),
        };
        Probe::usable(stated, self.lacks)
    }
}

/// What the program said of one thing.
fn fact<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

fn refused(lacks: Vec<Lack>) -> Probe {
    Probe::refused(BACKEND, lacks)
}

/// A workspace and a secret for the trial, removed afterwards.
struct Site {
    place: Entered,
    secret: String,
    owner: Option<u32>,
    folder: tempfile::TempDir,
}

impl Site {
    fn make(folder: &Path, uids: Option<&crate::workspace::UidPool>) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let uid: Option<UidLease> = uids.map(crate::workspace::UidPool::take).transpose()?;
        let owner = uid.as_ref().map(UidLease::uid);
        let apart = tempfile::Builder::new()
            .prefix(".probe-")
            .tempdir_in(folder)?;
        // Passable for others, like the folders of real workspaces.
        std::fs::set_permissions(apart.path(), Permissions::from_mode(0o711))?;
        let secret = apart.path().join("secret");
        std::fs::write(&secret, "secret")?;
        let files = apart.path().join("files");
        std::fs::create_dir(&files)?;
        let directory = Directory::open(&files, owner)?;
        directory.reopen()?;
        Ok(Self {
            place: Entered::apart(Arc::new(directory), Arc::new(uid))?,
            secret: secret.to_string_lossy().into_owned(),
            owner,
            folder: apart,
        })
    }
}

fn knows_disable_userns(program: &Path) -> bool {
    let help = Command::new(program)
        .arg("--help")
        .env_clear()
        .stdin(Stdio::null())
        .output();
    help.is_ok_and(|help| {
        let text = [help.stdout, help.stderr].concat();
        String::from_utf8_lossy(&text).contains("--assert-userns-disabled")
    })
}

/// What bwrap's complaint means for an operator.
fn cure_of(complaint: &str) -> Lack {
    let namespaces = [
        "No permissions to create",
        "Creating new namespace failed",
        "setting up uid map",
        "No permissions to create new namespace",
        "Failed RTM_NEWADDR",
        "loopback",
    ];
    let cure = if complaint.contains("Can't mount proc") {
        "in a container, unmask /proc (Docker: --security-opt systempaths=unconfined; Podman: --security-opt unmask=ALL)"
    } else if namespaces.iter().any(|text| complaint.contains(text)) {
        "allow user namespaces: sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 where it exists, kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap on Ubuntu; in a container, a seccomp profile that allows them"
    } else {
        "see that bwrap runs by hand as the user of the service; docs/adr/0004-sandbox.md has the flags"
    };
    Lack::new("isolation", format!("bubblewrap failed: {complaint}"), cure)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
