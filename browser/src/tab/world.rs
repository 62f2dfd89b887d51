//! Scripts in our isolated world of each frame.
//!
//! A world is made when it is first needed and remembered with its document. The number of a world that is gone is
//! refused by the browser before anything ran, so making another one and trying again repeats nothing.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::Tab;
use crate::driver::{Argument, CallError, Frame, FrameId, Frames, Node, NodeHandle, Object};

/// The name of our world in the browser's tools, and of the group that our handles are in.
pub(crate) const NAME: &str = "errand";

impl Tab {
    /// Calls a method in the isolated world of a frame. `params` gets the number of the world under `key`.
    async fn in_world(
        &self,
        frame: &Frame,
        method: &'static str,
        key: &str,
        mut params: Value,
    ) -> Result<Value, CallError> {
        let mut tried_again = false;
        loop {
            let world = self.world(frame).await?;
            params[key] = world.into();
            let answer = self
                .inner
                .call_session(&frame.session, method, params.clone())
                .await;
            match answer {
                Err(CallError::Refused { message, .. })
                    if !tried_again && is_lost_world(&message) =>
                {
                    tried_again = true;
                    self.known(|tab| tab.worlds.remove(&frame.id))?;
                }
                answer => return answer,
            }
        }
    }

    async fn world(&self, frame: &Frame) -> Result<i64, CallError> {
        let known = self.known(|tab| {
            let now = tab
                .frames
                .get(&frame.id)
                .ok_or(CallError::Gone("the frame"))?;
            if now.document != frame.document || now.session != frame.session {
                return Err(CallError::Gone("the document"));
            }
            let known = tab
                .worlds
                .get(&frame.id)
                .filter(|(document, _)| *document == frame.document);
            Ok(known.map(|(_, world)| *world))
        })??;
        if let Some(world) = known {
            return Ok(world);
        }
        let wanted = json!({ "frameId": frame.id.as_str(), "worldName": NAME });
        let method = "Page.createIsolatedWorld";
        let answer = self
            .inner
            .call_session(&frame.session, method, wanted)
            .await?;
        let world = answer["executionContextId"]
            .as_i64()
            .ok_or(CallError::Gone("the document"))?;
        self.known(|tab| {
            let is_shown = tab
                .frames
                .get(&frame.id)
                .is_some_and(|now| now.document == frame.document);
            if is_shown {
                tab.worlds
                    .insert(frame.id.clone(), (frame.document.clone(), world));
            }
            is_shown
                .then_some(world)
                .ok_or(CallError::Gone("the document"))
        })?
    }

    /// The frame as it is now.
    pub(crate) fn frame(&self, id: &FrameId) -> Result<Frame, CallError> {
        self.known(|tab| tab.frames.get(id).cloned())?
            .ok_or(CallError::Gone("the frame"))
    }

    /// Calls a function of ours with `this` as the object, and gives back the protocol's `RemoteObject`.
    async fn call_on(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
        by_value: bool,
    ) -> Result<Value, CallError> {
        let arguments: Vec<Value> = arguments.into_iter().map(described).collect();
        let call = json!({
            "objectId": this.id, "functionDeclaration": function, "arguments": arguments,
            "returnByValue": by_value, "awaitPromise": true, "objectGroup": NAME,
        });
        let answer = self
            .inner
            .call_session(&this.session, "Runtime.callFunctionOn", call)
            .await;
        result_of(answer.map_err(lost_as_gone)?)
    }
}

fn described(argument: Argument) -> Value {
    match argument {
        Argument::Value(value) => json!({ "value": value }),
        Argument::Object(object) => json!({ "objectId": object.id }),
    }
}

fn is_lost_world(message: &str) -> bool {
    message.contains("Cannot find context") || message.contains("uniqueContextId not found")
}

/// Handles, nodes and worlds whose document is gone are refused in many words.
fn lost_as_gone(error: CallError) -> CallError {
    const WORDS: [&str; 7] = [
        "Could not find object with given id",
        "Cannot find context",
        "Execution context was destroyed",
        "Inspected target navigated or closed",
        "No node with given id",
        "Could not find node with given id",
        "Node with given id does not belong to the document",
    ];
    let is_gone = |message: &str| WORDS.iter().any(|words| message.contains(words));
    if matches!(&error, CallError::Refused { message, .. } if is_gone(message)) {
        return CallError::Gone("the element");
    }
    error
}

/// The protocol's `RemoteObject` in an answer, or what was thrown.
fn result_of(mut answer: Value) -> Result<Value, CallError> {
    let thrown = &answer["exceptionDetails"];
    if thrown.is_null() {
        return Ok(answer["result"].take());
    }
    let described = thrown["exception"]["description"].as_str();
    let text = described
        .or_else(|| thrown["text"].as_str())
        .unwrap_or_default();
    // The first line says what; the others are places in scripts of ours.
    Err(CallError::Script(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn object_in(
    frame: &FrameId,
    session: &crate::driver::SessionId,
    remote: &Value,
) -> Result<Object, CallError> {
    let id = remote["objectId"].as_str();
    let id = id.ok_or_else(|| {
        CallError::Script(format!("the value is no object but {}", remote["type"]))
    })?;
    Ok(Object {
        frame: frame.clone(),
        session: session.clone(),
        id: id.to_owned(),
    })
}

#[async_trait]
impl Frames for Tab {
    fn frames(&self) -> Vec<Frame> {
        self.known(|tab| tab.frames.list()).unwrap_or_default()
    }

    async fn evaluate(&self, frame: &Frame, script: &str) -> Result<Value, CallError> {
        let call = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let answer = self
            .in_world(frame, "Runtime.evaluate", "contextId", call)
            .await;
        Ok(result_of(answer.map_err(lost_as_gone)?)?["value"].take())
    }

    async fn evaluate_object(&self, frame: &Frame, script: &str) -> Result<Object, CallError> {
        let call = json!({ "expression": script, "awaitPromise": true, "objectGroup": NAME });
        let answer = self
            .in_world(frame, "Runtime.evaluate", "contextId", call)
            .await;
        let remote = result_of(answer.map_err(lost_as_gone)?)?;
        object_in(&frame.id, &frame.session, &remote)
    }

    async fn call_function(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Value, CallError> {
        let mut remote = self.call_on(this, function, arguments, true).await?;
        Ok(remote["value"].take())
    }

    async fn call_function_object(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Object, CallError> {
        let remote = self.call_on(this, function, arguments, false).await?;
        object_in(&this.frame, &this.session, &remote)
    }

    async fn resolve(&self, node: &NodeHandle) -> Result<Object, CallError> {
        let frame = self.frame(&node.frame)?;
        if frame.session != node.session {
            return Err(CallError::Gone("the element"));
        }
        let backend = match &node.node {
            Node::Backend(number) => *number,
            Node::Object(id) => {
                return Ok(Object {
                    frame: frame.id,
                    session: frame.session,
                    id: id.clone(),
                });
            }
        };
        let wanted = json!({ "backendNodeId": backend, "objectGroup": NAME });
        let answer = self
            .in_world(&frame, "DOM.resolveNode", "executionContextId", wanted)
            .await;
        let answer = answer.map_err(lost_as_gone)?;
        // A node of another document is nothing in this one.
        object_in(&frame.id, &frame.session, &answer["object"])
            .map_err(|_| CallError::Gone("the element"))
    }

    async fn describe(
        &self,
        node: &NodeHandle,
        depth: i32,
        pierce: bool,
    ) -> Result<Value, CallError> {
        let mut wanted = json!({ "depth": depth, "pierce": pierce });
        match &node.node {
            Node::Backend(number) => wanted["backendNodeId"] = (*number).into(),
            Node::Object(id) => wanted["objectId"] = id.as_str().into(),
        }
        let answer = self
            .inner
            .call_session(&node.session, "DOM.describeNode", wanted)
            .await;
        Ok(answer.map_err(lost_as_gone)?["node"].take())
    }

    async fn release(&self, object: &Object) {
        let released = self
            .inner
            .call_session(
                &object.session,
                "Runtime.releaseObject",
                json!({ "objectId": object.id }),
            )
            .await;
        if let Err(error) = released {
            tracing::debug!(%error, "a handle in a page");
        }
    }
}
