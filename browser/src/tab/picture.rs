//! Pictures of a tab: what is seen of its page as JPEG, and the whole of it as PDF.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Tab;
use crate::driver::CallError;

/// How good a JPEG is, of 100. Text stays readable, and a page takes 17 to 130 kB.
const QUALITY: u32 = 60;

/// How many bytes of a PDF are asked for at once.
const PIECE_BYTES: u32 = 1 << 20;

impl Tab {
    /// What is seen of the page, as JPEG. Brings the tab to the front, since a hidden page is not painted.
    pub async fn screenshot(&self) -> Result<Vec<u8>, CallError> {
        let session = self.session()?;
        self.bring_to_front().await?;
        let method = "Page.captureScreenshot";
        let wanted = json!({ "format": "jpeg", "quality": QUALITY, "optimizeForSpeed": true });
        let within = self.inner.options.limits.screenshot;
        let answer = self
            .inner
            .call_within(&session, method, wanted, within)
            .await?;
        decoded(method, answer["data"].as_str().unwrap_or_default())
    }

    /// The whole page as PDF, of at most so many bytes.
    pub async fn pdf(&self, bytes_max: usize) -> Result<Vec<u8>, CallError> {
        let session = self.session()?;
        let wanted = json!({ "printBackground": true, "transferMode": "ReturnAsStream" });
        let within = self.inner.options.limits.pdf;
        let answer = self
            .inner
            .call_within(&session, "Page.printToPDF", wanted, within)
            .await?;
        let read = self.read_stream(&answer["stream"], bytes_max).await;
        self.call("IO.close", json!({ "handle": answer["stream"] }))
            .await?;
        read
    }

    async fn read_stream(
        &self,
        stream: &serde_json::Value,
        bytes_max: usize,
    ) -> Result<Vec<u8>, CallError> {
        let method = "IO.read";
        let mut bytes = Vec::new();
        loop {
            let piece = self
                .call(method, json!({ "handle": stream, "size": PIECE_BYTES }))
                .await?;
            let data = piece["data"].as_str().unwrap_or_default();
            if piece["base64Encoded"] == true {
                bytes.extend(decoded(method, data)?);
            } else {
                bytes.extend_from_slice(data.as_bytes());
            }
            if bytes.len() > bytes_max {
                let detail = format!("it has more than {bytes_max} bytes");
                return Err(CallError::Unreadable { method, detail });
            }
            if piece["eof"] != false {
                return Ok(bytes);
            }
        }
    }
}

pub(super) fn decoded(method: &'static str, data: &str) -> Result<Vec<u8>, CallError> {
    let unreadable = |error: base64::DecodeError| CallError::Unreadable {
        method,
        detail: error.to_string(),
    };
    STANDARD.decode(data).map_err(unreadable)
}
