//! Scrolling: the page or what scrolls in the middle of it, and elements into view.

use serde_json::{Value, json};

use super::ActError;
use crate::driver::{Argument, CallError, Frames, NodeHandle};
use crate::tab::Tab;

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards the top.
    Up,
    /// Towards the end.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

impl Direction {
    fn signs(self) -> (i8, i8) {
        match self {
            Self::Up => (0, -1),
            Self::Down => (0, 1),
            Self::Left => (-1, 0),
            Self::Right => (1, 0),
        }
    }
}

/// Scrolls by most of a view. From the element outwards, what can go further that way goes; true if anything did.
const SCROLL: &str = "function (x, y) {
    const start = this.nodeType === Node.ELEMENT_NODE ? this : document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    const page = document.scrollingElement ?? document.documentElement;
    const outer = element => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host;
    for (let element = start ?? page; element; element = outer(element)) {
        const style = getComputedStyle(element), flow = x ? style.overflowX : style.overflowY;
        if (element !== page && !['auto', 'scroll'].includes(flow)) continue;
        const before = [element.scrollLeft, element.scrollTop];
        const width = element === page ? innerWidth : element.clientWidth;
        const height = element === page ? innerHeight : element.clientHeight;
        element.scrollBy({ left: x * width * 0.85, top: y * height * 0.85, behavior: 'instant' });
        if (element.scrollLeft !== before[0] || element.scrollTop !== before[1]) return true;
    }
    return false;
}";

const INTO_VIEW: &str = "function () {
    const element = this.nodeType === Node.ELEMENT_NODE ? this : this.parentElement;
    element?.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
}";

impl Tab {
    /// Scrolls by most of a view: what the element lies in, or without one what lies in the middle of the view. False if nothing goes
    /// any further that way.
    pub async fn scroll(
        &self,
        node: Option<&NodeHandle>,
        direction: Direction,
    ) -> Result<bool, ActError> {
        let start = if let Some(node) = node {
            self.resolve(node).await?
        } else {
            let top = self.known(|tab| tab.frames.top().cloned())?;
            let top = top.ok_or(CallError::Gone("the page"))?;
            self.evaluate_object(&top, "document").await?
        };
        self.bring_to_front().await?;
        let (x, y) = direction.signs();
        let arguments = [x, y].map(|sign| Argument::Value(json!(sign)));
        let moved = self.call_function(&start, SCROLL, arguments.into()).await?;
        match node {
            Some(node) => self.let_go(node, &start).await,
            None => self.release(&start).await,
        }
        Ok(moved == Value::Bool(true))
    }

    /// Brings an element into view.
    pub async fn scroll_to(&self, node: &NodeHandle) -> Result<(), ActError> {
        let element = self.resolve(node).await?;
        self.call_function(&element, INTO_VIEW, Vec::new()).await?;
        self.let_go(node, &element).await;
        Ok(())
    }
}
