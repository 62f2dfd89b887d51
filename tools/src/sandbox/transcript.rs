//! What a program in the background printed: its end is kept, the rest is counted, and what nobody has read yet is known.

use std::collections::VecDeque;

/// How much is searched for a text, twice the largest piece that is read at once: a program that prints megabytes must not
/// have all of them searched again and again.
const LOOKED_AT: usize = 32 * 1024;

/// The output of a program that goes on.
#[derive(Debug, Default)]
pub struct Transcript {
    kept: VecDeque<u8>,
    kept_bytes_max: usize,
    /// All that was printed.
    total: u64,
    /// How much of it was read.
    read: u64,
}

/// Output that was not read before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unread {
    /// How many bytes were printed before it that nobody read and that are gone.
    pub lost: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many more there are.
    pub left: u64,
}

impl Transcript {
    /// Keeps at most so many bytes.
    pub fn new(kept_bytes_max: u64) -> Self {
        Self {
            kept_bytes_max: usize::try_from(kept_bytes_max).unwrap_or(usize::MAX),
            ..Self::default()
        }
    }

    /// Takes what was printed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(count(bytes.len()));
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(self.kept_bytes_max);
        self.kept.drain(..over);
    }

    /// How much was printed.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether there is something that was not read.
    pub fn has_unread(&self) -> bool {
        self.read < self.total
    }

    /// Whether a text is in the last of what was not read. It is asked after each piece that came, so no text is missed that is
    /// shorter than half of what is looked at.
    pub fn unread_contains(&self, text: &str) -> bool {
        let first = self
            .skipped()
            .max(self.kept.len().saturating_sub(LOOKED_AT));
        let unread: Vec<u8> = self.kept.iter().skip(first).copied().collect();
        String::from_utf8_lossy(&unread).contains(text)
    }

    /// The next bytes that were not read, at most so many; they count as read from here on. A letter is not split unless
    /// it is all that there is.
    pub fn take_unread(&mut self, bytes_max: usize) -> Unread {
        let first_kept = self.total - count(self.kept.len());
        let lost = first_kept.saturating_sub(self.read);
        let mut bytes: Vec<u8> = self
            .kept
            .iter()
            .skip(self.skipped())
            .take(bytes_max)
            .copied()
            .collect();
        if let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
            && error.valid_up_to() > 0
        {
            bytes.truncate(error.valid_up_to());
        }
        self.read = first_kept.max(self.read) + count(bytes.len());
        Unread {
            lost,
            left: self.total - self.read,
            bytes,
        }
    }

    /// How many of the kept bytes were read.
    fn skipped(&self) -> usize {
        let first_kept = self.total - count(self.kept.len());
        usize::try_from(self.read.saturating_sub(first_kept)).unwrap_or(usize::MAX)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(lost: u64, bytes: &str, left: u64) -> Unread {
        Unread {
            lost,
            bytes: bytes.into(),
            left,
        }
    }

    #[test]
    fn each_byte_is_read_once_and_a_part_at_a_time() {
        let mut transcript = Transcript::new(100);
        transcript.push(b"abcdef");
        assert_eq!(transcript.take_unread(4), unread(0, "abcd", 2));
        transcript.push(b"gh");
        assert!(transcript.unread_contains("efgh") && !transcript.unread_contains("abcd"));
        assert_eq!(transcript.take_unread(4), unread(0, "efgh", 0));
        assert_eq!(transcript.take_unread(4), unread(0, "", 0));
        assert!(!transcript.has_unread());
    }

    #[test]
    fn what_was_dropped_before_it_was_read_is_counted() {
        let mut transcript = Transcript::new(4);
        transcript.push(b"abcdefgh");
        assert_eq!(transcript.take_unread(10), unread(4, "efgh", 0));
        transcript.push(b"ijklmno");
        assert_eq!(transcript.take_unread(2), unread(3, "lm", 2));
        assert_eq!(transcript.total(), 15);
    }

    #[test]
    fn a_text_is_looked_for_at_the_end_of_what_came() {
        let mut transcript = Transcript::new(1_000_000);
        transcript.push(b"early");
        assert!(transcript.unread_contains("early"));
        transcript.push(&vec![b'x'; LOOKED_AT]);
        transcript.push(b" late");
        assert!(transcript.unread_contains("late") && !transcript.unread_contains("early"));
    }

    #[test]
    fn a_letter_is_not_split_between_two_reads() {
        let mut transcript = Transcript::new(100);
        transcript.push("aäb".as_bytes());
        assert_eq!(transcript.take_unread(2), unread(0, "a", 3));
        assert_eq!(transcript.take_unread(2), unread(0, "ä", 1));
    }
}
