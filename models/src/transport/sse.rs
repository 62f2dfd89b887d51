//! Server-sent events, read from any split of the bytes.
//!
//! Line ends may be LF, CRLF or CR; comments vanish. What an event means is decided elsewhere.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// The value of its `event` line; empty if there was none.
    pub(crate) name: String,
    /// Its `data` lines, joined by line feeds.
    pub(crate) data: Vec<u8>,
}

/// An event is larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Turns bytes into events.
#[derive(Debug)]
pub(crate) struct SseParser {
    bytes_max: usize,
    line: Vec<u8>,
    after_carriage_return: bool,
    name: String,
    data: Option<Vec<u8>>,
}

impl SseParser {
    /// A parser that refuses events above `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_carriage_return: false,
            name: String::new(),
            data: None,
        }
    }

    /// Takes bytes as they came and gives the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLarge> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_carriage_return = std::mem::take(&mut self.after_carriage_return);
            match byte {
                b'\n' if after_carriage_return => {}
                b'\n' => events.extend(self.end_line()),
                b'\r' => {
                    events.extend(self.end_line());
                    self.after_carriage_return = true;
                }
                _ => self.line.push(byte),
            }
            let held = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
            if held > self.bytes_max {
                return Err(TooLarge);
            }
        }
        Ok(events)
    }

    /// The event that was under way when the stream ended, if any. The caller decides whether it is whole.
    pub(crate) fn finish(mut self) -> Option<SseEvent> {
        let last = if self.line.is_empty() {
            None
        } else {
            self.end_line()
        };
        last.or_else(|| self.end_event())
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            // Comments, ids and retry hints.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<SseEvent> {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take()?;
        Some(SseEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const STREAM: &[u8] =
        b": hi\n\ndata:{\"a\":\r\ndata: 1}\r\n\r\nevent: error\rdata: x\r\rid: 7\n\ndata: \xc3\xa9\n\ndata: [DONE]";

    fn all(chunk: usize) -> Vec<(String, Vec<u8>)> {
        let mut parser = SseParser::new(100);
        let mut events = Vec::new();
        for bytes in STREAM.chunks(chunk) {
            events.extend(parser.push(bytes).unwrap());
        }
        events.extend(parser.finish());
        events
            .into_iter()
            .map(|event| (event.name, event.data))
            .collect()
    }

    #[test]
    fn every_split_of_the_bytes_gives_the_same_events() {
        let whole = all(STREAM.len());
        let expected = [
            ("", &b"{\"a\":\n1}"[..]),
            ("error", b"x"),
            ("", "é".as_bytes()),
            ("", b"[DONE]"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, data)| ((*name).to_owned(), data.to_vec()))
            .collect();
        assert_eq!(whole, expected);
        for chunk in 1..STREAM.len() {
            assert_eq!(all(chunk), whole, "chunks of {chunk}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = SseParser::new(10);
        assert_eq!(parser.push(b"data: 0123456789"), Err(TooLarge));
    }
}
