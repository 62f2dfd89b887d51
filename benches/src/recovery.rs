//! Starts: how soon a model is asked after a start, after `kill -9`, and by another worker.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::figure::{Report, median, quantile};
use crate::ground::{Ground, Kind, Look};
use crate::installation::{Installation, NEVER, Server, Work, program};
use crate::model::{Job, Model};

/// A model that does not answer while the server is ended.
const LONG: Duration = Duration::from_mins(2);
const WORK: Work = Work {
    turns: 2,
    tool: "note",
};

/// From the start of the process to the first request, after an orderly end and after `kill -9`.
pub async fn starts(report: &mut Report, model: &Model, rounds: usize) -> Result<()> {
    for kind in Kind::ALL {
        let (mut after_stop, mut after_kill, mut submitted) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let ground = Ground::new(kind).await?;
            let mut here = Installation::new(&ground, model, 4)?;
            let mut server = here.serve().await?;
            submitted.extend(submits(&mut here, &ground, model).await?);
            model.forget();
            model.set_delay(LONG);
            let task = here.submit(1, WORK).await?;
            asked(model, task, 0).await?;
            server.kill().await?;
            server = here.spawn("serve", "data")?;
            after_kill.push(since(&server, asked(model, task, 1).await?));
            end_at_once(server).await?;
            let server = here.spawn("serve", "data")?;
            after_stop.push(since(&server, asked(model, task, 2).await?));
            server.kill().await?;
            model.set_delay(Duration::ZERO);
            ground.remove().await;
        }
        let name = kind.label();
        for (what, values) in [
            ("start to first model request, schema there", &after_stop),
            ("recovery after kill -9, same worker", &after_kill),
        ] {
            if let Some(value) = median(values) {
                report.add(name, what, (value, "ms"), None);
            }
        }
        for (part_name, part) in [("p50", 0.5), ("p99", 0.99)] {
            if let Some(value) = quantile(&submitted, part) {
                report.add(
                    name,
                    &format!("idle HTTP submit to first model request, {part_name}"),
                    (value, "ms"),
                    None,
                );
            }
        }
    }
    Ok(())
}

/// Milliseconds from before an HTTP submit to the plan's request, of an idle server.
async fn submits(here: &mut Installation<'_>, ground: &Ground, model: &Model) -> Result<Vec<f64>> {
    const COUNT: u64 = 20;
    let mut look = ground.look().await?;
    let mut took = Vec::new();
    for ended in 1..=COUNT {
        let began = Instant::now();
        let task = here.submit(1, WORK).await?;
        let at = asked(model, task, 0).await?;
        took.push(at.duration_since(began).as_secs_f64() * 1_000.0);
        here.until_ended(&mut look, ended).await?;
    }
    look.close().await?;
    Ok(took)
}

/// An orderly end that does not wait for the question that is open.
async fn end_at_once(server: Server) -> Result<()> {
    use nix::sys::signal::{Signal, kill};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(server.pid())?);
    kill(pid, Signal::SIGTERM)?;
    // The second signal insists. It may only come once the first was taken.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop().await
}

async fn asked(model: &Model, task: u64, nth: usize) -> Result<Instant> {
    let arrival = tokio::time::timeout(NEVER, model.arrival(task, Job::Plan, nth));
    arrival.await.context("the model was never asked")
}

fn since(server: &Server, at: Instant) -> f64 {
    at.duration_since(server.started).as_secs_f64() * 1_000.0
}

/// From the `kill -9` of one worker to the request of another on the same PostgreSQL.
pub async fn takeover(report: &mut Report, model: &Model) -> Result<()> {
    let ground = Ground::new(Kind::Postgres).await?;
    let mut here = Installation::new(&ground, model, 4)?;
    let first = here.serve().await?;
    model.forget();
    model.set_delay(LONG);
    let task = here.submit(1, WORK).await?;
    asked(model, task, 0).await?;
    let other = ground.folder().join("other");
    std::fs::create_dir_all(&other)?;
    // Another machine has a folder of its own; key and blobs are shared.
    let data = ground.folder().join("data");
    for shared in ["blobs", "seal.key"] {
        std::os::unix::fs::symlink(data.join(shared), other.join(shared))?;
    }
    let second = here.spawn("worker", "other")?;
    // It is at work when it has a row.
    let mut look = ground.look().await?;
    let began = Instant::now();
    while workers(&mut look).await? < 2 {
        anyhow::ensure!(began.elapsed() < NEVER, "the second worker did not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = Instant::now();
    first.kill().await?;
    let at = asked(model, task, 1).await?;
    report.add(
        "postgres",
        "recovery after kill -9, another worker",
        (at.duration_since(killed).as_secs_f64(), "s"),
        Some(15.0),
    );
    second.kill().await?;
    model.set_delay(Duration::ZERO);
    look.close().await?;
    ground.remove().await;
    Ok(())
}

async fn workers(look: &mut Look) -> Result<i64> {
    let Look::Postgres(connection) = look else {
        return Ok(0);
    };
    Ok(sqlx::query_scalar("SELECT count(*) FROM worker")
        .fetch_one(connection)
        .await?)
}

/// Size of the program.
pub fn binary(report: &mut Report) -> Result<()> {
    let bytes = std::fs::metadata(program()?)?.len();
    let megabytes = f64::from(u32::try_from(bytes / 1_024)?) / 1_024.0;
    report.add(
        "-",
        "program, stripped of debug information",
        (megabytes, "MB"),
        None,
    );
    Ok(())
}
