//! The files of the web console: who gets them, under which rules, and how they are turned off.

use api::Options;

use crate::client::{Answer, Ask};
use crate::world::World;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

async fn get(world: &World, path: &str) -> Answer {
    Ask::new("GET", path).send(world.address).await
}

/// Every file that a text names by its path under `/console/`.
fn named(text: &str) -> Vec<String> {
    let paths = text.split('"').filter(|part| {
        part.strip_prefix("/console/")
            .is_some_and(|name| name.contains('.'))
    });
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_console_and_every_file_that_it_names_come_without_a_key_under_a_strict_policy() {
    let world = World::new().await;
    let mut open = vec!["/console/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = get(&world, &path).await;
        let wanted = match path.rsplit_once('.').map(|(_, end)| end) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(wanted)),
            "{path}"
        );
        assert_eq!(answer.header("content-security-policy"), Some(POLICY));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        open.extend(named(&answer.text()));
        seen.push(path);
    }
    assert_eq!(seen.len(), 14, "{seen:?}");
}

#[tokio::test]
async fn no_script_writes_html_and_the_page_has_no_inline_script_or_style() {
    let world = World::new().await;
    let page = get(&world, "/console/").await.text();
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains(" on"));
    assert_eq!(page.matches("<script").count(), 1);
    let mut open = named(&page);
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        let text = get(&world, &path).await.text();
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "setHTML",
        ] {
            assert!(!text.contains(way), "{way} in {path}");
        }
        open.extend(named(&text));
        seen.push(path);
    }
}

#[tokio::test]
async fn a_file_that_is_known_already_is_not_sent_again() {
    let world = World::new().await;
    let first = get(&world, "/console/main.js").await;
    let tag = first.header("etag").unwrap();
    let ask = Ask::new("GET", "/console/main.js").header("if-none-match", tag);
    let again = ask.send(world.address).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let ask = Ask::new("GET", "/console/main.js").header("if-none-match", "\"other\"");
    assert_eq!(ask.send(world.address).await.body, first.body);
}

#[tokio::test]
async fn who_asks_for_a_page_is_led_to_the_console_and_a_program_is_not() {
    let world = World::new().await;
    let ask = Ask::new("GET", "/").header("accept", "text/html,*/*;q=0.8");
    let led = ask.send(world.address).await;
    assert_eq!(
        (led.status, led.header("location")),
        (303, Some("/console/"))
    );
    let led = get(&world, "/console").await;
    assert_eq!(
        (led.status, led.header("location")),
        (303, Some("/console/"))
    );
    get(&world, "/").await.problem(404, "not_found");
}

#[tokio::test]
async fn there_is_no_file_but_those_of_the_console() {
    let world = World::new().await;
    for path in [
        "/console/other.js",
        "/console/..%2fCargo.toml",
        "/console/a/b",
    ] {
        get(&world, path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_console_that_is_turned_off_is_not_there() {
    let options = Options {
        console: false,
        ..Options::default()
    };
    let world = World::with(options).await;
    for path in ["/console/", "/console/main.js", "/console"] {
        get(&world, path).await.problem(404, "not_found");
    }
    let ask = Ask::new("GET", "/").header("accept", "text/html");
    ask.send(world.address).await.problem(404, "not_found");
}
