//! What a program in the background printed: its end is kept in memory, all of it on disk once it is more than that, and what nobody has
//! read yet is known.

use std::collections::VecDeque;

use super::output::{Captured, Keeping, Storing};

/// How much is searched for a text, twice the largest piece that is read at once: a program that prints megabytes must not
/// have all of them searched again and again.
const LOOKED_AT: usize = 32 * 1024;

/// The output of a program that goes on.
#[derive(Debug)]
pub struct Transcript {
    kept: VecDeque<u8>,
    kept_bytes_max: usize,
    keeping: Keeping,
    storing: Storing,
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

/// The start and the end of output that was not read before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// Its start.
    pub head: Vec<u8>,
    /// How many bytes are between them.
    pub left_out: u64,
    /// Its end.
    pub tail: Vec<u8>,
}

impl Transcript {
    /// Keeps and stores as much as that says.
    pub(super) fn new(keeping: Keeping) -> Self {
        Self {
            kept: VecDeque::new(),
            kept_bytes_max: usize::try_from(keeping.kept_bytes).unwrap_or(usize::MAX),
            keeping,
            storing: Storing::default(),
            total: 0,
            read: 0,
        }
    }

    /// Takes what was printed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(count(bytes.len()));
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(self.kept_bytes_max);
        match self.storing {
            Storing::NotYet if over > 0 => {
                self.storing = Storing::begin(&self.keeping);
                let (first, second) = self.kept.as_slices();
                self.storing.write(first);
                self.storing.write(second);
            }
            Storing::NotYet | Storing::Never => {}
            Storing::To(..) => self.storing.write(bytes),
        }
        self.kept.drain(..over);
    }

    /// All of it so far, as far as it is kept.
    pub fn so_far(&self) -> Captured {
        if matches!(self.storing, Storing::NotYet) {
            return Captured {
                head: self.kept.iter().copied().collect(),
                ..Captured::default()
            };
        }
        Captured {
            left_out: self.total,
            stored: self.storing.so_far(),
            ..Captured::default()
        }
    }

    /// Lets go of what is stored. What is kept can be read as before.
    pub fn forget_stored(&mut self) {
        self.storing = Storing::Never;
    }

    /// How much was printed.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How much of it was not read.
    pub fn unread(&self) -> u64 {
        self.total - self.read
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

    /// The start and the end of what was not read, at most so many bytes together; all of it counts as read from here on.
    pub fn take_ends(&mut self, bytes_max: usize) -> Ends {
        let (unread, half) = (self.unread(), bytes_max / 2);
        let skipped = self.kept.iter().skip(self.skipped());
        if unread <= count(bytes_max) && unread <= count(self.kept.len()) {
            let head = skipped.copied().collect();
            self.read = self.total;
            return Ends {
                head,
                ..Ends::default()
            };
        }
        let first_kept = self.total - count(self.kept.len());
        let head: Vec<u8> = if self.read >= first_kept {
            skipped.take(half).copied().collect()
        } else {
            self.storing.read_at(self.read, half)
        };
        let after_head = unread - count(head.len());
        let most = half.min(self.kept.len());
        let tail = most.min(usize::try_from(after_head).unwrap_or(usize::MAX));
        let tail: Vec<u8> = self.kept.range(self.kept.len() - tail..).copied().collect();
        self.read = self.total;
        Ends {
            left_out: after_head - count(tail.len()),
            head,
            tail,
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

    /// One that keeps so many bytes in memory, and stores so many.
    fn storing(kept_bytes: u64, stored_bytes_max: u64) -> Transcript {
        Transcript::new(Keeping {
            kept_bytes,
            stored_bytes_max,
            folder: std::env::temp_dir(),
        })
    }

    fn ends(head: &str, left_out: u64, tail: &str) -> Ends {
        Ends {
            head: head.into(),
            left_out,
            tail: tail.into(),
        }
    }

    fn whole(transcript: &Transcript) -> Option<String> {
        let whole = transcript.so_far().whole().ok().flatten()?;
        String::from_utf8(whole).ok()
    }

    #[test]
    fn all_of_it_is_had_while_more_is_printed_also_when_little_of_it_is_in_memory() {
        let mut transcript = storing(4, 100);
        transcript.push(b"abc");
        assert_eq!(whole(&transcript).as_deref(), Some("abc"));
        transcript.push(b"defgh");
        assert_eq!(whole(&transcript).as_deref(), Some("abcdefgh"));
        transcript.push(b"ij");
        assert_eq!(whole(&transcript).as_deref(), Some("abcdefghij"));
        assert_eq!(transcript.take_ends(6), ends("abc", 4, "hij"));
        assert_eq!(transcript.take_ends(6), ends("", 0, ""));
        transcript.push(b"klmnopq");
        assert_eq!(transcript.take_ends(4), ends("kl", 3, "pq"));
        transcript.forget_stored();
        assert_eq!(whole(&transcript), None);
    }

    #[test]
    fn of_what_was_not_stored_the_end_is_left() {
        let mut transcript = storing(4, 0);
        transcript.push(b"abcdefgh");
        assert_eq!(whole(&transcript), None);
        assert_eq!(transcript.take_ends(6), ends("", 5, "fgh"));
        let mut transcript = storing(4, 6);
        transcript.push(b"abcdefgh");
        assert_eq!(whole(&transcript).as_deref(), Some("abcdef"));
        assert_eq!(transcript.so_far().total(), 8);
    }

    #[test]
    fn what_fits_is_not_cut() {
        let mut transcript = storing(100, 100);
        transcript.push(b"abcdefgh");
        assert_eq!(transcript.take_unread(2), unread(0, "ab", 6));
        assert_eq!(transcript.take_ends(6), ends("cdefgh", 0, ""));
        transcript.push(b"abcdefgh");
        assert_eq!(transcript.take_ends(6), ends("abc", 2, "fgh"));
    }

    fn unread(lost: u64, bytes: &str, left: u64) -> Unread {
        Unread {
            lost,
            bytes: bytes.into(),
            left,
        }
    }

    #[test]
    fn each_byte_is_read_once_and_a_part_at_a_time() {
        let mut transcript = storing(100, 0);
        transcript.push(b"abcdef");
        assert_eq!(transcript.take_unread(4), unread(0, "abcd", 2));
        transcript.push(b"gh");
        assert!(transcript.unread_contains("efgh") && !transcript.unread_contains("abcd"));
        assert_eq!(transcript.take_unread(4), unread(0, "efgh", 0));
        assert_eq!(transcript.take_unread(4), unread(0, "", 0));
        assert_eq!(transcript.unread(), 0);
    }

    #[test]
    fn what_was_dropped_before_it_was_read_is_counted() {
        let mut transcript = storing(4, 0);
        transcript.push(b"abcdefgh");
        assert_eq!(transcript.take_unread(10), unread(4, "efgh", 0));
        transcript.push(b"ijklmno");
        assert_eq!(transcript.take_unread(2), unread(3, "lm", 2));
        assert_eq!(transcript.total(), 15);
    }

    #[test]
    fn a_text_is_looked_for_at_the_end_of_what_came() {
        let mut transcript = storing(1_000_000, 0);
        transcript.push(b"early");
        assert!(transcript.unread_contains("early"));
        transcript.push(&vec![b'x'; LOOKED_AT]);
        transcript.push(b" late");
        assert!(transcript.unread_contains("late") && !transcript.unread_contains("early"));
    }

    #[test]
    fn a_letter_is_not_split_between_two_reads() {
        let mut transcript = storing(100, 0);
        transcript.push("aäb".as_bytes());
        assert_eq!(transcript.take_unread(2), unread(0, "a", 3));
        assert_eq!(transcript.take_unread(2), unread(0, "ä", 1));
    }
}
