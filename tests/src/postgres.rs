//! A throwaway PostgreSQL, made from the machine's own binaries and shared by all tests of a run.
//!
//! The first test that needs it starts a supervisor, which makes the cluster, waits for the end of the run's process
//! and removes everything; so a run that is killed leaves no server behind. It listens on a unix socket in its own
//! folder and nowhere else, runs as an unprivileged user, and keeps its default durability. A machine without
//! PostgreSQL fails the test and says what to install; nothing is skipped.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use chaos::programs::{binaries, unprivileged};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

const TEMPLATE: &str = "errand_template";
const USER: &str = "errand";

/// The running server.
#[derive(Debug, Clone)]
pub struct Cluster {
    root: PathBuf,
}

/// One database of the cluster.
#[derive(Debug)]
pub struct Database {
    cluster: Cluster,
    name: String,
    is_kept: bool,
}

impl Cluster {
    /// The server of this test run, started if it is not there yet.
    pub async fn shared() -> Self {
        let owner = run_process();
        let root = std::env::temp_dir().join(format!("errand-pg-{}", run_key(owner)));
        let cluster = Self { root };
        let _turn = cluster.lock().await;
        if !cluster.root.join("prepared").exists() {
            cluster.start(owner).await;
            cluster.create(TEMPLATE, "template0").await;
            let mut connection = cluster.connect(TEMPLATE).await;
            let applied = migrations::apply(&migrations::POSTGRES, &mut connection).await;
            applied.unwrap();
            connection.close().await.unwrap();
            File::create(cluster.root.join("prepared")).unwrap();
        }
        cluster
    }

    /// A database with the whole schema and no rows, which nobody else uses until this process ends or removes it.
    ///
    /// Making and dropping databases is most of a short test's time, so under nextest each slot, in which one test runs
    /// after the other, keeps its databases and they are emptied instead.
    pub async fn database(&self) -> Database {
        let count = count();
        let Some(slot) = std::env::var_os("NEXTEST_TEST_GLOBAL_SLOT") else {
            return self.copy_of(TEMPLATE, count).await;
        };
        let name = format!("slot{}_{count}", slot.to_string_lossy());
        if self.exists(&name).await {
            self.clear(&name).await;
        } else {
            self.create(&name, TEMPLATE).await;
        }
        Database {
            cluster: self.clone(),
            name,
            is_kept: true,
        }
    }

    /// A database with nothing in it.
    pub async fn empty_database(&self) -> Database {
        self.copy_of("template0", count()).await
    }

    async fn copy_of(&self, template: &str, count: u64) -> Database {
        let name = format!("process{}_{count}", std::process::id());
        self.create(&name, template).await;
        Database {
            cluster: self.clone(),
            name,
            is_kept: false,
        }
    }

    async fn clear(&self, database: &str) {
        let mut connection = self.connect(database).await;
        connection.execute(EMPTY).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn exists(&self, name: &str) -> bool {
        let mut connection = self.connect("postgres").await;
        let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_optional(&mut connection);
        let found = found.await.unwrap().is_some();
        connection.close().await.unwrap();
        found
    }

    async fn create(&self, name: &str, template: &str) {
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        self.administer(sql).await;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no statement about a database takes its name as a parameter; the names are this module's own"
    )]
    async fn administer(&self, sql: String) {
        let mut connection = self.connect("postgres").await;
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn connect(&self, database: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(&self.root)
            .port(5432)
            .username(USER)
            .database(database);
        options.connect().await.unwrap()
    }

    fn url(&self, database: &str) -> String {
        let folder = self.root.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}:5432/{database}?sslmode=disable")
    }

    /// One test at a time looks whether the server is there. The lock ends with the file handle, or the process.
    async fn lock(&self) -> File {
        let root = self.root.clone();
        let locked = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&root).unwrap();
            let path = root.join("lock");
            let file = File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            file.lock().unwrap();
            file
        });
        locked.await.unwrap()
    }

    async fn start(&self, owner: u32) {
        std::fs::set_permissions(&self.root, PermissionsExt::from_mode(0o700)).unwrap();
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", SUPERVISOR, "sh"])
            .arg(binaries())
            .arg(&self.root)
            .arg(owner.to_string())
            .current_dir(&self.root)
            // A group of its own: the test's group is killed when a test takes too long.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if nix::unistd::geteuid().is_root() {
            let user = unprivileged();
            chown(&self.root, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            supervisor.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let mut child = supervisor.spawn().unwrap();
        let mut said = String::new();
        let mut output = child.stdout.take().unwrap();
        output.read_to_string(&mut said).await.unwrap();
        assert!(
            said.ends_with("ready\n"),
            "PostgreSQL did not start: {said}"
        );
    }
}

impl Database {
    /// Its address, for sqlx.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// The folder of the server's socket, and the database's name.
    pub fn place(&self) -> (PathBuf, String) {
        (self.cluster.root.clone(), self.name.clone())
    }

    /// Ends every other connection and removes all rows, so that it is as new.
    pub async fn clear(&self) {
        self.cluster.clear(&self.name).await;
    }

    /// Runs statements that another program wrote out.
    #[expect(
        clippy::disallowed_methods,
        reason = "the statements are a frozen file of this repository"
    )]
    pub async fn run(&self, statements: &str) {
        let mut connection = self.connect().await;
        let statements = AssertSqlSafe(statements.to_owned());
        connection.execute(statements).await.unwrap();
        connection.close().await.unwrap();
    }

    /// A connection of its own.
    pub async fn connect(&self) -> PgConnection {
        self.cluster.connect(&self.name).await
    }

    /// Removes it, whoever is still connected, unless it is kept for the next test.
    pub async fn remove(self) {
        if self.is_kept {
            return;
        }
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.cluster.administer(sql).await;
    }
}

/// Makes the cluster, says that it is ready (or why not), and ends it with the run. A language's rules for sorting,
/// not the C locale: columns that must sort by bytes have to say so themselves.
const SUPERVISOR: &str = r#"
bin=$1 root=$2 owner=$3
finish() { "$bin/pg_ctl" stop -s -m immediate -D "$root/data"; rm -rf "$root"; }
trap finish EXIT
exec 2>&1
"$bin/initdb" -D "$root/data" -U errand --auth=trust --no-sync --encoding=UTF8 \
    --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US >"$root/log" || { cat "$root/log"; exit 1; }
"$bin/pg_ctl" start -s -w -t 60 -D "$root/data" -l "$root/log" \
    -o "-k $root -c listen_addresses= -c max_connections=500" || { cat "$root/log"; exit 1; }
echo ready
exec >/dev/null 2>&1
tail --pid="$owner" -f /dev/null
"#;

/// Ends what the last user left open, waits for what it had begun, and brings the rows back to those of a new database.
const EMPTY: &str = "
DO $$
DECLARE kept RECORD;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR kept IN SELECT tablename AS name FROM pg_tables
                WHERE schemaname = 'public' AND tablename NOT IN ('clock', '_sqlx_migrations')
    LOOP
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', kept.name);
        EXECUTE format('DELETE FROM %I', kept.name);
    END LOOP;
    UPDATE clock SET offset_ms = 0;
END
$$";

fn count() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The process whose end is the end of the test run: nextest runs each test in a child of its own, `cargo test` all
/// tests of a binary in one process.
fn run_process() -> u32 {
    if std::env::var_os("NEXTEST_RUN_ID").is_some() {
        std::os::unix::process::parent_id()
    } else {
        std::process::id()
    }
}

/// A name for the run. Process numbers are used again, so the tick at which it was started is in it.
fn run_key(process: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name stands in brackets and may hold anything; the start is the 20th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let started = fields.split_whitespace().nth(19).unwrap_or("0");
    format!("{process}-{started}")
}
