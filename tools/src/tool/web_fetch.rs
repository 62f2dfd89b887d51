//! `web_fetch`: a page or document of the web as text, without a browser.
//!
//! It is asked for through the guard, redirects included, and read inside the sandbox. A page is kept for a while, so that
//! its next part is not asked for again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_core::id::TaskId;
use agent_core::network::NetworkDecisions;
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use egress::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use egress::{Guard, StatusCode, Url, read_capped};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::get::{get, sentence};
use super::{Context, Tool, cut, object, spec};
use crate::documents;
use crate::inside::document::Ask;
use crate::options::WebOptions;

/// Pages that are kept, and for how long.
const KEPT_MAX: usize = 8;
const KEPT_FOR: Duration = Duration::from_mins(10);
/// Larger ones are not kept.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
const ACCEPTED: &str =
    "text/html,application/xhtml+xml,application/pdf,application/json,text/*;q=0.9,*/*;q=0.5";

pub(super) struct WebFetch {
    guard: Guard,
    options: WebOptions,
    kept: Mutex<VecDeque<Arc<Fetched>>>,
}

/// An answer of the web.
struct Fetched {
    task: TaskId,
    asked: Url,
    at: Instant,
    /// Where redirects led.
    url: Url,
    status: StatusCode,
    media_type: String,
    bytes: Vec<u8>,
    is_cut: bool,
}

impl WebFetch {
    pub fn new(options: &WebOptions, guard: Guard) -> Self {
        Self {
            guard,
            options: options.clone(),
            kept: Mutex::default(),
        }
    }

    fn kept(&self, task: &TaskId, asked: &Url) -> Option<Arc<Fetched>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|page| page.at.elapsed() < KEPT_FOR);
        // A task sees what it fetched itself: another may be granted other hosts.
        let same = |page: &&Arc<Fetched>| page.task == *task && page.asked == *asked;
        kept.iter().find(same).cloned()
    }

    fn keep(&self, page: &Arc<Fetched>) {
        if page.bytes.len() > KEPT_BYTES_MAX || !page.status.is_success() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Arc::clone(page));
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
    }

    /// Asks for the page and keeps it. What was asked on the way is part of the outcome, whatever comes of it.
    async fn fetch(
        &self,
        task: &TaskId,
        asked: Url,
        hosts: Option<&egress::Hosts>,
    ) -> (Result<Arc<Fetched>, String>, NetworkDecisions) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let within = Duration::from_millis(self.options.timeout_ms);
        let got = get(&self.guard, asked.clone(), headers, hosts, within).await;
        let response = match got.answer {
            Ok(response) => response,
            Err(error) => return (Err(sentence(&error)), got.asked.decisions(0)),
        };
        let (url, status) = (response.url().clone(), response.status());
        let media_type = response.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let (bytes, is_cut) = match read_capped(response, self.options.bytes_max).await {
            Ok(read) => read,
            Err(error) => return (Err(sentence(&error)), got.asked.decisions(0)),
        };
        let bytes_down = bytes.len().try_into().unwrap_or(u64::MAX);
        let page = Arc::new(Fetched {
            task: task.clone(),
            asked,
            at: Instant::now(),
            url,
            status,
            media_type,
            bytes,
            is_cut,
        });
        self.keep(&page);
        (Ok(page), got.asked.decisions(bytes_down))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    full: bool,
}

#[async_trait]
impl Tool for WebFetch {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "url": {"type": "string", "minLength": 1, "description": "An http or https URL."},
                "part": {"type": "string", "description": "Which part of a long answer: the words that the last answer gave to go on with, such as \"lines 200-\" or \"pages 5-\"."},
                "full": {"type": "boolean", "description": "The whole page with menus and margins, instead of its main text; false if absent."}
            }),
            &["url"],
        );
        let description = "Fetches a page or document of the web and shows it as text with links: HTML as Markdown, PDF, DOCX, XLSX, JSON \
            and others as document_read does. Scripts of the page are not run. Only hosts that this task may reach.";
        ToolSpec {
            outside: true,
            ..spec("web_fetch", description, parameters, EffectClass::Read)
        }
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Outside
    }

    fn outward(&self, arguments: &Value) -> Option<Outward> {
        Some(super::fetched(arguments))
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let url = Url::parse(&super::text(arguments, "url")?).ok()?;
        super::shown_address(&url)
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let hosts = match context.shared.gate.web(&context.call.grants) {
            Ok(hosts) => hosts,
            Err(refused) => return Ok(ToolOutcome::say(false, refused)),
        };
        let mut url = match Url::parse(&arguments.url) {
            Ok(url) => url,
            Err(error) => {
                let said = format!("{:?} is not a URL: {error}", arguments.url);
                return Ok(ToolOutcome::say(false, said));
            }
        };
        url.set_fragment(None);
        let task = &context.call.place.task;
        let (page, network) = if let Some(page) = self.kept(task, &url) {
            (Ok(page), NetworkDecisions::default())
        } else {
            let connection = match context.connection(&url) {
                Ok(connection) => connection,
                Err(outcome) => return Ok(outcome),
            };
            let fetched = self.fetch(task, url, hosts.as_ref()).await;
            let bytes = fetched.0.as_ref().map_or(0, |page| page.bytes.len());
            connection.note(bytes.try_into().unwrap_or(u64::MAX));
            fetched
        };
        let outcome = match page {
            Ok(page) => self.read(&context, &page, arguments).await?,
            Err(complaint) => ToolOutcome::say(false, complaint),
        };
        Ok(ToolOutcome {
            network: Box::new(network),
            ..outcome
        })
    }
}

impl WebFetch {
    async fn read(
        &self,
        context: &Context<'_>,
        page: &Fetched,
        arguments: Arguments,
    ) -> Result<ToolOutcome, ToolError> {
        let shown = context.shared.options.shown_bytes_max;
        let ask = Ask {
            path: None,
            name: name_of(page),
            part: arguments.part,
            full: arguments.full,
            formulas: false,
            page: Some(page.url.to_string()),
            bytes_max: u64::try_from(shown.saturating_sub(900)).unwrap_or(u64::MAX),
        };
        let sandbox = context.shared.sandbox.as_ref();
        let read =
            documents::read(sandbox, context.place()?, &ask, Some(page.bytes.clone())).await?;
        let mut head = format!("{} {}", page.status, page.url);
        if page.is_cut {
            let most = self.options.bytes_max;
            head =
                format!("{head}\n[the answer is longer than {most} bytes; the rest was not read]");
        }
        let text = cut::middle(&read.content, shown);
        Ok(ToolOutcome {
            ok: read.ok && page.status.is_success(),
            content: format!("{head}\n{text}"),
            ..read
        })
    }
}

/// A name that tells what the answer is: by its media type, else as its address ends.
fn name_of(page: &Fetched) -> String {
    let plain = page.media_type.split(';').next().unwrap_or_default().trim();
    let extension = match plain {
        "text/html" | "application/xhtml+xml" => Some("html"),
        "application/pdf" => Some("pdf"),
        "application/json" => Some("json"),
        "text/csv" => Some("csv"),
        "text/plain" => Some("txt"),
        "text/markdown" => Some("md"),
        _ => None,
    };
    if let Some(extension) = extension {
        return format!("page.{extension}");
    }
    let mut segments = page.url.path_segments().into_iter().flatten();
    segments.next_back().unwrap_or_default().to_owned()
}
