//! What the messages of the protocol mean.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};

use super::{Fault, Incoming, decode, deep, encode};
use crate::driver::{Call, SessionId};

#[test]
fn a_call_names_its_session_only_where_it_has_one() {
    let mut call = Call {
        session: Some(SessionId::from("S1")),
        method: "Page.navigate",
        params: json!({ "url": "http://a.test/" }),
        within: Duration::from_secs(1),
        though_held: false,
    };
    let sent: Value = serde_json::from_str(&encode(7, &call)).unwrap();
    let expected = json!({ "id": 7, "method": "Page.navigate", "params": { "url": "http://a.test/" }, "sessionId": "S1" });
    assert_eq!(sent, expected);
    call.session = None;
    let sent: Value = serde_json::from_str(&encode(8, &call)).unwrap();
    assert_eq!(sent.get("sessionId"), None);
}

#[test]
fn answers_refusals_and_events_are_told_apart() {
    let got = [
        r#"{"id":1,"result":{"a":1},"sessionId":"S"}"#,
        r#"{"id":2,"error":{"code":-32000,"message":"No node"}}"#,
        r#"{"id":3,"error":{"code":-32001,"message":"Session with given id not found."}}"#,
        r#"{"method":"Page.loadEventFired","params":{"timestamp":1.5},"sessionId":"S"}"#,
        r#"{"method":"Target.targetDestroyed"}"#,
    ]
    .map(decode);
    let event = |session: Option<&str>, method: &str, params| Incoming::Event {
        session: session.map(SessionId::from),
        method: method.to_owned(),
        params,
    };
    let expected = [
        Incoming::Answer {
            id: 1,
            outcome: Ok(json!({ "a": 1 })),
        },
        Incoming::Answer {
            id: 2,
            outcome: Err(Fault::Refused("No node".to_owned())),
        },
        Incoming::Answer {
            id: 3,
            outcome: Err(Fault::NoTarget),
        },
        event(
            Some("S"),
            "Page.loadEventFired",
            json!({ "timestamp": 1.5 }),
        ),
        event(None, "Target.targetDestroyed", Value::Null),
    ];
    assert_eq!(got, expected);
}

#[test]
fn what_is_no_message_is_told_and_not_taken_for_one() {
    for text in ["", "[]", "{}", "{\"id\":", "null", "{\"method\":7}"] {
        assert!(
            matches!(decode(text), Incoming::Nonsense { .. }),
            "{text:?}"
        );
    }
}

/// A node in a node in a node, as `DOM.getDocument` answers.
fn nested(elements: usize) -> String {
    let mut text = "{\"a\\\"b\":[1,-2.5e3,true,null,\"\\u00e9]}\"]}".to_owned();
    for depth in 0..elements {
        text = format!(r#"{{"nodeId": {depth} ,"children":[ {text} ] , "name":"\\"}}"#);
    }
    text
}

#[test]
fn an_answer_about_elements_in_five_hundred_elements_is_read_whole() {
    let text = format!(r#"{{"id":9,"result":{}}}"#, nested(500));
    let Incoming::Answer {
        id: 9,
        outcome: Ok(mut value),
    } = decode(&text)
    else {
        panic!("it is not read");
    };
    for depth in (0..500).rev() {
        assert_eq!(
            (&value["nodeId"], &value["name"]),
            (&json!(depth), &json!("\\"))
        );
        value = value["children"][0].take();
    }
    assert_eq!(value, json!({ "a\"b": [1, -2500.0, true, null, "é]}"] }));
}

#[test]
fn the_deep_reader_agrees_with_the_ordinary_one() {
    for elements in [0, 1, 20] {
        let text = nested(elements);
        assert_eq!(
            deep::parse(&text).unwrap(),
            serde_json::from_str::<Value>(&text).unwrap()
        );
    }
    for text in ["1", "\"a\"", " [] ", "{}", "[[],{},\"\"]"] {
        assert_eq!(
            deep::parse(text).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }
    assert!(deep::parse("[1,").is_err());
}

#[test]
fn an_answer_that_is_nested_without_end_fails_its_own_call() {
    let text = format!(
        r#"{{"id":4,"result":{}}}"#,
        "[".repeat(100_000) + &"]".repeat(100_000)
    );
    let Incoming::Answer {
        id: 4,
        outcome: Err(Fault::Unreadable(detail)),
    } = decode(&text)
    else {
        panic!("it is read");
    };
    assert_eq!(detail, "it is nested more than 1100 levels deep");
    let broken = r#"{"result":{"a":"\ud800"},"id":5}"#;
    assert!(matches!(
        decode(broken),
        Incoming::Answer {
            id: 5,
            outcome: Err(Fault::Unreadable(_))
        }
    ));
}
