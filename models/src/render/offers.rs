//! Tools as JSON, written once for each list of them: a step offers the same tools turn after turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use agent_core::ports::tool::ToolSpec;
use serde_json::value::RawValue;

use super::written_tools;

/// With twice as many lists, those are forgotten that nobody has any more. Few are in use at a time: steps that may call everything
/// share one.
const KEPT_MIN: usize = 64;

/// Lists by where they are, each with what was written.
type Written = HashMap<usize, (Weak<[ToolSpec]>, Arc<RawValue>)>;

/// The lists that were written. Nothing but time is lost when one is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Offers(Mutex<Written>);

impl Offers {
    /// The tools as the endpoint wants them; nothing where there are none.
    pub(crate) fn written(
        &self,
        tools: &Arc<[ToolSpec]>,
    ) -> Result<Option<Arc<RawValue>>, serde_json::Error> {
        if tools.is_empty() {
            return Ok(None);
        }
        let place = tools.as_ptr().addr();
        if let Some((list, written)) = self.kept().get(&place)
            && list.upgrade().is_some_and(|list| Arc::ptr_eq(&list, tools))
        {
            return Ok(Some(Arc::clone(written)));
        }
        let written: Arc<RawValue> = written_tools(tools)?.into();
        let mut kept = self.kept();
        if kept.len() >= 2 * KEPT_MIN {
            kept.retain(|_, (list, _)| list.strong_count() > 0);
        }
        kept.insert(place, (Arc::downgrade(tools), Arc::clone(&written)));
        Ok(Some(written))
    }

    /// Every change is one call, so a holder that panicked left nothing half made.
    fn kept(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use agent_core::ports::tool::{EffectClass, FileUse};
    use serde_json::{Value, json};

    use super::*;

    fn tools(name: &str) -> Arc<[ToolSpec]> {
        [ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
            effect: EffectClass::Read,
            files: FileUse::None,
            outside: false,
        }]
        .into()
    }

    fn name_of(written: &RawValue) -> Value {
        let written: Value = serde_json::from_str(written.get()).unwrap();
        written[0]["function"]["name"].clone()
    }

    #[test]
    fn a_list_is_written_once_and_never_taken_for_one_that_lay_there_before() {
        let offers = Offers::default();
        let one = tools("one");
        let first = offers.written(&one).unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &offers.written(&one).unwrap().unwrap()));
        // Lists that are gone leave their places to others.
        for turn in 0..1_000 {
            let name = format!("tool_{turn}");
            let written = offers.written(&tools(&name)).unwrap().unwrap();
            assert_eq!(name_of(&written), name);
        }
        assert!(offers.kept().len() <= 2 * KEPT_MIN);
        assert_eq!(name_of(&offers.written(&one).unwrap().unwrap()), "one");
        assert!(offers.written(&Arc::default()).unwrap().is_none());
    }
}
