//! What was seen of one tab so far, and looking again.

use std::collections::HashSet;

use crate::{CallError, Frame, Frames, Object};

use super::ask::ask;
use super::compose::{Scope, compose};
use super::error::Error;
use super::find::{self, Find, Found};
use super::known::{DeadReference, Known};
use super::numbering::Numbering;
use super::read::{Read, Reading};
use super::reference::Reference;
use super::said::SaidText;
use super::script::{self, Question};
use super::snapshot::{Snapshot, View};

const READ_MILLISECONDS: u64 = 1_500;
const READ_BYTES: usize = 240 * 1024;

/// How much of a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the window shows.
    View,
    /// Also what lies outside it.
    All,
}

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// How much.
    pub part: Part,
    /// Only this thing and all that is in it. Such a look marks nothing and is not compared with later ones.
    pub reference: Option<Reference>,
    /// The most letters of the answer. What is cut is counted.
    pub letters: usize,
    /// Whether to tell only what changed, where that is little.
    pub difference: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            part: Part::View,
            reference: None,
            letters: 12_000,
            difference: false,
        }
    }
}

/// One tab, as far as it was seen: it knows what each reference was, and what the last look showed. To be kept as long as the tab.
#[derive(Debug, Default)]
pub struct Seen {
    numbering: Numbering,
    known: Known,
    last: Option<(Part, Snapshot)>,
}

impl Seen {
    /// Looks at the tab.
    pub async fn look(&mut self, frames: &dyn Frames, look: &Look) -> Result<View, Error> {
        if let Some(reference) = look.reference {
            return self.look_into(frames, reference, look.letters).await;
        }
        let snapshot = self.glance(frames, look.part).await?;
        let before = self.last.as_ref().filter(|(part, before)| {
            *part == look.part && before.facts.document == snapshot.facts.document
        });
        let before = before.map(|(_, before)| before);
        let difference = before
            .filter(|_| look.difference)
            .and_then(|before| snapshot.difference(before, look.letters));
        let view = difference.unwrap_or_else(|| snapshot.whole(before, look.letters));
        self.last = Some((look.part, snapshot));
        Ok(view)
    }

    async fn glance(&mut self, frames: &dyn Frames, part: Part) -> Result<Snapshot, Error> {
        let living = frames.frames();
        self.numbering
            .keep(&living.iter().map(|frame| frame.id.clone()).collect());
        let frame = living.into_iter().next().ok_or(Error::NoPage)?;
        let scope = Scope {
            frame,
            everything: part == Part::All,
            number: None,
        };
        let snapshot = compose(frames, &mut self.numbering, &mut self.known, &scope).await?;
        snapshot.ok_or(Error::NoPage)
    }

    async fn look_into(
        &mut self,
        frames: &dyn Frames,
        reference: Reference,
        letters: usize,
    ) -> Result<View, Error> {
        let Some(frame) = self.frame(frames, reference) else {
            return Err(self.dead(frames, reference).await);
        };
        let scope = Scope {
            frame,
            everything: true,
            number: Some(reference.number),
        };
        match compose(frames, &mut self.numbering, &mut self.known, &scope).await? {
            Some(snapshot) => Ok(snapshot.whole(None, letters)),
            None => Err(self.dead(frames, reference).await),
        }
    }

    /// Searches all frames of the tab, also outside the window.
    pub async fn find(&mut self, frames: &dyn Frames, wanted: &Find) -> Result<Found, Error> {
        let living = frames.frames();
        if living.is_empty() {
            return Err(Error::NoPage);
        }
        let some = &living[..living.len().min(12)];
        find::find(frames, some, &mut self.numbering, &mut self.known, wanted).await
    }

    /// Reads text of the frame at the top, or inside a thing. Of a frame's place, the text of that frame.
    pub async fn read(&mut self, frames: &dyn Frames, read: &Read) -> Result<Reading, Error> {
        let (frame, number) = match read.reference {
            None => (
                frames.frames().into_iter().next().ok_or(Error::NoPage)?,
                None,
            ),
            Some(reference) => {
                let Some(frame) = self.frame(frames, reference) else {
                    return Err(self.dead(frames, reference).await);
                };
                match super::compose::child(frames, &frame, reference.number).await {
                    Some(inside) => (inside, None),
                    None => (frame, Some(reference.number)),
                }
            }
        };
        let prefix = self.numbering.prefix(&frame.id, frame.parent.is_none());
        let question = Question::Read {
            first: self.numbering.first(&frame.id),
            // What comes late in a large page takes longer to get to.
            milliseconds: READ_MILLISECONDS + (read.from / 500).min(READ_MILLISECONDS * 4),
            bytes: READ_BYTES,
            number,
            from: read.from,
            letters: read.letters,
            whole: read.whole,
        };
        let said: SaidText = ask(frames, &frame, &question).await?;
        match read.reference {
            Some(reference) if said.dead => Err(self.dead(frames, reference).await),
            _ => {
                self.numbering.counted(&frame.id, said.next);
                Ok(Reading::new(said, prefix))
            }
        }
    }

    /// The node of a reference, as a handle in our isolated world of its frame. [`Error::Dead`] if it is gone.
    pub async fn node(
        &mut self,
        frames: &dyn Frames,
        reference: Reference,
    ) -> Result<Object, Error> {
        self.object(frames, reference, &script::node(reference.number))
            .await
    }

    /// As [`Seen::node`], but of a label that stands for a hidden box or file field, that field: what is filled or given files, where the
    /// node is what is clicked.
    pub async fn field(
        &mut self,
        frames: &dyn Frames,
        reference: Reference,
    ) -> Result<Object, Error> {
        self.object(frames, reference, &script::field(reference.number))
            .await
    }

    async fn object(
        &mut self,
        frames: &dyn Frames,
        reference: Reference,
        expression: &str,
    ) -> Result<Object, Error> {
        let Some(frame) = self.frame(frames, reference) else {
            return Err(self.dead(frames, reference).await);
        };
        match frames.evaluate_object(&frame, expression).await {
            Ok(object) => Ok(object),
            // The value was null: no such node, or no scripts in a document that was never looked at.
            Err(CallError::Script(_)) => Err(self.dead(frames, reference).await),
            Err(error) => Err(error.into()),
        }
    }

    /// The frame of a reference as it is now.
    pub fn frame(&self, frames: &dyn Frames, reference: Reference) -> Option<Frame> {
        let mut living = frames.frames().into_iter();
        if reference.frame == 0 {
            return living.next();
        }
        let id = self.numbering.frame(reference)?;
        living.find(|frame| frame.id == *id)
    }

    /// Why a reference names nothing: what it was, and what is nearest to that on the page now. Looks at the page for that.
    pub async fn dead(&mut self, frames: &dyn Frames, reference: Reference) -> Error {
        // If the page cannot be looked at, that is told by the next look; the reference is dead all the same.
        let now = match self.glance(frames, Part::View).await {
            Ok(snapshot) => snapshot.references(),
            Err(_) => HashSet::new(),
        };
        Error::Dead(Box::new(self.known.explain(reference, &now)))
    }

    /// Why a reference names nothing, by what was known before: for when the page cannot be asked.
    pub fn explain(&self, reference: Reference) -> DeadReference {
        let last = self.last.as_ref().map(|(_, last)| last.references());
        self.known.explain(reference, &last.unwrap_or_default())
    }
}
