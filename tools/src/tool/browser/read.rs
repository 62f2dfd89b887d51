//! `browser_read`: the text of a page as Markdown, a part at a time.

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::page::{Read, Reference};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined};
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::object;

/// Letters of one answer, and the most that a model may ask for.
const LETTERS: (u64, u64) = (8_000, 20_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadText {
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    from: u64,
    #[serde(default)]
    max: Option<u64>,
    #[serde(default)]
    whole: bool,
}

#[async_trait]
impl Move for ReadText {
    const NAME: &'static str = "browser_read";
    const DESCRIPTION: &'static str = "Reads the text of the page as Markdown with links: its main part, or all of it. Long texts come in parts: go on with the \
        number that the answer names.";
    const EFFECT: EffectClass = EffectClass::Read;

    fn parameters() -> Value {
        object(
            &json!({
                "ref": {"type": "string", "description": "Only the text in the thing with this reference, such as \"e12\" or a frame's."},
                "from": {"type": "integer", "minimum": 0, "description": "The letter to begin at; 0 if absent."},
                "max": {"type": "integer", "minimum": 200, "maximum": LETTERS.1, "description": format!("The most letters; {} if absent.", LETTERS.0)},
                "whole": {"type": "boolean", "description": "All of the page with menus and margins, instead of its main part; false if absent."}
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
        let named = self.reference.as_deref().map(str::trim);
        let reference = named
            .filter(|named| !named.is_empty())
            .map(|named| {
                named
                    .parse::<Reference>()
                    .map_err(|error| error.to_string())
            })
            .transpose()?;
        let wanted = Read {
            reference,
            whole: self.whole,
            from: self.from,
            letters: self.max.unwrap_or(LETTERS.0).clamp(200, LETTERS.1),
        };
        let reading = visit.read(&tab, &wanted).await?;
        let head = format!("{:?} {}", reading.title, reading.url);
        let rest = match reading.next {
            Some(next) => format!(
                "[letters {} to {next} of {}; go on with from: {next}]",
                reading.from, reading.total
            ),
            None if reading.complete => String::new(),
            None => "[the page is too large to be read to its end]".to_owned(),
        };
        Ok(Told {
            ok: true,
            text: joined(&[&head, &reading.text, &reading.notes, &rest]),
        })
    }
}
