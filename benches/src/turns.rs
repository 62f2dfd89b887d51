//! Turns through the real server: one task at a time, many at once, and a slow model.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::figure::{Report, median};
use crate::floor;
use crate::ground::{Ground, Kind};
use crate::installation::{Installation, Server, Work};
use crate::model::Model;
use crate::process;

/// A turn that writes no file.
const NOTE: &str = "note";
/// A turn that writes one.
const FILE: &str = "file_write";

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds, interleaved between databases.
    pub rounds: usize,
    /// Tasks of a round with one task at a time.
    pub single: u64,
    /// Turns of the bare loop.
    pub floor_turns: u32,
}

/// What one round of a database found.
#[derive(Debug, Default)]
struct Round {
    commit_ms: Vec<f64>,
    floor_ms: Vec<f64>,
    turn_ms: Vec<f64>,
    file_turn_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
    server_cpu_ms: Vec<f64>,
    base_mb: Vec<f64>,
    grouped_floor: Vec<f64>,
    turns_per_s: Vec<f64>,
    many_cpu_ms: Vec<f64>,
    many_server_cpu_ms: Vec<f64>,
    failed: i64,
}

/// One task at a time, or 200 at once.
pub async fn measure(report: &mut Report, model: &Model, size: Size, many: bool) -> Result<()> {
    let mut found = [Round::default(), Round::default()];
    for _ in 0..size.rounds {
        for (kind, round) in Kind::ALL.into_iter().zip(&mut found) {
            if many {
                many_at_once(kind, model, round).await?;
            } else {
                one_at_a_time(kind, model, size, round).await?;
            }
        }
    }
    for (kind, round) in Kind::ALL.into_iter().zip(found) {
        tell(report, kind, &round);
    }
    Ok(())
}

fn tell(report: &mut Report, kind: Kind, round: &Round) {
    let mut add = |name: &str, values: &[f64], unit: &str, floor: Option<f64>| {
        if let Some(value) = median(values) {
            report.add(kind.label(), name, (value, unit), floor);
        }
    };
    let floor = median(&round.floor_ms);
    let per_second: Vec<f64> = round.commit_ms.iter().map(|ms| 1_000.0 / ms).collect();
    add("single-row commits", &per_second, "1/s", None);
    add("durable turn, 1 task, no file", &round.turn_ms, "ms", floor);
    add(
        "durable turn, 1 task, writes a file",
        &round.file_turn_ms,
        "ms",
        floor,
    );
    add("CPU per turn, 1 task, errand", &round.cpu_ms, "ms", None);
    add(
        "CPU per turn, 1 task, database server",
        &round.server_cpu_ms,
        "ms",
        None,
    );
    add(
        "turns per second, 200 tasks",
        &round.turns_per_s,
        "1/s",
        median(&round.grouped_floor),
    );
    add(
        "CPU per turn, 200 tasks, errand",
        &round.many_cpu_ms,
        "ms",
        None,
    );
    add(
        "CPU per turn, 200 tasks, database server",
        &round.many_server_cpu_ms,
        "ms",
        None,
    );
    add(
        "resident memory after the first tasks",
        &round.base_mb,
        "MB",
        None,
    );
    if round.failed > 0 {
        report.note(format!(
            "{}: {} tasks failed in the turns above",
            kind.label(),
            round.failed
        ));
    }
}

async fn one_at_a_time(kind: Kind, model: &Model, size: Size, round: &mut Round) -> Result<()> {
    // The floors have a database of their own: the server takes no file with strangers' tables.
    let bare = Ground::new(kind).await?;
    round.commit_ms.push(floor::commit_ms(&bare, 200).await?);
    round
        .floor_ms
        .push(floor::turn_ms(&bare, model, size.floor_turns).await?);
    bare.remove().await;
    let ground = Ground::new(kind).await?;
    let mut here = Installation::new(&ground, model, 4)?;
    let server = here.serve().await?;
    let mut look = ground.look().await?;
    let mut ended = 0;
    for (tool, turn_ms) in [(NOTE, &mut round.turn_ms), (FILE, &mut round.file_turn_ms)] {
        let work = Work { turns: 10, tool };
        // The first task warms caches, connections and statements.
        for task in 0..=size.single {
            if task == 1 {
                model.forget();
            }
            let before = (process::cpu_ms(server.pid()), look.server_cpu_ms().await?);
            here.submit(1, work).await?;
            ended += 1;
            round.failed += here.until_ended(&mut look, ended).await?.min(1);
            if tool == NOTE && task > 0 {
                let turns = 11.0;
                round
                    .cpu_ms
                    .push((process::cpu_ms(server.pid()) - before.0) / turns);
                if let (Some(now), Some(before)) = (look.server_cpu_ms().await?, before.1) {
                    round.server_cpu_ms.push((now - before) / turns);
                }
            }
        }
        turn_ms.extend(model.turn_ms(work.turns));
        if tool == NOTE {
            round
                .base_mb
                .push(process::resident_kb(server.pid()).0 / 1_024.0);
        }
    }
    // Ticks are too coarse for one task: the mean of the round is what counts.
    for values in [&mut round.cpu_ms, &mut round.server_cpu_ms] {
        average_last(values, usize::try_from(size.single)?);
    }
    server.stop().await?;
    look.close().await?;
    ground.remove().await;
    Ok(())
}

/// Puts the mean of the last values in their place.
fn average_last(values: &mut Vec<f64>, count: usize) {
    let last = values.split_off(values.len().saturating_sub(count));
    if let Ok(count) = u32::try_from(last.len())
        && count > 0
    {
        values.push(last.iter().sum::<f64>() / f64::from(count));
    }
}

async fn many_at_once(kind: Kind, model: &Model, round: &mut Round) -> Result<()> {
    const TASKS: u32 = 200;
    let bare = Ground::new(kind).await?;
    round
        .grouped_floor
        .push(floor::grouped_turns_per_s(&bare, model, (TASKS, 11)).await?);
    bare.remove().await;
    let ground = Ground::new(kind).await?;
    let mut here = Installation::new(&ground, model, 200)?;
    let server = here.serve().await?;
    let mut look = ground.look().await?;
    let work = Work {
        turns: 10,
        tool: NOTE,
    };
    here.submit(1, work).await?;
    here.until_ended(&mut look, 1).await?;
    model.forget();
    let before = (process::cpu_ms(server.pid()), look.server_cpu_ms().await?);
    let began = Instant::now();
    here.submit(u64::from(TASKS), work).await?;
    model.reports(usize::try_from(TASKS)?).await;
    round.failed += here.until_ended(&mut look, u64::from(TASKS) + 1).await?;
    let turns = f64::from(TASKS * 11);
    round
        .turns_per_s
        .push(turns / began.elapsed().as_secs_f64());
    round
        .many_cpu_ms
        .push((process::cpu_ms(server.pid()) - before.0) / turns);
    if let (Some(now), Some(before)) = (look.server_cpu_ms().await?, before.1) {
        round.many_server_cpu_ms.push((now - before) / turns);
    }
    server.stop().await?;
    look.close().await?;
    ground.remove().await;
    Ok(())
}

/// 1,000 tasks of 5 turns with a model that takes half a second.
pub async fn slow_model(report: &mut Report, model: &Model) -> Result<()> {
    const TASKS: u64 = 1_000;
    /// Plan, five turns, the finishing turn, report.
    const CALLS: f64 = 8.0;
    const DELAY: Duration = Duration::from_millis(500);
    for kind in Kind::ALL {
        let ground = Ground::new(kind).await?;
        let mut here = Installation::new(&ground, model, 1_000)?;
        let server = here.serve().await?;
        let mut look = ground.look().await?;
        let work = Work {
            turns: 5,
            tool: NOTE,
        };
        here.submit(1, work).await?;
        here.until_ended(&mut look, 1).await?;
        let base_kb = process::resident_kb(server.pid()).0;
        model.forget();
        model.set_delay(DELAY);
        let began = Instant::now();
        here.submit(TASKS, work).await?;
        model.reports(usize::try_from(TASKS)?).await;
        let failed = here.until_ended(&mut look, TASKS + 1).await?;
        let took = began.elapsed().as_secs_f64();
        model.set_delay(Duration::ZERO);
        let (_, repeated, most) = model.counts();
        let peak_kb = process::resident_kb(server.pid()).1;
        let counts = [repeated as u64, most, u64::try_from(failed)?].map(as_float);
        let name = kind.label();
        if (repeated, most, failed) != (0, TASKS, 0) {
            report.note(format!(
                "{name}: of 1,000 tasks {failed} did not succeed, {repeated} requests were repeated, and at most {most} were open at once"
            ));
        }
        report.add(
            name,
            "1,000 tasks x 5 turns, model 500 ms",
            (took, "s"),
            Some(CALLS * DELAY.as_secs_f64()),
        );
        report.add(
            name,
            "1,000 tasks: model requests repeated",
            (counts[0], "requests"),
            None,
        );
        report.add(
            name,
            "1,000 tasks: model requests in flight at most",
            (counts[1], "requests"),
            Some(as_float(TASKS)),
        );
        report.add(
            name,
            "1,000 tasks: not succeeded",
            (counts[2], "tasks"),
            None,
        );
        report.add(
            name,
            "memory per task in flight, 1,000 tasks",
            ((peak_kb - base_kb) / as_float(TASKS), "KB"),
            None,
        );
        finish(server, look, ground).await?;
    }
    Ok(())
}

async fn finish(server: Server, look: crate::ground::Look, ground: Ground) -> Result<()> {
    server.stop().await?;
    look.close().await?;
    ground.remove().await;
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// What a turn and a task write: by the difference of runs with few and with many turns.
pub async fn writes(report: &mut Report, model: &Model) -> Result<()> {
    const TASKS: u64 = 5;
    const MORE: u32 = 20;
    let short = lifetime(Kind::Postgres, model, (TASKS, 10)).await?.0;
    let long = lifetime(Kind::Postgres, model, (TASKS, 10 + MORE as usize))
        .await?
        .0;
    let turns = f64::from(MORE) * as_float(TASKS);
    let per_turn = long
        .context("PostgreSQL counts")?
        .since(short.context("PostgreSQL counts")?, turns);
    report.add(
        "postgres",
        "rows written per turn",
        (per_turn.rows, "rows"),
        None,
    );
    report.add(
        "postgres",
        "transactions per turn, reads included",
        (per_turn.transactions, "commits"),
        None,
    );
    report.add(
        "postgres",
        "fsyncs of the log per turn",
        (per_turn.wal_syncs, "fsyncs"),
        Some(2.0),
    );
    report.add(
        "postgres",
        "log per turn",
        (per_turn.wal_bytes / 1_024.0, "KB"),
        None,
    );
    let short = lifetime(Kind::Sqlite, model, (1, 10)).await?.1;
    let long = lifetime(Kind::Sqlite, model, (1, 10 + MORE as usize))
        .await?
        .1;
    match (short, long) {
        (Some(short), Some(long)) if short.log == long.log => {
            let difference =
                |long: u64, short: u64| as_float(long.saturating_sub(short)) / f64::from(MORE);
            report.add(
                "sqlite",
                "commits per turn, each with one fsync of the log",
                (difference(long.commits, short.commits), "commits"),
                Some(2.0),
            );
            report.add(
                "sqlite",
                "log per turn, whole pages",
                (difference(long.bytes, short.bytes) / 1_024.0, "KB"),
                None,
            );
        }
        _ => report.note(
            "sqlite: the log was begun anew in the middle, so commits per turn were not counted",
        ),
    }
    Ok(())
}

type Written = (
    Option<crate::ground::Counted>,
    Option<errand_tests::sqlite_log::Contents>,
);

/// What one life of a server writes that runs so many tasks of so many turns.
async fn lifetime(kind: Kind, model: &Model, (tasks, turns): (u64, usize)) -> Result<Written> {
    let ground = Ground::new(kind).await?;
    let mut here = Installation::new(&ground, model, 4)?;
    let mut look = ground.look().await?;
    model.forget();
    let before = look.counted().await?;
    let server = here.serve().await?;
    for task in 1..=tasks {
        here.submit(1, Work { turns, tool: NOTE }).await?;
        // Looking at the database is counted too, so it begins when the task is all but done.
        model.reports(usize::try_from(task)?).await;
        here.until_ended(&mut look, task).await?;
    }
    let log = ground.sqlite_log();
    server.stop().await?;
    look.alone().await?;
    let counted = look.counted().await?;
    let counted = counted
        .zip(before)
        .map(|(now, before)| now.since(before, 1.0));
    look.close().await?;
    ground.remove().await;
    Ok((counted, log))
}
