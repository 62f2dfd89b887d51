//! Names of states as the API spells them. The matches are exhaustive, so that a new state is named on purpose.

use agent_core::step::StepState;
use agent_core::task::{Priority, TaskState, WaitKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a type of names that the API spells, from a type of the core.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident of $core:ident { $($(#[$arm:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$arm])* $variant,)* }

        impl From<$core> for $name {
            fn from(state: $core) -> Self {
                match state { $($core::$variant => Self::$variant,)* }
            }
        }
    };
}

pub(crate) use names;

names! {
    /// Where a task stands. The last four are final.
    TaskStateName of TaskState {
        /// Accepted, not begun.
        Queued,
        /// At work.
        Running,
        /// Held up; `waiting` says by what.
        Waiting,
        /// Done.
        Succeeded,
        /// Some of it is done; the result says what is not.
        Partial,
        /// Nothing useful came of it; `error` says why.
        Failed,
        /// Ended by its owner.
        Cancelled,
    }
}

names! {
    /// Where a step stands. The last four are final.
    StepStateName of StepState {
        /// Needs a step that is not done.
        Blocked,
        /// In the queue.
        Ready,
        /// At work.
        Running,
        /// Held up.
        Waiting,
        /// Done.
        Succeeded,
        /// Ended without a result.
        Failed,
        /// Never begun.
        Skipped,
        /// Ended by a cancel.
        Cancelled,
    }
}

names! {
    /// Which tasks come first; tenants take turns within one priority.
    PriorityName of Priority {
        /// Before all others.
        High,
        /// What is taken when nothing is said.
        Normal,
        /// When nothing else is there to do.
        Low,
    }
}

impl From<PriorityName> for Priority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::High => Self::High,
            PriorityName::Normal => Self::Normal,
            PriorityName::Low => Self::Low,
        }
    }
}

names! {
    /// What something waits for.
    WaitKindName of WaitKind {
        /// An answer from a person.
        Input,
        /// A person's consent.
        Approval,
        /// A raised budget.
        Budget,
        /// The model's provider.
        Provider,
        /// A point in time.
        Timer,
        /// A place on a worker.
        Capacity,
    }
}
