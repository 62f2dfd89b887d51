//! How often the real server forces SQLite's log to the disk: twice a turn, however late the turn.

use serde_json::json;

use super::disk;
use super::shim::Shim;
use crate::installation::Installation;
use crate::scripts::calls_in_turn;

/// Turns that the longer task has more.
const MORE: usize = 15;
/// A turn commits the model's answer with the call's intent, and then the call's result; each is durable before the next.
const SYNCS_PER_TURN: usize = 2;
/// Heartbeats and what else may come in between.
const BESIDE: usize = 8;

/// Syncs of the log in the life of a server that does a task of so many turns.
async fn syncs(turns: usize) -> usize {
    let note = |turn: usize| json!({"name": "note", "arguments": {"text": format!("{turn:0300}")}});
    let calls: Vec<_> = (0..turns).map(note).collect();
    let here = Installation::new(calls_in_turn(&calls)).await;
    let shim = Shim::build(&here);
    let server = here.serve_under(&shim.variables());
    let key = here.data().join("first-key");
    let is_up = crate::installation::wait_for(|| {
        key.exists() && std::net::TcpStream::connect(&here.listen).is_ok()
    });
    assert!(is_up.is_ok(), "{}", here.log());
    let task = here.submit("Make the calls.");
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(server.stop().success());
    let records = disk::read(&shim.journal);
    let of_the_log = records.iter().filter(|one| one.is_sync_of("errand.db-wal"));
    of_the_log.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_forces_the_log_of_sqlite_to_the_disk_twice_and_a_late_turn_no_more_often() {
    let (short, middle, long) = tokio::join!(syncs(5), syncs(5 + MORE), syncs(5 + 2 * MORE));
    println!("{short}, {middle}, {long} syncs");
    for (few, many) in [(short, middle), (middle, long)] {
        let more = many.saturating_sub(few);
        assert!(
            more.abs_diff(SYNCS_PER_TURN * MORE) <= BESIDE,
            "{few} and {many} syncs, so {more} for {MORE} turns"
        );
    }
}
