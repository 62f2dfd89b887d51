//! The tabs of a task's browser as models name them: `t1`, `t2`, never given twice; and whose they are.
//!
//! Steps of a task share the browser with its cookies, and each has tabs of its own: those that it opened, and those that their pages
//! opened.

use agent_core::id::StepId;
use browser::TargetId;

/// One tab.
#[derive(Debug, Clone)]
struct Known {
    target: TargetId,
    number: u32,
    step: StepId,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    known: Vec<Known>,
    last: u32,
    /// The tab that each step works in.
    current: Vec<(StepId, TargetId)>,
}

impl Tabs {
    /// Notes a tab, and gives its name.
    pub fn add(&mut self, target: &TargetId, step: &StepId) -> String {
        if let Some(name) = self.name(target) {
            return name;
        }
        self.last += 1;
        self.known.push(Known {
            target: target.clone(),
            number: self.last,
            step: step.clone(),
        });
        named(self.last)
    }

    /// The name of a tab.
    pub fn name(&self, target: &TargetId) -> Option<String> {
        let known = self.known.iter().find(|known| known.target == *target);
        known.map(|known| named(known.number))
    }

    /// The step whose tab it is.
    pub fn step(&self, target: &TargetId) -> Option<&StepId> {
        let known = self.known.iter().find(|known| known.target == *target);
        known.map(|known| &known.step)
    }

    /// The tabs of a step, in the order in which they came.
    pub fn of(&self, step: &StepId) -> Vec<TargetId> {
        let own = self.known.iter().filter(|known| known.step == *step);
        own.map(|known| known.target.clone()).collect()
    }

    /// All tabs with their names, in the order in which they came.
    pub fn all(&self) -> Vec<(String, TargetId)> {
        let known = self.known.iter();
        known
            .map(|known| (named(known.number), known.target.clone()))
            .collect()
    }

    /// The step's tab of this name.
    pub fn named(&self, step: &StepId, name: &str) -> Option<TargetId> {
        let mut own = self.known.iter().filter(|known| known.step == *step);
        let found = own.find(|known| named(known.number) == name.trim());
        found.map(|known| known.target.clone())
    }

    /// The tab that a step works in.
    pub fn current(&self, step: &StepId) -> Option<&TargetId> {
        let mut current = self.current.iter();
        current.find(|(of, _)| of == step).map(|(_, target)| target)
    }

    /// Lets a step work in a tab.
    pub fn switch(&mut self, step: &StepId, target: &TargetId) {
        self.current.retain(|(of, _)| of != step);
        self.current.push((step.clone(), target.clone()));
    }

    /// Puts another tab in the place of one: it keeps its name.
    pub fn replace(&mut self, old: &TargetId, new: &TargetId) {
        for known in &mut self.known {
            if known.target == *old {
                known.target = new.clone();
            }
        }
        for (_, target) in &mut self.current {
            if target == old {
                *target = new.clone();
            }
        }
    }

    /// Forgets tabs that are closed. A step that worked in one works in its last one from now on.
    pub fn keep(&mut self, lives: impl Fn(&TargetId) -> bool) {
        self.known.retain(|known| lives(&known.target));
        let known = &self.known;
        self.current.retain_mut(|(step, target)| {
            if lives(target) {
                return true;
            }
            let last = known.iter().rev().find(|known| known.step == *step);
            if let Some(last) = last {
                *target = last.target.clone();
            }
            last.is_some()
        });
    }
}

fn named(number: u32) -> String {
    format!("t{number}")
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;

    use super::*;

    fn step(seed: u64) -> StepId {
        StepId::new(&Seeded::new(seed))
    }

    #[test]
    fn names_are_never_given_twice_and_steps_see_their_own_tabs() {
        let (mut tabs, one, two) = (Tabs::default(), step(1), step(2));
        let [a, b, c] = ["a", "b", "c"].map(TargetId::from);
        assert_eq!(tabs.add(&a, &one), "t1");
        assert_eq!(tabs.add(&b, &two), "t2");
        assert_eq!(tabs.add(&a, &two), "t1", "it is known already");
        tabs.keep(|target| *target != b);
        assert_eq!(tabs.add(&c, &two), "t3");
        assert_eq!(tabs.of(&one), std::slice::from_ref(&a));
        assert_eq!(tabs.named(&two, "t3"), Some(c));
        assert_eq!(tabs.named(&two, "t1"), None, "it is another step's");
    }

    #[test]
    fn a_step_whose_tab_is_closed_works_in_its_last_one() {
        let (mut tabs, one) = (Tabs::default(), step(1));
        let [a, b, c] = ["a", "b", "c"].map(TargetId::from);
        for target in [&a, &b, &c] {
            tabs.add(target, &one);
        }
        tabs.switch(&one, &c);
        tabs.keep(|target| *target != c);
        assert_eq!(tabs.current(&one), Some(&b));
        tabs.keep(|_| false);
        assert_eq!(tabs.current(&one), None);
    }

    #[test]
    fn a_tab_that_was_opened_again_keeps_its_name() {
        let (mut tabs, one) = (Tabs::default(), step(1));
        let [a, b] = ["a", "b"].map(TargetId::from);
        tabs.add(&a, &one);
        tabs.switch(&one, &a);
        tabs.replace(&a, &b);
        assert_eq!(tabs.name(&b), Some("t1".to_owned()));
        assert_eq!(tabs.current(&one), Some(&b));
    }
}
