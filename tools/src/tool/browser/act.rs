//! `browser_act`: acts on the page, one thing after the other, as a person would.
//!
//! It stops where a person would look up: when something was not done, a dialog opened, or another page came.

use agent_core::browser::Area;
use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use browser::page::Reference;
use browser::{ActError, Acted, Frames, NodeHandle, Tab, Typing};
use egress::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::step::{Action, Step, point};
use super::{Move, joined, report};
use crate::browsing::{Stopped, Told, Visit, shown};
use crate::tool::{destination, object};

/// Steps of one call.
const STEPS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    steps: Vec<Step>,
}

#[async_trait]
impl Move for Act {
    const NAME: &'static str = "browser_act";
    const DESCRIPTION: &'static str = "Acts on the page by references from what it showed last: click, type, select, check, hover, key, scroll, drag; several steps in one \
        call, such as all fields of a form. Each waits for what it leads to. Stops at the first that cannot be done or that leads to another \
        page, and shows the page.";
    const EFFECT: EffectClass = EffectClass::Once;

    fn parameters() -> Value {
        object(
            &json!({
                "steps": {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": Step::schema()}
            }),
            &["steps"],
        )
    }

    fn outward(_arguments: &Value) -> Outward {
        // A page sees where the mouse goes and how far it is scrolled, too.
        Outward::Program
    }

    fn summary(arguments: &Value) -> Option<String> {
        let steps = arguments.get("steps")?.as_array()?;
        let told = steps.iter().filter_map(|step| {
            let text = |name: &str| step.get(name).and_then(Value::as_str);
            let on = text("ref").unwrap_or_default();
            Some(format!("{} {on}", text("action")?).trim_end().to_owned())
        });
        Some(told.collect::<Vec<_>>().join(", "))
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let tab = visit.tab(None)?;
        if let Some(dialog) = tab.dialog().ok().flatten() {
            return Err(format!(
                "a dialog is open ({}); answer it with browser_dialog first",
                dialog.kind
            ));
        }
        let count = self.steps.len();
        let mut lines: Vec<String> = Vec::new();
        let mut ok = true;
        for (at, step) in self.steps.iter().enumerate().take(STEPS_MAX) {
            let before = shown(&tab);
            let (told, goes_on) = match one(visit, &tab, step).await {
                Ok(done) => (format!("done: {}", done.told), !done.stops),
                Err(why) => {
                    ok = false;
                    (
                        format!("not done: {}: {why}", step.told(&named(step))),
                        false,
                    )
                }
            };
            lines.push(told);
            let left = count - at - 1;
            let has_moved = shown(&tab) != before;
            if left > 0 && (!goes_on || has_moved) {
                ok = false;
                let because = if goes_on { "another page came; " } else { "" };
                lines.push(format!("{because}{left} steps after it were not tried"));
                break;
            }
        }
        // It may have closed itself; then the step's last tab is shown.
        if let Ok(tab) = visit.tab(None) {
            match report(visit, &tab, ok).await {
                Ok(shown) => lines.push(shown),
                Err(why) => lines.push(why),
            }
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        Ok(Told {
            ok,
            text: joined(&lines),
        })
    }
}

fn named(step: &Step) -> String {
    let reference = step.reference.clone();
    let place = || step.place().map(|(x, y)| format!("{x},{y}"));
    reference.or_else(place).unwrap_or_default()
}

/// A step that was done.
struct Done {
    told: String,
    /// Whether nothing else can be done before somebody looks.
    stops: bool,
}

/// Does one step, and waits for what it leads to.
async fn one(visit: &mut Visit<'_>, tab: &Tab, step: &Step) -> Result<Done, Stopped> {
    let (node, on) = match &step.reference {
        Some(reference) => {
            let field = matches!(step.action, Action::Check | Action::Type | Action::Select);
            let (node, on) = visit.node(tab, reference, field).await?;
            (Some(node), on)
        }
        None => (None, named(step)),
    };
    let start = match tab.start() {
        Ok(start) => start,
        Err(error) => return Err(visit.trouble(tab, &error).await),
    };
    let text = typed(visit, tab, step, node.as_ref())?;
    let (acted, remark) = match perform(visit, tab, step, node.as_ref(), &text).await? {
        Ok(done) => done,
        Err(error) => return Err(visit.act_trouble(tab, &error).await),
    };
    let told = step.told(&on);
    if acted.dialog {
        return Ok(Done { told, stops: true });
    }
    let busy = match visit.settle(tab, start).await {
        Ok(busy) => busy,
        Err(why) => {
            // It was done, whatever became of the page.
            visit.acted(tab, &told, area(&acted)).await;
            let told = format!("{told}; what came of it is not known: {why}");
            return Ok(Done { told, stops: true });
        }
    };
    visit.acted(tab, &told, area(&acted)).await;
    let notes = [remark.unwrap_or_default(), busy.unwrap_or_default()];
    let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let told = if notes.is_empty() {
        told
    } else {
        format!("{told} ({})", notes.join("; "))
    };
    let stops = tab.dialog().is_ok_and(|dialog| dialog.is_some());
    Ok(Done { told, stops })
}

type Performed = Result<(Acted, Option<&'static str>), ActError>;

/// The action itself. The outer error is a step that makes no sense.
async fn perform(
    visit: &mut Visit<'_>,
    tab: &Tab,
    step: &Step,
    node: Option<&NodeHandle>,
    text: &str,
) -> Result<Performed, Stopped> {
    let on = || node.ok_or_else(|| format!("{} needs a ref", step.told("").trim_end()));
    let plain = |acted: Result<Acted, ActError>| acted.map(|acted| (acted, None));
    Ok(match step.action {
        Action::Click => plain(match (node, step.place()) {
            (Some(node), _) => tab.click(node, step.click()).await,
            (None, Some((x, y))) => tab.click_at(x, y, step.click()).await,
            (None, None) => return Err("click needs a ref, or x and y".to_owned()),
        }),
        Action::Hover => plain(match (node, step.place()) {
            (Some(node), _) => tab.hover(node).await,
            (None, Some((x, y))) => tab.hover_at(x, y).await,
            (None, None) => return Err("hover needs a ref, or x and y".to_owned()),
        }),
        Action::Type => {
            let typing = Typing {
                clear: step.clear.unwrap_or(true),
                enter: step.enter,
                by_key: step.by_key,
            };
            plain(tab.type_text(on()?, text, typing).await)
        }
        Action::Select => plain(tab.select(on()?, &step.values).await),
        Action::Check => plain(tab.check(on()?, step.on.unwrap_or(true)).await),
        Action::Key => {
            let keys = step
                .keys
                .as_deref()
                .ok_or("key needs keys, such as \"Enter\"")?;
            plain(tab.key(keys).await)
        }
        Action::Scroll => scroll(tab, step, node).await?,
        Action::Drag => plain(drag(visit, tab, step, node).await?),
    })
}

async fn scroll(tab: &Tab, step: &Step, node: Option<&NodeHandle>) -> Result<Performed, Stopped> {
    let nowhere = Acted {
        place: None,
        dialog: false,
    };
    Ok(match (step.direction, node) {
        (Some(way), node) => tab.scroll(node, way.into()).await.map(|moved| {
            let remark = "nothing goes any further that way";
            (nowhere, (!moved).then_some(remark))
        }),
        (None, Some(node)) => tab.scroll_to(node).await.map(|()| (nowhere, None)),
        (None, None) => return Err("scroll needs a direction or a ref".to_owned()),
    })
}

async fn drag(
    visit: &mut Visit<'_>,
    tab: &Tab,
    step: &Step,
    node: Option<&NodeHandle>,
) -> Result<Result<Acted, ActError>, Stopped> {
    let to = step.to.as_deref().unwrap_or_default();
    match (node, step.place(), point(to)) {
        (Some(from), _, None) if to.parse::<Reference>().is_ok() => {
            let (to, _) = visit.node(tab, to, false).await?;
            Ok(tab.drag(from, &to).await)
        }
        (None, Some(from), Some(to)) => Ok(tab.drag_at(from, to).await),
        _ => Err("drag needs a ref and a ref in to, or x, y and a place \"x,y\" in to".to_owned()),
    }
}

/// What is typed: the text, or the stored secret that it names, which goes to its own hosts only.
fn typed(
    visit: &mut Visit<'_>,
    tab: &Tab,
    step: &Step,
    node: Option<&NodeHandle>,
) -> Result<String, Stopped> {
    let text = step.text.clone().unwrap_or_default();
    let named = text.trim().strip_prefix("{{secret:");
    let Some(name) = named.and_then(|rest| rest.strip_suffix("}}")) else {
        return Ok(text);
    };
    let mut secret = None;
    for place in places(tab, node)? {
        let (host, port) = destination(&place);
        // Not in the clear to the port of TLS.
        let is_safe = place.scheme() == "https" || (place.scheme() == "http" && port != 443);
        let own = visit.secret(name.trim(), &host, port);
        let own = own.filter(|_| is_safe).ok_or_else(|| {
            format!("the stored secret {name:?} is not one of this task's, or not for {host}:{port}; nothing was typed")
        })?;
        secret = Some(own);
    }
    visit.hide(tab)?;
    secret.ok_or_else(|| "the field is on no page; nothing was typed".to_owned())
}

/// The addresses of the frame that a node is in and of those around it: what is typed into an inner one may be seen by the outer,
/// and the other way round.
fn places(tab: &Tab, node: Option<&NodeHandle>) -> Result<Vec<Url>, Stopped> {
    let frames = tab.frames();
    let mut at = match node {
        Some(node) => Some(&node.frame),
        None => frames.first().map(|frame| &frame.id),
    };
    let mut places = Vec::new();
    while let Some(id) = at {
        let frame = frames.iter().find(|frame| frame.id == *id);
        let frame = frame.ok_or("the field is on no page; nothing was typed")?;
        let url = Url::parse(&frame.url).map_err(|error| format!("{error}; nothing was typed"))?;
        places.push(url);
        at = frame.parent.as_ref();
    }
    Ok(places)
}

/// The box of what was acted on, in whole pixels.
fn area(acted: &Acted) -> Option<Area> {
    let place = acted.place.filter(|place| place.width > 0.0)?;
    let whole = |value: f64| format!("{:.0}", value.clamp(-100_000.0, 100_000.0));
    Some(Area {
        x: whole(place.left).parse().ok()?,
        y: whole(place.top).parse().ok()?,
        width: whole(place.width).parse().ok()?,
        height: whole(place.height).parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_actions_and_references_and_nothing_that_is_typed() {
        let steps = json!([{"action": "type", "ref": "e3", "text": "hunter2"}, {"action": "key", "keys": "Enter"}]);
        let summary = Act::summary(&json!({ "steps": steps }));
        assert_eq!(summary, Some("type e3, key".to_owned()));
    }
}
