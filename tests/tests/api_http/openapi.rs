//! The OpenAPI document: served, complete, and true to what the server takes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::Ask;
use crate::world::World;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(world: &World) -> Value {
    let answer = Ask::new("GET", "/openapi.json").send(world.address).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_entry_is_a_route() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut listed = BTreeSet::new();
    for (path, entry) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x").replace("{name}", "y");
        for method in METHODS {
            let answer = Ask::new(&method.to_uppercase(), &path)
                .send(world.address)
                .await;
            let exists = answer.status != 405 && !answer.text().contains("such route");
            assert_eq!(
                entry.get(method).is_some(),
                exists,
                "{method} {path}: {}",
                answer.text()
            );
            if exists {
                listed.insert(format!("{method} {path}"));
            }
        }
    }
    // The table of routes in the source holds no other.
    let source = include_str!("../../../api/src/routes/mod.rs");
    let routes = source.matches(".route(").count();
    assert_eq!(document["paths"].as_object().unwrap().len(), routes);
    assert_eq!(listed.len(), 26, "{listed:?}");
}

#[tokio::test]
async fn every_field_of_a_submit_that_is_listed_is_taken() {
    let world = World::new().await;
    let document = document(&world).await;
    let schemas = &document["components"]["schemas"];
    let known = |name: &str| -> Vec<String> {
        let fields = schemas[name]["properties"].as_object().unwrap();
        fields.keys().cloned().collect()
    };
    let body = serde_json::json!({"gaol": 1, "budget": {"x": 1}, "webhook": {"y": 1}});
    let answer = world.post("/v1/tasks", &body).await.json();
    let told = |pointer: &str| -> BTreeSet<String> {
        let errors = answer["errors"].as_array().unwrap().iter();
        let message = errors.clone().find(|e| e["pointer"] == pointer).unwrap()["message"].clone();
        let message = message.as_str().unwrap();
        let names = message.split("known are ").nth(1).unwrap().split(", ");
        names.map(str::to_owned).collect()
    };
    for (pointer, schema) in [
        ("/gaol", "SubmitRequest"),
        ("/budget/x", "BudgetRequest"),
        ("/webhook/y", "WebhookRequest"),
    ] {
        assert_eq!(
            told(pointer),
            known(schema).into_iter().collect(),
            "{schema}"
        );
    }
}

#[tokio::test]
async fn every_field_of_a_secret_that_is_listed_is_taken() {
    let world = World::new().await;
    let document = document(&world).await;
    let listed = &document["components"]["schemas"]["SecretRequest"]["properties"];
    let listed: BTreeSet<&str> = listed
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let ask = world.ask("PUT", "/v1/secrets/github");
    let ask = ask.body("application/json", r#"{"vaule": "x"}"#);
    let answer = ask.send(world.address).await.json();
    let errors = answer["errors"].as_array().unwrap();
    let unknown = errors.iter().find(|error| error["pointer"] == "/vaule");
    let message = unknown.unwrap()["message"].as_str().unwrap();
    let told = message.split("known are ").nth(1).unwrap().split(", ");
    assert_eq!(told.collect::<BTreeSet<_>>(), listed);
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let world = World::new().await;
    let document = document(&world).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let scheme = &document["components"]["securitySchemes"]["key"]["scheme"];
    assert_eq!(scheme, "bearer");
}

#[tokio::test]
async fn every_field_of_an_answer_is_in_the_document() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.end(&claim).await;
    let view = world.get(&format!("/v1/tasks/{task}")).await.json();
    let document = document(&world).await;
    let schema = serde_json::json!({
        "$ref": "#/components/schemas/TaskView",
        "components": document["components"],
    });
    let all = schema["components"]["schemas"]["TaskView"].to_string()
        + &schema["components"]["schemas"]["TaskSummary"].to_string();
    for field in view.as_object().unwrap().keys() {
        assert!(all.contains(&format!("\"{field}\"")), "{field}");
    }
}

/// The fields of what commands are held to, and of its limits.
fn fields_of_a_statement() -> Vec<String> {
    let kind = agent_core::event::EventKind::ToolReturned.label();
    let golden = std::fs::read_to_string(format!(
        "{}/../agent-core/tests/golden/events/{kind}.json",
        env!("CARGO_MANIFEST_DIR")
    ));
    let golden: Value = serde_json::from_str(&golden.unwrap()).unwrap();
    let enforced = &golden["public"]["enforced"];
    let of =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    [of(enforced), of(&enforced["limits"])].concat()
}

#[tokio::test]
async fn the_written_guide_names_every_route_field_code_and_kind_of_event() {
    let world = World::new().await;
    let document = document(&world).await;
    let guide = include_str!("../../../docs/api.md");
    let schemas = &document["components"]["schemas"];
    let mut names: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let kinds = agent_core::event::EventKind::ALL;
    names.extend(kinds.iter().map(|kind| kind.label().to_owned()));
    for listed in ["Code", "TaskStateName", "StepStateName", "WaitKindName"] {
        let values = schemas[listed]["oneOf"].as_array();
        let values = values.or(schemas[listed]["enum"].as_array()).unwrap();
        names.extend(values.iter().filter_map(|value| {
            let text = value.as_str().or(value["enum"][0].as_str());
            text.or(value["const"].as_str()).map(str::to_owned)
        }));
    }
    for schema in [
        "SubmitRequest",
        "BudgetRequest",
        "WebhookRequest",
        "SecretRequest",
        "SecretView",
        "StepView",
        "ArtifactView",
    ] {
        names.extend(
            schemas[schema]["properties"]
                .as_object()
                .unwrap()
                .keys()
                .cloned(),
        );
    }
    let words = agent_core::enforcement::WORDS.map(|(word, _)| word.to_owned());
    names.extend(words);
    names.extend(fields_of_a_statement());
    assert!(names.len() > 80, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !guide.contains(name.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}
