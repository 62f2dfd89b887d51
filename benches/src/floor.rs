//! Floors: what a bare loop needs on the same disk, at the same time, with the same fsyncs. No checks, retries or leases.
//!
//! A floor's turn asks the same model over HTTP and commits twice, four rows each, as many as a turn of a task writes.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::figure::median;
use crate::ground::{Ground, Look};
use crate::model::{BODY_BYTES, Model};

/// Rows of each of a turn's two commits.
pub const ROWS_PER_COMMIT: usize = 4;
/// Most commits that the grouped floor puts into one transaction.
const BATCH_MAX: usize = 256;
/// Tables of the floor: one that is only inserted into.
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS floor_row (id BIGINT NOT NULL PRIMARY KEY, body TEXT NOT NULL)";
const NEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM floor_row";

/// Writes rows, a commit at a time.
pub struct Writer {
    look: Look,
    next_id: i64,
    body: String,
}

impl Writer {
    /// A writer on this database.
    pub async fn new(ground: &Ground) -> Result<Self> {
        let mut look = ground.look().await?;
        let next_id = match &mut look {
            Look::Sqlite(connection) => {
                sqlx::query(TABLE).execute(&mut *connection).await?;
                sqlx::query_scalar(NEXT_ID).fetch_one(connection).await?
            }
            Look::Postgres(connection) => {
                sqlx::query(TABLE).execute(&mut *connection).await?;
                sqlx::query_scalar(NEXT_ID).fetch_one(connection).await?
            }
        };
        Ok(Self {
            look,
            next_id,
            body: "x".repeat(BODY_BYTES),
        })
    }

    /// Commits so many rows.
    pub async fn commit(&mut self, rows: usize) -> Result<()> {
        const INSERT: &str = "INSERT INTO floor_row (id, body) VALUES ($1, $2)";
        let ids: Vec<i64> = (self.next_id..).take(rows).collect();
        self.next_id += i64::try_from(rows)?;
        match &mut self.look {
            Look::Sqlite(connection) => {
                let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
                for id in ids {
                    sqlx::query(INSERT)
                        .bind(id)
                        .bind(&self.body)
                        .execute(&mut *tx)
                        .await?;
                }
                tx.commit().await?;
            }
            Look::Postgres(connection) if rows == 1 => {
                sqlx::query(INSERT)
                    .bind(ids[0])
                    .bind(&self.body)
                    .execute(connection)
                    .await?;
            }
            Look::Postgres(connection) => {
                let many = "INSERT INTO floor_row (id, body) SELECT id, $2 FROM unnest($1::bigint[]) AS id";
                sqlx::query(many)
                    .bind(ids)
                    .bind(&self.body)
                    .execute(connection)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Milliseconds of a commit of one row: the middle of so many.
pub async fn commit_ms(ground: &Ground, count: usize) -> Result<f64> {
    let mut writer = Writer::new(ground).await?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        writer.commit(1).await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    writer.look.close().await?;
    median(&took).context("no commit was timed")
}

/// Milliseconds of a turn, one after the other.
pub async fn turn_ms(ground: &Ground, model: &Model, count: u32) -> Result<f64> {
    let mut writer = Writer::new(ground).await?;
    let mut client = Client::connect(model, &question()).await?;
    let began = Instant::now();
    for _ in 0..count {
        client.ask().await?;
        writer.commit(ROWS_PER_COMMIT).await?;
        writer.commit(ROWS_PER_COMMIT).await?;
    }
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    writer.look.close().await?;
    Ok(took / f64::from(count))
}

type Request = (usize, oneshot::Sender<()>);

/// Turns in a second, so many loops side by side, whose commits share transactions.
pub async fn grouped_turns_per_s(
    ground: &Ground,
    model: &Model,
    (loops, turns): (u32, u32),
) -> Result<f64> {
    let mut writer = Writer::new(ground).await?;
    let (send, mut requests) = mpsc::channel::<Request>(1_024);
    let committing = async move {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while requests.recv_many(&mut batch, BATCH_MAX).await > 0 {
            writer
                .commit(batch.iter().map(|(rows, _)| rows).sum())
                .await?;
            for (_, done) in batch.drain(..) {
                let _ = done.send(());
            }
        }
        writer.look.close().await
    };
    let mut clients = Vec::new();
    for _ in 0..loops {
        clients.push(Client::connect(model, &question()).await?);
    }
    let began = Instant::now();
    let mut running = JoinSet::new();
    running.spawn(committing);
    for mut client in clients {
        let send = send.clone();
        running.spawn(async move {
            for _ in 0..turns {
                client.ask().await?;
                for _ in 0..2 {
                    let (done, told) = oneshot::channel();
                    send.send((ROWS_PER_COMMIT, done)).await?;
                    told.await?;
                }
            }
            Ok(())
        });
    }
    drop(send);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(f64::from(loops * turns) / began.elapsed().as_secs_f64())
}

/// What the floor's turns ask.
fn question() -> String {
    format!(
        r#"{{"model":"bench","messages":[{{"role":"user","content":"Job: step work task=0 turns=10 tool=note {}"}}]}}"#,
        "x".repeat(4 * BODY_BYTES)
    )
}

/// A bare client of the model, on one connection.
pub struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    /// A client that asks this, a body in JSON.
    pub async fn connect(model: &Model, body: &str) -> Result<Self> {
        let stream = TcpStream::connect(model.address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Self {
            stream,
            request: request.into_bytes(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Asks and reads the whole answer.
    pub async fn ask(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                bail!("the model left");
            }
            filled += read;
            let text = std::str::from_utf8(&self.buffer[..filled])?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.context("the model did not say how long its answer is")? {
                return Ok(());
            }
        }
    }
}
