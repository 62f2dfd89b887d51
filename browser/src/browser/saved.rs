//! What is kept of a browser that is closed: its cookies, the storage of the pages that were open, and where its tabs were. Not what was
//! typed into forms, nor databases of pages.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::Browser;
use crate::driver::{CallError, Frames, TargetId};
use crate::tab::Tab;

/// How long a page may take to tell its storage. One that hangs is kept without.
const TELL_WITHIN: Duration = Duration::from_millis(500);
/// How long a page may take to come back.
const COME_WITHIN: Duration = Duration::from_secs(20);

/// What a page stored, as far as it fits.
const STORED: &str = "(() => {
    const most = 262144;
    const all = storage => {
        const kept = {};
        let letters = 0;
        for (let at = 0; at < storage.length; at++) {
            const name = storage.key(at), value = storage.getItem(name) ?? '';
            letters += name.length + value.length;
            if (letters > most) break;
            kept[name] = value;
        }
        return kept;
    };
    try {
        return { origin: location.origin, local: all(localStorage), session: all(sessionStorage) };
    } catch {
        return null;
    }
})()";

/// Fields of a cookie that are put back as they were.
const COOKIE_FIELDS: [&str; 11] = [
    "name",
    "value",
    "domain",
    "path",
    "secure",
    "httpOnly",
    "sameSite",
    "priority",
    "sourceScheme",
    "sourcePort",
    "partitionKey",
];

/// See the module's description. Holds what logs in: never printed.
#[derive(Clone, Default)]
pub struct Saved {
    cookies: Vec<Value>,
    tabs: Vec<SavedTab>,
}

impl std::fmt::Debug for Saved {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Saved");
        shown.field("cookies", &self.cookies.len());
        shown.field("tabs", &self.tabs.len()).finish()
    }
}

#[derive(Clone)]
struct SavedTab {
    target: TargetId,
    url: String,
    stored: Option<Stored>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    origin: String,
    local: Map<String, Value>,
    session: Map<String, Value>,
}

impl Saved {
    /// Whether there is nothing to put back.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.tabs.is_empty()
    }
}

impl Stored {
    /// A script that puts it back before any script of the page runs, where the page has not stored anything since.
    fn script(&self) -> String {
        let stored = json!(self);
        format!(
            "(() => {{
                const kept = {stored};
                if (location.origin !== kept.origin || window !== window.top) return;
                try {{
                    for (const [storage, values] of [[localStorage, kept.local], [sessionStorage, kept.session]]) {{
                        if (storage.length) continue;
                        for (const [name, value] of Object.entries(values)) storage.setItem(name, value);
                    }}
                }} catch {{ }}
            }})()"
        )
    }
}

impl Browser {
    /// Keeps what can be kept. Of a page that does not answer, what was kept `before` counts. `None` if the browser itself does not
    /// answer.
    pub async fn save(&self, before: &Saved) -> Option<Saved> {
        let answer = self.inner.call("Storage.getCookies", json!({})).await;
        let Ok(Value::Array(cookies)) = answer.map(|answer| answer["cookies"].clone()) else {
            return None;
        };
        let tabs = self.tabs();
        let tabs = join_all(tabs.iter().map(|tab| saved(tab, before))).await;
        Some(Saved {
            cookies,
            tabs: tabs.into_iter().flatten().collect(),
        })
    }

    /// Puts back what was kept. Gives the tabs that came back, each with what it was called before.
    pub async fn restore(&self, saved: &Saved) -> Vec<(TargetId, TargetId)> {
        let cookies: Vec<Value> = saved.cookies.iter().map(cookie).collect();
        if !cookies.is_empty() {
            let set = json!({ "cookies": cookies });
            if let Err(error) = self.inner.call("Storage.setCookies", set).await {
                tracing::warn!(%error, "cookies cannot be put back");
            }
        }
        let mut back = Vec::new();
        for kept in &saved.tabs {
            match timeout(COME_WITHIN, self.bring_back(kept)).await {
                Ok(Ok(tab)) => back.push((kept.target.clone(), tab.id().clone())),
                Ok(Err(error)) => tracing::debug!(%error, "a tab does not come back"),
                Err(_) => tracing::debug!("a tab does not come back in time"),
            }
        }
        back
    }

    async fn bring_back(&self, kept: &SavedTab) -> Result<Tab, CallError> {
        let tab = self.open_tab().await?;
        let script = match &kept.stored {
            Some(stored) => {
                let added = json!({ "source": stored.script() });
                let method = "Page.addScriptToEvaluateOnNewDocument";
                Some(tab.call(method, added).await?["identifier"].clone())
            }
            None => None,
        };
        // A page that does not come is shown as such, and its address is in the tab.
        let _ = tab.navigate(&kept.url).await;
        if let Some(identifier) = script {
            let method = "Page.removeScriptToEvaluateOnNewDocument";
            tab.call(method, json!({ "identifier": identifier }))
                .await?;
        }
        Ok(tab)
    }
}

async fn saved(tab: &Tab, before: &Saved) -> Option<SavedTab> {
    let url = tab.url().ok()?;
    if !url.starts_with("http:") && !url.starts_with("https:") {
        return None;
    }
    let told = timeout(TELL_WITHIN, stored(tab)).await.ok().flatten();
    let known = || {
        let mut before = before.tabs.iter();
        before.find(|one| one.target == *tab.id())?.stored.clone()
    };
    Some(SavedTab {
        target: tab.id().clone(),
        url,
        stored: told.or_else(known),
    })
}

async fn stored(tab: &Tab) -> Option<Stored> {
    let top = tab.frames().into_iter().next()?;
    let told = tab.evaluate(&top, STORED).await.ok()?;
    serde_json::from_value(told).ok()
}

/// A cookie as it is put back. One without an end ends with the browser.
fn cookie(kept: &Value) -> Value {
    let mut fields = Map::new();
    for name in COOKIE_FIELDS {
        if let Some(value) = kept.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(expires) = kept["expires"].as_f64().filter(|expires| *expires > 0.0) {
        fields.insert("expires".to_owned(), json!(expires));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_put_back_with_its_end_if_it_has_one() {
        let kept = json!({
            "name": "sid", "value": "1", "domain": "a.example", "path": "/", "expires": -1, "size": 4, "session": true,
            "httpOnly": true, "secure": false,
        });
        let put = json!({
            "name": "sid", "value": "1", "domain": "a.example", "path": "/", "httpOnly": true, "secure": false,
        });
        assert_eq!(cookie(&kept), put);
        let kept = json!({"name": "a", "value": "", "expires": 1_900_000_000.5});
        assert_eq!(cookie(&kept)["expires"], json!(1_900_000_000.5));
    }

    #[test]
    fn what_logs_in_is_not_printed() {
        let saved = Saved {
            cookies: vec![json!({"name": "sid", "value": "hidden"})],
            tabs: Vec::new(),
        };
        assert_eq!(format!("{saved:?}"), "Saved { cookies: 1, tabs: 0 }");
    }
}
