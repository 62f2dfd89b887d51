//! Closed shadow roots: what is in them is drawn like all else, but no script is given it. The debugger is asked about the few elements
//! that may have one.

use serde_json::Value;

use crate::{Argument, CallError, Frame, Frames, Node, NodeHandle, Object};

use super::script::{ADOPT, HOSTS};

/// An entry of a list.
const ENTRY: &str = "function (at) { return this[at]; }";

/// Makes the closed roots known that were noted in a frame by a look, at most `count`. Tells whether there was one.
pub(super) async fn adopt(
    frames: &dyn Frames,
    frame: &Frame,
    count: u64,
) -> Result<bool, CallError> {
    let hosts = frames.evaluate_object(frame, HOSTS).await?;
    let mut found = false;
    for at in 0..count {
        let at = Argument::Value(at.into());
        let Ok(host) = frames.call_function_object(&hosts, ENTRY, vec![at]).await else {
            break;
        };
        found |= adopt_of(frames, &host).await?;
        frames.release(&host).await;
    }
    frames.release(&hosts).await;
    Ok(found)
}

/// Makes the closed root of an element known, if it has one.
async fn adopt_of(frames: &dyn Frames, host: &Object) -> Result<bool, CallError> {
    let handle = |node: Node| NodeHandle {
        frame: host.frame.clone(),
        session: host.session.clone(),
        node,
    };
    let of_host = handle(Node::Object(host.id.clone()));
    let described = frames.describe(&of_host, 0, false).await?;
    let roots = described.get("shadowRoots").and_then(Value::as_array);
    let closed = roots
        .into_iter()
        .flatten()
        .find(|root| root.get("shadowRootType").and_then(Value::as_str) == Some("closed"));
    let number = closed.and_then(|root| root.get("backendNodeId")?.as_i64());
    let Some(number) = number else {
        return Ok(false);
    };
    let root = frames.resolve(&handle(Node::Backend(number))).await?;
    let adopted = frames.call_function(&root, ADOPT, Vec::new()).await;
    frames.release(&root).await;
    adopted.map(|_| true)
}
