//! The bytes of the images that go with a question.

use std::sync::Arc;

use agent_core::image::{ImageBytes, sent};
use agent_core::ports::model::{Message, ModelRole};
use tracing::warn;

use crate::context::Context;

/// Fetches the images that go with a question, but for those that are held from the question before. A model that does not
/// see gets none. One that cannot be had does not hold the step up: the model is told that it was not sent.
pub async fn fetch(context: &Context, messages: &[Message], held: &ImageBytes) -> ImageBytes {
    let mut images = ImageBytes::new();
    if !context.parts.models.sees_images(ModelRole::Executor) {
        return images;
    }
    for hash in sent(messages) {
        let bytes = if let Some(bytes) = held.get(hash) {
            Ok(Arc::clone(bytes))
        } else {
            let bytes = context.parts.blobs.get(&context.claim.tenant, hash).await;
            bytes.map(Arc::from)
        };
        match bytes {
            Ok(bytes) => {
                images.insert(hash.clone(), bytes);
            }
            Err(error) => warn!(%error, "an image could not be sent to the model"),
        }
    }
    images
}
