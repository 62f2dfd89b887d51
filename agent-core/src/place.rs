//! Places of a tool: of a scarce tool a worker makes only so many calls at the same time, and a step that finds no place waits.
//!
//! Such a wait is one for capacity like others, because older releases read what is stored. It is told from trouble by its
//! reason, which is made and recognised here alone: a busy tool is no trouble, however long it stays busy.

use crate::task::{WaitKind, Waiting};

const BEGINS: &str = "waits for a place of tool ";

/// Why a step waits that found no place.
pub fn reason(tool: &str, limit: u32) -> String {
    format!("{BEGINS}{tool} (limit {limit} on this worker)")
}

/// Whether a wait of this kind with this reason is one for a place.
pub fn is_reason(kind: WaitKind, reason: &str) -> bool {
    kind == WaitKind::Capacity && reason.starts_with(BEGINS)
}

/// Whether this is waited for.
pub fn is_waited_for(waiting: &Waiting) -> bool {
    is_reason(waiting.kind, &waiting.reason)
}
