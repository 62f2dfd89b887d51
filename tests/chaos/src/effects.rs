//! The record of effects outside Errand: what the commands told the trial, in the order in which it happened.
//!
//! No process of Errand can change what stands here; only the commands can add to it.
//!
//! A step has one job for its life, and each claim of it a higher fence. So a mark whose fence is below one that was seen
//! before for its step was made by somebody who had lost the lease: it is stale. Whoever takes a job over has one call of
//! it in flight to settle, and does that before all else. From that follow the laws for each claim, by its marks alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use nix::sys::stat::Mode;

use super::words::{self, STEPS};

/// One mark of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub key: String,
    pub fence: i64,
    pub task: String,
    pub step: String,
    pub at: usize,
    pub is_begin: bool,
}

impl Mark {
    /// Whether it is the end of a task's last command.
    fn is_last(&self) -> bool {
        self.step == "e" && !self.is_begin
    }
}

/// The marks so far.
#[derive(Debug, Clone, Default)]
pub struct Effects(Arc<Mutex<Vec<Result<Mark, String>>>>);

/// What the marks of a trial say.
#[derive(Debug, Default)]
pub struct Judged {
    /// Commands that began.
    pub begun: usize,
    /// Commands that began again.
    pub repeated: usize,
    /// Commands that began under a fence below one that was seen before: somebody who lost the lease acted once more.
    pub stale: usize,
    /// What must never be.
    pub violations: Vec<String>,
}

impl Effects {
    /// Makes the pipe in `folder` and reads it until this process ends.
    pub fn listen(folder: &Path) -> Self {
        let path = folder.join("effects");
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o666)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        // Held for writing too, so that the pipe never ends.
        let pipe = File::options().read(true).write(true).open(&path).unwrap();
        let effects = Self::default();
        let shared = effects.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                shared.add(line);
            }
        });
        effects
    }

    /// Takes in one line: key, fence, task, step, number, and `begin` or `end`.
    pub fn add(&self, line: String) {
        let mark = parse(&line).ok_or(line);
        self.0.lock().unwrap().push(mark);
    }

    /// Which commands of these tasks never began.
    pub fn missing(&self, tasks: usize) -> Vec<String> {
        let marks = self.0.lock().unwrap();
        let begun: BTreeSet<(&str, &str, usize)> = marks
            .iter()
            .flatten()
            .map(|mark| (mark.task.as_str(), mark.step.as_str(), mark.at))
            .collect();
        let mut missing = Vec::new();
        for task in (0..tasks).map(words::name) {
            for (step, commands, _) in STEPS {
                let never = (0..commands).filter(|at| !begun.contains(&(&task, step, *at)));
                missing
                    .extend(never.map(|at| format!("{task}: command {at} of {step} never began")));
            }
        }
        missing
    }

    /// Commands that began so far.
    pub fn begun(&self) -> usize {
        let marks = self.0.lock().unwrap();
        marks.iter().flatten().filter(|mark| mark.is_begin).count()
    }

    /// How many tasks have ended their last command.
    pub fn tasks_done(&self) -> usize {
        let marks = self.0.lock().unwrap();
        let last = marks.iter().flatten().filter(|mark| mark.is_last());
        last.map(|mark| &mark.task).collect::<BTreeSet<_>>().len()
    }

    /// Whether a task has ended its last command.
    pub fn is_done(&self, task: usize) -> bool {
        let (marks, name) = (self.0.lock().unwrap(), words::name(task));
        let mut of_task = marks.iter().flatten().filter(|mark| mark.task == name);
        of_task.any(Mark::is_last)
    }

    /// Whether any command of a task has begun.
    pub fn has_begun(&self, task: usize) -> bool {
        let (marks, name) = (self.0.lock().unwrap(), words::name(task));
        marks.iter().flatten().any(|mark| mark.task == name)
    }

    /// Judges all marks.
    pub fn judge(&self) -> Judged {
        let marks = self.0.lock().unwrap();
        let mut so_far = SoFar::default();
        for mark in marks.iter() {
            match mark {
                Ok(mark) if mark.is_begin => so_far.begin(mark),
                Ok(_) => {}
                Err(line) => {
                    so_far.violation(format!("an effect without a key or a fence: {line:?}"));
                }
            }
        }
        so_far.judged
    }
}

/// One claim of a step's job.
type ClaimOf<'a> = (&'a str, &'a str, i64);

/// What the marks up to some point say.
#[derive(Default)]
struct SoFar<'a> {
    judged: Judged,
    /// The key of each command.
    keys: BTreeMap<(&'a str, &'a str, usize), &'a str>,
    /// Calls and the fences under which they were made.
    made: BTreeSet<(&'a str, i64)>,
    /// The highest fence of each step.
    highest: BTreeMap<(&'a str, &'a str), i64>,
    /// The highest fence of each call.
    of_key: BTreeMap<&'a str, i64>,
    /// Claims under which anything was begun, and those of them that acted after they were lost.
    claims: BTreeSet<ClaimOf<'a>>,
    lost: BTreeSet<ClaimOf<'a>>,
    /// Commands of each task that began.
    reached: HashMap<&'a str, Vec<(&'a str, usize)>>,
}

impl<'a> SoFar<'a> {
    fn violation(&mut self, said: String) {
        self.judged.violations.push(said);
    }

    fn begin(&mut self, mark: &'a Mark) {
        let (task, step) = (mark.task.as_str(), mark.step.as_str());
        let claim = (task, step, mark.fence);
        self.judged.begun += 1;
        let known = *self.keys.entry((task, step, mark.at)).or_insert(&mark.key);
        if known != mark.key {
            self.violation(format!("one call, two keys: {mark:?} and {known}"));
        }
        let highest = *self.highest.get(&(task, step)).unwrap_or(&mark.fence);
        let of_key = self.of_key.get(mark.key.as_str()).copied();
        let is_stale = mark.fence < highest;
        let is_first = self.made.insert((&mark.key, mark.fence));
        if !is_first {
            self.violation(format!("a call was made twice under one fence: {mark:?}"));
        }
        if is_stale {
            self.judged.stale += 1;
            if !self.lost.insert(claim) {
                self.violation(format!("a second effect under one lost lease: {mark:?}"));
            }
        } else if is_first && of_key.is_some() && self.claims.contains(&claim) {
            self.violation(format!(
                "a second call was repeated under one claim: {mark:?}"
            ));
        }
        self.judged.repeated += usize::from(of_key.is_some());
        // Whoever lost the lease left this call in flight, so somebody else has made it again before its result could be
        // in the log.
        let reached = self.reached.entry(task).or_default();
        let is_past = reached
            .iter()
            .any(|(step, at)| comes_after(step, *at, mark));
        reached.push((step, mark.at));
        if is_past && of_key.is_none_or(|seen| seen <= mark.fence) {
            self.violation(format!(
                "a call was made again after its result was in the log: {mark:?}"
            ));
        }
        self.claims.insert(claim);
        self.highest.insert((task, step), highest.max(mark.fence));
        self.of_key.insert(
            &mark.key,
            of_key.map_or(mark.fence, |seen| seen.max(mark.fence)),
        );
    }
}

fn parse(line: &str) -> Option<Mark> {
    let words: Vec<&str> = line.split(' ').collect();
    let [key, fence, task, step, at, moment] = words.as_slice() else {
        return None;
    };
    if key.len() < 16 || !matches!(*moment, "begin" | "end") {
        return None;
    }
    Some(Mark {
        key: (*key).to_owned(),
        fence: fence.parse().ok()?,
        task: (*task).to_owned(),
        step: (*step).to_owned(),
        at: at.parse().ok()?,
        is_begin: *moment == "begin",
    })
}

/// Whether this command can only begin when that of `mark` has its result in the log.
fn comes_after(step: &str, at: usize, mark: &Mark) -> bool {
    if step == mark.step {
        return at > mark.at;
    }
    depends(step, &mark.step)
}

fn depends(step: &str, on: &str) -> bool {
    let found = STEPS.iter().find(|(key, _, _)| *key == step);
    found.is_some_and(|(_, _, after)| after.iter().any(|key| *key == on || depends(key, on)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[&str]) -> Judged {
        let effects = Effects::default();
        for line in lines {
            effects.add(line.replace("KEY", "0123456789abcdef"));
        }
        effects.judge()
    }

    #[test]
    fn a_call_in_flight_may_be_made_again_under_a_new_fence_and_the_same_key_only() {
        let fine = judged(&[
            "KEYa 1 t a 0 begin",
            "KEYa 2 t a 0 begin",
            "KEYa 2 t a 0 end",
        ]);
        assert_eq!(
            (fine.repeated, fine.stale, fine.violations.len()),
            (1, 0, 0)
        );
        let same_fence = judged(&["KEYa 1 t a 0 begin", "KEYa 1 t a 0 begin"]);
        assert_eq!(same_fence.violations.len(), 1);
        let other_key = judged(&["KEYa 1 t a 0 begin", "KEYb 2 t a 0 begin"]);
        assert_eq!(other_key.violations.len(), 1);
        assert_eq!(judged(&[" 1 t a 0 begin"]).violations.len(), 1);
    }

    fn counted(judged: &Judged) -> (usize, usize, String) {
        (judged.repeated, judged.stale, judged.violations.join("; "))
    }

    #[test]
    fn a_claim_that_was_lost_may_begin_one_effect_more_and_not_a_second() {
        let one = judged(&[
            "KEYa 1 t a 0 begin",
            "KEYb 2 t a 1 begin",
            "KEYb 1 t a 1 begin",
        ]);
        assert_eq!(counted(&one), (1, 1, String::new()));
        // Another job of the same worker was lost with the same lease: it has one of its own.
        let of_two_jobs = judged(&[
            "KEYa 2 t a 0 begin",
            "KEYb 2 t b 0 begin",
            "KEYa 1 t a 0 begin",
            "KEYb 1 t b 0 begin",
        ]);
        assert_eq!(counted(&of_two_jobs), (2, 2, String::new()));
        let two = judged(&[
            "KEYa 2 t a 0 begin",
            "KEYb 2 t a 1 begin",
            "KEYa 1 t a 0 begin",
            "KEYb 1 t a 1 begin",
        ]);
        let said = counted(&two);
        assert!(
            said.2.contains("a second effect under one lost lease"),
            "{said:?}"
        );
    }

    #[test]
    fn a_call_whose_result_is_in_the_log_is_made_by_nobody_who_holds_its_job() {
        // The next command of the step had begun, so the result of the first was in the log.
        let later_turn = judged(&[
            "KEYa 1 t a 0 begin",
            "KEYb 1 t a 1 begin",
            "KEYa 2 t a 0 begin",
        ]);
        assert!(
            counted(&later_turn).2.contains("in the log"),
            "{later_turn:?}"
        );
        let later_step = judged(&[
            "KEYb 1 t b 0 begin",
            "KEYe 1 t e 0 begin",
            "KEYb 2 t b 0 begin",
        ]);
        assert!(
            counted(&later_step).2.contains("in the log"),
            "{later_step:?}"
        );
        // Somebody whose fence is lower is no longer its holder; whoever is has made this very call before.
        let stale = judged(&[
            "KEYb 2 t b 0 begin",
            "KEYe 1 t e 0 begin",
            "KEYb 1 t b 0 begin",
        ]);
        assert_eq!(counted(&stale), (1, 1, String::new()));
        let never_in_flight = judged(&["KEYb 2 t b 1 begin", "KEYa 1 t b 0 begin"]);
        assert!(
            counted(&never_in_flight).2.contains("in the log"),
            "{never_in_flight:?}"
        );
        let side_by_side = judged(&["KEYa 1 t a 1 begin", "KEYb 1 t b 0 begin"]);
        assert_eq!(counted(&side_by_side), (0, 0, String::new()));
    }

    #[test]
    fn a_claim_repeats_the_call_that_was_in_flight_and_no_other() {
        let second = judged(&[
            "KEYa 1 t a 0 begin",
            "KEYb 1 t a 1 begin",
            "KEYa 2 t a 0 begin",
            "KEYb 2 t a 1 begin",
        ]);
        assert!(
            counted(&second).2.contains("repeated under one claim"),
            "{second:?}"
        );
        let first = judged(&[
            "KEYa 1 t a 0 begin",
            "KEYb 1 t a 1 begin",
            "KEYb 2 t a 1 begin",
            "KEYb 3 t a 1 begin",
        ]);
        assert_eq!(counted(&first), (2, 0, String::new()));
    }
}
