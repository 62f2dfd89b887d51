//! Telling an endpoint that takes no images from one that dislikes a certain image.

use serde_json::{Map, Value};

use super::Lesson;
use super::learn::REFUSALS;
use crate::rejection::Rejection;

/// A complaint that images are not taken at all. One about the size or the format of an image teaches nothing.
pub(super) fn images(rejection: &Rejection, body: &Map<String, Value>) -> Option<Lesson> {
    let messages = body.get("messages")?.as_array()?;
    let has_images = messages.iter().any(|message| message["content"].is_array());
    let names_them = rejection.says(&[
        "image",
        "vision",
        "multimodal",
        "multi-modal",
        "mmproj",
        "content part",
    ]);
    // Many servers only say that a content has to be a string and not a list.
    let is_about_form = rejection.says(&["content"])
        && rejection.says(&["string"])
        && rejection.says(&["array", "sequence", "list"]);
    let is_refused = rejection.reasons(&REFUSALS)
        || rejection.reasons(&[
            "is not a multimodal",
            "not a vision",
            "only text",
            "text only",
            "expected `text`",
            "expected 'text'",
            "cannot read",
            "no endpoints found",
            "at most 0 image",
        ]);
    let is_about_one = rejection.says(&[
        "too large",
        "exceed",
        "pixels",
        "dimension",
        "format",
        "media type",
        "could not process",
        "decode",
        "download",
    ]);
    let taught = (names_them && is_refused && !is_about_one) || is_about_form;
    (has_images && taught).then_some(Lesson::NoImages)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn learned(message: &str, body: &Value) -> Option<Lesson> {
        let rejection = Rejection {
            status: 400,
            message: message.to_owned(),
            said: message.to_lowercase(),
            ..Rejection::default()
        };
        images(&rejection, body.as_object().unwrap())
    }

    #[test]
    fn an_endpoint_that_takes_no_images_is_told_from_one_that_dislikes_an_image() {
        let with = json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]});
        let without = json!({"messages": [{"role": "user", "content": "x"}]});
        for message in [
            "m-test is not a multimodal model",
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            "messages[3]: unknown variant `image_url`, expected `text`",
            "No endpoints found that support image input",
            "Invalid type for 'messages[3].content': expected a string, but got an array instead.",
            "messages[3].content: invalid type: sequence, expected a string at line 1 column 99",
            "json: cannot unmarshal array into Go struct field message.content of type string",
            "At most 0 image(s) may be provided in one prompt.",
            "This model does not support vision",
        ] {
            assert_eq!(learned(message, &with), Some(Lesson::NoImages), "{message}");
            assert_eq!(learned(message, &without), None, "{message}");
        }
        for message in [
            "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
            "Could not process image",
            "Unsupported image format",
            "context length exceeded",
            "messages[2].content must be a valid string, not null",
        ] {
            assert_eq!(learned(message, &with), None, "{message}");
        }
    }
}
