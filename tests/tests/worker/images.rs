//! Images that tools show: kept with the task, and sent with the questions that follow.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use agent_core::blob::BlobHash;
use agent_core::budget::Budget;
use agent_core::ports::model::Message;
use agent_core::task::TaskState;
use serde_json::json;
use worker::Drained;

use crate::fakes::{FakeModels, Said};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

fn show(images: &[&str]) -> Said {
    let call = |image: &&str| ("show", json!({"image": image}));
    Said::Calls(images.iter().map(call).collect())
}

fn looking() -> Arc<FakeModels> {
    FakeModels::new(|job, turn| match (job, turn) {
        ("plan", 0) => plan(&[step("look", &[], &json!([]))]),
        ("step look", 0) => show(&["one"]),
        ("step look", 1) => show(&["two", "three", "four"]),
        ("step look", 2) => finish("done"),
        ("report", 0) => report(),
        other => panic!("not asked for: {other:?}"),
    })
}

/// What went with each question, as text.
fn sent(models: &FakeModels) -> Vec<Vec<String>> {
    let questions = models.images.lock().unwrap();
    let texts = questions.iter().map(|images| {
        let texts = images
            .values()
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let mut texts: Vec<String> = texts.collect();
        texts.sort();
        texts
    });
    texts.collect()
}

#[tokio::test]
async fn the_newest_images_go_with_the_next_questions_and_all_of_them_stay_with_the_task() {
    let world = World::new(looking()).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    assert_eq!(worker.drain().await, Drained::Clean);
    assert_eq!(task.state, TaskState::Succeeded);
    let none: Vec<&str> = Vec::new();
    let wanted = [
        none.clone(),
        none.clone(),
        vec!["one"],
        vec!["four", "three", "two"],
        none,
    ];
    assert_eq!(sent(&world.models), wanted);
    let named = world.store.named_blobs();
    for image in ["one", "two", "three", "four"] {
        let name = (world.tenant.clone(), BlobHash::of(image.as_bytes()));
        assert!(named.contains(&name), "{image} would be swept");
    }
    let histories = world.models.histories.lock().unwrap().clone();
    let images = histories[3]
        .1
        .iter()
        .filter(|message| matches!(message, Message::Tool { images, .. } if images.len() == 1));
    assert_eq!(images.count(), 4, "the history names the old one too");
}

#[tokio::test]
async fn for_a_model_that_does_not_see_no_image_is_fetched() {
    let models = looking();
    models.sees.store(false, Ordering::SeqCst);
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    assert!(sent(&world.models).iter().all(Vec::is_empty));
}
