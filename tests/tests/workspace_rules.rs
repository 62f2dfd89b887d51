//! The facts about this workspace that reviewers forget: who may depend on whom, where SQL and clocks may be, how
//! files begin and how long they get. Each test names every offence at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use agent_core::blob::BlobHash;
use errand_tests::workspace::{Source, members, root, sources};

/// The most lines that a source file may have.
const LINES_MAX: usize = 500;

/// The folders whose code may read the environment and the machine's clock: the binary wires the program together, and
/// tests drive it from outside.
const WIRING: [&str; 2] = ["cli/", "tests/"];

/// Files outside [`WIRING`] that may read the machine's clock, each with the reason.
const CLOCK_READERS: [(&str, &str); 0] = [];

/// Verbs that one database alone needs, each with the reason.
const ONE_SIDED_VERBS: [(&str, &str); 15] = [
    (
        "commit/lock.sql",
        "SQLite has one writer, which needs no row locks",
    ),
    (
        "commit/append_alone.sql",
        "several statements, and so a script, in SQLite",
    ),
    (
        "commit/name_blobs.sql",
        "part of the one text that writes a batch's log in SQLite",
    ),
    (
        "job/choose.sql",
        "part of the one claim statement in PostgreSQL",
    ),
    (
        "job/insert_jobs_delayed.sql",
        "the third part of adding jobs in SQLite, which cannot write several tables in one statement",
    ),
    (
        "job/insert_jobs_ready.sql",
        "the second part of adding jobs in SQLite, which cannot write several tables in one statement",
    ),
    (
        "job/promote.sql",
        "one statement in PostgreSQL, three in SQLite",
    ),
    (
        "job/promote_delayed.sql",
        "the third part of promoting in SQLite",
    ),
    (
        "job/promote_jobs.sql",
        "the first part of promoting in SQLite",
    ),
    (
        "job/promote_ready.sql",
        "the second part of promoting in SQLite",
    ),
    (
        "job/unqueue_claimed.sql",
        "part of the one claim statement in PostgreSQL",
    ),
    (
        "worker/free.sql",
        "one statement in PostgreSQL, two in SQLite",
    ),
    (
        "worker/free_jobs.sql",
        "the second part of freeing in SQLite",
    ),
    (
        "worker/free_ready.sql",
        "the first part of freeing in SQLite",
    ),
    (
        "worker/take_turn.sql",
        "part of the one claim statement in PostgreSQL",
    ),
];

fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// Why `from` must not depend on `to`, if it must not.
fn forbidden(from: &str, to: &str) -> Option<&'static str> {
    let is_store = |name: &str| name.starts_with("store-");
    let is_part = ["api", "worker", "models", "tools"].contains(&from);
    match (from, to) {
        (_, "errand-bench") => Some("nothing depends on the benchmark"),
        ("errand-bench", "errand-tests") => None,
        (_, "errand-tests") => Some("nothing depends on the tests"),
        ("errand-tests" | "errand-bench", _) => None,
        (_, "errand") => Some("the binary wires the parts together and is used by none"),
        ("agent-core", _) => Some("the rules depend on nothing"),
        ("browser" | "documents" | "egress" | "migrations", _) => Some("it is a leaf"),
        (from, "documents") if !["tools", "errand"].contains(&from) => {
            Some("documents are read by the tool, inside the sandbox")
        }
        ("api", "worker") | ("worker", "api") => Some("they meet in the store only"),
        ("models", "tools") | ("tools", "models") => Some("thinking and acting are apart"),
        _ if is_part && is_store(to) => Some("parts know the store's port, never a store"),
        _ => None,
    }
}

#[test]
fn no_crate_depends_on_one_that_it_must_not_know() {
    let members = members();
    let edges = members.iter();
    let edges = edges.flat_map(|(from, needed)| needed.iter().map(move |to| (from, to)));
    let offences = edges.filter_map(|(from, to)| {
        forbidden(from, to).map(|reason| format!("{from} -> {to}: {reason}"))
    });
    assert_none("forbidden dependencies", &offences.collect::<Vec<_>>());
}

#[test]
fn every_query_file_is_used_by_the_crate_that_it_is_for() {
    let code = sources("rs");
    // Verbs that are equal in both crates are Rust files that both include.
    let is_named = |crate_folder: &str, named: &str| {
        let folders = [crate_folder, "store/verbs/"];
        let mut own = code.iter().filter(|source| source.is_under(&folders));
        own.any(|source| source.text.contains(&format!("\"{named}\"")))
    };
    let mut offences = Vec::new();
    for query in queries() {
        let (users, named) = match query.store {
            Some(store) => (vec![store], format!("queries/{}", query.verb)),
            None => (
                vec!["sqlite", "postgres"],
                format!("../queries/{}", query.verb),
            ),
        };
        for store in users {
            if !is_named(&format!("store/{store}/src/"), &named) {
                offences.push(format!("{} is not named in store/{store}", query.path));
            }
        }
    }
    let scripts = sources("sql").into_iter();
    let scripts = scripts.filter_map(|source| {
        Some(
            source
                .path
                .strip_prefix("store/sqlite/scripts/")?
                .to_owned(),
        )
    });
    for name in scripts {
        if !is_named("store/sqlite/src/", &format!("../scripts/{name}")) {
            offences.push(format!("the script {name} is not named in store/sqlite"));
        }
    }
    assert_none("unused queries", &offences);
}

struct Query {
    path: String,
    /// The one database that it is for; absent when both share it.
    store: Option<&'static str>,
    /// `area/verb.sql`.
    verb: String,
}

fn queries() -> Vec<Query> {
    let folders = [
        ("store/queries/", None),
        ("store/sqlite/queries/", Some("sqlite")),
        ("store/postgres/queries/", Some("postgres")),
    ];
    let query = |source: Source| {
        let (folder, store) = folders
            .iter()
            .find(|(folder, _)| source.is_under(&[folder]))?;
        Some(Query {
            verb: source.path.strip_prefix(folder)?.to_owned(),
            store: *store,
            path: source.path,
        })
    };
    sources("sql").into_iter().filter_map(query).collect()
}

/// A build reads descriptions and no database, so one that is left over, or belongs to an older text, would only be found by whoever
/// builds next. Whether they are true of the schema is `script/prepare-queries --check`'s to say.
#[test]
fn every_query_has_its_description_and_no_description_is_left_over() {
    let mut offences = Vec::new();
    for store in ["sqlite", "postgres"] {
        let own = sources("sql").into_iter().filter(|source| {
            let place = format!("store/{store}/queries/");
            source.is_under(&["store/queries/", &place])
        });
        let mut wanted: BTreeMap<String, String> = own
            .map(|source| {
                let hash = BlobHash::of(source.text.as_bytes());
                (format!("query-{hash}.json"), source.path)
            })
            .collect();
        let folder = format!("store/{store}/.sqlx");
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if wanted.remove(&name).is_none() {
                offences.push(format!("{folder}/{name} describes no query"));
            }
        }
        let missing = wanted.into_values();
        offences.extend(missing.map(|path| format!("{path} has no description in {folder}")));
    }
    assert_none("run script/prepare-queries", &offences);
}

#[test]
fn every_query_file_lies_in_a_folder_of_queries_or_migrations() {
    let folders = [
        "store/queries/",
        "store/sqlite/queries/",
        "store/postgres/queries/",
        "store/sqlite/scripts/",
        "migrations/",
    ];
    let strays = sources("sql")
        .into_iter()
        .filter(|source| !source.is_under(&folders) && !source.is_under(&["examples/", "docs/"]));
    let strays: Vec<_> = strays.map(|source| source.path).collect();
    assert_none("stray SQL", &strays);
}

#[test]
fn every_verb_is_shared_or_present_for_both_databases() {
    let of = |store: Option<&str>| -> BTreeSet<String> {
        let own = queries().into_iter().filter(|query| query.store == store);
        own.map(|query| query.verb).collect()
    };
    let (shared, sqlite, postgres) = (of(None), of(Some("sqlite")), of(Some("postgres")));
    let excused = ONE_SIDED_VERBS.map(|(verb, _)| verb.to_owned());
    let excused = BTreeSet::from(excused);
    let one_sided: BTreeSet<String> = sqlite.symmetric_difference(&postgres).cloned().collect();
    let unexpected = one_sided.symmetric_difference(&excused);
    let one_sided = unexpected.map(|verb| format!("{verb} and the list of one-sided verbs differ"));
    let both: BTreeSet<String> = sqlite.union(&postgres).cloned().collect();
    let hidden = shared.intersection(&both);
    let hidden = hidden.map(|verb| format!("{verb} is shared and of one database too"));
    assert_none("verbs", &one_sided.chain(hidden).collect::<Vec<_>>());
}

#[test]
fn both_databases_have_migrations_of_the_same_names() {
    let of = |database: &str| -> Vec<String> {
        let folder = format!("migrations/{database}/");
        let own = sources("sql").into_iter();
        own.filter_map(|source| source.path.strip_prefix(&folder).map(str::to_owned))
            .collect()
    };
    assert!(!of("sqlite").is_empty());
    assert_eq!(of("sqlite"), of("postgres"));
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let silent = sources("rs")
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    let silent: Vec<_> = silent.map(|source| source.path).collect();
    assert_none("files that do not open with `//!`", &silent);
}

#[test]
fn no_source_file_outgrows_its_reader() {
    let long = sources("rs").into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{} has {lines} lines", source.path))
    });
    let long: Vec<_> = long.collect();
    assert_none(&format!("files above {LINES_MAX} lines"), &long);
}

/// Every line of product code outside `allowed` that contains one of `words`.
fn uses(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let sources = sources("rs");
    let product = sources
        .iter()
        .filter(|source| !source.is_beside_the_product() && !source.is_under(allowed));
    let mut found = Vec::new();
    for source in product {
        for (number, line) in source.product_lines() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

#[test]
fn requests_leave_through_the_guard_alone() {
    let words = [
        "reqwest::Client::new",
        "Client::builder",
        "ClientBuilder::new",
        "reqwest::get",
    ];
    // async-openai wants a client to build its requests with; this one never sends.
    let allowed = ["egress/", "tests/", "models/src/wire.rs"];
    assert_none("HTTP clients outside egress", &uses(&words, &allowed));
}

#[test]
fn the_environment_is_read_by_the_binary_alone() {
    assert_none("reads of the environment", &uses(&["env::var"], &WIRING));
}

#[test]
fn the_wall_clock_is_the_databases_alone() {
    let words = [
        "SystemTime::now",
        "now_v7",
        "OffsetDateTime::now",
        "Utc::now",
    ];
    let excused: Vec<&str> = CLOCK_READERS.iter().map(|(path, _)| *path).collect();
    let allowed = [&WIRING[..], &excused].concat();
    assert_none("reads of the wall clock", &uses(&words, &allowed));
}

#[test]
fn every_conformance_case_is_in_the_list_that_makes_tests_of_them() {
    let folder = root().join("tests/src/conformance");
    let list = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    let listed: BTreeSet<&str> = list.lines().map(str::trim).collect();
    let mut offences = Vec::new();
    for source in sources("rs") {
        let cases = source.text.split("pub async fn ").skip(1);
        if !source.is_under(&["tests/src/conformance/"]) {
            continue;
        }
        let names = cases.filter_map(|rest| rest.split('(').next());
        let missing = names.filter(|name| !listed.contains(name));
        offences.extend(missing.map(|name| format!("{}: {name}", source.path)));
    }
    assert_none("conformance cases that are not run", &offences);
}
