//! What must come of a kill at a point: derived from the order in which an undisturbed run reaches the points, never from
//! what was seen.

use super::work::Class;

/// How far the counted call had come when the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// No intent in the log.
    Before,
    /// The intent is in the log; nothing was done.
    Intended,
    /// It was done; no result in the log.
    Done,
    /// The result is in the log.
    Recorded,
    /// The point belongs to what runs beside the work, so it can have come anyhow far.
    Unknown,
}

/// What must be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub progress: Progress,
    /// Answers of the model that were lost because they were not in the log yet.
    pub answers_lost: usize,
    /// Webhook messages that were sent and not recorded.
    pub sent_again: usize,
}

/// Points that are reached by what runs beside the work: at any time, and again and again.
pub fn is_in_background(point: &str) -> bool {
    let beside = [
        "heartbeat.",
        "reap.",
        "claim.before",
        "begin.",
        "ensure_tenant.",
        "create_key.",
    ];
    beside.iter().any(|name| point.starts_with(name))
}

/// The points that are tried for a class. One class reaches all that have nothing to do with its call; the others are
/// tried around their call.
pub fn window(trace: &[String], class: Class, whole: bool) -> &[String] {
    if class == Class::Repeatable || whole {
        return trace;
    }
    let (asked, recorded) = (intent(trace), recorded(trace));
    let from = trace[..asked]
        .iter()
        .rposition(|point| point == "model.ask.before");
    &trace[from.unwrap()..=recorded]
}

/// Where the intent of the counted call, the first of its task, was committed.
fn intent(trace: &[String]) -> usize {
    position(trace, |point| {
        point.contains("tool.intended") && is_after(point)
    })
}

/// Where its result was committed.
fn recorded(trace: &[String]) -> usize {
    position(trace, |point| {
        point.starts_with("append:tool.returned") && is_after(point)
    })
}

fn is_after(point: &str) -> bool {
    point.rsplit('.').next() == Some("after")
}

fn position(trace: &[String], is_it: impl Fn(&str) -> bool) -> usize {
    trace.iter().position(|point| is_it(point)).unwrap()
}

/// What must come of a kill at this point.
pub fn at(trace: &[String], point: &str, class: Class) -> Expected {
    let (name, times) = point.split_once('#').unwrap_or((point, "1"));
    let times: usize = times.parse().unwrap();
    let mut reached = trace.iter().enumerate().filter(|(_, known)| *known == name);
    let (at, _) = reached.nth(times - 1).unwrap();
    let done = format!("tool.run:{}.after", class.tool());
    let done = position(trace, |point| point == done);
    let progress = if is_in_background(name) {
        Progress::Unknown
    } else if at < intent(trace) {
        Progress::Before
    } else if at < done {
        Progress::Intended
    } else if at < recorded(trace) {
        Progress::Done
    } else {
        Progress::Recorded
    };
    let is_reply = name.contains(":model.replied") && !is_after(name);
    Expected {
        progress,
        answers_lost: usize::from(name == "model.ask.after" || is_reply),
        sent_again: usize::from(name == "append:delivery.attempted.before"),
    }
}
