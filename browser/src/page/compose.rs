//! One look over all frames: each frame is asked for itself, and its lines go below the place that it has in its parent.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::{Frame, FrameId, Frames, Node, NodeHandle};

use super::ask::ask;
use super::error::Error;
use super::known::Known;
use super::numbering::Numbering;
use super::reference::Reference;
use super::render::line_text;
use super::said::{Line, Said};
use super::script::{Question, node};
use super::snapshot::{Shown, Snapshot};

/// The most frames that one look goes into, and how deep.
const FRAMES_MAX: usize = 12;
const NESTED_MAX: usize = 5;
/// What the scripts of the first frame and of each frame in it may take and send.
const MILLISECONDS: (u64, u64) = (1_000, 250);
const BYTES: (usize, usize) = (160 * 1024, 8 * 1024);

/// What is looked at.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub frame: Frame,
    pub everything: bool,
    /// Only inside this node.
    pub number: Option<u64>,
}

/// A frame's answer, and which of the others hang on which of its nodes.
#[derive(Debug)]
struct Part {
    prefix: u32,
    said: Said,
    children: HashMap<u64, Child>,
}

#[derive(Debug)]
enum Child {
    /// The place of its answer.
    Seen(usize),
    /// Why there is none.
    Unseen(String),
}

/// A frame that is still to be asked.
#[derive(Debug)]
struct Due {
    frame: Frame,
    seen: Option<[i64; 4]>,
    nested: usize,
    /// The place of its parent's answer, and its node there.
    at: Option<(usize, u64)>,
}

/// Looks, and notes what every reference is. `None` if the node that it is about is gone.
pub(super) async fn compose(
    frames: &dyn Frames,
    numbering: &mut Numbering,
    known: &mut Known,
    scope: &Scope,
) -> Result<Option<Snapshot>, Error> {
    let mut parts: Vec<Part> = Vec::new();
    let first = Due {
        frame: scope.frame.clone(),
        seen: None,
        nested: 0,
        at: None,
    };
    let mut due = VecDeque::from([first]);
    while let Some(next) = due.pop_front() {
        let said = look(frames, numbering, scope, &next).await;
        let place = parts.len();
        let said = match (said, next.at) {
            (Ok(said), None) if said.dead => return Ok(None),
            (Ok(said), _) => said,
            (Err(error), None) => return Err(error),
            // One bad frame does not make the page unusable.
            (Err(error), Some((parent, number))) => {
                parts[parent]
                    .children
                    .insert(number, Child::Unseen(error.to_string()));
                continue;
            }
        };
        if let Some((parent, number)) = next.at {
            parts[parent].children.insert(number, Child::Seen(place));
        }
        let prefix = numbering.prefix(&next.frame.id, next.frame.parent.is_none());
        let mut part = Part {
            prefix,
            said,
            children: HashMap::new(),
        };
        if next.nested < NESTED_MAX {
            for (number, seen) in framed(&part.said.lines) {
                if parts.len() + due.len() + 1 >= FRAMES_MAX {
                    part.children
                        .insert(number, Child::Unseen("too many frames".to_owned()));
                    continue;
                }
                if let Some(frame) = child(frames, &next.frame, number).await {
                    due.push_back(Due {
                        frame,
                        seen: Some(seen),
                        nested: next.nested + 1,
                        at: Some((place, number)),
                    });
                }
            }
        }
        parts.push(part);
    }
    Ok(Some(together(&parts, known)))
}

async fn look(
    frames: &dyn Frames,
    numbering: &mut Numbering,
    scope: &Scope,
    due: &Due,
) -> Result<Said, Error> {
    let at_top = due.at.is_none();
    numbering.prefix(&due.frame.id, due.frame.parent.is_none());
    let question = Question::Look {
        first: numbering.first(&due.frame.id),
        milliseconds: if at_top {
            MILLISECONDS.0
        } else {
            MILLISECONDS.1
        },
        bytes: if at_top { BYTES.0 } else { BYTES.1 },
        everything: scope.everything || scope.number.is_some(),
        number: if at_top { scope.number } else { None },
        seen: due.seen,
    };
    let said: Said = ask(frames, &due.frame, &question).await?;
    numbering.counted(&due.frame.id, said.next);
    Ok(said)
}

/// The frames that are seen among the lines: their nodes, and what is seen of them.
fn framed(lines: &[Line]) -> Vec<(u64, [i64; 4])> {
    let things = lines.iter().flat_map(Line::things);
    let framed = things.filter_map(|thing| Some((thing.number?, thing.seen?)));
    framed
        .filter(|(_, [_, _, width, height])| *width > 1 && *height > 1)
        .collect()
}

/// The frame that a node is the place of. `None` where it is gone by now.
pub(super) async fn child(frames: &dyn Frames, parent: &Frame, number: u64) -> Option<Frame> {
    let place = frames.evaluate_object(parent, &node(number)).await.ok()?;
    let handle = NodeHandle {
        frame: place.frame.clone(),
        session: place.session.clone(),
        node: Node::Object(place.id.clone()),
    };
    let described = frames.describe(&handle, 0, false).await;
    frames.release(&place).await;
    let described = described.ok()?;
    let id = described.get("frameId").and_then(Value::as_str)?;
    let id = FrameId::from(id);
    frames.frames().into_iter().find(|frame| frame.id == id)
}

/// Puts the answers together as lines.
fn together(parts: &[Part], known: &mut Known) -> Snapshot {
    let mut snapshot = Snapshot {
        complete: true,
        ..Snapshot::default()
    };
    for part in parts {
        for (sum, one) in snapshot.outside.iter_mut().zip(part.said.outside) {
            *sum += one;
        }
        for (sum, one) in snapshot.cut.iter_mut().zip(part.said.cut) {
            *sum += one;
        }
        snapshot.complete &= part.said.complete;
        snapshot.milliseconds += part.said.milliseconds;
    }
    if let Some(first) = parts.first() {
        snapshot.facts = first.said.facts.clone();
        append(parts, first, (0, false), known, &mut snapshot.lines);
    }
    snapshot
}

/// Appends a frame's lines, and below each place of a frame that frame's. It is as deep as frames are nested, which is bounded.
fn append(
    parts: &[Part],
    part: &Part,
    (depth, behind): (usize, bool),
    known: &mut Known,
    lines: &mut Vec<Shown>,
) {
    for line in &part.said.lines {
        let shown = shown(line, part, (depth, behind), known);
        let (depth, behind) = (shown.depth + 1, shown.behind);
        lines.push(shown);
        for number in line.things().filter_map(|thing| thing.number) {
            match part.children.get(&number) {
                None => {}
                Some(Child::Seen(place)) => {
                    append(parts, &parts[*place], (depth, behind), known, lines);
                }
                Some(Child::Unseen(why)) => lines.push(Shown {
                    depth,
                    text: format!(
                        "(this frame was not looked into: {})",
                        super::text::one_line(why)
                    ),
                    references: Vec::new(),
                    behind,
                }),
            }
        }
    }
}

fn shown(line: &Line, part: &Part, (depth, behind): (usize, bool), known: &mut Known) -> Shown {
    let mut references = Vec::new();
    for thing in line.things() {
        if let Some(number) = thing.number {
            let reference = Reference {
                frame: part.prefix,
                number,
            };
            let name = if thing.name.is_empty() {
                &thing.hint
            } else {
                &thing.name
            };
            known.note(reference, &thing.role, name);
            references.push(reference);
        }
    }
    Shown {
        depth: depth + line.depth,
        text: line_text(line, part.prefix),
        references,
        behind: behind || (part.said.modal && !line.modal),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn part(prefix: u32, said: &str, children: Vec<(u64, Child)>) -> Part {
        Part {
            prefix,
            said: serde_json::from_str(said).unwrap(),
            children: children.into_iter().collect(),
        }
    }

    #[test]
    fn frames_stand_below_their_places_and_one_that_fails_is_told() {
        let top = r#"{"complete":true,"modal":true,"outside":[1,2,3],"lines":[
            {"kind":"run","modal":true,"items":[{"ref":1,"role":"frame","name":"Pay"}]},
            {"kind":"run","depth":1,"items":[{"ref":2,"role":"frame","name":"Ad"},{"text":"beside"}]}]}"#;
        let pay = r#"{"complete":true,"outside":[0,5,0],"lines":[{"kind":"run","depth":1,"items":[{"ref":1,"role":"button","name":"Go"}]}]}"#;
        let children = vec![
            (1, Child::Seen(1)),
            (2, Child::Unseen("no\nanswer".to_owned())),
        ];
        let parts = [part(0, top, children), part(4, pay, Vec::new())];
        let snapshot = together(&parts, &mut Known::default());
        let lines: Vec<_> = snapshot
            .lines
            .iter()
            .map(|line| (line.depth, line.text.as_str(), line.behind))
            .collect();
        assert_eq!(
            lines,
            [
                (0, "[e1] frame \"Pay\"", false),
                (2, "[f4e1] button \"Go\"", false),
                (1, "[e2] frame \"Ad\" \"beside\"", true),
                (2, "(this frame was not looked into: no answer)", true),
            ]
        );
        assert_eq!((snapshot.outside, snapshot.complete), ([1, 7, 3], true));
    }
}
