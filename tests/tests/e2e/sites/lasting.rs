//! What many tasks with a browser, and many tabs of one browser, leave behind: nothing.
//!
//! Twenty tasks are run with all other tests. Two hundred take some minutes, and are run by name:
//! `cargo nextest run --workspace --run-ignored all -E 'test(two_hundred_tasks)'`.

use serde_json::{Value, json};

use super::script::{Visit, act, call, click, open, the};
use super::server::Sites;
use crate::installation::{Installation, wait_for};
use crate::processes::{Held, below};

/// Makes one visit after the other, each in a task of its own.
fn visit(here: &Installation, times: usize) {
    for _ in 0..times {
        let task = here.submit("Press once.");
        let view = here.until_final(&task);
        let answer = view["result"]["answer"].as_str().unwrap_or_default();
        assert!(answer.contains("It was pressed."), "{view:#}");
    }
}

/// Folders in the data folder but for those of blobs, which are there to stay.
fn folders(here: &Installation) -> usize {
    let (mut due, mut count) = (vec![here.data()], 0);
    while let Some(folder) = due.pop() {
        count += 1;
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let inner = inner.filter(|entry| entry.file_name() != "blobs");
        due.extend(inner.map(|entry| entry.path()));
    }
    count
}

async fn nothing_is_left_after(times: usize) {
    let sites = Sites::open();
    let once = Visit {
        goal: "Press once.",
        calls: vec![open(&sites.here, "/count"), click("button \"Press\"")],
        answer: "It was pressed.",
    };
    let here = super::installation(&sites, &[once]).await;
    let server = here.serve();
    // The first ones make what is made once.
    visit(&here, 3);
    wait_for(|| below(server.pid()).is_empty()).unwrap();
    let before = (Held::by(server.pid()), folders(&here));
    visit(&here, times);
    let mut after = before;
    let is_left = wait_for(|| {
        after = (Held::by(server.pid()), folders(&here));
        after.0.is_like(before.0, 0) && after.1 <= before.1
    });
    println!("{times} tasks: {before:?} became {after:?}");
    assert!(is_left.is_ok(), "{before:?} became {after:?}");
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tasks_leave_no_process_thread_descriptor_or_folder_behind() {
    nothing_is_left_after(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes some minutes"]
async fn two_hundred_tasks_leave_no_process_thread_descriptor_or_folder_behind() {
    nothing_is_left_after(200).await;
}

/// Twenty clicks, each of which opens a tab that is closed again.
fn twenty_tabs() -> Value {
    let another = json!({"action": "click", "ref": the("button \"Another\"")});
    act(&json!(vec![another; 20]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tabs_that_were_opened_and_closed_leave_nothing_behind() {
    // The site is asked for a page at the beginning and at the end, while the browser runs and does nothing else.
    let (tell, told) = std::sync::mpsc::channel();
    let (go_on, waits) = std::sync::mpsc::channel();
    let waits = std::sync::Mutex::new(waits);
    let sites = Sites::with(move |asked| {
        if asked.path == "/second?held" {
            tell.send(()).unwrap();
            waits.lock().unwrap().recv().unwrap();
        }
    });
    let held = open(&sites.here, "/second?held");
    let look = call("browser_look", &json!({}));
    let mut calls = vec![held.clone(), open(&sites.here, "/tabs")];
    for _ in 0..5 {
        calls.extend([twenty_tabs(), look.clone()]);
    }
    calls.extend([held, call("browser_tab", &json!({"do": "list"}))]);
    calls.push(open(&sites.here, "/tabs"));
    let goal = "Open and close a hundred tabs.";
    let visit = Visit {
        goal,
        calls,
        answer: "",
    };
    let here = super::installation(&sites, &[visit]).await;
    let server = here.serve();
    let task = here.submit(goal);
    told.recv().unwrap();
    let before = Held::by(server.pid());
    go_on.send(()).unwrap();
    told.recv().unwrap();
    let mut after = before;
    let is_left = wait_for(|| {
        after = Held::by(server.pid());
        after.is_like(before, 3)
    });
    println!("100 tabs: {before:?} became {after:?}");
    go_on.send(()).unwrap();
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    let opened = sites.asked("/second").len() - 2;
    assert_eq!(opened, 100);
    assert!(is_left.is_ok(), "{before:?} became {after:?}");
    assert!(server.stop().success());
}
