//! The default sandbox: bubblewrap, a system call filter, limits, and cgroups where they can be written.
//!
//! Started as root, a program runs as its workspace's own uid on the host, never as host root: bwrap alone would leave it
//! host uid 0, which can write to the kernel's settings without any capability.

mod profile;
mod seccomp;
mod trial;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::cgroup::{Cgroups, Controller, Groups};
use super::disk::DiskLimits;
use super::launch::{Launch, Stage, process_limits};
use super::orphans;
use super::supervise::{Finished, Watched, supervise};
use super::tree::reported_exit;
use super::{Ended, Probe, Program, Run, Sandbox, SandboxError};
use crate::options::Options;
use crate::workspace::UidPool;
use profile::Profile;

/// Where the program is, if the options do not say.
const USUAL: &[&str] = &["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];
/// Sets the number of processes inside the sandbox, where it counts those of the sandbox only.
const PRLIMIT: &str = "/usr/bin/prlimit";
/// Folders that exist everywhere and that no program needs: a workspace can be bound there, unseen by others.
const STAGES: &[&str] = &["/mnt", "/srv", "/media", "/opt"];

/// The bubblewrap sandbox.
pub struct Bubblewrap {
    options: Options,
    program: Option<PathBuf>,
    uids: Option<Arc<UidPool>>,
    seccomp: Vec<Vec<u8>>,
    /// What trying it gave. Forgotten when a run fails, so that the next one finds out why.
    tried: Mutex<Option<Tried>>,
}

/// What this machine can do.
#[derive(Clone)]
struct Tried {
    probe: Probe,
    abilities: Abilities,
}

#[derive(Clone)]
struct Abilities {
    disable_userns: bool,
    cgroups: Arc<Cgroups>,
}

impl Abilities {
    fn label(&self) -> &'static str {
        let bounded = |controller| self.cgroups.bounds(controller);
        if bounded(Controller::Memory) && bounded(Controller::Pids) {
            "bubblewrap"
        } else {
            "bubblewrap, no cgroup"
        }
    }
}

impl Bubblewrap {
    /// A sandbox with these limits. Nothing is tried yet.
    pub fn new(options: &Options, uids: Option<Arc<UidPool>>) -> io::Result<Self> {
        let program = match &options.bubblewrap {
            Some(path) => Some(path.clone()),
            None => USUAL.iter().map(PathBuf::from).find(|path| path.is_file()),
        };
        Ok(Self {
            options: options.clone(),
            program: program.filter(|path| path.is_file()),
            uids,
            seccomp: seccomp::filters()?,
            tried: Mutex::new(None),
        })
    }

    async fn tried(&self) -> Tried {
        let mut tried = self.tried.lock().await;
        if let Some(tried) = &*tried {
            return tried.clone();
        }
        let fresh = self.try_it().await;
        tracing::info!(level = %fresh.probe.level, usable = fresh.probe.usable, "the sandbox was tried");
        tried.insert(fresh).clone()
    }

    /// Runs a program as it is, without asking whether that was tried.
    async fn run_tried(
        &self,
        program: Program,
        abilities: &Abilities,
    ) -> Result<Finished, SandboxError> {
        let groups = abilities.cgroups.make()?;
        let (launch, status) = self.launch(&program, abilities, &groups)?;
        let watched = Watched {
            launch,
            status: Some(status),
            place: program.place,
            groups: Some(groups),
            wall_time: program.wall_time,
            output_kept_bytes: self.options.output_kept_bytes,
            output_bytes_max: self.options.output_bytes_max,
            disk: DiskLimits::of(&self.options),
        };
        Ok(supervise(watched).await?)
    }

    fn launch(
        &self,
        program: &Program,
        abilities: &Abilities,
        groups: &Groups,
    ) -> Result<(Launch, OwnedFd), SandboxError> {
        let Some(bwrap) = &self.program else {
            return Err(SandboxError::Setup("there is no bwrap program".to_owned()));
        };
        let directory = program.place.directory();
        let stage = match directory.owner() {
            Some(_) if !others_reach(directory.path()) => Some(self.stage(directory.path())?),
            Some(_) | None => None,
        };
        let workspace = match &stage {
            Some(stage) => stage.target.to_string_lossy().into_owned(),
            None => directory.path().to_string_lossy().into_owned(),
        };
        let (reports, status) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let profile = Profile {
            workspace: &workspace,
            read_only_binds: &self.options.read_only_binds,
            environment: &program.environment,
            disable_userns: abilities.disable_userns,
            seccomp: &self.seccomp,
        };
        let processes = self.options.processes_max;
        let mut argv = vec![
            PRLIMIT.to_owned(),
            format!("--nproc={processes}:{processes}"),
            "--".to_owned(),
        ];
        argv.extend(program.argv.iter().cloned());
        let arguments = profile.arguments(status, &argv)?;
        let launch = Launch {
            program: bwrap.clone(),
            name: Some(orphans::name()),
            arguments: arguments.text,
            environment: Vec::new(),
            inherited: arguments.inherited,
            doors: groups.doors()?,
            owner: directory.owner(),
            stage,
            directory: None,
            limits: process_limits(&self.options, abilities.cgroups.bounds(Controller::Memory)),
        };
        Ok((launch, reports))
    }

    fn stage(&self, workspace: &Path) -> io::Result<Stage> {
        let free = |folder: &&&str| {
            let bound =
                |path: &PathBuf| path.starts_with(folder) || Path::new(folder).starts_with(path);
            Path::new(folder).is_dir() && !self.options.read_only_binds.iter().any(bound)
        };
        let target = STAGES.iter().find(free).ok_or_else(|| {
            io::Error::other(
                "no folder of /mnt, /srv, /media and /opt is free to bind a workspace to",
            )
        })?;
        let text = |path: &Path| {
            std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(io::Error::other)
        };
        Ok(Stage {
            source: text(workspace)?,
            target: text(Path::new(target))?,
        })
    }
}

/// Whether any user can pass through all folders above a workspace. The one right above it admits the workspace's user.
fn others_reach(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors().skip(2).all(|folder| {
        std::fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
    })
}

#[async_trait]
impl Sandbox for Bubblewrap {
    async fn probe(&self) -> Probe {
        self.tried().await.probe
    }

    async fn run(&self, program: Program) -> Result<Run, SandboxError> {
        let tried = self.tried().await;
        if !tried.probe.usable {
            // The operator may cure it while we run.
            *self.tried.lock().await = None;
            return Err(SandboxError::Refused(tried.probe.refusal()));
        }
        let finished = match self.run_tried(program, &tried.abilities).await {
            Ok(finished) => finished,
            Err(error) => {
                *self.tried.lock().await = None;
                return Err(error);
            }
        };
        // bwrap reports an exit status only if the program was started.
        let ended = match (finished.killed, reported_exit(&finished.report)) {
            (Some(reason), _) => Ended::Killed { reason },
            (None, Some(status)) => Ended::Exited { status },
            // The kernel may take any process when memory is short, bwrap's own too.
            (None, None) if finished.exit == 137 => Ended::Exited { status: 137 },
            (None, None) => {
                *self.tried.lock().await = None;
                return Err(SandboxError::Setup(
                    finished.stderr.text().trim().to_owned(),
                ));
            }
        };
        Ok(Run {
            ended,
            took: finished.took,
            stdout: finished.stdout,
            stderr: finished.stderr,
            out_of_memory: finished.out_of_memory,
            memory_peak_bytes: finished.memory_peak_bytes,
            isolation: tried.probe.level,
        })
    }
}
