//! Resident memory of the server: what a task that waits adds, and whether finished tasks leave anything behind.
//!
//! An allocator keeps what it once had, so what is added is measured between two later moments, never from the start.

use anyhow::Result;

use crate::figure::Report;
use crate::ground::{Ground, Kind, Look};
use crate::installation::{Installation, Server, Work};
use crate::model::Model;
use crate::process;

/// Jobs at one time.
const CONCURRENCY: usize = 100;
/// A plan, one turn, the finishing turn, a report.
const WORK: Work = Work {
    turns: 1,
    tool: "note",
};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Tasks of each of three batches that come to wait.
    pub waiting: u64,
    /// Tasks that finish.
    pub finished: u64,
}

/// Both, on both databases.
pub async fn measure(report: &mut Report, model: &Model, size: Size) -> Result<()> {
    for kind in Kind::ALL {
        waiting(kind, report, model, size.waiting).await?;
        finished(kind, report, model, size.finished).await?;
    }
    Ok(())
}

fn resident_kb(server: &Server) -> f64 {
    process::resident_kb(server.pid()).0
}

/// Tasks whose budget allows the plan and no more: they wait until it is raised, which nobody does.
async fn waiting(kind: Kind, report: &mut Report, model: &Model, tasks: u64) -> Result<()> {
    const BATCHES: u64 = 3;
    let ground = Ground::new(kind).await?;
    let mut here = Installation::new(&ground, model, CONCURRENCY)?;
    let server = here.serve().await?;
    let mut look = ground.look().await?;
    let mut resident = Vec::new();
    for batch in 1..=BATCHES {
        here.submit_within(tasks, WORK, Some(1)).await?;
        here.until_waiting(&mut look, batch * tasks).await?;
        resident.push(resident_kb(&server));
    }
    let more = u32::try_from((BATCHES - 1) * tasks)?;
    let added_kb = resident[resident.len() - 1] - resident[0];
    report.add(
        kind.label(),
        "memory of a task that waits",
        (added_kb / f64::from(more), "KB"),
        None,
    );
    end(server, look, ground).await
}

/// The floor is what was resident after a tenth of the tasks.
async fn finished(kind: Kind, report: &mut Report, model: &Model, tasks: u64) -> Result<()> {
    let ground = Ground::new(kind).await?;
    let mut here = Installation::new(&ground, model, CONCURRENCY)?;
    let server = here.serve().await?;
    let mut look = ground.look().await?;
    let batch = tasks / 10;
    let mut resident_mb = Vec::new();
    let mut failed = 0;
    model.forget();
    for number in 1..=10 {
        here.submit(batch, WORK).await?;
        model.reports(usize::try_from(number * batch)?).await;
        failed = here.until_ended(&mut look, number * batch).await?;
        resident_mb.push(resident_kb(&server) / 1_024.0);
    }
    report.add(
        kind.label(),
        &format!("resident memory after {tasks} finished tasks"),
        (resident_mb[9], "MB"),
        Some(resident_mb[0]),
    );
    if failed > 0 {
        report.note(format!("{}: {failed} of these tasks failed", kind.label()));
    }
    end(server, look, ground).await
}

async fn end(server: Server, look: Look, ground: Ground) -> Result<()> {
    server.stop().await?;
    look.close().await?;
    ground.remove().await;
    Ok(())
}
