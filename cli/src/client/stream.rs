//! Reading of Server-Sent Events.

use anyhow::Result;
use egress::Response;
use serde_json::Value;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its name.
    pub event: String,
    /// Its data.
    pub data: Value,
}

/// A stream that is being read.
pub struct Follow {
    response: Response,
    buffer: Vec<u8>,
}

impl Follow {
    pub fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(frame) = frame(&String::from_utf8_lossy(&block)) {
                    return Ok(Some(frame));
                }
                continue;
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// The event in one block of lines; comments and settings have none.
fn frame(block: &str) -> Option<Frame> {
    let field = |name: &str| {
        let lines = block
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let values: Vec<&str> = lines
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let data = field("data")?;
    Some(Frame {
        event: field("event").unwrap_or_default(),
        data: serde_json::from_str(&data).unwrap_or(Value::from(data)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_a_comment_is_not() {
        let read = frame("id: 3\nevent: note.added\ndata: {\"seq\": 3}\n\n");
        assert_eq!(
            read,
            Some(Frame {
                event: "note.added".into(),
                data: serde_json::json!({"seq": 3})
            })
        );
        assert_eq!(frame(": ping\n\n"), None);
        assert_eq!(frame("retry: 1000\n\n"), None);
    }
}
