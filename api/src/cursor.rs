//! Cursors: where the next page of a list begins, in a form that callers do not take apart.

use agent_core::id::TaskId;
use agent_core::queue::DeadId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Written before the id, so that a later form of cursor can be told from this one.
const FORM: &str = "1:";

/// The cursor of the page after this task.
pub fn after(task: &TaskId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{FORM}{task}"))
}

/// The task that a cursor stands after.
pub fn read(cursor: &str) -> Option<TaskId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix(FORM)?.parse().ok()
}

/// The cursor of the page after this dead letter.
pub fn after_dead(since_ms: i64, id: &DeadId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{FORM}{since_ms}:{id}"))
}

/// The dead letter that a cursor stands after: when it was set aside, and its id.
pub fn read_dead(cursor: &str) -> Option<(i64, DeadId)> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (since_ms, id) = text.strip_prefix(FORM)?.split_once(':')?;
    Some((since_ms.parse().ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;

    use super::*;

    #[test]
    fn a_cursor_reads_back_and_a_changed_one_does_not() {
        let task = TaskId::new(&Seeded::new(1));
        let cursor = after(&task);
        assert_eq!(read(&cursor), Some(task));
        assert_eq!(read(&cursor[1..]), None);
        assert_eq!(read("%%%"), None);
        assert_eq!(read(""), None);
    }
}
