//! Keeping the start and the end of what a program prints, and counting the rest.

use std::collections::VecDeque;
use std::io::{self, Read};

/// What was kept of one output stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// Its start; all of it if nothing was left out.
    pub head: Vec<u8>,
    /// How many bytes were left out after the start.
    pub left_out: u64,
    /// Its end, if something was left out.
    pub tail: Vec<u8>,
}

impl Captured {
    /// The text, with a notice where something was left out. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if self.left_out == 0 {
            // Cutting where nothing was left out could split a letter.
            let mut whole = self.head.clone();
            whole.extend_from_slice(&self.tail);
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let tail = String::from_utf8_lossy(&self.tail);
        format!("{head}\n[... {} bytes left out ...]\n{tail}", self.left_out)
    }
}

/// A stream that is being read.
#[derive(Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
}

impl Capture {
    pub fn new(kept_bytes: u64) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            half: usize::try_from(kept_bytes / 2).unwrap_or(usize::MAX),
            total: 0,
        }
    }

    /// How much was printed so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes what is there now. `false` at the stream's end.
    pub fn fill(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        let mut buffer = [0_u8; 16 * 1024];
        match stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.push(buffer.get(..read).unwrap_or_default());
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total = self
            .total
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
    }

    pub fn finish(self) -> Captured {
        let kept = u64::try_from(self.head.len() + self.tail.len()).unwrap_or(u64::MAX);
        Captured {
            head: self.head,
            left_out: self.total.saturating_sub(kept),
            tail: self.tail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(kept: u64, parts: &[&str]) -> Captured {
        let mut capture = Capture::new(kept);
        for part in parts {
            capture.push(part.as_bytes());
        }
        capture.finish()
    }

    #[test]
    fn short_output_is_kept_whole_across_both_halves() {
        assert_eq!(captured(10, &["abcdef", "ghi"]).text(), "abcdefghi");
    }

    #[test]
    fn of_long_output_the_start_and_the_end_are_kept_and_the_rest_is_counted() {
        let got = captured(6, &["abc", "defg", "hij"]);
        assert_eq!(
            got,
            Captured {
                head: b"abc".to_vec(),
                left_out: 4,
                tail: b"hij".to_vec()
            }
        );
        assert_eq!(got.text(), "abc\n[... 4 bytes left out ...]\nhij");
    }
}
