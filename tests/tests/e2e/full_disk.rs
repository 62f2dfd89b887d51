//! A disk that fills up under a running server, and is freed again.

use std::path::PathBuf;
use std::process::Command;

use crate::installation::{Installation, wait_for};
use crate::scripts::two_writers;

/// The data folder as the server sees it, in its own mount namespace.
fn seen_by(pid: u32, here: &Installation) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/root{}", here.data().display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_work_loses_nothing_and_work_goes_on_when_there_is_room() {
    let mut here = Installation::new(two_writers()).await;
    here.set("ERRAND_TOOLS__FREE_SPACE_BYTES_MIN", "4096");
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MIN_MS", "200");
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MAX_MS", "400");
    here.set("ERRAND_WORKER__TROUBLE_WAITS_MAX", "1000");
    std::fs::create_dir_all(here.data()).unwrap();
    let small_disk = "mount -t tmpfs -o size=16M tmpfs \"$ERRAND_DATA_DIR\" && exec \"$0\" serve";
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    let program = crate::installation::program();
    unshare.args(["sh", "-c", small_disk, program.to_str().unwrap()]);
    let server = here.start_with(unshare);
    let data = seen_by(server.pid(), &here);
    here.set(
        "ERRAND_API_KEY",
        &std::fs::read_to_string(data.join("first-key")).unwrap(),
    );

    let task = here.submit("Write the lines.");
    wait_for(|| here.answered().len() >= 2).unwrap();
    let ballast = data.join("ballast");
    let mut filler = std::fs::File::create(&ballast).unwrap();
    let outcome = std::io::copy(&mut std::io::repeat(0), &mut filler).unwrap_err();
    assert_eq!(outcome.kind(), std::io::ErrorKind::StorageFull);

    let refused = here.run(&["submit", "Write the lines."]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unavailable"));
    assert_ne!(here.status(&task)["state"], "failed");
    let (status, body) = here.get("/readyz");
    assert_eq!(status, 503, "{body}");
    let names_it =
        body.contains("disk of the database is full") || body.contains("takes no writes");
    assert!(names_it && !body.contains("does not answer"), "{body}");

    drop(filler);
    std::fs::remove_file(&ballast).unwrap();
    wait_for(|| here.get("/readyz").0 == 200).unwrap();
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(
        here.artifact(&task, "all.txt"),
        "left1\nleft2\nleft3\nright1\nright2\nright3\n"
    );
    let again = here.submit("Write the lines.");
    assert_eq!(here.until_final(&again)["state"], "succeeded");
    assert!(server.stop().success());
}
