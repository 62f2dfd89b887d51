//! `browser_tab`: lists, switches and closes tabs, and goes back, forward or reloads.

use std::fmt::Write;

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::open::arrival;
use super::{Move, report};
use crate::browsing::{Stopped, Told, Visit, one_line};
use crate::tool::{object, text};

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum What {
    List,
    Switch,
    Close,
    Back,
    Forward,
    Reload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tabs {
    #[serde(rename = "do")]
    what: What,
    #[serde(default)]
    tab: Option<String>,
}

#[async_trait]
impl Move for Tabs {
    const NAME: &'static str = "browser_tab";
    const DESCRIPTION: &'static str = "Lists the tabs, switches to one, closes one, or goes back, forward or reloads in one. A reload sends a form again if the page came from one.";
    const EFFECT: EffectClass = EffectClass::Repeatable;

    fn parameters() -> Value {
        object(
            &json!({
                "do": {"type": "string", "enum": ["list", "switch", "close", "back", "forward", "reload"]},
                "tab": {"type": "string", "description": "A tab's name such as \"t2\"; the tab at work if absent."}
            }),
            &["do"],
        )
    }

    fn effect(arguments: &Value) -> EffectClass {
        match text(arguments, "do").as_deref() {
            Some("list" | "switch" | "close") => EffectClass::Repeatable,
            // A form that a page came from may be sent again.
            Some(_) | None => EffectClass::Once,
        }
    }

    fn outward(arguments: &Value) -> Outward {
        match text(arguments, "do").as_deref() {
            Some("list" | "close") => Outward::Page,
            // The page sees it, or its server does.
            Some(_) | None => Outward::Program,
        }
    }

    fn summary(arguments: &Value) -> Option<String> {
        text(arguments, "do")
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let named = self.tab.as_deref().map(str::trim);
        let named = named.filter(|name| !name.is_empty());
        match self.what {
            What::List => list(visit).await,
            What::Switch => {
                let named = named.ok_or("say which tab")?;
                let tab = visit.tab(Some(named))?;
                if let Err(error) = tab.bring_to_front().await {
                    return Err(visit.trouble(&tab, &error).await);
                }
                // What was shown of it before may be long ago.
                let text = report(visit, &tab, false).await?;
                Ok(Told { ok: true, text })
            }
            What::Close => {
                let tab = visit.tab(named)?;
                if let Err(error) = tab.close().await {
                    return Err(visit.trouble(&tab, &error).await);
                }
                list(visit).await
            }
            What::Back => {
                let tab = visit.tab(named)?;
                let arrived = tab.back().await;
                arrival(visit, &tab, arrived, "go back").await
            }
            What::Forward => {
                let tab = visit.tab(named)?;
                let arrived = tab.forward().await;
                arrival(visit, &tab, arrived, "go forward").await
            }
            What::Reload => {
                let tab = visit.tab(named)?;
                let arrived = tab.reload().await;
                arrival(visit, &tab, arrived, "reload").await
            }
        }
    }
}

async fn list(visit: &mut Visit<'_>) -> Result<Told, Stopped> {
    let tabs = visit.tabs()?;
    let mut text = String::new();
    for (name, tab, is_current) in tabs {
        let (url, title) = (tab.url().unwrap_or_default(), tab.title().await);
        let mark = if is_current { "*" } else { " " };
        let title = title.unwrap_or_default();
        // Writing to a string cannot fail.
        let url = one_line(&url);
        let _ = write!(text, "{mark}{name} {title:?} {url}");
        let opener = tab.opener().ok().flatten();
        if let Some(opener) = opener.and_then(|opener| visit.name_of(&opener)) {
            let _ = write!(text, " (opened by the page of {opener})");
        }
        if tab.dialog().is_ok_and(|dialog| dialog.is_some()) {
            text.push_str(" (a dialog is open)");
        }
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str("no tab is open; open a page with browser_open");
    }
    Ok(Told { ok: true, text })
}
