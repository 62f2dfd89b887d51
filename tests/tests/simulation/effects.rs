//! The record of effects outside the store, and what must never be seen in it.
//!
//! An effect is stale when its job is not held under its fence any more at the moment at which it begins: its worker lost
//! the lease and does not know.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::id::StepId;

/// One effect, as it began.
#[derive(Debug, Clone)]
pub struct Effect {
    pub step: StepId,
    pub tool: String,
    pub key: String,
    pub fence: i64,
    /// Whether somebody else holds the job, or nobody.
    pub is_stale: bool,
    /// Whether its intent was in the log, and no outcome.
    pub is_open: bool,
}

/// Calls that were made again, and effects that were stale.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    pub repeated: usize,
    pub stale: usize,
}

/// Compares all effects of a run, in the order in which they began, with the laws.
pub fn judge(effects: &[Effect]) -> Result<Counted, String> {
    let mut counted = Counted {
        repeated: 0,
        stale: 0,
    };
    let mut made: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut begun: BTreeSet<(&StepId, i64)> = BTreeSet::new();
    let mut stale: BTreeSet<(&StepId, i64)> = BTreeSet::new();
    for effect in effects {
        let claim = (&effect.step, effect.fence);
        let fences = made.entry(&effect.key).or_default();
        let is_repeat = !fences.is_empty();
        if effect.is_stale && !stale.insert(claim) {
            return Err(format!("two effects under one lost lease: {effect:?}"));
        }
        if !effect.is_stale && !effect.is_open {
            return Err(format!(
                "a call was made without an intent or after its outcome: {effect:?}"
            ));
        }
        if is_repeat && effect.tool == "count_up" {
            return Err(format!("a call that must not be repeated was: {effect:?}"));
        }
        if fences.contains(&effect.fence) {
            return Err(format!("a call was made twice under one fence: {effect:?}"));
        }
        // Whoever takes a job over has one call of it to settle, and that before any other.
        if is_repeat && !effect.is_stale && begun.contains(&claim) {
            return Err(format!(
                "a second call was repeated under one claim: {effect:?}"
            ));
        }
        begun.insert(claim);
        fences.push(effect.fence);
        counted.repeated += usize::from(is_repeat);
        counted.stale += usize::from(effect.is_stale);
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;

    use super::*;

    fn effects(list: &[(&str, i64, bool)]) -> Vec<Effect> {
        let step = StepId::new(&Seeded::new(1));
        let effect = |(key, fence, is_stale): &(&str, i64, bool)| Effect {
            step: step.clone(),
            tool: "append".to_owned(),
            key: (*key).to_owned(),
            fence: *fence,
            is_stale: *is_stale,
            is_open: true,
        };
        list.iter().map(effect).collect()
    }

    #[test]
    fn one_stale_effect_under_a_lost_lease_is_allowed_and_a_second_is_not() {
        let one = effects(&[("a", 1, false), ("b", 2, false), ("b", 1, true)]);
        let counted = Counted {
            repeated: 1,
            stale: 1,
        };
        assert_eq!(judge(&one), Ok(counted));
        let two = effects(&[("b", 2, false), ("b", 1, true), ("c", 1, true)]);
        assert!(judge(&two).unwrap_err().contains("one lost lease"));
    }

    #[test]
    fn a_claim_repeats_one_call_only_and_that_first() {
        let first = effects(&[("a", 1, false), ("a", 2, false), ("b", 2, false)]);
        assert!(judge(&first).is_ok());
        let later = effects(&[
            ("a", 1, false),
            ("b", 1, false),
            ("a", 2, false),
            ("b", 2, false),
        ]);
        assert!(judge(&later).unwrap_err().contains("under one claim"));
        let same_fence = effects(&[("a", 1, false), ("a", 1, false)]);
        assert!(judge(&same_fence).unwrap_err().contains("one fence"));
    }

    #[test]
    fn a_call_with_an_outcome_or_one_that_must_not_be_repeated_is_found() {
        let mut settled = effects(&[("a", 1, false)]);
        settled[0].is_open = false;
        assert!(judge(&settled).unwrap_err().contains("after its outcome"));
        let mut once = effects(&[("a", 1, false), ("a", 2, false)]);
        once[1].tool = "count_up".to_owned();
        assert!(judge(&once).unwrap_err().contains("must not be repeated"));
    }
}
