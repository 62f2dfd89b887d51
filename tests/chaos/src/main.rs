//! The command `script/chaos`: one trial for each database and seed, a table at the end, and status 1 on any violation.
//!
//! A folder of a trial is kept when something was found, and removed otherwise. Status 2: the trial could not be run.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chaos::standing::{self, Standing};
use chaos::{Counts, Database, Options, Report};
use clap::{Parser, ValueEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Kills, pauses, silences and drains
    Disturb,
    /// Two releases side by side on PostgreSQL, with --tasks tasks in flight when the new one comes
    Upgrade,
}

/// Kills, pauses, silences and drains Errand at random while it works, and judges from outside what comes out.
#[derive(Debug, Parser)]
#[command(name = "script/chaos")]
struct Arguments {
    /// What is tried
    #[arg(value_enum, default_value = "disturb")]
    what: What,
    /// On SQLite one `errand serve` runs, on PostgreSQL one `errand api` and several `errand worker`
    #[arg(long, value_enum, default_value = "both")]
    database: Databases,
    /// Tasks of five steps; more are added when too few are left to be disturbed
    #[arg(long, default_value_t = 20)]
    tasks: usize,
    /// SIGKILLs of a random process, which is started again at once; with --url, how often --kill-command is run
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// SIGSTOPs of a random process for two leases
    #[arg(long, default_value_t = 0)]
    pauses: usize,
    /// PostgreSQL is stopped as by a crash and started again
    #[arg(long, default_value_t = 0)]
    restarts: usize,
    /// PostgreSQL answers nothing for a while
    #[arg(long, default_value_t = 0)]
    silences: usize,
    /// How long a silence lasts
    #[arg(long, default_value_t = 5_000)]
    silence_ms: u64,
    /// SIGTERMs of a random process, which is started again when it has ended
    #[arg(long, default_value_t = 0)]
    drains: usize,
    /// Rounds of clients that hang up in the middle of a submit, a poll and a stream (default: 0, with --url 20)
    #[arg(long)]
    hang_ups: Option<usize>,
    /// Where chance begins; several are tried one after the other
    #[arg(long, default_value = "1", num_args = 1.., value_delimiter = ',')]
    seed: Vec<u64>,
    /// Workers beside the API, on PostgreSQL
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Jobs that each worker runs at once
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    /// The lease (default: 3000, with --url 15000, as the program has it)
    #[arg(long)]
    lease_ms: Option<u64>,
    /// The program under trial
    #[arg(long, required_unless_present_any = ["url", "settings"])]
    errand: Option<PathBuf>,
    /// The base URL of an installation that runs already; its workers must ask the trial's model
    #[arg(long)]
    url: Option<String>,
    /// A key of that installation; the environment's `ERRAND_API_KEY` does as well, and is seen by fewer eyes
    #[arg(long)]
    api_key: Option<String>,
    /// A command of its operator that kills or restarts a part of it
    #[arg(long, requires = "url")]
    kill_command: Option<String>,
    /// Where the trial's model server listens
    #[arg(long, default_value = "127.0.0.1:7391")]
    model_listen: SocketAddr,
    /// Where effects are told
    #[arg(long, default_value = "127.0.0.1:7392")]
    effects_listen: SocketAddr,
    /// How the workers call this machine (default: the address of --model-listen)
    #[arg(long)]
    reached_as: Option<String>,
    /// Prints what the workers of that installation must have set, and ends
    #[arg(long)]
    settings: bool,
    /// Where trials keep their files; removed again where nothing was found
    #[arg(long)]
    dir: PathBuf,
}

/// How long a standing installation may take to ask the trial's model, and to have its first effect.
const ASKED_WITHIN: Duration = Duration::from_mins(1);
/// Where the key of a standing installation is looked for.
const KEY: &str = "ERRAND_API_KEY";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.settings {
        println!("{}", beside(&arguments, String::new()).settings());
        return ExitCode::SUCCESS;
    }
    let reports = match &arguments.url {
        Some(url) => of_a_standing_one(&arguments, url),
        None => Ok(of_our_own(&arguments)),
    };
    match reports {
        Ok(reports) => tell(&arguments, &reports),
        Err(said) => {
            eprintln!("chaos: {said}");
            ExitCode::from(2)
        }
    }
}

fn tell(arguments: &Arguments, reports: &[Report]) -> ExitCode {
    println!();
    for report in reports {
        println!("{report}");
    }
    let violations: usize = reports.iter().map(|report| report.violations.len()).sum();
    if violations == 0 {
        return ExitCode::SUCCESS;
    }
    println!(
        "{violations} violations; logs and journals are in {}",
        arguments.dir.display()
    );
    ExitCode::FAILURE
}

fn of_our_own(arguments: &Arguments) -> Vec<Report> {
    let databases = match arguments.database {
        _ if arguments.what == What::Upgrade => vec![Database::Postgres],
        Databases::Sqlite => vec![Database::Sqlite],
        Databases::Postgres => vec![Database::Postgres],
        Databases::Both => vec![Database::Sqlite, Database::Postgres],
    };
    let mut reports = Vec::new();
    for database in databases {
        for seed in &arguments.seed {
            let run = match arguments.what {
                What::Disturb => chaos::run,
                What::Upgrade => chaos::upgrade::run,
            };
            let name = format!("{database:?}-{seed}").to_lowercase();
            println!("trial on {database:?}, seed {seed}");
            let options = options(arguments, database, *seed, &name);
            reports.push(cleared(&options.folder.clone(), run(options)));
        }
    }
    reports
}

/// What the trial puts beside somebody's installation.
fn beside(arguments: &Arguments, key: String) -> Standing {
    let reached_as = arguments.reached_as.clone();
    Standing {
        api: arguments.model_listen,
        key,
        command: arguments.kill_command.clone(),
        model: arguments.model_listen,
        effects: arguments.effects_listen,
        reached_as: reached_as.unwrap_or_else(|| arguments.model_listen.ip().to_string()),
        trial: standing::new_name(),
        asked_within: ASKED_WITHIN,
    }
}

fn of_a_standing_one(arguments: &Arguments, url: &str) -> Result<Vec<Report>, String> {
    if arguments.what == What::Upgrade {
        return Err(
            "an upgrade is tried with an installation of the trial's own, without --url".to_owned(),
        );
    }
    let key = arguments
        .api_key
        .clone()
        .or_else(|| std::env::var(KEY).ok());
    let key = key.ok_or_else(|| format!("--url needs a key: --api-key or {KEY}"))?;
    let api = address_of(url)?;
    let [seed] = arguments.seed.as_slice() else {
        return Err("--url takes one seed at a time".to_owned());
    };
    let standing = Standing {
        api,
        ..beside(arguments, key)
    };
    println!("trial of {url}, seed {seed}");
    let options = options(arguments, Database::Unknown, *seed, &standing.trial);
    let folder = options.folder.clone();
    Ok(vec![cleared(&folder, standing::run(options, &standing)?)])
}

fn address_of(url: &str) -> Result<SocketAddr, String> {
    let Some(host) = url.strip_prefix("http://") else {
        return Err(format!(
            "{url}: only http:// is spoken; name the API's own address, behind any proxy"
        ));
    };
    let host = host.trim_end_matches('/');
    let port = if host.contains(':') { "" } else { ":80" };
    let found = format!("{host}{port}").to_socket_addrs();
    let mut found = found.map_err(|error| format!("{url}: {error}"))?;
    found.next().ok_or_else(|| format!("{url} has no address"))
}

fn options(arguments: &Arguments, database: Database, seed: u64, name: &str) -> Options {
    let is_standing = database == Database::Unknown;
    Options {
        database,
        tasks: arguments.tasks,
        counts: counts(arguments, is_standing),
        seed,
        workers: match database {
            Database::Sqlite => 1,
            Database::Postgres => arguments.workers.max(1),
            Database::Unknown => 0,
        },
        concurrency: arguments.concurrency,
        lease_ms: arguments
            .lease_ms
            .unwrap_or(if is_standing { 15_000 } else { 3_000 }),
        silence_ms: arguments.silence_ms,
        errand: arguments.errand.clone().unwrap_or_default(),
        folder: arguments.dir.join(name),
        tells: true,
    }
}

fn counts(arguments: &Arguments, is_standing: bool) -> Counts {
    if is_standing {
        return Counts {
            commands: arguments
                .kill_command
                .as_ref()
                .map_or(0, |_| arguments.kills),
            hang_ups: arguments.hang_ups.unwrap_or(20),
            ..Counts::default()
        };
    }
    Counts {
        kills: arguments.kills,
        pauses: arguments.pauses,
        restarts: arguments.restarts,
        silences: arguments.silences,
        drains: arguments.drains,
        hang_ups: arguments.hang_ups.unwrap_or(0),
        commands: 0,
    }
}

fn cleared(folder: &Path, report: Report) -> Report {
    if report.violations.is_empty() {
        // What could not be removed disturbs nobody.
        let _ = std::fs::remove_dir_all(folder);
    }
    report
}
