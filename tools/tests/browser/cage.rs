//! What holds a browser, and what it is told of when there is none.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use agent_core::enforcement::NetworkReach;
use serde_json::json;
use tools::browser::{Front, LaunchError, probe};

use crate::room::processes_with;
use crate::stage::{Page, launched, launcher, line, processes, room, room_with};

const MIB: u64 = 1024 * 1024;

pub async fn a_browser_shows_a_page_and_says_what_holds_it() {
    let room = room().await;
    let found = probe(&room.options).await.unwrap();
    assert!(found.version.starts_with("Chrome/"), "{}", found.version);
    let stated = found.enforced;
    assert_eq!(stated.network, NetworkReach::none());
    let holds = |word: &str| stated.holds.iter().any(|held| held == word);
    assert!(
        holds("browser_sandbox") && !holds("no_nested_namespaces"),
        "{stated:?}"
    );
    assert!(holds("not_root") && holds("loopback_only") && holds("host_files_hidden"));
    let limits = stated.limits;
    assert_eq!((limits.open_files, limits.output_bytes), (Some(4096), None));
    if limits.memory_by.as_deref() != Some("rlimit_each") {
        assert_eq!(limits.memory_bytes, Some(1536 * MIB));
    }
    assert_eq!(limits.processes, Some(512));
}

pub async fn pages_run_in_the_browsers_own_sandbox_within_ours() {
    let room = room().await;
    let running = launched(&room, Front::default()).await;
    let mut page = Page::open(&running, "data:text/html,<title>x</title>").await;
    assert_eq!(page.title().await, json!("x"));
    let all = processes();
    let of = |kind: &'static str| all.iter().filter(move |(_, found, _)| found == kind);
    let filters = |status: &str| line(status, "Seccomp_filters").parse::<u32>().unwrap();
    let levels = |status: &str| line(status, "NSpid").split_whitespace().count();
    let (_, _, browser) = of("").next().unwrap();
    // A page's process has a filter of the browser's over ours, and a process namespace in the browser's.
    assert_eq!(line(browser, "Seccomp"), "2");
    assert!(of("renderer").count() > 0, "{all:?}");
    for (path, _, renderer) in of("renderer") {
        assert!(filters(renderer) > filters(browser), "{renderer}");
        assert!(levels(renderer) > levels(browser), "{renderer}");
        assert_eq!(line(renderer, "NoNewPrivs"), "1");
        assert_eq!(line(renderer, "CapEff"), "0000000000000000");
        // Only root may look where it is.
        let of_page = std::fs::read_link(path.join("ns/user"));
        let of_browser = std::fs::read_link(of("").next().unwrap().0.join("ns/user"));
        if let (Ok(of_page), Ok(of_browser)) = (of_page, of_browser) {
            assert_ne!(of_page, of_browser);
        }
    }
    for (path, _, status) in &all {
        let owner = line(status, "Uid").split_whitespace().next().unwrap();
        assert_ne!(owner, "0", "{}", path.display());
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains("--no-sandbox"));
    }
    running.end().await;
}

pub async fn files_of_the_machine_and_inner_pages_are_not_shown() {
    let room = room().await;
    let running = launched(&room, Front::default()).await;
    for url in [
        "file:///etc/passwd",
        "chrome://version",
        "devtools://devtools/bundled/inspector.html",
        "view-source:http://127.0.0.2/",
    ] {
        let mut page = Page::blank(&running).await;
        let error = page.navigate(url).await.unwrap_or_default();
        assert_eq!(error, "net::ERR_BLOCKED_BY_ADMINISTRATOR", "{url}");
    }
    // The same call goes to what is not shut.
    let mut page = Page::blank(&running).await;
    assert_eq!(page.navigate("data:text/html,open").await, None);
    running.end().await;
}

pub async fn a_program_that_is_no_browser_is_told_at_once_with_what_it_said() {
    for (program, said) in [
        ("/bin/false", "it ended with status 1, and said nothing"),
        ("/usr/bin/cat", "unrecognized option"),
    ] {
        let room = room_with(|options| options.chromium = Some(program.into())).await;
        let started = Instant::now();
        let launched = launcher(&room).launch(&room.place, Front::default()).await;
        let Err(LaunchError::NotStarted(text)) = launched else {
            panic!("{program} was taken for a browser")
        };
        assert!(text.contains(said), "{text}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

pub async fn a_browser_that_does_not_come_up_is_ended_and_what_it_said_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("slow");
    let script = "#!/bin/sh\necho the profile is locked >&2\nexec sleep 86399\n";
    std::fs::write(&program, script).unwrap();
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let room = room_with(|options| options.chromium = Some(program)).await;
    let launched = launcher(&room).launch(&room.place, Front::default()).await;
    let Err(LaunchError::NotStarted(text)) = launched else {
        panic!("it was taken for a browser")
    };
    let said =
        "it did not say within 15 s where its DevTools are; it said last: the profile is locked";
    assert_eq!(text, said);
    assert_eq!(processes_with("86399"), 0);
}

pub async fn a_browser_that_is_missing_comes_with_the_line_that_installs_it() {
    let room = room_with(|options| options.chromium = Some("/nonexistent".into())).await;
    let lack = probe(&room.options).await.unwrap_err();
    assert!(lack.cure.contains("apt-get install chromium"), "{lack:?}");
}
