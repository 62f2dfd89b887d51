//! No isolation at all, for operators who chose it by name.
//!
//! Programs run as the workspace's user with empty environment and limits on time, output and file size. They see the whole
//! machine and its network. A keeper ends what they leave running. Every outcome says `unsandboxed`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use agent_core::enforcement::{Limits, NetworkReach};
use async_trait::async_trait;

use super::bubblewrap::memory_file;
use super::census::Census;
use super::disk::DiskLimits;
use super::launch::{Launch, process_limits};
use super::scope::Scoped;
use super::supervise::{Watched, supervise};
use super::{
    Ended, Enforcement, Lack, Probe, Program, Run, Sandbox, SandboxError, Session, environment,
    stated,
};
use crate::inside;
use crate::options::Options;

const LEVEL: &str = "unsandboxed";

/// Running without a sandbox.
pub struct Unsandboxed {
    options: Options,
    /// Whether workspaces have users of their own.
    has_uids: bool,
    census: Option<Arc<Census>>,
}

impl Unsandboxed {
    /// With these limits.
    pub fn new(options: &Options, has_uids: bool) -> Self {
        Self {
            options: options.clone(),
            has_uids,
            census: Census::of(Scoped::of(options)),
        }
    }

    /// What a run is held to.
    fn stated(&self, limits: Limits) -> Probe {
        let own_uid = self.has_uids.then_some("own_uid");
        let holds = [own_uid, Some("host_environment_hidden"), Some("tree_ends")];
        let stated = Enforcement {
            backend: "none".to_owned(),
            isolation: LEVEL.to_owned(),
            namespaces: Vec::new(),
            holds: holds.into_iter().flatten().map(str::to_owned).collect(),
            limits,
            network: NetworkReach::machine(),
            lacks: BTreeMap::new(),
        };
        let lack = Lack::new(
            "isolation",
            "tools.sandbox is none: commands see the host's files, processes and network",
            "set tools.sandbox to \"bubblewrap\"",
        );
        Probe::usable(stated, vec![lack])
    }

    fn limits(&self, wall_time: Duration) -> Limits {
        let process = process_limits(&self.options, false);
        let disk = DiskLimits::of(&self.options);
        let mut limits = stated::limits(&self.options, wall_time, &process, &disk);
        stated::add_together(&mut limits, &self.options, None, self.census.as_deref());
        limits
    }
}

#[async_trait]
impl Sandbox for Unsandboxed {
    async fn probe(&self) -> Probe {
        let wall_time = Duration::from_millis(self.options.wall_time_ms);
        self.stated(self.limits(wall_time))
    }

    async fn run(&self, program: Program) -> Result<Run, SandboxError> {
        let directory = program.place.directory();
        let limits = self.limits(program.wall_time);
        let is_own = program
            .argv
            .first()
            .is_some_and(|name| inside::is_own(name));
        let mut argv = program.argv.clone();
        if is_own {
            argv.splice(0..0, inside::without_sandbox()?);
        }
        let mut argv = argv.into_iter();
        let name = argv
            .next()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let home = directory.path().to_string_lossy();
        let mut variables = environment(&home, self.options.tree.as_deref());
        variables.extend(program.environment.iter().cloned());
        let keeping = self.options.keeping(directory.path());
        let launch = Launch {
            program: name.into(),
            name: None,
            arguments: argv.collect(),
            environment: variables,
            inherited: Vec::new(),
            doors: Vec::new(),
            owner: directory.owner(),
            stages: Vec::new(),
            directory: Some(directory.as_fd().try_clone_to_owned()?),
            input: program.input.as_deref().map(memory_file).transpose()?,
            limits: process_limits(&self.options, false),
            is_kept: true,
        };
        let stopped = program.place.token();
        let watched = Watched {
            launch,
            status: None,
            place: program.place,
            groups: None,
            census: self.census.clone(),
            wall_time: program.wall_time,
            keeping,
            output_bytes_max: self.options.output_bytes_max,
            disk: DiskLimits::of(&self.options),
        };
        let finished = supervise(watched)?.finished(&stopped).await?;
        Ok(Run {
            ended: match finished.killed {
                Some(reason) => Ended::Killed { reason },
                None => Ended::Exited {
                    status: finished.exit,
                },
            },
            took: finished.took,
            stdout: finished.stdout,
            stderr: finished.stderr,
            out_of_memory: None,
            processes_refused_above: None,
            memory_peak_bytes: None,
            enforced: self.stated(limits).stated,
        })
    }
    async fn start_browser(&self, _program: Program) -> Result<Session, SandboxError> {
        Err(SandboxError::Refused(
            "a browser is started in the sandbox only, whose network is all that it has (cure: set tools.sandbox to \"bubblewrap\")".to_owned(),
        ))
    }

    async fn start(&self, _program: Program) -> Result<Session, SandboxError> {
        Err(SandboxError::Refused(
            "programs that go on in the background need the sandbox, out of which their terminal is handed (cure: set tools.sandbox to \"bubblewrap\")".to_owned(),
        ))
    }
}
