//! One action on a page, as a model writes it.

use browser::{Button, Click, Direction};
use serde::Deserialize;
use serde_json::{Value, json};

/// How much of a choice is told.
const TOLD_CHARS_MAX: usize = 100;

/// See the module's description. All fields of all actions: which of them count depends on the action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub action: Action,
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    #[serde(default)]
    pub x: Option<f64>,
    #[serde(default)]
    pub y: Option<f64>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub clear: Option<bool>,
    #[serde(default)]
    pub enter: bool,
    #[serde(default)]
    pub keys: Option<String>,
    #[serde(default)]
    pub by_key: bool,
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub on: Option<bool>,
    #[serde(default)]
    pub button: Which,
    #[serde(default)]
    pub count: Option<u8>,
    #[serde(default)]
    pub to: Option<String>,
    #[serde(default)]
    pub direction: Option<Way>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Click,
    Type,
    Select,
    Check,
    Hover,
    Key,
    Scroll,
    Drag,
}

impl Action {
    fn label(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Type => "type",
            Self::Select => "select",
            Self::Check => "check",
            Self::Hover => "hover",
            Self::Key => "key",
            Self::Scroll => "scroll",
            Self::Drag => "drag",
        }
    }
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Which {
    #[default]
    Left,
    Middle,
    Right,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Up,
    Down,
    Left,
    Right,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Up => Self::Up,
            Way::Down => Self::Down,
            Way::Left => Self::Left,
            Way::Right => Self::Right,
        }
    }
}

impl Step {
    /// JSON Schema of it.
    pub fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": ["click", "type", "select", "check", "hover", "key", "scroll", "drag"]},
                "ref": {"type": "string", "description": "What to act on, such as \"e12\"."},
                "x": {"type": "number", "description": "click, hover, drag: a place in the window instead of a ref, in pixels from the left."},
                "y": {"type": "number", "description": "The same from the top."},
                "text": {"type": "string", "description": "type: the text. {{secret:NAME}} alone stands for a stored secret, on its own site only."},
                "clear": {"type": "boolean", "description": "type: whether what is in the field goes first; true if absent."},
                "enter": {"type": "boolean", "description": "type: press Enter after it; false if absent."},
                "by_key": {"type": "boolean", "description": "type: key by key, for pages that listen to keys; false if absent."},
                "values": {"type": "array", "items": {"type": "string"}, "description": "select: the entries by their text, and no others."},
                "on": {"type": "boolean", "description": "check: true to check, false to uncheck; true if absent."},
                "button": {"type": "string", "enum": ["left", "middle", "right"], "description": "click: left if absent."},
                "count": {"type": "integer", "minimum": 1, "maximum": 3, "description": "click: 2 for a double click."},
                "keys": {"type": "string", "description": "key: such as \"Enter\", \"ArrowDown\", \"Control+a\"."},
                "direction": {"type": "string", "enum": ["up", "down", "left", "right"], "description": "scroll: by most of a window; without it, ref is brought into view."},
                "to": {"type": "string", "description": "drag: the ref to drop on, or a place as \"x,y\"."}
            },
            "required": ["action"],
            "additionalProperties": false
        })
    }

    /// Which click it is.
    pub fn click(&self) -> Click {
        Click {
            button: match self.button {
                Which::Left => Button::Left,
                Which::Middle => Button::Middle,
                Which::Right => Button::Right,
            },
            count: self.count.unwrap_or(1).clamp(1, 3),
        }
    }

    /// The place that it names, if it names one.
    pub fn place(&self) -> Option<(f64, f64)> {
        Some((self.x?, self.y?))
    }

    /// What it is in a few words, on a thing that is described: never what is typed.
    pub fn told(&self, on: &str) -> String {
        let action = self.action.label();
        match self.action {
            Action::Type => {
                let letters = self.text.as_deref().unwrap_or_default().chars().count();
                let enter = if self.enter { ", and Enter" } else { "" };
                format!("type {letters} letters into {on}{enter}")
            }
            // A single letter may be one of a password.
            Action::Key => match self.keys.as_deref().map(str::trim) {
                Some(keys) if keys.chars().count() > 1 => format!("key {}", cut(keys)),
                Some(_) | None => "key of one letter".to_owned(),
            },
            Action::Check if self.on == Some(false) => format!("uncheck {on}"),
            Action::Select => format!("select {} in {on}", cut(&self.values.join(", "))),
            Action::Drag => format!(
                "drag {on} to {}",
                cut(self.to.as_deref().unwrap_or_default())
            ),
            Action::Click | Action::Check | Action::Hover | Action::Scroll => {
                format!("{action} {on}").trim_end().to_owned()
            }
        }
    }
}

/// One line of what a model wrote, not too long.
fn cut(text: &str) -> String {
    let line = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    line.take(TOLD_CHARS_MAX).collect()
}

/// A place written as `x,y`.
pub(super) fn point(text: &str) -> Option<(f64, f64)> {
    let (x, y) = text.split_once(',')?;
    Some((x.trim().parse().ok()?, y.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn step(value: Value) -> Step {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_typed_is_never_told() {
        let typed = step(json!({"action": "type", "ref": "e3", "text": "hunter2", "enter": true}));
        let told = typed.told("[e3] textbox \"Password\"");
        assert_eq!(
            told,
            "type 7 letters into [e3] textbox \"Password\", and Enter"
        );
        let clicked = step(json!({"action": "click", "ref": "e4", "button": "right", "count": 2}));
        assert_eq!(
            clicked.told("[e4] button \"Send\""),
            "click [e4] button \"Send\""
        );
        assert_eq!(
            (clicked.click().button, clicked.click().count),
            (Button::Right, 2)
        );
    }

    #[test]
    fn an_action_with_a_field_that_it_does_not_have_is_refused() {
        let unknown = json!({"action": "click", "reff": "e4"});
        let error = serde_json::from_value::<Step>(unknown).unwrap_err();
        assert!(error.to_string().contains("reff"), "{error}");
        assert_eq!(point(" 12, 7.5"), Some((12.0, 7.5)));
        assert_eq!(point("e12"), None);
    }
}
