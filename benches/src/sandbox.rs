//! Start cost of a sandboxed program: `true` through the sandbox that steps use, beside bwrap alone.
//!
//! The floor is the very command line that the sandbox gives bwrap, with the same descriptors, filter and user, started and waited
//! for and nothing else: no cgroup, no limits, nobody who watches output, disk and time. Both are measured in turns.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::id::{StepId, TaskId, TenantId};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::workspaces::{Place, Workspaces as _};
use agent_core::workspace::Manifest;
use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use store_blobs::LocalBlobs;
use tools::sandbox::{Ended, Program};

use crate::figure::{Report, median, quantile};

const BWRAP: &str = "/usr/bin/bwrap";
const TRUE: &str = "/usr/bin/true";
/// Runs that count for nothing, of each.
const WARM_UP: usize = 5;
/// Options of bwrap whose value is the number of a descriptor that it reads.
const READ_FROM: [&str; 3] = ["--ro-bind-data", "--add-seccomp-fd", "--args"];
/// The same for one that it writes to.
const WRITTEN_TO: &str = "--json-status-fd";

/// So many runs of each, in turns.
pub async fn measure(report: &mut Report, runs: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // The sandbox's user has to pass, or its workspace is bound elsewhere first, which costs more.
    open_to_all(folder.path(), 0o711)?;
    let recording = folder.path().join("recorded");
    fs::create_dir(&recording)?;
    open_to_all(&recording, 0o777)?;
    let recorder = recorder(folder.path(), &recording)?;
    Computer::boot(folder.path(), Some(recorder))
        .await?
        .run_true()
        .await?;
    let computer = Computer::boot(folder.path(), None).await?;
    let mut bare = Bare::read(&recording, &computer.files)?;
    for _ in 0..WARM_UP {
        computer.run_true().await?;
        bare.run()?;
    }
    let (mut sandboxed, mut alone) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for _ in 0..runs {
        sandboxed.push(milliseconds(computer.run_true().await?));
        alone.push(milliseconds(bare.run()?));
    }
    for (name, part) in [("median", 0.5), ("95 of 100", 0.95)] {
        let value = quantile(&sandboxed, part).context("nothing was run")?;
        let name = format!("sandboxed `true`, {name}");
        report.add("-", &name, (value, "ms"), quantile(&alone, part));
    }
    let pairs = sandboxed.iter().zip(&alone);
    let ratios: Vec<f64> = pairs.map(|(ours, floor)| ours / floor).collect();
    let ratio = median(&ratios).context("nothing was run")?;
    report.add("-", "the same, run by run", (ratio, "x"), None);
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn open_to_all(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

/// A workspace and the sandbox that a worker would use for it.
struct Computer {
    parts: tools::Parts,
    place: Place,
    files: PathBuf,
}

impl Computer {
    async fn boot(folder: &Path, bubblewrap: Option<PathBuf>) -> Result<Self> {
        let workspaces = folder.join("workspaces");
        let options = tools::Options {
            folder: Some(workspaces.clone()),
            bubblewrap,
            ..tools::Options::default()
        };
        let blobs = Arc::new(LocalBlobs::open(folder.join("blobs"))?);
        let guard = egress::Guard::new(egress::Options::default())?;
        let parts = tools::open(&options, blobs, &guard)?;
        let seeded = Seeded::new(1);
        let place = Place {
            tenant: TenantId::new(&seeded),
            task: TaskId::new(&seeded),
            step: StepId::new(&seeded),
        };
        let empty = Manifest::default();
        parts.workspaces.restore(&place, &empty).await?;
        let files = workspaces.join(place.task.as_str());
        let files = files.join(place.step.as_str()).join("files");
        Ok(Self {
            parts,
            place,
            files,
        })
    }

    async fn run_true(&self) -> Result<Duration> {
        let program = Program {
            argv: vec![TRUE.to_owned()],
            environment: Vec::new(),
            place: self.parts.workspaces.enter(&self.place).await?,
            wall_time: Duration::from_mins(1),
            ports: Vec::new(),
            input: None,
        };
        let began = Instant::now();
        let run = self.parts.sandbox.run(program).await?;
        let took = began.elapsed();
        if run.ended != (Ended::Exited { status: 0 }) {
            bail!("true ended with {:?}: {}", run.ended, run.stderr.text());
        }
        Ok(took)
    }
}

/// A stand-in for bwrap that writes down what it is started with, and starts it.
fn recorder(folder: &Path, recording: &Path) -> Result<PathBuf> {
    let path = folder.join("bwrap");
    let script = format!(
        "#!/usr/bin/bash
if [ \"$1\" = --args ]; then
  cd '{}' && rm -f * && printf '%s\\0' \"$@\" > arguments
  for open in /proc/self/fd/*; do
    case $(readlink $open) in /memfd:*) cat $open > ${{open##*/}} ;; esac
  done
  cd /
fi
exec /usr/bin/env -i {BWRAP} \"$@\"
",
        recording.display()
    );
    fs::write(&path, script)?;
    open_to_all(&path, 0o755)?;
    Ok(path)
}

/// The recorded command line, with descriptors of our own.
struct Bare {
    arguments: Vec<OsString>,
    files: Vec<File>,
    owner: u32,
}

impl Bare {
    fn read(recording: &Path, workspace: &Path) -> Result<Self> {
        let mut bare = Self {
            arguments: Vec::new(),
            files: Vec::new(),
            owner: fs::metadata(workspace)?.uid(),
        };
        let mut numbers = HashMap::new();
        for entry in fs::read_dir(recording)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "arguments" {
                numbers.insert(name, bare.keep(File::open(entry.path())?)?);
            }
        }
        let reports = OpenOptions::new().write(true).open("/dev/null")?;
        let reports = bare.keep(reports)?;
        let ours = |words: &[OsString]| -> Result<Vec<OsString>> {
            let mut renamed = words.to_vec();
            for at in 1..words.len() {
                let option = words[at - 1].to_string_lossy();
                if option == WRITTEN_TO {
                    renamed[at] = reports.clone().into();
                } else if READ_FROM.contains(&option.as_ref()) {
                    let theirs = words[at].to_string_lossy();
                    let number = numbers.get(theirs.as_ref());
                    renamed[at] = number.context("a descriptor was not recorded")?.into();
                }
            }
            Ok(renamed)
        };
        let arguments = words(&fs::read(recording.join("arguments"))?);
        let theirs = arguments.get(1).context("nothing was recorded")?;
        let options = ours(&words(&fs::read(recording.join(theirs))?))?;
        bare.arguments = ours(&arguments)?;
        // The options name descriptors, and they are in a file themselves.
        let mut written = tempfile::tempfile()?;
        for word in options {
            written.write_all(word.as_encoded_bytes())?;
            written.write_all(b"\0")?;
        }
        bare.arguments[1] = bare.keep(written)?.into();
        Ok(bare)
    }

    /// Keeps a file open for bwrap, and gives its number.
    fn keep(&mut self, file: File) -> Result<String> {
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let number = file.as_raw_fd().to_string();
        self.files.push(file);
        Ok(number)
    }

    fn run(&mut self) -> Result<Duration> {
        for file in &mut self.files {
            // One is no file and has no beginning.
            let _ = file.rewind();
        }
        let mut command = Command::new(BWRAP);
        command
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if nix::unistd::geteuid().is_root() {
            command.uid(self.owner).gid(self.owner);
        }
        let began = Instant::now();
        let status = command.status()?;
        let took = began.elapsed();
        if !status.success() {
            bail!("bwrap alone ended with {status}");
        }
        Ok(took)
    }
}

/// Words that end with a zero byte each.
fn words(bytes: &[u8]) -> Vec<OsString> {
    let ended = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let words = ended.split(|byte| *byte == 0);
    words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}
