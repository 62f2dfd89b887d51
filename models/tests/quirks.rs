//! Replays the quirk records through the whole layer, at the transport's boundary: no sockets, and a paused clock,
//! so that retries cost no time.
//!
//! `ERRAND_FIXTURES=DIR` runs the same test over another folder of such records. What the records mean is said in
//! `fixtures/model-quirks/README.md`; records that are not satisfied yet are listed, with the reason, in
//! `fixtures/unsatisfied.txt`, which may only shrink.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "quirks/check.rs"]
mod check;
#[path = "quirks/question.rs"]
mod question;
#[path = "quirks/record.rs"]
mod record;
#[path = "quirks/replay.rs"]
mod replay;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use record::Record;

/// The records that come with this crate.
const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/model-quirks");
/// Those that were made with this crate.
const MORE_RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/more-quirks");
/// Those of them that are not satisfied.
const UNSATISFIED: &str = include_str!("../fixtures/unsatisfied.txt");

/// The records of a folder by file, and what is wrong with those that are none.
fn load(folder: &Path) -> BTreeMap<PathBuf, Result<Record, String>> {
    let mut records = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read(&path).unwrap();
            let record = serde_json::from_slice(&text);
            let record =
                record.map_err(|error| format!("{} is not a record: {error}", path.display()));
            records.insert(path, record);
        }
    }
    records
}

fn unsatisfied() -> BTreeMap<&'static str, &'static str> {
    let lines = UNSATISFIED.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_quirk_record_is_satisfied_or_listed() {
    let (records, listed) = if let Some(folder) = std::env::var_os("ERRAND_FIXTURES") {
        (load(Path::new(&folder)), BTreeMap::new())
    } else {
        let mut records = load(Path::new(RECORDS));
        assert_eq!(
            records.len(),
            83,
            "records are added elsewhere and never taken away"
        );
        records.append(&mut load(Path::new(MORE_RECORDS)));
        (records, unsatisfied())
    };
    assert!(!records.is_empty(), "there are no records");
    let mut report: Vec<String> = Vec::new();
    let mut failed = 0;
    for record in records.values() {
        let record = match record {
            Ok(record) => record,
            Err(problem) => {
                failed += 1;
                report.push(problem.clone());
                continue;
            }
        };
        let problems = check::problems(record).await;
        match (problems.is_empty(), listed.get(record.id.as_str())) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(reason)) => {
                failed += 1;
                let id = &record.id;
                report.push(format!(
                    "{id}: satisfied, but listed as unsatisfied ({reason})"
                ));
            }
            (false, None) => {
                failed += 1;
                report.push(format!("{}: {}", record.id, record.title));
                report.extend(problems.iter().map(|problem| format!("    {problem}")));
            }
        }
    }
    println!(
        "{} of {} records are satisfied",
        records.len() - failed,
        records.len()
    );
    assert!(
        failed == 0,
        "{failed} of {} records:\n{}",
        records.len(),
        report.join("\n")
    );
}
