//! Who waits in other processes, so that nobody is notified for nothing.
//!
//! A process tells the others what it waits for, for a time, and they tell it only that. Alone it tells nothing, since there is
//! nobody to hear it; whoever comes asks who is there, and everybody answers. What a process says is true for a while and is
//! said again before that is over, so one that dies is forgotten. Whatever is lost of this costs polls and nothing else.
//!
//! Pure: times are arguments, words come in and go out.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::verbs::hints::Hint;

/// How long somebody who said that it waits is believed to wait.
const WAITS_FOR: Duration = Duration::from_mins(1);
/// After how long it says so again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long a process that was heard is believed to be there.
const THERE_FOR: Duration = Duration::from_secs(150);
/// After how much silence a process says that it is there.
const SILENT_FOR: Duration = Duration::from_mins(1);
/// Hints of the last moment may have been kept back although somebody was just about to say that it waits.
const JUST_NOW: Duration = Duration::from_secs(1);
/// Tasks that others wait for; beyond that each counts as waited for.
const TASKS_MAX: usize = 10_000;

/// What processes tell each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// This happened.
    Hint(Hint),
    /// I wait for this.
    Waits(Hint),
    /// Who is there?
    Asks,
    /// I am.
    Here,
}

/// What a process knows of the others, and what they know of it.
#[derive(Default)]
pub(crate) struct Audience {
    /// What others wait for, and until when.
    waits: HashMap<Hint, Instant>,
    /// What is waited for here.
    own: HashMap<Hint, Own>,
    heard_at: Option<Instant>,
    said_at: Option<Instant>,
    kept_back: KeptBack,
}

/// A wait in this process.
struct Own {
    until: Instant,
    told_at: Option<Instant>,
}

/// When hints were last kept back.
#[derive(Default)]
struct KeptBack {
    jobs: Option<Instant>,
    tasks: Option<Instant>,
}

impl KeptBack {
    fn of(&mut self, hint: &Hint) -> &mut Option<Instant> {
        match hint {
            Hint::Jobs => &mut self.jobs,
            Hint::Task(_) => &mut self.tasks,
        }
    }
}

fn is_within(span: Duration, at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| now.duration_since(at) < span)
}

impl Audience {
    /// Something happened here. What is to be said of it.
    pub(crate) fn happened(&mut self, hint: Hint, now: Instant) -> Option<Word> {
        if self.is_waited_for(&hint, now) {
            self.said_at = Some(now);
            return Some(Word::Hint(hint));
        }
        *self.kept_back.of(&hint) = Some(now);
        None
    }

    fn is_waited_for(&self, hint: &Hint, now: Instant) -> bool {
        let waits = |hint: &Hint| self.waits.get(hint).is_some_and(|until| now < *until);
        match hint {
            Hint::Jobs => waits(hint),
            Hint::Task(Some(_)) => waits(hint) || waits(&Hint::Task(None)),
            Hint::Task(None) => {
                let mut tasks = self.waits.iter().filter(|(hint, _)| **hint != Hint::Jobs);
                tasks.any(|(_, until)| now < *until)
            }
        }
    }

    /// Somebody here waits, for at most so long. What is to be said of it.
    pub(crate) fn waits(&mut self, hint: Hint, at_most: Duration, now: Instant) -> Option<Word> {
        let others = self.others_are_there(now);
        let until = now + at_most.min(WAITS_FOR);
        let own = self.own.entry(hint.clone()).or_insert(Own {
            until,
            told_at: None,
        });
        own.until = own.until.max(until);
        if !others || is_within(AGAIN_AFTER, own.told_at, now) {
            return None;
        }
        own.told_at = Some(now);
        self.said_at = Some(now);
        Some(Word::Waits(hint))
    }

    fn others_are_there(&self, now: Instant) -> bool {
        is_within(THERE_FOR, self.heard_at, now)
    }

    /// Another process said this. What is to be answered.
    pub(crate) fn heard(&mut self, word: &Word, now: Instant) -> Vec<Word> {
        let is_news = !self.others_are_there(now);
        self.heard_at = Some(now);
        let mut answers = Vec::new();
        if is_news || *word == Word::Asks {
            answers = self.introduction(now);
        }
        if let Word::Waits(hint) = word {
            let kept_back_at = *self.kept_back.of(hint);
            if !self.is_waited_for(hint, now) && is_within(JUST_NOW, kept_back_at, now) {
                answers.push(Word::Hint(hint.clone()));
            }
            self.note(hint, now);
        }
        answers
    }

    fn note(&mut self, hint: &Hint, now: Instant) {
        if self.waits.len() >= TASKS_MAX {
            self.waits.retain(|_, until| now < *until);
        }
        let hint = if self.waits.len() >= TASKS_MAX && *hint != Hint::Jobs {
            Hint::Task(None)
        } else {
            hint.clone()
        };
        self.waits.insert(hint, now + WAITS_FOR);
    }

    /// What somebody must know who has not heard of this process.
    fn introduction(&mut self, now: Instant) -> Vec<Word> {
        self.said_at = Some(now);
        let mut words = vec![Word::Here];
        for (hint, own) in &mut self.own {
            if now < own.until {
                own.told_at = Some(now);
                words.push(Word::Waits(hint.clone()));
            }
        }
        words
    }

    /// Time has passed. What is to be said again.
    pub(crate) fn passed(&mut self, now: Instant) -> Vec<Word> {
        self.waits.retain(|_, until| now < *until);
        self.own.retain(|_, own| now < own.until);
        if !self.others_are_there(now) {
            return Vec::new();
        }
        let mut words = Vec::new();
        for (hint, own) in &mut self.own {
            if !is_within(AGAIN_AFTER, own.told_at, now) {
                own.told_at = Some(now);
                words.push(Word::Waits(hint.clone()));
            }
        }
        if words.is_empty() && !is_within(SILENT_FOR, self.said_at, now) {
            words.push(Word::Here);
        }
        if !words.is_empty() {
            self.said_at = Some(now);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::id::TaskId;
    use agent_core::ports::entropy::Seeded;

    const WHILE: Duration = Duration::from_secs(2);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// Hands everything that one says to the other, until both are silent.
    fn talk(from: &mut Audience, to: &mut Audience, words: Vec<Word>, now: Instant) {
        for word in words {
            let answers = to.heard(&word, now);
            talk(to, from, answers, now);
        }
    }

    fn met(now: Instant) -> (Audience, Audience) {
        let (mut old, mut new) = (Audience::default(), Audience::default());
        talk(&mut new, &mut old, vec![Word::Asks], now);
        (old, new)
    }

    fn task(seed: u64) -> Hint {
        Hint::Task(Some(TaskId::new(&Seeded::new(seed))))
    }

    #[test]
    fn whoever_is_alone_says_nothing() {
        let now = Instant::now();
        let mut alone = Audience::default();
        for seconds in 0..600 {
            let now = after(now, seconds);
            assert_eq!(alone.waits(Hint::Jobs, WHILE, now), None);
            assert_eq!(alone.waits(task(1), WHILE, now), None);
            assert_eq!(alone.happened(Hint::Jobs, now), None);
            assert_eq!(alone.happened(task(1), now), None);
            assert_eq!(alone.passed(now), []);
        }
    }

    #[test]
    fn what_nobody_else_waits_for_is_kept_back_and_the_rest_is_told() {
        let now = Instant::now();
        let (mut here, mut there) = met(now);
        let told = there.waits(task(1), WHILE, now);
        talk(&mut there, &mut here, told.into_iter().collect(), now);
        assert_eq!(here.happened(Hint::Jobs, now), None);
        assert_eq!(here.happened(task(2), now), None);
        assert_eq!(here.happened(task(1), now), Some(Word::Hint(task(1))));
        let any = here.happened(Hint::Task(None), now);
        assert_eq!(any, Some(Word::Hint(Hint::Task(None))));
        assert_eq!(there.happened(task(1), now), None, "it waits for itself");
    }

    #[test]
    fn whoever_waited_before_the_other_came_is_known_to_it() {
        let now = Instant::now();
        let mut old = Audience::default();
        assert_eq!(old.waits(Hint::Jobs, WHILE, now), None);
        let mut new = Audience::default();
        talk(&mut new, &mut old, vec![Word::Asks], now);
        let told = new.happened(Hint::Jobs, now);
        assert_eq!(told, Some(Word::Hint(Hint::Jobs)));
    }

    #[test]
    fn a_wait_is_told_once_in_a_while_and_believed_no_longer() {
        let now = Instant::now();
        let (mut here, mut there) = met(now);
        let mut told = 0;
        for seconds in 0..60 {
            let now = after(now, seconds);
            let word = there.waits(Hint::Jobs, WHILE, now);
            told += word.iter().count();
            talk(&mut there, &mut here, word.into_iter().collect(), now);
            assert!(here.happened(Hint::Jobs, now).is_some());
        }
        assert_eq!(told, 2);
        assert!(here.happened(Hint::Jobs, after(now, 89)).is_some());
        assert_eq!(here.happened(Hint::Jobs, after(now, 91)), None);
    }

    #[test]
    fn a_long_wait_is_told_again_while_it_lasts() {
        let now = Instant::now();
        let (mut here, mut there) = met(now);
        let told = there.waits(task(1), Duration::from_secs(50), now);
        talk(&mut there, &mut here, told.into_iter().collect(), now);
        assert_eq!(there.passed(after(now, 29)), []);
        assert_eq!(there.passed(after(now, 31)), [Word::Waits(task(1))]);
        assert_eq!(there.passed(after(now, 51)), []);
    }

    #[test]
    fn what_happened_just_before_somebody_said_that_it_waits_is_told_after_all() {
        let now = Instant::now();
        let (mut here, _) = met(now);
        assert_eq!(here.happened(task(1), now), None);
        let waits = Word::Waits(task(1));
        assert_eq!(here.heard(&waits, now), [Word::Hint(task(1))]);
        // Saying it again is no news.
        assert_eq!(here.heard(&waits, now), []);
        // Nothing was kept back of jobs.
        assert_eq!(here.heard(&Word::Waits(Hint::Jobs), now), []);
        let late = Word::Waits(task(2));
        assert_eq!(here.heard(&late, after(now, 2)), []);
    }

    #[test]
    fn two_that_have_nothing_to_say_stay_known_to_each_other_and_forget_one_that_died() {
        let now = Instant::now();
        let (mut here, mut there) = met(now);
        let mut said = 0;
        for seconds in 0..600 {
            let now = after(now, seconds);
            let words = here.passed(now);
            said += words.len();
            talk(&mut here, &mut there, words, now);
            let words = there.passed(now);
            talk(&mut there, &mut here, words, now);
        }
        assert_eq!(said, 9);
        let later = after(now, 600);
        assert!(here.waits(Hint::Jobs, WHILE, later).is_some());
        // The other one has died.
        let much_later = after(now, 600 + 151);
        assert_eq!(here.waits(Hint::Jobs, WHILE, much_later), None);
        assert_eq!(here.passed(much_later), []);
    }

    #[test]
    fn too_many_tasks_become_any_task() {
        let now = Instant::now();
        let mut here = Audience::default();
        let entropy = Seeded::new(1);
        for _ in 0..TASKS_MAX + 5 {
            let task = Hint::Task(Some(TaskId::new(&entropy)));
            here.heard(&Word::Waits(task), now);
        }
        assert!(here.waits.len() <= TASKS_MAX + 2);
        let told = here.happened(task(2), now);
        assert_eq!(told, Some(Word::Hint(task(2))));
    }
}
