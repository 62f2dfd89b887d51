//! Lists: pages, filters, cursors.

use serde_json::{Value, json};

use crate::world::World;

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_lead_through_all_tasks_newest_first_without_repeats() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.task().await);
    }
    made.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/tasks?limit=2".to_owned();
    loop {
        let page = world.get(&path).await.json();
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/tasks?limit=2&cursor={next}");
        // Tasks that come in the meantime do not shift the pages.
        world.task().await;
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_page_that_is_just_full_is_the_last() {
    let world = World::new().await;
    world.task().await;
    world.task().await;
    let page = world.get("/v1/tasks?limit=2").await.json();
    assert_eq!((ids(&page).len(), &page["next"]), (2, &Value::Null));
}

#[tokio::test]
async fn a_state_filters_and_rows_have_no_goal() {
    let world = World::new().await;
    let first = world.task().await;
    world.task().await;
    world
        .post(&format!("/v1/tasks/{first}/cancel"), &json!({}))
        .await;
    let page = world.get("/v1/tasks?state=cancelled").await.json();
    assert_eq!(ids(&page), [first]);
    let row = &page["data"][0];
    assert_eq!(
        (&row["state"], row.get("goal")),
        (&json!("cancelled"), None)
    );
    assert_eq!(row["title"], "Count the words");
}

#[tokio::test]
async fn bad_parameters_are_all_told_at_once() {
    let world = World::new().await;
    let answer = world
        .get("/v1/tasks?state=done&limit=0&cursor=rubbish&page=2")
        .await;
    let found = answer.faults(400, "validation_failed");
    assert_eq!(found, ["?state", "?limit", "?cursor", "?page"]);
    world
        .get("/v1/tasks?limit=201")
        .await
        .problem(400, "validation_failed");
}
