//! The command `script/chaos`: one trial for each database and seed, a table at the end, and status 1 on any violation.
//!
//! A folder of a trial is kept when something was found, and removed otherwise.

use std::path::PathBuf;
use std::process::ExitCode;

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
    /// SIGKILLs of a random process, which is started again at once
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
    /// Where chance begins; several are tried one after the other
    #[arg(long, default_value = "1", num_args = 1.., value_delimiter = ',')]
    seed: Vec<u64>,
    /// Workers beside the API, on PostgreSQL
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Jobs that each worker runs at once
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    /// The lease; the default of the program is 15 s
    #[arg(long, default_value_t = 3_000)]
    lease_ms: u64,
    /// The program under trial
    #[arg(long)]
    errand: PathBuf,
    /// Where trials keep their files; removed again where nothing was found
    #[arg(long)]
    dir: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let databases = match arguments.database {
        _ if arguments.what == What::Upgrade => vec![Database::Postgres],
        Databases::Sqlite => vec![Database::Sqlite],
        Databases::Postgres => vec![Database::Postgres],
        Databases::Both => vec![Database::Sqlite, Database::Postgres],
    };
    let mut reports = Vec::new();
    for database in databases {
        for seed in &arguments.seed {
            reports.push(trial(&arguments, database, *seed));
        }
    }
    println!();
    for report in &reports {
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

fn trial(arguments: &Arguments, database: Database, seed: u64) -> Report {
    let name = format!("{database:?}-{seed}").to_lowercase();
    println!("trial on {database:?}, seed {seed}");
    let folder = arguments.dir.join(name);
    let run = match arguments.what {
        What::Disturb => chaos::run,
        What::Upgrade => chaos::upgrade::run,
    };
    let report = run(Options {
        database,
        tasks: arguments.tasks,
        counts: Counts {
            kills: arguments.kills,
            pauses: arguments.pauses,
            restarts: arguments.restarts,
            silences: arguments.silences,
            drains: arguments.drains,
        },
        seed,
        workers: if database == Database::Sqlite {
            1
        } else {
            arguments.workers.max(1)
        },
        concurrency: arguments.concurrency,
        lease_ms: arguments.lease_ms,
        silence_ms: arguments.silence_ms,
        errand: arguments.errand.clone(),
        folder: folder.clone(),
        tells: true,
    });
    if report.violations.is_empty() {
        // What could not be removed disturbs nobody.
        let _ = std::fs::remove_dir_all(&folder);
    }
    report
}
