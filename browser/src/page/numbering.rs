//! Which frame a reference belongs to, and from where on a frame's next document counts, so that no reference is used twice.

use std::collections::{HashMap, HashSet};

use crate::FrameId;

use super::reference::Reference;

/// How many gone frames are remembered before they are cleared out.
const FRAMES_MAX: usize = 200;

/// The frames of one tab by their short names.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    frames: HashMap<FrameId, Counted>,
    /// The highest short name given; the frame at the top is 0.
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    prefix: u32,
    next: u64,
}

impl Numbering {
    /// The short name of a frame. The one at the top has none, whatever it shows.
    pub(super) fn prefix(&mut self, frame: &FrameId, at_top: bool) -> u32 {
        if let Some(counted) = self.frames.get(frame) {
            return counted.prefix;
        }
        let counted = if at_top {
            // A new frame at the top counts on where the one before stopped: both have the same short name.
            let before = self.frames.iter().find(|(_, counted)| counted.prefix == 0);
            let before = before.map(|(frame, counted)| (frame.clone(), counted.next));
            let next = before.map_or(1, |(frame, next)| {
                self.frames.remove(&frame);
                next
            });
            Counted { prefix: 0, next }
        } else {
            // People count the top as the first frame, so the first inside it is the second.
            self.last = (self.last + 1).max(2);
            Counted {
                prefix: self.last,
                next: 1,
            }
        };
        self.frames.insert(frame.clone(), counted);
        counted.prefix
    }

    /// The least number that a new node of that frame may get.
    pub(super) fn first(&self, frame: &FrameId) -> u64 {
        self.frames.get(frame).map_or(1, |counted| counted.next)
    }

    /// Notes how far a frame's document has counted.
    pub(super) fn counted(&mut self, frame: &FrameId, next: u64) {
        if let Some(counted) = self.frames.get_mut(frame) {
            counted.next = counted.next.max(next);
        }
    }

    /// The frame that a reference belongs to, if there was one of that name.
    pub(super) fn frame(&self, reference: Reference) -> Option<&FrameId> {
        let mut frames = self.frames.iter();
        frames
            .find(|(_, counted)| counted.prefix == reference.frame)
            .map(|(frame, _)| frame)
    }

    /// Forgets frames that are gone, once there are many. Their short names are not given again.
    pub(super) fn keep(&mut self, living: &HashSet<FrameId>) {
        if self.frames.len() > FRAMES_MAX {
            self.frames
                .retain(|frame, counted| counted.prefix == 0 || living.contains(frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_its_name_and_its_next_document_counts_on() {
        let mut numbering = Numbering::default();
        let (top, first, second) = (FrameId::from("t"), FrameId::from("a"), FrameId::from("b"));
        assert_eq!(numbering.prefix(&top, true), 0);
        assert_eq!(numbering.prefix(&first, false), 2);
        assert_eq!(numbering.prefix(&second, false), 3);
        assert_eq!(numbering.prefix(&first, false), 2);
        numbering.counted(&first, 8);
        numbering.counted(&first, 5);
        assert_eq!((numbering.first(&first), numbering.first(&second)), (8, 1));
        let reference = |frame| Reference { frame, number: 1 };
        assert_eq!(numbering.frame(reference(2)), Some(&first));
        assert_eq!(numbering.frame(reference(0)), Some(&top));
        assert_eq!(numbering.frame(reference(9)), None);
    }

    #[test]
    fn another_frame_at_the_top_counts_on() {
        let mut numbering = Numbering::default();
        let (one, other) = (FrameId::from("one"), FrameId::from("other"));
        numbering.prefix(&one, true);
        numbering.counted(&one, 40);
        assert_eq!(numbering.prefix(&other, true), 0);
        assert_eq!(numbering.first(&other), 40);
        let reference = Reference {
            frame: 0,
            number: 1,
        };
        assert_eq!(numbering.frame(reference), Some(&other));
    }

    #[test]
    fn names_of_frames_that_are_gone_are_not_given_again() {
        let mut numbering = Numbering::default();
        numbering.prefix(&FrameId::from("t"), true);
        for number in 0..=FRAMES_MAX {
            numbering.prefix(&FrameId::from(number.to_string().as_str()), false);
        }
        let living = HashSet::from([FrameId::from("5")]);
        numbering.keep(&living);
        assert_eq!(numbering.frames.len(), 2);
        let fresh = numbering.prefix(&FrameId::from("new"), false);
        assert_eq!(usize::try_from(fresh), Ok(FRAMES_MAX + 3));
    }
}
