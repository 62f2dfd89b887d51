//! The frames of a tab, as the browser's events tell of them. Pure.
//!
//! A frame may move to a process of its own and back; it is the same frame for us, only calls about it go elsewhere.

use std::collections::HashMap;

use serde_json::Value;

use crate::driver::{Document, Frame, FrameId, SessionId};

#[derive(Debug, Default)]
pub struct FrameTree {
    frames: HashMap<FrameId, Kept>,
    top: Option<FrameId>,
}

#[derive(Debug)]
struct Kept {
    frame: Frame,
    children: Vec<FrameId>,
}

impl FrameTree {
    pub fn top(&self) -> Option<&Frame> {
        self.get(self.top.as_ref()?)
    }

    pub fn is_top(&self, id: &FrameId) -> bool {
        self.top.as_ref() == Some(id)
    }

    pub fn get(&self, id: &FrameId) -> Option<&Frame> {
        self.frames.get(id).map(|kept| &kept.frame)
    }

    /// All of them, each parent before its children.
    pub fn list(&self) -> Vec<Frame> {
        let mut listed = Vec::with_capacity(self.frames.len());
        let mut next: Vec<&FrameId> = self.top.iter().collect();
        while let Some(kept) = next.pop().and_then(|id| self.frames.get(id)) {
            listed.push(kept.frame.clone());
            next.extend(kept.children.iter().rev());
        }
        listed
    }

    /// A frame is there, with an empty document, or has come back to its parent's process.
    pub fn attached(&mut self, id: &FrameId, parent: Option<&FrameId>, session: &SessionId) {
        if let Some(kept) = self.frames.get_mut(id) {
            if kept.frame.session != *session {
                kept.frame.session = session.clone();
                self.remove_children(id);
            }
            return;
        }
        let frame = Frame {
            id: id.clone(),
            document: Document::from(""),
            parent: parent.cloned(),
            session: session.clone(),
            url: String::new(),
        };
        match parent {
            // Its parent has gone meanwhile, and so has it.
            Some(parent) if !self.frames.contains_key(parent) => return,
            Some(parent) => {
                if let Some(parent) = self.frames.get_mut(parent) {
                    parent.children.push(id.clone());
                }
            }
            None => self.top = Some(id.clone()),
        }
        self.frames.insert(
            id.clone(),
            Kept {
                frame,
                children: Vec::new(),
            },
        );
    }

    /// A frame shows another document. `described` is the protocol's `Page.Frame`.
    pub fn navigated(&mut self, described: &Value, session: &SessionId) {
        let Some(id) = described["id"].as_str().map(FrameId::from) else {
            return;
        };
        let parent = described["parentId"].as_str().map(FrameId::from);
        // A frame with a process of its own does not always say where it lies, but then it is known.
        let has_place = parent.is_some() || self.top.is_none() || self.is_top(&id);
        if !self.frames.contains_key(&id) && has_place {
            self.attached(&id, parent.as_ref(), session);
        }
        self.remove_children(&id);
        if let Some(kept) = self.frames.get_mut(&id) {
            kept.frame.session = session.clone();
            kept.frame.document =
                Document::from(described["loaderId"].as_str().unwrap_or_default());
            kept.frame.url = url_of(described);
        }
    }

    /// The address changed within the same document.
    pub fn moved_within(&mut self, id: &FrameId, url: &str) {
        if let Some(kept) = self.frames.get_mut(id) {
            url.clone_into(&mut kept.frame.url);
        }
    }

    pub fn removed(&mut self, id: &FrameId) {
        self.remove_children(id);
        let Some(kept) = self.frames.remove(id) else {
            return;
        };
        let parent = kept
            .frame
            .parent
            .and_then(|parent| self.frames.get_mut(&parent));
        if let Some(parent) = parent {
            parent.children.retain(|child| child != id);
        }
    }

    fn remove_children(&mut self, id: &FrameId) {
        let mut next = self
            .frames
            .get_mut(id)
            .map(|kept| std::mem::take(&mut kept.children))
            .unwrap_or_default();
        while let Some(kept) = next.pop().and_then(|id| self.frames.remove(&id)) {
            next.extend(kept.children);
        }
    }

    /// A process of a frame has ended: what was in it is gone, unless it moved on before.
    pub fn session_ended(&mut self, session: &SessionId) {
        let gone: Vec<FrameId> = self
            .frames
            .values()
            .filter(|kept| kept.frame.session == *session)
            .map(|kept| kept.frame.id.clone())
            .collect();
        for id in &gone {
            self.removed(id);
        }
    }

    /// Takes the protocol's `FrameTree` of one session, which was asked for: adds what is not known, and changes nothing that is,
    /// because events that came meanwhile know better.
    pub fn learn(&mut self, described: &Value, session: &SessionId) {
        // The tree of the page comes from the page, level by level, so no level is trusted to be the last.
        let mut next = vec![described];
        while let Some(node) = next.pop() {
            let frame = &node["frame"];
            let id = frame["id"].as_str().map(FrameId::from);
            let known = id.as_ref().and_then(|id| self.get(id));
            if known.is_none_or(|known| known.document.as_str().is_empty()) {
                self.navigated(frame, session);
            }
            let children = node["childFrames"].as_array();
            next.extend(children.into_iter().flatten().rev());
        }
    }

    /// Takes the protocol's `FrameTree` of one session in place of what is known of that session.
    pub fn learn_anew(&mut self, described: &Value, session: &SessionId) {
        if let Some(top) = described["frame"]["id"].as_str().map(FrameId::from) {
            self.remove_children(&top);
            if let Some(kept) = self.frames.get_mut(&top) {
                kept.frame.document = Document::from("");
            }
        }
        self.learn(described, session);
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }
}

fn url_of(described: &Value) -> String {
    let part = |name: &str| described[name].as_str().unwrap_or_default();
    format!("{}{}", part("url"), part("urlFragment"))
}

#[cfg(test)]
mod tests {
    //! Frames that come, go and move between processes.

    use serde_json::{Value, json};

    use super::FrameTree;
    use crate::driver::{FrameId, SessionId};

    fn described(id: &str, parent: Option<&str>, document: &str) -> Value {
        json!({ "id": id, "parentId": parent, "loaderId": document, "url": format!("http://{id}.test/") })
    }

    fn shape(tree: &FrameTree) -> Vec<String> {
        let line = |frame: &crate::driver::Frame| {
            format!("{}@{} {}", frame.id, frame.session, frame.document)
        };
        tree.list().iter().map(line).collect()
    }

    fn tree() -> (FrameTree, SessionId) {
        let (mut tree, session) = (FrameTree::default(), SessionId::from("p"));
        let learnt = json!({
            "frame": described("top", None, "1"),
            "childFrames": [
                { "frame": described("a", Some("top"), "2"), "childFrames": [{ "frame": described("b", Some("a"), "3") }] },
                { "frame": described("c", Some("top"), "4") },
            ],
        });
        tree.learn(&learnt, &session);
        (tree, session)
    }

    #[test]
    fn frames_are_listed_each_parent_before_its_children() {
        let (tree, _) = tree();
        assert_eq!(shape(&tree), ["top@p 1", "a@p 2", "b@p 3", "c@p 4"]);
        assert_eq!(
            tree.get(&FrameId::from("b"))
                .and_then(|frame| frame.parent.clone()),
            Some(FrameId::from("a"))
        );
    }

    #[test]
    fn a_new_document_takes_the_frames_of_the_old_one_with_it() {
        let (mut tree, session) = tree();
        tree.navigated(&described("a", Some("top"), "5"), &session);
        assert_eq!(shape(&tree), ["top@p 1", "a@p 5", "c@p 4"]);
        tree.navigated(&described("top", None, "6"), &session);
        assert_eq!(shape(&tree), ["top@p 6"]);
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn a_frame_that_moves_to_a_process_of_its_own_and_back_stays_the_same_frame() {
        let (mut tree, session) = tree();
        let (own, a) = (SessionId::from("own"), FrameId::from("a"));
        tree.attached(&a, None, &own);
        tree.navigated(&described("a", None, "7"), &own);
        assert_eq!(shape(&tree), ["top@p 1", "a@own 7", "c@p 4"]);
        tree.attached(&a, Some(&FrameId::from("top")), &session);
        tree.session_ended(&own);
        assert_eq!(shape(&tree), ["top@p 1", "a@p 7", "c@p 4"]);
    }

    #[test]
    fn a_process_that_ends_takes_its_frames_and_what_is_in_them() {
        let (mut tree, session) = tree();
        let own = SessionId::from("own");
        tree.attached(&FrameId::from("a"), None, &own);
        tree.attached(&FrameId::from("d"), Some(&FrameId::from("a")), &own);
        tree.session_ended(&own);
        assert_eq!(shape(&tree), ["top@p 1", "c@p 4"]);
        tree.removed(&FrameId::from("c"));
        tree.attached(&FrameId::from("e"), Some(&FrameId::from("c")), &session);
        assert_eq!(shape(&tree), ["top@p 1"]);
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn what_was_asked_for_does_not_overrule_what_was_told_meanwhile() {
        let (mut tree, session) = tree();
        tree.navigated(&described("top", None, "9"), &session);
        tree.learn(&json!({ "frame": described("top", None, "1") }), &session);
        assert_eq!(shape(&tree), ["top@p 9"]);
        tree.learn_anew(&json!({ "frame": described("top", None, "10") }), &session);
        assert_eq!(shape(&tree), ["top@p 10"]);
    }
}
