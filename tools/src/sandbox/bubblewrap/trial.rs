//! Trying the sandbox: the full profile is run with a program that looks for ways out.
//!
//! A check that fails makes the sandbox unusable. It never leads to a weaker way of running.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::{Abilities, Bubblewrap, Controller, Finished, PRLIMIT, Tried, reported_exit};
use crate::directory::Directory;
use crate::sandbox::cgroup::Cgroups;
use crate::sandbox::disk::DiskLimits;
use crate::sandbox::orphans::end_orphans;
use crate::sandbox::{Lack, Probe, Program};
use crate::workspace::{Entered, UidLease};

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

/// What has to be seen, and what that shows.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("uid", "1000", "runs as an ordinary user"),
    ("capabilities", "0000000000000000", "no capabilities"),
    ("seccomp", "2", "system call filter"),
    (
        "no_new_privileges",
        "1",
        "no new privileges through programs",
    ),
    ("interfaces", "lo,", "no network but its own loopback"),
    ("usr", "read_only", "the system is read-only"),
    ("root", "read_only", "the root folder is read-only"),
    ("settings", "read_only", "kernel settings are read-only"),
    ("secret", "hidden", "files of the host are hidden"),
    (
        "environment",
        ENVIRONMENT,
        "nothing of the host's environment",
    ),
    (
        "first_environment",
        "0",
        "nothing of the host's environment in its first process",
    ),
    ("namespaces", "denied", "no further namespaces"),
];

impl Bubblewrap {
    pub(super) async fn try_it(&self) -> Tried {
        let (options, program) = (self.options.clone(), self.program.clone());
        let abilities = tokio::task::spawn_blocking(move || {
            // Before the groups that they are in are removed.
            end_orphans();
            Abilities {
                disable_userns: program.is_some_and(|program| knows_disable_userns(&program)),
                cgroups: Arc::new(Cgroups::detect(&options)),
                disk: DiskLimits::of(&options),
            }
        });
        let probe_of = |lacks| {
            (
                Probe::refused(lacks),
                Abilities {
                    disable_userns: false,
                    cgroups: Arc::new(Cgroups::none(&self.options)),
                    disk: DiskLimits::of(&self.options),
                },
            )
        };
        let (probe, abilities) = match abilities.await {
            Err(error) => probe_of(vec![Lack::new(error.to_string(), "try again")]),
            Ok(abilities) => {
                let missing = self.missing_programs();
                if missing.is_empty() {
                    (self.look_out(&abilities).await, abilities)
                } else {
                    (Probe::refused(missing), abilities)
                }
            }
        };
        Tried { probe, abilities }
    }

    fn missing_programs(&self) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if self.program.is_none() {
            lacks.push(Lack::new(
                "bubblewrap is not installed",
                "install it: apt-get install bubblewrap, or dnf install bubblewrap, or apk add bubblewrap",
            ));
        }
        for (path, package) in [(PRLIMIT, "util-linux"), ("/usr/bin/bash", "bash")] {
            if !Path::new(path).is_file() {
                lacks.push(Lack::new(
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
                return Probe::refused(vec![Lack::new(error.to_string(), "set tools.folder")]);
            }
        };
        let uids = self.uids.clone();
        let made = tokio::task::spawn_blocking(move || Site::make(&folder, uids.as_deref())).await;
        let site = match made.map_err(io::Error::other).and_then(|made| made) {
            Ok(site) => site,
            Err(error) => {
                return Probe::refused(vec![Lack::new(
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
            disk: DiskLimits::none(),
            ..abilities.clone()
        };
        match self.run_tried(program, &unbound).await {
            Err(error) => Probe::refused(vec![Lack::new(
                format!("bubblewrap cannot be started: {}", chain(&error)),
                "make every folder above the workspace folder passable for others (chmod o+x), or start without root",
            )]),
            Ok(finished) if reported_exit(&finished.report).is_none() => {
                Probe::refused(vec![cure_of(finished.stderr.text().trim())])
            }
            Ok(finished) => self.judge(&finished, &site, abilities),
        }
    }

    fn judge(&self, finished: &Finished, site: &Site, abilities: &Abilities) -> Probe {
        let said = finished.stdout.text();
        let fact = |name: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let mut probe = Probe {
            level: abilities.label().to_owned(),
            usable: true,
            enforced: Vec::new(),
            lacks: Vec::new(),
        };
        for (name, wanted, shows) in EXPECTED {
            match fact(name) {
                Some(seen) if seen == *wanted => probe.enforced.push((*shows).to_owned()),
                seen => {
                    probe.usable = false;
                    probe.lacks.push(Lack::new(
                        format!("{shows}: wanted {name} {wanted}, saw {}", seen.unwrap_or("nothing")),
                        "the trial of the sandbox failed; see docs/adr/0004-sandbox.md, and report it with this text",
                    ));
                }
            }
        }
        if fact("processes") == Some(self.options.processes_max.to_string().as_str()) {
            probe.enforced.push("number of processes".to_owned());
        }
        if self.options.tree.is_some() {
            judge_tree(&mut probe, fact("tree"));
        }
        site.judge_owner(&mut probe);
        add_limits(&mut probe, abilities);
        if !probe.usable {
            "none".clone_into(&mut probe.level);
        }
        probe
    }
}

fn judge_tree(probe: &mut Probe, seen: Option<&str>) {
    const SHOWS: &str = "the tool tree is read-only";
    if seen == Some("read_only") {
        probe.enforced.push(SHOWS.to_owned());
        return;
    }
    probe.usable = false;
    probe.lacks.push(Lack::new(
        format!("{SHOWS}: commands see it {}", seen.unwrap_or("not at all")),
        "name a folder in tools.tree that every user can read, on a file system of this machine, or leave it out",
    ));
}

fn add_limits(probe: &mut Probe, abilities: &Abilities) {
    for limit in [
        "wall time",
        "output",
        "file size",
        "disk space (watched)",
        "whole process tree is ended",
    ] {
        probe.enforced.push(limit.to_owned());
    }
    for (controller, what) in [
        (Controller::Memory, "memory of all processes together"),
        (Controller::Pids, "number of processes, by cgroup"),
        (Controller::Cpu, "processor time"),
    ] {
        if abilities.cgroups.bounds(controller) {
            probe.enforced.push(what.to_owned());
        } else {
            probe.lacks.push(Lack::new(
                format!("no limit on {what}"),
                "give the service a cgroup that it can write to, for example with Delegate=yes and DelegateSubgroup=main in its systemd unit",
            ));
        }
    }
    if !abilities.disable_userns {
        probe.lacks.push(Lack::new(
            "further user namespaces are denied by the system call filter only",
            "install bubblewrap 0.8 or later",
        ));
    }
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

    /// Who the program was on the host shows in a file that it made.
    fn judge_owner(&self, probe: &mut Probe) {
        let made = std::fs::metadata(self.folder.path().join("files/trace"));
        let seen = made.map(|made| made.uid()).ok();
        match (self.owner, seen) {
            (Some(owner), Some(seen)) if owner == seen && seen != 0 => {
                probe
                    .enforced
                    .push("a host user of its own for each workspace".to_owned());
            }
            (None, Some(seen)) if seen != 0 => probe.lacks.push(Lack::new(
                "all workspaces belong to one host user; only their namespaces keep them apart",
                "start errand as root if that matters: each workspace gets a uid of its own then",
            )),
            (_, seen) => {
                probe.usable = false;
                probe.lacks.push(Lack::new(
                    format!(
                        "on the host the program was uid {seen:?}, not {:?}",
                        self.owner
                    ),
                    "start errand as an ordinary user, or give it a pool of uids (tools.uid_first)",
                ));
            }
        }
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
    Lack::new(format!("bubblewrap failed: {complaint}"), cure)
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
