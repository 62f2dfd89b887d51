//! The real server: the program `errand` as a process, submitted to over HTTP.
//!
//! It has default settings but for what bounds work at one time, and logs to a file as an operator's would.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::ground::{Ground, Look};
use crate::model::Model;

/// How long anything may take before the run is given up.
pub const NEVER: Duration = Duration::from_mins(5);
/// Submits at one time.
const SUBMITTERS: usize = 64;

/// What a task does.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Turns with a tool.
    pub turns: usize,
    /// The tool of every turn.
    pub tool: &'static str,
}

/// An installation over a database.
pub struct Installation<'a> {
    ground: &'a Ground,
    model: &'a Model,
    listen: String,
    /// Jobs and requests to the model at one time.
    concurrency: usize,
    next_task: u64,
}

/// A running server.
pub struct Server {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

/// The program under measurement: built beside this one.
pub fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("errand");
    if !program.is_file() {
        bail!(
            "{} is not there; run script/bench, which builds it",
            program.display()
        );
    }
    Ok(program)
}

impl<'a> Installation<'a> {
    /// An installation that runs so many jobs at one time.
    pub fn new(ground: &'a Ground, model: &'a Model, concurrency: usize) -> Result<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?;
        let listen = free.local_addr()?.to_string();
        Ok(Self {
            ground,
            model,
            listen,
            concurrency,
            next_task: 1,
        })
    }

    /// Starts one of the program's roles, with a data folder of this name.
    pub fn spawn(&self, role: &str, data: &str) -> Result<Server> {
        let folder = self.ground.folder();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("server.log"))?;
        let mut command = Command::new(program()?);
        command.arg(role).env_clear().current_dir(&folder);
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let concurrency = self.concurrency.to_string();
        command
            .env("ERRAND_DATA_DIR", folder.join(data))
            .env("ERRAND_DATABASE_URL", self.ground.url())
            .env("ERRAND_LISTEN", &self.listen)
            .env(
                "ERRAND_MODEL_BASE_URL",
                format!("http://{}/v1", self.model.address),
            )
            .env("ERRAND_MODEL", "bench")
            .env("ERRAND_WORKER__CONCURRENCY", &concurrency)
            .env("ERRAND_MODEL__CONCURRENCY_MAX", &concurrency)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let started = Instant::now();
        Ok(Server {
            child: command.spawn()?,
            started,
        })
    }

    /// Starts a server and waits until it listens.
    pub async fn serve(&self) -> Result<Server> {
        let mut server = self.spawn("serve", "data")?;
        let output = server
            .child
            .stdout
            .take()
            .context("the server has no output")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("submit a goal") {
                return Ok(server);
            }
        }
        let log = std::fs::read_to_string(self.ground.folder().join("server.log"))?;
        bail!("the server did not start:\n{log}")
    }

    /// Submits tasks that do this work, and says the number of the first.
    pub async fn submit(&mut self, count: u64, work: Work) -> Result<u64> {
        self.submit_within(count, work, None).await
    }

    /// The same with a budget of so many calls of the model.
    pub async fn submit_within(
        &mut self,
        count: u64,
        work: Work,
        model_calls: Option<u32>,
    ) -> Result<u64> {
        let first = self.next_task;
        self.next_task += count;
        let key = std::fs::read_to_string(self.ground.folder().join("data/first-key"))?;
        let mut submits = JoinSet::new();
        for task in first..self.next_task {
            if submits.len() >= SUBMITTERS {
                submits
                    .join_next()
                    .await
                    .context("no submit to wait for")???;
            }
            let goal = format!("task={task} turns={} tool={}", work.turns, work.tool);
            let body = match model_calls {
                None => json!({ "goal": goal }),
                Some(calls) => json!({ "goal": goal, "budget": {"model_calls": calls} }),
            };
            submits.spawn(post(self.listen.clone(), key.trim().to_owned(), body));
        }
        while let Some(done) = submits.join_next().await {
            done??;
        }
        Ok(first)
    }

    /// Waits until so many tasks have ended, and says how many did not succeed.
    pub async fn until_ended(&self, look: &mut Look, count: u64) -> Result<i64> {
        let began = Instant::now();
        let count = i64::try_from(count)?;
        loop {
            let (ended, succeeded) = look.ended().await?;
            if ended >= count {
                return Ok(ended - succeeded);
            }
            if began.elapsed() > NEVER {
                let log = self.ground.folder().join("server.log");
                let log = std::fs::read_to_string(log)?;
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                bail!(
                    "only {ended} of {count} tasks ended; the log ends (newest first):\n{}",
                    tail.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many tasks wait for something.
    pub async fn until_waiting(&self, look: &mut Look, count: u64) -> Result<()> {
        let began = Instant::now();
        let count = i64::try_from(count)?;
        loop {
            let waiting = look.waiting().await?;
            if waiting >= count {
                return Ok(());
            }
            if began.elapsed() > NEVER {
                bail!("only {waiting} of {count} tasks came to wait");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// One submit over a connection of its own.
async fn post(address: String, key: String, body: Value) -> Result<()> {
    let body = body.to_string();
    let request = format!(
        "POST /v1/tasks HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 20") {
        bail!("a submit was refused: {answer}");
    }
    Ok(())
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Kills it as `kill -9` would.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid())?), Signal::SIGTERM)?;
        self.child.wait().await?;
        Ok(())
    }
}
