//! The recorded examples, played from plan to report without a server: the prompts are Errand's, the commands really run
//! (without a sandbox, in a folder of their own), and each step sees only the files of the steps that it depends on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "examples/player.rs"]
mod player;

use std::collections::BTreeMap;

use player::{Files, Played, input_files, play, scripts};

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

/// Rows of a CSV file without quoted commas in the wanted columns, as maps from column to cell.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let named = head.iter().copied().zip(line.split(','));
            named
                .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                .collect()
        })
        .collect()
}

fn played(name: &str) -> Played {
    play(name, input_files(name))
}

#[test]
fn every_script_can_be_read_and_matches_its_own_goal_only() {
    let scripts = scripts();
    let mut names = scripts.names();
    names.sort_unstable();
    assert_eq!(
        names,
        vec!["homes", "job-applications", "smallest", "web-site"]
    );
    for name in names {
        let goal = player::goal(name);
        let matching: Vec<&str> = scripts
            .all()
            .iter()
            .filter(|script| goal.contains(&script.matches))
            .map(|script| script.name.as_str())
            .collect();
        assert_eq!(matching, vec![name]);
    }
}

#[test]
fn the_applications_are_ranked_in_one_table_with_a_row_for_each_file() {
    let played = played("job-applications");
    let ranking = rows(&text(&played.artifacts, "ranking.csv"));
    assert_eq!(ranking.len(), 12);
    assert_eq!(ranking[0]["applicant"], "Ingrid Solheim");
    let table = text(&played.artifacts, "ranking.md");
    assert_eq!(table.matches("| **").count(), 12);
    assert!(table.contains("aimed at screening software"), "{table}");
    assert!(played.artifacts.contains_key("shortlist.md"));
    assert!(
        played.answer.contains("1. Ingrid Solheim"),
        "{}",
        played.answer
    );
}

#[test]
fn another_application_is_another_row_and_other_weights_give_another_order() {
    let mut files = input_files("job-applications");
    let best = text(&files, "cv/solheim-ingrid.txt");
    files.insert(
        "cv/solheim-berit.txt".to_owned(),
        best.replace("INGRID", "BERIT").into_bytes(),
    );
    let role = text(&files, "role.md")
        .replace("| sql | 25 |", "| sql | 5 |")
        .replace("| language | 5 |", "| language | 25 |");
    files.insert("role.md".to_owned(), role.into_bytes());
    let played = play("job-applications", files);
    let ranking = rows(&text(&played.artifacts, "ranking.csv"));
    assert_eq!(ranking.len(), 13);
    let rank = |name: &str| {
        ranking
            .iter()
            .position(|row| row["applicant"] == name)
            .unwrap()
    };
    assert_eq!((rank("Berit Solheim"), rank("Ingrid Solheim")), (0, 1));
    // With language weighing more, the applicant with little Norwegian falls behind the one with more.
    assert!(rank("Tomasz Wieczorek") > rank("Amara Okafor"));
}

#[test]
fn a_changed_listing_changes_the_recommendation() {
    let before = played("homes");
    let shortlist = rows(&text(&before.artifacts, "shortlist.csv"));
    let (best, second) = (&shortlist[0], &shortlist[1]);
    let advice = |played: &Played| {
        text(&played.artifacts, "report.md")
            .lines()
            .nth(2)
            .unwrap()
            .to_owned()
    };
    assert!(advice(&before).contains(&best["id"]), "{}", advice(&before));
    assert!(
        before.answer.contains(&best["address"]),
        "{}",
        before.answer
    );
    assert!(before.artifacts.contains_key("chart.svg"));

    // The best home becomes too dear; nothing else changes.
    let mut files = input_files("homes");
    let listings = text(&files, "listings.csv");
    let row = listings
        .lines()
        .find(|line| line.starts_with(&best["id"]))
        .unwrap();
    let dearer = row.replacen(&best["price_eur"], "480000", 1);
    assert_ne!(row, dearer);
    files.insert(
        "listings.csv".to_owned(),
        listings.replace(row, &dearer).into_bytes(),
    );
    let after = play("homes", files);
    assert!(advice(&after).contains(&second["id"]), "{}", advice(&after));
    assert!(
        after.answer.contains(&second["address"]),
        "{}",
        after.answer
    );
    assert!(!after.answer.contains(&best["address"]), "{}", after.answer);
}

#[test]
fn no_home_that_fits_is_said_plainly() {
    let mut files = input_files("homes");
    let brief = text(&files, "brief.md").replace("at most 420,000 EUR", "at most 42,000 EUR");
    files.insert("brief.md".to_owned(), brief.into_bytes());
    let played = play("homes", files);
    assert!(
        played
            .answer
            .contains("no home in the list meets every must"),
        "{}",
        played.answer
    );
}

#[test]
fn the_web_site_shows_the_prices_of_the_file() {
    let mut files = input_files("web-site");
    let prices = text(&files, "prices.csv").replace(
        "Flat tyre (tube included),18,",
        "Flat tyre (tube included),21,",
    );
    files.insert("prices.csv".to_owned(), prices.into_bytes());
    let played = play("web-site", files);
    let index = text(&played.artifacts, "index.html");
    assert!(index.contains("A flat tyre is € 21"), "{index}");
    assert_eq!(&played.artifacts["site.zip"][..2], b"PK");
    assert!(played.answer.contains("0 faults"), "{}", played.answer);
}

#[test]
fn the_smallest_example_counts_days_by_a_command() {
    let played = played("smallest");
    assert_eq!(played.answer, "1029 days; 24 December 2026 is a Thursday.");
}
