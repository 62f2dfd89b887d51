//! The trial of an installation that it did not start: one that is pointed at the trial's model, and one that is not.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaos::client::Client;
use chaos::standing::{self, Standing};
use chaos::{Counts, Database, Options};

use crate::program;

/// A server of somebody else.
struct Server {
    child: Child,
    api: SocketAddr,
    key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Server {
    /// A server with these settings, as an operator puts them into a file.
    fn start(folder: &Path, settings: &str) -> Self {
        let api = free();
        let data = folder.join("data");
        let file = folder.join("errand.toml");
        std::fs::write(&file, settings).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program())
            .arg("serve")
            .env("ERRAND_DATA_DIR", &data)
            .env("ERRAND_LISTEN", api.to_string())
            .env("ERRAND_CONFIG_FILE", &file)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("submit a goal")));
        let key = std::fs::read_to_string(data.join("first-key")).unwrap();
        Self {
            child,
            api,
            key: key.trim().to_owned(),
        }
    }
}

/// What stands beside the server; where its API is, is known later.
fn beside() -> Standing {
    Standing {
        api: free(),
        key: String::new(),
        command: None,
        model: free(),
        effects: free(),
        reached_as: "127.0.0.1".to_owned(),
        trial: standing::new_name(),
        asked_within: Duration::from_mins(1),
    }
}

fn options(folder: &Path, counts: Counts) -> Options {
    Options {
        database: Database::Unknown,
        tasks: 2,
        counts,
        seed: 1,
        workers: 0,
        concurrency: 0,
        lease_ms: 15_000,
        silence_ms: 0,
        errand: std::path::PathBuf::new(),
        folder: folder.join("trial"),
        tells: true,
    }
}

#[test]
fn an_installation_that_runs_already_is_tried_by_its_api_and_its_effects_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = beside();
    let server = Server::start(folder.path(), &trial.settings());
    (trial.api, trial.key) = (server.api, server.key.clone());
    let process = server.child.id();
    trial.command = Some(format!(
        "kill -STOP {process}; sleep 0.5; kill -CONT {process}"
    ));
    let counts = Counts {
        hang_ups: 2,
        commands: 1,
        ..Counts::default()
    };
    let report = standing::run(options(folder.path(), counts), &trial).unwrap();
    println!("{report}");
    assert!(
        report.violations.is_empty(),
        "log and journal are in {}\n{report}",
        folder.keep().display()
    );
    assert!(report.succeeded >= 2 && report.hung_up > 0 && report.rounds() == 3);
}

#[test]
fn an_installation_that_asks_another_model_is_left_alone_and_its_operator_is_told_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = beside();
    let another = format!("http://{}/v1", free());
    let settings = trial.settings().replace(&trial.model_url(), &another);
    let server = Server::start(folder.path(), &settings);
    (trial.api, trial.key) = (server.api, server.key.clone());
    trial.asked_within = Duration::from_secs(2);
    let said = standing::run(options(folder.path(), Counts::default()), &trial).unwrap_err();
    assert!(
        said.contains("did not ask the trial's model server"),
        "{said}"
    );
    assert!(said.contains(&trial.settings()), "{said}");
    let client = Client {
        address: server.api,
        key: server.key.clone(),
    };
    let listed = client.get("/v1/tasks").unwrap().json();
    let states: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|task| task["state"].as_str())
        .collect();
    assert_eq!(states, ["cancelled"]);
}
