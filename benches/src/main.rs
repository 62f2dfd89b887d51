//! The benchmark: what a turn and a job cost through the real program, each figure beside a floor of the same run.
//!
//! It only reports. Nothing here passes or fails by the clock; counts that do not depend on the machine are asserted by tests.

mod browser;
mod client;
mod figure;
mod floor;
mod ground;
mod installation;
mod jobs;
mod memory;
mod model;
mod process;
mod recovery;
mod sandbox;
mod turns;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;

use figure::Report;
use model::Model;

/// Measures Errand on SQLite and a throwaway PostgreSQL.
#[derive(Debug, Parser)]
struct Arguments {
    /// Fewer rounds and fewer rows: about five minutes instead of about twenty.
    #[arg(long)]
    quick: bool,
    /// Print a JSON list of {name, database, value, unit, floor, ratio} instead of a table.
    #[arg(long)]
    json: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',', default_values_t = PARTS.map(str::to_owned))]
    only: Vec<String>,
    /// The program that drains the same number of jobs with `graphile_worker`; script/bench builds it.
    #[arg(long)]
    peer: Option<PathBuf>,
}

const PARTS: [&str; 11] = [
    "turns", "many", "client", "slow", "memory", "writes", "jobs", "starts", "sandbox", "browser",
    "full",
];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let machine = process::machine();
    let mut report = Report::default();
    for part in &arguments.only {
        eprintln!("bench: {part}, {} s so far", began.elapsed().as_secs());
        let model = Model::start().await?;
        if let Err(error) = measure(part, &arguments, &model, &mut report).await {
            report.note(format!("{part}: not measured, or not wholly: {error:#}"));
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report.figures)?);
        for note in &report.notes {
            eprintln!("bench: {note}");
        }
    } else {
        println!("{machine}; {} s in all\n", began.elapsed().as_secs());
        println!("{}", report.table());
        for note in &report.notes {
            println!("Note: {note}");
        }
    }
    Ok(())
}

async fn measure(
    part: &str,
    arguments: &Arguments,
    model: &Model,
    report: &mut Report,
) -> Result<()> {
    let quick = arguments.quick;
    let rounds = if quick { 2 } else { 5 };
    let turns = turns::Size {
        rounds,
        single: if quick { 10 } else { 20 },
        floor_turns: 200,
    };
    let jobs = jobs::Size {
        rounds,
        drain: if quick { 5_000 } else { 20_000 },
        idle: if quick { 100 } else { 200 },
        finished: if quick { 100_000 } else { 1_000_000 },
    };
    match part {
        "turns" => turns::measure(report, model, turns, false).await,
        "many" => turns::measure(report, model, turns, true).await,
        "client" => client::measure(report, model, rounds).await,
        "slow" => turns::slow_model(report, model).await,
        "memory" => {
            let size = memory::Size {
                waiting: if quick { 200 } else { 1_000 },
                finished: if quick { 1_000 } else { 10_000 },
            };
            memory::measure(report, model, size).await
        }
        "writes" => {
            turns::writes(report, model).await?;
            jobs::writes(report).await
        }
        "jobs" => jobs::measure(report, jobs, arguments.peer.as_deref()).await,
        "starts" => {
            recovery::binary(report)?;
            recovery::starts(report, model, rounds).await?;
            recovery::takeover(report, model).await
        }
        "sandbox" => sandbox::measure(report, if quick { 100 } else { 400 }).await,
        "browser" => browser::measure(report, if quick { 5 } else { 20 }).await,
        "full" => jobs::beside_finished(report, jobs).await,
        other => anyhow::bail!("there is no part {other}; there are {}", PARTS.join(", ")),
    }
}
