//! Ways out of the sandbox, tried from inside one by one, and the same tried outside to show that the attempt as written works.
//!
//! Each theme is a script of attempts and a list of what has to hold each of them. A script's attempts and the list have to
//! name the same things, so that none is forgotten, and what holds an attempt must not be seen where nothing holds it.

mod between;
mod devices;
mod files;
#[cfg(target_arch = "x86_64")]
mod foreign_calls;
mod host;
mod kernel;
mod mounts;
mod namespaces;
mod network;
mod privileges;
mod processes;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use crate::room::{Room, is_root};
use host::Host;
use serde::Deserialize;
use serde_json::json;

/// Where an attempt is shown to work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    /// Outside the sandbox, by whoever runs the tests.
    Everyone,
    /// Outside the sandbox, by root, since an ordinary user may not do it anywhere.
    Root,
    /// Nowhere: it would do harm or needs what a machine may not have. Others of its theme show that the script sees success.
    Nowhere,
}

/// What may hold some attempts (several answers are parted by `|`), where they work, and what they are.
type Attempts = (&'static str, Outside, &'static [&'static str]);

/// Attempts of one kind.
struct Theme {
    name: &'static str,
    script: &'static str,
    attempts: &'static [Attempts],
    /// What works inside and outside.
    allowed: &'static [&'static str],
}

const THEMES: &[&Theme] = &[
    &files::THEME,
    &views::THEME,
    &mounts::THEME,
    &namespaces::THEME,
    &kernel::THEME,
    &network::THEME,
    &privileges::THEME,
    &devices::THEME,
    &processes::THEME,
    #[cfg(target_arch = "x86_64")]
    &foreign_calls::THEME,
];

const PROBE: &str = include_str!("probe.py");

#[derive(Deserialize)]
struct Tried {
    name: String,
    outcome: String,
}

#[test]
fn the_list_is_long_and_names_each_attempt_once() {
    let names: Vec<&str> = THEMES
        .iter()
        .flat_map(|theme| theme.attempts)
        .flat_map(|attempts| attempts.2.iter().copied())
        .collect();
    assert!(names.len() >= 400, "{}", names.len());
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attempt_to_leave_the_sandbox_succeeds() {
    let room = Room::with(|options| options.shown_bytes_max = 1024 * 1024).await;
    let host = Host::prepare(&room).await;
    let mut complaints = Vec::new();
    for theme in THEMES {
        let script = format!("{PROBE}\n{}\ntry_all()\n", theme.script);
        let wrote = room
            .tool("file_write", json!({"path": "probe.py", "content": script}))
            .await;
        assert!(wrote.ok, "{}", wrote.content);
        let facts = host.facts().to_string().replace('\'', "");
        let printed = room
            .prints(&format!("python3 probe.py '{facts}' inside; rm -rf *"))
            .await;
        judge(
            theme,
            &parsed(&printed),
            &outside(&host, &script),
            &mut complaints,
        );
    }
    host.assert_unharmed();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn parsed(printed: &str) -> BTreeMap<String, String> {
    printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Tried>(line).ok())
        .map(|tried| (tried.name, tried.outcome))
        .collect()
}

/// What comes of the script's harmless attempts without a sandbox.
fn outside(host: &Host, script: &str) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.py");
    std::fs::write(&path, script).unwrap();
    let output = Command::new("python3")
        .arg(&path)
        .args([&host.facts().to_string(), "outside"])
        .env("ERRAND_SECRET", host.marker())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    parsed(&printed)
}

/// An interface that the machine does not have ends whoever uses it, sandboxed or not.
const LACKING: &str = "SIGSEGV";
/// How many attempts of a theme have to be shown to work, where not all are.
const SHOWN_MIN: usize = 3;

fn judge(
    theme: &Theme,
    inside: &BTreeMap<String, String>,
    outside: &BTreeMap<String, String>,
    complaints: &mut Vec<String>,
) {
    let mut complain = |text: String| complaints.push(format!("{}: {text}", theme.name));
    let mut listed: BTreeSet<&str> = theme.allowed.iter().copied().collect();
    for name in theme.allowed {
        let seen = inside.get(*name);
        if seen.is_none_or(|seen| seen != "done") {
            complain(format!("{name} does not work inside: {seen:?}"));
        }
    }
    let (mut shown, mut not_shown) = (0, Vec::new());
    for (held_by, where_it_works, names) in theme.attempts {
        let held = |outcome: &str| held_by.split('|').any(|held| held == outcome);
        for name in *names {
            listed.insert(name);
            let (seen, seen_outside) = (inside.get(*name), outside.get(*name));
            let lacking = seen == seen_outside && seen.is_some_and(|seen| seen == LACKING);
            if !lacking && !seen.is_some_and(|seen| held(seen)) {
                complain(format!("{name} gave {seen:?}, not {held_by}"));
            }
            let wanted = match where_it_works {
                Outside::Everyone => true,
                Outside::Root => is_almighty(),
                Outside::Nowhere => false,
            };
            if wanted && seen_outside.is_some_and(|seen| !held(seen)) {
                shown += 1;
            } else if wanted {
                not_shown.push(format!(
                    "{name} gave {seen_outside:?} outside too, so it shows nothing"
                ));
            }
        }
    }
    // A container that the tests run in has a filter of its own.
    if shown < SHOWN_MIN || !is_filtered() {
        not_shown.into_iter().for_each(&mut complain);
    }
    for name in inside.keys().filter(|name| !listed.contains(name.as_str())) {
        complain(format!("{name} is not on the list"));
    }
}

fn own_state(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap().trim().to_owned()
}

fn is_filtered() -> bool {
    own_state("Seccomp:") != "0"
}

/// Whether we are root as on a machine, and not as in a container that has taken most of it away.
fn is_almighty() -> bool {
    const SYS_ADMIN: u32 = 21;
    let effective = u64::from_str_radix(&own_state("CapEff:"), 16).unwrap();
    is_root() && effective >> SYS_ADMIN & 1 == 1
}
