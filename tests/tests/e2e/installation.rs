//! One installation: a data folder, a recorded model, and the program `errand` with an environment of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scripted_model::journal::Journal;
use scripted_model::{Options, Running, Script, Scripts};
use serde_json::Value;
use tempfile::TempDir;

/// How long any wait in these tests may take before it counts as never.
pub const NEVER: Duration = Duration::from_mins(2);

/// The program under test. It is built by the same command that builds the tests, because the package `errand` has
/// tests of its own.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("errand");
    assert!(
        program.is_file(),
        "{} is not built; run the tests of the whole workspace",
        program.display()
    );
    program
}

pub struct Installation {
    pub folder: TempDir,
    _model: Option<Running>,
    settings: Vec<(String, String)>,
    pub listen: String,
}

/// A running server or worker.
pub struct Server {
    child: Child,
    pub greeting: Vec<String>,
}

/// A server beside the first.
pub struct Other {
    pub server: Server,
    pub listen: String,
}

impl Installation {
    /// An installation whose model says these recorded words.
    pub async fn new(script: Value) -> Self {
        Self::within(tempfile::tempdir().unwrap(), script).await
    }

    /// The same in a folder that is there already.
    pub async fn within(folder: TempDir, script: Value) -> Self {
        Self::telling(folder, vec![script]).await
    }

    /// The same with several scripts, which are told apart by the goal.
    pub async fn telling(folder: TempDir, scripts: Vec<Value>) -> Self {
        let scripts = scripts.iter().enumerate().map(|(at, script)| {
            let name = format!("test-{at}");
            Script::parse(&name, &script.to_string(), folder.path()).unwrap()
        });
        let scripts = scripts.collect();
        let journal = Journal::append_to(&folder.path().join("model.jsonl")).unwrap();
        let options = Options {
            scripts: Scripts::new(scripts),
            journal,
            delay: Duration::from_millis(20),
        };
        let model = scripted_model::start("127.0.0.1:0".parse().unwrap(), options)
            .await
            .unwrap();
        let base = format!("http://{}/v1", model.address);
        Self::over(folder, Some(model), &base)
    }

    /// An installation whose model is somewhere else.
    pub fn with_model_at(base_url: &str) -> Self {
        Self::over(tempfile::tempdir().unwrap(), None, base_url)
    }

    fn over(folder: TempDir, model: Option<Running>, base_url: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap().to_string();
        let settings = [
            ("ERRAND_MODEL_BASE_URL", base_url),
            ("ERRAND_MODEL", "recorded"),
            ("ERRAND_LISTEN", &listen),
        ];
        let settings = settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        Self {
            folder,
            _model: model,
            settings,
            listen,
        }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program with this installation's settings and nothing else of the environment.
    pub fn errand(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments);
        self.set_up(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command) {
        command
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("ERRAND_DATA_DIR", self.data())
            .env("ERRAND_URL", format!("http://{}", self.listen));
        command.envs(self.settings.iter().cloned());
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.errand(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and gives its output as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).unwrap_or(Value::from(text))
    }

    /// Starts a server or worker. A server has greeted when this returns.
    pub fn start(&self, role: &str) -> Server {
        let mut command = Command::new(program());
        command.arg(role);
        self.launch(command, role != "worker")
    }

    /// Starts a process and waits for nothing.
    pub fn start_silently(&self, role: &str) -> Server {
        let mut command = Command::new(program());
        command.arg(role);
        self.launch(command, false)
    }

    /// Starts a worker with a data folder of its own.
    pub fn start_worker(&self, name: &str) -> Server {
        let mut command = Command::new(program());
        command
            .arg("worker")
            .arg("--data-dir")
            .arg(self.folder.path().join(name));
        self.launch(command, false)
    }

    /// Starts one more server, at an address and with a data folder of its own.
    pub fn start_other(&self, role: &str) -> Other {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap().to_string();
        drop(free);
        let mut command = Command::new(program());
        let folder = self.folder.path().join(format!("other-{role}"));
        command
            .args([role, "--listen", &listen, "--data-dir"])
            .arg(folder);
        Other {
            server: self.launch(command, true),
            listen,
        }
    }

    /// Starts a server with one more variable, which may kill it before it greets.
    pub fn serve_until(&self, variable: (&str, &str)) -> Server {
        self.serve_under(&[variable])
    }

    /// Starts a server with more variables and does not wait for its greeting.
    pub fn serve_under(&self, variables: &[(&str, &str)]) -> Server {
        let mut command = Command::new(program());
        command.arg("serve");
        self.set_up(&mut command);
        command.envs(variables.iter().copied());
        let log = self.append_log();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Server {
            child,
            greeting: Vec::new(),
        }
    }

    /// Starts a server through another program.
    pub fn start_with(&self, command: Command) -> Server {
        self.launch(command, true)
    }

    fn launch(&self, mut command: Command, greets: bool) -> Server {
        self.set_up(&mut command);
        let log = self.append_log();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut greeting = Vec::new();
        if greets {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let last = ["submit a goal", "errand worker answers"]
                    .iter()
                    .any(|start| line.starts_with(start));
                greeting.push(line);
                if last {
                    break;
                }
            }
            assert!(
                !greeting.is_empty(),
                "the server did not start:\n{}",
                self.log()
            );
        }
        Server { child, greeting }
    }

    fn append_log(&self) -> std::fs::File {
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .unwrap()
    }

    pub fn serve(&self) -> Server {
        self.start("serve")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// What the model was asked: job and turn of each request that was answered.
    pub fn answered(&self) -> Vec<(String, u64)> {
        let text =
            std::fs::read_to_string(self.folder.path().join("model.jsonl")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let answered = lines.filter(|line| line["answered"] == true);
        answered
            .map(|line| {
                (
                    line["job"].as_str().unwrap_or_default().to_owned(),
                    line["turn"].as_u64().unwrap_or(0),
                )
            })
            .collect()
    }

    pub fn submit(&self, goal: &str) -> String {
        self.json(&["submit", goal, "--json"])["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn status(&self, task: &str) -> Value {
        self.json(&["status", task, "--json"])
    }

    /// The task as soon as `holds` does.
    pub fn until(&self, task: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        wait_for(|| {
            seen = self.status(task);
            holds(&seen)
        })
        .unwrap_or_else(|()| panic!("the task never got there: {seen:#}\n{}", self.log()));
        seen
    }

    pub fn until_final(&self, task: &str) -> Value {
        self.until(task, |view| {
            ["succeeded", "partial", "failed", "cancelled"]
                .contains(&view["state"].as_str().unwrap())
        })
    }

    /// Status and text of a plain request without a key.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.listen, path)
    }

    pub fn artifact(&self, task: &str, name: &str) -> String {
        let folder = self.folder.path().join("got");
        self.json(&[
            "artifacts",
            "get",
            task,
            name,
            "-o",
            folder.to_str().unwrap(),
        ]);
        std::fs::read_to_string(folder.join(name)).unwrap()
    }
}

/// Status and text of a plain request without a key.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: errand\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap(), answer)
}

/// Waits until something holds, by looking again and again for a bounded time.
pub fn wait_for(mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    let began = Instant::now();
    while began.elapsed() < NEVER {
        if holds() {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Err(())
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            signal,
        )
        .unwrap();
    }

    /// Whether it ended by itself, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Asks the process to end, and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let mut ended = None;
        let waited = wait_for(|| {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(waited.is_ok(), "the process did not end after SIGTERM");
        ended.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
