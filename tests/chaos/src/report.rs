//! What a trial came to, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// See the module's description.
#[derive(Debug, Default)]
pub struct Report {
    pub database: String,
    pub seed: u64,
    pub tasks: usize,
    pub succeeded: usize,
    /// For each kind of disturbance, how long it took until work went on.
    pub recoveries: BTreeMap<&'static str, Vec<Duration>>,
    /// Other times that were taken, such as that of an orderly end.
    pub waits: BTreeMap<&'static str, Vec<Duration>>,
    /// Open jobs that were asked whether they were charged for an orderly end.
    pub looked_at: usize,
    /// What else is worth knowing of this trial.
    pub notes: Vec<String>,
    pub questions: usize,
    pub questions_repeated: usize,
    pub effects: usize,
    pub effects_repeated: usize,
    /// Effects by somebody who had lost the lease.
    pub effects_stale: usize,
    /// Not known where the processes are somebody else's.
    pub leases_lost: Option<usize>,
    /// Requests in whose middle the client hung up.
    pub hung_up: usize,
    pub took: Duration,
    pub violations: Vec<String>,
}

impl Report {
    /// Rounds of all kinds.
    pub fn rounds(&self) -> usize {
        self.recoveries.values().map(Vec::len).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "database {}, seed {}", self.database, self.seed)?;
        writeln!(
            f,
            "  {:<12} {:>6} {:>16} {:>16}",
            "disturbance", "times", "work again, p50", "at most"
        )?;
        lines(f, &self.recoveries)?;
        lines(f, &self.waits)?;
        writeln!(
            f,
            "  tasks accepted {}, succeeded {}",
            self.tasks, self.succeeded
        )?;
        writeln!(
            f,
            "  questions answered {}, of these again {}",
            self.questions, self.questions_repeated
        )?;
        writeln!(
            f,
            "  effects {}, of these again {}, by a worker without lease {}; leases lost {}",
            self.effects,
            self.effects_repeated,
            self.effects_stale,
            self.leases_lost
                .map_or("not known".to_owned(), |lost| lost.to_string())
        )?;
        if self.hung_up > 0 {
            writeln!(
                f,
                "  requests in whose middle the client hung up {}",
                self.hung_up
            )?;
        }
        if self.looked_at > 0 {
            writeln!(
                f,
                "  open jobs looked at after orderly ends {}",
                self.looked_at
            )?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        writeln!(f, "  took {} s", self.took.as_secs())?;
        for violation in &self.violations {
            writeln!(f, "  VIOLATION: {violation}")?;
        }
        write!(f, "  violations: {}", self.violations.len())
    }
}

fn lines(f: &mut fmt::Formatter<'_>, kinds: &BTreeMap<&'static str, Vec<Duration>>) -> fmt::Result {
    for (kind, times) in kinds {
        let mut times = times.clone();
        times.sort();
        let p50 = times.get(times.len() / 2).copied().unwrap_or_default();
        let most = times.last().copied().unwrap_or_default();
        writeln!(
            f,
            "  {kind:<12} {:>6} {:>13} ms {:>13} ms",
            times.len(),
            p50.as_millis(),
            most.as_millis()
        )?;
    }
    Ok(())
}
