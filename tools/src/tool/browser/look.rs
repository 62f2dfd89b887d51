//! `browser_look`: shows what a page's window shows, more of it, a find, or a picture.

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::page::{Find, Look, Part, Reference};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Move;
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::object;

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    View,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookAt {
    #[serde(default)]
    part: Wanted,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    find: Option<String>,
    #[serde(default)]
    image: bool,
}

#[async_trait]
impl Move for LookAt {
    const NAME: &'static str = "browser_look";
    const DESCRIPTION: &'static str = "Shows the page again: what the window shows, with references to act on. Scroll with browser_act, or take part \"all\" for \
        the whole page. With find, the lines around a text, also outside the window. With image, a picture too.";
    const EFFECT: EffectClass = EffectClass::Read;

    fn parameters() -> Value {
        object(
            &json!({
                "part": {"type": "string", "enum": ["view", "all"], "description": "\"view\" if absent."},
                "ref": {"type": "string", "description": "Only the thing with this reference and all in it, such as \"e12\"."},
                "find": {"type": "string", "minLength": 1, "description": "A text to find on the page."},
                "image": {"type": "boolean", "description": "Also a picture of the window, for models that see; false if absent."}
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
        let tab = visit.tab(None)?;
        let mut text = match (&self.find, &self.reference) {
            (Some(find), _) if !find.trim().is_empty() => {
                let found = visit.find(&tab, &Find::text(find)).await?;
                found.text
            }
            (_, reference) => {
                let reference = reference
                    .as_deref()
                    .filter(|named| !named.trim().is_empty());
                let reference = reference
                    .map(|named| {
                        named
                            .parse::<Reference>()
                            .map_err(|error| error.to_string())
                    })
                    .transpose()?;
                let look = Look {
                    part: match self.part {
                        Wanted::View => Part::View,
                        Wanted::All => Part::All,
                    },
                    reference,
                    ..Look::default()
                };
                let name = visit.name(&tab);
                let view = visit.look(&tab, &look).await?;
                format!("tab {name}\n{}", view.text)
            }
        };
        if self.image && !visit.show(&tab).await {
            text.push_str("\n(no picture can be had of it now)");
        }
        Ok(Told { ok: true, text })
    }
}
