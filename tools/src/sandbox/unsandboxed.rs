//! No isolation at all, for operators who chose it by name.
//!
//! Programs run as the workspace's user with empty environment and limits on time, output and file size. They see the whole
//! machine and its network. A keeper ends what they leave running. Every outcome says `unsandboxed`.

use std::io;
use std::os::fd::AsFd;

use async_trait::async_trait;

use super::bubblewrap::memory_file;
use super::disk::DiskLimits;
use super::launch::{Launch, process_limits};
use super::supervise::{Watched, supervise};
use super::{Ended, Lack, Probe, Program, Run, Sandbox, SandboxError, Session, environment};
use crate::inside;
use crate::options::Options;

const LEVEL: &str = "unsandboxed";

/// Running without a sandbox.
pub struct Unsandboxed {
    options: Options,
}

impl Unsandboxed {
    /// With these limits.
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
        }
    }
}

#[async_trait]
impl Sandbox for Unsandboxed {
    async fn probe(&self) -> Probe {
        Probe {
            level: LEVEL.to_owned(),
            usable: true,
            enforced: [
                "wall time",
                "output",
                "file size",
                "disk space (watched)",
                "whole process tree is ended",
            ]
            .map(str::to_owned)
            .to_vec(),
            lacks: vec![Lack::new(
                "commands see the host's files, processes and network",
                "set tools.sandbox to \"bubblewrap\"",
            )],
        }
    }

    async fn run(&self, program: Program) -> Result<Run, SandboxError> {
        let directory = program.place.directory();
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
        let watched = Watched {
            launch,
            status: None,
            place: program.place,
            groups: None,
            wall_time: program.wall_time,
            output_kept_bytes: self.options.output_kept_bytes,
            output_bytes_max: self.options.output_bytes_max,
            disk: DiskLimits::of(&self.options),
        };
        let finished = supervise(watched).await?;
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
            out_of_memory: false,
            processes_refused_above: None,
            memory_peak_bytes: None,
            isolation: LEVEL.to_owned(),
        })
    }
    async fn start(&self, _program: Program) -> Result<Session, SandboxError> {
        Err(SandboxError::Refused(
            "programs that go on in the background need the sandbox, out of which their terminal is handed (cure: set tools.sandbox to \"bubblewrap\")".to_owned(),
        ))
    }
}
