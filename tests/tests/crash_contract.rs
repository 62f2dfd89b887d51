//! `docs/crash-contract.md` says only what tests show: every test that it names exists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use errand_tests::workspace::{root, sources};

/// Names of tests are sentences, so they are told from other words by their length in parts.
const WORDS_MIN: usize = 4;

#[test]
fn every_test_that_the_crash_contract_names_exists() {
    let text = std::fs::read_to_string(root().join("docs/crash-contract.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = quoted
        .filter(|name| name.split('_').count() > WORDS_MIN)
        .collect();
    assert!(named.len() > 25, "{named:?}");
    let sources = sources("rs");
    let is_there = |name: &&&str| {
        let declared = format!("fn {name}(");
        sources.iter().any(|source| source.text.contains(&declared))
    };
    let missing: Vec<&&str> = named.iter().filter(|name| !is_there(name)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
