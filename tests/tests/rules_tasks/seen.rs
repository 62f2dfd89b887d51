//! What the cases came across, so that a test which meets nothing does not pass for one that proves something.

/// What came up in a case.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub conflicts: u32,
    pub late: u32,
    pub lost: u32,
    /// Jobs that a cancel took away, and whose holders told of their end.
    pub stopped: u32,
    pub budget_waits: u32,
    pub other_waits: u32,
    pub plans: u32,
    pub charges_lost: u32,
    pub ends: [u32; 4],
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.conflicts += other.conflicts;
        self.late += other.late;
        self.lost += other.lost;
        self.stopped += other.stopped;
        self.budget_waits += other.budget_waits;
        self.other_waits += other.other_waits;
        self.plans = self.plans.max(other.plans);
        self.charges_lost += other.charges_lost;
        for (sum, more) in self.ends.iter_mut().zip(other.ends) {
            *sum += more;
        }
    }

    /// A test that meets nothing proves nothing.
    pub fn must_hold_everything(&self) {
        let counts = [
            self.conflicts,
            self.late,
            self.lost,
            self.stopped,
            self.budget_waits,
            self.other_waits,
            self.charges_lost,
        ];
        assert!(counts.iter().all(|count| *count >= 20), "{self:?}");
        assert_eq!(self.plans, 2, "{self:?}");
        assert!(self.ends.iter().all(|count| *count >= 3), "{self:?}");
    }
}
