//! `browser_dialog`: answers a dialog of a page.

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::ActError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined, report};
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::object;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    accept: bool,
    #[serde(default)]
    text: Option<String>,
}

#[async_trait]
impl Move for Answer {
    const NAME: &'static str = "browser_dialog";
    const DESCRIPTION: &'static str = "Answers the dialog (alert, confirm, prompt, leave page) that the page shows, and shows the page.";
    const EFFECT: EffectClass = EffectClass::Once;

    fn parameters() -> Value {
        object(
            &json!({
                "accept": {"type": "boolean", "description": "true for OK or leave, false for cancel or stay."},
                "text": {"type": "string", "description": "What to answer a prompt."}
            }),
            &["accept"],
        )
    }

    fn outward(_arguments: &Value) -> Outward {
        Outward::Program
    }

    fn summary(arguments: &Value) -> Option<String> {
        let accept = arguments.get("accept")?.as_bool()?;
        Some(if accept { "accept" } else { "dismiss" }.to_owned())
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let tab = visit.tab(None)?;
        let dialog = tab.dialog().ok().flatten();
        let dialog = dialog.ok_or("the page shows no dialog")?;
        let start = match tab.start() {
            Ok(start) => start,
            Err(error) => return Err(visit.trouble(&tab, &error).await),
        };
        if let Err(error) = tab.answer_dialog(self.accept, self.text.as_deref()).await {
            return Err(visit.act_trouble(&tab, &ActError::Call(error)).await);
        }
        let note = match visit.settle(&tab, start).await {
            Ok(note) => note,
            Err(why) => {
                return Err(format!(
                    "the dialog was answered; what came of it is not known: {why}"
                ));
            }
        };
        let how = if self.accept { "accept" } else { "dismiss" };
        let action = format!("{how} the dialog {:?}", dialog.message);
        visit.acted(&tab, &action, None).await;
        let shown = report(visit, &tab, true).await?;
        Ok(Told {
            ok: true,
            text: joined(&[note.unwrap_or_default(), &shown]),
        })
    }
}
