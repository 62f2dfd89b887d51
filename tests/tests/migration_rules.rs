//! Migrations expand first and contract a release later, so that processes of two releases can work on one database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use errand_tests::workspace::sources;

/// The last migrations from before the rule. Nothing had been released.
const BEFORE_THE_RULE: u32 = 6;
/// How the first line of a contracting migration begins; the release that stopped using the old follows.
const CONTRACTS: &str = "-- Contracts: not used since release ";

/// What an older release that still runs would trip over, in one statement without comments.
fn harms(statement: &str) -> Vec<&'static str> {
    let text = statement.to_uppercase();
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let has = |phrase: &[&str]| words.windows(phrase.len()).any(|found| found == phrase);
    let alters = words.starts_with(&["ALTER", "TABLE"]);
    let adds_column = alters && has(&["ADD"]) && has(&["NOT", "NULL"]) && !has(&["DEFAULT"]);
    let limits = [
        ["CONSTRAINT"],
        ["CHECK"],
        ["UNIQUE"],
        ["FOREIGN"],
        ["PRIMARY"],
    ];
    let found = [
        (has(&["DROP"]), "drops"),
        (has(&["RENAME"]), "renames"),
        (has(&["TRUNCATE"]), "empties a table"),
        (alters && has(&["TYPE"]), "changes a type"),
        (has(&["SET", "NOT", "NULL"]), "forbids NULL"),
        (adds_column, "adds a column that older releases do not fill"),
        (
            alters && has(&["ADD"]) && limits.iter().any(|limit| has(limit)),
            "forbids rows that older releases write",
        ),
        (
            has(&["CREATE", "UNIQUE", "INDEX"]),
            "forbids rows that older releases write",
        ),
    ];
    found
        .into_iter()
        .filter_map(|(holds, harm)| holds.then_some(harm))
        .collect()
}

/// Whether a migration says that it contracts, and since when nothing uses what it takes away.
fn is_marked(text: &str) -> bool {
    let release = text.strip_prefix(CONTRACTS);
    let release = release.and_then(|rest| rest.lines().next()).unwrap_or("");
    let numbers: Vec<&str> = release.trim_end_matches('.').split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok())
}

/// Everything that is wrong with a migration.
fn faults(text: &str) -> Vec<&'static str> {
    if is_marked(text) {
        return Vec::new();
    }
    let lines = text.lines();
    let code = lines.map(|line| line.split("--").next().unwrap_or_default());
    let code: Vec<&str> = code.collect();
    let mut found: Vec<&'static str> = code.join("\n").split(';').flat_map(harms).collect();
    found.dedup();
    found
}

#[test]
fn a_migration_that_takes_something_away_says_since_when_nothing_uses_it() {
    let mut looked_at = 0;
    let mut offences = Vec::new();
    for source in sources("sql") {
        let Some(file) = source.path.strip_prefix("migrations/") else {
            continue;
        };
        let number = file.split(['/', '_']).nth(1).unwrap();
        if number.parse::<u32>().unwrap() <= BEFORE_THE_RULE {
            continue;
        }
        looked_at += 1;
        for fault in faults(&source.text) {
            offences.push(format!("{}: {fault}", source.path));
        }
    }
    assert!(looked_at > 0, "no migration was found");
    assert!(
        offences.is_empty(),
        "older releases still run while these are applied. Do it in a migration of its own, a release after the last one \
         that needs the old, which begins with `{CONTRACTS}X.Y.Z`:\n  {}",
        offences.join("\n  ")
    );
}

#[test]
fn whatever_an_older_release_would_trip_over_is_found() {
    for (sql, expected) in [
        ("ALTER TABLE ready RENAME COLUMN a TO b;", "renames"),
        ("CREATE TABLE t (id BIGINT);\ndrop index of_t;", "drops"),
        (
            "ALTER TABLE t ALTER COLUMN a TYPE BIGINT;",
            "changes a type",
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET DATA TYPE TEXT;",
            "changes a type",
        ),
        ("ALTER TABLE t ALTER a SET NOT NULL;", "forbids NULL"),
        (
            "ALTER TABLE t ADD COLUMN a BIGINT NOT NULL;",
            "adds a column that older releases do not fill",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
            "forbids rows that older releases write",
        ),
        (
            "CREATE UNIQUE INDEX of_t ON t (a);",
            "forbids rows that older releases write",
        ),
        ("TRUNCATE t;", "empties a table"),
    ] {
        assert!(faults(sql).contains(&expected), "{sql}: {:?}", faults(sql));
        let marked = format!("{CONTRACTS}0.3.0.\n{sql}");
        assert_eq!(faults(&marked), Vec::<&str>::new(), "{sql}");
        let unnamed = format!("{CONTRACTS}some time\n{sql}");
        assert!(!faults(&unnamed).is_empty(), "{sql}");
    }
}

#[test]
fn what_only_adds_is_no_fault() {
    for sql in [
        "-- Nothing is dropped or renamed here.\nCREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1));",
        "ALTER TABLE t ADD COLUMN a BIGINT NOT NULL DEFAULT 1;",
        "ALTER TABLE t ADD COLUMN a TEXT; -- DROP it later",
        "CREATE INDEX of_t ON t (a);",
        "UPDATE job SET priority = 1;",
    ] {
        assert_eq!(faults(sql), Vec::<&str>::new(), "{sql}");
    }
}
