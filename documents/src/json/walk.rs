//! The one walk through a JSON text: follows the path, keeps what is shown, and skips the rest unread.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::clean::{clean, cut};
use crate::json::node::{ITEMS_SHOWN, KEYS_SHOWN, Node};
use crate::json::path::Step;
use crate::limits::Limits;

/// What the walk says of values that are nested too deep.
pub(crate) const TOO_DEEP: &str = "nested too deep";

/// How much may still be kept.
#[derive(Debug)]
pub(crate) struct Budget<'l> {
    limits: &'l Limits,
    kept_bytes: Cell<u64>,
}

impl<'l> Budget<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        let kept_bytes = Cell::new(0);
        Self { limits, kept_bytes }
    }

    fn is_spent(&self) -> bool {
        self.kept_bytes.get() >= self.limits.output_bytes
    }

    /// Counts a text that is kept, with what sets it in.
    fn keep(&self, text: String, depth: u64) -> String {
        let bytes = text.len() as u64 + 4 + 2 * depth;
        self.kept_bytes.set(self.kept_bytes.get() + bytes);
        text
    }

    fn leaf(&self, text: String, depth: u64) -> Node {
        Node::Leaf(self.keep(text, depth))
    }

    fn text(&self, text: &str, depth: u64) -> Node {
        let text = cut(&clean(text), self.limits.value_chars);
        self.leaf(serde_json::Value::from(text).to_string(), depth)
    }
}

/// Reads one value. Answers `None` if the path leads to nothing.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'w, 'l> {
    /// The rest of the path.
    pub steps: &'w [Step],
    pub budget: &'w Budget<'l>,
    /// How deep the value is nested.
    pub depth: u64,
    /// Whether this is the very value that was asked for, of which as much is shown as fits.
    pub is_target: bool,
}

impl Walk<'_, '_> {
    fn inner<'s>(&'s self, steps: &'s [Step]) -> Walk<'s, 's> {
        let is_range = matches!(self.steps.first(), Some(Step::Items { .. }));
        Walk {
            steps,
            budget: self.budget,
            depth: self.depth + 1,
            is_target: !self.steps.is_empty() && steps.is_empty() && !is_range,
        }
    }

    fn leaf(&self, text: String) -> Option<Node> {
        self.steps
            .is_empty()
            .then(|| self.budget.leaf(text, self.depth))
    }

    fn check<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= self.budget.limits.depth {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = Option<Node>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = Option<Node>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.leaf("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.leaf(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.leaf(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.leaf(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.leaf(serde_json::Value::from(value).to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self
            .steps
            .is_empty()
            .then(|| self.budget.text(value, self.depth)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        self.check()?;
        let (first, last, rest) = match self.steps.split_first() {
            None if self.is_target => (0, None, self.steps),
            None => (0, Some(ITEMS_SHOWN - 1), self.steps),
            Some((Step::Item(item), rest)) => (*item, Some(*item), rest),
            Some((Step::Items { first, last }, rest)) => (*first, *last, rest),
            Some((Step::Key(_), _)) => {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
        };
        let mut shown = Vec::new();
        let mut all = 0u64;
        let mut is_full = false;
        loop {
            let is_wanted = all >= first && last.is_none_or(|last| all <= last);
            is_full = is_full || self.budget.is_spent() && !shown.is_empty();
            if is_wanted && !is_full {
                let Some(found) = items.next_element_seed(self.inner(rest))? else {
                    break;
                };
                shown.extend(found);
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            all += 1;
        }
        if let Some(Step::Item(_)) = self.steps.first() {
            return Ok(shown.pop());
        }
        if first > 0 && shown.is_empty() {
            return Ok(None);
        }
        Ok(Some(Node::List { first, shown, all }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        self.check()?;
        let wanted = match self.steps.split_first() {
            None => None,
            Some((Step::Key(key), rest)) => Some((key, rest)),
            Some((Step::Item(_) | Step::Items { .. }, _)) => {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
        };
        let (mut shown, mut all, mut found) = (Vec::new(), 0u64, None);
        while let Some(key) = entries.next_key::<String>()? {
            all += 1;
            match wanted {
                Some((own, rest)) if *own == key => {
                    found = entries.next_value_seed(self.inner(rest))?;
                }
                None if !self.is_enough(all) => {
                    let node = entries.next_value_seed(self.inner(&[]))?;
                    let key = self.budget.keep(clean(&key), 0);
                    shown.extend(node.map(|node| (key, node)));
                }
                Some(_) | None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        if wanted.is_some() {
            return Ok(found);
        }
        Ok(Some(Node::Map { shown, all }))
    }
}

impl Walk<'_, '_> {
    fn is_enough(&self, key: u64) -> bool {
        key > 1 && (self.budget.is_spent() || !self.is_target && key > KEYS_SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_more_is_kept_when_the_budget_is_spent() {
        let limits = Limits {
            output_bytes: 10,
            ..Limits::default()
        };
        let budget = Budget::new(&limits);
        assert!(!budget.is_spent());
        assert_eq!(budget.text("hello", 0), Node::Leaf("\"hello\"".to_owned()));
        assert!(budget.is_spent());
    }
}
