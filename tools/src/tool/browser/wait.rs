//! `browser_wait`: waits for a text, an address, or that something goes.

use std::time::Duration;

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::Wanted;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined, report};
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::object;

/// The usual wait, and the longest.
const SECONDS: (u64, u64) = (10, 30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitFor {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    gone: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    seconds: Option<u64>,
}

impl WaitFor {
    fn wanted(&self) -> Result<(Wanted, String), Stopped> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        match (given(&self.text), given(&self.gone), given(&self.url)) {
            (Some(text), None, None) => {
                let said = format!("the page shows {text:?}");
                Ok((Wanted::Text(text), said))
            }
            (None, Some(text), None) => {
                let said = format!("the page does not show {text:?} any more");
                Ok((Wanted::Gone(text), said))
            }
            (None, None, Some(part)) => {
                let said = format!("the address contains {part:?}");
                Ok((Wanted::Url(part), said))
            }
            _ => Err("say one of text, gone and url".to_owned()),
        }
    }
}

#[async_trait]
impl Move for WaitFor {
    const NAME: &'static str = "browser_wait";
    const DESCRIPTION: &'static str = "Waits until the page shows a text, shows it no more, or has another address, and shows the page. Actions wait by \
        themselves for what they lead to; this is for what takes longer.";
    const EFFECT: EffectClass = EffectClass::Read;

    fn parameters() -> Value {
        object(
            &json!({
                "text": {"type": "string", "minLength": 1, "description": "Wait until this text is seen."},
                "gone": {"type": "string", "minLength": 1, "description": "Wait until this text is not seen any more."},
                "url": {"type": "string", "minLength": 1, "description": "Wait until the address contains this."},
                "seconds": {"type": "integer", "minimum": 1, "maximum": SECONDS.1, "description": format!("The longest wait; {} if absent.", SECONDS.0)}
            }),
            &[],
        )
    }

    fn outward(_arguments: &Value) -> Outward {
        Outward::Page
    }

    fn summary(_arguments: &Value) -> Option<String> {
        None
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let (wanted, said) = self.wanted()?;
        let tab = visit.tab(None)?;
        let seconds = self.seconds.unwrap_or(SECONDS.0).clamp(1, SECONDS.1);
        let within = Duration::from_secs(seconds);
        let came = match tab.wait_for(&wanted, within).await {
            Ok(came) => came,
            Err(error) => return Err(visit.trouble(&tab, &error).await),
        };
        let said = if came {
            said
        } else {
            format!("after {seconds} s it is not so that {said}")
        };
        let shown = report(visit, &tab, came).await?;
        Ok(Told {
            ok: came,
            text: joined(&[&said, &shown]),
        })
    }
}
