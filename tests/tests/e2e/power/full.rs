//! A disk that is full from the n-th write on, until there is room again.

use std::sync::Mutex;

use tokio::runtime::Handle;

use super::shim::Shim;
use super::verdict::Witness;
use crate::installation::{Installation, wait_for};
use crate::scripts::two_writers;

/// Cases that run side by side.
const SIDE_BY_SIDE: usize = 4;

/// The writes at which the disk becomes full; `script/chaos full-disks` tries a hundred.
fn moments() -> Vec<usize> {
    let set = std::env::var("ERRAND_FULL_DISKS").ok();
    let count = set.map_or(10, |count| count.parse().unwrap());
    // A run makes some hundreds of writes: making the file, beginning, and then the work.
    (0..count).map(|number| 2 + number * 400 / count).collect()
}

/// Whether anybody was told that the disk is full.
fn is_told(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("disk is full") || text.contains("no space left") || text.contains("disk i/o")
}

fn try_at(handle: &Handle, moment: usize) {
    let mut here = handle.block_on(Installation::new(two_writers()));
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MIN_MS", "200");
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MAX_MS", "400");
    here.set("ERRAND_WORKER__TROUBLE_WAITS_MAX", "1000");
    let shim = Shim::build(&here);
    let room = here.folder.path().join("room");
    let was_full = here.folder.path().join("room.full");
    let (moment_text, room_text) = (moment.to_string(), room.display().to_string());
    let mut variables = shim.variables().to_vec();
    variables.push(("DISK_FULL_AT", &moment_text));
    variables.push(("DISK_ROOM", &room_text));
    let mut server = here.serve_under(&variables);
    let mut witness = Witness::new(&here, &shim);
    // Full before there is a server that could accept anything, or in the middle of the work.
    let mut is_up = false;
    let began = wait_for(|| {
        is_up = witness.is_answered();
        is_up || server.ended().is_some() || was_full.exists()
    });
    assert!(began.is_ok(), "write {moment}: {}", here.log());
    if is_up && !was_full.exists() {
        witness.submit_if_accepted("Write the lines.");
        let full = wait_for(|| was_full.exists());
        assert!(full.is_ok(), "write {moment} was never made");
    }
    let told = wait_for(|| server.ended().is_some() || is_told(&here.log()));
    assert!(
        told.is_ok(),
        "write {moment}: nobody was told: {}",
        here.log()
    );
    std::fs::write(&room, "").unwrap();
    // It says why before it ends, so that it was told does not mean that it has ended already.
    let settled = wait_for(|| server.ended().is_some() || witness.is_answered());
    assert!(settled.is_ok(), "write {moment}: {}", here.log());
    if server.ended().is_some() {
        assert!(is_told(&here.log()), "write {moment}: {}", here.log());
        server = here.serve_under(&variables);
    }
    if !witness.has_tasks() {
        witness.submit("Write the lines.");
    }
    witness.watch_to_the_end();
    assert!(server.stop().success(), "write {moment}: {}", here.log());
    let wrong = handle.block_on(witness.judge(&here.data(), usize::MAX));
    assert!(wrong.is_empty(), "write {moment}: {}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_any_write_loses_nothing_and_work_goes_on_when_there_is_room() {
    let handle = Handle::current();
    let todo = Mutex::new(moments());
    let run = || {
        loop {
            let Some(moment) = todo.lock().unwrap().pop() else {
                return;
            };
            try_at(&handle, moment);
        }
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(run);
            }
        });
    });
}
