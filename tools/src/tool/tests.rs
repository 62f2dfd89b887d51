//! What all tools have in common.

use std::collections::BTreeSet;

use super::*;
use crate::options::BrowserOptions;

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
    // Browser tools, whose arguments are not all texts, have tests of their own.
    let options = Options {
        browser: BrowserOptions {
            enabled: false,
            ..BrowserOptions::default()
        },
        ..Options::default()
    };
    let tools = guard.map(|guard| all(&options, &guard));
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

fn every_tool() -> Vec<Box<dyn Tool>> {
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
    tools.unwrap_or_default()
}

/// Tools whose arguments make no difference, and through which nothing leaves.
const INSIDE: [(&str, Source); 13] = [
    ("file_read", Source::Files),
    ("file_write", Source::Own),
    ("file_edit", Source::Files),
    ("file_patch", Source::Files),
    ("file_move", Source::Own),
    ("file_delete", Source::Own),
    ("file_list", Source::Files),
    ("file_search", Source::Files),
    ("document_read", Source::Files),
    ("archive_unpack", Source::Files),
    ("note", Source::Own),
    ("publish", Source::Own),
    ("web_search", Source::Outside),
];

/// Calls whose arguments decide: with the network a program can send anything, a plain GET only its address, and any other request
/// what the model wrote.
fn by_arguments() -> Vec<(&'static str, Value, Source, Outward)> {
    let (host, port, url) = ("a.example".to_owned(), 443, "https://a.example/x");
    let send = || Outward::Send {
        host: host.clone(),
        port,
    };
    let fetch = || Outward::Fetch {
        address: url.to_owned(),
        host: host.clone(),
        port,
    };
    let mut calls = Vec::new();
    for (name, arguments) in [
        ("shell", json!({})),
        ("shell_start", json!({})),
        ("shell_read", json!({"session": "s1"})),
        ("shell_write", json!({"session": "s1"})),
        ("shell_stop", json!({"session": "s1"})),
    ] {
        calls.push((name, arguments, Source::Files, Outward::Nothing));
    }
    for (name, arguments, outward) in [
        ("shell", json!({"network": true}), Outward::Program),
        ("shell_start", json!({"network": true}), Outward::Program),
        ("shell_read", json!({"session": "n1"}), Outward::Nothing),
        ("shell_write", json!({"session": "n1"}), Outward::Program),
        ("shell_stop", json!({"session": "n1"}), Outward::Nothing),
        ("web_fetch", json!({ "url": url }), fetch()),
        ("file_download", json!({"url": url, "path": "x"}), fetch()),
    ] {
        calls.push((name, arguments, Source::Outside, outward));
    }
    for (request, outward) in [
        (json!({"method": "get", "url": url}), fetch()),
        (
            json!({"method": "GET", "url": url, "headers": {"x": "y"}}),
            send(),
        ),
        (json!({"method": "GET", "url": url, "body": "x"}), send()),
        (json!({"method": "DELETE", "url": url}), send()),
        (json!({"method": "POST", "url": url}), send()),
        (json!({"method": "GET", "url": "x"}), Outward::Nothing),
    ] {
        calls.push(("http_request", request, Source::Outside, outward));
    }
    let open = Outward::Open {
        address: url.to_owned(),
        host,
        port,
    };
    let click = json!({"steps": [{"action": "scroll"}, {"action": "click", "ref": "e1"}]});
    for (name, arguments, outward) in [
        ("browser_open", json!({ "url": url }), open),
        ("browser_open", json!({"url": "about:blank"}), Outward::Page),
        ("browser_look", json!({}), Outward::Page),
        ("browser_read", json!({}), Outward::Page),
        ("browser_wait", json!({"text": "x"}), Outward::Page),
        ("browser_tab", json!({"do": "list"}), Outward::Page),
        ("browser_tab", json!({"do": "reload"}), Outward::Program),
        ("browser_act", click, Outward::Program),
        ("browser_dialog", json!({"accept": true}), Outward::Program),
        (
            "browser_ask_human",
            json!({"why": "login", "note": "x"}),
            Outward::Page,
        ),
        ("browser_file", json!({"do": "upload"}), Outward::Program),
        ("browser_file", json!({"do": "pdf"}), Outward::Page),
    ] {
        calls.push((name, arguments, Source::Outside, outward));
    }
    calls
}

/// What the policy rests on.
#[test]
fn every_call_says_whose_words_come_back_and_what_can_leave() {
    let tools = every_tool();
    let inside = INSIDE.map(|(name, source)| (name, json!({}), source, Outward::Nothing));
    let mut told = BTreeSet::new();
    for (name, arguments, source, outward) in inside.into_iter().chain(by_arguments()) {
        let tool = tools.iter().find(|tool| tool.spec().name == name);
        let found = tool.map(|tool| {
            let outward = outward_of(&tool.spec(), tool.as_ref(), &arguments);
            (tool.source(&arguments), outward)
        });
        assert_eq!(found, Some((source, outward)), "{name} {arguments}");
        told.insert(name.to_owned());
    }
    let all: BTreeSet<String> = tools.iter().map(|tool| tool.spec().name).collect();
    assert_eq!(told, all, "every tool belongs into the table");
}
