//! One installation under trial: folders, the recorded model, and the processes of the program.
//!
//! The processes die with the thread that started them, so a trial that is killed leaves nothing running.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scripted_model::journal::Journal;
use scripted_model::{Running, Scripts};
use serde_json::Value;

use crate::client::Client;
use crate::effects::Effects;
use crate::receiver;
use crate::standing::Standing;
use crate::trial::{Database, Options};
use crate::words::{Way, Words};

/// How long a process may take to start or to end.
const PROCESS_AT_MOST: Duration = Duration::from_mins(1);
/// How long the recorded model thinks.
const THINKING: Duration = Duration::from_millis(30);

/// Deaths on one job without progress after which it is set aside.
const CRASHES_MAX: u32 = 20;

/// What a worker logs when it takes up its work.
const BEGINS: &str = "the worker begins";

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Serve,
    Api,
    Worker,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// One process and the place that it is started again in.
#[derive(Debug)]
pub struct Process {
    pub role: Role,
    pub label: String,
    data: PathBuf,
    /// Settings of its own.
    settings: Vec<(String, String)>,
    child: Option<Child>,
    /// How often it had begun to work when it was started the last time.
    begun_before: usize,
}

/// See the module's description.
pub struct Installation {
    pub folder: PathBuf,
    pub client: Client,
    pub effects: Effects,
    pub words: Words,
    /// None of an installation that stood before.
    pub processes: Vec<Process>,
    errand: PathBuf,
    settings: Vec<(String, String)>,
    model: Option<(tokio::runtime::Runtime, Running)>,
}

impl Installation {
    /// Sets everything up and starts all processes. Words are there for `tasks` tasks.
    pub fn start(options: &Options, tasks: usize, database_url: Option<&str>) -> Self {
        let folder = options.folder.clone();
        std::fs::create_dir_all(folder.join("outside")).unwrap();
        std::fs::create_dir_all(folder.join("blobs")).unwrap();
        let outside = folder.join("outside");
        let effects = Effects::listen(&outside);
        let words = Words {
            trial: "trial".to_owned(),
            way: Way::Pipe(outside.clone()),
        };
        let any = "127.0.0.1:0".parse().unwrap();
        let model = start_model(&folder, any, &words, tasks).unwrap();
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut settings = vec![
            ("ERRAND_MODEL_BASE_URL", model.1.base_url()),
            ("ERRAND_MODEL", "recorded".to_owned()),
            ("ERRAND_LISTEN", free.to_string()),
            (
                "ERRAND_SEAL_KEY",
                folder.join("seal.key").display().to_string(),
            ),
            (
                "ERRAND_TOOLS__READ_ONLY_BINDS",
                format!("[{:?}]", outside.display().to_string()),
            ),
            ("ERRAND_WORKER__LEASE_MS", options.lease_ms.to_string()),
            (
                "ERRAND_WORKER__CONCURRENCY",
                options.concurrency.to_string(),
            ),
            // The default of 3 deaths without progress supposes that deaths are rare. Here one comes about every second, on
            // every job of a process at once, and often before any of them could commit again, so innocent jobs would be
            // set aside. A job that nobody can get past still is, and the trial then finds its task unfinished.
            ("ERRAND_WORKER__CRASHES_MAX", CRASHES_MAX.to_string()),
            ("ERRAND_WORKER__TROUBLE_PAUSE_MIN_MS", "500".to_owned()),
            ("ERRAND_WORKER__TROUBLE_PAUSE_MAX_MS", "2000".to_owned()),
        ];
        if let Some(url) = database_url {
            settings.push(("ERRAND_DATABASE_URL", url.to_owned()));
        }
        let mut here = Self {
            client: Client {
                address: free,
                key: String::new(),
            },
            effects,
            words,
            processes: layout(&folder, options),
            errand: options.errand.clone(),
            settings: settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            model: Some(model),
            folder,
        };
        here.prepare(options.database);
        here
    }

    /// Somebody else's installation, with a model server and a record of effects for it.
    pub fn standing(folder: &Path, standing: &Standing, tasks: usize) -> Result<Self, String> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        std::fs::create_dir_all(folder)
            .map_err(|error| failed("no folder for the trial", &error))?;
        let listener = TcpListener::bind(standing.effects)
            .map_err(|error| failed(&standing.effects.to_string(), &error))?;
        let words = Words {
            trial: standing.trial.clone(),
            way: Way::Http(standing.effects_url()),
        };
        let effects = receiver::listen(listener, &standing.trial);
        let model = start_model(folder, standing.model, &words, tasks)
            .map_err(|error| failed(&standing.model.to_string(), &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            client: Client {
                address: standing.api,
                key: standing.key.clone(),
            },
            effects,
            words,
            processes: Vec::new(),
            errand: PathBuf::new(),
            settings: Vec::new(),
            model: Some(model),
        })
    }

    fn prepare(&mut self, database: Database) {
        for process in &self.processes {
            self.furnish(&process.data);
        }
        if database == Database::Postgres {
            self.command_line(&["migrate"]);
            self.client.key = self.command_line(&["key", "create", "trial"]);
        }
        for at in 0..self.processes.len() {
            self.launch(at).unwrap();
        }
        if self.client.key.is_empty() {
            let file = self.processes[0].data.join("first-key");
            std::fs::read_to_string(file)
                .unwrap()
                .trim()
                .clone_into(&mut self.client.key);
        }
    }

    /// All machines share one blob store, as they share the sealing key.
    fn furnish(&self, data: &Path) {
        std::fs::create_dir_all(data).unwrap();
        let blobs = data.join("blobs");
        if !blobs.exists() {
            std::os::unix::fs::symlink(self.folder.join("blobs"), blobs).unwrap();
        }
    }

    /// Starts one more process, with settings of its own. A server becomes the one that is asked from now on.
    pub fn add(
        &mut self,
        role: Role,
        label: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), String> {
        let data = self.folder.join(label);
        self.furnish(&data);
        let mut settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        if role != Role::Worker {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            self.client.address = free.local_addr().unwrap();
            let listen = self.client.address.to_string();
            settings.push(("ERRAND_LISTEN".to_owned(), listen));
        }
        self.processes.push(Process {
            role,
            label: label.to_owned(),
            data,
            settings,
            child: None,
            begun_before: 0,
        });
        self.launch(self.processes.len() - 1)
    }

    fn command_line(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.errand);
        command.args(arguments);
        self.set_up(&mut command, &self.processes[0].data);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "errand {arguments:?} failed: {said}{error}"
        );
        said
    }

    fn set_up(&self, command: &mut Command, data: &Path) {
        command
            .env_clear()
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("ERRAND_DATA_DIR", data);
        command.envs(self.settings.iter().cloned());
    }

    /// Starts a process, as a supervisor would: one that ends before it is up is started again, a few times.
    pub fn launch(&mut self, at: usize) -> Result<(), String> {
        let began = Instant::now();
        self.processes[at].begun_before = self.logged(at, BEGINS);
        loop {
            let (child, is_up) = self.launch_once(at);
            self.processes[at].child = Some(child);
            if is_up {
                return Ok(());
            }
            if began.elapsed() > PROCESS_AT_MOST {
                return Err(format!(
                    "{} does not start any more",
                    self.processes[at].label
                ));
            }
            self.processes[at].kill();
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn launch_once(&self, at: usize) -> (Child, bool) {
        let process = &self.processes[at];
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_of(at))
            .unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.errand)
            .arg(process.role.name());
        self.set_up(&mut command, &process.data);
        command.envs(process.settings.iter().cloned());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        if process.role == Role::Worker {
            return (child, true);
        }
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let is_up = lines.any(|line| line.starts_with("submit a goal"));
        (child, is_up)
    }

    /// Waits until a process that was started is at work. A program that is asked to end before it has begun just dies, which
    /// says nothing about orderly ends.
    pub fn until_at_work(&self, at: usize) {
        let began = Instant::now();
        let before = self.processes[at].begun_before;
        while self.logged(at, BEGINS) == before && began.elapsed() < PROCESS_AT_MOST {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The file with what a process logged.
    pub fn log_of(&self, at: usize) -> PathBuf {
        self.folder
            .join(format!("{}.log", self.processes[at].label))
    }

    /// How often workers logged that they lost their lease: each time, what was in flight may be done once more.
    pub fn leases_lost(&self) -> usize {
        let processes = 0..self.processes.len();
        processes.map(|at| self.lives_ended(at)).sum()
    }

    /// The same of one process.
    pub fn lives_ended(&self, at: usize) -> usize {
        self.logged(at, "this life ended")
    }

    /// How often a process logged something.
    pub fn logged(&self, at: usize, what: &str) -> usize {
        let log = std::fs::read_to_string(self.log_of(at)).unwrap_or_default();
        log.matches(what).count()
    }

    /// Length of the model's journal, which grows with every question.
    pub fn journal_bytes(&self) -> u64 {
        let journal = self.folder.join("model.jsonl").metadata();
        journal.map_or(0, |found| found.len())
    }

    /// Questions that the model answered: script, job and turn, in order.
    pub fn answered(&self) -> Vec<(String, String, u64)> {
        let text = std::fs::read_to_string(self.folder.join("model.jsonl")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines
            .filter(|line| line["answered"] == true)
            .map(|line| {
                (
                    word(&line["script"]),
                    word(&line["job"]),
                    line["turn"].as_u64().unwrap_or(0),
                )
            })
            .collect()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.processes.clear();
        if let Some((runtime, running)) = self.model.take() {
            runtime.block_on(running.stop());
        }
    }
}

fn layout(folder: &Path, options: &Options) -> Vec<Process> {
    let process = |role: Role, number: usize| Process {
        role,
        label: if role == Role::Worker {
            format!("worker-{number}")
        } else {
            role.name().to_owned()
        },
        data: folder.join(format!("machine-{number}")),
        settings: Vec::new(),
        child: None,
        begun_before: 0,
    };
    match options.database {
        Database::Sqlite => vec![process(Role::Serve, 0)],
        Database::Unknown => Vec::new(),
        // The API shares its folder with the first worker, as on one machine.
        Database::Postgres => {
            let workers = (0..options.workers).map(|number| process(Role::Worker, number));
            std::iter::once(process(Role::Api, 0))
                .chain(workers)
                .collect()
        }
    }
}

fn start_model(
    folder: &Path,
    address: SocketAddr,
    words: &Words,
    tasks: usize,
) -> std::io::Result<(tokio::runtime::Runtime, Running)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let scripts = (0..tasks).map(|task| words.script(task)).collect();
    let options = scripted_model::Options {
        scripts: Scripts::new(scripts),
        journal: Journal::append_to(&folder.join("model.jsonl")).unwrap(),
        delay: THINKING,
    };
    let running = runtime.block_on(scripted_model::start(address, options))?;
    Ok((runtime, running))
}

impl Process {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            // One that ended by itself is found by `ended`.
            let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal);
        }
    }

    /// Whether it ended although nobody asked it to.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()
            .and_then(|child| child.try_wait().unwrap())
    }

    /// As `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end and waits for it; none if it did not within a minute.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::SIGTERM);
        let began = Instant::now();
        while began.elapsed() < PROCESS_AT_MOST {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
