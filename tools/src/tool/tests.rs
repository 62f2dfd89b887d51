//! What all tools have in common.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_patch_is_told_by_the_files_that_it_names() {
    let told = |patch: &str| file_patch::FilePatch.summary(&json!({"patch": patch}));
    let patch = "*** Update File: a.rs\n-secret\n+other\n*** Delete File: b.rs";
    assert_eq!(told(patch), Some("a.rs, b.rs".to_owned()));
    assert_eq!(told("secret"), None);
}

#[test]
fn a_call_is_told_by_the_argument_that_its_tool_names_and_by_no_other() {
    let guard = Guard::new(egress::Options::default());
    let tools = guard.map(|guard| all(&Options::default(), &guard));
    let tools = tools.unwrap_or_default();
    assert_eq!(tools.len(), 17);
    for tool in tools {
        let name = tool.spec().name;
        let shown = match name.as_str() {
            "shell" | "shell_start" => "the command",
            "shell_read" | "shell_write" | "shell_stop" => "the session",
            "note" => "the text",
            "file_move" => "the from to the to",
            "archive_unpack" => "the path into the to",
            // What it shows is in the patch.
            "file_patch" => continue,
            _ => "the path",
        };
        let properties = tool.spec().parameters["properties"].clone();
        let filled = properties.as_object().into_iter().flatten();
        let filled = filled.map(|(argument, _)| (argument.clone(), format!("the {argument}")));
        let arguments: Value = filled
            .map(|(argument, text)| (argument, Value::String(text)))
            .collect();
        assert_eq!(tool.summary(&arguments), Some(shown.to_owned()), "{name}");
        assert_eq!(tool.summary(&json!({"content": "secret"})), None, "{name}");
    }
}

/// What a call's answer is made of, and what can leave through it: what the policy rests on.
#[test]
fn every_call_says_whose_words_come_back_and_what_can_leave() {
    let options = Options {
        network: crate::options::NetworkOptions {
            mode: NetworkMode::Open,
            ..Default::default()
        },
        search: SearchOptions {
            url: "https://search.example/?q={query}".to_owned(),
            ..SearchOptions::default()
        },
        http_request: crate::options::HttpOptions {
            enabled: true,
            ..Default::default()
        },
        ..Options::default()
    };
    let tools = Guard::new(egress::Options::default()).map(|guard| all(&options, &guard));
    let tools = tools.unwrap_or_default();
    let send = || Outward::Send {
        host: "a.example".to_owned(),
        port: 443,
    };
    let fetch = || Outward::Fetch {
        address: "https://a.example/x".to_owned(),
        host: "a.example".to_owned(),
        port: 443,
    };
    let url = "https://a.example/x";
    let mut told = BTreeSet::new();
    for (name, arguments, source, outward) in [
        ("shell", json!({}), Source::Files, Outward::Nothing),
        (
            "shell",
            json!({"network": true}),
            Source::Outside,
            Outward::Program,
        ),
        ("shell_start", json!({}), Source::Files, Outward::Nothing),
        (
            "shell_start",
            json!({"network": true}),
            Source::Outside,
            Outward::Program,
        ),
        (
            "shell_read",
            json!({"session": "s1"}),
            Source::Files,
            Outward::Nothing,
        ),
        (
            "shell_read",
            json!({"session": "n1"}),
            Source::Outside,
            Outward::Nothing,
        ),
        (
            "shell_write",
            json!({"session": "s1"}),
            Source::Files,
            Outward::Nothing,
        ),
        (
            "shell_write",
            json!({"session": "n1"}),
            Source::Outside,
            Outward::Program,
        ),
        (
            "shell_stop",
            json!({"session": "n1"}),
            Source::Outside,
            Outward::Nothing,
        ),
        ("file_read", json!({}), Source::Files, Outward::Nothing),
        ("file_write", json!({}), Source::Own, Outward::Nothing),
        ("file_edit", json!({}), Source::Files, Outward::Nothing),
        ("file_patch", json!({}), Source::Files, Outward::Nothing),
        ("file_move", json!({}), Source::Own, Outward::Nothing),
        ("file_delete", json!({}), Source::Own, Outward::Nothing),
        ("file_list", json!({}), Source::Files, Outward::Nothing),
        ("file_search", json!({}), Source::Files, Outward::Nothing),
        ("document_read", json!({}), Source::Files, Outward::Nothing),
        ("archive_unpack", json!({}), Source::Files, Outward::Nothing),
        ("note", json!({}), Source::Own, Outward::Nothing),
        ("publish", json!({}), Source::Own, Outward::Nothing),
        ("web_fetch", json!({"url": url}), Source::Outside, fetch()),
        (
            "file_download",
            json!({"url": url, "path": "x"}),
            Source::Outside,
            fetch(),
        ),
        (
            "web_search",
            json!({"query": "x"}),
            Source::Outside,
            Outward::Nothing,
        ),
        (
            "http_request",
            json!({"method": "get", "url": url}),
            Source::Outside,
            fetch(),
        ),
        (
            "http_request",
            json!({"method": "GET", "url": url, "headers": {"x": "y"}}),
            Source::Outside,
            send(),
        ),
        (
            "http_request",
            json!({"method": "GET", "url": url, "body": "x"}),
            Source::Outside,
            send(),
        ),
        (
            "http_request",
            json!({"method": "DELETE", "url": url}),
            Source::Outside,
            send(),
        ),
        (
            "http_request",
            json!({"method": "POST", "url": url}),
            Source::Outside,
            send(),
        ),
        (
            "http_request",
            json!({"method": "GET", "url": "x"}),
            Source::Outside,
            Outward::Nothing,
        ),
    ] {
        let tool = tools.iter().find(|tool| tool.spec().name == name);
        let found = tool.map(|tool| {
            (
                tool.source(&arguments),
                outward_of(&tool.spec(), tool.as_ref(), &arguments),
            )
        });
        assert_eq!(found, Some((source, outward)), "{name} {arguments}");
        told.insert(name.to_owned());
    }
    let all: BTreeSet<String> = tools.iter().map(|tool| tool.spec().name).collect();
    assert_eq!(told, all, "every tool belongs into the table");
}
