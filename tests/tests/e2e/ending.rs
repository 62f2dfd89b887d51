//! Being asked to end: while work is drained, again while it is, and during the start.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::cancel::runs;
use crate::installation::{Installation, wait_for};
use crate::scripts::one_command;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_answers_all_but_new_tasks_and_a_second_signal_ends_it_at_once() {
    let marker = format!("96{}", std::process::id());
    let mut here = Installation::new(one_command(&format!("sleep {marker}"))).await;
    // Far longer than this test may take, so that it is not the limit that ends the server.
    here.set("ERRAND_WORKER__DRAIN_MS", "3600000");
    let mut server = here.serve();
    let task = here.submit("Run the command.");
    wait_for(|| runs(&marker)).unwrap();
    assert_eq!(here.get("/readyz").0, 200);
    server.signal(Signal::SIGTERM);
    wait_for(|| here.get("/readyz").0 == 503).unwrap();
    let (_, text) = here.get("/readyz");
    assert!(text.contains("draining"), "{text}");
    assert_eq!(here.get("/healthz").0, 200);
    assert_eq!(here.status(&task)["state"], "running");
    let refused = here.run(&["submit", "Run the command."]);
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("takes no new tasks"), "{said}");
    assert!(server.ended().is_none() && runs(&marker));
    // The wait for the task's end is not cut short by the drain, and does not hold it up.
    let mut waiting = here.errand(&["watch", &task]);
    let mut waiting = waiting.stdout(std::process::Stdio::null()).spawn().unwrap();
    server.signal(Signal::SIGTERM);
    let mut ended = None;
    let waited = wait_for(|| {
        ended = server.ended();
        ended.is_some()
    });
    assert!(waited.is_ok(), "{}", here.log());
    assert!(ended.unwrap().success());
    assert!(!runs(&marker));
    let _ = waiting.kill();
    let _ = waiting.wait();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_during_the_start_ends_it_in_order() {
    let mut here = Installation::new(one_command("true")).await;
    for role in ["serve", "api", "worker"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://errand@{}/errand", silent.local_addr().unwrap());
        here.set("ERRAND_DATABASE_URL", &url);
        let server = here.start_silently(role);
        // It waits for an answer of the database now.
        let _connection = silent.accept().unwrap();
        let ended = server.stop();
        assert!(ended.success(), "{role}: {ended}\n{}", here.log());
    }
}
