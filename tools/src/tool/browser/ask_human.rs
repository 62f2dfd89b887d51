//! `browser_ask_human`: hands the page to a person, and goes on when they are done.
//!
//! The step waits before the call is made, so that what is done here comes after the person: a look at what they left.

use agent_core::help::{HelpAsked, HelpFor};
use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined, report};
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::object;

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskHuman {
    why: HelpFor,
    note: String,
}

impl AskHuman {
    fn of(arguments: &Value) -> Option<Self> {
        let asked = Self::deserialize(arguments).ok();
        asked.filter(|asked| !asked.note.trim().is_empty())
    }
}

#[async_trait]
impl Move for AskHuman {
    const NAME: &'static str = "browser_ask_human";
    const DESCRIPTION: &'static str = "Asks a person to do something in the page that you must not or cannot do yourself: solve a captcha, log in, enter a code that was sent to \
        them, pay. They see the page and use it; you go on when they say that they are done, which may take long. Open the page first.";
    const EFFECT: EffectClass = EffectClass::Read;

    fn parameters() -> Value {
        let kinds: Vec<&str> = HelpFor::ALL.iter().map(|kind| kind.label()).collect();
        object(
            &json!({
                "why": {"type": "string", "enum": kinds, "description": "What they are needed for."},
                "note": {"type": "string", "minLength": 1, "maxLength": NOTE_CHARS_MAX, "description": "What they are to do, and when it is done."}
            }),
            &["why", "note"],
        )
    }

    fn outward(_arguments: &Value) -> Outward {
        Outward::Page
    }

    fn summary(arguments: &Value) -> Option<String> {
        Self::of(arguments).map(|asked| asked.why.label().to_owned())
    }

    fn help(arguments: &Value) -> Option<HelpAsked> {
        let asked = Self::of(arguments)?;
        Some(HelpAsked {
            why: asked.why,
            note: asked.note.trim().chars().take(NOTE_CHARS_MAX).collect(),
        })
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        if self.note.trim().is_empty() {
            return Err("say in note what the person is to do".to_owned());
        }
        let tab = visit.tab(None)?;
        let shown = report(visit, &tab, false).await?;
        let said = "The person says that it is done. This is how the page looks now:";
        Ok(Told {
            ok: true,
            text: joined(&[said, &shown]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_asked_only_for_what_the_arguments_say() {
        let note = "Log in as yourself; done when the list of orders is there.";
        let asked = AskHuman::help(&json!({"why": "login", "note": format!(" {note}\n")}));
        let wanted = HelpAsked {
            why: HelpFor::Login,
            note: note.to_owned(),
        };
        assert_eq!(asked, Some(wanted));
        for bad in [
            json!({"why": "login"}),
            json!({"why": "fun", "note": "x"}),
            json!({"why": "code", "note": " "}),
        ] {
            assert_eq!(AskHuman::help(&bad), None, "{bad}");
        }
    }
}
