//! `web_search`: asks the search service that the operator named, and lists what it found.
//!
//! What a service wants and answers is described in settings: an address or a body with `{query}` in it, and where in its
//! JSON the results are. So any service can be used, and none is built in.

use std::fmt::Write;
use std::time::Duration;

use agent_core::network::{NetworkDecision, NetworkMode};
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use egress::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use egress::{Guard, Method, Request, Url, read_capped};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, cut, object, spec};
use crate::options::SearchOptions;

/// Results that a model is shown when it names no number, and at most.
const COUNT: usize = 8;
const COUNT_MAX: usize = 20;
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(30);
const TITLE_BYTES_MAX: usize = 200;
const SNIPPET_BYTES_MAX: usize = 600;

pub(super) struct WebSearch {
    options: SearchOptions,
    guard: Guard,
}

impl WebSearch {
    pub fn new(options: &SearchOptions, guard: Guard) -> Self {
        Self {
            options: options.clone(),
            guard,
        }
    }

    /// The request for a query, or what is wrong with the settings.
    fn request(&self, query: &str, count: usize) -> Result<Request, String> {
        let wrong = |what: String| format!("the search service is not set up well: {what}");
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let address = filled(&self.options.url, &encoded, count);
        let url =
            Url::parse(&address).map_err(|error| wrong(format!("tools.search.url: {error}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (method, body) = if self.options.body.is_empty() {
            (Method::GET, String::new())
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            // As it stands between the quotes of a JSON text.
            let quoted = Value::from(query).to_string();
            let inner = quoted.get(1..quoted.len().saturating_sub(1));
            (
                Method::POST,
                filled(&self.options.body, inner.unwrap_or_default(), count),
            )
        };
        if let Some(key) = &self.options.key {
            let name = HeaderName::from_bytes(self.options.header.as_bytes())
                .map_err(|_| wrong("tools.search.header is no name of a header".to_owned()))?;
            let text = self.options.format.replace("{key}", key.expose());
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| wrong("tools.search.key cannot be sent in a header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut request = egress::request(method, url, headers, body);
        *request.timeout_mut() = Some(WITHIN);
        Ok(request)
    }

    /// What was found, as lines; or nothing where the answer is not of the form that the settings describe.
    fn lines(&self, answer: &Value, count: usize) -> Option<String> {
        let results = at(answer, &self.options.results)?.as_array()?;
        let mut lines = String::new();
        for (number, result) in results.iter().take(count).enumerate() {
            let text = |path: &str| at(result, path).and_then(Value::as_str).unwrap_or_default();
            let title = cut::middle(text(&self.options.title).trim(), TITLE_BYTES_MAX);
            let snippet = cut::middle(text(&self.options.snippet).trim(), SNIPPET_BYTES_MAX);
            let address = text(&self.options.link);
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{}. {title}\n   {address}", number + 1);
            if !snippet.is_empty() {
                let _ = writeln!(lines, "   {}", snippet.replace('\n', " "));
            }
        }
        Some(lines)
    }
}

/// A template with its places filled.
fn filled(template: &str, query: &str, count: usize) -> String {
    // The query last: it may hold what looks like a place.
    let counted = template.replace("{count}", &count.to_string());
    counted.replace("{query}", query)
}

/// The value at a path of names with dots between them; the whole where the path is empty.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.').filter(|name| !name.is_empty());
    names.try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            value.get(name)
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    query: String,
    count: Option<usize>,
}

#[async_trait]
impl Tool for WebSearch {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "query": {"type": "string", "minLength": 1, "description": "What to search for."},
                "count": {"type": "integer", "minimum": 1, "maximum": COUNT_MAX, "description": format!("How many results; {COUNT} if absent.")}
            }),
            &["query"],
        );
        let description = "Searches the web and lists titles, addresses and excerpts. Read the pages that matter with web_fetch before you \
            rely on them.";
        ToolSpec {
            files: FileUse::None,
            outside: true,
            ..spec("web_search", description, parameters, EffectClass::Read)
        }
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Outside
    }

    /// The operator named the service; nobody else reads what it is asked.
    fn outward(&self, _arguments: &Value) -> Option<Outward> {
        Some(Outward::Nothing)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "query")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let granted = context.call.grants.network.as_ref();
        if granted.is_some_and(|granted| granted.mode == NetworkMode::None) {
            return Ok(ToolOutcome::say(false, "this task was given no network"));
        }
        let count = arguments.count.unwrap_or(COUNT).clamp(1, COUNT_MAX);
        let request = match self.request(&arguments.query, count) {
            Ok(request) => request,
            Err(complaint) => return Ok(ToolOutcome::say(false, complaint)),
        };
        let connection = match context.connection(request.url()) {
            Ok(connection) => connection,
            Err(outcome) => return Ok(outcome),
        };
        let (host, port) = super::destination(request.url());
        let answered = match self.guard.execute(request).await {
            Ok(response) => {
                let status = response.status();
                let body = read_capped(response, ANSWER_BYTES_MAX).await;
                body.map(|(body, _)| (status, body))
            }
            Err(error) => Err(error),
        };
        let mut outcome = match &answered {
            Ok((status, body)) if status.is_success() => {
                let answer: Option<Value> = serde_json::from_slice(body).ok();
                match answer.and_then(|answer| self.lines(&answer, count)) {
                    Some(lines) if lines.is_empty() => ToolOutcome::say(true, "nothing was found"),
                    Some(lines) => {
                        let shown = context.shared.options.shown_bytes_max;
                        let lines = cut::middle(&lines, shown);
                        ToolOutcome::say(true, lines)
                    }
                    None => ToolOutcome::say(
                        false,
                        "the search service answered in another form than tools.search says; its operator has to mend that",
                    ),
                }
            }
            Ok((status, _)) => {
                ToolOutcome::say(false, format!("the search service answered {status}"))
            }
            Err(error) => {
                ToolOutcome::say(false, format!("the search service gave no answer: {error}"))
            }
        };
        let refused = match &answered {
            Err(error @ egress::Error::Forbidden { .. }) => Some(error.to_string()),
            Ok(_) | Err(_) => None,
        };
        let bytes_down = answered.map_or(0, |(_, body)| body.len());
        connection.note(bytes_down.try_into().unwrap_or(u64::MAX));
        outcome.network.add(NetworkDecision {
            bytes_down: bytes_down.try_into().unwrap_or(u64::MAX),
            ..super::decision(host, port, refused)
        });
        Ok(outcome)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn search(change: impl FnOnce(&mut SearchOptions)) -> WebSearch {
        let mut options = SearchOptions {
            url: "https://search.example/search?q={query}&format=json&n={count}".to_owned(),
            ..SearchOptions::default()
        };
        change(&mut options);
        WebSearch::new(&options, Guard::new(egress::Options::default()).unwrap())
    }

    #[test]
    fn a_query_is_written_into_address_and_body_as_each_wants_it() {
        let query = "a&b=\"{count}\" ü";
        let request = search(|_| ()).request(query, 5).unwrap();
        let address =
            "https://search.example/search?q=a%26b%3D%22%7Bcount%7D%22+%C3%BC&format=json&n=5";
        assert_eq!(
            (request.method(), request.url().as_str()),
            (&Method::GET, address)
        );
        let posting = search(|options| {
            options.url = "https://api.example/search".to_owned();
            options.body = "{\"query\": \"{query}\", \"max_results\": {count}}".to_owned();
            options.key = Some(agent_core::secret::Secret::new("k"));
        });
        let request = posting.request(query, 5).unwrap();
        let body: Value =
            serde_json::from_slice(request.body().unwrap().as_bytes().unwrap()).unwrap();
        assert_eq!(body, json!({"query": query, "max_results": 5}));
        assert_eq!(request.headers()["authorization"], "Bearer k");
        assert!(!format!("{request:?}").contains("Bearer k"));
    }

    #[test]
    fn results_are_found_where_the_settings_say() {
        let searxng = json!({"results": [
            {"title": "One", "url": "https://one.example/", "content": "first\nresult"},
            {"title": "Two", "url": "https://two.example/"},
        ]});
        assert_eq!(
            search(|_| ()).lines(&searxng, 2).unwrap(),
            "1. One\n   https://one.example/\n   first result\n2. Two\n   https://two.example/\n"
        );
        let brave = search(|options| {
            options.results = "web.results".to_owned();
            options.snippet = "description".to_owned();
        });
        let answer = json!({"web": {"results": [{"title": "T", "url": "https://t.example/", "description": "d"}]}});
        assert_eq!(
            brave.lines(&answer, 9).unwrap(),
            "1. T\n   https://t.example/\n   d\n"
        );
        assert_eq!(brave.lines(&searxng, 9), None);
    }
}
