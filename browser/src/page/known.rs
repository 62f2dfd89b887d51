//! What references were, so that one that is dead can be explained: what it named, and what is nearest to that now.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use super::reference::Reference;
use super::text::{quoted, word};

/// How many references are remembered.
const KNOWN_MAX: usize = 5_000;
const NAME_CHARS: usize = 80;
const CANDIDATES: usize = 3;
/// How alike a name must be, in hundredths, where the role is the same; and where it is another one.
const LIKENESS_MIN: (usize, usize) = (35, 75);

/// A thing by its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Was {
    pub role: String,
    pub name: String,
}

/// Something on the page now that may be what a dead reference meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called now.
    pub reference: Reference,
    /// Its role.
    pub role: String,
    /// Its name, as the page gives it.
    pub name: String,
}

/// A reference whose node is gone, or that never was one. Nothing is done with another node in its stead: which one is meant is the
/// model's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadReference {
    /// What was asked for.
    pub reference: Reference,
    /// Role and name of what it was, if it is remembered.
    pub was: Option<(String, String)>,
    /// What is on the page now and most like it, best first.
    pub nearest: Vec<Candidate>,
}

impl std::error::Error for DeadReference {}

impl fmt::Display for DeadReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}]", self.reference)?;
        match &self.was {
            Some((role, name)) => write!(
                formatter,
                " is gone; it was {} {}",
                word(role),
                quoted(name)
            )?,
            None => formatter.write_str(" is not on the page")?,
        }
        if self.nearest.is_empty() {
            return formatter.write_str("; nothing like it is in view, look again");
        }
        formatter.write_str("; nearest now: ")?;
        for (at, near) in self.nearest.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(
                formatter,
                "{comma}[{}] {} {}",
                near.reference,
                word(&near.role),
                quoted(&near.name)
            )?;
        }
        Ok(())
    }
}

/// References that were shown, the oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Known {
    things: HashMap<Reference, Was>,
    order: VecDeque<Reference>,
}

impl Known {
    /// Notes what a reference is now.
    pub(super) fn note(&mut self, reference: Reference, role: &str, name: &str) {
        let was = Was {
            role: role.to_owned(),
            name: name.chars().take(NAME_CHARS).collect(),
        };
        if self.things.insert(reference, was).is_some() {
            return;
        }
        self.order.push_back(reference);
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.things.remove(&oldest);
        }
    }

    /// Explains a reference that is dead, given what is on the page now.
    pub(super) fn explain(&self, reference: Reference, now: &HashSet<Reference>) -> DeadReference {
        let was = self.things.get(&reference);
        let mut nearest: Vec<(usize, Candidate)> = Vec::new();
        if let Some(was) = was {
            let others = now.iter().filter(|other| **other != reference);
            for (other, is) in others.filter_map(|other| Some((*other, self.things.get(other)?))) {
                let alike = likeness(&was.name, &is.name);
                let same_role = was.role == is.role;
                let least = if same_role {
                    LIKENESS_MIN.0
                } else {
                    LIKENESS_MIN.1
                };
                if alike >= least {
                    let candidate = Candidate {
                        reference: other,
                        role: is.role.clone(),
                        name: is.name.clone(),
                    };
                    nearest.push((alike + usize::from(same_role) * 50, candidate));
                }
            }
        }
        nearest.sort_by(|(one, near), (other, far)| {
            other.cmp(one).then(near.reference.cmp(&far.reference))
        });
        nearest.truncate(CANDIDATES);
        DeadReference {
            reference,
            was: was.map(|was| (was.role.clone(), was.name.clone())),
            nearest: nearest
                .into_iter()
                .map(|(_, candidate)| candidate)
                .collect(),
        }
    }
}

/// How alike two names are, in hundredths: the share of the pairs of neighbouring letters that both have.
fn likeness(one: &str, other: &str) -> usize {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    if one == other {
        return 100;
    }
    let pairs =
        |text: &str| -> Vec<(char, char)> { text.chars().zip(text.chars().skip(1)).collect() };
    let (ours, mut theirs) = (pairs(&one), pairs(&other));
    let total = ours.len() + theirs.len();
    let mut shared = 0_usize;
    for pair in &ours {
        if let Some(at) = theirs.iter().position(|other| other == pair) {
            theirs.swap_remove(at);
            shared += 1;
        }
    }
    (200 * shared).checked_div(total).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(number: u64) -> Reference {
        Reference { frame: 0, number }
    }

    fn known(things: &[(u64, &str, &str)]) -> (Known, HashSet<Reference>) {
        let mut known = Known::default();
        for (number, role, name) in things {
            known.note(reference(*number), role, name);
        }
        let now = things.iter().skip(1).map(|(number, ..)| reference(*number));
        (known, now.collect())
    }

    #[test]
    fn a_dead_reference_names_what_is_most_like_it() {
        let (known, now) = known(&[
            (1, "button", "Save changes"),
            (2, "button", "Cancel"),
            (3, "link", "Save changes"),
            (4, "button", "Save all changes"),
            (5, "button", "Save changes"),
        ]);
        let dead = known.explain(reference(1), &now);
        assert_eq!(
            dead.to_string(),
            "[e1] is gone; it was button \"Save changes\"; nearest now: [e5] button \"Save changes\", \
             [e4] button \"Save all changes\", [e3] link \"Save changes\""
        );
    }

    #[test]
    fn a_dead_reference_with_nothing_like_it_says_so() {
        let (known, now) = known(&[(1, "button", "Save"), (2, "link", "Impressum")]);
        assert_eq!(
            known.explain(reference(1), &now).to_string(),
            "[e1] is gone; it was button \"Save\"; nothing like it is in view, look again"
        );
        assert_eq!(
            known.explain(reference(9), &now).to_string(),
            "[e9] is not on the page; nothing like it is in view, look again"
        );
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut known = Known::default();
        for number in 0..KNOWN_MAX as u64 + 10 {
            known.note(reference(number), "link", "x");
            known.note(reference(number), "link", "y");
        }
        assert_eq!(
            (known.things.len(), known.order.len()),
            (KNOWN_MAX, KNOWN_MAX)
        );
        assert_eq!(known.explain(reference(3), &HashSet::new()).was, None);
    }
}
