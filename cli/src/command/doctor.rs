//! `errand doctor`: says what works here, by trying it, and the cure for each lack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::enforcement::{Enforcement, Lack};
use agent_core::id::InstallationId;
use agent_core::installation::Bond;
use agent_core::network::NetworkMode;
use agent_core::policy::Approvals;
use agent_core::ports::model::ModelRole;
use anyhow::Result;
use egress::Guard;
use serde_json::{Value, json};
use store_blobs::LocalBlobs;
use tools::tool_tree::Contents;

use super::computer::Computer;
use crate::belonging::{NotOurs, Parts};
use crate::config::{Config, Loaded, Paths, refuse_unusable, show};
use crate::database::Database;
use crate::entropy::SystemEntropy;
use crate::wiring;

const MODEL_LIMIT: Duration = Duration::from_mins(1);

/// One thing that was tried.
struct Finding {
    what: &'static str,
    works: bool,
    /// Whether Errand cannot do its main work without it.
    needed: bool,
    found: String,
    cure: Option<String>,
    /// What commands are held to, if this is about that.
    enforced: Option<Enforcement>,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            works: true,
            needed: true,
            found: found.into(),
            cure: None,
            enforced: None,
        }
    }

    fn bad(what: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what,
            works: false,
            needed: true,
            found: found.into(),
            cure: Some(cure.into()),
            enforced: None,
        }
    }

    fn to_json(&self) -> Value {
        let mut said = json!({ "what": self.what, "works": self.works, "needed": self.needed, "found": self.found, "cure": self.cure });
        if let Some(enforced) = &self.enforced {
            said["enforced"] = json!(enforced);
        }
        said
    }
}

/// Prints each setting in force and where it came from.
pub fn print_settings(mut loaded: Loaded, paths: &Paths) {
    // Where nothing was set, what follows from the data folder is what is in force.
    let in_force = [
        ("data_dir", paths.folder().display().to_string()),
        ("blobs_dir", paths.blobs().display().to_string()),
        ("seal_key", paths.seal_key().display().to_string()),
        (
            "database_url",
            format!("sqlite:{}", paths.database().display()),
        ),
    ];
    for (name, value) in in_force {
        if !loaded.sources.contains_key(name) {
            loaded.tree[name] = Value::from(value);
        }
    }
    for line in show(&loaded) {
        println!("{line}");
    }
}

/// Tries everything and prints what was found. The exit status says whether Errand can work here.
pub async fn run(loaded: &Loaded, paths: &Paths, as_json: bool) -> Result<u8> {
    let config = &loaded.config;
    let mut findings = vec![settings(loaded)];
    findings.extend([data_folder(paths), blob_store(config, paths).await]);
    findings.push(database(config, paths).await);
    findings.push(belonging(config, paths).await);
    findings.extend(sandbox(config).await);
    findings.extend(tool_tree(config).await);
    findings.push(model(config).await);
    findings.push(network(config));
    findings.push(chromium(config).await);
    let can_work = findings
        .iter()
        .all(|finding| finding.works || !finding.needed);
    if as_json {
        let list: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        println!("{}", json!({ "can_work": can_work, "findings": list }));
    } else {
        for finding in &findings {
            println!(
                "{:<8} {:<12} {}",
                if finding.works { "ok" } else { "LACKS" },
                finding.what,
                finding.found
            );
            // The first says how they are isolated, which was said.
            let enforced = finding.enforced.iter().flat_map(Enforcement::lines);
            for line in enforced.skip(1) {
                println!("{:<21} {line}", "");
            }
            if let Some(cure) = &finding.cure {
                println!("{:<21} cure: {cure}", "");
            }
        }
        println!(
            "\n{}",
            if can_work {
                "Errand can work here."
            } else {
                "Errand cannot work here until the lacks above are cured."
            }
        );
    }
    Ok(u8::from(!can_work))
}

fn settings(loaded: &Loaded) -> Finding {
    match refuse_unusable(loaded) {
        Ok(()) => Finding::good("settings", "no value that a worker could not work with"),
        Err(error) => Finding::bad(
            "settings",
            error.to_string().replace('\n', "; "),
            "correct them there; `errand doctor --config` shows all of them",
        ),
    }
}

fn data_folder(paths: &Paths) -> Finding {
    let shown = paths.folder().display().to_string();
    match paths.create() {
        Ok(()) => Finding::good("data folder", shown),
        Err(error) => Finding::bad(
            "data folder",
            format!("{error:#}"),
            "make the folder writable, or choose another with --data-dir",
        ),
    }
}

async fn blob_store(config: &Config, paths: &Paths) -> Finding {
    match wiring::blobs(config, paths).await {
        Ok(_) if config.blobs.url.is_empty() => {
            Finding::good("blob store", paths.blobs().display().to_string())
        }
        Ok(_) => Finding::good("blob store", config.blobs.url.clone()),
        Err(error) => Finding::bad(
            "blob store",
            format!("{error:#}"),
            "make the folder writable, or correct blobs_dir or blobs.*",
        ),
    }
}

async fn database(config: &Config, paths: &Paths) -> Finding {
    let database = match Database::of(config, paths) {
        Ok(database) => database,
        Err(error) => {
            return Finding::bad("database", format!("{error:#}"), "set ERRAND_DATABASE_URL");
        }
    };
    let described = database.describe();
    if database.file().is_some_and(|file| !file.exists()) {
        return Finding::good("database", format!("{described} (made at the first start)"));
    }
    match try_database(&database).await {
        Ok(due) if due.is_empty() => Finding::good("database", described),
        Ok(due) => Finding::bad(
            "database",
            format!("{described} lacks: {}", due.join(", ")),
            "run `errand migrate`",
        ),
        Err(error) => Finding::bad(
            "database",
            format!("{described}: {error:#}"),
            database_cure(&database, &error),
        ),
    }
}

/// Whether blob store and key are those that the database belongs to.
async fn belonging(config: &Config, paths: &Paths) -> Finding {
    const WHAT: &str = "belonging";
    let compared = compare(config, paths).await;
    match &compared {
        Ok(Some(known)) => Finding::good(
            WHAT,
            format!("the database {known} belongs to this blob store and this sealing key"),
        ),
        Ok(None) => Finding::good(
            WHAT,
            "the first start binds the database to this blob store and this sealing key",
        ),
        Err(error) => Finding::bad(
            WHAT,
            format!("{error:#}"),
            "correct the settings; `errand doctor --config` shows where they come from",
        ),
    }
}

/// The database's id, once it is bound to a blob store and a key.
async fn compare(config: &Config, paths: &Paths) -> Result<Option<InstallationId>> {
    let database = Database::of(config, paths)?;
    if database.file().is_some_and(|file| !file.exists()) || !database.pending().await?.is_empty() {
        return Ok(None);
    }
    let opened = database.open(false).await?;
    let known = opened.installations.find_installation().await;
    let Some(known) = known.map_err(NotOurs::from)? else {
        return Ok(None);
    };
    let stores = wiring::blobs(config, paths).await?;
    let mark = stores.marks.find_mark().await.map_err(NotOurs::from)?;
    let parts = Parts {
        installations: opened.installations,
        marks: stores.marks,
        blobs: stores.blobs,
        sealer: wiring::sealer(paths, false)?,
        entropy: Arc::new(SystemEntropy::default()),
    };
    let bond = parts.look(&known, mark.as_ref())?;
    Ok((bond == Bond::Complete).then_some(known.id))
}

fn database_cure(database: &Database, error: &anyhow::Error) -> &'static str {
    use store_postgres::OpenError as Postgres;
    use store_sqlite::OpenError as Sqlite;
    let is_newer = matches!(error.downcast_ref(), Some(Postgres::Newer { .. }))
        || matches!(error.downcast_ref(), Some(Sqlite::Newer { .. }));
    if is_newer {
        return "run the newer release of Errand on it; this one must not write there";
    }
    match database.file() {
        Some(_) => {
            "name another file with ERRAND_DATABASE_URL or --data-dir, or put a backup in its place"
        }
        None => "start the database, or correct ERRAND_DATABASE_URL",
    }
}

async fn try_database(database: &Database) -> Result<Vec<String>> {
    let due = database.pending().await?;
    if due.is_empty() {
        database.open(false).await?.store.now_ms().await?;
    }
    Ok(due)
}

async fn sandbox(config: &Config) -> Vec<Finding> {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            return vec![Finding::bad(
                "sandbox",
                error.to_string(),
                "make the temporary folder writable",
            )];
        }
    };
    let scratch = Paths::within(folder.path());
    let opened = match LocalBlobs::open(scratch.blobs()) {
        Ok(blobs) => wiring::tools(config, &scratch, Arc::new(blobs)).await,
        Err(error) => Err(error.into()),
    };
    let parts = match opened {
        Ok(parts) => parts,
        Err(error) => {
            return vec![Finding::bad(
                "sandbox",
                format!("{error:#}"),
                "make the data folder writable",
            )];
        }
    };
    let probe = parts.sandbox.probe().await;
    let mut findings = Vec::new();
    if probe.usable {
        let mut finding = Finding::good("sandbox", probe.stated.isolation.clone());
        finding.enforced = Some(probe.stated.clone());
        findings.push(finding);
    }
    for lack in &probe.lacks {
        let mut finding = Finding::bad("sandbox", lacking(lack), lack.cure.clone());
        finding.needed = !probe.usable;
        findings.push(finding);
    }
    findings
}

/// What commands find in the tool tree, asked in the sandbox.
async fn tool_tree(config: &Config) -> Vec<Finding> {
    const WHAT: &str = "tool tree";
    let Some(tree) = &config.tools.tree else {
        let found = "none (tools.tree): commands have what is below /usr";
        return vec![Finding::good(WHAT, found)];
    };
    let listed = async {
        let computer = Computer::boot(config).await?;
        let run = computer.run(|place| tools::tool_tree::program(tree, place));
        let run = run.await;
        computer.shut_down().await;
        anyhow::Ok(Contents::of(&run?)?)
    };
    let contents = match listed.await {
        Ok(contents) => contents,
        Err(error) => {
            let cure = "correct the tree, or leave tools.tree out; `errand sandbox run -- python3 -V` starts its Python by hand";
            return vec![Finding::bad(WHAT, format!("{error:#}"), cure)];
        }
    };
    let found = format!("{}: {contents}", tree.display());
    let mut findings = vec![Finding::good(WHAT, found)];
    if let Some((found, cure)) = deep_in_tree(config).await {
        let mut finding = Finding::bad(WHAT, found, cure);
        // A start does not refuse it, and in a sandbox commands cannot change it.
        finding.needed = false;
        findings.push(finding);
    }
    for broken in contents.broken {
        let cure =
            "make the tree anew where it is to stay (script/tools-tree), and install what it lacks";
        let mut finding = Finding::bad(WHAT, broken, cure);
        // The rest of it works.
        finding.needed = false;
        findings.push(finding);
    }
    findings
}

/// What is wrong with the tool tree file by file, and its cure.
async fn deep_in_tree(config: &Config) -> Option<(String, &'static str)> {
    let options = config.tools.clone();
    let looked = tokio::task::spawn_blocking(move || tools::tool_tree::look_through(&options));
    match looked.await {
        Ok(Ok(looked)) if looked.is_all => None,
        Ok(Ok(looked)) => Some((
            format!(
                "only the first {} files and folders were looked at",
                looked.entries
            ),
            "take out of it what commands do not need",
        )),
        Ok(Err(unfit)) => Some((
            unfit.to_string(),
            "do so; it is the first that was found, so look again afterwards",
        )),
        Err(error) => Some((error.to_string(), "look again")),
    }
}

/// What is lacking and why; what stops everything needs no word more.
fn lacking(lack: &Lack) -> String {
    match lack.what.as_str() {
        "isolation" => lack.why.clone(),
        what => format!("{}: {}", what.replace('_', " "), lack.why),
    }
}

async fn model(config: &Config) -> Finding {
    if !wiring::is_configured(config) {
        return Finding::bad("model", "none is configured", wiring::NO_MODEL);
    }
    let cure = "correct model.base_url, model.planner.model and model.api_key (`errand doctor --config` shows where they come from)";
    let opened = Guard::new(config.egress.clone())
        .map_err(anyhow::Error::from)
        .and_then(|guard| wiring::chat_models(config, &guard, Arc::new(SystemEntropy::default())));
    let models = match opened {
        Ok(models) => models,
        Err(error) => return Finding::bad("model", format!("{error:#}"), cure),
    };
    let mut found = Vec::new();
    for (role, name) in [
        (ModelRole::Planner, "planner"),
        (ModelRole::Executor, "executor"),
    ] {
        let began = Instant::now();
        match tokio::time::timeout(MODEL_LIMIT, models.probe(role)).await {
            Ok(Ok(probe)) => found.push(format!(
                "{name} {} answered in {} ms",
                probe.model,
                began.elapsed().as_millis()
            )),
            Ok(Err(failure)) => return Finding::bad("model", format!("{name}: {failure}"), cure),
            Err(_) => {
                return Finding::bad(
                    "model",
                    format!("{name}: no answer within {} s", MODEL_LIMIT.as_secs()),
                    cure,
                );
            }
        }
    }
    Finding::good("model", found.join("; "))
}

/// What a step can reach: nothing, unless the operator allows it.
fn network(config: &Config) -> Finding {
    let http = &config.tools.http_request;
    let hosts = http.hosts.join(", ");
    let found = match (http.enabled, hosts.is_empty()) {
        (false, _) => "http_request is off (tools.http_request.enabled)".to_owned(),
        (true, true) => "http_request is ON and reaches every public host".to_owned(),
        (true, false) => format!("http_request is ON and reaches {hosts}"),
    };
    let network = &config.tools.network;
    let tasks = match network.mode {
        NetworkMode::None => "tasks reach nothing else (tools.network.mode)".to_owned(),
        NetworkMode::AllowList => format!(
            "tasks reach at most {} where they ask for it",
            network.hosts.join(", ")
        ),
        NetworkMode::Open => "tasks reach every public host where they ask for it".to_owned(),
    };
    let search = match (network.mode, config.tools.search.url.is_empty()) {
        (NetworkMode::None, _) => "no web_fetch and web_search without it",
        (NetworkMode::AllowList | NetworkMode::Open, true) => {
            "no web_search: name a search service in tools.search.url (README, Network)"
        }
        (NetworkMode::AllowList | NetworkMode::Open, false) => "web_search is there",
    };
    let consent = match config.worker.approvals {
        Approvals::Ask => "calls that need consent wait for the task's owner",
        Approvals::Deny => "calls that need consent are not made (worker.approvals)",
        Approvals::Grant => "NO call needs consent (worker.approvals)",
    };
    Finding::good("network", format!("{found}; {tasks}; {search}; {consent}"))
}

async fn chromium(config: &Config) -> Finding {
    let mut options = config.tools.clone();
    let scratch = tempfile::tempdir().ok();
    if let Some(scratch) = &scratch {
        options
            .folder
            .get_or_insert_with(|| scratch.path().join("workspaces"));
    }
    let mut finding = match tools::browser::probe(&options).await {
        Ok(found) => {
            let said = format!("{} rendered a page in its cage", found.version);
            Finding {
                enforced: Some(found.enforced),
                ..Finding::good("chromium", said)
            }
        }
        Err(lack) => Finding::bad("chromium", lack.why, lack.cure),
    };
    // No tool of this version drives a browser yet, so its absence stops nothing.
    finding.needed = false;
    finding
}
