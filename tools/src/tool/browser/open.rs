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
use crate::browsing::{Stopped, Told, Visit, busy};
use crate::tool::{destination, object, shown_address, text};

/// How long a call waits for a download.
const DOWNLOAD_WITHIN: Duration = Duration::from_secs(60);

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
        let address = text(arguments, "url").unwrap_or_default();
        match Url::parse(&address) {
            Ok(url) => {
                let (host, port) = destination(&url);
                Outward::Open {
                    address,
                    host,
                    port,
                }
            }
            // Then no page is opened.
            Err(_) => Outward::Page,
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
        let url = self.url.trim();
        let url = if url.contains("://") || url.starts_with("about:") {
            url.to_owned()
        } else {
            format!("https://{url}")
        };
        let arrived = tab.navigate(&url).await;
        arrival(visit, &tab, arrived, &format!("open {url}")).await
    }
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
    let ended = browser.notice(mark, DOWNLOAD_WITHIN, |notice| match notice {
        Notice::DownloadEnded { guid: ended } if ended == guid => Some(()),
        _ => None,
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
}
