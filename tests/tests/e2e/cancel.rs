//! A cancel ends the processes, not only the row.

use crate::installation::{Installation, wait_for};
use crate::scripts::one_command;

/// Whether a process with this text in its command line runs anywhere on the machine.
pub fn runs(marker: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| {
        line.split(|byte| *byte == 0)
            .any(|word| word == marker.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_leaves_no_process_behind() {
    let marker = format!("98{}", std::process::id());
    let here = Installation::new(one_command(&format!(
        "setsid sleep {marker} & sleep {marker}"
    )))
    .await;
    let server = here.serve();
    let task = here.submit("Run the command.");
    wait_for(|| runs(&marker)).unwrap();
    let view = here.json(&["cancel", &task, "--reason", "not needed", "--json"]);
    assert_eq!(view["state"], "cancelled");
    assert!(view["error"].as_str().unwrap().contains("not needed"));
    wait_for(|| !runs(&marker)).unwrap();
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_process_behind() {
    let marker = format!("97{}", std::process::id());
    let here = Installation::new(one_command(&format!(
        "setsid sleep {marker} & sleep {marker}"
    )))
    .await;
    let server = here.serve();
    here.submit("Run the command.");
    wait_for(|| runs(&marker)).unwrap();
    server.kill();
    wait_for(|| !runs(&marker)).unwrap();
}
