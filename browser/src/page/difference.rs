//! What changed between two looks, told only where it is little.

use std::collections::{HashMap, HashSet};

use super::snapshot::Shown;

/// The share of lines, in hundredths, that may be new for a difference to be worth telling.
const CHANGED_MAX: usize = 30;

/// Lines that came and lines that went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    /// Places of the new lines, rising.
    pub fresh: Vec<usize>,
    /// Lines that are no more, but for those whose thing is on a new line.
    pub gone: Vec<&'a Shown>,
}

impl<'a> Difference<'a> {
    /// The difference, or `None` if too much is new for it to help.
    pub(super) fn of(before: &'a [Shown], after: &[Shown]) -> Option<Self> {
        let mut old: HashMap<(&str, bool), Vec<usize>> = HashMap::new();
        for (at, line) in before.iter().enumerate().rev() {
            old.entry((&line.text, line.behind)).or_default().push(at);
        }
        let mut kept = HashSet::new();
        let mut fresh = Vec::new();
        for (at, line) in after.iter().enumerate() {
            match old
                .get_mut(&(line.text.as_str(), line.behind))
                .and_then(Vec::pop)
            {
                Some(place) => {
                    kept.insert(place);
                }
                None => fresh.push(at),
            }
        }
        let gone = before.len() - kept.len();
        let worth = |changed: usize, all: usize| changed * 100 <= all * CHANGED_MAX;
        if !worth(fresh.len(), after.len()) || !worth(gone, before.len()) {
            return None;
        }
        let renewed: HashSet<_> = fresh.iter().flat_map(|at| &after[*at].references).collect();
        let gone = before.iter().enumerate().filter(|(at, line)| {
            let is_renewed = line
                .references
                .iter()
                .any(|reference| renewed.contains(reference));
            !kept.contains(at) && !is_renewed
        });
        let gone = gone.map(|(_, line)| line).collect();
        Some(Self { fresh, gone })
    }
}
