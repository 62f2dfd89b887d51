//! Power cuts and full disks: the real program under a shim that writes down what it writes and syncs.
//!
//! What it acknowledged is noted outside, with how much it had written by then. Then the disk is rebuilt as cuts at random
//! moments could have left it, and each is opened: the file is whole, nothing that was acknowledged is missing, logs have no
//! gap. `script/chaos power-cuts` makes a thousand.

mod disk;
mod full;
mod shim;
mod syncs;
mod verdict;

use chaos::random::Random;

use crate::installation::Installation;
use crate::scripts::two_writers;
use shim::Shim;
use verdict::Witness;

/// How many cuts are tried.
fn cuts() -> usize {
    let set = std::env::var("ERRAND_POWER_CUTS").ok();
    set.map_or(60, |count| count.parse().unwrap())
}

fn seed() -> u64 {
    let set = std::env::var("ERRAND_POWER_SEED").ok();
    set.map_or(1, |seed| seed.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_moment_leaves_a_whole_database_with_everything_that_was_acknowledged() {
    let here = Installation::new(two_writers()).await;
    let shim = Shim::build(&here);
    let server = here.serve_under(&shim.variables());
    let mut witness = Witness::new(&here, &shim);
    for _ in 0..2 {
        witness.submit("Write the lines.");
    }
    witness.watch_to_the_end();
    assert!(server.stop().success());
    let records = disk::read(&shim.journal);
    let mut random = Random::new(seed());
    let mut required = 0;
    for number in 0..cuts() {
        let at = random.below(records.len() + 1);
        let folder = tempfile::tempdir().unwrap();
        let disk = disk::Disk::after(&records[..at]);
        disk.cut(&mut random, &shim.root, folder.path());
        let written = at.checked_sub(1).map_or(0, |last| records[last].end);
        let wrong = witness.judge(folder.path(), written).await;
        required += witness.acknowledged_by(written);
        assert!(
            wrong.is_empty(),
            "cut {number} of seed {} after record {at} of {}, kept in {}:\n{}",
            seed(),
            records.len(),
            folder.keep().display(),
            wrong.join("\n")
        );
    }
    println!(
        "{} cuts in {} records; {required} acknowledgements were looked for",
        cuts(),
        records.len()
    );
    assert!(required > cuts());
    is_found_out(&records, &shim, &witness, &mut random).await;
}

/// The same disk, had it only pretended to sync: the verdict must see the difference, or it proves nothing.
async fn is_found_out(
    records: &[disk::Record],
    shim: &Shim,
    witness: &Witness<'_>,
    random: &mut Random,
) {
    let lies: Vec<disk::Record> = records
        .iter()
        .filter(|one| !one.is_sync())
        .cloned()
        .collect();
    for _ in 0..20 {
        let at = lies.len() / 2 + random.below(lies.len() / 2);
        let folder = tempfile::tempdir().unwrap();
        disk::Disk::after(&lies[..at]).cut(random, &shim.root, folder.path());
        if !witness.judge(folder.path(), lies[at].end).await.is_empty() {
            return;
        }
    }
    panic!("a disk that syncs nothing went through");
}
