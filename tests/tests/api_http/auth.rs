//! Keys: what is wrong with one is told, a revoked one dies at once, and what is not yours does not exist.

use std::sync::atomic::Ordering;

use agent_core::key::format_key;
use agent_core::ports::store::Keys;
use api::Options;

use crate::client::{AT_MOST, Ask};
use crate::world::{World, bearing};

#[tokio::test]
async fn a_missing_or_wrong_key_is_401_and_says_what_is_wrong() {
    let world = World::new().await;
    let mut changed = world.key.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'a' { 'b' } else { 'a' });
    let unknown = format_key([9; 32]).expose().to_owned();
    for (authorization, wanted) in [
        (None, "Authorization: Bearer"),
        (Some("Basic dXNlcjpwYXNz".to_owned()), "must be Bearer"),
        (Some("Bearer ".to_owned()), "must be Bearer"),
        (Some("Bearer sk-123".to_owned()), "errand_ and 58"),
        (Some(format!("Bearer {changed}")), "checksum"),
        (Some(format!("Bearer {unknown}")), "not known"),
    ] {
        let mut ask = Ask::new("GET", "/v1/tasks");
        if let Some(value) = &authorization {
            ask = ask.header("authorization", value);
        }
        let answer = ask.send(world.address).await;
        let problem = answer.problem(401, "unauthorized");
        assert!(
            problem["detail"].as_str().unwrap().contains(wanted),
            "{problem}"
        );
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer realm=")
        );
    }
    // The scheme's name is not case-sensitive.
    let ask =
        Ask::new("GET", "/v1/tasks").header("authorization", &format!("bearer {}", world.key));
    assert_eq!(ask.send(world.address).await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_is_dead_within_a_second() {
    let options = Options {
        key_cache_ms: 5000,
        ..Options::default()
    };
    let world = World::with(options).await;
    assert_eq!(world.get("/v1/tasks").await.status, 200);
    world
        .store
        .revoke_key(&world.tenant, &world.key_id)
        .await
        .unwrap();
    let revoked_at = tokio::time::Instant::now();
    loop {
        let answer = world.get("/v1/tasks").await;
        if answer.status == 401 {
            let problem = answer.problem(401, "unauthorized");
            assert!(problem["detail"].as_str().unwrap().contains("revoked"));
            break;
        }
        assert!(revoked_at.elapsed().as_millis() <= 1100, "still alive");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_polls_costs_one_lookup_of_its_key_for_many_requests() {
    let options = Options {
        key_cache_ms: 1000,
        ..Options::default()
    };
    let world = World::with(options).await;
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        world.get("/v1/tasks").await;
    }
    let lookups = world.troubled.key_lookups.load(Ordering::SeqCst);
    assert!(u128::from(lookups) <= 1 + began.elapsed().as_millis() / 1000);
}

#[tokio::test]
async fn what_is_not_yours_does_not_exist() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.publish(&claim, "a.html", b"x").await;
    let stranger = world.stranger().await;
    for (method, path) in [
        ("GET", ""),
        ("GET", "?wait=30"),
        ("POST", "/cancel"),
        ("GET", "/cancel"),
        ("POST", "/budget"),
        ("GET", "/events"),
        ("GET", "/artifacts"),
        ("GET", "/artifacts/a.html"),
    ] {
        let path = format!("/v1/tasks/{task}{path}");
        let ask = bearing(&stranger, method, &path);
        let ask = ask.body("application/json", r#"{"tokens": 5}"#);
        let ask = if path.ends_with("cancel") {
            bearing(&stranger, method, &path)
        } else {
            ask
        };
        let answer = tokio::time::timeout(AT_MOST, ask.send(world.address)).await;
        let theirs = answer.unwrap();
        theirs.problem(404, "not_found");
    }
    let list = bearing(&stranger, "GET", "/v1/tasks")
        .send(world.address)
        .await;
    assert_eq!(list.json()["data"], serde_json::json!([]));
}

#[tokio::test]
async fn what_cannot_be_an_id_is_not_found() {
    let world = World::new().await;
    for id in [
        "x",
        "step_01890000000070008000000000000000",
        "task_0",
        "%00",
    ] {
        world
            .get(&format!("/v1/tasks/{id}"))
            .await
            .problem(404, "not_found");
    }
}
