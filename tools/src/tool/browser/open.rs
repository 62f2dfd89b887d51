//! `browser_open`: shows a page.

use std::time::Duration;

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::{CallError, Came, NavigateError, Notice, Settled, Tab};
use egress::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined, report};
use crate::browser::OWN_NAMES;
use crate::browsing::{Stopped, Told, Visit, busy};
use crate::tool::{destination, object, shown_address, text};

/// How long a call waits for a download.
const DOWNLOAD_WITHIN: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    url: String,
    #[serde(default)]
    tab: Option<String>,
}

#[async_trait]
impl Move for Open {
    const NAME: &'static str = "browser_open";
    const DESCRIPTION: &'static str = "Opens a page in a real browser, where its scripts run, and shows what its window shows: texts in quotes, and things \
        to act on with references such as [e12]. Cookies are kept for the whole task. A server that you started with shell_start is \
        reached as http://localhost:PORT. For reading a page that needs no scripts, web_fetch is quicker where it is offered.";
    const EFFECT: EffectClass = EffectClass::Repeatable;

    fn parameters() -> Value {
        object(
            &json!({
                "url": {"type": "string", "minLength": 1, "description": "An http or https URL."},
                "tab": {"type": "string", "description": "\"new\" for a new tab, or a tab's name such as \"t2\"; the tab at work if absent."}
            }),
            &["url"],
        )
    }

    fn outward(arguments: &Value) -> Outward {
        let address = whole(&text(arguments, "url").unwrap_or_default());
        match Url::parse(&address) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) => {
                let (host, port) = destination(&url);
                if OWN_NAMES.contains(&host.as_str()) {
                    // It is a server of the task's own, or none.
                    return Outward::Page;
                }
                Outward::Open {
                    address,
                    host,
                    port,
                }
            }
            // The page is what the model wrote, scripts and all.
            Ok(url) if url.scheme() == "data" => Outward::Program,
            // No such page is opened.
            Ok(_) | Err(_) => Outward::Page,
        }
    }

    fn summary(arguments: &Value) -> Option<String> {
        let url = Url::parse(&text(arguments, "url")?).ok()?;
        shown_address(&url)
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let tab = match self.tab.as_deref().map(str::trim) {
            Some("new") => visit.new_tab().await?,
            Some(name) if !name.is_empty() => visit.tab(Some(name))?,
            Some(_) | None => match visit.tab(None) {
                Ok(tab) => tab,
                Err(_) => visit.new_tab().await?,
            },
        };
        let url = whole(&self.url);
        let arrived = tab.navigate(&url).await;
        arrival(visit, &tab, arrived, &format!("open {url}")).await
    }
}

/// The address that is meant: one that begins with a host is of the web.
fn whole(url: &str) -> String {
    let url = url.trim();
    let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_whole = url
        .split_once("://")
        .is_some_and(|(scheme, _)| is_scheme(scheme));
    // Such as about:blank, and not such as a.example:8080.
    let is_opaque = url.split_once(':').is_some_and(|(scheme, rest)| {
        is_scheme(scheme) && !rest.starts_with(|letter: char| letter.is_ascii_digit())
    });
    if is_whole || is_opaque {
        return url.to_owned();
    }
    let scheme = if OWN_NAMES.iter().any(|name| url.starts_with(name)) {
        "http"
    } else {
        "https"
    };
    format!("{scheme}://{url}")
}

/// What came of sending a tab somewhere, for the model and for the log.
pub(super) async fn arrival(
    visit: &mut Visit<'_>,
    tab: &Tab,
    arrived: Result<browser::Arrival, NavigateError>,
    action: &str,
) -> Result<Told, Stopped> {
    let note = match arrived {
        Ok(arrived) => match arrived.came {
            Came::Page(Settled::Dialog) | Came::SameDocument(Settled::Dialog) => {
                return Err(visit.trouble(tab, &CallError::DialogOpen).await);
            }
            Came::Page(settled) | Came::SameDocument(settled) => busy(settled),
            Came::Download(guid) => return download(visit, &guid).await,
        },
        Err(NavigateError::Call(error @ CallError::DialogOpen)) => {
            return Err(visit.trouble(tab, &error).await);
        }
        Err(NavigateError::Call(error)) => {
            let told = visit.trouble(tab, &error).await;
            return Err(format!("the page did not come: {told}"));
        }
        Err(error @ (NavigateError::Address(_) | NavigateError::NoHistory)) => {
            return Err(error.to_string());
        }
        Err(NavigateError::Failed(error)) => {
            return Err(format!("the page did not come: {}", explained(&error)));
        }
    };
    visit.acted(tab, action, None).await;
    let shown = report(visit, tab, true).await?;
    Ok(Told {
        ok: true,
        text: joined(&[note.unwrap_or_default(), &shown]),
    })
}

/// Waits for a download that an address turned out to be.
async fn download(visit: &mut Visit<'_>, guid: &str) -> Result<Told, Stopped> {
    let mark = visit.mark();
    let browser = &visit.live()?.browser;
    let wanted = Notice::DownloadEnded {
        guid: guid.to_owned(),
    };
    let ended = browser.notice(mark, DOWNLOAD_WITHIN, |notice| {
        (*notice == wanted).then_some(())
    });
    let text = match ended.await {
        Some(()) => "the address is that of a file, which was downloaded",
        None => "the address is that of a file; its download goes on",
    };
    Ok(Told {
        ok: true,
        text: text.to_owned(),
    })
}

/// The browser's word for what went wrong, with what it most likely means here.
fn explained(error: &str) -> String {
    let means = match error.trim() {
        "net::ERR_TUNNEL_CONNECTION_FAILED" | "net::ERR_PROXY_CONNECTION_FAILED" => {
            "this task may not reach that host, or it does not answer"
        }
        "net::ERR_CONNECTION_REFUSED" | "net::ERR_ADDRESS_UNREACHABLE" => "nothing listens there",
        "net::ERR_NAME_NOT_RESOLVED" => "there is no such host",
        "net::ERR_ABORTED" => "it was given up",
        other if other.contains("CERT") => {
            "its certificate is not valid, and such pages are not shown"
        }
        _ => return error.to_owned(),
    };
    format!("{error}: {means}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_what_may_be_secret_and_judged_whole() {
        let arguments = json!({"url": "https://u:p@a.example/x?key=1#y"});
        let summary = Open::summary(&arguments);
        assert_eq!(summary, Some("https://a.example/x".to_owned()));
        let Outward::Open {
            address,
            host,
            port,
        } = Open::outward(&arguments)
        else {
            panic!("it opens nothing");
        };
        assert_eq!((host.as_str(), port), ("a.example", 443));
        assert_eq!(address, "https://u:p@a.example/x?key=1#y");
    }

    #[test]
    fn what_is_opened_is_what_was_judged() {
        for (url, opened) in [
            (" a.example/x ", "https://a.example/x"),
            ("a.example:8080", "https://a.example:8080"),
            ("localhost:8123/", "http://localhost:8123/"),
            ("http://a.example", "http://a.example"),
            ("about:blank", "about:blank"),
            ("data:text/html,x", "data:text/html,x"),
            ("file:///etc/passwd", "file:///etc/passwd"),
            ("javascript:alert(1)", "javascript:alert(1)"),
            (
                "a.example/?to=http://b.example",
                "https://a.example/?to=http://b.example",
            ),
        ] {
            assert_eq!(whole(url), opened);
        }
        let of = |url: &str| Open::outward(&json!({ "url": url }));
        assert_eq!(of("a.example").place(), Some(("a.example", 443)));
        assert_eq!(of("data:text/html,<script>x</script>"), Outward::Program);
        assert_eq!(of("file:///etc/passwd"), Outward::Page);
        assert_eq!(of("http://localhost:8123/?d=1"), Outward::Page);
        assert_eq!(of("http://127.0.0.1:8123/"), Outward::Page);
        assert_eq!(of("http://2130706433:8123/"), Outward::Page);
        assert_eq!(
            of("http://localhost.evil.example/").place(),
            Some(("localhost.evil.example", 80))
        );
    }
}
