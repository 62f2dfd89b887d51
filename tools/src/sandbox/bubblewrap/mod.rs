//! The default sandbox: bubblewrap, a system call filter, limits, and cgroups where they can be written.
//!
//! Started as root, a program runs as its workspace's own uid on the host, never as host root: bwrap alone would leave it
//! host uid 0, which can write to the kernel's settings without any capability.

mod lacks;
mod profile;
mod seccomp;
mod stages;
mod trial;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use agent_core::enforcement::Limits;
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::census::Census;
use super::cgroup::{Cgroups, Groups};
use super::control::{Control, Handed};
use super::disk::DiskLimits;
use super::image::Image;
use super::launch::{Launch, process_limits};
use super::scope::{Controller, Scope, Scoped};
use super::session::{self, Session, Started};
use super::supervise::{Finished, Supervised, Watched, supervise};
use super::tree::reported_exit;
use super::{Ended, Enforcement, Kind, Probe, Program, Run, Sandbox, SandboxError};
use super::{orphans, outlets, stated};
use crate::inside::{
    self,
    wire::{self, Orders},
};
use crate::options::Options;
use crate::workspace::UidPool;
use profile::Profile;
use seccomp::Nesting;
use stages::Stages;

pub(super) use profile::memory_file;
pub(crate) use profile::{DOWNLOADS, PROFILE};

/// Where the program is, if the options do not say.
const USUAL: &[&str] = &["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];
/// Sets the number of processes inside the sandbox, where it counts those of the sandbox only.
const PRLIMIT: &str = "/usr/bin/prlimit";

/// The bubblewrap sandbox.
pub struct Bubblewrap {
    options: Options,
    /// The same for browsers, with their limits.
    options_of_browsers: Options,
    program: Option<PathBuf>,
    uids: Option<Arc<UidPool>>,
    seccomp: Vec<Vec<u8>>,
    seccomp_of_browsers: Vec<Vec<u8>>,
    image: Image,
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
    /// Looks at what cgroups do not count here.
    census: Option<Arc<Census>>,
    /// What a program may write. The trial is not bound: a nearly full disk says nothing about isolation.
    disk: DiskLimits,
}

impl Abilities {
    fn label(&self) -> &'static str {
        let bounded = |controller| self.cgroups.bounds(Scope::Command, controller);
        if bounded(Controller::Memory) && bounded(Controller::Pids) {
            "bubblewrap"
        } else {
            "bubblewrap, no cgroup"
        }
    }

    /// Adds what several processes have together beyond what the command's own groups bound.
    fn state_together(&self, limits: &mut Limits, options: &Options) {
        stated::add_together(limits, options, Some(&self.cgroups), self.census.as_deref());
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
            options_of_browsers: of_browsers(options),
            program: program.filter(|path| path.is_file()),
            uids,
            seccomp: seccomp::filters(Nesting::Denied)?,
            seccomp_of_browsers: seccomp::filters(Nesting::OfABrowser)?,
            image: Image::default(),
            tried: Mutex::new(None),
        })
    }

    fn options(&self, kind: Kind) -> &Options {
        match kind {
            Kind::Command => &self.options,
            Kind::Browser => &self.options_of_browsers,
        }
    }

    async fn tried(&self) -> Tried {
        let mut tried = self.tried.lock().await;
        if let Some(tried) = &*tried {
            return tried.clone();
        }
        let fresh = self.try_it().await;
        tracing::info!(level = %fresh.probe.stated.isolation, usable = fresh.probe.usable, "the sandbox was tried");
        tried.insert(fresh).clone()
    }

    /// Runs a program as it is, without asking whether that was tried.
    async fn run_tried(
        &self,
        program: Program,
        abilities: &Abilities,
    ) -> Result<(Finished, Limits), SandboxError> {
        let is_own = program
            .argv
            .first()
            .is_some_and(|name| inside::is_own(name));
        let stopped = program.place.token();
        if program.ports.is_empty() && !is_own {
            let (watched, limits) = self.watched(Kind::Command, program, abilities, None)?;
            return Ok((supervise(watched)?.finished(&stopped).await?, limits));
        }
        let ports = program.ports.clone();
        let prepared = self
            .begin(Kind::Command, program, abilities, Orders::default())
            .await?;
        let (supervised, handed, limits) = match prepared {
            Begun::Ended(finished) => return Ok(finished),
            Begun::Runs {
                supervised,
                handed,
                limits,
                ..
            } => (supervised, handed, limits),
        };
        let open = outlets::open(handed.listeners, &ports)?;
        tokio::select! {
            finished = supervised.finished(&stopped) => Ok((finished?, limits)),
            never = outlets::serve(&open) => match never {},
        }
    }

    /// Starts a program by way of our own, and takes what that hands out.
    async fn begin(
        &self,
        kind: Kind,
        program: Program,
        abilities: &Abilities,
        orders: Orders,
    ) -> Result<Begun, SandboxError> {
        let (ours, theirs) = wire::pair()?;
        let orders = Orders {
            ports: program.ports.iter().map(|port| port.number).collect(),
            ..orders
        };
        let inside = Some((orders, theirs));
        let (watched, limits) = self.watched(kind, program, abilities, inside)?;
        let control = Control::new(ours)?;
        let mut supervised = supervise(watched)?;
        let handed = tokio::select! {
            biased;
            handed = control.handed() => handed,
            finished = &mut supervised => {
                // Whatever status it gave, the command was not started.
                let report = Vec::new();
                return Ok(Begun::Ended((Finished { report, ..finished? }, limits)));
            }
        };
        let handed = match handed {
            Ok(handed) => handed,
            // Its end tells why, unless it told us.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let report = Vec::new();
                let finished = supervised.await?;
                return Ok(Begun::Ended((Finished { report, ..finished }, limits)));
            }
            Err(error) => return Err(SandboxError::Setup(error.to_string())),
        };
        Ok(Begun::Runs {
            supervised,
            handed,
            control,
            limits,
        })
    }

    /// A program with its launch, and the limits that its record names; `inside` are orders for our own program and its end of the talk.
    fn watched(
        &self,
        kind: Kind,
        program: Program,
        abilities: &Abilities,
        inside: Option<(Orders, OwnedFd)>,
    ) -> Result<(Watched, Limits), SandboxError> {
        let options = self.options(kind);
        let scoped = Scoped::of(options);
        let own = scoped.at(Scope::Command);
        let groups = abilities.cgroups.make(program.place.owner(), own)?;
        let (launch, status) = self.launch(kind, &program, (abilities, &groups), inside)?;
        let mut limits =
            stated::limits(options, program.wall_time, &launch.limits, &abilities.disk);
        limits.processes = Some(options.processes_max);
        limits.processes_by = Some("rlimit".to_owned());
        groups.state(&mut limits);
        abilities.state_together(&mut limits, &self.options);
        let watched = Watched {
            launch,
            status: Some(status),
            keeping: self.options.keeping(program.place.directory().path()),
            place: program.place,
            groups: Some(groups),
            census: abilities.census.clone(),
            wall_time: program.wall_time,
            output_bytes_max: options.output_bytes_max,
            disk: abilities.disk.clone(),
        };
        Ok((watched, limits))
    }

    fn launch(
        &self,
        kind: Kind,
        program: &Program,
        (abilities, groups): (&Abilities, &Groups),
        inside: Option<(Orders, OwnedFd)>,
    ) -> Result<(Launch, OwnedFd), SandboxError> {
        let Some(bwrap) = &self.program else {
            return Err(SandboxError::Setup("there is no bwrap program".to_owned()));
        };
        let directory = program.place.directory();
        let options = self.options(kind);
        let mut stages = Stages::new(options, directory.owner());
        let workspace = stages.workspace(directory.path())?;
        let tree = options.tree.as_deref();
        let source = tree.map(|tree| stages.tree(tree)).transpose()?;
        let (reports, status) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let profile = Profile {
            kind,
            workspace: &workspace,
            read_only_binds: &options.read_only_binds,
            tree: tree.zip(source.as_deref()),
            environment: &program.environment,
            disable_userns: abilities.disable_userns,
            seccomp: match kind {
                Kind::Command => &self.seccomp,
                Kind::Browser => &self.seccomp_of_browsers,
            },
        };
        let processes = options.processes_max;
        let mut argv = vec![
            PRLIMIT.to_owned(),
            format!("--nproc={processes}:{processes}"),
            "--".to_owned(),
        ];
        let mut ours = Vec::new();
        if let Some((orders, control)) = inside {
            let image = self.image.descriptor()?;
            argv.extend(by_way_of(&image, &control, orders)?);
            ours.extend([image, control]);
        }
        argv.extend(program.argv.iter().cloned());
        let mut arguments = profile.arguments(status, &argv)?;
        arguments.inherited.extend(ours);
        let launch = Launch {
            program: bwrap.clone(),
            name: Some(orphans::name()),
            arguments: arguments.text,
            environment: Vec::new(),
            inherited: arguments.inherited,
            doors: groups.doors()?,
            owner: directory.owner(),
            stages: stages.made(),
            directory: None,
            input: program.input.as_deref().map(memory_file).transpose()?,
            limits: process_limits(
                options,
                abilities.cgroups.bounds(Scope::Command, Controller::Memory),
            ),
            is_kept: false,
        };
        Ok((launch, reports))
    }

    /// What was tried, if commands may be run at all.
    async fn usable(&self) -> Result<Tried, SandboxError> {
        let tried = self.tried().await;
        if tried.probe.usable {
            return Ok(tried);
        }
        // The operator may cure it while we run.
        *self.tried.lock().await = None;
        Err(SandboxError::Refused(tried.probe.refusal()))
    }

    /// A run failed, so the next one finds out why.
    async fn failed(&self, error: SandboxError) -> SandboxError {
        // A limit that was met says nothing of the sandbox.
        if !matches!(error, SandboxError::Full(..)) {
            *self.tried.lock().await = None;
        }
        error
    }
}

/// What became of a program that was started by way of our own.
enum Begun {
    /// It ended before the command was started.
    Ended((Finished, Limits)),
    /// The command runs.
    Runs {
        supervised: Supervised,
        handed: Handed,
        control: Control,
        limits: Limits,
    },
}

/// The arguments that start our own program inside, before the command's.
fn by_way_of(image: &OwnedFd, control: &OwnedFd, orders: Orders) -> io::Result<[String; 3]> {
    let orders = Orders {
        control: control.as_raw_fd(),
        image: image.as_raw_fd(),
        ..orders
    };
    Ok([
        format!("/proc/self/fd/{}", orders.image),
        inside::ARGUMENT.to_owned(),
        serde_json::to_string(&orders)?,
    ])
}

/// What a browser may have: room for several pages, each of which has processes of its own.
fn of_browsers(options: &Options) -> Options {
    const MIB: u64 = 1024 * 1024;
    Options {
        memory_bytes: 1536 * MIB,
        processes_max: 512,
        open_files_max: 4096,
        // What is kept of it is bounded, and it prints complaints of pages for as long as it runs.
        output_kept_bytes: 64 * 1024,
        output_bytes_max: u64::MAX,
        tree: None,
        read_only_binds: crate::browser::binds(options),
        ..options.clone()
    }
}

/// What holds of what was tried. A browser that cannot build its own sandbox does not start, as it is never told to do without.
fn held_by(kind: Kind, mut holds: Vec<String>) -> Vec<String> {
    if kind == Kind::Browser {
        holds.retain(|word| word != "no_nested_namespaces");
        holds.push("browser_sandbox".to_owned());
    }
    holds
}

/// How a program ended, from what bwrap reported. Nothing, if it was not started.
fn ended(finished: &Finished) -> Option<Ended> {
    match (&finished.killed, reported_exit(&finished.report)) {
        (Some(reason), _) => Some(Ended::Killed {
            reason: reason.clone(),
        }),
        (None, Some(status)) => Some(Ended::Exited { status }),
        // The kernel may take any process when memory is short, bwrap's own too.
        (None, None) if finished.exit == 137 => Some(Ended::Exited { status: 137 }),
        (None, None) => None,
    }
}

#[async_trait]
impl Sandbox for Bubblewrap {
    async fn probe(&self) -> Probe {
        self.tried().await.probe
    }

    async fn run(&self, program: Program) -> Result<Run, SandboxError> {
        let tried = self.usable().await?;
        let network = outlets::reach(&program.ports);
        let (finished, limits) = match self.run_tried(program, &tried.abilities).await {
            Ok(ran) => ran,
            Err(error) => return Err(self.failed(error).await),
        };
        let Some(ended) = ended(&finished) else {
            return Err(self.failed(not_started(&finished)).await);
        };
        Ok(Run {
            ended,
            took: finished.took,
            stdout: finished.stdout,
            stderr: finished.stderr,
            out_of_memory: finished.out_of_memory,
            processes_refused_above: finished.processes_refused_above,
            memory_peak_bytes: finished.memory_peak_bytes,
            enforced: Enforcement {
                limits,
                network,
                ..tried.probe.stated
            },
        })
    }

    async fn start(&self, program: Program) -> Result<Session, SandboxError> {
        self.start_one(Kind::Command, program).await
    }

    async fn start_browser(&self, program: Program) -> Result<Session, SandboxError> {
        self.start_one(Kind::Browser, program).await
    }
}

impl Bubblewrap {
    async fn start_one(&self, kind: Kind, program: Program) -> Result<Session, SandboxError> {
        let tried = self.usable().await?;
        let (place, ports) = (program.place.clone(), program.ports.clone());
        let orders = Orders {
            terminal: true,
            stays: true,
            ..Orders::default()
        };
        let begun = match self.begin(kind, program, &tried.abilities, orders).await {
            Ok(begun) => begun,
            Err(error) => return Err(self.failed(error).await),
        };
        let (supervised, handed, control, limits) = match begun {
            Begun::Ended((finished, _)) => return Err(self.failed(not_started(&finished)).await),
            Begun::Runs {
                supervised,
                handed,
                control,
                limits,
            } => (supervised, handed, control, limits),
        };
        let terminal = handed
            .terminal
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(session::attend(Started {
            supervised,
            terminal,
            control,
            open: outlets::open(handed.listeners, &ports)?,
            stopped: place.token(),
            ended,
            enforced: Enforcement {
                limits,
                network: outlets::reach(&ports),
                holds: held_by(kind, tried.probe.stated.holds),
                ..tried.probe.stated
            },
            keeping: self.options(kind).keeping(place.directory().path()),
            output_bytes_max: self.options(kind).output_bytes_max,
        })?)
    }
}

fn not_started(finished: &Finished) -> SandboxError {
    if let Some((scope, limit)) = finished.processes_refused_above {
        return SandboxError::Full(scope, limit);
    }
    SandboxError::Setup(finished.stderr.text().trim().to_owned())
}
