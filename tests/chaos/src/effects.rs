//! The record of effects outside Errand: what the commands wrote into a named pipe, in the order in which it happened.
//!
//! No process of Errand can write here or change what stands here; only the commands can add to it.

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
    /// Commands that began after a later one of their task had begun: somebody who lost the lease acted once more.
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
                let mark = parse(&line).ok_or(line);
                shared.0.lock().unwrap().push(mark);
            }
        });
        effects
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
        let mut judged = Judged::default();
        let mut keys: BTreeMap<(String, String, usize), String> = BTreeMap::new();
        let mut fences: BTreeSet<(String, i64)> = BTreeSet::new();
        let mut reached: HashMap<String, Vec<(String, usize)>> = HashMap::new();
        for mark in marks.iter() {
            let mark = match mark {
                Ok(mark) => mark,
                Err(line) => {
                    let said = format!("an effect without a key or a fence: {line:?}");
                    judged.violations.push(said);
                    continue;
                }
            };
            if !mark.is_begin {
                continue;
            }
            judged.begun += 1;
            let place = (mark.task.clone(), mark.step.clone(), mark.at);
            match keys.get(&place) {
                None => {
                    keys.insert(place, mark.key.clone());
                }
                Some(known) => {
                    judged.repeated += 1;
                    if *known != mark.key {
                        let said = format!("one call, two keys: {mark:?} and {known}");
                        judged.violations.push(said);
                    }
                }
            }
            if !fences.insert((mark.key.clone(), mark.fence)) {
                let said = format!("a call was made twice under one fence: {mark:?}");
                judged.violations.push(said);
            }
            let seen = reached.entry(mark.task.clone()).or_default();
            if seen.iter().any(|(step, at)| comes_after(step, *at, mark)) {
                judged.stale += 1;
            }
            seen.push((mark.step.clone(), mark.at));
        }
        judged
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
            let line = line.replace("KEY", "0123456789abcdef");
            effects.0.lock().unwrap().push(parse(&line).ok_or(line));
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

    #[test]
    fn a_call_made_after_a_later_one_is_stale() {
        let later_turn = judged(&["KEYa 1 t a 1 begin", "KEYb 1 t a 0 begin"]);
        let later_step = judged(&["KEYa 1 t e 0 begin", "KEYb 1 t b 0 begin"]);
        let side_by_side = judged(&["KEYa 1 t a 1 begin", "KEYb 1 t b 0 begin"]);
        assert_eq!(
            (later_turn.stale, later_step.stale, side_by_side.stale),
            (1, 1, 0)
        );
    }
}
