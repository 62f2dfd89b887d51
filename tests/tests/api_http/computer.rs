//! What commands are held to, as the API says it: of the worker in the same process, and of no other.

use agent_core::enforcement::{Enforcement, Lack, Limits, NetworkReach, Probe};
use serde_json::json;

use crate::client::Ask;
use crate::world::World;

fn found() -> Probe {
    let stated = Enforcement {
        backend: "bubblewrap".to_owned(),
        isolation: "bubblewrap, no cgroup".to_owned(),
        namespaces: vec!["user".to_owned()],
        holds: vec!["seccomp".to_owned()],
        limits: Limits {
            open_files: Some(1_024),
            ..Limits::default()
        },
        network: NetworkReach::none(),
        lacks: [].into(),
    };
    let lack = Lack::new("processor_time", "no cgroup", "run it as root in /srv");
    Probe::usable(stated, vec![lack])
}

#[tokio::test]
async fn a_worker_of_the_same_process_says_what_it_holds_commands_to() {
    let world = World::new().await;
    *world.beside.computer.lock().unwrap() = Some(found());
    let answer = world.get("/v1/computer").await;
    let wanted = json!({"worker": {"usable": true, "enforced": {
        "backend": "bubblewrap",
        "isolation": "bubblewrap, no cgroup",
        "namespaces": ["user"],
        "holds": ["seccomp"],
        "limits": {"open_files": 1_024},
        "network": {"mode": "none"},
        "lacks": {"processor_time": "no cgroup"},
    }}});
    assert_eq!((answer.status, answer.json()), (200, wanted));
}

#[tokio::test]
async fn a_worker_that_runs_nothing_says_so_and_nothing_of_its_machine() {
    let world = World::new().await;
    let lack = Lack::new("isolation", "/srv/bwrap failed", "mend it");
    *world.beside.computer.lock().unwrap() = Some(Probe::refused("bubblewrap", vec![lack]));
    let answer = world.get("/v1/computer").await.json();
    assert_eq!(
        answer,
        json!({"worker": {"usable": false, "enforced": null}})
    );
}

#[tokio::test]
async fn a_process_without_a_worker_claims_nothing_and_strangers_are_told_nothing() {
    let world = World::new().await;
    let answer = world.get("/v1/computer").await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"worker": null}))
    );
    let stranger = Ask::new("GET", "/v1/computer").send(world.address).await;
    assert_eq!(stranger.status, 401);
}
