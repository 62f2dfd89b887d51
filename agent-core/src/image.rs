//! Images that a tool showed: what each is, and which of a history go with a question.
//!
//! A log and a history name images by their blobs; the bytes are fetched for the question that they go with, and only then.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::blob::{BlobHash, BlobRef};
use crate::ports::model::Message;

/// How many images go with a question. Each costs about as much as a long text, in every turn again.
pub const SENT_MAX: usize = 3;

/// The bytes of images by their blobs.
pub type ImageBytes = BTreeMap<BlobHash, Arc<[u8]>>;

/// An image that a call returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// Its content.
    pub blob: BlobRef,
    /// Its format: `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    pub media_type: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

impl ImageRef {
    /// What it is, in words: `image/png, 800 × 600 pixels, 12345 bytes`.
    pub fn describe(&self) -> String {
        format!(
            "{}, {} × {} pixels, {} bytes",
            self.media_type, self.width, self.height, self.blob.bytes
        )
    }
}

/// The images that go with a question: the last of its history, the newest first, none of them twice.
pub fn sent(messages: &[Message]) -> Vec<&BlobHash> {
    let mut sent: Vec<&BlobHash> = Vec::new();
    for message in messages.iter().rev() {
        let Message::Tool { images, .. } = message else {
            continue;
        };
        for image in images.iter().rev() {
            if sent.len() < SENT_MAX && !sent.contains(&&image.blob.hash) {
                sent.push(&image.blob.hash);
            }
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(texts: &[&str]) -> Message {
        let image = |text: &&str| ImageRef {
            blob: BlobRef {
                hash: BlobHash::of(text.as_bytes()),
                bytes: 12,
            },
            media_type: "image/png".to_owned(),
            width: 3,
            height: 2,
        };
        Message::Tool {
            call_id: "call".to_owned(),
            tool: "file_read".to_owned(),
            text: String::new(),
            images: texts.iter().map(image).collect(),
        }
    }

    #[test]
    fn the_last_images_of_a_history_are_sent_and_none_twice() {
        let history = [
            answer(&["a", "b"]),
            answer(&[]),
            answer(&["c", "d", "c"]),
            answer(&["d"]),
        ];
        let hashes = ["d", "c", "b"].map(|text| BlobHash::of(text.as_bytes()));
        assert_eq!(sent(&history), hashes.iter().collect::<Vec<_>>());
        assert_eq!(sent(&[answer(&[])]), Vec::<&BlobHash>::new());
    }
}
